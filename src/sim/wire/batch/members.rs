//! Reading the members of a JSON request. A member of the wrong type is what AWS calls a
//! SerializationException; one that is missing or out of its range is a ClientException.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::super::protocol::Fault;

/// The members of a structure in a request, and where it is.
#[derive(Debug, Clone)]
pub(super) struct Members<'a> {
    path: String,
    map: &'a Map<String, Value>,
}

/// What Batch allows in the names of queues, environments and definitions.
pub(super) fn check_name(member: &str, name: &str) -> Result<(), Fault> {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let starts = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if starts && name.len() <= 128 && name.chars().all(legal) {
        return Ok(());
    }
    Err(Fault::client(format!(
        "{member} must be up to 128 letters, digits, hyphens and underscores and begin with a \
         letter or digit"
    )))
}

impl<'a> Members<'a> {
    pub(super) fn of(map: &'a Map<String, Value>) -> Self {
        Members { path: String::new(), map }
    }

    pub(super) fn map(&self) -> &'a Map<String, Value> {
        self.map
    }

    /// A member's name with its path, for messages.
    pub(super) fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    fn read<T>(
        &self,
        name: &str,
        kind: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Fault> {
        match self.map.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => read(value).map(Some).ok_or_else(|| {
                let message = format!("{} must be {kind}", self.path(name));
                Fault::new(400, "SerializationException", message)
            }),
        }
    }

    pub(super) fn missing(&self, name: &str) -> Fault {
        Fault::client(format!("{} is required", self.path(name)))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.map.get(name).is_some_and(|value| !value.is_null())
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, Fault> {
        self.read(name, "a string", Value::as_str)
    }

    /// A text that must be there and not be empty.
    pub(super) fn needed_text(&self, name: &str) -> Result<&'a str, Fault> {
        self.text(name)?.filter(|text| !text.is_empty()).ok_or_else(|| self.missing(name))
    }

    /// One of `allowed`, AWS's enumerations.
    pub(super) fn one_of(
        &self,
        name: &str,
        allowed: &[&'static str],
    ) -> Result<Option<&'static str>, Fault> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let found = allowed.iter().find(|value| **value == text);
        let found = found.ok_or_else(|| {
            let path = self.path(name);
            Fault::client(format!("{path} {text:?} must be one of {}", allowed.join(", ")))
        });
        found.map(|value| Some(*value))
    }

    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>, Fault> {
        self.read(name, "an integer", Value::as_i64)
    }

    /// An integer within bounds.
    pub(super) fn within(&self, name: &str, least: i64, most: i64) -> Result<Option<i64>, Fault> {
        match self.integer(name)? {
            Some(number) if !(least..=most).contains(&number) => {
                let path = self.path(name);
                Err(Fault::client(format!("{path} must be between {least} and {most}")))
            }
            number => Ok(number),
        }
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Fault> {
        self.read(name, "a boolean", Value::as_bool)
    }

    pub(super) fn texts(&self, name: &str) -> Result<Option<Vec<String>>, Fault> {
        self.read(name, "a list of strings", |value| {
            let items = value.as_array()?.iter();
            items.map(|item| item.as_str().map(str::to_owned)).collect()
        })
    }

    pub(super) fn object(&self, name: &str) -> Result<Option<Members<'a>>, Fault> {
        let map = self.read(name, "a structure", Value::as_object)?;
        Ok(map.map(|map| Members { path: self.path(name), map }))
    }

    pub(super) fn objects(&self, name: &str) -> Result<Option<Vec<Members<'a>>>, Fault> {
        let member = |(ix, value): (usize, &'a Value)| {
            let path = format!("{}[{ix}]", self.path(name));
            value.as_object().map(|map| Members { path, map })
        };
        self.read(name, "a list of structures", |value| {
            value.as_array()?.iter().enumerate().map(member).collect()
        })
    }

    pub(super) fn strings_by_name(
        &self,
        name: &str,
    ) -> Result<Option<BTreeMap<String, String>>, Fault> {
        self.read(name, "a map of strings", |value| {
            let entries = value.as_object()?.iter();
            entries.map(|(key, v)| Some((key.clone(), v.as_str()?.to_owned()))).collect()
        })
    }

    /// `tags`: at most 50, keys of 1 to 128 characters, values of up to 256 (simulated-aws.md §1.1), and
    /// `aws:` is AWS's own.
    pub(super) fn tags(&self) -> Result<BTreeMap<String, String>, Fault> {
        let tags = self.strings_by_name("tags")?.unwrap_or_default();
        if tags.len() > 50 {
            return Err(Fault::client("a resource can have at most 50 tags"));
        }
        for (key, value) in &tags {
            if !(1..=128).contains(&key.chars().count()) || value.chars().count() > 256 {
                let message = "a tag's key has 1 to 128 characters, its value up to 256";
                return Err(Fault::client(message));
            }
            if key.to_ascii_lowercase().starts_with("aws:") {
                return Err(Fault::client("a tag's key cannot begin with aws:"));
            }
        }
        Ok(tags)
    }
}
