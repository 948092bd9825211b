//! Moments and days, written as TOML's own dates or in quotes.

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
