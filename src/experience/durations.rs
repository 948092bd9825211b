//! How long a job's work takes: what its attempts showed, beside what its class states.
//!
//! An attempt that succeeded shows a whole length. One that was interrupted, stopped or that failed shows
//! only that the work takes longer than it ran: it is *censored*. Counting what succeeded alone would
//! favour the short, since the longer an attempt, the likelier it is interrupted. So the distribution is
//! the product-limit estimate (Kaplan and Meier 1958), which shares the weight of a censored attempt out
//! among all that is longer; past the longest of all, that itself takes the rest (Efron 1967).

mod size;

pub use size::{RunSize, Scaling};

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::domain::{InputSize, JobName};

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
    /// What the sizes of inputs were taken to say.
    #[serde(default, skip_serializing_if = "Scaling::is_not_named")]
    pub scaling: Scaling,
}

/// So many attempts of a job are kept, the newest of both kinds together: kept apart, those that are cut
/// short would be too few where most are, and the estimate too short.
const KEPT: usize = 200;

/// The stated length counts as this many finished runs. A figure that somebody states is off by about
/// 30 %, and the runs of one job spread by about 50 %: then it is worth (50 / 30)² ≈ 3 of them (the weight
/// of a normal prior beside normal observations).
const STATED_COUNTS: usize = 3;

/// From so many finished runs of a known size on it can be told whether lengths follow sizes. Before that a
/// small input is not planned for as a short run.
const SCALED_FROM: usize = 10;

/// Lengths are compared at this percentile at least: nearer to the median they hardly spread.
const SPREAD_PERCENTILE: u8 = 90;

/// A job that is in the catalogue no more is remembered for so long after its last attempt.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(30 * 24);

impl Lengths {
    /// With nothing seen: both are what the class states.
    pub const fn stated(length: SignedDuration, percentile: u8) -> Lengths {
        Lengths {
            expected: length,
            planned: length,
            finished: 0,
            unfinished: 0,
            percentile,
            scaling: Scaling::NotNamed,
        }
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
    /// Of the newest of them, how large their inputs were; empty as long as none is known.
    #[serde(skip_serializing_if = "VecDeque::is_empty")]
    sizes: VecDeque<Option<InputSize>>,
    /// Everything ever seen, what is no longer kept included.
    seen: u64,
    last_seen: Option<Timestamp>,
}

impl JobDurations {
    /// Grows with everything that is seen: two of the same count hold the same.
    pub const fn seen(&self) -> u64 {
        self.seen
    }

    /// Takes in what was seen at `now`, of an input of this size where that is known.
    pub fn record(&mut self, worked: Worked, size: Option<InputSize>, now: Timestamp) {
        self.last_seen = self.last_seen.max(Some(now));
        self.seen += 1;
        let (length, whole) = match worked {
            Worked::Whole(length) => (length, true),
            Worked::LongerThan(length) => (length, false),
        };
        let secs = length.as_millis().max(1).unsigned_abs().div_ceil(1000);
        let secs = u32::try_from(secs).unwrap_or(u32::MAX);
        if !whole && self.is_too_short(secs, size) {
            return;
        }
        self.kept.push_back((secs, whole));
        if size.is_some() || !self.sizes.is_empty() {
            self.sizes.push_back(size);
        }
        while self.kept.len() > KEPT {
            self.kept.pop_front();
        }
        while self.sizes.len() > self.kept.len() {
            self.sizes.pop_front();
        }
    }

    /// What was cut short before anything ever finished says nothing, and must not push out what does: a
    /// job that fails at once, again and again. For a small input it may be long all the same.
    fn is_too_short(&self, secs: u32, size: Option<InputSize>) -> bool {
        let shortest = self.kept.iter().filter(|(_, whole)| *whole).map(|(secs, _)| *secs).min();
        let is_short = shortest.is_some_and(|shortest| secs < shortest);
        let Some(size) = size.filter(|_| is_short) else { return is_short };
        let mut finished = self.sized().filter(|(_, whole, _)| *whole);
        !finished.any(|(shorter, _, of)| f64::from(shorter) * size.over(of) <= f64::from(secs))
    }

    /// Those whose size is known.
    fn sized(&self) -> impl Iterator<Item = (u32, bool, InputSize)> {
        let newest = self.kept.iter().rev().zip(self.sizes.iter().rev());
        newest.filter_map(|((secs, whole), size)| Some((*secs, *whole, (*size)?)))
    }

    /// The lengths of a run of which `progress` is done, where the class states `stated`: those of the
    /// runs that take longer than that. Where none is known that does, it is as good as done.
    pub fn lengths(
        &self,
        stated: SignedDuration,
        percentile: u8,
        progress: SignedDuration,
    ) -> Lengths {
        let kept = self.kept.iter().map(|(secs, whole)| (i64::from(*secs) * 1000, *whole));
        estimate(kept.collect(), stated, percentile, progress)
    }

