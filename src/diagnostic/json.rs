//! The report for programs.

use serde::Serialize;

use super::position::Lines;
use super::{Diagnostic, Place, Position, Severity, sorted};

#[derive(Serialize)]
struct JsonPlace {
    file: String,
    /// Absent for a file that could not be read.
    #[serde(flatten)]
    start: Option<Position>,
    end: Option<Position>,
}

#[derive(Serialize)]
struct JsonRelated<'a> {
    label: &'a str,
    #[serde(flatten)]
    place: JsonPlace,
}

#[derive(Serialize)]
struct JsonFinding<'a> {
    severity: Severity,
    code: &'a str,
    message: &'a str,
    #[serde(flatten)]
    place: Option<JsonPlace>,
    hint: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related: Vec<JsonRelated<'a>>,
}

/// Every finding as one JSON array, in the report's order: severity, code, message, file, line,
/// column, end, hint, related places. Never the source's text.
pub fn to_json(diagnostics: &[Diagnostic]) -> String {
    let mut lines = Lines::default();
    let findings: Vec<JsonFinding<'_>> = sorted(diagnostics)
        .into_iter()
        .map(|finding| JsonFinding {
            severity: finding.severity,
            code: finding.code,
            message: &finding.message,
            place: finding.place.as_ref().map(|at| place(at, &mut lines)),
            hint: finding.hint.as_deref(),
            related: finding
                .related
                .iter()
                .map(|related| JsonRelated {
                    label: &related.label,
                    place: place(&related.place, &mut lines),
                })
                .collect(),
        })
        .collect();
    // Strings, numbers and options only: there is nothing that JSON cannot hold.
    serde_json::to_string_pretty(&findings).unwrap_or_else(|error| format!("[\"{error}\"]"))
}

fn place<'a>(place: &'a Place, lines: &mut Lines<'a>) -> JsonPlace {
    let source = &place.source;
    let index = (!source.text.is_empty()).then(|| lines.of(source));
    JsonPlace {
        file: source.path.display().to_string(),
        start: index.map(|index| index.position(place.span.start)),
        end: index.map(|index| index.position(place.span.end)),
    }
}
