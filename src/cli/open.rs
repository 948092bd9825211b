//! Where the verbs meet the world: the settings, the catalogue and the store that a command line
//! names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::args::{self, DEFAULT_CONFIG, Source};
use super::check::Findings;
use super::error::CliError;
use super::known::{Known, newest_price};
use super::live::LiveModel;
use crate::catalogue::{self, Catalogue};
use crate::cli::demo;
use crate::clock::{Clock, WallClock};
use crate::diagnostic::{self, Diagnostic, Severity};
use crate::doctor::{LocalFacts, StoreFacts};
use crate::experience::SpotAdvisor;
use crate::ports::{RunQuery, Store, StoreError, StoreIdentity};
use crate::run::in_flight;
use crate::settings::tokens::{self, Tokens};
use crate::settings::{self, Settings, spot_advisor};
use crate::store::{self, SqliteStore};
use crate::telemetry;

/// The settings of `--config`, of the default file where it exists, or the defaults.
pub fn settings(named: Option<&Path>) -> Result<Settings, CliError> {
    let Some(path) = args::config_path(named) else { return Ok(Settings::default()) };
    let (settings, diagnostics) = settings::load(&path);
    match settings {
        Some(settings) => {
            warn(&diagnostics);
            Ok(settings)
        }
        None => Err(refused("the settings have errors", &diagnostics)),
    }
}

/// The tokens of the file at `path`, whole and valid.
pub fn tokens(path: &Path) -> Result<Tokens, CliError> {
    let (tokens, diagnostics) = tokens::load(path);
    match tokens {
        Some(tokens) => {
            warn(&diagnostics);
            Ok(tokens)
        }
        None => Err(refused("the file of tokens has errors", &diagnostics)),
    }
}

/// Spot Advisor's table, whole and valid, where the settings name one.
pub fn spot_advisor(settings: &Settings) -> Result<Option<SpotAdvisor>, CliError> {
    let Some(path) = &settings.decision.spot_advisor_file else { return Ok(None) };
    let (advice, diagnostics) = spot_advisor::load(path);
    let message = "the table of Spot Advisor has errors";
    advice.map(Some).ok_or_else(|| refused(message, &diagnostics))
}

/// Every finding, as the error of a verb that cannot go on.
fn refused(message: &str, diagnostics: &[Diagnostic]) -> CliError {
    let report = diagnostic::render(diagnostics, false);
    CliError::input(format!("{message}\n\n{}", report.trim_end()))
        .hint("nothing was started or changed; correct the file and try again")
}

/// Findings that are no obstacle, told on the way.
fn warn(diagnostics: &[Diagnostic]) {
    if !diagnostics.is_empty() {
        tracing::warn!(
            "the configuration has warnings\n{}",
            diagnostic::render(diagnostics, false)
        );
    }
}

/// The store that a verb reads. `--store` wins over the settings. Opened read-only: a running daemon
/// keeps writing meanwhile.
pub fn store(source: &Source) -> Result<Box<dyn Store>, CliError> {
    let path = store_path(source)?;
    existing_store(&path)?;
    Ok(Box::new(SqliteStore::open_read_only(&path)?))
}

/// The same store for a verb that writes, or why it cannot be written to: while a daemon has it open,
/// nobody else may.
pub fn store_for_writing(source: &Source) -> Result<Result<Arc<dyn Store>, StoreError>, CliError> {
    let path = store_path(source)?;
    existing_store(&path)?;
    let opened = store::describe(&path).and_then(|found| SqliteStore::open(&path, found.identity));
    Ok(opened.map(|store| Arc::new(store) as Arc<dyn Store>))
}

