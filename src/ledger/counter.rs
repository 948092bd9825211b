//! Exact running totals. They are written in the same transaction as the fact they count, so that
//! they survive restarts and retention, and are what `/metrics` shows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::{
    AttemptEnd, Capacity, ClassName, EnvironmentName, JobName, LegCause, RunOutcome, Usd,
};

use super::Priced;
use crate::schedule::SkipReason;

const fn catch_up_window() -> SkipReason {
    SkipReason::CatchUpWindow
}

/// What is counted. Labels are bounded: names of the catalogue and closed sets, never ids.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "counter", rename_all = "kebab-case")]
pub enum Counter {
    Runs {
        job: JobName,
        class: ClassName,
        /// Of the last leg; `None` where there was none, and in what was counted before this was
        /// told apart.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        environment: Option<EnvironmentName>,
        outcome: RunOutcome,
    },
    Submissions {
        class: ClassName,
        environment: EnvironmentName,
        capacity: Capacity,
        cause: LegCause,
    },
    Attempts {
        class: ClassName,
        environment: EnvironmentName,
        capacity: Capacity,
        end: AttemptEnd,
    },
    /// Legs that went to capacity that is not taken back after one that was.
    Fallbacks {
        class: ClassName,
        cause: LegCause,
    },
    DeadlinesMet {
        class: ClassName,
    },
    DeadlinesMissed {
        class: ClassName,
    },
    /// Runs that were brought above their class's budget.
    BudgetsExceeded {
        class: ClassName,
    },
    DeadlinesUnreachable {
        class: ClassName,
    },
    Decisions {
        class: ClassName,
        environment: Option<EnvironmentName>,
        reason: String,
    },
    RunsSkipped {
        job: JobName,
        /// Until reasons were told apart it was always the same.
        #[serde(default = "catch_up_window")]
        reason: SkipReason,
    },
    DuplicatesTerminated {
        job: JobName,
    },
    OutcomesUnknown {
        job: JobName,
    },
    /// Legs of which nobody could tell whether they ran, and after which another was sent.
    RunsAgain {
        job: JobName,
    },
    UnpricedAttempts {
        class: ClassName,
        environment: EnvironmentName,
        reason: String,
    },
    /// Final cost, nano-USD.
    CostNanos {
        job: JobName,
        class: ClassName,
        environment: EnvironmentName,
        capacity: Capacity,
    },
    /// Final on-demand equivalent, nano-USD.
    OnDemandNanos {
        job: JobName,
        class: ClassName,
        environment: EnvironmentName,
    },
    /// Final cost of attempts that ended by interruption, infrastructure or a move, nano-USD.
    WasteNanos {
        job: JobName,
        class: ClassName,
        environment: EnvironmentName,
    },
    /// Attempts that were counted as unpriced and have a price after all: unpriced now is
    /// `UnpricedAttempts` less this.
    ResolvedUnpricedAttempts {
        class: ClassName,
        environment: EnvironmentName,
        reason: String,
    },
    /// What final amounts turned out to be higher (or lower) by after they were counted, nano-USD.
    CorrectedNanos {
        amount: CorrectedAmount,
        direction: Direction,
        job: JobName,
        class: ClassName,
        environment: EnvironmentName,
        capacity: Capacity,
    },
    /// The net of both directions, as stores have it that were written before these were told
    /// apart. Never counted any more; a [`Tally`] takes it as [`Counter::CorrectedNanos`].
    #[serde(rename = "correction-nanos")]
    NetCorrectionNanos {
        amount: CorrectedAmount,
        job: JobName,
        class: ClassName,
        environment: EnvironmentName,
        capacity: Capacity,
    },
    /// Time spent waiting for capacity, milliseconds, and how many legs waited.
    QueueWaitMillis {
        environment: EnvironmentName,
    },
    QueueWaits {
        environment: EnvironmentName,
    },
    /// Time from the scheduled time to the durable intent, milliseconds, and how many.
    ScheduleLagMillis,
    ScheduleLags,
}

