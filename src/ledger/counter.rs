//! Exact running totals. They are written in the same transaction as the fact they count, so that
//! they survive restarts and retention, and are what `/metrics` shows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::{
    AttemptEnd, Capacity, ClassName, EnvironmentName, JobName, LegCause, RunOutcome, Usd,
};

use super::Priced;

/// What is counted. Labels are bounded: names of the catalogue and closed sets, never ids.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "counter", rename_all = "kebab-case")]
pub enum Counter {
    Runs {
        job: JobName,
        class: ClassName,
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
    Decisions {
        class: ClassName,
        environment: Option<EnvironmentName>,
        reason: String,
    },
    RunsSkipped {
        job: JobName,
    },
    DuplicatesTerminated {
        job: JobName,
    },
    OutcomesUnknown {
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
    /// What final amounts turned out to differ by after they were counted, nano-USD. May fall.
    CorrectionNanos {
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

/// All totals in memory. Cheap to read at scrape time; loaded from the store at start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    totals: BTreeMap<Counter, i128>,
}

impl Tally {
    pub fn add(&mut self, counter: Counter, by: i128) {
        *self.totals.entry(counter).or_default() += by;
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Counter, i128)> {
        self.totals.iter().map(|(counter, value)| (counter, *value))
    }

    /// The sum over every counter that `select` accepts.
    pub fn sum(&self, select: impl Fn(&Counter) -> bool) -> i128 {
        self.iter().filter(|(counter, _)| select(counter)).map(|(_, value)| value).sum()
    }

    /// Final on-demand equivalent minus final cost, corrections included: what was really saved.
    pub fn realized_savings(&self) -> Usd {
        use CorrectedAmount::{Cost, OnDemand};
        let nanos = self.iter().map(|(counter, value)| match counter {
            Counter::OnDemandNanos { .. } | Counter::CorrectionNanos { amount: OnDemand, .. } => {
                value
            }
            Counter::CostNanos { .. } | Counter::CorrectionNanos { amount: Cost, .. } => -value,
            _ => 0,
        });
        Usd::from_nanos(nanos.sum())
    }

    /// The sum of a money counter over all labels.
    pub fn usd(&self, select: impl Fn(&Counter) -> bool) -> Usd {
        Usd::from_nanos(self.sum(select))
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
