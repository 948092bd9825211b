//! One file per mistake, with the report that it must give beside it.

use std::fs;
use std::path::{Path, PathBuf};

use spotcron::catalogue;
use spotcron::diagnostic;

const FOLDER: &str = "tests/it/catalogue/fixtures";

/// `NAME.toml` (or all files of the directory `NAME`) gives exactly the text in `NAME.stderr`.
/// Writes the texts instead when `UPDATE_GOLDEN` is set.
#[test]
fn every_mistake_gives_its_report() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    let inputs = inputs();
    assert!(inputs.len() >= 35, "only {} fixtures were found", inputs.len());
    for input in inputs {
        let golden = input.with_extension("stderr");
        let loaded = catalogue::load(std::slice::from_ref(&input));
        let report = diagnostic::render(&loaded.diagnostics, false);
        assert_eq!(
            loaded.catalogue.is_none(),
            diagnostic::has_errors(&loaded.diagnostics),
            "{}: a catalogue with errors must not be used, and one without must",
            input.display()
        );
        if update {
            fs::write(&golden, &report).unwrap();
        } else if fs::read_to_string(&golden).unwrap_or_default() != report {
            wrong.push(format!("--- {}\n{report}", golden.display()));
        }
    }
    assert!(
        wrong.is_empty(),
        "reports changed; read them, then run this test with UPDATE_GOLDEN=1:\n{}",
        wrong.join("\n")
    );
}

/// Reports without a file that gives them would never be looked at.
#[test]
fn every_report_has_its_mistake() {
    for path in listing(Path::new(FOLDER)) {
        if path.extension().is_some_and(|extension| extension == "stderr") {
            let (file, directory) = (path.with_extension("toml"), path.with_extension(""));
            assert!(file.exists() || directory.is_dir(), "{} is left over", path.display());
        }
    }
}

fn inputs() -> Vec<PathBuf> {
    let is_input = |path: &PathBuf| {
        path.is_dir() || path.extension().is_some_and(|extension| extension == "toml")
    };
    listing(Path::new(FOLDER)).into_iter().filter(is_input).collect()
}

fn listing(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}
