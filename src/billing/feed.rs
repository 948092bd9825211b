//! The spot data feed: tab-separated lines under two that begin with `#`, one for each hour of a Spot
//! Instance.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::intake::Taken;
use super::problem::{Wrong, quoted};
use super::{BilledLine, Charge, Part};
use crate::domain::{InstanceId, Window};
use crate::ledger::BilledResource;

const VERSION: &str = "1.0";
const TIMESTAMP: &str = "Timestamp";
const INSTANCE: &str = "InstanceID";
const CHARGE: &str = "Charge";

/// Where the columns stand that matter.
#[derive(Debug, Clone, Copy)]
pub(super) struct FeedColumns {
    timestamp: usize,
    instance: usize,
    charge: usize,
    count: usize,
}

/// What the lines before the data said.
#[derive(Debug, Default)]
pub(super) struct Heading(Option<FeedColumns>);

impl Heading {
    pub(super) fn is_known(&self) -> bool {
        self.0.is_some()
    }

    /// Reads a line that begins with `#`: `#Version: 1.0`, or `#Fields: Timestamp UsageType ...`.
    pub(super) fn read(&mut self, fields: &[&str]) -> Result<(), String> {
        let text = fields.join(" ");
        if let Some(version) = text.strip_prefix("#Version:").map(str::trim) {
            if version == VERSION {
                return Ok(());
            }
            return Err(format!("is of version {}; known is {VERSION}", quoted(version)));
        }
        let Some(names) = text.strip_prefix("#Fields:") else {
            return Err(format!(
                "begins with # and is neither #Version: nor #Fields:, but {}",
                quoted(&text)
            ));
        };
        let names: Vec<&str> = names.split_whitespace().collect();
        let place = |name: &str| {
            let found = names.iter().position(|known| *known == name);
            found.ok_or_else(|| format!("has no field {name}; it has {}", quoted(&names.join(" "))))
        };
        self.0 = Some(FeedColumns {
            timestamp: place(TIMESTAMP)?,
            instance: place(INSTANCE)?,
            charge: place(CHARGE)?,
            count: names.len(),
        });
        Ok(())
    }

    /// The columns, if the line has as many fields as the header names.
    pub(super) fn check(&self, fields: &[&str]) -> Result<FeedColumns, Wrong> {
        let columns = self.0.ok_or(("", "stands before the line #Fields:".to_owned()))?;
        if fields.len() == columns.count {
            return Ok(columns);
        }
        Err(("", format!("has {} fields where #Fields: names {}", fields.len(), columns.count)))
    }
}

/// Reads one line of data.
pub(super) fn line(columns: FeedColumns, fields: &[&str]) -> Result<Taken, Wrong> {
    let at = fields[columns.timestamp].trim();
    let start = time(at).ok_or_else(|| {
        (TIMESTAMP, format!("{} is not a time like 2023-12-09 07:13:47 UTC", quoted(at)))
    })?;
    let instance = fields[columns.instance].trim();
    if !instance.starts_with("i-") {
        return Err((INSTANCE, format!("{} is not an instance's id", quoted(instance))));
    }
    let end = start
        .checked_add(SignedDuration::from_hours(1))
        .map_err(|_| (TIMESTAMP, format!("{} is out of all bounds", quoted(at))))?;
    let charge = amount(fields[columns.charge].trim())?;
    let resource = BilledResource::Instance(InstanceId::from(instance));
    let period = Window::new(start, end);
    let line = BilledLine { resource, period, charge, part: Part::Whole };
    Ok(Taken { line, identity: String::new() })
}

fn time(text: &str) -> Option<Timestamp> {
    let civil: DateTime = text.strip_suffix(" UTC")?.parse().ok()?;
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

fn amount(text: &str) -> Result<Charge, Wrong> {
    let Some((number, currency)) = text.split_once(' ') else {
        return Err((CHARGE, format!("{} is not an amount like 0.0142000000 USD", quoted(text))));
    };
    if currency != "USD" {
        return Err((CHARGE, format!("is in {}; the ledger is in USD", quoted(currency))));
    }
    number.parse().map_err(|error| (CHARGE, format!("{} is {error}", quoted(number))))
}
