//! Names: their letters, and that each is given once.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::Scope;
use crate::catalogue::raw::{RawCalendar, RawClass, RawEnvironment, RawJob};
use crate::catalogue::read::Entry;
use crate::diagnostic::{Diagnostic, Source};
use crate::document::{Located, did_you_mean, shown};

/// Batch allows 128 characters for a job's name; ours adds the scheduled time, the leg and a hash
/// (`-20260329T003000Z-l12-0123abcd`) and must not be cut.
pub(super) const MAX_NAME: usize = 80;

/// A table with a name.
pub(super) trait Named {
    fn name(&self) -> Option<&Located<String>>;
}

macro_rules! named {
    ($($type:ty),+) => {$(
        impl Named for $type {
            fn name(&self) -> Option<&Located<String>> {
                self.name.as_ref()
            }
        }
    )+};
}
named!(RawEnvironment, RawClass, RawJob, RawCalendar);

/// Where each name was first given. Names of tables that have other problems count too: a reference
/// to them is not a second mistake.
pub(super) struct Declared<'a> {
    kind: &'static str,
    first: HashMap<&'a str, (&'a Arc<Source>, Range<usize>)>,
}

impl<'a> Declared<'a> {
    pub(super) fn of<T: Named>(
        entries: &'a [Entry<T>],
        kind: &'static str,
        findings: &mut Vec<Diagnostic>,
    ) -> Self {
        let mut first: HashMap<&str, (&Arc<Source>, Range<usize>)> = HashMap::new();
        for entry in entries {
            let Some(Located { value, span }) = entry.raw.name() else { continue };
            if let Some((source, other)) = first.get(value.as_str()) {
                let message = format!("{kind} {} is defined twice", shown(value));
                findings.push(
                    Diagnostic::error("duplicate-name", message)
                        .at(&entry.source, span.clone())
                        .related(source, other.clone(), "first defined here")
                        .hint("remove or rename one of the two"),
                );
            } else {
                first.insert(value, (&entry.source, span.clone()));
            }
        }
        Declared { kind, first }
    }

    /// Whether `reference` names something; notes an error when not.
    pub(super) fn check(
        &self,
        reference: &Located<String>,
        complete: bool,
        scope: &mut Scope<'_>,
    ) -> bool {
        let name = reference.value.as_str();
        if self.first.contains_key(name) {
            return true;
        }
        // It may be defined in a file that cannot be read.
        if complete {
            let kind = self.kind;
            let hint = match did_you_mean(name, self.first.keys().copied()) {
                Some(like) => format!("did you mean \"{like}\"?"),
                None if self.first.is_empty() => format!("the catalogue defines no {kind}"),
                None => {
                    let mut names: Vec<&str> = self.first.keys().copied().collect();
                    names.sort_unstable();
                    names.truncate(8);
                    format!("defined are, for example: {}", names.join(", "))
                }
            };
            let problem = format!("there is no {kind} {}", shown(name));
            let code = match kind {
                "class" => "unknown-class",
                "calendar" => "unknown-calendar",
                "job" => "unknown-job",
                _ => "unknown-environment",
            };
            scope.error(code, &reference.span, &problem, &hint);
        }
        false
    }

    /// Warns of names that differ only in case, which Batch's search by name takes for one.
    pub(super) fn report_near_duplicates(&self, findings: &mut Vec<Diagnostic>) {
        let mut folded: HashMap<String, &str> = HashMap::new();
        let mut names: Vec<_> = self.first.iter().collect();
        names.sort_by_key(|(name, _)| **name);
        for (name, (source, span)) in names {
            let Some(other) = folded.insert(name.to_ascii_lowercase(), name) else { continue };
            let message =
                format!("{} {} differs from {} only in case", self.kind, shown(name), shown(other));
            let mut finding = Diagnostic::warning("names-differ-in-case", message)
                .at(source, span.clone())
                .hint("AWS Batch ignores case when it searches by name; rename one of the two");
            if let Some((source, span)) = self.first.get(other) {
                finding = finding.related(source, span.clone(), "the other one");
            }
            findings.push(finding);
        }
    }
}

/// The name, if it follows Batch's rule for job names and is short enough.
pub(super) fn check_name(name: &Option<Located<String>>, scope: &mut Scope<'_>) -> Option<String> {
    let Located { value, span } = name.as_ref()?;
    let problem = if value.is_empty() {
        "the name is empty".to_owned()
    } else if value.len() > MAX_NAME {
        format!("the name is {} bytes long; at most {MAX_NAME} are allowed", value.len())
    } else if !value.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        "the name must begin with a letter or a digit".to_owned()
    } else if let Some(bad) = value.chars().find(|c| !is_name_char(*c)) {
        format!("the name holds {}", shown(&bad.to_string()))
    } else {
        return Some(value.clone());
    };
    let hint = "names are made of letters, digits, `-` and `_`; they become part of Batch's job \
                names";
    scope.error("invalid-name", span, &problem, hint);
    None
}

/// Letters that Batch allows in names of jobs, definitions and queues.
pub(super) fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}
