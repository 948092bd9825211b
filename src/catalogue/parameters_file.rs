//! Files of parameter sets: CSV with a header, and JSON Lines.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use super::{ParameterSet, secrets};
use crate::diagnostic::{Diagnostic, Source};
use crate::document::shown;
use crate::template::is_field;

/// Parameter sets of one job, at most: each becomes a run of every scheduled time.
pub const MAX_SETS: usize = 50_000;
/// Wrong lines of one file that are reported.
const MAX_FINDINGS: usize = 10;

/// One line, and where it stands.
struct Row {
    fields: BTreeMap<String, String>,
    span: Range<usize>,
}

/// The sets of a file, in its order, with every problem noted. `None` after an error.
pub fn read(
    source: &Arc<Source>,
    findings: &mut Vec<Diagnostic>,
) -> Option<Vec<Arc<ParameterSet>>> {
    let name = source.path.to_string_lossy();
    let mut wrong = Vec::new();
    let rows = if name.ends_with(".csv") {
        csv_rows(source, &mut wrong)
    } else if name.ends_with(".jsonl") || name.ends_with(".ndjson") {
        json_rows(source, &mut wrong)
    } else {
        let message = "a file of parameter sets must end with .csv, .jsonl or .ndjson";
        wrong.push(Diagnostic::error("unknown-file-type", message).at(source, 0..0));
        Vec::new()
    };
    hide_secrets(source, &rows);
    if wrong.is_empty() && rows.is_empty() {
        let message = "the file holds no parameter set, so that the job would never run";
        wrong.push(
            Diagnostic::error("no-parameter-sets", message)
                .at(source, 0..0)
                .hint("add a line, or set the job's `enabled = false`"),
        );
    }
    let sets = distinct(source, rows, &mut wrong);
    let is_good = wrong.is_empty();
    wrong.truncate(MAX_FINDINGS);
    findings.extend(wrong);
    is_good.then_some(sets)
}

fn csv_rows(source: &Arc<Source>, findings: &mut Vec<Diagnostic>) -> Vec<Row> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(source.text.as_bytes());
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(error) => {
            let message = format!("the header cannot be read: {error}");
            findings.push(Diagnostic::error("invalid-csv", message).at(source, 0..0));
            return Vec::new();
        }
    };
    let end_of_header = reader.position().byte() as usize;
    check_header(source, &header, end_of_header, findings);
    let mut rows = Vec::new();
    let mut record = csv::StringRecord::new();
    loop {
        let start = reader.position().byte() as usize;
        match reader.read_record(&mut record) {
            Ok(false) => return rows,
            Ok(true) => {}
            Err(error) => {
                let message = format!("the line cannot be read: {error}");
                findings.push(Diagnostic::error("invalid-csv", message).at(source, start..start));
                return rows;
            }
        }
        let span = line_at(&source.text, start..reader.position().byte() as usize);
        if record.len() != header.len() {
            let message =
                format!("a line has {} fields, and the header {}", record.len(), header.len());
            findings.push(
                Diagnostic::error("unequal-fields", message)
                    .at(source, span)
                    .hint("put values that hold a comma into quotes"),
            );
        } else {
            let pairs = header.iter().zip(&record);
            let fields = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            rows.push(Row { fields, span });
        }
        if too_many(source, rows.len(), findings) || findings.len() > MAX_FINDINGS {
            return rows;
        }
    }
}

fn check_header(
    source: &Arc<Source>,
    header: &csv::StringRecord,
    end: usize,
    findings: &mut Vec<Diagnostic>,
) {
    let span = line_at(&source.text, 0..end);
    for (place, name) in header.iter().enumerate() {
        if let Some(problem) = name_problem(name) {
            findings.push(problem.at(source, span.clone()));
        } else if header.iter().take(place).any(|earlier| earlier == name) {
            let message = format!("the header names {} twice", shown(name));
            findings.push(Diagnostic::error("duplicate-field", message).at(source, span.clone()));
        }
    }
}

/// Why a field cannot be called so.
pub fn name_problem(name: &str) -> Option<Diagnostic> {
    (!is_field(name)).then(|| {
        Diagnostic::error("invalid-field", format!("{} is no name of a field", shown(name)))
            .hint("templates call it `set.NAME`: letters, digits and `_`, no digit first")
    })
}

