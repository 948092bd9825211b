//! Keeps how long jobs took: writes what changed, and drops what nobody runs any more.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::daemon::{Change, Shared};
use crate::domain::JobName;
use crate::ports::Write;

/// How much of each job the store has.
#[derive(Debug, Default)]
pub(super) struct WrittenDurations(BTreeMap<JobName, u64>);

impl WrittenDurations {
    /// Adds to `change` what the store does not have yet. After a change that failed all of it is to be
    /// written anew ([`WrittenDurations::distrust`]).
    pub(super) fn write(&mut self, shared: &Shared, now: Timestamp, change: &mut Change) {
        let catalogue = shared.catalogue.load();
        let mut durations = shared.durations();
        for job in durations.forget(|job| catalogue.jobs.contains_key(job), now) {
            self.0.remove(&job);
            change.write(Write::Durations(job, None));
        }
        for (job, known) in &durations.jobs {
            if self.0.get(job) != Some(&known.seen()) {
                self.0.insert(job.clone(), known.seen());
                change.write(Write::Durations(job.clone(), Some(known.clone())));
            }
        }
    }

    /// Nothing is known of what the store has.
    pub(super) fn distrust(&mut self) {
        self.0.clear();
    }
}
