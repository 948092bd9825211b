//! How long capacity lasts, and how long it stays away: hazards by age, as they were observed.
//!
//! Lifetimes of spot capacity are heavy-tailed: what has lasted long will last. So a hazard belongs to
//! an age, the time since the pool's phase last changed, not to a pool alone.

use serde::{Deserialize, Serialize};

use super::Phase;

/// Where the age buckets begin, seconds. The first hours are fine, because an interruption soon after a
/// recovery is the common case.
pub const AGES_SECS: [i64; BUCKETS] =
    [0, 600, 1200, 1800, 2400, 3600, 5400, 7200, 10_800, 14_400, 21_600, 28_800, 43_200];
/// Number of age buckets.
pub const BUCKETS: usize = 13;

/// The bucket of an age; a negative one counts as zero.
pub fn bucket_of(age_secs: i64) -> usize {
    AGES_SECS.partition_point(|begin| *begin <= age_secs).saturating_sub(1)
}

/// Seconds that were watched in each phase and age, and how many of the phases ended there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Exposure {
    secs: [[i64; BUCKETS]; 2],
    exits: [[u64; BUCKETS]; 2],
}

impl Exposure {
    /// Takes in a phase that was watched from one age to another, and whether it ended then.
    pub fn watch(&mut self, phase: Phase, from_age_secs: i64, to_age_secs: i64, ended: bool) {
        let phase = phase.index();
        let mut from = from_age_secs.max(0);
        let to = to_age_secs.max(from);
        let last = bucket_of(to - i64::from(to > from));
        while from < to {
            let bucket = bucket_of(from);
            let end = AGES_SECS.get(bucket + 1).copied().unwrap_or(i64::MAX).min(to);
            let watched = &mut self.secs[phase][bucket];
            *watched = watched.saturating_add(end - from);
            from = end;
        }
        let exits = &mut self.exits[phase][last];
        *exits = exits.saturating_add(u64::from(ended));
    }

    /// Adds what was watched elsewhere.
    pub fn add(&mut self, other: &Exposure) {
        for phase in 0..2 {
            for bucket in 0..BUCKETS {
                let watched = &mut self.secs[phase][bucket];
                *watched = watched.saturating_add(other.secs[phase][bucket]);
                let exits = &mut self.exits[phase][bucket];
                *exits = exits.saturating_add(other.exits[phase][bucket]);
            }
        }
    }

    /// Watched seconds and ended phases in one bucket; nothing in one that does not exist.
    pub fn at(&self, phase: Phase, bucket: usize) -> (i64, u64) {
        let phase = phase.index();
        let of = (self.secs[phase].get(bucket), self.exits[phase].get(bucket));
        (of.0.copied().unwrap_or(0), of.1.copied().unwrap_or(0))
    }

    /// Watched seconds and ended phases, all ages together.
    pub fn total(&self, phase: Phase) -> (i64, u64) {
        let phase = phase.index();
        let secs = self.secs[phase].iter().fold(0i64, |sum, secs| sum.saturating_add(*secs));
        let exits = self.exits[phase].iter();
        (secs, exits.fold(0u64, |sum, exits| sum.saturating_add(*exits)))
    }
}

/// Hazards per hour, by phase and age.
#[derive(Debug, Clone, PartialEq)]
pub struct Lifetimes {
    per_hour: [[f64; BUCKETS]; 2],
}

/// Of pools that nobody has watched: eight pools of four types of accelerated instances in two zones,
/// probed every ten minutes from 2022-10-26 to 2022-11-22 (the traces of Wu et al., NSDI'24; pooled as
/// [`Lifetimes::pooled`]). Ordinary types are taken back less often, so this errs towards care; what an
/// environment was seen to do multiplies it ([`Lifetimes::riskier`]).
pub const PRIOR: Lifetimes = Lifetimes {
    per_hour: [
        [1.94, 1.25, 0.91, 0.89, 0.60, 0.53, 0.35, 0.32, 0.23, 0.19, 0.18, 0.14, 0.08],
        [2.73, 1.22, 0.87, 0.86, 0.75, 0.60, 0.27, 0.28, 0.31, 0.25, 0.13, 0.13, 0.04],
    ],
};

/// What is added to what was watched where there is no other prior: exits, and hours.
const POOLED_EXITS: f64 = 0.3;
const POOLED_HOURS: f64 = 10.0;
/// A tick's chance of an exit is never taken for certain.
const MOST: f64 = 0.95;
/// A longer tick is gone through in steps of this, in which a hazard counts as a chance.
const STEP_SECS: i64 = 600;
/// Of impossibly long ticks: in so many steps.
const MOST_STEPS: i64 = 256;

/// A tick of a phase.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    /// The chance that the phase ends.
    pub ends: f64,
    /// The chance that it is in the bucket `older` then, if it does not.
    pub ages: f64,
    pub older: usize,
}

