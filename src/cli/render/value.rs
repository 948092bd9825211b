//! How single values look: money, times, durations, ratios. One look everywhere.

use jiff::{SignedDuration, Timestamp};
use serde_json::Number;

use crate::domain::{Ppm, Usd, UsdPerHour};

/// Nano-dollars below which six decimals are shown rather than four: a cent.
const SMALL: i128 = 10_000_000;
/// Nano-dollars below which all nine are shown: half a millionth would round to nothing.
const TINY: i128 = 1_000;

/// Money for people: four decimals, six below a cent, nine below a millionth. `$0.1382`,
/// `-$0.000310`.
pub fn usd(amount: Usd) -> String {
    let places = match amount.nanos().abs() {
        1..TINY => 9,
        TINY..SMALL => 6,
        _ => 4,
    };
    with_sign(&amount.rounded(places))
}

/// Money to its last known decimal, at least six: where arithmetic is shown. `$0.138194444`.
pub fn usd_exact(amount: Usd) -> String {
    with_sign(&amount.to_string())
}

fn with_sign(text: &str) -> String {
    match text.strip_prefix('-') {
        Some(rest) => format!("-${rest}"),
        None => format!("${text}"),
    }
}

/// A price for people, in USD an hour: as [`usd`], the unit is in the column's title.
pub fn price(price: UsdPerHour) -> String {
    // Ten price units are one nano-dollar; what is lost is far below what is shown.
    usd(Usd::from_nanos(i128::from(price.units() / 10)))
}

/// Minutes are enough for schedules: `2026-11-21 02:00Z`, with seconds only where there are any.
pub fn time(at: Timestamp) -> String {
    let seconds = at.as_second().rem_euclid(60) != 0;
    at.strftime(if seconds { "%Y-%m-%d %H:%M:%SZ" } else { "%Y-%m-%d %H:%MZ" }).to_string()
}

/// The time of day, to the second: `02:00:31Z`.
pub fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%SZ").to_string()
}

/// Exactly so many seconds: `915 s`, `5125.622 s`.
pub fn secs(millis: i64) -> String {
    match millis % 1000 {
        0 => format!("{} s", millis / 1000),
        rest => format!("{}.{rest:03} s", millis / 1000),
    }
}

/// The two largest units: `45s`, `12m 05s`, `1h 02m`, `3d 04h`.
pub fn duration(duration: SignedDuration) -> String {
    let secs = duration.as_secs();
    let sign = if secs < 0 { "-" } else { "" };
    let secs = secs.unsigned_abs();
    let (days, hours, minutes) = (secs / 86_400, secs / 3600 % 24, secs / 60 % 60);
    let text = match (days, hours, minutes) {
        (0, 0, 0) => format!("{secs}s"),
        (0, 0, _) => format!("{minutes}m {:02}s", secs % 60),
        (0, _, _) => format!("{hours}h {minutes:02}m"),
        _ => format!("{days}d {hours:02}h"),
    };
    format!("{sign}{text}")
}

/// [`duration`] of whole seconds.
pub fn seconds(secs: i64) -> String {
    duration(SignedDuration::from_secs(secs))
}

/// A rate an hour: `0.100`.
pub fn per_hour(rate: Ppm) -> String {
    format!("{:.3}", rate.to_ratio())
}

/// A percentage as a JSON number with at most one decimal: `68.3`.
pub fn percent_number(ratio: Ppm) -> Number {
    let tenths = crate::domain::amount::div_half_even(i128::from(ratio.0), 1_000) as f64;
    number(tenths / 10.0)
}

/// A rate as a JSON number: `0.1`.
pub fn ratio_number(ratio: Ppm) -> Number {
    number(ratio.to_ratio())
}

fn number(value: f64) -> Number {
    // Only NaN and infinity have no JSON number, and a ratio of integers is neither.
    Number::from_f64(value).unwrap_or_else(|| Number::from(0))
}

/// `1 run`, `2 runs`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_has_four_decimals_and_more_below_a_cent() {
        for (nanos, expected) in [
            (0, "$0.0000"),
            (138_194_444, "$0.1382"),
            (-94_340_278, "-$0.0943"),
            (10_000_000, "$0.0100"),
            (9_999_999, "$0.010000"),
            (-310_400, "-$0.000310"),
            (1_234_500_000_000, "$1234.5000"),
            (10, "$0.000000010"),
        ] {
            assert_eq!(usd(Usd::from_nanos(nanos)), expected);
        }
        assert_eq!(price("0.2526".parse().unwrap()), "$0.2526");
    }

    #[test]
    fn durations_show_their_two_largest_units() {
        for (secs, expected) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m 00s"),
            (725, "12m 05s"),
            (3720, "1h 02m"),
            (86_399, "23h 59m"),
            (273_600, "3d 04h"),
            (-90, "-1m 30s"),
        ] {
            assert_eq!(seconds(secs), expected);
        }
    }

    #[test]
    fn times_are_utc_and_show_seconds_only_where_there_are_any() {
        let at = |text: &str| time(text.parse().unwrap());
        assert_eq!(at("2026-11-21T04:00:00+02:00"), "2026-11-21 02:00Z");
        assert_eq!(at("2026-11-21T02:00:07Z"), "2026-11-21 02:00:07Z");
    }

    #[test]
    fn percentages_are_numbers_with_one_decimal() {
        assert_eq!(percent_number(Ppm(682_663)).to_string(), "68.3");
        assert_eq!(percent_number(Ppm(-50_000)).to_string(), "-5.0");
    }
}
