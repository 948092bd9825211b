//! Exact money. Prices are integers of 10⁻¹⁰ USD an hour (the Price List gives ten decimal places),
//! amounts are integers of 10⁻⁹ USD, and the product of a price and a time is kept as an unrounded
//! integer until the one division at the end, which rounds half to even.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const PRICE_PLACES: u32 = 10;
const AMOUNT_PLACES: u32 = 9;
const MILLIS_PER_HOUR: i128 = 3_600_000;
/// Price units (10⁻¹⁰) in one amount unit (10⁻⁹).
const PRICE_UNITS_PER_NANO: i128 = 10;

/// Why a text is not an exact, non-negative decimal amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseAmountError {
    #[error("not a decimal number")]
    NotDecimal,
    #[error("more than {0} decimal places")]
    TooPrecise(u32),
    #[error("too large")]
    TooLarge,
}

/// A price of capacity in USD per hour, exact to ten decimal places. Never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UsdPerHour(i64);

impl UsdPerHour {
    pub const ZERO: UsdPerHour = UsdPerHour(0);

    /// From integer units of 10⁻¹⁰ USD an hour.
    pub const fn from_units(units: i64) -> Self {
        UsdPerHour(units)
    }

    /// In integer units of 10⁻¹⁰ USD an hour.
    pub const fn units(self) -> i64 {
        self.0
    }

    /// This price times `ppm` millionths, rounded half to even.
    pub fn scaled(self, ppm: Ppm) -> Self {
        let scaled = div_half_even(i128::from(self.0) * i128::from(ppm.0), 1_000_000);
        let farthest = i128::from(i64::MAX);
        UsdPerHour(scaled.clamp(-farthest, farthest) as i64)
    }

    /// This price for the part of an instance that `share` reserves, rounded half to even.
    pub fn of_share(self, share: Share) -> Self {
        UsdPerHour(div_half_even(i128::from(self.0) * share.num, share.den) as i64)
    }

    /// `self / other` in millionths; `None` when `other` is zero.
    pub fn ratio_to(self, other: UsdPerHour) -> Option<Ppm> {
        (other.0 > 0).then(|| {
            Ppm::nearest(div_half_even(i128::from(self.0) * 1_000_000, i128::from(other.0)))
        })
    }
}

/// An amount of USD, exact to the nano-dollar. May be negative (savings can be).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Usd(i128);

impl Usd {
    pub const ZERO: Usd = Usd(0);

    pub const fn from_nanos(nanos: i128) -> Self {
        Usd(nanos)
    }

    pub const fn nanos(self) -> i128 {
        self.0
    }

    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// `self / whole` in millionths, rounded half to even; `None` when `whole` is zero.
    pub fn ratio_to(self, whole: Usd) -> Option<Ppm> {
        (whole.0 != 0).then(|| {
            let sign = if whole.0 < 0 { -1 } else { 1 };
            Ppm::nearest(div_half_even(self.0 * sign * 1_000_000, whole.0.abs()))
        })
    }

    /// This amount times `ppm` millionths, rounded half to even.
    pub fn scaled(self, ppm: Ppm) -> Self {
        Usd(div_half_even(self.0 * i128::from(ppm.0), 1_000_000))
    }

    /// Rounded half to even to `places` decimals, for people.
    pub fn rounded(self, places: u32) -> String {
        let drop = 10i128.pow(AMOUNT_PLACES.saturating_sub(places));
        format_fixed(div_half_even(self.0, drop), places.min(AMOUNT_PLACES), places)
    }
}

/// Price × time, not yet divided: units of 10⁻¹⁰ USD/h · ms. Sums of accruals lose nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Accrual(i128);

impl Accrual {
    pub const ZERO: Accrual = Accrual(0);

    pub fn of(price: UsdPerHour, millis: i64) -> Self {
        Accrual(i128::from(price.0) * i128::from(millis))
    }

    /// The unrounded integer, in 10⁻¹⁰ USD/h · ms.
    pub const fn raw(self) -> i128 {
        self.0
    }

    /// How many raw units make one nano-USD.
    pub const RAW_PER_NANO: i128 = MILLIS_PER_HOUR * PRICE_UNITS_PER_NANO;

    /// The amount owed for `share` of this accrual: the only rounding, half to even.
    pub fn to_usd(self, share: Share) -> Usd {
        let den = share.den * Self::RAW_PER_NANO;
        // Divided in two parts, so that no price of 64 bits times a share can overflow. The whole
        // part is forced even before the tie is broken, and its odd nano is put back after.
        let whole = self.0.div_euclid(den) * share.num;
        let odd = whole & 1;
        let rest = self.0.rem_euclid(den) * share.num + odd * den;
        Usd(whole - odd + div_half_even(rest, den))
    }
}

/// An exact fraction between 0 and 1, such as the part of an instance that a container reserves.
/// Its text is `22/52`, not reduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Share {
    num: i128,
    den: i128,
}

impl Share {
    pub const ZERO: Share = Share { num: 0, den: 1 };
    pub const WHOLE: Share = Share { num: 1, den: 1 };

