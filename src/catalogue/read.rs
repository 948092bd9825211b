//! From sources to tables: syntax and types. What the tables mean is `validate`'s part.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use toml::Spanned;
use toml::de::DeValue;

use super::raw::{KEYS_BY_TABLE, RawCalendar, RawCatalogue, RawClass, RawEnvironment, RawJob};
use super::{Catalogue, ParameterSet, parameters_file, secrets, validate};
use crate::diagnostic::{Diagnostic, Source};
use crate::document::{FromToml, Located, Parsed, Reader, parse};

/// A table and the file that it stands in.
pub struct Entry<T> {
    pub source: Arc<Source>,
    pub raw: T,
}

impl<T> Entry<T> {
    /// A path that is written in its file.
    pub fn beside(&self, path: &str) -> PathBuf {
        self.source.path.parent().unwrap_or(Path::new("")).join(path)
    }
}

/// Reads a file, or says why it cannot be read.
pub type ReadFile = fn(&Path) -> Result<Source, Diagnostic>;

/// The tables of all files, in the order in which they are written.
#[derive(Default)]
pub struct Tables {
    pub environments: Vec<Entry<RawEnvironment>>,
    pub classes: Vec<Entry<RawClass>>,
    pub jobs: Vec<Entry<RawJob>>,
    pub calendars: Vec<Entry<RawCalendar>>,
    /// The files of parameter sets that jobs name; without their sets where they are wrong.
    pub parameter_files: BTreeMap<PathBuf, Option<Vec<Arc<ParameterSet>>>>,
    /// Whether every file could be read as TOML. If not, names that are not found may well be
    /// defined where nobody could look.
    pub complete: bool,
}

/// The catalogue in `sources`, with every problem added to `findings`. It may only be used when none
/// of them is an error.
pub fn read(
    sources: Vec<Source>,
    complete: bool,
    read_file: ReadFile,
    findings: &mut Vec<Diagnostic>,
) -> Catalogue {
    let mut tables = Tables { complete, ..Tables::default() };
    let mut hash = Sha256::new();
    for source in sources {
        hash.update((source.text.len() as u64).to_be_bytes());
        hash.update(source.text.as_bytes());
        read_source(&Arc::new(source), &mut tables, findings);
    }
    read_parameter_files(&mut tables, read_file, &mut hash, findings);
    let mut catalogue = validate::validate(&tables, findings);
    catalogue.parameter_files = tables.parameter_files.into_keys().collect();
    catalogue.fingerprint = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    catalogue
}

/// Reads every file that a job names, once, in the order of their paths.
fn read_parameter_files(
    tables: &mut Tables,
    read_file: ReadFile,
    hash: &mut Sha256,
    findings: &mut Vec<Diagnostic>,
) {
    let mut named = BTreeMap::new();
    for entry in &tables.jobs {
        if let Some(file) = &entry.raw.parameters_file {
            named.entry(entry.beside(&file.value)).or_insert((&entry.source, &file.span));
        }
    }
    let mut files = BTreeMap::new();
    for (path, (source, span)) in named {
        let sets = match read_file(&path) {
            Ok(file) => {
                for text in [path.to_string_lossy().as_ref(), &file.text] {
                    hash.update((text.len() as u64).to_be_bytes());
                    hash.update(text.as_bytes());
                }
                parameters_file::read(&Arc::new(file), findings)
            }
            Err(finding) => {
                let finding = match finding.code {
                    "file-not-found" => finding.hint("its path begins where the catalogue file is"),
                    _ => finding,
                };
                findings.push(finding.related(source, span.clone(), "named here"));
                None
            }
        };
        files.insert(path, sets);
    }
    tables.parameter_files = files;
}

fn read_source(source: &Arc<Source>, tables: &mut Tables, findings: &mut Vec<Diagnostic>) {
    let tree = match parse(source) {
        Parsed::Tree(tree) => tree,
        Parsed::Broken(errors) => {
            tables.complete = false;
            source.hide(secrets::masks_of_text(&source.text));
            findings.extend(errors.into_iter().map(|(finding, span)| finding.at(source, span)));
            return;
        }
    };
    source.hide(secrets::masks(tree.get_ref()));
    let span = tree.span();
    let root = Spanned::new(span, DeValue::Table(tree.into_inner()));
    let mut reader = Reader::new(Arc::clone(source)).with_elsewhere(KEYS_BY_TABLE);
    if let Some(read) = RawCatalogue::from_toml(&root, &mut reader) {
        tables.environments.extend(entries(source, read.environments));
        tables.classes.extend(entries(source, read.classes));
        tables.jobs.extend(entries(source, read.jobs));
        tables.calendars.extend(entries(source, read.calendars));
    }
    findings.extend(reader.into_findings());
}

fn entries<T>(
    source: &Arc<Source>,
    list: Option<Located<Vec<Located<T>>>>,
) -> impl Iterator<Item = Entry<T>> {
    let tables = list.map(|list| list.value).unwrap_or_default();
    tables.into_iter().map(|table| Entry { source: Arc::clone(source), raw: table.value })
}
