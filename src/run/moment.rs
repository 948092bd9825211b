//! The moments at which a run at Batch has to be looked at, whatever the watcher's usual pace.

use jiff::{SignedDuration, Timestamp};

use super::Run;
use crate::catalogue::{Class, Restart};
use crate::experience::durations::Lengths;

/// A move for the deadline is decided in so much time before its last moment. Whoever watches looks
/// at a run at least once in it.
pub(super) const LOOK_AHEAD: SignedDuration = SignedDuration::from_secs(60);

/// The last moment at which a run from zero on demand still meets the deadline, if it takes as long as is
/// planned. `None` without a deadline, and where work survives an interruption: then staying loses nothing.
pub(super) fn last_move(run: &Run, class: &Class, lengths: &Lengths) -> Option<Timestamp> {
    let deadline = run.deadline_at.filter(|_| class.restart == Restart::FromZero)?;
    deadline.checked_sub(class.start_up + lengths.planned).ok()
}

/// When the run has to be looked at next: once its wait budget ends, and just before its last move.
/// `None` when neither is still to come.
pub fn must_look_at(
    run: &Run,
    class: &Class,
    lengths: &Lengths,
    now: Timestamp,
) -> Option<Timestamp> {
    let leg = run.last_leg().filter(|leg| leg.capacity.is_interruptible())?;
    let waits = leg.status.is_none_or(|status| status.is_waiting());
    let window = last_move(run, class, lengths).and_then(|at| at.checked_sub(LOOK_AHEAD).ok());
    [leg.wait_until.filter(|_| waits), window].into_iter().flatten().filter(|at| *at > now).min()
}
