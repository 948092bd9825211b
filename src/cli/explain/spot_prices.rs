//! The spot prices behind a cost, so that a person can check it by hand.

use jiff::Timestamp;
use serde::Serialize;

use crate::cli::error::CliError;
use crate::cli::render::value;
use crate::cost::{PriceMode, spot_accrual, spot_pieces};
use crate::domain::{Lifecycle, UsdPerHour, Window};
use crate::ledger::Entry;
use crate::ports::Store;
use crate::run::AttemptRecord;

/// A part of the charged time, and the price of the whole instance in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PricePiece {
    pub from: Timestamp,
    pub until: Timestamp,
    pub millis: i64,
    pub usd_per_hour: UsdPerHour,
}

/// The prices that make up the cost of `entry`, by whichever of AWS's two rules they do to the nano-dollar.
/// Nothing where it is no spot instance's, cost nothing, or the archive does not hold these prices any more.
pub async fn of(
    store: &dyn Store,
    attempt: &AttemptRecord,
    entry: &Entry,
) -> Result<Vec<PricePiece>, CliError> {
    let spot = attempt.host.as_ref().filter(|host| host.lifecycle == Lifecycle::Spot);
    let (Some(host), Some(priced)) = (spot, entry.priced()) else { return Ok(Vec::new()) };
    if priced.first_hour_credit || priced.charged.is_empty() {
        return Ok(Vec::new());
    }
    let charged = priced.charged;
    let window = Window::new(host.launched_at.min(charged.start), charged.end);
    let place = attempt.site.account_region();
    let series = store.price_series(&place, &host.pool(), window).await?;
    let makes_it_up = |mode: &PriceMode| {
        let accrual = spot_accrual(&series, *mode, charged, host.launched_at);
        accrual.is_some_and(|accrual| accrual.to_usd(priced.share) == priced.cost)
    };
    let modes = [PriceMode::Continuous, PriceMode::InstanceHour];
    let pieces = modes
        .into_iter()
        .find(makes_it_up)
        .and_then(|mode| spot_pieces(&series, mode, charged, host.launched_at));
    let piece = |(piece, usd_per_hour): (Window, UsdPerHour)| PricePiece {
        from: piece.start,
        until: piece.end,
        millis: piece.millis(),
        usd_per_hour,
    };
    Ok(pieces.unwrap_or_default().into_iter().map(piece).collect())
}

impl PricePiece {
    /// As a line of the arithmetic.
    pub fn text(&self) -> String {
        format!(
            "{} to {}: {} at ${} an hour",
            value::clock(self.from),
            value::clock(self.until),
            value::secs(self.millis),
            self.usd_per_hour
        )
    }
}
