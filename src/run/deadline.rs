//! What is told of a run's deadline, once each.

use jiff::Timestamp;

use super::{Run, RunEventKind};

/// Marks a run whose deadline has passed; told once.
pub fn note_deadline(run: &mut Run, now: Timestamp, events: &mut Vec<RunEventKind>) {
    if !run.deadline_missed && run.deadline_at.is_some_and(|deadline| now > deadline) {
        run.deadline_missed = true;
        events.push(RunEventKind::DeadlineMissed);
    }
}

/// Marks a run whose next leg ends `late_secs` after its deadline, wherever it goes; told once, and not of
/// a deadline that has passed already.
pub fn note_unreachable(run: &mut Run, late_secs: Option<i64>, events: &mut Vec<RunEventKind>) {
    if let Some(late_secs) = late_secs
        && !run.deadline_unreachable
        && !run.deadline_missed
    {
        run.deadline_unreachable = true;
        events.push(RunEventKind::DeadlineUnreachable { late_secs });
    }
}