fn json_rows(source: &Arc<Source>, findings: &mut Vec<Diagnostic>) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut start = 0;
    for line in source.text.split_inclusive('\n') {
        let span = line_at(&source.text, start..start + line.len());
        start += line.len();
        if line.trim().is_empty() {
            continue;
        }
        match json_row(line) {
            Ok(fields) => rows.push(Row { fields, span }),
            Err((column, problem)) => {
                let at = (span.start + column).min(span.end);
                findings.push(problem.at(source, at..span.end));
            }
        }
        if too_many(source, rows.len(), findings) || findings.len() > MAX_FINDINGS {
            break;
        }
    }
    if let Some(first) = rows.first() {
        for row in &rows[1..] {
            if !row.fields.keys().eq(first.fields.keys()) {
                let finding = Diagnostic::error(
                    "unequal-fields",
                    "a line has other fields than the first one",
                );
                findings.push(
                    finding
                        .at(source, row.span.clone())
                        .related(source, first.span.clone(), "the first one")
                        .hint("every line names the same fields"),
                );
            }
        }
    }
    rows
}

/// The fields of a line, or the column of what is wrong, from 0.
fn json_row(line: &str) -> Result<BTreeMap<String, String>, (usize, Box<Diagnostic>)> {
    let table: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(line).map_err(|error| {
            let hint = "each line is one object, such as {\"region\": \"eu\", \"size\": 1}";
            // Its own place counts lines within this one.
            let text = error.to_string();
            let problem = text.split(" at line ").next().unwrap_or_default();
            let finding = Diagnostic::error("invalid-json", format!("not valid JSON: {problem}"));
            (error.column().saturating_sub(1), Box::new(finding.hint(hint)))
        })?;
    let mut fields = BTreeMap::new();
    for (name, value) in table {
        if let Some(problem) = name_problem(&name) {
            return Err((0, Box::new(problem)));
        }
        let text = match value {
            serde_json::Value::String(text) => text,
            serde_json::Value::Number(number) if is_exact(&number) => number.to_string(),
            serde_json::Value::Number(_) => {
                let message = format!("field {} has more digits than a number keeps", shown(&name));
                let finding = Diagnostic::error("invalid-field", message);
                return Err((0, Box::new(finding.hint("put it in quotes"))));
            }
            serde_json::Value::Bool(flag) => flag.to_string(),
            _ => {
                let message = format!("field {} is no text, number or flag", shown(&name));
                return Err((0, Box::new(Diagnostic::error("invalid-field", message))));
            }
        };
        fields.insert(name, text);
    }
    Ok(fields)
}

/// Whether a number is what was written: a float holds whole ones only up to 2^53.
fn is_exact(number: &serde_json::Number) -> bool {
    !number.is_f64() || number.as_f64().is_some_and(|float| float.abs() < 9_007_199_254_740_992.0)
}

fn too_many(source: &Arc<Source>, rows: usize, findings: &mut Vec<Diagnostic>) -> bool {
    if rows <= MAX_SETS {
        return false;
    }
    let message = format!("the file holds more than {MAX_SETS} parameter sets");
    findings.push(
        Diagnostic::error("too-many-parameter-sets", message)
            .at(source, 0..0)
            .hint("let each run do several, or split them between jobs"),
    );
    true
}

/// Two lines that say the same would be one run, and nobody could tell which is missing.
fn distinct(
    source: &Arc<Source>,
    rows: Vec<Row>,
    findings: &mut Vec<Diagnostic>,
) -> Vec<Arc<ParameterSet>> {
    let mut seen: HashMap<String, Range<usize>> = HashMap::with_capacity(rows.len());
    let mut sets = Vec::with_capacity(rows.len());
    for Row { fields, span } in rows {
        let set = ParameterSet::of(fields);
        if let Some(first) = seen.insert(set.key.clone(), span.clone()) {
            findings.push(
                Diagnostic::error(
                    "duplicate-parameter-set",
                    "two lines are the same parameter set",
                )
                .at(source, span)
                .related(source, first, "the first one")
                .hint("remove one of the two"),
            );
        }
        sets.push(Arc::new(set));
    }
    sets
}

/// Nothing of a file that holds what looks like a secret is printed.
fn hide_secrets(source: &Arc<Source>, rows: &[Row]) {
    let mut values = rows.iter().flat_map(|row| &row.fields);
    if values.any(|(name, value)| secrets::looks_secret(name, value).is_some()) {
        source.hide(std::iter::once(0..source.text.len()).collect());
    }
}

/// The range without line breaks at its ends, on character boundaries.
fn line_at(text: &str, range: Range<usize>) -> Range<usize> {
    let range = text.floor_char_boundary(range.start)..text.ceil_char_boundary(range.end);
    let line = &text[range.clone()];
    let start = range.start + (line.len() - line.trim_start_matches(['\r', '\n']).len());
    start..start + line.trim_matches(['\r', '\n']).len()
}
