//! From text to a TOML tree, with every syntax error.

use toml::Spanned;
use toml::de::{DeTable, Error};

use crate::diagnostic::{Diagnostic, Source};

/// Recovering from errors is only tried below this size: a large file that is no TOML at all would
/// give an error for every byte.
const MAX_RECOVERED_BYTES: usize = 256 * 1024;
/// Syntax errors reported per file: later ones are mostly echoes of earlier ones.
const MAX_SYNTAX_ERRORS: usize = 10;

/// A document, or what is wrong with its syntax.
pub enum Parsed<'a> {
    Tree(Spanned<DeTable<'a>>),
    /// The findings do not have a place yet, only a span.
    Broken(Vec<(Diagnostic, std::ops::Range<usize>)>),
}

/// Parses `source` as TOML. Never panics; nesting is limited by the parser.
pub fn parse(source: &Source) -> Parsed<'_> {
    let text = source.text.as_str();
    let first = match DeTable::parse(text) {
        Ok(tree) => return Parsed::Tree(tree),
        Err(error) => error,
    };
    let mut errors = match text.len() {
        ..MAX_RECOVERED_BYTES => DeTable::parse_recoverable(text).1,
        _ => Vec::new(),
    };
    if errors.is_empty() {
        errors.push(first);
    }
    let count = errors.len();
    let mut findings: Vec<_> =
        errors.iter().take(MAX_SYNTAX_ERRORS).map(|error| finding(error, text)).collect();
    if count > MAX_SYNTAX_ERRORS
        && let Some((last, _)) = findings.last_mut()
    {
        let more = count - MAX_SYNTAX_ERRORS;
        last.hint = Some(format!("{more} more syntax errors in this file are not listed"));
    }
    Parsed::Broken(findings)
}

fn finding(error: &Error, text: &str) -> (Diagnostic, std::ops::Range<usize>) {
    let span = error.span().unwrap_or(text.len()..text.len());
    let message = format!("not valid TOML: {}", error.message());
    let mut finding = Diagnostic::error("invalid-toml", message);
    if let Some(hint) = hint(error.message()) {
        finding = finding.hint(hint);
    }
    (finding, span)
}

fn hint(message: &str) -> Option<&'static str> {
    if message.contains("duplicate key") {
        Some("remove one of the two, or begin another table with `[[jobs]]`")
    } else if message.contains("string values must be quoted") {
        Some("texts stand in quotes: `key = \"value\"`")
    } else if message.contains("recursion limit") {
        Some("a catalogue nests three levels at most")
    } else {
        None
    }
}
