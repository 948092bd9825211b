//! What is wrong with an input file: where, why, and what to do about it. Shared by `check`, `plan`,
//! the daemon's start and its reload. All problems of all files come in one report.

mod json;
mod position;
mod render;
mod source;

pub use json::to_json;
pub use position::{LineIndex, Position};
pub use render::{render, summary};
pub use source::Source;

use std::ops::Range;
use std::sync::Arc;

use serde::Serialize;

/// How bad it is. An error keeps the daemon from starting and a reload from being taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
}

impl Severity {
    pub const fn label(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// Bytes of a source.
#[derive(Debug, Clone)]
pub struct Place {
    pub source: Arc<Source>,
    pub span: Range<usize>,
}

/// A second place that belongs to a finding, such as the first of two definitions.
#[derive(Debug, Clone)]
pub struct Related {
    pub place: Place,
    /// What is there: `first defined here`.
    pub label: String,
}

/// One finding.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    pub severity: Severity,
    /// Stable, for suppressions and tests: `unknown-key`, `deadline-too-short`.
    pub code: &'static str,
    /// A sentence that can be read alone: names the table, the key and the value. Never holds the
    /// value of a parameter or an environment variable.
    pub message: String,
    /// Where it is. A file that cannot be read is a place in an empty source; `None` when no file
    /// is meant at all.
    pub place: Option<Place>,
    pub related: Vec<Related>,
    /// What to do.
    pub hint: Option<String>,
}

impl Diagnostic {
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message.into())
    }

    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message.into())
    }

    fn new(severity: Severity, code: &'static str, message: String) -> Self {
        let message = printable(message);
        Diagnostic { severity, code, message, place: None, related: Vec::new(), hint: None }
    }

    /// This finding, located at `span` of `source`.
    pub fn at(mut self, source: &Arc<Source>, span: Range<usize>) -> Self {
        self.place = Some(Place { source: Arc::clone(source), span });
        self
    }

    /// This finding with advice.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(printable(hint.into()));
        self
    }

    /// This finding with a second place.
    pub fn related(
        mut self,
        source: &Arc<Source>,
        span: Range<usize>,
        label: impl Into<String>,
    ) -> Self {
        let place = Place { source: Arc::clone(source), span };
        self.related.push(Related { place, label: printable(label.into()) });
        self
    }
}

/// A text that quotes the input may hold what a terminal takes for a command. Nothing of that is
/// printed as it is, whoever wrote the message.
fn printable(text: String) -> String {
    if !text.chars().any(|c| c.is_control() && c != '\n') {
        return text;
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if c.is_control() && c != '\n' {
            safe.extend(c.escape_debug());
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Whether any of `diagnostics` keeps the input from being used.
pub fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|finding| finding.severity == Severity::Error)
}

/// The findings in the order of a report: by file, place, then severity.
pub fn sorted(diagnostics: &[Diagnostic]) -> Vec<&Diagnostic> {
    let mut findings: Vec<&Diagnostic> = diagnostics.iter().collect();
    findings.sort_by(|a, b| sort_key(a).cmp(&sort_key(b)));
    findings
}

fn sort_key(finding: &Diagnostic) -> impl Ord {
    let place = finding.place.as_ref();
    (
        place.map(|place| place.source.path.clone()),
        place.map(|place| (place.span.start, place.span.end)),
        finding.severity,
        finding.code,
        finding.message.clone(),
    )
}
