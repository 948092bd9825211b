//! Which of the times that passed still run.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{CatchUp, CatchUpTerms, Skipped};
use crate::catalogue::Job;

/// Why a scheduled time has no run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SkipReason {
    /// It was missed for longer than the catch-up window.
    CatchUpWindow,
    /// More times were missed than are started at once; the newest ran.
    CatchUpLimit,
    /// The job does not catch up, or only on the latest time.
    CatchUpPolicy,
    /// The job was paused.
    Paused,
    /// An earlier run was still open, and the job's overlap policy lets no other run then.
    Overlap,
}

impl SkipReason {
    pub const fn label(self) -> &'static str {
        match self {
            SkipReason::CatchUpWindow => "catch-up-window",
            SkipReason::CatchUpLimit => "catch-up-limit",
            SkipReason::CatchUpPolicy => "catch-up-policy",
            SkipReason::Paused => "paused",
            SkipReason::Overlap => "overlap",
        }
    }
}

/// A job's times up to now, sorted.
pub struct Missed {
    /// Oldest first.
    pub start: Vec<Timestamp>,
    pub skipped: Vec<Skipped>,
    /// The first time that is still to come.
    pub following: Option<Timestamp>,
}

/// Scheduled times that a long outage may hold are counted one by one up to this many.
const COUNTED_AT_MOST: u64 = 10_000;
/// A time that is late by less is due now rather than missed: the daemon may be busy, or starting.
const ON_TIME: SignedDuration = SignedDuration::from_mins(1);

/// Sorts the job's times from `first` to `now`.
pub fn sort_out(job: &Job, first: Timestamp, now: Timestamp, terms: CatchUpTerms<'_>) -> Missed {
    let schedule = &job.schedule;
    let back = |span: SignedDuration| now.checked_sub(span).unwrap_or(Timestamp::MIN);
    let window = back(schedule.catch_up_window.unwrap_or(terms.window).max(ON_TIME));
    let (oldest, limit, too_old) = match schedule.catch_up {
        CatchUp::None => (back(ON_TIME), terms.limit, SkipReason::CatchUpPolicy),
        CatchUp::Latest => (window, 1, SkipReason::CatchUpWindow),
        CatchUp::All => (window, terms.limit, SkipReason::CatchUpWindow),
    };
    let paused = (terms.is_paused)(&job.name);
    let mut start = VecDeque::new();
    let mut passed = Passed::new(job);
    let mut at = first;
    let following = loop {
        if at > now {
            break Some(at);
        }
        let mut from = at;
        if paused {
            passed.add(at, SkipReason::Paused);
        } else if at < oldest {
            if passed.add(at, too_old) >= COUNTED_AT_MOST {
                from = from.max(oldest - SignedDuration::from_millis(1));
            }
        } else {
            start.push_back(at);
            if start.len() > limit
                && let Some(dropped) = start.pop_front()
            {
                passed.add(dropped, over_the_limit(schedule.catch_up));
            }
        }
        match schedule.next_after(from) {
            Some(next) => at = next,
            None => break None,
        }
    };
    Missed { start: start.into(), skipped: passed.skipped, following }
}

const fn over_the_limit(catch_up: CatchUp) -> SkipReason {
    match catch_up {
        CatchUp::Latest => SkipReason::CatchUpPolicy,
        CatchUp::All | CatchUp::None => SkipReason::CatchUpLimit,
    }
}

/// Skipped times, one entry a reason.
struct Passed<'a> {
    job: &'a Job,
    skipped: Vec<Skipped>,
}

impl<'a> Passed<'a> {
    const fn new(job: &'a Job) -> Self {
        Passed { job, skipped: Vec::new() }
    }

    /// How many there are for the same reason now.
    fn add(&mut self, at: Timestamp, reason: SkipReason) -> u64 {
        if let Some(entry) = self.skipped.iter_mut().find(|entry| entry.reason == reason) {
            entry.count += 1;
            entry.last = at;
            return entry.count;
        }
        let job = self.job.name.clone();
        self.skipped.push(Skipped { job, first: at, last: at, count: 1, reason });
        1
    }
}
