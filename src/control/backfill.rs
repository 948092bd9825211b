//! Which scheduled times lie in a range.

use jiff::{SignedDuration, Timestamp};

use crate::catalogue::Job;

/// Runs of one backfill at most: more is a mistake more often than a wish.
pub const AT_MOST: usize = 1_000;

/// The job's scheduled times from `from` to `to`, both included, oldest first; one more than
/// [`AT_MOST`] where there are more. What a calendar excludes, or lies outside `start` and `end`, is
/// not scheduled.
pub fn scheduled_between(job: &Job, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
    let before = from.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(from);
    let next = |after: &Timestamp| job.schedule.next_after(*after);
    let times = std::iter::successors(next(&before), next);
    times.take_while(|at| *at <= to).take(AT_MOST + 1).collect()
}
