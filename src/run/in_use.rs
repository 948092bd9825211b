//! What runs reserve of capacity that a commitment pays for.

use std::collections::BTreeMap;

use super::{Run, RunState};
use crate::catalogue::Catalogue;
use crate::domain::{EnvironmentName, Resources};

/// What open runs reserve of each environment with covered hours, in thousandths of a vCPU: those whose
/// leg stands between its submission and its end, and those that are put off until they may go there.
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
            in_use.add(catalogue, run);
        }
        in_use
    }

    /// One run more.
    pub fn add(&mut self, catalogue: &Catalogue, run: &Run) {
        if let Some((environment, vcpu_millis)) = reserved(catalogue, run) {
            *self.0.entry(environment).or_default() += vcpu_millis;
        }
    }

    /// One run that was among them less.
    pub fn remove(&mut self, catalogue: &Catalogue, run: &Run) {
        if let Some((environment, vcpu_millis)) = reserved(catalogue, run)
            && let Some(all) = self.0.get_mut(&environment)
        {
            *all = all.saturating_sub(vcpu_millis);
        }
    }

    /// By environment.
    pub fn into_vcpu_millis(self) -> BTreeMap<EnvironmentName, u64> {
        self.0
    }

    /// By environment.
    pub const fn vcpu_millis(&self) -> &BTreeMap<EnvironmentName, u64> {
        &self.0
    }
}

/// What `run` reserves, and where.
fn reserved(catalogue: &Catalogue, run: &Run) -> Option<(EnvironmentName, u64)> {
    let job = catalogue.jobs.get(&run.job)?;
    let (environment, containers) = match run.state {
        RunState::NeedsLeg { .. } => (&run.waits_for_better()?.environment, job.containers()),
        RunState::Submitting { .. } | RunState::Watching | RunState::Stopping { .. } => {
            let leg = run.last_leg().filter(|leg| leg.ended_at.is_none())?;
            (&leg.environment, leg.array_size.map_or(1, u32::from))
        }
        RunState::Waiting { .. } | RunState::Ended { .. } => return None,
    };
    let covered = catalogue.environments.get(environment).is_some_and(|e| !e.covered.is_empty());
    let each = job.submission.resources.unwrap_or(Resources::ASSUMED).vcpu_millis;
    covered.then(|| (environment.clone(), u64::from(each) * u64::from(containers)))
}
