//! What a look teaches: of interruptions and troubles, and which attempts the ledger has to settle.

use jiff::Timestamp;

use super::{Findings, Watch};
use crate::daemon::ToSettle;
use crate::domain::{AttemptEnd, Pool};

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
                .record_starvation(now, now.duration_since(leg.intended_at));
        }
        for ToSettle { attempt: record, .. } in &ended {
            let ran = record.window().filter(|_| record.started_at.is_some());
            let Some(window) = ran else { continue };
            let pool = record.host.as_ref().map(|host| Pool {
                zone: host.zone.clone(),
                instance_type: host.instance_type.clone(),
            });
            let interrupted = record.end == Some(AttemptEnd::Interrupted);
            let environment =
                experience.environments.entry(record.environment.clone()).or_default();
            environment.record(window.duration(), pool, interrupted, now);
        }
        drop(experience);
        let revised = std::mem::take(&mut findings.revised).into_iter();
        let revised = revised.map(|attempt| ToSettle { attempt, may_have_a_line: true });
        self.shared.settling().extend(ended.into_iter().chain(revised));
    }
}
