//! What runs reserve of capacity that a commitment pays for.

use std::collections::BTreeMap;

use super::{Leg, Run, RunState};
use crate::catalogue::{Catalogue, Job};
use crate::domain::{EnvironmentName, Resources};

/// What open runs reserve of each environment with covered hours, in thousandths of a vCPU, wherever they
/// stand between their submission and their end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InUse(BTreeMap<EnvironmentName, u64>);

impl InUse {
    /// Whether there is anything to count.
    pub fn matters(catalogue: &Catalogue) -> bool {
        catalogue.environments.values().any(|environment| !environment.covered.is_empty())
    }

    /// That of all these runs together.
    pub fn of<'a>(catalogue: &Catalogue, runs: impl IntoIterator<Item = &'a Run>) -> Self {
        let mut in_use = InUse::default();
        for run in runs {
            let is_at_work = matches!(
                run.state,
                RunState::Submitting { .. } | RunState::Watching | RunState::Stopping { .. }
            );
            let leg = run.last_leg().filter(|leg| is_at_work && leg.ended_at.is_none());
            if let (Some(leg), Some(job)) = (leg, catalogue.jobs.get(&run.job)) {
                in_use.add(catalogue, leg, job);
            }
        }
        in_use
    }

    /// One leg more.
    pub fn add(&mut self, catalogue: &Catalogue, leg: &Leg, job: &Job) {
        let environment = catalogue.environments.get(&leg.environment);
        if environment.is_none_or(|environment| environment.covered.is_empty()) {
            return;
        }
        let each = job.submission.resources.unwrap_or(Resources::ASSUMED).vcpu_millis;
        let all = u64::from(each) * u64::from(leg.array_size.unwrap_or(1));
        *self.0.entry(leg.environment.clone()).or_default() += all;
    }

    /// By environment.
    pub const fn vcpu_millis(&self) -> &BTreeMap<EnvironmentName, u64> {
        &self.0
    }
}
