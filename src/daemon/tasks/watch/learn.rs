//! What a look teaches: of interruptions and troubles, and which attempts the ledger has to settle.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Findings, Watch};
use crate::catalogue::Restart;
use crate::daemon::ToSettle;
use crate::domain::{AttemptEnd, InstanceType, Pool, Zone};
use crate::experience::FARGATE_SPOT;
use crate::run::{AttemptRecord, HostRecord, Run, worked_by_attempt, worked_by_run};

impl Watch {
    /// Takes down what a look at the last leg of `run` shows of how long its work takes: by the attempts that
    /// ended since the first `ended_before`, of all its `attempts`, and by the run if `next` is its end.
    pub(super) fn note_worked(
        &self,
        findings: &mut Findings,
        run: &Run,
        next: Option<&Run>,
        ended_before: usize,
        attempts: &[AttemptRecord],
        restart: Restart,
    ) {
        let Some(leg) = run.last_leg() else { return };
        let ended = findings.ended.iter().skip(ended_before);
        let by_attempts = ended.filter_map(|end| worked_by_attempt(&end.attempt, leg, restart));
        let by_run = next.and_then(|next| worked_by_run(run, next, attempts, restart));
        let worked = by_attempts.chain(by_run);
        let size = self.shared.input_size(run).known();
        findings.worked.extend(worked.map(|worked| (run.job.clone(), worked, size)));
    }

    /// Learns from what is durable now.
    pub(super) fn learn(&self, findings: &mut Findings, now: Timestamp) {
        let ended = std::mem::take(&mut findings.ended);
        let starved = &findings.starved;
        let mut experience = self.shared.experience();
        for leg in starved {
            experience
                .environments
                .entry(leg.environment.clone())
                .or_default()
                .record_starvation(now, now.duration_since(leg.intended_at));
        }
        for ToSettle { attempt: record, .. } in &ended {
            let ran = record.window().filter(|_| record.started_at.is_some());
            let Some(window) = ran else { continue };
            let interrupted = record.end == Some(AttemptEnd::Interrupted);
            let environment =
                experience.environments.entry(record.environment.clone()).or_default();
            let placed = record.host.as_ref().map(HostRecord::pool);
            environment.record(window, placed, interrupted, now);
            if let Some(pool) = watched_pool(record) {
                let hazards = Arc::make_mut(&mut experience.hazards);
                hazards.record(&record.site.account_region(), &pool, window, interrupted);
            }
        }
        drop(experience);
        let mut durations = self.shared.durations();
        for (job, worked, size) in std::mem::take(&mut findings.worked) {
            durations.record(&job, worked, size, now);
        }
        drop(durations);
        let revised = std::mem::take(&mut findings.revised).into_iter();
        let revised = revised.map(|attempt| ToSettle { attempt, may_have_a_line: true });
        self.shared.settling().extend(ended.into_iter().chain(revised));
    }
}

/// Whose capacity it saw. Fargate shows no instance, and its zone not always.
fn watched_pool(record: &AttemptRecord) -> Option<Pool> {
    if !record.capacity.is_interruptible() {
        return None;
    }
    if !record.capacity.is_fargate() {
        return record.host.as_ref().map(HostRecord::pool);
    }
    let zone = record.zone.clone().unwrap_or_else(|| Zone::new(record.site.region.as_str()));
    Some(Pool { zone, instance_type: InstanceType::from(FARGATE_SPOT) })
}
