//! Values that TOML has no type for: durations, percents, prices, vCPUs, free maps.

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use jiff::{SignedDuration, Span, SpanRelativeTo};
use rust_decimal::Decimal;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use toml::Spanned;
use toml::de::DeValue;

use super::{FromToml, Located, Reader, shown};
use crate::domain::{Ppm, Redacted, Usd, UsdPerHour};

/// A span of time such as `45m`, `1h 30m` or `2 days`. A day is 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DurationText(pub SignedDuration);

/// Longer durations are mistakes, and would not fit into sums of times.
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 3660);

impl FromToml for DurationText {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader) -> Option<Self> {
        let text = match value.get_ref() {
            DeValue::String(text) => text,
            DeValue::Integer(integer) => {
                let hint = format!("name the unit: \"{integer}s\" or \"{integer}m\"");
                return reader.wrong_type(value, "a duration in quotes", Some(hint));
            }
            _ => return reader.wrong_type(value, "a duration in quotes, such as \"45m\"", None),
        };
        let parsed: Result<Span, _> = text.parse();
        let whole_days = SpanRelativeTo::days_are_24_hours();
        let Ok(duration) = parsed.and_then(|span| span.to_duration(whole_days)) else {
            let problem = format!("is no duration: {}", shown(text));
            let hint = "write numbers with units, such as \"45m\", \"1h 30m\" or \"2 days\"; \
                        months and years have no fixed length";
            return reader.invalid(value.span(), &problem, Some(hint.to_owned()));
        };
        if duration.is_negative() || duration > LONGEST {
            return reader.invalid(value.span(), "must be from 0 to 10 years", None);
        }
        if duration.subsec_nanos() % 1_000_000 != 0 {
            return reader.invalid(value.span(), "must be whole milliseconds", None);
        }
        Some(DurationText(duration))
    }
}

impl JsonSchema for DurationText {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "duration".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "duration-text", "examples": ["45m", "1h 30m"] })
    }
}

/// The literal text of a number: TOML's own, or one in quotes. Never goes through a float.
fn decimal(value: &Spanned<DeValue<'_>>, suffix: char) -> Option<Result<Decimal, ()>> {
    let text = match value.get_ref() {
        DeValue::Float(float) => Cow::Borrowed(float.as_str()),
        DeValue::Integer(integer) => {
            let exact = super::scalar::exact(integer);
            return Some(
                exact.and_then(|exact| Decimal::try_from_i128_with_scale(exact, 0).ok()).ok_or(()),
            );
        }
        DeValue::String(text) => {
            Cow::Owned(text.trim().trim_end_matches(suffix).trim_end().to_owned())
        }
        _ => return None,
    };
    let exact = if text.contains(['e', 'E']) {
        Decimal::from_scientific(&text)
    } else {
        Decimal::from_str_exact(&text)
    };
    Some(exact.map_err(|_| ()))
}

/// `number` times `scale`, if that is a whole number.
fn scaled(number: Decimal, scale: i64) -> Option<i64> {
    let product = number.checked_mul(Decimal::from(scale))?;
    product.is_integer().then(|| i64::try_from(product).ok()).flatten()
}

/// A percentage from 0 to 100, exact to four decimal places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Percent(pub Ppm);

impl FromToml for Percent {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader) -> Option<Self> {
        let Some(number) = decimal(value, '%') else {
            return reader.wrong_type(value, "a percentage such as 20", None);
        };
        match number.ok().and_then(|number| scaled(number, 10_000)) {
            Some(ppm @ 0..=1_000_000) => Some(Percent(Ppm(ppm))),
            _ => {
                let problem = "must be a percentage from 0 to 100 with at most 4 decimal places";
                reader.invalid(value.span(), problem, Some("20 means 20 %".to_owned()))
            }
        }
    }
}

impl JsonSchema for Percent {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "percent".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["number", "string"], "minimum": 0, "maximum": 100, "examples": [20, "12.5%"]
        })
    }
}

/// A price in USD per hour, exact to ten decimal places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price(pub UsdPerHour);

impl FromToml for Price {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader) -> Option<Self> {
        let hint = "write USD per hour, such as \"0.25\"";
        not_negative(value, reader, ("a price", "is no price"), hint).map(Price)
    }
}

