//! The table of AWS's Spot Advisor, as an operator fetched it: how often instances of each type were taken
//! back in the last month. AWS publishes it for its own page and documents it nowhere, so that what is not
//! needed is not looked at, and what is needed is not guessed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use crate::diagnostic::{Diagnostic, LineIndex, Source};
use crate::document::{read_file, shown, unread};
use crate::domain::{InstanceType, Region};
use crate::experience::SpotAdvisor;

/// Larger files are refused; AWS's has less than two.
pub const MAX_BYTES: usize = 10 * 1024 * 1024;
/// Entries of one file that are reported.
const MAX_FINDINGS: usize = 10;

const FETCH: &str = "fetch https://spot-bid-advisor.s3.amazonaws.com/spot-advisor-data.json anew, whole, or \
                     leave `decision.spot_advisor_file` out";

#[derive(Deserialize)]
struct Table {
    ranges: Vec<Range>,
    spot_advisor: BTreeMap<String, Systems>,
}

/// A range of shares; it begins where the one before ends.
#[derive(Deserialize)]
struct Range {
    index: u32,
    /// Percent.
    max: f64,
}

#[derive(Deserialize)]
struct Systems {
    #[serde(rename = "Linux", default)]
    linux: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    /// The index of a range.
    r: u32,
}

/// What the table at `path` says of how types compare, and everything that is wrong with it. `None` when
/// any finding is an error.
pub fn load(path: &Path) -> (Option<SpotAdvisor>, Vec<Diagnostic>) {
    match read_file(path) {
        Ok(source) => load_source(source),
        Err(finding) => {
            let finding = match finding.code {
                "file-not-found" | "file-unreadable" | "symlink-loop" => finding,
                _ => finding.hint(FETCH),
            };
            (None, vec![finding])
        }
    }
}

/// The table in a text that is already read.
pub fn load_source(source: Source) -> (Option<SpotAdvisor>, Vec<Diagnostic>) {
    let source = Arc::new(source);
    match parse(&source).and_then(|table| shares(&source.path, table)) {
        Ok(shares) => (Some(SpotAdvisor::of_shares(shares)), Vec::new()),
        Err(findings) => (None, findings),
    }
}

fn parse(source: &Arc<Source>) -> Result<Table, Vec<Diagnostic>> {
    if source.text.len() > MAX_BYTES {
        let most = MAX_BYTES / (1024 * 1024);
        let message = format!("the file is larger than {most} MiB, and was not read");
        let finding = Diagnostic::error("file-too-large", message).at(&unread(&source.path), 0..0);
        return Err(vec![finding.hint(FETCH)]);
    }
    let mut text = serde_json::Deserializer::from_str(&source.text);
    let table = serde_path_to_error::deserialize(&mut text)
        .map_err(|error| (error.path().to_string(), error.into_inner()))
        .and_then(|table| text.end().map(|()| table).map_err(|error| (".".to_owned(), error)));
    table.map_err(|(key, error)| vec![unreadable(source, &key, &error)])
}

/// What the parser says, at the place that it names.
fn unreadable(source: &Arc<Source>, key: &str, error: &serde_json::Error) -> Diagnostic {
    let (line, column) = (error.line(), error.column());
    let says = error.to_string();
    let says = says.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&says);
    let key = if key == "." { "the table".to_owned() } else { shown(key) };
    let message = match error.is_data() {
        true => format!("{key}: {says}"),
        false => format!("this is no JSON, or not all of it: {says}, in {key}"),
    };
    let begin = LineIndex::new(&source.text).line_range(line.saturating_sub(1)).start;
    let at = source.text.floor_char_boundary(begin + column.saturating_sub(1));
    Diagnostic::error("invalid-spot-advisor", message).at(source, at..at).hint(FETCH)
}

type Shares = BTreeMap<Region, BTreeMap<InstanceType, f64>>;

/// The share of each type's Linux instances that was reclaimed, by the middle of its range.
fn shares(path: &Path, table: Table) -> Result<Shares, Vec<Diagnostic>> {
    let wrong = |message: String| {
        let finding = Diagnostic::error("invalid-spot-advisor", message);
        finding.at(&unread(path), 0..0).hint(FETCH)
    };
    let middles = middles(table.ranges).map_err(|message| vec![wrong(message)])?;
    let (mut shares, mut findings) = (Shares::new(), Vec::new());
    for (region, systems) in table.spot_advisor {
        let mut types = BTreeMap::new();
        for (name, entry) in systems.linux {
            if let Some(middle) = middles.get(&entry.r) {
                types.insert(InstanceType::from(name), *middle);
            } else if findings.len() < MAX_FINDINGS {
                let key = shown(&format!("spot_advisor.{region}.Linux.{name}.r"));
                let message = format!("{key} is {}, which is no `index` of `ranges`", entry.r);
                findings.push(wrong(message));
            }
        }
        if !types.is_empty() {
            shares.insert(Region::from(region), types);
        }
    }
    if shares.is_empty() && findings.is_empty() {
        findings.push(wrong("`spot_advisor` names no instance type for Linux".to_owned()));
    }
    if findings.is_empty() { Ok(shares) } else { Err(findings) }
}

/// The middle of each range, by its index. The last one, of what is above 20 %, ends at 100: it is taken to
/// be as wide as the one before it, since hardly any type is anywhere near the middle of that.
fn middles(mut ranges: Vec<Range>) -> Result<BTreeMap<u32, f64>, String> {
    ranges.sort_by_key(|range| range.index);
    let (mut middles, mut from, mut width) = (BTreeMap::new(), 0.0, None);
    for Range { index, max } in ranges {
        if middles.contains_key(&index) {
            return Err(format!("`ranges` has two of the `index` {index}"));
        }
        // Also what is no number.
        if !(max > from && max <= 100.0) {
            return Err(format!(
                "`ranges`: the `max` of `index` {index} is {max}, and must be above {from} and at most 100"
            ));
        }
        let to = if max == 100.0 { width.map_or(max, |width| from + width) } else { max };
        middles.insert(index, f64::midpoint(from, to));
        (from, width) = (max, Some(max - from));
    }
    if middles.is_empty() { Err("`ranges` is empty".to_owned()) } else { Ok(middles) }
}
