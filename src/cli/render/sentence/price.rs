//! Prices that are not believed.

use crate::cli::render::value::price;
use crate::domain::UsdPerHour;
use crate::market::Absurdity;

/// Why a spot price of so much is not believed.
pub fn absurd(now: UsdPerHour, why: Absurdity) -> String {
    match why {
        Absurdity::NotPositive => format!("{} an hour is no price", price(now)),
        Absurdity::AboveOnDemand { on_demand } => format!(
            "{} an hour is more than ten times the {} on demand",
            price(now),
            price(on_demand)
        ),
        Absurdity::Jump { from } => format!(
            "{} an hour after {} is not confirmed by three refreshes yet",
            price(now),
            price(from)
        ),
    }
}
