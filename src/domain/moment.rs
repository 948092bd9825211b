//! Moments as people write them.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// A moment as it is written: with an offset it is one, without it is a clock time somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Moment {
    Instant(Timestamp),
    Clock(DateTime),
}

impl Moment {
    /// Reads `2027-01-04T06:00+01:00` (RFC 3339, seconds may be left out), the same without an offset,
    /// or a date, which is its first moment.
    pub fn parse(text: &str) -> Option<Moment> {
        if let Ok(at) = text.parse::<Timestamp>() {
            return Some(Moment::Instant(at));
        }
        // What has an offset that cannot be read must not pass as a clock time without it.
        let looks_plain = !text.contains(['+', '[', 'Z', 'z']) && text.matches('-').count() == 2;
        let clock = || text.parse::<DateTime>().ok();
        let date = || Some(text.parse::<Date>().ok()?.at(0, 0, 0, 0));
        looks_plain
            .then(|| date().filter(|_| text.len() <= 10).or_else(clock))
            .flatten()
            .map(Moment::Clock)
    }

    /// The moment in `zone`. A clock time in a gap means as long after the gap's beginning; one that
    /// comes twice means the first.
    pub fn in_zone(self, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Moment::Instant(at) => Some(at),
            Moment::Clock(clock) => zone.to_timestamp(clock).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_with_and_without_an_offset() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        for (text, expected) in [
            ("2027-01-04T06:00Z", "2027-01-04T06:00:00Z"),
            ("2027-01-04T06:00+05:30", "2027-01-04T00:30:00Z"),
            ("2027-01-04T06:00", "2027-01-04T05:00:00Z"),
            ("2027-01-04 06:00:30", "2027-01-04T05:00:30Z"),
            ("2027-01-04", "2027-01-03T23:00:00Z"),
            // In a gap and on a repeated hour.
            ("2026-03-29T02:30", "2026-03-29T01:30:00Z"),
            ("2026-10-25T02:30", "2026-10-25T00:30:00Z"),
        ] {
            let read = Moment::parse(text).and_then(|moment| moment.in_zone(&berlin));
            assert_eq!(read.unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in ["", "tomorrow", "2027-02-30", "06:00", "2027-01-04T06:00+99:00", "01-04"] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
    }
}