/// A decimal number of at least zero, as whatever reads such a text.
fn not_negative<T: FromStr<Err: Display>>(
    value: &Spanned<DeValue<'_>>,
    reader: &mut Reader,
    (wanted, refused): (&str, &str),
    hint: &str,
) -> Option<T> {
    let hint = Some(hint.to_owned());
    let Some(number) = decimal(value, ' ') else {
        return reader.wrong_type(value, wanted, hint);
    };
    if number.is_ok_and(|number| number.is_sign_negative() && !number.is_zero()) {
        return reader.invalid(value.span(), "cannot be negative", hint);
    }
    match number.ok().map(|number| number.normalize().to_string().parse()) {
        Some(Ok(read)) => Some(read),
        Some(Err(error)) => reader.invalid(value.span(), &format!("{refused}: {error}"), hint),
        None => reader.invalid(value.span(), &format!("{refused}: not a decimal number"), hint),
    }
}

impl JsonSchema for Price {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "price".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number"], "minimum": 0, "examples": ["0.25"] })
    }
}

/// An amount of USD, exact to nine decimal places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount(pub Usd);

impl FromToml for Amount {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader) -> Option<Self> {
        let hint = "write USD, such as \"2.50\"";
        not_negative(value, reader, ("an amount", "is no amount"), hint).map(Amount)
    }
}

impl JsonSchema for Amount {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "amount".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number"], "minimum": 0, "examples": ["2.50"] })
    }
}

/// vCPUs in thousandths: `2`, `0.25`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vcpus(pub u32);

impl FromToml for Vcpus {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader) -> Option<Self> {
        let Some(number) = decimal(value, ' ') else {
            return reader.wrong_type(value, "a number of vCPUs such as 2 or 0.25", None);
        };
        let millis = number.ok().and_then(|number| scaled(number, 1000));
        match millis.and_then(|millis| u32::try_from(millis).ok()) {
            Some(millis) if millis > 0 => Some(Vcpus(millis)),
            _ => reader.invalid(
                value.span(),
                "must be a number of vCPUs above 0 with at most 3 decimal places",
                None,
            ),
        }
    }
}

impl JsonSchema for Vcpus {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "vcpus".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["number", "string"], "exclusiveMinimum": 0, "examples": [2, 0.25] })
    }
}

/// A text that is never shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretText(pub Redacted);

impl FromToml for SecretText {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader) -> Option<Self> {
        String::from_toml(value, reader).map(|text| SecretText(Redacted::new(text)))
    }
}

impl JsonSchema for SecretText {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "text".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

/// A table whose keys are the user's own, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entries<T>(pub Vec<(Located<String>, Located<T>)>);

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Entries(Vec::new())
    }
}

impl<T: FromToml> FromToml for Entries<T> {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader) -> Option<Self> {
        let table = reader.table(value)?;
        let mut entries = Vec::with_capacity(table.len());
        for (key, value) in table {
            let name = Located { value: key.get_ref().to_string(), span: key.span() };
            if let Some(read) = reader.field(key, value) {
                entries.push((name, read));
            }
        }
        entries.sort_by_key(|(key, _)| key.span.start);
        Some(Entries(entries))
    }
}

impl<T: JsonSchema> JsonSchema for Entries<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "entries".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<T>();
        json_schema!({ "type": "object", "additionalProperties": value })
    }
}

/// The shape of a region's name: `us-east-1`, `us-gov-west-1`. New regions appear, so there is no
/// list of them here.
pub fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let letters = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    let Some((number, words)) = parts.split_last() else { return false };
    (2..=4).contains(&words.len())
        && words.iter().all(letters)
        && words[0].len() <= 5
        && (1..=2).contains(&number.len())
        && number.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_and_zones_are_told_apart() {
        for region in
            ["us-east-1", "us-gov-west-1", "ap-southeast-2", "us-iso-east-1", "eusc-de-east-1"]
        {
            assert!(is_region(region), "{region}");
        }
        for other in ["us-east-1a", "us-east", "", "-", "US-EAST-1", "us-east-", "global", "1"] {
            assert!(!is_region(other), "{other}");
        }
    }
}
