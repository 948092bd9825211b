//! From worlds to bands.

use serde::Serialize;

use super::{Drawn, Policy, Tally};
use crate::domain::{Ppm, Usd};

/// Where nine of ten worlds lie, and the middle one. Each is the value of a world, never between two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Band<T> {
    /// 5 % of worlds are below.
    pub low: T,
    pub median: T,
    /// 5 % of worlds are above.
    pub high: T,
}

impl<T: Copy + Ord + Default> Band<T> {
    /// Of these values (nearest rank); the default value of none.
    pub fn of(values: impl IntoIterator<Item = T>) -> Self {
        let mut values: Vec<T> = values.into_iter().collect();
        values.sort_unstable();
        let at = |percent: usize| {
            let rank = (values.len() * percent).div_ceil(100).max(1);
            values.get(rank - 1).copied().unwrap_or_default()
        };
        Band { low: at(5), median: at(50), high: at(95) }
    }
}

impl<T> Band<T> {
    /// The same of something else.
    pub fn map<U>(self, to: impl Fn(T) -> U) -> Band<U> {
        Band { low: to(self.low), median: to(self.median), high: to(self.high) }
    }
}

/// One policy over all worlds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyOutcome {
    pub policy: Policy,
    pub cost: Band<Usd>,
    /// Against on demand in the same world.
    pub saved: Band<Usd>,
    /// That as a part of on demand.
    pub saved_part: Band<Ppm>,
    pub misses: Band<u64>,
    pub interruptions: Band<u64>,
    /// What was spent up to the end of each day of the window.
    pub spent: Vec<Band<Usd>>,
}

/// All policies over all worlds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcomes {
    pub policies: Vec<PolicyOutcome>,
}

impl Outcomes {
    /// Of worlds whose tallies stand in the order of `policies`, the first of which is on demand.
    pub fn of(policies: &[Policy], drawn: &[Drawn]) -> Self {
        let each = policies.iter().enumerate();
        Outcomes { policies: each.map(|(index, policy)| outcome(*policy, index, drawn)).collect() }
    }
}

fn outcome(policy: Policy, index: usize, drawn: &[Drawn]) -> PolicyOutcome {
    let worlds = || drawn.iter().filter_map(|world| Some((world.0.get(index)?, world.0.first()?)));
    let saved = |(tally, steady): (&Tally, &Tally)| steady.cost - tally.cost;
    let part = |both: (&Tally, &Tally)| saved(both).ratio_to(both.1.cost).unwrap_or(Ppm::ZERO);
    let days = worlds().map(|(tally, _)| tally.daily.len()).max().unwrap_or(0);
    let spent_by = |day: usize| {
        Band::of(worlds().map(|(tally, _)| tally.daily.iter().take(day + 1).copied().sum::<Usd>()))
    };
    PolicyOutcome {
        policy,
        cost: Band::of(worlds().map(|(tally, _)| tally.cost)),
        saved: Band::of(worlds().map(saved)),
        saved_part: Band::of(worlds().map(part)),
        misses: Band::of(worlds().map(|(tally, _)| tally.misses)),
        interruptions: Band::of(worlds().map(|(tally, _)| tally.interruptions)),
        spent: (0..days).map(spent_by).collect(),
    }
}
