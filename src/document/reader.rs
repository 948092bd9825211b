//! Reads values out of a TOML tree, and notes every problem instead of stopping at the first.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use toml::Spanned;
use toml::de::{DeArray, DeString, DeTable, DeValue};

use super::{did_you_mean, shown};
use crate::diagnostic::{Diagnostic, Source};

/// A value and the bytes that it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located<T> {
    pub value: T,
    pub span: Range<usize>,
}

impl<T: JsonSchema> JsonSchema for Located<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }
    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// A type that a TOML value can be read as.
pub trait FromToml: Sized {
    /// The value, or `None` after the problem was noted in `reader`.
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader) -> Option<Self>;
}

/// Where reading stands, and what was found so far.
pub struct Reader {
    source: Arc<Source>,
    /// What the current table describes: `job \`import\``. Begins every message.
    subject: String,
    /// The keys from the current table down to the value that is being read.
    path: Vec<String>,
    /// Keys of other tables, for keys that stand in the wrong one: (table, keys).
    elsewhere: &'static [(&'static str, &'static [&'static str])],
    findings: Vec<Diagnostic>,
}

/// What messages began with before a table was entered.
pub struct Outer(Option<(String, Vec<String>)>);

impl Reader {
    pub fn new(source: Arc<Source>) -> Self {
        Reader {
            source,
            subject: String::new(),
            path: Vec::new(),
            elsewhere: &[],
            findings: Vec::new(),
        }
    }

    /// Keys that other tables have: an unknown key found there gets that as its hint.
    pub fn with_elsewhere(
        mut self,
        elsewhere: &'static [(&'static str, &'static [&'static str])],
    ) -> Self {
        self.elsewhere = elsewhere;
        self
    }

    /// Begins a table. With a `subject` such as `job`, messages about what follows begin with it and
    /// the table's `name`. The answer goes back to [`Reader::leave`].
    pub fn enter(&mut self, subject: Option<&str>, table: &DeTable<'_>) -> Outer {
        let Some(subject) = subject else { return Outer(None) };
        let name = table.get("name").and_then(|name| name.get_ref().as_str());
        let subject = match name {
            Some(name) => format!("{subject} {}", shown(name)),
            None => format!("this {subject}"),
        };
        let path = std::mem::take(&mut self.path);
        Outer(Some((std::mem::replace(&mut self.subject, subject), path)))
    }

    /// Ends the table that `outer` began.
    pub fn leave(&mut self, outer: Outer) {
        if let Some((subject, path)) = outer.0 {
            (self.subject, self.path) = (subject, path);
        }
    }

    pub fn into_findings(self) -> Vec<Diagnostic> {
        self.findings
    }

    pub fn note(&mut self, finding: Diagnostic, span: Range<usize>) {
        self.findings.push(finding.at(&self.source, span));
    }

    /// `job \`import\`: \`timeout\` ` — what a message about the current value begins with.
    pub fn here(&self) -> String {
        let path = self.path.join(".");
        match (self.subject.is_empty(), path.is_empty()) {
            (true, true) => "this".to_owned(),
            (true, false) => shown(&path),
            (false, true) => self.subject.clone(),
            (false, false) => format!("{}: {}", self.subject, shown(&path)),
        }
    }

    /// Reads a text that must be one of `choices`.
    pub fn choice<T: Copy>(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        let names = || choices.iter().map(|(name, _)| *name);
        let listed = names().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
        let expected = format!("one of {listed}");
        let Some(text) = value.get_ref().as_str() else {
            return self.wrong_type(value, &expected, None);
        };
        if let Some((_, found)) = choices.iter().find(|(name, _)| *name == text) {
            return Some(*found);
        }
        let hint = did_you_mean(text, names()).map(|like| format!("did you mean \"{like}\"?"));
        self.invalid(value.span(), &format!("must be {expected}, not {}", shown(text)), hint)
    }

    /// Reads one key's value.
    pub fn field<T: FromToml>(
        &mut self,
        key: &Spanned<DeString<'_>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<Located<T>> {
        self.path.push(key.get_ref().to_string());
        let read = T::from_toml(value, self);
        self.path.pop();
        read.map(|read| Located { value: read, span: value.span() })
    }

    /// Notes that a value has the wrong type; `expected` completes "must be ...".
    pub fn wrong_type<T>(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        expected: &str,
        hint: Option<String>,
    ) -> Option<T> {
        let article = match value.get_ref().type_str() {
            kind @ ("array" | "integer") => format!("an {kind}"),
            kind => format!("a {kind}"),
        };
        let message = format!("{} must be {expected}, not {article}", self.here());
        let mut finding = Diagnostic::error("wrong-type", message);
        finding.hint = hint;
        self.note(finding, value.span());
        None
    }

    /// Notes that a value of the right type cannot be used; `problem` completes the sentence.
    pub fn invalid<T>(
        &mut self,
        span: Range<usize>,
        problem: &str,
        hint: Option<String>,
    ) -> Option<T> {
        let mut finding = Diagnostic::error("invalid-value", format!("{} {problem}", self.here()));
        finding.hint = hint;
        self.note(finding, span);
        None
    }

    pub fn table<'v, 'i>(&mut self, value: &'v Spanned<DeValue<'i>>) -> Option<&'v DeTable<'i>> {
        match value.get_ref() {
            DeValue::Table(table) => Some(table),
            _ => self.wrong_type(value, "a table", None),
        }
    }

    pub fn array<'v, 'i>(
        &mut self,
        value: &'v Spanned<DeValue<'i>>,
        hint: Option<String>,
    ) -> Option<&'v DeArray<'i>> {
        match value.get_ref() {
            DeValue::Array(array) => Some(array),
            _ => self.wrong_type(value, "an array", hint),
        }
    }

    pub fn unknown_key(&mut self, key: &Spanned<DeString<'_>>, known: &[&str]) {
        let name = key.get_ref().as_ref();
        let place = if self.path.is_empty() && self.subject.is_empty() {
            String::new()
        } else {
            format!("{}: ", self.here())
        };
        let mut finding =
            Diagnostic::error("unknown-key", format!("{place}unknown key {}", shown(name)));
        let other = self.elsewhere.iter().find(|(_, keys)| keys.contains(&name));
        finding.hint = if let Some((table, _)) = other {
            Some(format!("{} belongs in {table}", shown(name)))
        } else if let Some(like) = did_you_mean(name, known.iter().copied()) {
            Some(format!("did you mean `{like}`?"))
        } else {
            Some(format!("known keys: {}", known.join(", ")))
        };
        self.note(finding, key.span());
    }

    pub fn missing_key(&mut self, key: &str, example: &str, span: Range<usize>) {
        let finding = Diagnostic::error("missing-key", format!("{} has no `{key}`", self.here()));
        let finding = match example {
            "" => finding,
            example => finding.hint(format!("add for example `{key} = {example}`")),
        };
        self.note(finding, span);
    }
}
