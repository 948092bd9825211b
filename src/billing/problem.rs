//! What is wrong with a billing file, and where.

use std::fmt;

use serde::Serialize;

/// One thing that is wrong. Nothing of any file is imported then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub file: String,
    /// From 1; of a Parquet file, the row. `None` where the whole file is meant.
    pub line: Option<u64>,
    pub column: Option<String>,
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        if let Some(column) = &self.column {
            write!(f, ", {column}")?;
        }
        write!(f, ": {}", self.what)
    }
}

/// What is wrong with one line: its column, and what.
pub(super) type Wrong = (&'static str, String);

/// Longest part of a value that is shown.
const SHOWN: usize = 60;

/// A value of the file for a message: quoted, with nothing in it that a terminal takes for a command.
pub(super) fn quoted(value: &str) -> String {
    match value.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?} ...", &value[..end]),
        None => format!("{value:?}"),
    }
}
