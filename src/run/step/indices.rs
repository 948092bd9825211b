//! A leg whose children work on mapped indices: what of it is done, when it starves, and what ends it.

use jiff::SignedDuration;

use super::{StepContext, is_too_risky, move_window};
use crate::domain::{AttemptEnd, LegCause, RunOutcome};
use crate::run::moment::last_move;
use crate::run::{Progress, Run};

/// Takes what the children show over into the run.
pub(super) fn note_progress(run: &mut Run, progress: &Progress, context: StepContext<'_>) {
    if let Some(indices) = &mut run.indices {
        indices.done = indices.done.with(&progress.done);
    }
    // Children go through the capacity that there is in waves. Whoever waits starves only when nothing
    // has moved for the whole budget; but not beyond the last moment for the deadline.
    let last = last_move(run, context.class, &context.lengths);
    let Some(leg) = run.legs.last_mut() else { return };
    let budget = context.class.wait_budget;
    let later = progress.last_change.and_then(|at| at.checked_add(budget).ok());
    let later = later.map(|at| last.map_or(at, |last| at.min(last)));
    leg.wait_until = leg.wait_until.map(|at| later.map_or(at, |later| at.max(later)));
}

/// Why the indices that are left need another leg, or how the run ends with them.
pub(super) fn cause_of_rest(
    run: &mut Run,
    progress: &Progress,
    asked: Option<LegCause>,
    failure_retries: u16,
) -> Result<LegCause, RunOutcome> {
    if progress.some_unexplained {
        return Err(RunOutcome::Rejected);
    }
    match (progress.worst, asked) {
        (Some(AttemptEnd::TimedOut), _) => Err(RunOutcome::Failed),
        (Some(AttemptEnd::Failed), _) => {
            run.failures += 1;
            match run.failures > failure_retries {
                true => Err(RunOutcome::Failed),
                false => Ok(asked.unwrap_or(LegCause::Failed)),
            }
        }
        (_, Some(cause)) => Ok(cause),
        (_, None) if progress.some_called_off => Ok(LegCause::Starved),
        (Some(AttemptEnd::Infrastructure), None) => Ok(LegCause::Infrastructure),
        (Some(AttemptEnd::Interrupted), None) => Ok(LegCause::Interrupted),
        (Some(AttemptEnd::Stopped | AttemptEnd::Succeeded) | None, None) => {
            Err(RunOutcome::Cancelled)
        }
    }
}

/// Whether the children that are not done must be moved now: one waits at the last moment at which a
/// run from zero on demand still meets the deadline, or staying is too risky for those that run. A new
/// leg can only follow when all of this one has ended, so that all of them move together.
pub(super) fn in_danger(run: &Run, progress: &Progress, context: StepContext<'_>) -> bool {
    if !move_window(run, context) {
        return false;
    }
    if progress.waiting > 0 || progress.placed.contains(&None) {
        return true;
    }
    let planned = context.lengths.planned;
    let remaining =
        progress.placed.iter().flatten().map(|started| {
            (planned - context.now.duration_since(*started)).max(SignedDuration::ZERO)
        });
    is_too_risky(remaining.sum(), context)
}
