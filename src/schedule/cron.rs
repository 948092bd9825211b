//! One cron expression, read on a calendar without time zones; `dst` puts its times into a zone.

use std::fmt;
use std::str::FromStr;

use croner::parser::{CronParser, Seconds};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Why a text is no cron expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    #[error("not a cron expression: {0}")]
    Syntax(String),
    #[error("no time ever matches this expression")]
    Never,
}

/// A cron expression of five fields, or six with seconds first, or an alias such as `@daily`.
///
/// Only its text is kept: croner's parsed form takes some 8 KB, most of it for the years, and a
/// catalogue may hold a hundred thousand. Parsing takes microseconds, and a job is asked for its next
/// time once a run.
#[derive(Clone, PartialEq, Eq)]
pub struct Cron(Box<str>);

/// An expression that is ready to be asked.
pub struct CronReader(croner::Cron);

impl CronReader {
    /// The first clock time after `after` that the expression names; with `inclusive`, `after`
    /// itself is one of them. `None` when no such time exists within the library's horizon (an
    /// impossible date such as 30 February).
    pub fn next_civil(&self, after: DateTime, inclusive: bool) -> Option<DateTime> {
        // In UTC every clock time exists once, so that the library sees no change of the clocks.
        let from = after.to_zoned(TimeZone::UTC).ok()?;
        let next = self.0.find_next_occurrence(&from, inclusive).ok()?;
        Some(next.datetime())
    }
}

impl Cron {
    /// `None` never happens: the text was parsed when the expression was made.
    pub fn reader(&self) -> Option<CronReader> {
        parse(&self.0).ok().map(CronReader)
    }

    /// Whether the hour is a wildcard or a step (`*`, `*/2`): such a job runs so many times an hour
    /// or a day, where one with named hours runs at times of day. As Vixie cron tells them apart.
    pub fn follows_elapsed_time(&self) -> bool {
        let fields: Vec<&str> = self.0.split_whitespace().collect();
        match fields.as_slice() {
            [alias] => alias.eq_ignore_ascii_case("@hourly"),
            [_, hour, _, _, _] => hour.starts_with(['*', '?']),
            [_, _, hour, ..] => hour.starts_with(['*', '?']),
            _ => false,
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn parse(text: &str) -> Result<croner::Cron, CronError> {
    let parser = CronParser::builder().seconds(Seconds::Optional).build();
    parser.parse(text).map_err(|error| CronError::Syntax(error.to_string()))
}

impl FromStr for Cron {
    type Err = CronError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).map(|_| Cron(text.into()))
    }
}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cron({:?})", self.0)
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
