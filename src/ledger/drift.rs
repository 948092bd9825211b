//! A day's bill beside the ledger, in sums.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::BilledPart;
use crate::domain::{EnvironmentName, Ppm, Usd};

/// Amounts of one day and environment, or sums of them: `billed = ledger + idle + unpriced + rounding +
/// drift`, exactly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    pub billed: Usd,
    /// The cost of the ledger's lines.
    pub ledger: Usd,
    /// Paid for and not reserved by any attempt.
    pub idle: Usd,
    /// In its place where attempts without a price, or still running, used some of it; and what is
    /// billed where no price or end is known.
    pub unpriced: Usd,
    /// At most half a nano for each amount that was rounded.
    pub rounding: Usd,
    /// What is left over.
    pub drift: Usd,
}

impl Sums {
    /// Drift as a part of what was billed; `None` where that is nothing.
    pub fn ratio(&self) -> Option<Ppm> {
        self.drift.ratio_to(self.billed)
    }

    pub fn add(&mut self, other: &Sums) {
        self.billed += other.billed;
        self.ledger += other.ledger;
        self.idle += other.idle;
        self.unpriced += other.unpriced;
        self.rounding += other.rounding;
        self.drift += other.drift;
    }

    /// What `billed` by so many lines comes to beside what the ledger expects.
    pub fn of(billed: Usd, lines: usize, part: &BilledPart) -> Self {
        let mut sums = Sums { billed, ledger: part.attempts, ..Sums::default() };
        let Some(rest) = part.rest else {
            sums.unpriced = billed - part.attempts;
            return sums;
        };
        *(if part.rest_is_unpriced { &mut sums.unpriced } else { &mut sums.idle }) = rest;
        let left = billed - part.attempts - rest;
        // The sum of the lines was rounded, too, and each of them by AWS.
        let rounded = i128::from(part.rounded) + lines as i128 + 1;
        if left.nanos().abs() * 2 <= rounded {
            sums.rounding = left;
        } else if part.end_unknown {
            sums.unpriced += left;
        } else {
            sums.drift = left;
        }
        sums
    }
}

/// One day (UTC) of one environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayDrift {
    pub day: Date,
    /// `None`: of instances that no attempt is known on.
    pub environment: Option<EnvironmentName>,
    #[serde(flatten)]
    pub sums: Sums,
}

/// The newest day of an environment that was reconciled, and when that was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciled {
    pub environment: EnvironmentName,
    pub day: Date,
    pub at: Timestamp,
    pub sums: Sums,
}