    /// `num/den` in lowest terms, capped to 1. `None` when `den` is zero or a part is negative.
    pub fn new(num: i128, den: i128) -> Option<Self> {
        (den > 0 && num >= 0).then(|| {
            let divisor = gcd(num, den);
            if num > den { Share::WHOLE } else { Share { num: num / divisor, den: den / divisor } }
        })
    }

    pub const fn num(self) -> i128 {
        self.num
    }

    pub const fn den(self) -> i128 {
        self.den
    }
}

/// A ratio in parts per million: risks, discounts, rework. Integer, so that decisions are the same
/// on every machine.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Ppm(pub i64);

impl Ppm {
    pub const ZERO: Ppm = Ppm(0);
    pub const ONE: Ppm = Ppm(1_000_000);

    pub const fn from_percent(percent: i64) -> Self {
        Ppm(percent * 10_000)
    }
}

impl Ppm {
    /// A million times the whole: ratios beyond it say no more than that.
    pub(super) const FARTHEST: i64 = 1_000_000_000_000;

    fn nearest(millionths: i128) -> Self {
        let farthest = i128::from(Ppm::FARTHEST);
        Ppm(millionths.clamp(-farthest, farthest) as i64)
    }
}

impl fmt::Display for Ppm {
    /// As a percentage with one decimal: `68.3 %`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = div_half_even(i128::from(self.0), 1_000);
        write!(f, "{} %", format_fixed(tenths, 1, 1))
    }
}

/// The greatest common divisor of two numbers that are not negative.
pub fn gcd(a: i128, b: i128) -> i128 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Integer division that rounds half to even. `den` must be positive.
pub fn div_half_even(num: i128, den: i128) -> i128 {
    // Prices and shares nearly always fit, and the machine divides 64 bits many times faster.
    if let (Ok(num), Ok(den @ 1..)) = (i64::try_from(num), i64::try_from(den)) {
        let (floor, rest) = (num.div_euclid(den), num.rem_euclid(den));
        return i128::from(match rest.cmp(&(den - rest)) {
            std::cmp::Ordering::Less => floor,
            std::cmp::Ordering::Greater => floor + 1,
            std::cmp::Ordering::Equal => floor + (floor & 1),
        });
    }
    div_half_even_wide(num, den)
}

fn div_half_even_wide(num: i128, den: i128) -> i128 {
    let (floor, rest) = (num.div_euclid(den), num.rem_euclid(den));
    match (rest * 2).cmp(&den) {
        std::cmp::Ordering::Less => floor,
        std::cmp::Ordering::Greater => floor + 1,
        std::cmp::Ordering::Equal => floor + (floor & 1),
    }
}

fn parse_fixed(text: &str, places: u32) -> Result<i128, ParseAmountError> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() && fraction.is_empty() || !digits(whole) || !digits(fraction) {
        return Err(ParseAmountError::NotDecimal);
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > places as usize {
        return Err(ParseAmountError::TooPrecise(places));
    }
    if whole.len() > 18 {
        return Err(ParseAmountError::TooLarge);
    }
    let padded = format!("{whole}{fraction:0<width$}", width = places as usize);
    padded.parse().map_err(|_| ParseAmountError::TooLarge)
}

/// `value` scaled by 10^`places`, printed with at least `keep` decimals and no other trailing zeros.
fn format_fixed(value: i128, places: u32, keep: u32) -> String {
    let scale = 10i128.pow(places);
    let (whole, fraction) = (value.abs() / scale, value.abs() % scale);
    let mut text = format!("{fraction:0width$}", width = places as usize);
    while text.len() > keep as usize && text.ends_with('0') {
        text.pop();
    }
    let sign = if value < 0 { "-" } else { "" };
    if text.is_empty() || places == 0 {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{text}")
    }
}

impl FromStr for UsdPerHour {
    type Err = ParseAmountError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        i64::try_from(parse_fixed(text, PRICE_PLACES)?)
            .map(UsdPerHour)
            .map_err(|_| ParseAmountError::TooLarge)
    }
}

impl FromStr for Usd {
    type Err = ParseAmountError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix('-') {
            Some(rest) => Ok(Usd(-parse_fixed(rest, AMOUNT_PLACES)?)),
            None => Ok(Usd(parse_fixed(text, AMOUNT_PLACES)?)),
        }
    }
}

impl FromStr for Share {
    type Err = ParseAmountError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let part = |digits: &str| digits.parse().map_err(|_| ParseAmountError::NotDecimal);
        let (num, den) = text.split_once('/').ok_or(ParseAmountError::NotDecimal)?;
        Share::new(part(num)?, part(den)?).ok_or(ParseAmountError::NotDecimal)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.num, self.den)
    }
}

impl fmt::Display for UsdPerHour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format_fixed(i128::from(self.0), PRICE_PLACES, 4))
    }
}

impl fmt::Display for Usd {
    /// Every known decimal, at least six: `0.138194444`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format_fixed(self.0, AMOUNT_PLACES, 6))
    }
}

macro_rules! serde_as_text {
    ($($type:ty),+) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}
// A share is text because serde cannot read 128-bit numbers inside tagged enums.
serde_as_text!(UsdPerHour, Usd, Share);

