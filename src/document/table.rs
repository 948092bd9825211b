//! One declaration per table: struct, reader, schema and reference come from it.

use std::ops::Range;

/// What the reference and the schema say about one key.
#[derive(Debug, Clone, Copy)]
pub struct KeyInfo {
    pub name: &'static str,
    /// The lines of its doc comment.
    pub doc: &'static [&'static str],
    pub required: bool,
    /// As TOML text; `None` for keys without one.
    pub default: Option<&'static str>,
    /// As TOML text, for keys without a default; empty for tables.
    pub example: &'static str,
}

/// A table that [`toml_table!`] declared.
pub trait TomlTable: Sized {
    const KEYS: &'static [KeyInfo];
    const NAMES: &'static [&'static str];
    /// The lines of the table's doc comment.
    const DOC: &'static [&'static str];

    /// The bytes of the table's header (or of the whole inline table).
    fn span(&self) -> Range<usize>;

    /// Whether the key is written, be its value right or wrong.
    fn has(&self, key: &str) -> bool;
}

/// The schema of a declared table, which allows no other keys.
pub(crate) fn table_schema(
    doc: &[&str],
    keys: &[KeyInfo],
    mut property: impl FnMut(usize) -> schemars::Schema,
) -> schemars::Schema {
    let mut properties = serde_json::Map::new();
    for (index, key) in keys.iter().enumerate() {
        let mut schema = property(index);
        schema.insert("description".into(), sentences(key.doc).into());
        if let Some(default) = key.default.and_then(toml_to_json) {
            schema.insert("default".into(), default);
        }
        properties.insert(key.name.to_owned(), schema.to_value());
    }
    let required: Vec<&str> = keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    let mut schema = schemars::json_schema!({
        "type": "object",
        "description": sentences(doc),
        "additionalProperties": false,
    });
    if !required.is_empty() {
        schema.insert("required".into(), required.into());
    }
    schema.insert("properties".into(), properties.into());
    schema
}

/// A doc comment's lines as one text.
pub(crate) fn sentences(doc: &[&str]) -> String {
    doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

fn toml_to_json(text: &str) -> Option<serde_json::Value> {
    let table: toml::Table = toml::from_str(&format!("value = {text}")).ok()?;
    serde_json::to_value(table.get("value")?).ok()
}

/// Declares a table. After each field's type stands `required "example"`, `default "value"` or
/// `optional "example"`, in TOML's notation. A table declared `as "job"` is called by that word and
/// its own `name` in messages.
macro_rules! toml_table {
    (
        $(#[doc = $table_doc:literal])+
        pub struct $name:ident $(as $subject:literal)? {
            $(
                $(#[doc = $doc:literal])+
                $field:ident: $type:ty, $kind:ident $text:literal;
            )+
        }
    ) => {
        $(#[doc = $table_doc])+
        #[derive(Debug, Clone, Default)]
        pub struct $name {
            $(
                $(#[doc = $doc])+
                pub $field: Option<$crate::document::Located<$type>>,
            )+
            /// The bytes of the table's header.
            pub table_span: std::ops::Range<usize>,
            /// Names of the keys that are written, also of those whose value is wrong.
            pub written: Vec<&'static str>,
        }

        impl $crate::document::TomlTable for $name {
            const DOC: &'static [&'static str] = &[$($table_doc),+];
            const NAMES: &'static [&'static str] = &[$(stringify!($field)),+];
            const KEYS: &'static [$crate::document::KeyInfo] = &[$(
                $crate::document::KeyInfo {
                    name: stringify!($field),
                    doc: &[$($doc),+],
                    required: $crate::document::toml_table!(@required $kind),
                    default: $crate::document::toml_table!(@default $kind $text),
                    example: $text,
                }
            ),+];

            fn span(&self) -> std::ops::Range<usize> {
                self.table_span.clone()
            }

            fn has(&self, key: &str) -> bool {
                self.written.contains(&key)
            }
        }

        impl $crate::document::FromToml for $name {
            fn from_toml(
                value: &toml::Spanned<toml::de::DeValue<'_>>,
                reader: &mut $crate::document::Reader,
            ) -> Option<Self> {
                use $crate::document::TomlTable;
                let table = reader.table(value)?;
                let outer = reader.enter([$($subject)?].first().copied(), table);
                let mut read = $name { table_span: value.span(), ..Default::default() };
                for (key, value) in table {
                    match key.get_ref().as_ref() {
                        $(stringify!($field) => {
                            read.written.push(stringify!($field));
                            read.$field = reader.field(key, value);
                        })+
                        _ => reader.unknown_key(key, Self::NAMES),
                    }
                }
                for key in Self::KEYS {
                    if key.required && !read.has(key.name) {
                        reader.missing_key(key.name, key.example, value.span());
                    }
                }
                reader.leave(outer);
                Some(read)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).trim_start_matches("Raw").to_lowercase().into()
            }
            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                use $crate::document::TomlTable;
                let schemas = [$(generator.subschema_for::<$type>()),+];
                $crate::document::table_schema(Self::DOC, Self::KEYS, |index| {
                    schemas[index].clone()
                })
            }
        }
    };
    (@required required) => { true };
    (@required $other:ident) => { false };
    (@default default $text:literal) => { Some($text) };
    (@default $other:ident $text:literal) => { None };
}
pub(crate) use toml_table;
