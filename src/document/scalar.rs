//! Reading of plain TOML types.

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

macro_rules! integers {
    ($($type:ty),+) => {$(
        impl FromToml for $type {
            fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader) -> Option<Self> {
                match value.get_ref() {
                    DeValue::Integer(integer) => {
                        let fits = exact(integer).and_then(|exact| <$type>::try_from(exact).ok());
                        fits.or_else(|| {
                            let (least, most) = (<$type>::MIN, <$type>::MAX);
                            let problem =
                                format!("must be from {least} to {most}, not {integer}");
                            reader.invalid(value.span(), &problem, None)
                        })
                    }
                    DeValue::String(text) if text.parse::<$type>().is_ok() => {
                        let hint = format!("write {text} without quotes");
                        reader.wrong_type(value, "a whole number", Some(hint))
                    }
                    _ => reader.wrong_type(value, "a whole number", None),
                }
            }
        }
    )+};
}
integers!(u8, u16, u32);

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
