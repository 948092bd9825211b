//! Which spot prices are not believed. A price that cannot be is worse than none: too low, it draws every
//! run to one pool; too high, it sends them all away.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::PoolQuote;
use crate::domain::UsdPerHour;

/// No spot price is above so many times the on-demand price: until 2017 the highest bid that EC2 took, and
/// since then spot prices move slowly below it.
const TIMES_ON_DEMAND: i128 = 10;
/// A price that became so many times as high, or as low, is doubted.
const TIMES_BEFORE: i128 = 100;
/// A jump is believed when so many refreshes in a row have shown it.
const CONFIRMATIONS: u8 = 3;

/// Why a spot price is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Absurdity {
    /// It is zero or less.
    NotPositive,
    /// It is above ten times the on-demand list price.
    AboveOnDemand { on_demand: UsdPerHour },
    /// It is a hundredfold, or a hundredth, of the price before, and is not confirmed yet.
    Jump { from: UsdPerHour },
}

impl PoolQuote {
    /// Why its spot price is not believed; `None` where it is, or where there is none.
    pub fn absurdity(&self) -> Option<Absurdity> {
        let spot = self.spot?;
        if spot <= UsdPerHour::ZERO {
            return Some(Absurdity::NotPositive);
        }
        let below = |listed: &UsdPerHour| is_above(spot, TIMES_ON_DEMAND, *listed);
        if let Some(on_demand) = self.listed().filter(below) {
            return Some(Absurdity::AboveOnDemand { on_demand });
        }
        self.jumped_from.map(|from| Absurdity::Jump { from })
    }

    /// Its on-demand list price; one of nothing is none.
    pub fn listed(&self) -> Option<UsdPerHour> {
        self.on_demand.filter(|price| *price > UsdPerHour::ZERO)
    }

    /// Its spot price, if that is believed.
    pub fn believed_spot(&self) -> Option<UsdPerHour> {
        self.spot.filter(|_| self.absurdity().is_none())
    }
}

fn is_above(price: UsdPerHour, times: i128, other: UsdPerHour) -> bool {
    i128::from(price.units()) > times * i128::from(other.units())
}

fn is_jump(one: UsdPerHour, other: UsdPerHour) -> bool {
    let (low, high) = (one.min(other), one.max(other));
    low > UsdPerHour::ZERO && i128::from(high.units()) >= TIMES_BEFORE * i128::from(low.units())
}

/// What is known of one pool's spot price: the newest point, and whether it is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownSpot {
    pub price: UsdPerHour,
    pub effective_from: Timestamp,
    /// When a refresh last showed the pool.
    pub seen_at: Timestamp,
    /// The newest price that was no jump, or was confirmed.
    believed: Option<UsdPerHour>,
    /// Refreshes in a row that showed the jump from there to `price`.
    confirmations: u8,
}

impl KnownSpot {
    /// The first point of a pool: there is nothing to doubt it by.
    pub fn new(price: UsdPerHour, effective_from: Timestamp, seen_at: Timestamp) -> Self {
        let mut known =
            KnownSpot { price, effective_from, seen_at, believed: None, confirmations: 0 };
        known.change(price);
        known
    }

    /// Takes one point in; an older one than the newest says nothing new.
    pub fn take(&mut self, price: UsdPerHour, effective_from: Timestamp, seen_at: Timestamp) {
        self.seen_at = self.seen_at.max(seen_at);
        if self.effective_from <= effective_from {
            self.effective_from = effective_from;
            if price != self.price {
                self.change(price);
            }
        }
    }

    fn change(&mut self, price: UsdPerHour) {
        let goes_on = is_jump(self.price, price);
        self.price = price;
        if goes_on {
            self.confirmations = 0;
        }
        if price > UsdPerHour::ZERO && self.jumped_from().is_none() {
            self.believed = Some(price);
        }
    }

    /// A refresh that showed the pool is over.
    pub fn refreshed(&mut self) {
        if self.jumped_from().is_none() {
            self.confirmations = 0;
            return;
        }
        self.confirmations += 1;
        if self.confirmations >= CONFIRMATIONS {
            self.believed = Some(self.price);
            self.confirmations = 0;
        }
    }

    /// The price that it jumped from, as long as the jump is not believed.
    pub fn jumped_from(&self) -> Option<UsdPerHour> {
        self.believed.filter(|before| is_jump(*before, self.price))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(text: &str) -> UsdPerHour {
        text.parse().unwrap()
    }

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// One refresh that shows these points, and whether the price is doubted after it.
    fn refresh(known: &mut KnownSpot, points: &[(i64, &str)]) -> bool {
        for (at, text) in points {
            known.take(price(text), second(*at), second(1000));
        }
        known.refreshed();
        known.jumped_from().is_some()
    }

    fn known() -> KnownSpot {
        KnownSpot::new(price("0.06"), second(0), second(0))
    }

    #[test]
    fn a_hundredfold_is_doubted_until_three_refreshes_have_shown_it() {
        for far in ["6", "0.0006"] {
            let mut known = known();
            let doubted = [(); 4].map(|()| refresh(&mut known, &[(0, "0.06"), (10, far)]));
            assert_eq!(doubted, [true, true, false, false], "{far}");
            assert_eq!(known.price, price(far));
        }
        assert!(!refresh(&mut known(), &[(10, "5.9999")]), "nearly a hundredfold");
    }

    #[test]
    fn a_spike_that_goes_away_leaves_nothing_behind() {
        let mut known = known();
        assert!(refresh(&mut known, &[(10, "7")]));
        assert!(refresh(&mut known, &[(10, "7")]));
        assert!(!refresh(&mut known, &[(20, "0.061")]), "back to what was believed");
        let again = [(); 3].map(|()| refresh(&mut known, &[(30, "7")]));
        assert_eq!(again, [true, true, false], "counted from the beginning");
    }

    #[test]
    fn a_jump_that_moves_a_little_is_the_same_jump_and_one_that_jumps_on_is_another() {
        let mut moves = known();
        let doubted = ["7", "7.1", "7.2"].map(|far| refresh(&mut moves, &[(10, far)]));
        assert_eq!(doubted, [true, true, false]);
        let mut jumps = known();
        let doubted = ["7", "700", "700", "700"].map(|far| refresh(&mut jumps, &[(10, far)]));
        assert_eq!(doubted, [true, true, true, false]);
    }

    #[test]
    fn a_price_of_nothing_is_no_price_to_jump_from() {
        let mut known = known();
        assert!(!refresh(&mut known, &[(10, "0")]), "that is absurd by itself");
        assert!(!refresh(&mut known, &[(20, "0.06")]));
        assert!(refresh(&mut known, &[(30, "0"), (40, "6")]), "from 0.06");
    }

    #[test]
    fn the_order_of_points_does_not_matter_between_old_and_new() {
        let mut known = known();
        assert!(!refresh(&mut known, &[(20, "0.05"), (10, "9")]), "the spike is past");
        assert_eq!(known.price, price("0.05"));
    }
}
