//! Reading of plain TOML types.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use toml::Spanned;
use toml::de::{DeInteger, DeValue};

use super::{FromToml, Located, Reader};

impl FromToml for String {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader) -> Option<Self> {
        match value.get_ref() {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) => {
                reader.wrong_type(value, "a string", Some("put it in quotes".to_owned()))
            }
            _ => reader.wrong_type(value, "a string", None),
        }
    }
}

impl FromToml for bool {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader) -> Option<Self> {
        match value.get_ref() {
            DeValue::Boolean(flag) => Some(*flag),
            DeValue::String(text) if matches!(text.as_ref(), "true" | "false") => {
                let hint = format!("write {text} without quotes");
                reader.wrong_type(value, "true or false", Some(hint))
            }
            _ => reader.wrong_type(value, "true or false", None),
        }
    }
}

/// The exact value of a TOML integer; `None` beyond 128 bits.
pub(super) fn exact(integer: &DeInteger<'_>) -> Option<i128> {
    i128::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// A whole number from `MIN` to `MAX`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole<const MIN: i64, const MAX: i64>(i64);

impl<const MIN: i64, const MAX: i64> Whole<MIN, MAX> {
    /// The number in a type that holds the whole range; the largest of the type if it does not.
    pub fn get<T: TryFrom<i64> + Bounded>(self) -> T {
        T::try_from(self.0).unwrap_or(T::LARGEST)
    }
}

/// Integer types with their largest value.
pub trait Bounded {
    const LARGEST: Self;
}

macro_rules! bounded {
    ($($type:ty),+) => {$(
        impl Bounded for $type {
            const LARGEST: Self = <$type>::MAX;
        }
    )+};
}
bounded!(u8, u16, u32);

impl<const MIN: i64, const MAX: i64> FromToml for Whole<MIN, MAX> {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader) -> Option<Self> {
        match value.get_ref() {
            DeValue::Integer(integer) => {
                let number = exact(integer).and_then(|exact| i64::try_from(exact).ok());
                match number.filter(|number| (MIN..=MAX).contains(number)) {
                    Some(number) => Some(Whole(number)),
                    None => {
                        let problem = format!("must be from {MIN} to {MAX}, not {integer}");
                        reader.invalid(value.span(), &problem, None)
                    }
                }
            }
            DeValue::String(text) if text.parse::<i64>().is_ok() => {
                let hint = format!("write {text} without quotes");
                reader.wrong_type(value, "a whole number", Some(hint))
            }
            _ => reader.wrong_type(value, "a whole number", None),
        }
    }
}

impl<const MIN: i64, const MAX: i64> JsonSchema for Whole<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "whole".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": MIN, "maximum": MAX })
    }
}

impl<T: FromToml> FromToml for Vec<Located<T>> {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader) -> Option<Self> {
        let hint = match value.get_ref() {
            DeValue::String(_) => Some("put it in brackets: `[\"...\"]`".to_owned()),
            DeValue::Table(_) => Some("write the table's name in double brackets".to_owned()),
            _ => None,
        };
        let array = reader.array(value, hint)?;
        let read = |element: &Spanned<DeValue<'_>>| {
            let read = T::from_toml(element, reader)?;
            Some(Located { value: read, span: element.span() })
        };
        Some(array.iter().filter_map(read).collect())
    }
}
