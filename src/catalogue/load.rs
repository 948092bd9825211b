//! From files and directories to a catalogue, or to a complete report.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::{Catalogue, read};
use crate::diagnostic::{Diagnostic, Source, has_errors};
use crate::document::{read_file, unread, unreadable};

/// What loading gave.
#[derive(Debug)]
pub struct Loaded {
    /// `None` when any finding is an error: half a catalogue is never used.
    pub catalogue: Option<Catalogue>,
    /// Every problem of every file.
    pub diagnostics: Vec<Diagnostic>,
}

/// Loads a catalogue from files and from directories, whose `*.toml` files are read in the order of
/// their names. Directories inside directories, and names that begin with a dot, are not read.
pub fn load(paths: &[PathBuf]) -> Loaded {
    let mut findings = Vec::new();
    let mut sources = Vec::new();
    let mut seen = HashMap::new();
    if paths.is_empty() {
        findings.push(
            Diagnostic::error("no-catalogue", "no catalogue file is named")
                .hint("name files or directories in the configuration's `catalogue`"),
        );
    }
    let files: Vec<PathBuf> = paths.iter().flat_map(|path| files_of(path, &mut findings)).collect();
    for path in files {
        if let Ok(real) = path.canonicalize()
            && let Some(first) = seen.insert(real, path.clone())
        {
            let message = format!("the file was already read as {}", first.display());
            findings.push(
                Diagnostic::warning("file-named-twice", message)
                    .at(&unread(&path), 0..0)
                    .hint("name each file once, or only its directory"),
            );
            continue;
        }
        match read_file(&path) {
            Ok(source) => sources.push(source),
            Err(finding) => findings.push(finding),
        }
    }
    finish(sources, findings)
}

/// Loads a catalogue from texts that are already read.
pub fn load_sources(sources: Vec<Source>) -> Loaded {
    finish(sources, Vec::new())
}

fn finish(sources: Vec<Source>, mut findings: Vec<Diagnostic>) -> Loaded {
    // A file that cannot be read may define what the others name.
    let complete = !has_errors(&findings);
    let catalogue = read::read(sources, complete, read_file, &mut findings);
    let catalogue = if has_errors(&findings) { None } else { Some(catalogue) };
    Loaded { catalogue, diagnostics: findings }
}

/// The file itself, or the files of the directory.
fn files_of(path: &Path, findings: &mut Vec<Diagnostic>) -> Vec<PathBuf> {
    if !path.is_dir() {
        return vec![path.to_path_buf()];
    }
    let listing = std::fs::read_dir(path).and_then(|entries| {
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()
    });
    let mut entries = match listing {
        Ok(entries) => entries,
        Err(error) => {
            findings.push(unreadable(&error).at(&unread(path), 0..0));
            return Vec::new();
        }
    };
    entries.sort();
    let mut files = Vec::new();
    for entry in entries {
        let name = entry.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        if entry.is_dir() {
            findings.push(not_descended(path, &entry));
        } else if name.ends_with(".toml") {
            files.push(entry);
        }
    }
    if files.is_empty() {
        findings.push(
            Diagnostic::warning("empty-directory", "the directory holds no file `*.toml`")
                .at(&unread(path), 0..0),
        );
    }
    files
}

/// Directories are not searched for more: a link could lead back up for ever.
fn not_descended(parent: &Path, entry: &Path) -> Diagnostic {
    let leads_back = match (parent.canonicalize(), entry.canonicalize()) {
        (Ok(parent), Ok(entry)) => parent.starts_with(entry),
        _ => false,
    };
    let finding = if leads_back {
        Diagnostic::error("directory-loop", "the link leads back to a directory that contains it")
            .hint("remove the link")
    } else {
        Diagnostic::warning("directory-not-read", "directories inside a directory are not read")
            .hint("name it in the configuration's `catalogue` if it belongs there")
    };
    finding.at(&unread(entry), 0..0)
}