/// Which of an attempt's amounts a correction is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CorrectedAmount {
    Cost,
    OnDemand,
    Waste,
}

impl CorrectedAmount {
    pub const ALL: [CorrectedAmount; 3] =
        [CorrectedAmount::Cost, CorrectedAmount::OnDemand, CorrectedAmount::Waste];

    /// This amount of a priced attempt.
    pub const fn of(self, priced: &Priced) -> Usd {
        match self {
            CorrectedAmount::Cost => priced.cost,
            CorrectedAmount::OnDemand => priced.on_demand,
            CorrectedAmount::Waste => priced.waste,
        }
    }

    /// Stable, for metrics.
    pub const fn label(self) -> &'static str {
        match self {
            CorrectedAmount::Cost => "cost",
            CorrectedAmount::OnDemand => "on-demand-equivalent",
            CorrectedAmount::Waste => "waste",
        }
    }
}

/// Which way an amount was corrected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    Up,
    Down,
}

impl Direction {
    /// Which way `nanos` leads, and how far.
    pub const fn of(nanos: i128) -> (Direction, i128) {
        if nanos < 0 { (Direction::Down, -nanos) } else { (Direction::Up, nanos) }
    }

    /// `nanos` of this direction as an amount to add.
    pub const fn signed(self, nanos: i128) -> i128 {
        match self {
            Direction::Up => nanos,
            Direction::Down => -nanos,
        }
    }

    /// Stable, for metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Direction::Up => "up",
            Direction::Down => "down",
        }
    }
}

/// All totals in memory. Cheap to read at scrape time; loaded from the store at start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    totals: BTreeMap<Counter, i128>,
}

impl Tally {
    pub fn add(&mut self, counter: Counter, by: i128) {
        let (counter, by) = of_today(counter, by);
        *self.totals.entry(counter).or_default() += by;
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Counter, i128)> {
        self.totals.iter().map(|(counter, value)| (counter, *value))
    }

    /// The sum over every counter that `select` accepts.
    pub fn sum(&self, select: impl Fn(&Counter) -> bool) -> i128 {
        self.iter().filter(|(counter, _)| select(counter)).map(|(_, value)| value).sum()
    }

    /// A final amount over all labels, corrections included.
    pub fn corrected(&self, amount: CorrectedAmount) -> Usd {
        use CorrectedAmount::{Cost, OnDemand, Waste};
        let nanos = self.iter().map(|(counter, value)| match counter {
            Counter::CostNanos { .. } if amount == Cost => value,
            Counter::OnDemandNanos { .. } if amount == OnDemand => value,
            Counter::WasteNanos { .. } if amount == Waste => value,
            Counter::CorrectedNanos { amount: of, direction, .. } if amount == *of => {
                direction.signed(value)
            }
            _ => 0,
        });
        Usd::from_nanos(nanos.sum())
    }

    /// Final on-demand equivalent minus final cost, corrections included: what was really saved.
    pub fn realized_savings(&self) -> Usd {
        self.corrected(CorrectedAmount::OnDemand) - self.corrected(CorrectedAmount::Cost)
    }

    /// The sum of a money counter over all labels.
    pub fn usd(&self, select: impl Fn(&Counter) -> bool) -> Usd {
        Usd::from_nanos(self.sum(select))
    }
}

/// What an older store's counter is called today. Its total stands still, so that what it becomes
/// can only rise.
fn of_today(counter: Counter, by: i128) -> (Counter, i128) {
    match counter {
        Counter::NetCorrectionNanos { amount, job, class, environment, capacity } => {
            let (direction, by) = Direction::of(by);
            let counter =
                Counter::CorrectedNanos { amount, direction, job, class, environment, capacity };
            (counter, by)
        }
        counter => (counter, by),
    }
}

impl FromIterator<(Counter, i128)> for Tally {
    fn from_iter<I: IntoIterator<Item = (Counter, i128)>>(iter: I) -> Self {
        let mut tally = Tally::default();
        for (counter, value) in iter {
            tally.add(counter, value);
        }
        tally
    }
}
