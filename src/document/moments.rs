//! Moments, days and hours of a day, written as TOML's own dates or in quotes.

use std::borrow::Cow;

use jiff::civil::Date;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use toml::Spanned;
use toml::de::DeValue;

use super::{FromToml, Reader, shown};
use crate::domain::Moment;

/// The text of a date or a quoted one.
fn text_of(value: &Spanned<DeValue<'_>>) -> Option<String> {
    match value.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Datetime(datetime) => Some(datetime.to_string()),
        _ => None,
    }
}

impl FromToml for Moment {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader) -> Option<Self> {
        let Some(text) = text_of(value) else {
            return reader.wrong_type(value, "a moment such as \"2027-01-04T06:00\"", None);
        };
        if let Some(moment) = Moment::parse(&text) {
            return Some(moment);
        }
        let hint = "write \"2027-01-04T06:00\" for a clock time of the time zone, \
                    \"2027-01-04T06:00+01:00\" for one anywhere, or \"2027-01-04\" for a day's first \
                    moment";
        reader.invalid(value.span(), &format!("is no moment: {}", shown(&text)), Some(hint.into()))
    }
}

impl JsonSchema for Moment {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "moment".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "examples": ["2027-01-04T06:00", "2027-01-04"] })
    }
}

/// A whole day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Day {
    Of(Date),
    Yearly { month: i8, day: i8 },
}

impl Day {
    fn parse(text: &str) -> Option<Day> {
        if let Ok(date) = text.parse::<Date>() {
            return (text.len() == 10).then_some(Day::Of(date));
        }
        // A leap year, so that the 29th of February is a day.
        let date = text.len() == 5;
        let date = date.then(|| format!("2024-{text}").parse::<Date>().ok()).flatten()?;
        Some(Day::Yearly { month: date.month(), day: date.day() })
    }
}

impl FromToml for Day {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader) -> Option<Self> {
        let Some(text) = text_of(value) else {
            return reader.wrong_type(value, "a day such as \"2026-12-25\"", None);
        };
        if let Some(day) = Day::parse(&text) {
            return Some(day);
        }
        let hint = "write \"2026-12-25\" for one day, or \"12-25\" for that day of every year";
        reader.invalid(value.span(), &format!("is no day: {}", shown(&text)), Some(hint.into()))
    }
}

impl JsonSchema for Day {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "day".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "examples": ["2026-12-25", "12-25"] })
    }
}

/// Hours of a day, `22:00-06:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoursText {
    /// The first minute of the day, 0..1440.
    pub from_minute: u16,
    /// The first minute after them, 1..=1440; before `from_minute` it is one of the next day.
    pub until_minute: u16,
}

impl HoursText {
    fn parse(text: &str) -> Option<HoursText> {
        let minute = |clock: &str| {
            let (hour, minute) = clock.trim().split_once(':')?;
            let digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
            if !digits(hour) || !digits(minute) {
                return None;
            }
            let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
            (minute < 60).then_some(hour * 60 + minute).filter(|minute| *minute <= 24 * 60)
        };
        let (from, until) = text.split_once('-')?;
        let (from_minute, until_minute) = (minute(from)?, minute(until)?);
        let is_lawful = from_minute < 24 * 60 && until_minute > 0 && from_minute != until_minute;
        is_lawful.then_some(HoursText { from_minute, until_minute })
    }
}

impl FromToml for HoursText {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader) -> Option<Self> {
        let DeValue::String(text) = value.get_ref() else {
            return reader.wrong_type(value, "hours such as \"22:00-06:00\"", None);
        };
        if let Some(hours) = HoursText::parse(text) {
            return Some(hours);
        }
        let hint = "write from and until in 24 hours, such as \"22:00-06:00\" for a night or \
                    \"00:00-24:00\" for a whole day";
        reader.invalid(value.span(), &format!("are no hours: {}", shown(text)), Some(hint.into()))
    }
}

impl JsonSchema for HoursText {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "hours".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "examples": ["22:00-06:00", "00:00-24:00"] })
    }
}
