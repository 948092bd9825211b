//! A value, or a list of such values.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use toml::Spanned;
use toml::de::DeValue;

use super::{FromToml, Located, Reader};

/// What may be written as one value or as a list; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneOrMany<T>(pub Vec<Located<T>>);

impl<T: FromToml> FromToml for OneOrMany<T> {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader) -> Option<Self> {
        let DeValue::Array(written) = value.get_ref() else {
            let one = T::from_toml(value, reader)?;
            return Some(OneOrMany(vec![Located { value: one, span: value.span() }]));
        };
        if written.is_empty() {
            return reader.invalid(value.span(), "is an empty list", None);
        }
        // What is wrong with its values was said of each.
        let many = Vec::<Located<T>>::from_toml(value, reader)?;
        (!many.is_empty()).then_some(OneOrMany(many))
    }
}

impl<T: JsonSchema> JsonSchema for OneOrMany<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "one-or-many".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one.clone(), { "type": "array", "items": one, "minItems": 1 }] })
    }
}
