//! Whether a run that has capacity which is not taken back goes back to capacity that is. Only what keeps
//! its progress does: it is stopped, and begins elsewhere from its last checkpoint.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::effective::{cost_of, covered_millis};
use super::{Question, decide, pace};
use crate::catalogue::{Class, Environment, Policy, Restart, RetryOwner};
use crate::domain::{EnvironmentName, Ppm, Usd};

/// What runs now, on capacity that is not taken back.
#[derive(Debug, Clone, Copy)]
pub struct Running<'a> {
    pub environment: &'a EnvironmentName,
    pub started_at: Timestamp,
    /// Work done, in this leg and before; the question's own progress is what would be left of it.
    pub done: SignedDuration,
}

/// Where the run goes instead, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Return {
    pub environment: EnvironmentName,
    /// What the rest costs where it is now.
    pub staying: Usd,
    /// What it is expected to cost there, the changeover included.
    pub going: Usd,
    /// Its leg would be the probe of that environment, of which there is one at a time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub probes: bool,
}

/// Whether runs of the class can go back at all. Batch would repeat an interrupted leg where it is and never
/// take it on demand again; and of a run with a budget it is not known what the leg that runs has cost.
pub const fn may_return(class: &Class) -> bool {
    matches!(class.policy, Policy::Model | Policy::UniformProgress)
        && matches!(class.restart, Restart::Checkpoint { .. })
        && matches!(class.retry_owner, RetryOwner::Spotcron)
        && class.max_cost.is_none()
}

/// Whether `max_legs` leaves one to go there with, one to come back with, and those that failures need.
fn has_legs_left(question: &Question<'_>) -> bool {
    let needed = u32::from(question.legs) + 2 + u32::from(question.class.failure_retries);
    needed <= u32::from(question.class.max_legs)
}

/// Where `running` goes if it is stopped now and `question`, about its next leg, is asked. `None` where it
/// stays:
///
/// - until it has been there for the class's `min_time_between_switches`,
/// - unless the next leg would go to interruptible capacity that nothing speaks against (so that an
///   interruption at any moment leaves room for the deadline), with legs left to come back and to fail, and
/// - under the model, unless that is expected to save `min_saving_percent` of the rest, and no less than a
///   changeover costs here, should it come to nothing;
/// - under Uniform Progress, unless it is two changeovers ahead of its pace.
pub fn better_elsewhere(question: &Question<'_>, running: Running<'_>) -> Option<Return> {
    let class = question.class;
    let stayed = question.now.duration_since(running.started_at);
    let may = may_return(class) && has_legs_left(question);
    if !may || stayed < class.min_time_between_switches {
        return None;
    }
    if class.policy == Policy::UniformProgress && !pace::is_well_ahead(question) {
        return None;
    }
    let decision = decide(question);
    let chosen = decision.chosen.as_ref()?;
    let next = decision.candidates.iter().find(|candidate| candidate.environment == *chosen)?;
    if !next.capacity.is_interruptible() || !next.guards.is_empty() {
        return None;
    }
    let costs = |length: SignedDuration| {
        let named = |environment: &&&Environment| environment.name == *running.environment;
        let environment = question.environments.iter().find(named)?;
        let candidate = decision.candidates.iter().find(|it| it.environment == environment.name)?;
        let covered = covered_millis(question, environment, length);
        let containers = question.containers;
        Some(cost_of(candidate.price?, length, covered, Ppm::ZERO, containers, Usd::ZERO))
    };
    let (staying, going) =
        (costs(question.lengths.expected_after(running.done))?, next.expected_cost?);
    let saving = staying - going;
    let is_worth_it = || {
        let part = saving.nanos() * 1_000_000 >= staying.nanos() * i128::from(class.min_saving.0);
        saving > Usd::ZERO
            && part
            && costs(pace::changeover(question)).is_some_and(|once| saving >= once)
    };
    let goes = class.policy == Policy::UniformProgress || is_worth_it();
    let probes = !next.breaker.is_closed();
    goes.then(|| Return { environment: chosen.clone(), staying, going, probes })
}
