//! Where the verbs meet the world: the settings, the catalogue and the store that a command line
//! names. The only file of the command line that names an adapter.

use std::path::{Path, PathBuf};

use super::args::{self, Source};
use super::check::Findings;
use super::error::CliError;
use super::live::LiveModel;
use crate::catalogue::Catalogue;
use crate::ports::Store;
use crate::settings::Settings;
use crate::store::SqliteStore;

/// The settings of `--config`, of the default file where it exists, or the defaults.
pub fn settings(named: Option<&Path>) -> Result<Settings, CliError> {
    match args::config_path(named) {
        Some(path) => Err(not_wired(&format!("reading the settings file {}", path.display()))),
        None => Ok(Settings::default()),
    }
}

/// The store that a verb reads. `--store` wins over the settings. Opened read-only: a running daemon
/// keeps writing meanwhile.
pub fn store(source: &Source) -> Result<Box<dyn Store>, CliError> {
    let path = store_path(source)?;
    existing_store(&path)?;
    Ok(Box::new(SqliteStore::open_read_only(&path)?))
}

/// The file of the store that a verb is about.
pub fn store_path(source: &Source) -> Result<PathBuf, CliError> {
    match &source.store {
        Some(path) => Ok(path.clone()),
        None => Ok(settings(source.config.as_deref())?.store_path),
    }
}

/// The store if there is one already: `plan` works before the daemon first ran.
pub fn store_if_any(source: &Source) -> Result<Option<Box<dyn Store>>, CliError> {
    let exists = match &source.store {
        Some(_) => true,
        None => settings(source.config.as_deref())?.store_path.exists(),
    };
    if exists { store(source).map(Some) } else { Ok(None) }
}

fn existing_store(path: &Path) -> Result<(), CliError> {
    if path.exists() {
        return Ok(());
    }
    Err(CliError::input(format!("there is no store at {}", path.display())).hint(
        "the daemon creates it at its first start; name another one with --store FILE or with \
         --config FILE",
    ))
}

/// The catalogue of the settings, whole and valid.
pub fn catalogue(settings: &Settings) -> Result<Catalogue, CliError> {
    let files: Vec<String> =
        settings.catalogue.iter().map(|path| path.display().to_string()).collect();
    Err(not_wired(&format!("reading the catalogue {}", files.join(", "))))
}

/// Everything that is wrong with the catalogue of `files`.
pub fn findings(files: &[PathBuf]) -> Result<Findings, CliError> {
    let files: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
    Err(not_wired(&format!("checking {}", files.join(", "))))
}

/// The view of a seeded demo after some virtual hours, for the picture in the README.
pub fn demo_model() -> Result<LiveModel, CliError> {
    Err(not_wired("running the demo for its picture"))
}

fn not_wired(what: &str) -> CliError {
    CliError::failed(format!("{what} is not built into this version yet"))
}
