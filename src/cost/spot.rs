//! Spot prices over time.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::{Accrual, UsdPerHour, Window};
use crate::market::PriceSeries;

/// Which spot price holds for a second. AWS documents both: "the Spot price that's in effect, billed
/// to the nearest second", and one line per instance-hour with the price at its beginning (the data
/// feed, and the pricing-model announcement of 2017).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PriceMode {
    /// The price in effect in that very second.
    Continuous,
    /// The price in effect when that hour of the instance began.
    #[default]
    InstanceHour,
}

impl PriceMode {
    pub const fn label(self) -> &'static str {
        match self {
            PriceMode::Continuous => "continuous",
            PriceMode::InstanceHour => "instance-hour",
        }
    }
}

/// Spot price × time over `window` on an instance launched at `launched_at`. `None` when a price
/// that it needs lies before the first known one: never guessed.
pub fn spot_accrual(
    series: &PriceSeries,
    mode: PriceMode,
    window: Window,
    launched_at: Timestamp,
) -> Option<Accrual> {
    match mode {
        PriceMode::Continuous => series.accrue(window),
        PriceMode::InstanceHour => series.accrue_by_hour(window, launched_at),
    }
}

/// What [`spot_accrual`] adds up: the parts of `window` and the price that holds in each, those of one price
/// that touch together.
pub fn spot_pieces(
    series: &PriceSeries,
    mode: PriceMode,
    window: Window,
    launched_at: Timestamp,
) -> Option<Vec<(Window, UsdPerHour)>> {
    let mut pieces: Vec<(Window, UsdPerHour)> = Vec::new();
    let add = |piece: Window, price| match pieces.last_mut() {
        Some((last, same)) if *same == price && last.end == piece.start => last.end = piece.end,
        _ => pieces.push((piece, price)),
    };
    match mode {
        PriceMode::Continuous => series.pieces(window, add)?,
        PriceMode::InstanceHour => series.pieces_by_hour(window, launched_at, add)?,
    }
    Some(pieces)
}