macro_rules! additive {
    ($($type:ident),+) => {$(
        impl Add for $type {
            type Output = $type;
            fn add(self, other: $type) -> $type { $type(self.0 + other.0) }
        }
        impl Sub for $type {
            type Output = $type;
            fn sub(self, other: $type) -> $type { $type(self.0 - other.0) }
        }
        impl Neg for $type {
            type Output = $type;
            fn neg(self) -> $type { $type(-self.0) }
        }
        impl AddAssign for $type {
            fn add_assign(&mut self, other: $type) { self.0 += other.0 }
        }
        impl SubAssign for $type {
            fn sub_assign(&mut self, other: $type) { self.0 -= other.0 }
        }
        impl Sum for $type {
            fn sum<I: Iterator<Item = $type>>(iter: I) -> $type { iter.fold($type(0), Add::add) }
        }
    )+};
}
additive!(Usd, Accrual, Ppm);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_keep_ten_places_and_print_at_least_four() {
        let price: UsdPerHour = "0.7960000000".parse().unwrap();
        assert_eq!(price.units(), 7_960_000_000);
        assert_eq!(price.to_string(), "0.7960");
        assert_eq!("0.0000000001".parse::<UsdPerHour>().unwrap().to_string(), "0.0000000001");
    }

    #[test]
    fn texts_that_are_no_exact_price_are_refused() {
        for (text, error) in [
            ("", ParseAmountError::NotDecimal),
            (".", ParseAmountError::NotDecimal),
            ("-1", ParseAmountError::NotDecimal),
            ("1e3", ParseAmountError::NotDecimal),
            ("0.00000000001", ParseAmountError::TooPrecise(10)),
            ("99999999999999999", ParseAmountError::TooLarge),
            ("9999999999999999999999999999999999999999999", ParseAmountError::TooLarge),
        ] {
            assert_eq!(text.parse::<UsdPerHour>(), Err(error), "{text}");
        }
    }

    #[test]
    fn division_rounds_half_to_even_on_both_sides_of_zero() {
        let halves = [(5, 2, 2), (7, 2, 4), (-5, 2, -2), (-7, 2, -4), (1, 3, 0), (2, 3, 1)];
        for (num, den, expected) in halves {
            assert_eq!(div_half_even(num, den), expected, "{num}/{den}");
        }
    }

    #[test]
    fn narrow_and_wide_division_agree() {
        let edges = [0, 1, 2, 3, 5, 1_000_000_007, i128::from(i64::MAX) - 1, i128::from(i64::MAX)];
        for num in edges.into_iter().flat_map(|num| [num, -num, -num - 1]) {
            for den in edges.into_iter().filter(|den| *den > 0) {
                let wide = div_half_even_wide(num, den);
                assert_eq!(div_half_even(num, den), wide, "{num}/{den}");
            }
        }
    }

    #[test]
    fn shares_of_an_accrual_round_ties_to_the_even_nano() {
        let half = Share::new(1, 2).unwrap();
        for (nanos, expected) in [(1, 0), (3, 2), (5, 2), (7, 4), (8, 4)] {
            let accrual = Accrual(nanos * Accrual::RAW_PER_NANO);
            assert_eq!(accrual.to_usd(half), Usd(expected), "half of {nanos}");
        }
        assert_eq!(Share::new(22, 52), Share::new(11, 26));
    }

    #[test]
    fn negative_amounts_survive_text() {
        let amount = Usd::from_nanos(-94_340_278);
        assert_eq!(amount.to_string(), "-0.094340278");
        assert_eq!(amount.to_string().parse::<Usd>().unwrap(), amount);
        assert_eq!(amount.rounded(2), "-0.09");
    }

    /// A ratio that wrapped around would make the worst look like the best.
    #[test]
    fn ratios_beyond_all_measure_keep_their_sign() {
        let (little, much) = (Usd::from_nanos(1), Usd::from_nanos(i128::from(i64::MAX)));
        assert_eq!(much.ratio_to(little), Some(Ppm(Ppm::FARTHEST)));
        assert_eq!((-much).ratio_to(little), Some(Ppm(-Ppm::FARTHEST)));
        let (little, much) = (UsdPerHour::from_units(1), UsdPerHour::from_units(i64::MAX));
        assert_eq!(much.ratio_to(little), Some(Ppm(Ppm::FARTHEST)));
        assert_eq!(much.scaled(Ppm(2_000_000)), much);
    }

    #[test]
    fn shares_survive_text_in_lowest_terms() {
        let share = Share::new(22, 52).unwrap();
        assert_eq!(share.to_string(), "11/26");
        assert_eq!("22/52".parse(), Ok(share));
        for text in ["", "22", "1/0", "-1/2", "1/2/3", "a/b"] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
    }

    #[test]
    fn ratios_print_as_percentages() {
        let saved = Usd::from_nanos(94_340_278).ratio_to(Usd::from_nanos(138_194_444)).unwrap();
        assert_eq!(saved.to_string(), "68.3 %");
        assert_eq!(Usd::ZERO.ratio_to(Usd::ZERO), None);
    }
}
