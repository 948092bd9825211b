//! Arguments that several verbs share, and how their texts are read.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp, civil, tz::TimeZone};

/// The settings file that is read when none is named.
pub const DEFAULT_CONFIG: &str = "config/spotcron.toml";

/// How a verb that reads answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Table,
    /// One JSON document, with the same field names in every version
    Json,
}

/// `--format`, for every verb that reads.
#[derive(Debug, Clone, Args)]
pub struct FormatArg {
    /// How to print the answer
    #[arg(long, value_name = "FORMAT", default_value = "table", help_heading = "Display")]
    pub format: Format,
}

/// Where a verb that reads finds the store.
#[derive(Debug, Clone, Default, Args)]
pub struct Source {
    /// Settings file [default: config/spotcron.toml where it exists]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Read this store instead of the one that the settings name; it is opened read-only
    #[arg(long, value_name = "FILE")]
    pub store: Option<PathBuf>,
}

/// The settings file to read, if any: the one named, else the default where it exists.
pub fn config_path(named: Option<&Path>) -> Option<PathBuf> {
    match named {
        Some(path) => Some(path.to_owned()),
        None => Some(PathBuf::from(DEFAULT_CONFIG)).filter(|path| path.exists()),
    }
}

/// A time as people write it: a moment, a date, or how long ago (or ahead).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    At(Timestamp),
    Distance(SignedDuration),
}

impl When {
    /// The moment meant, with a distance counted back from `now`.
    pub fn before(self, now: Timestamp) -> Timestamp {
        match self {
            When::At(at) => at,
            When::Distance(ago) => now.checked_sub(ago).unwrap_or(Timestamp::MIN),
        }
    }

    /// The moment meant, with a distance counted forward from `now`.
    pub fn after(self, now: Timestamp) -> Timestamp {
        match self {
            When::At(at) => at,
            When::Distance(ahead) => now.checked_add(ahead).unwrap_or(Timestamp::MAX),
        }
    }
}

/// Reads `2026-11-21T02:00Z`, `2026-11-21` (midnight UTC) or a distance such as `3d`.
pub fn when(text: &str) -> Result<When, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(When::At(at));
    }
    let midnight = text.parse::<civil::Date>().and_then(|date| date.to_zoned(TimeZone::UTC));
    if let Ok(midnight) = midnight {
        return Ok(When::At(midnight.timestamp()));
    }
    duration(text).map(When::Distance).map_err(|_| {
        "expected a time such as 2026-11-21T02:00Z, a date such as 2026-11-21, \
         or a distance such as 36h or 7d"
            .to_owned()
    })
}

/// Reads a moment or a date (its midnight in UTC), and no distance: whoever answers may live in another
/// time than this machine.
pub fn moment(text: &str) -> Result<Timestamp, String> {
    match when(text) {
        Ok(When::At(at)) => Ok(at),
        _ => {
            Err("expected a time such as 2026-11-21T02:00Z, or a date such as 2026-11-21"
                .to_owned())
        }
    }
}

/// Reads a positive duration such as `90s`, `36h`, `3d` or `1d 12h`; a day is 24 hours.
pub fn duration(text: &str) -> Result<SignedDuration, String> {
    let expected = || "expected a duration such as 90s, 36h, 3d or \"1d 12h\"".to_owned();
    let span: Span = text.parse().map_err(|_| expected())?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| expected())?;
    if duration.is_positive() { Ok(duration) } else { Err("must be longer than zero".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_moments_dates_or_distances() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("2026-11-21T02:00Z", "2026-11-21T02:00:00Z"),
            ("2026-11-21 02:00Z", "2026-11-21T02:00:00Z"),
            ("2026-11-21T02:00:30+01:00", "2026-11-21T01:00:30Z"),
            ("2026-11-20", "2026-11-20T00:00:00Z"),
            ("36h", "2026-11-20T00:00:00Z"),
            ("7d", "2026-11-14T12:00:00Z"),
        ] {
            assert_eq!(when(text).unwrap().before(now).to_string(), expected, "{text}");
        }
    }

    #[test]
    fn nonsense_and_distances_that_do_not_advance_are_refused() {
        for text in ["", "yesterday", "-3d", "0s", "2026-13-01", "1 fortnight", "9999999999y"] {
            assert!(when(text).is_err(), "{text}");
        }
    }
}
