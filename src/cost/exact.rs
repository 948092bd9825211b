//! Sums of parts of accruals, exact until the end.

use crate::domain::amount::div_half_even;
use crate::domain::{Accrual, Usd};

/// Far above any instance's weight in AWS's split of cost, and small enough that nothing overflows.
const LARGEST_DENOMINATOR: i128 = 1 << 40;

/// A sum of `accrual · num / den` over one `den`, kept as whole nano-USD and an exact rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exact {
    nanos: i128,
    /// In parts of `den` · [`Accrual::RAW_PER_NANO`] of a nano; not negative, smaller than a nano.
    rest: i128,
    den: i128,
}

impl Exact {
    /// Zero, over `den`. `None` unless `den` is positive and below 2⁴⁰.
    pub fn over(den: i128) -> Option<Self> {
        (den > 0 && den <= LARGEST_DENOMINATOR).then_some(Exact { nanos: 0, rest: 0, den })
    }

    /// Adds `accrual · num / den`. `num` may be negative; its size must stay below 2⁶⁰.
    pub fn add(&mut self, accrual: Accrual, num: i128) {
        let nano = self.den * Accrual::RAW_PER_NANO;
        let rest = self.rest + accrual.raw().rem_euclid(nano) * num;
        self.nanos += accrual.raw().div_euclid(nano) * num + rest.div_euclid(nano);
        self.rest = rest.rem_euclid(nano);
    }

    /// The sum, rounded once, half to even.
    pub fn rounded(&self) -> Usd {
        let nano = self.den * Accrual::RAW_PER_NANO;
        // An odd nano joins the rest, so that the tie is broken by the whole sum.
        let odd = self.nanos & 1;
        Usd::from_nanos(self.nanos - odd + div_half_even(self.rest + odd * nano, nano))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Share, UsdPerHour};

    #[test]
    fn parts_of_a_whole_add_up_to_it() {
        let accrual = Accrual::of("0.7960".parse().unwrap(), 625_333);
        let mut sum = Exact::over(7).unwrap();
        for num in [1, 2, 4] {
            sum.add(accrual, num);
        }
        assert_eq!(sum.rounded(), accrual.to_usd(Share::WHOLE));
    }

    #[test]
    fn ties_go_to_the_even_nano() {
        // 36,000,000 raw units are one nano.
        for (halves, expected) in [(1, 0), (3, 2), (5, 2), (-1, 0), (-3, -2)] {
            let mut sum = Exact::over(2).unwrap();
            sum.add(Accrual::of(UsdPerHour::from_units(36_000_000), 1), halves);
            assert_eq!(sum.rounded(), Usd::from_nanos(expected), "{halves}/2");
        }
    }

    #[test]
    fn the_largest_price_for_thirty_years_does_not_overflow() {
        let thirty_years = 30 * 366 * 86_400_000;
        let accrual = Accrual::of(UsdPerHour::from_units(i64::MAX), thirty_years);
        let mut sum = Exact::over(LARGEST_DENOMINATOR).unwrap();
        sum.add(accrual, LARGEST_DENOMINATOR);
        assert_eq!(sum.rounded(), accrual.to_usd(Share::WHOLE));
        assert_eq!(Exact::over(LARGEST_DENOMINATOR + 1), None);
    }
}
