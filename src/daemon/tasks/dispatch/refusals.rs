//! Submissions that Batch certainly did not accept (throttled, expired credentials, no connection):
//! when they are sent again, and when they are decided anew instead.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::domain::{LegCause, RunId};
use crate::run::{Run, RunState};

/// The first repetition comes after this; each further one after twice the time.
const FIRST: SignedDuration = SignedDuration::from_secs(5);
/// But never after more than this.
const SLOWEST: SignedDuration = SignedDuration::from_mins(5);
/// An intent that is refused for so long is withdrawn: prices and deadlines have moved on.
const DECIDE_ANEW_AFTER: SignedDuration = SignedDuration::from_mins(10);

#[derive(Debug, Clone, Copy)]
struct Refusal {
    since: Timestamp,
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
        // A time beyond the slowest pace was set before the clock was put back.
        let waits = |at: Timestamp| at > now && at.duration_since(now) <= SLOWEST;
        self.runs.get(run).is_none_or(|refusal| !waits(refusal.not_before))
    }

    pub(super) fn contains(&self, run: &RunId) -> bool {
        self.runs.contains_key(run)
    }

    /// Takes a refusal down; `true` for the first one of a run.
    pub(super) fn note(&mut self, run: &RunId, now: Timestamp) -> bool {
        let known = self.runs.get(run);
        let times = known.map_or(0, |refusal| refusal.times);
        let since = known.map_or(now, |refusal| refusal.since);
        let wait = (FIRST * (1 << times.min(16))).min(SLOWEST);
        let not_before = now.checked_add(wait).unwrap_or(now);
        self.runs
            .insert(run.clone(), Refusal { since, times: times.saturating_add(1), not_before });
        times == 0
    }

    /// Whether the run has been refused for so long that it may be given up: what is old because nobody
    /// was there deserves more than one try.
    pub(super) fn lasts(&self, run: &RunId, now: Timestamp) -> bool {
        let lasts = |refusal: &Refusal| now.duration_since(refusal.since) >= DECIDE_ANEW_AFTER;
        self.runs.get(run).is_some_and(lasts)
    }

    pub(super) fn forget(&mut self, run: &RunId) {
        self.runs.remove(run);
    }

    /// When the next one is sent again.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.runs.values().map(|refusal| refusal.not_before).min()
    }
}

/// Whether the run's refused intent is so old that its decision no longer counts. One that was ever
/// uncertain keeps its name and its queue, which is where it may still turn up.
pub(super) fn outdated(run: &Run, now: Timestamp) -> bool {
    run.last_leg().is_some_and(|leg| {
        !leg.was_uncertain && now.duration_since(leg.intended_at) >= DECIDE_ANEW_AFTER
    })
}

/// The run without its intent, which is certainly not at Batch: the next leg is decided on what is
/// known then. An intent that was ever uncertain leaves its leg, and with it its name, behind.
pub(super) fn withdrawn(run: &Run, now: Timestamp) -> Run {
    let mut next = run.clone();
    next.version += 1;
    let Some(leg) = next.legs.last_mut() else { return next };
    let cause = match leg.cause {
        LegCause::Scheduled => LegCause::NeverArrived,
        cause => cause,
    };
    if leg.was_uncertain {
        leg.ended_at = Some(now);
        leg.reason = Some("never arrived at Batch".to_owned());
    } else {
        next.legs.pop();
    }
    next.state = RunState::NeedsLeg { cause, not_before: now };
    next
}
