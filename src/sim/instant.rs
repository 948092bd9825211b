//! Time inside the simulation: whole milliseconds since 1970, as AWS Batch prints it. EC2's own
//! times (launches, ends, price changes, reclaims) fall on whole seconds.

use jiff::Timestamp;

/// Milliseconds since 1970.
pub(crate) type Millis = i64;

pub(crate) const SECOND: Millis = 1_000;
pub(crate) const MINUTE: Millis = 60 * SECOND;
pub(crate) const HOUR: Millis = 60 * MINUTE;
pub(crate) const DAY: Millis = 24 * HOUR;

pub(crate) fn millis(at: Timestamp) -> Millis {
    at.as_millisecond()
}

/// Times out of range, which no simulation reaches, become the last representable one.
pub(crate) fn timestamp(at: Millis) -> Timestamp {
    Timestamp::from_millisecond(at).unwrap_or(Timestamp::MAX)
}

/// The next whole second at or after `at`.
pub(crate) fn whole_second(at: Millis) -> Millis {
    -(-at).div_euclid(SECOND) * SECOND
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_round_up_and_whole_ones_stay() {
        assert_eq!([whole_second(0), whole_second(1), whole_second(1_000)], [0, 1_000, 1_000]);
        assert_eq!(whole_second(-1_500), -1_000);
    }
}
