//! What commands left in force: pauses, and classes kept on demand.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Effect, Jobs};
use crate::decision::{ForcedOnDemand, ForcedScope};
use crate::domain::{ClassName, JobName};

/// Who paused, since when, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// The name of a token.
    pub by: String,
    pub since: Timestamp,
    pub note: String,
}

/// A class that somebody keeps on capacity that is not taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassOverride {
    pub by: String,
    pub since: Timestamp,
    /// `None` until somebody ends it.
    pub until: Option<Timestamp>,
    pub note: String,
}

/// Everything in force. A plain value: whoever changes it makes a new one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Controls {
    /// Every job, also those that a later catalogue brings.
    pub all_paused: Option<Pause>,
    pub paused: BTreeMap<JobName, Pause>,
    pub forced_on_demand: BTreeMap<ClassName, ClassOverride>,
}

impl Controls {
    /// The pause that keeps `job` from starting, its own before that of all.
    pub fn pause_of(&self, job: &JobName) -> Option<&Pause> {
        self.paused.get(job).or(self.all_paused.as_ref())
    }

    /// Exactly that pause.
    pub fn pause(&self, jobs: &Jobs) -> Option<&Pause> {
        match jobs {
            Jobs::All => self.all_paused.as_ref(),
            Jobs::Job(job) => self.paused.get(job),
        }
    }

    /// The override of `class` at `now`.
    pub fn override_of(&self, class: &ClassName, now: Timestamp) -> Option<&ClassOverride> {
        self.forced_on_demand.get(class).filter(|forced| forced.holds_at(now))
    }

    /// The same as a decision takes it.
    pub fn forced(&self, class: &ClassName, now: Timestamp) -> Option<ForcedOnDemand> {
        let forced = self.override_of(class, now)?;
        let by = forced.by.clone();
        Some(ForcedOnDemand { by, scope: ForcedScope::Class, until: forced.until })
    }

    /// These without what has run out by `now`.
    pub fn in_force(&self, now: Timestamp) -> Controls {
        let mut controls = self.clone();
        controls.forced_on_demand.retain(|_, forced| forced.holds_at(now));
        controls
    }

    /// What is in force after `effects`.
    pub fn after(&self, effects: &[Effect]) -> Controls {
        let mut next = self.clone();
        for effect in effects {
            match effect {
                Effect::Pause(Jobs::All, pause) => next.all_paused = pause.clone(),
                Effect::Pause(Jobs::Job(job), Some(pause)) => {
                    next.paused.insert(job.clone(), pause.clone());
                }
                Effect::Pause(Jobs::Job(job), None) => {
                    next.paused.remove(job);
                }
                Effect::Force(class, Some(forced)) => {
                    next.forced_on_demand.insert(class.clone(), forced.clone());
                }
                Effect::Force(class, None) => {
                    next.forced_on_demand.remove(class);
                }
                Effect::Start(..) | Effect::Change(..) => {}
            }
        }
        next
    }
}

impl ClassOverride {
    fn holds_at(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}