impl Lifetimes {
    /// Of hazards that are known, per hour.
    pub const fn known(up: [f64; BUCKETS], down: [f64; BUCKETS]) -> Lifetimes {
        Lifetimes { per_hour: [up, down] }
    }

    /// `(exits + 0.3) / (hours + 10)` in each bucket: ages that were hardly watched have a low hazard, not
    /// none.
    pub fn pooled(exposure: &Exposure) -> Lifetimes {
        Lifetimes::estimate(exposure, |_, _| (POOLED_EXITS, POOLED_HOURS))
    }

    /// The observed hazards, drawn towards `prior` as if that had been watched for `hours` in each bucket.
    pub fn shrunk_to(prior: &Lifetimes, hours: f64, exposure: &Exposure) -> Lifetimes {
        Lifetimes::estimate(exposure, |phase, bucket| {
            (prior.per_hour[phase][bucket] * hours, hours)
        })
    }

    fn estimate(exposure: &Exposure, added: impl Fn(usize, usize) -> (f64, f64)) -> Lifetimes {
        let hazard = |phase: usize, bucket: usize| {
            let (exits, hours) = added(phase, bucket);
            let watched = exposure.secs[phase][bucket] as f64 / 3600.0;
            (exposure.exits[phase][bucket] as f64 + exits) / (watched + hours)
        };
        let all = |phase| std::array::from_fn(|bucket| hazard(phase, bucket));
        Lifetimes { per_hour: [all(0), all(1)] }
    }

    /// With every hazard of losing capacity multiplied by `factor`.
    pub fn riskier(&self, factor: f64) -> Lifetimes {
        let [up, down] = self.per_hour;
        Lifetimes { per_hour: [up.map(|hazard| hazard * factor), down] }
    }

    /// The hazard at an age, per hour.
    pub fn per_hour(&self, phase: Phase, age_secs: i64) -> f64 {
        self.per_hour[phase.index()][bucket_of(age_secs)]
    }

    /// How many phases would have ended in what was watched, had these been its hazards.
    pub fn expected_exits(&self, phase: Phase, exposure: &Exposure) -> f64 {
        let hazards = &self.per_hour[phase.index()];
        let watched = &exposure.secs[phase.index()];
        hazards.iter().zip(watched).map(|(hazard, secs)| hazard * *secs as f64 / 3600.0).sum()
    }

    /// What a tick makes of a phase in `bucket`.
    pub(super) fn step(&self, phase: Phase, bucket: usize, tick_secs: i64) -> Step {
        let begin = AGES_SECS[bucket];
        // A longer tick than the bucket leads through it and others for certain, a shorter one out of
        // it by chance, so that a bucket lasts for its length on average.
        let width = AGES_SECS.get(bucket + 1).map(|end| end - begin);
        let (ages, older) = match width {
            Some(width) if width < tick_secs => (1.0, bucket_of(begin.saturating_add(tick_secs))),
            Some(width) => (tick_secs as f64 / width as f64, bucket + 1),
            None => (0.0, bucket),
        };
        let step_secs = STEP_SECS.max(tick_secs / MOST_STEPS);
        Step { ends: 1.0 - self.lasts(phase, begin, tick_secs, step_secs), ages, older }
    }

    /// The chance that a phase of this age lasts for `secs` more, by steps of so many seconds at most.
    fn lasts(&self, phase: Phase, age_secs: i64, secs: i64, step_secs: i64) -> f64 {
        let (mut lasts, mut at) = (1.0, 0);
        while at < secs && lasts > 0.0 {
            let step = (secs - at).min(step_secs);
            let hazard = self.per_hour(phase, age_secs.saturating_add(at));
            lasts *= 1.0 - (hazard * step as f64 / 3600.0).min(MOST);
            at += step;
        }
        lasts
    }

    /// The chance that a phase of this age lasts for `secs` more, by steps of a minute at most.
    pub fn survival(&self, phase: Phase, age_secs: i64, secs: i64) -> f64 {
        self.lasts(phase, age_secs, secs, 60)
    }

    /// How many times its own length an attempt of `secs` is billed until one succeeds, if each attempt
    /// is started at `age_secs`: m(L) = ∫₀ᴸ S / (L·S(L)). Interruptible capacity with endless retries
    /// pays while this is below the ratio of the prices. `None` where success is practically excluded.
    pub fn attempts_factor(&self, age_secs: i64, secs: i64) -> Option<f64> {
        let mut integral = 0.0;
        let mut survives = 1.0;
        let mut at = 0;
        while at < secs && survives > 0.0 {
            let step = (secs - at).min(60);
            let hazard = self.per_hour(Phase::Up, age_secs.saturating_add(at));
            integral += survives * step as f64;
            survives *= 1.0 - (hazard * step as f64 / 3600.0).min(MOST);
            at += step;
        }
        let factor = integral / (secs.max(1) as f64 * survives);
        factor.is_finite().then_some(factor)
    }
}
