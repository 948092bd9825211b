//! When pools have capacity, and where a launch goes: in one drawn world.

use rand::{Rng, RngExt};

use crate::policy::Phase;
use crate::policy::lifetimes::{AGES_SECS, BUCKETS, Lifetimes};

/// A span in which a pool has capacity, milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Up {
    pub from: i64,
    pub until: i64,
}

/// One pool's spans with capacity, in order, apart from each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Availability(Vec<Up>);

impl Availability {
    /// Capacity for ever.
    pub fn always() -> Self {
        Availability(vec![Up { from: i64::MIN, until: i64::MAX }])
    }

    /// Never any.
    pub fn never() -> Self {
        Availability::default()
    }

    /// Of spans as (from, until), in order and apart from each other.
    pub fn of_spans(spans: impl IntoIterator<Item = (i64, i64)>) -> Self {
        Availability(spans.into_iter().map(|(from, until)| Up { from, until }).collect())
    }

    /// Drawn up to `until`, beginning with `phase` at `from`, both milliseconds since 1970.
    pub fn drawn(
        lifetimes: &Lifetimes,
        phase: Phase,
        from: i64,
        until: i64,
        dice: &mut impl Rng,
    ) -> Self {
        let (mut spans, mut phase, mut at) = (Vec::new(), phase, from);
        while at < until {
            let ends = at.saturating_add(lifetime(lifetimes, phase, dice));
            if phase == Phase::Up {
                spans.push(Up { from: at, until: ends });
            }
            (at, phase) = (ends, phase.other());
        }
        Availability(spans)
    }

    pub fn spans(&self) -> &[Up] {
        &self.0
    }
}

/// How long a phase lasts from its beginning, milliseconds: the time at which the sum of its hazards reaches
/// an exponential draw. A thousand centuries where no hazard ends it.
fn lifetime(lifetimes: &Lifetimes, phase: Phase, dice: &mut impl Rng) -> i64 {
    const FOREVER: i64 = i64::MAX / 4;
    let mut left = exponential(dice);
    for (bucket, begin) in AGES_SECS.iter().enumerate() {
        let hazard = lifetimes.per_hour(phase, *begin);
        let width = AGES_SECS.get(bucket + 1).map(|end| (end - begin) as f64 / 3600.0);
        match width {
            Some(width) if left >= hazard * width => left -= hazard * width,
            _ if hazard <= 0.0 => return FOREVER,
            _ => {
                let millis = *begin as f64 * 1000.0 + left / hazard * 3_600_000.0;
                return (millis as i64).clamp(1, FOREVER);
            }
        }
    }
    debug_assert_eq!(AGES_SECS.len(), BUCKETS);
    FOREVER
}

/// An exponential draw with mean 1, by comparisons only, so that every machine draws the same (von Neumann,
/// "Various techniques used in connection with random digits", 1951).
fn exponential(dice: &mut impl Rng) -> f64 {
    let mut whole = 0.0;
    loop {
        let first: f64 = dice.random();
        let (mut last, mut falling) = (first, 1u32);
        loop {
            let next: f64 = dice.random();
            if next >= last {
                break;
            }
            (last, falling) = (next, falling + 1);
        }
        if falling % 2 == 1 {
            return whole + first;
        }
        whole += 1.0;
    }
}

/// Where launches go for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Launch {
    /// Milliseconds since 1970.
    pub from: i64,
    /// When the pool loses its capacity, and takes what runs there with it.
    pub until: i64,
    /// Which of the environment's pools.
    pub pool: usize,
}

/// Where launches into an environment go, for all time: to the pool that has had capacity longest, as the
/// strategy `SPOT_PRICE_CAPACITY_OPTIMIZED` seeks the pool that is least likely to be interrupted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Launches(Vec<Launch>);

impl Launches {
    /// Of pools with these availabilities, each usable from the moment beside it.
    pub fn of(pools: &[(&Availability, i64)]) -> Self {
        let mut next = vec![0; pools.len()];
        let mut launches = Vec::new();
        let mut at = i64::MIN;
        loop {
            let (mut oldest, mut soonest): (Option<Launch>, Option<i64>) = (None, None);
            for (pool, (availability, usable_from)) in pools.iter().enumerate() {
                let spans = availability.spans();
                while spans.get(next[pool]).is_some_and(|up| up.until <= at.max(*usable_from)) {
                    next[pool] += 1;
                }
                let Some(up) = spans.get(next[pool]) else { continue };
                let from = up.from.max(*usable_from);
                if from > at {
                    soonest = Some(soonest.map_or(from, |soonest| soonest.min(from)));
                } else if oldest.is_none_or(|oldest| from < oldest.from) {
                    oldest = Some(Launch { from, until: up.until, pool });
                }
            }
            match (oldest, soonest) {
                (Some(oldest), _) => {
                    launches.push(Launch { from: at, ..oldest });
                    at = oldest.until;
                }
                (None, Some(soonest)) => at = soonest,
                (None, None) => return Launches(launches),
            }
        }
    }

    /// The first launch that succeeds if it is asked for from `at` on; it begins at `from`, not before `at`.
    pub fn from(&self, at: i64) -> Option<Launch> {
        let index = self.0.partition_point(|launch| launch.until <= at);
        self.0.get(index).map(|launch| Launch { from: launch.from.max(at), ..*launch })
    }

    /// Whether a launch would succeed now.
    pub fn are_up(&self, at: i64) -> bool {
        self.from(at).is_some_and(|launch| launch.from == at)
    }
}
