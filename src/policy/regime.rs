//! How available a pool has been of late. Pools keep their character for days: of two pools whose phase
//! has the same age, the one that was up for most of the last two days stays up longer.

use super::Phase;
use super::lifetimes::{Exposure, Lifetimes};

/// How fast the past fades, seconds: two days.
const MEMORY_SECS: f64 = 172_800.0;
/// What a pool that nobody watched counts as, tuned on the traces of October 2022, whose pools were up for
/// 0.52 of the time (those of November and December for 0.53 and 0.69).
const UNKNOWN: f64 = 0.6;
/// Where the regimes begin, but the first.
const BEGINS: [f64; REGIMES - 1] = [0.2, 0.4, 0.6, 0.8];
/// Number of regimes.
pub const REGIMES: usize = 5;
/// The weight of the pooled hazards in a regime's own, hours in each age bucket.
const POOLED_HOURS: f64 = 10.0;

/// A pool's availability, fading with time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Availability(f64);

impl Default for Availability {
    fn default() -> Availability {
        Availability(UNKNOWN)
    }
}

impl Availability {
    /// After `secs` more in `phase`. An exponential mean whose weight is made without the exponential,
    /// exact for short steps.
    pub fn watched(self, phase: Phase, secs: i64) -> Availability {
        let secs = secs.max(0) as f64;
        let weight = secs / (MEMORY_SECS + secs);
        let target = if phase == Phase::Up { 1.0 } else { 0.0 };
        Availability(self.0 + (target - self.0) * weight)
    }

    /// Which regime that is, of [`REGIMES`].
    pub fn regime(self) -> usize {
        BEGINS.iter().filter(|begin| self.0 > **begin).count()
    }

    /// As a part of the time.
    pub const fn share(self) -> f64 {
        self.0
    }
}

/// What was watched in each regime.
#[derive(Debug, Clone, Default)]
pub struct Watched {
    by_regime: [Exposure; REGIMES],
}

impl Watched {
    /// As [`Exposure::watch`], under an availability.
    pub fn watch(
        &mut self,
        availability: Availability,
        phase: Phase,
        from_age_secs: i64,
        to_age_secs: i64,
        ended: bool,
    ) {
        self.by_regime[availability.regime()].watch(phase, from_age_secs, to_age_secs, ended);
    }

    /// Adds what was watched of another pool.
    pub fn add(&mut self, other: &Watched) {
        for (mine, other) in self.by_regime.iter_mut().zip(&other.by_regime) {
            mine.add(other);
        }
    }

    /// All regimes together.
    pub fn pooled(&self) -> Lifetimes {
        let mut all = Exposure::default();
        for exposure in &self.by_regime {
            all.add(exposure);
        }
        Lifetimes::pooled(&all)
    }

    /// Each regime's own, drawn towards the pooled ones.
    pub fn lifetimes(&self) -> [Lifetimes; REGIMES] {
        let pooled = self.pooled();
        std::array::from_fn(|regime| {
            Lifetimes::shrunk_to(&pooled, POOLED_HOURS, &self.by_regime[regime])
        })
    }
}
