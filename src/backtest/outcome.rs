//! What came of it: of one run, and of all of them in one world.

use crate::domain::Usd;

/// What became of one run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    pub cost: Usd,
    pub interruptions: u64,
    /// It was late, or never done.
    pub missed: bool,
}

/// The sums of one policy in one world.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    pub cost: Usd,
    pub interruptions: u64,
    /// Runs that were late, or never done.
    pub misses: u64,
    /// The cost of the runs of each day of the window.
    pub daily: Vec<Usd>,
}

impl Tally {
    /// Nothing yet, of so many days.
    pub fn of_days(days: usize) -> Self {
        Tally { daily: vec![Usd::ZERO; days], ..Tally::default() }
    }

    pub(super) fn add(&mut self, day: usize, outcome: Outcome) {
        self.cost += outcome.cost;
        self.interruptions += outcome.interruptions;
        self.misses += u64::from(outcome.missed);
        if let Some(daily) = self.daily.get_mut(day) {
            *daily += outcome.cost;
        }
    }
}

/// One world: a tally for each policy, in the order of [`super::Backtest::policies`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn(pub Vec<Tally>);
