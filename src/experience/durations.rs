//! How long a job's work takes: what its attempts showed, beside what its class states.
//!
//! An attempt that succeeded shows a whole length. One that was interrupted, stopped or that failed shows
//! only that the work takes longer than it ran: it is *censored*. Counting what succeeded alone would
//! favour the short, since the longer an attempt, the likelier it is interrupted. So the distribution is
//! the product-limit estimate (Kaplan and Meier 1958), which shares the weight of a censored attempt out
//! among all that is longer; past the longest of all, that itself takes the rest (Efron 1967).

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::domain::JobName;

/// What one attempt, or one checkpointed run, showed of its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worked {
    /// All of the work took this long.
    Whole(SignedDuration),
    /// It takes longer than this.
    LongerThan(SignedDuration),
}

/// How long a run's work is taken to be. The time to start is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lengths {
    /// The mean: what costs are reckoned with.
    pub expected: SignedDuration,
    /// What deadlines are planned with; never less than the mean.
    pub planned: SignedDuration,
    /// Whole lengths that were seen.
    pub finished: u32,
    /// Attempts that showed only that it takes longer.
    pub unfinished: u32,
    /// Of runs, so many in a hundred are meant to take no longer than is planned.
    pub percentile: u8,
}

/// So many attempts of a job are kept, the newest of both kinds together: kept apart, those that are cut
/// short would be too few where most are, and the estimate too short.
const KEPT: usize = 200;

/// The stated length counts as this many finished runs. A figure that somebody states is off by about
/// 30 %, and the runs of one job spread by about 50 %: then it is worth (50 / 30)² ≈ 3 of them (the weight
/// of a normal prior beside normal observations).
const STATED_COUNTS: usize = 3;

/// A job that is in the catalogue no more is remembered for so long after its last attempt.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(30 * 24);

impl Lengths {
    /// With nothing seen: both are what the class states.
    pub const fn stated(length: SignedDuration, percentile: u8) -> Lengths {
        Lengths { expected: length, planned: length, finished: 0, unfinished: 0, percentile }
    }

    /// Whether anything but the class's word is in them.
    pub const fn is_learnt(&self) -> bool {
        self.finished > 0 || self.unfinished > 0
    }

    /// What is expected to be left after `progress`.
    pub fn expected_after(&self, progress: SignedDuration) -> SignedDuration {
        (self.expected - progress).max(SignedDuration::ZERO)
    }

    /// What is planned to be left after `progress`.
    pub fn planned_after(&self, progress: SignedDuration) -> SignedDuration {
        (self.planned - progress).max(SignedDuration::ZERO)
    }
}

/// What was seen of one job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobDurations {
    /// Seconds, and whether that was all of the work; the oldest first.
    kept: VecDeque<(u32, bool)>,
    /// Everything ever seen, what is no longer kept included.
    seen: u64,
    last_seen: Option<Timestamp>,
}

impl JobDurations {
    /// Grows with everything that is seen: two of the same count hold the same.
    pub const fn seen(&self) -> u64 {
        self.seen
    }

    /// Takes in what was seen at `now`.
    pub fn record(&mut self, worked: Worked, now: Timestamp) {
        self.last_seen = self.last_seen.max(Some(now));
        self.seen += 1;
        let (length, whole) = match worked {
            Worked::Whole(length) => (length, true),
            Worked::LongerThan(length) => (length, false),
        };
        let secs = length.as_millis().max(1).unsigned_abs().div_ceil(1000);
        let secs = u32::try_from(secs).unwrap_or(u32::MAX);
        // What was cut short before anything ever finished says nothing, and must not push out what does:
        // a job that fails at once, again and again.
        let shortest = self.kept.iter().filter(|(_, whole)| *whole).map(|(secs, _)| *secs).min();
        if !whole && shortest.is_some_and(|shortest| secs < shortest) {
            return;
        }
        self.kept.push_back((secs, whole));
        while self.kept.len() > KEPT {
            self.kept.pop_front();
        }
    }

