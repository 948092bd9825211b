//! What a line of the bill says that something cost. AWS writes more decimals than a nano-dollar has,
//! and some of its files write them with an exponent.

use std::iter::Sum;
use std::ops::{Add, AddAssign};
use std::str::FromStr;

use crate::domain::Usd;
use crate::domain::amount::div_half_even;

const PLACES: i64 = 18;
const PER_NANO: i128 = 1_000_000_000;
/// A trillion dollars: so much no line costs, and twenty million of them can still be added.
const LARGEST: i128 = 10i128.pow(30);

/// An amount in units of 10⁻¹⁸ USD. Digits beyond are rounded, half to even, when it is read; sums
/// lose nothing, and become nano-dollars once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Charge(i128);

/// Why a text is no amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseChargeError {
    #[error("not a decimal number")]
    NotDecimal,
    #[error("larger than any bill")]
    TooLarge,
}

impl Charge {
    pub const ZERO: Charge = Charge(0);

    /// Rounded once, half to even.
    pub fn to_usd(self) -> Usd {
        Usd::from_nanos(div_half_even(self.0, PER_NANO))
    }

    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl FromStr for Charge {
    type Err = ParseChargeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (number, exponent) = match rest.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, exponent_of(exponent)?),
            None => (rest, 0),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() && fraction.is_empty() || !digits(whole) || !digits(fraction) {
            return Err(ParseChargeError::NotDecimal);
        }
        let amount = scaled(whole, fraction.trim_end_matches('0'), exponent)?;
        Ok(Charge(if negative { -amount } else { amount }))
    }
}

fn exponent_of(text: &str) -> Result<i64, ParseChargeError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ParseChargeError::NotDecimal);
    }
    if digits.len() > 4 {
        return Err(ParseChargeError::TooLarge);
    }
    text.strip_prefix('+').unwrap_or(text).parse().map_err(|_| ParseChargeError::NotDecimal)
}

/// The digits as an integer of the smallest unit.
fn scaled(whole: &str, fraction: &str, exponent: i64) -> Result<i128, ParseChargeError> {
    let too_large = ParseChargeError::TooLarge;
    let whole = whole.trim_start_matches('0');
    // More digits than an integer holds only ever stand behind the point: of doubles, written out.
    let kept = &fraction[..fraction.len().min(36usize.saturating_sub(whole.len()))];
    let digits = format!("0{whole}{kept}");
    let number: i128 = digits.parse().map_err(|_| too_large)?;
    let shift = PLACES - kept.len() as i64 + exponent;
    let amount = match u32::try_from(shift) {
        Ok(_) if number == 0 => 0,
        Ok(up) => {
            let factor = 10i128.checked_pow(up).ok_or(too_large)?;
            number.checked_mul(factor).ok_or(too_large)?
        }
        Err(_) => match 10i128.checked_pow(shift.unsigned_abs() as u32) {
            Some(factor) => div_half_even(number, factor),
            None => 0,
        },
    };
    if amount < LARGEST { Ok(amount) } else { Err(too_large) }
}

impl Add for Charge {
    type Output = Charge;
    fn add(self, other: Charge) -> Charge {
        Charge(self.0 + other.0)
    }
}

impl AddAssign for Charge {
    fn add_assign(&mut self, other: Charge) {
        self.0 += other.0;
    }
}

impl Sum for Charge {
    fn sum<I: Iterator<Item = Charge>>(iter: I) -> Charge {
        iter.fold(Charge::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(text: &str) -> String {
        text.parse::<Charge>().unwrap().to_usd().to_string()
    }

    #[test]
    fn every_way_that_aws_writes_an_amount_is_exact() {
        assert_eq!(usd("0.0142000000"), "0.014200");
        assert_eq!(usd("-3"), "-3.000000");
        assert_eq!(usd("4.0E-10"), "0.000000");
        assert_eq!(usd("1.5E-8"), "0.000000015");
        assert_eq!(usd("2.5e+1"), "25.000000");
        assert_eq!(usd("0.00012345678901234567"), "0.000123457");
        assert_eq!(usd("0.1000000000000000055511151231257827021181583404541015625"), "0.100000");
        assert_eq!(usd("1E-2000"), "0.000000");
        let tenths: Charge = std::iter::repeat_n("4.0E-10".parse::<Charge>().unwrap(), 10).sum();
        assert_eq!(tenths.to_usd().nanos(), 4);
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        use ParseChargeError::{NotDecimal, TooLarge};
        for (text, error) in [
            ("", NotDecimal),
            (".", NotDecimal),
            ("-", NotDecimal),
            ("1,5", NotDecimal),
            ("NaN", NotDecimal),
            ("1e", NotDecimal),
            ("1e--2", NotDecimal),
            (" 1", NotDecimal),
            ("1e99", TooLarge),
            ("1e99999", TooLarge),
            ("1000000000000", TooLarge),
            ("99999999999999999999999999999999999999999999", TooLarge),
        ] {
            assert_eq!(text.parse::<Charge>(), Err(error), "{text:?}");
        }
        assert!("999999999999.9".parse::<Charge>().is_ok());
    }
}
