//! Submissions that Batch certainly did not accept (throttled, expired credentials, no connection):
//! when they are sent again, and when they are decided anew instead.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::domain::RunId;
use crate::run::{Run, RunState};

/// The first repetition comes after this; each further one after twice the time.
const FIRST: SignedDuration = SignedDuration::from_secs(5);
/// But never after more than this.
const SLOWEST: SignedDuration = SignedDuration::from_mins(5);
/// An intent that is refused for so long is withdrawn: prices and deadlines have moved on.
const DECIDE_ANEW_AFTER: SignedDuration = SignedDuration::from_mins(10);

#[derive(Debug, Clone, Copy)]
struct Refusal {
    times: u32,
    not_before: Timestamp,
}

/// Runs whose last call was certainly not accepted.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    runs: BTreeMap<RunId, Refusal>,
}

impl Refusals {
    /// Forgets all but the runs of `waiting`.
    pub(super) fn keep(&mut self, waiting: &BTreeSet<&RunId>) {
        self.runs.retain(|id, _| waiting.contains(id));
    }

    /// Whether the run may be sent now.
    pub(super) fn may_send(&self, run: &RunId, now: Timestamp) -> bool {
        self.runs.get(run).is_none_or(|refusal| refusal.not_before <= now)
    }

    pub(super) fn contains(&self, run: &RunId) -> bool {
        self.runs.contains_key(run)
    }

    /// Takes a refusal down; `true` for the first one of a run.
    pub(super) fn note(&mut self, run: &RunId, now: Timestamp) -> bool {
        let times = self.runs.get(run).map_or(0, |refusal| refusal.times);
        let wait = (FIRST * (1 << times.min(16))).min(SLOWEST);
        let not_before = now.checked_add(wait).unwrap_or(now);
        self.runs.insert(run.clone(), Refusal { times: times.saturating_add(1), not_before });
        times == 0
    }

    pub(super) fn forget(&mut self, run: &RunId) {
        self.runs.remove(run);
    }

    /// When the next one is sent again.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.runs.values().map(|refusal| refusal.not_before).min()
    }
}

/// The run without its refused intent, once that is old: the next leg is decided on what is known
/// then. Nothing of the old intent can be at Batch, since every call for it was refused.
pub(super) fn withdrawn(run: &Run, now: Timestamp) -> Option<Run> {
    let leg = run.last_leg()?;
    if now.duration_since(leg.intended_at) < DECIDE_ANEW_AFTER {
        return None;
    }
    let mut next = run.clone();
    next.version += 1;
    next.state = RunState::NeedsLeg { cause: leg.cause, not_before: now };
    next.legs.pop();
    Some(next)
}
