//! Instants, between the SDK's types and ours.

use aws_sdk_ec2::primitives::DateTime;
use jiff::Timestamp;

/// An EC2, ECS or Price List time; `None` beyond the calendar.
pub(super) fn from_sdk(time: &DateTime) -> Option<Timestamp> {
    Timestamp::from_nanosecond(time.as_nanos()).ok()
}

/// For a request; both sides count nanoseconds since 1970, and ours spans fewer years.
pub(super) fn to_sdk(time: Timestamp) -> DateTime {
    let nanos = u32::try_from(time.subsec_nanosecond()).unwrap_or(0);
    DateTime::from_secs_and_nanos(time.as_second(), nanos)
}

/// Batch's milliseconds since 1970. Zero is what the SDK fills in for "not yet", so that it, like
/// every other impossible time, is no time at all.
pub(super) fn from_millis(millis: Option<i64>) -> Option<Timestamp> {
    millis.filter(|millis| *millis > 0).and_then(|millis| Timestamp::from_millisecond(millis).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filled_in_zeroes_are_no_time() {
        assert_eq!(from_millis(None), None);
        assert_eq!(from_millis(Some(0)), None);
        assert_eq!(from_millis(Some(-1)), None);
        assert_eq!(from_millis(Some(i64::MAX)), None);
        assert_eq!(from_millis(Some(1_500)), Some(Timestamp::from_millisecond(1_500).unwrap()));
    }

    #[test]
    fn instants_survive_the_sdk() {
        let at: Timestamp = "2026-03-29T01:02:03.456789Z".parse().unwrap();
        assert_eq!(from_sdk(&to_sdk(at)), Some(at));
    }
}
