//! The even pace of Uniform Progress: at every moment as much of the work is done as of the time to the
//! deadline is gone (Wu et al., "Can't Be Late", NSDI'24, §3.3). Compared by cross-multiplication, in
//! milliseconds: ties are common.

use jiff::{SignedDuration, Timestamp};

use super::Question;
use crate::catalogue::Restart;

/// A run against its pace.
struct Pace {
    due_at: Timestamp,
    /// Milliseconds from there to the deadline.
    allowed: i128,
    /// Milliseconds of the whole work.
    total: i128,
}

impl Pace {
    /// `None` where there is no deadline to pace by, or no work.
    fn of(question: &Question<'_>) -> Option<Self> {
        let (deadline_at, allowed) = (question.deadline_at?, question.class.deadline?);
        let total = question.lengths.expected.as_millis();
        let due_at = deadline_at.checked_sub(allowed).ok()?;
        let allowed = allowed.as_millis();
        (total > 0 && allowed > 0).then_some(Pace { due_at, allowed, total })
    }
}

/// When a run that makes no progress falls behind. `None` where it has no pace.
pub(super) fn falls_behind_at(question: &Question<'_>) -> Option<Timestamp> {
    let pace = Pace::of(question)?;
    let done = question.progress.as_millis().min(pace.total);
    let millis = i64::try_from(done * pace.allowed / pace.total).ok()?;
    pace.due_at.checked_add(SignedDuration::from_millis(millis)).ok()
}

/// Whether the run is two changeovers ahead: one to leave capacity that is not taken back, and one to come
/// back to it.
pub(super) fn is_well_ahead(question: &Question<'_>) -> bool {
    let Some(pace) = Pace::of(question) else { return false };
    let gone = question.now.duration_since(pace.due_at).as_millis();
    let ahead = gone + 2 * changeover(question).as_millis();
    question.progress.as_millis() * pace.allowed > ahead * pace.total
}

/// What it takes to go on elsewhere: a start, the restore, and what was done since the last checkpoint.
pub(super) fn changeover(question: &Question<'_>) -> SignedDuration {
    let start_up = question.class.start_up;
    match question.class.restart {
        Restart::FromZero => start_up,
        Restart::Checkpoint { interval, restore } => start_up + restore + interval / 2,
    }
}
