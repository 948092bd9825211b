//! The project's tidiness: layers, sizes, and documents that say what is so. Every message says what
//! to do.

mod code;
mod commands;
mod documents;
mod layers;
mod rooms;

use std::path::{Path, PathBuf};

/// A file of the project, with its path from the root.
struct ProjectFile {
    path: String,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    let read = std::fs::read_to_string(root().join(path));
    read.unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every text file below `folder` whose name ends with `ending`, in order. What is built, fetched or
/// hidden is not the project's.
fn files(folder: &str, ending: &str) -> Vec<ProjectFile> {
    let mut paths = Vec::new();
    collect(&root().join(folder), &mut paths);
    paths.sort();
    paths
        .into_iter()
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .filter_map(|path| {
            let text = std::fs::read_to_string(&path).ok()?;
            let path = path.strip_prefix(root()).ok()?.to_string_lossy().into_owned();
            Some(ProjectFile { path, text })
        })
        .collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    let built = ["target", "__pycache__", "node_modules", "artifacts", "corpus"];
    let entries = std::fs::read_dir(folder);
    let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for path in entries.map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let hidden = name.starts_with('.') && ![".cargo", ".ci", ".config"].contains(&&*name);
        if path.is_dir() && !hidden && !built.contains(&&*name) {
            collect(&path, paths);
        } else if path.is_file() && !hidden {
            paths.push(path);
        }
    }
}

/// Fails with every finding, one a line, under the rule and what to do.
#[track_caller]
fn assert_none(rule: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{rule}\n  {}\n", findings.join("\n  "));
}