/// What time it is for whoever reads the store: a simulation's time stands still at its end, and
/// what it left is as old as it was then. The last thing that is known to have happened was a run or
/// a price, whichever is later.
pub async fn time_of(source: &Source, store: &dyn Store) -> Result<Timestamp, CliError> {
    let identity = store::describe(store_path(source)?)?.identity;
    if !matches!(identity, StoreIdentity::Simulation { .. }) {
        return Ok(WallClock.now());
    }
    let newest = store.runs(&RunQuery { limit: Some(1), ..RunQuery::default() }).await?;
    let created = newest.iter().map(|run| run.created_at);
    let priced = newest_price(&store.environment_markets().await?);
    Ok(created.chain(priced).max().unwrap_or_else(|| WallClock.now()))
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

/// What is at the store's path, for a verb that looks at set-ups.
pub fn store_facts(path: &Path) -> StoreFacts {
    if !path.exists() {
        return StoreFacts::None;
    }
    match store::describe(path) {
        Ok(found) => match found.identity {
            StoreIdentity::Account { account_id } => StoreFacts::OfAccount(account_id),
            StoreIdentity::Simulation { .. } => StoreFacts::OfSimulation,
        },
        Err(error) => StoreFacts::Unusable(telemetry::chain(&error)),
    }
}

/// Adds what the store knows of the catalogue's environments: breakers that are not closed, and advice.
/// Nothing where it cannot be read, which others tell.
pub async fn add_from_store(
    local: &mut LocalFacts,
    settings: &Settings,
    catalogue: &Catalogue,
    now: Timestamp,
) {
    let path = &settings.store_path;
    let Some(Ok(store)) = path.exists().then(|| SqliteStore::open_read_only(path)) else { return };
    let Ok(known) = Known::read(&store).await else { return };
    let legs = in_flight(&known.open, |name| known.experience.has_tripped(name));
    local.breakers = known.experience.breakers(&legs, settings.decision.cooldown, now);
    local.advice = known.advice(catalogue, now);
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

/// Whether the catalogue, where there is a sound one, has a job of this name.
pub fn is_job(source: &Source, name: &str) -> bool {
    let settings = match args::config_path(source.config.as_deref()) {
        Some(path) => settings::load(&path).0,
        None => Some(Settings::default()),
    };
    let catalogue = settings.and_then(|settings| catalogue::load(&settings.catalogue).catalogue);
    catalogue.is_some_and(|catalogue| catalogue.jobs.keys().any(|job| job.as_str() == name))
}

/// The catalogue of the settings, whole and valid.
pub fn catalogue(settings: &Settings) -> Result<Catalogue, CliError> {
    let loaded = catalogue::load(&settings.catalogue);
    match loaded.catalogue {
        Some(catalogue) => {
            warn(&loaded.diagnostics);
            Ok(catalogue)
        }
        None => Err(refused("the catalogue has errors", &loaded.diagnostics)),
    }
}

/// Refuses a catalogue that knows none of the store's latest jobs: with `--store` and no `--config`
/// it is easily that of another set-up.
pub async fn belongs_to(
    catalogue: &Catalogue,
    store: &dyn Store,
    source: &Source,
) -> Result<(), CliError> {
    let latest = store.runs(&RunQuery { limit: Some(50), ..RunQuery::default() }).await?;
    let known = latest.iter().any(|run| catalogue.jobs.contains_key(&run.job));
    if known || latest.is_empty() {
        return Ok(());
    }
    let file = source.config.as_deref().unwrap_or(Path::new(DEFAULT_CONFIG));
    let jobs = "knows none of the jobs that ran with this store";
    Err(CliError::input(format!("the catalogue of {} {jobs}", file.display())).hint(
        "name the settings that belong to the store with --config (for the demo's: \
         config/demo/spotcron.toml)",
    ))
}

/// Everything that is wrong with the catalogue of `files`.
pub fn findings(files: &[PathBuf], color: bool) -> Result<Findings, CliError> {
    let loaded = catalogue::load(files);
    let count = |severity| loaded.diagnostics.iter().filter(|d| d.severity == severity).count();
    let json = diagnostic::to_json(&loaded.diagnostics);
    let diagnostics = serde_json::from_str(&json)
        .map_err(|error| CliError::failed("the findings could not be rendered").caused_by(error))?;
    let size = |pick: fn(&Catalogue) -> usize| loaded.catalogue.as_ref().map_or(0, pick);
    Ok(Findings {
        files: files.to_vec(),
        errors: count(Severity::Error),
        warnings: count(Severity::Warning),
        environments: size(|catalogue| catalogue.environments.len()),
        classes: size(|catalogue| catalogue.classes.len()),
        jobs: size(|catalogue| catalogue.jobs.len()),
        diagnostics,
        text: if loaded.diagnostics.is_empty() {
            String::new()
        } else {
            diagnostic::render(&loaded.diagnostics, color)
        },
    })
}

/// The view of a seeded demo after some virtual hours, for the picture in the README.
pub fn demo_model() -> Result<LiveModel, CliError> {
    demo::picture()
}