    /// As [`JobDurations::lengths`], of a run whose input has this size. Where lengths follow sizes, all that
    /// was seen, and what the class states of the usual input, is scaled to it.
    pub fn lengths_of(
        &self,
        size: RunSize,
        stated: SignedDuration,
        percentile: u8,
        progress: SignedDuration,
    ) -> Lengths {
        let (scaling, usual) = self.scaling(size, percentile);
        let lengths = match (scaling, usual) {
            (Scaling::By(size), Some(usual)) => {
                let stated = scaled(millis(stated), size.over(usual));
                let stated = SignedDuration::from_millis(stated);
                estimate(self.scaled_to(size), stated, percentile, progress)
            }
            _ => self.lengths(stated, percentile, progress),
        };
        Lengths { scaling, ..lengths }
    }

    /// Whether lengths are scaled to the size, and the usual size of what finished.
    fn scaling(&self, size: RunSize, percentile: u8) -> (Scaling, Option<InputSize>) {
        let size = match size {
            RunSize::NotNamed => return (Scaling::NotNamed, None),
            RunSize::Missing => return (Scaling::SizeMissing, None),
            RunSize::Known(size) => size,
        };
        let finished = self.sized().filter(|(_, whole, _)| *whole).map(|(_, _, size)| size);
        let mut finished: Vec<InputSize> = finished.collect();
        if finished.len() < SCALED_FROM {
            return (Scaling::FewSeen, None);
        }
        finished.sort_by(|a, b| a.order(*b));
        let usual = finished[finished.len() / 2];
        let as_they_are = self.sized().map(|(secs, whole, _)| (i64::from(secs) * 1000, whole));
        let percentile = percentile.max(SPREAD_PERCENTILE);
        let spreads_more =
            spread(self.scaled_to(usual), percentile) > spread(as_they_are.collect(), percentile);
        let scaling = if spreads_more { Scaling::NotProportional } else { Scaling::By(size) };
        (scaling, Some(usual))
    }

    /// What was seen of inputs of a known size, as if they had had this one: milliseconds.
    fn scaled_to(&self, size: InputSize) -> Vec<(i64, bool)> {
        let scaled = |(secs, whole, of)| (scaled(i64::from(secs) * 1000, size.over(of)), whole);
        self.sized().map(scaled).collect()
    }
}

/// As many times as long, within what lengths are kept in.
fn scaled(millis: i64, times: f64) -> i64 {
    ((millis as f64 * times).round() as i64).clamp(1000, i64::from(u32::MAX) * 1000)
}

/// The estimate from what was kept: milliseconds, and whether that was all of the work.
fn estimate(
    kept: Vec<(i64, bool)>,
    stated: SignedDuration,
    percentile: u8,
    progress: SignedDuration,
) -> Lengths {
    let nothing_seen = Lengths::stated(stated, percentile);
    if kept.is_empty() {
        return nothing_seen;
    }
    let finished = kept.iter().filter(|(_, whole)| *whole).count() as u32;
    let unfinished = kept.len() as u32 - finished;
    let seen = Lengths { finished, unfinished, ..nothing_seen };
    let ordered = ordered(kept, stated, progress);
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
fn ordered(
    kept: Vec<(i64, bool)>,
    stated: SignedDuration,
    progress: SignedDuration,
) -> Vec<(i64, bool)> {
    let stated = std::iter::repeat_n((millis(stated), true), STATED_COUNTS);
    let mut all: Vec<(i64, bool)> = kept.into_iter().chain(stated).collect();
    let done = millis(progress);
    all.retain(|(length, _)| *length > done);
    in_order(&mut all);
    all
}

/// Of equals the whole lengths first: what is censored there takes longer.
fn in_order(all: &mut [(i64, bool)]) {
    all.sort_unstable_by_key(|(length, whole)| (*length, !whole));
}

/// How far lengths spread upwards: the one that is planned with over the median.
fn spread(mut seen: Vec<(i64, bool)>, percentile: u8) -> f64 {
    in_order(&mut seen);
    let wanted = wanted_chance(&seen, false, percentile);
    let longest = seen.last().map_or(1, |(length, _)| *length);
    let (mut reached, mut median, mut planned) = (0.0, None, None);
    for (length, chance) in distribution(&seen) {
        reached += chance;
        median = median.or((reached >= 0.5 - 1e-9).then_some(length));
        planned = planned.or((reached >= wanted - 1e-9).then_some(length));
    }
    planned.unwrap_or(longest) as f64 / median.unwrap_or(longest).max(1) as f64
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
    /// Takes in what was seen of a job at `now`, of an input of this size where that is known.
    pub fn record(
        &mut self,
        job: &JobName,
        worked: Worked,
        size: Option<InputSize>,
        now: Timestamp,
    ) {
        if let Some(known) = self.jobs.get_mut(job) {
            return known.record(worked, size, now);
        }
        self.jobs.entry(job.clone()).or_default().record(worked, size, now);
    }

    /// As [`JobDurations::lengths_of`], also of a job of which nothing was seen.
    pub fn lengths(
        &self,
        job: &JobName,
        size: RunSize,
        stated: SignedDuration,
        percentile: u8,
        progress: SignedDuration,
    ) -> Lengths {
        match self.jobs.get(job) {
            Some(known) => known.lengths_of(size, stated, percentile, progress),
            None => JobDurations::default().lengths_of(size, stated, percentile, progress),
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
