//! Moments as text.

use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use super::FillError;

/// RFC 3339 in UTC, and with the zone's offset.
const UTC: &str = "%Y-%m-%dT%H:%M:%SZ";
const WITH_OFFSET: &str = "%Y-%m-%dT%H:%M:%S%:z";

/// `at`, shifted on the calendar of `zone`, in a format of strftime.
pub(super) fn written(
    at: Timestamp,
    zone: &TimeZone,
    shift: Option<Span>,
    format: Option<&str>,
) -> Result<String, FillError> {
    let local = at.to_zoned(zone.clone());
    let shifted = match shift {
        Some(span) => local.checked_add(span).map_err(|_| FillError::NoFormat)?,
        None => local,
    };
    let usual = if *zone == TimeZone::UTC { UTC } else { WITH_OFFSET };
    let format = format.unwrap_or(usual);
    BrokenDownTime::from(&shifted).to_string(format).map_err(|_| FillError::NoFormat)
}

/// Whether moments can be written so.
pub(super) fn is_format(format: &str) -> bool {
    written(Timestamp::UNIX_EPOCH, &TimeZone::UTC, None, Some(format)).is_ok()
}
