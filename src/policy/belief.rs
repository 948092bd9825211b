//! What phase an environment is thought to be in. Nobody probes it: a trouble is seen, a success is seen,
//! and in between it goes on unseen. An environment is a mixture of pools, and a trouble is first of all
//! one pool's.

use super::lifetimes::{BUCKETS, Lifetimes, bucket_of};
use super::{Phase, ticks_up};

/// The chance of each phase and age.
#[derive(Debug, Clone, PartialEq)]
pub struct Belief {
    chances: [[f64; BUCKETS]; 2],
}

/// A time in which nobody looked is gone through in so many steps at most.
const MOST_STEPS: i64 = 512;

impl Belief {
    /// For certain.
    pub fn of(phase: Phase, age_secs: i64) -> Belief {
        let mut chances = [[0.0; BUCKETS]; 2];
        chances[phase.index()][bucket_of(age_secs)] = 1.0;
        Belief { chances }
    }

    /// Up for as long as anybody can tell.
    pub fn settled() -> Belief {
        Belief::of(Phase::Up, i64::MAX)
    }

    /// This one with the weight `share`, and the other with the rest.
    pub fn or(&self, share: f64, other: &Belief) -> Belief {
        let at = |phase: usize, bucket: usize| {
            let (this, other) = (self.chances[phase][bucket], other.chances[phase][bucket]);
            share * this + (1.0 - share) * other
        };
        let all = |phase| std::array::from_fn(|bucket| at(phase, bucket));
        Belief { chances: [all(0), all(1)] }
    }

    /// After `secs` in which nobody looked, by whole steps of a tick, or longer ones where the time is long.
    pub fn after(&self, lifetimes: &Lifetimes, secs: i64, tick_secs: i64) -> Belief {
        let mut belief = self.clone();
        let step_secs = ticks_up(secs, MOST_STEPS).max(tick_secs).max(1);
        for _ in 0..secs / step_secs {
            belief = belief.step(lifetimes, step_secs);
        }
        belief
    }

    fn step(&self, lifetimes: &Lifetimes, tick_secs: i64) -> Belief {
        let mut next = [[0.0; BUCKETS]; 2];
        for phase in [Phase::Up, Phase::Down] {
            for bucket in 0..BUCKETS {
                let chance = self.chances[phase.index()][bucket];
                let step = lifetimes.step(phase, bucket, tick_secs);
                next[phase.other().index()][0] += chance * step.ends;
                let stays = chance * (1.0 - step.ends);
                next[phase.index()][bucket] += stays * (1.0 - step.ages);
                next[phase.index()][step.older] += stays * step.ages;
            }
        }
        Belief { chances: next }
    }

    /// The chance that there is capacity.
    pub fn up(&self) -> f64 {
        self.chances[Phase::Up.index()].iter().sum()
    }

    /// Every phase and bucket with its chance, those without one left out.
    pub(super) fn states(&self) -> impl Iterator<Item = (Phase, usize, f64)> {
        [Phase::Up, Phase::Down].into_iter().flat_map(move |phase| {
            let chances = self.chances[phase.index()].into_iter().enumerate();
            chances
                .filter(|(_, chance)| *chance > 0.0)
                .map(move |(bucket, chance)| (phase, bucket, chance))
        })
    }
}
