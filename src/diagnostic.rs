//! What is wrong with an input file: where, why, and what to do about it. Shared by `check`, `plan`,
//! the daemon's start and its reload. All problems of all files come in one report.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

/// How bad it is. An error keeps the daemon from starting and a reload from being taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
}

/// A file's text, kept so that its lines can be shown.
#[derive(Debug)]
pub struct Source {
    /// As the user wrote it, for messages.
    pub path: PathBuf,
    pub text: String,
}

/// Bytes of a source.
#[derive(Debug, Clone)]
pub struct Place {
    pub source: Arc<Source>,
    pub span: Range<usize>,
}

/// One finding.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    pub severity: Severity,
    /// Stable, for suppressions and tests: `unknown-key`, `deadline-shorter-than-duration`.
    pub code: &'static str,
    /// A sentence that can be read alone: names the table, the key and the value.
    pub message: String,
    /// Where it is; `None` when a whole file is meant (it cannot be read).
    pub place: Option<Place>,
    /// What to do.
    pub hint: Option<String>,
}
