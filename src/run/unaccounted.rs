//! A leg of which nobody can tell any more whether it ran. By default the run ends as unknown; a class
//! whose work may run more than once can say that it runs again.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Run, RunEventKind, RunState};
use crate::catalogue::{Class, WhenOutcomeUnknown};
use crate::domain::{LegCause, RunOutcome};

/// Batch keeps ended jobs for seven days at least, and forgets none that has not ended: a job that is
/// not shown after that has ended. One that vanishes sooner may still run.
pub(super) const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(24 * 7);

/// Why nobody can tell what became of a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unaccounted {
    /// Its call had no answer, and by now Batch may have forgotten a job that it made.
    NeverShown,
    /// Batch showed its job, and does not any more.
    Vanished,
}

/// Whether another leg may follow one of which nobody can tell whether it ran.
pub fn may_run_again(run: &Run, class: &Class) -> bool {
    class.when_outcome_unknown == WhenOutcomeUnknown::RunAgain
        && !run.is_to_end()
        && run.counted_legs().len() < usize::from(class.max_legs)
}

/// Gives the last leg up and lets another follow. Its intent keeps its name: should a job of it show up
/// after all, it belongs to a leg that is over.
pub fn run_again(run: &mut Run, why: Unaccounted, now: Timestamp) -> RunEventKind {
    let leg = run.legs.last().map_or(0, |leg| leg.index);
    run.state = RunState::NeedsLeg { cause: LegCause::OutcomeUnknown, not_before: now };
    RunEventKind::RunsAgain { leg, why }
}

/// What becomes of a run whose job Batch has not shown for some time.
pub(super) fn vanished(run: &mut Run, class: &Class, now: Timestamp) -> Option<RunEventKind> {
    let submitted = run.last_leg().map_or(run.created_at, |leg| leg.intended_at);
    let forgotten = now.duration_since(submitted) >= FORGOTTEN_AFTER;
    if forgotten && may_run_again(run, class) {
        return Some(run_again(run, Unaccounted::Vanished, now));
    }
    run.state = RunState::Ended { outcome: RunOutcome::Unknown, at: now };
    None
}
