//! What a look teaches: of interruptions and troubles, and which attempts the ledger has to settle.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Findings, Watch};
use crate::daemon::ToSettle;
use crate::domain::{AttemptEnd, InstanceType, Pool, Zone};
use crate::experience::FARGATE_SPOT;
use crate::run::{AttemptRecord, HostRecord};

impl Watch {
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
                .record_starvation(now);
        }
        for ToSettle { attempt: record, .. } in &ended {
            let ran = record.window().filter(|_| record.started_at.is_some());
            let Some(window) = ran else { continue };
            let interrupted = record.end == Some(AttemptEnd::Interrupted);
            let environment =
                experience.environments.entry(record.environment.clone()).or_default();
            let placed = record.host.as_ref().map(HostRecord::pool);
            environment.record(window.duration(), placed, interrupted, now);
            if let Some(pool) = watched_pool(record) {
                let hazards = Arc::make_mut(&mut experience.hazards);
                hazards.record(&record.site.account_region(), &pool, window, interrupted);
            }
        }
        drop(experience);
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