    /// The lengths of a run of which `progress` is done, where the class states `stated`: those of the
    /// runs that take longer than that. Where none is known that does, it is as good as done.
    pub fn lengths(
        &self,
        stated: SignedDuration,
        percentile: u8,
        progress: SignedDuration,
    ) -> Lengths {
        let nothing_seen = Lengths::stated(stated, percentile);
        if self.kept.is_empty() {
            return nothing_seen;
        }
        let finished = self.kept.iter().filter(|(_, whole)| *whole).count() as u32;
        let unfinished = self.kept.len() as u32 - finished;
        let seen = Lengths { finished, unfinished, ..nothing_seen };
        let ordered = self.ordered(stated, progress);
        let with_stated = millis(stated) > millis(progress);
        let Some((longest, _)) = ordered.last().copied() else {
            let length = stated.max(progress);
            return Lengths { expected: length, planned: length, ..seen };
        };
        let wanted = wanted_chance(&ordered, with_stated, percentile);
        let (mut sum, mut reached, mut planned) = (0.0, 0.0, None);
        for (millis, chance) in distribution(&ordered) {
            sum += millis as f64 * chance;
            reached += chance;
            if reached >= wanted - 1e-9 {
                planned = planned.or(Some(millis));
            }
        }
        let expected = SignedDuration::from_secs((sum / 1000.0).round() as i64);
        let planned = SignedDuration::from_millis(planned.unwrap_or(longest));
        Lengths { expected, planned: planned.max(expected), ..seen }
    }

    /// What is longer than `progress`, in order: milliseconds, and whether they are a whole length.
    fn ordered(&self, stated: SignedDuration, progress: SignedDuration) -> Vec<(i64, bool)> {
        let stated = std::iter::repeat_n((millis(stated), true), STATED_COUNTS);
        let kept = self.kept.iter().map(|(secs, whole)| (i64::from(*secs) * 1000, *whole));
        let mut all: Vec<(i64, bool)> = kept.chain(stated).collect();
        let done = millis(progress);
        all.retain(|(length, _)| *length > done);
        // Of equals the whole lengths first: what is censored there takes longer.
        all.sort_unstable_by_key(|(length, whole)| (*length, !whole));
        all
    }
}

/// A hundred thousand years and what is longer are one: sums of them are a number yet.
fn millis(length: SignedDuration) -> i64 {
    const MOST: i128 = 100_000 * 366 * 86_400_000;
    length.as_millis().clamp(-MOST, MOST) as i64
}

/// The product-limit estimate of what is in order: lengths in milliseconds, each with its chance.
fn distribution(ordered: &[(i64, bool)]) -> impl Iterator<Item = (i64, f64)> {
    let mut left = 1.0;
    ordered.iter().zip((1..=ordered.len()).rev()).map(move |((millis, whole), at_risk)| {
        let chance = if *whole || at_risk == 1 { left / at_risk as f64 } else { 0.0 };
        left -= chance;
        (*millis, chance)
    })
}

/// The chance that what is planned has to cover. Of `n` runs that were seen, the one of rank p(n + 1) is
/// at least as long as the next run with a chance of p, however their lengths are distributed (Wilks 1941).
/// The stated length adds to both sides, as it may be shorter than all of them.
fn wanted_chance(ordered: &[(i64, bool)], with_stated: bool, percentile: u8) -> f64 {
    let stated = if with_stated { STATED_COUNTS } else { 0 };
    let seen = ordered.iter().filter(|(_, whole)| *whole).count() - stated;
    let rank = (usize::from(percentile) * (seen + 1)).div_ceil(100);
    (rank + stated) as f64 / (seen + stated).max(1) as f64
}

/// What was seen of all jobs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Durations {
    pub jobs: BTreeMap<JobName, JobDurations>,
}

impl Durations {
    /// Takes in what was seen of a job at `now`.
    pub fn record(&mut self, job: &JobName, worked: Worked, now: Timestamp) {
        if let Some(known) = self.jobs.get_mut(job) {
            return known.record(worked, now);
        }
        self.jobs.entry(job.clone()).or_default().record(worked, now);
    }

    /// As [`JobDurations::lengths`], also of a job of which nothing was seen.
    pub fn lengths(
        &self,
        job: &JobName,
        stated: SignedDuration,
        percentile: u8,
        progress: SignedDuration,
    ) -> Lengths {
        match self.jobs.get(job) {
            Some(known) => known.lengths(stated, percentile, progress),
            None => Lengths::stated(stated, percentile),
        }
    }

    /// Drops jobs that are not wanted any more and were not seen for a month; their names.
    pub fn forget(&mut self, is_wanted: impl Fn(&JobName) -> bool, now: Timestamp) -> Vec<JobName> {
        let is_old = |known: &JobDurations| {
            known.last_seen.is_none_or(|at| now.duration_since(at) > REMEMBERED)
        };
        let gone = |(job, known): &(&JobName, &JobDurations)| is_old(known) && !is_wanted(job);
        let gone: Vec<JobName> =
            self.jobs.iter().filter(gone).map(|(job, _)| job.clone()).collect();
        gone.iter().for_each(|job| drop(self.jobs.remove(job)));
        gone
    }
}
