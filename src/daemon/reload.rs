//! Taking over a changed catalogue: whole, or not at all. The directory is watched rather than the
//! file, because Kubernetes swaps a symlink beside it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use notify::{RecursiveMode, Watcher};
use serde::Serialize;
use tokio::sync::{mpsc, watch};

use super::Shared;
use super::realtime::told_to_stop;
use super::shared::lock;
use crate::diagnostic::{Diagnostic, Severity};
use crate::settings::{spot_advisor, tokens};

/// What came of a reload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastReload {
    /// `false`: the catalogue of before is still in force, whole.
    pub succeeded: bool,
    pub at: Timestamp,
    /// What was wrong with the files that were refused.
    pub errors: Vec<String>,
}

/// The last reload that was tried.
#[derive(Debug, Default)]
pub struct Reloads {
    last: Mutex<Option<LastReload>>,
}

impl Reloads {
    pub fn last(&self) -> Option<LastReload> {
        lock(&self.last).clone()
    }

    fn note(&self, at: Timestamp, errors: Vec<String>) {
        *lock(&self.last) = Some(LastReload { succeeded: errors.is_empty(), at, errors });
    }
}

/// Editors and Kubernetes change several files at once: the dust settles first.
const SETTLE: Duration = Duration::from_millis(500);

/// Reads the catalogue again and takes it over if it has no error and is another one.
/// The old one stays otherwise; a log and a metric say so.
pub fn reload(shared: &Shared) {
    let loaded = crate::catalogue::load(&shared.settings.catalogue);
    let at = shared.clock.now();
    match loaded.catalogue {
        Some(catalogue) if catalogue.fingerprint == shared.catalogue.load().fingerprint => {
            // Put right by going back: the failure is over.
            if shared.reloads.last().is_some_and(|last| !last.succeeded) {
                shared.reloads.note(at, Vec::new());
            }
        }
        Some(catalogue) => {
            tracing::info!(jobs = catalogue.jobs.len(), "a changed catalogue was taken over");
            shared.reloads.note(at, Vec::new());
            shared.replace_catalogue(catalogue);
        }
        None => {
            let errors = errors_of(&loaded.diagnostics);
            let report = crate::diagnostic::render(&loaded.diagnostics, false);
            tracing::error!(
                errors = errors.len(),
                "the changed catalogue has errors; the old one stays in force\n{report}"
            );
            shared.reloads.note(at, errors);
        }
    }
}

/// Reads the file of tokens again. One with errors changes nothing: who may operate still may.
pub fn reload_tokens(shared: &Shared) {
    let Some(path) = &shared.settings.http.tokens else { return };
    let (tokens, findings) = tokens::load(path);
    let report = crate::diagnostic::render(&findings, false);
    match tokens {
        Some(tokens) => {
            if shared.tokens.load().as_deref() != Some(&tokens) {
                tracing::info!(tokens = tokens.count(), "a changed file of tokens was taken over");
                shared.tokens.store(Some(Arc::new(tokens)));
            }
            if !report.is_empty() {
                tracing::warn!("the file of tokens has warnings\n{report}");
            }
        }
        None => {
            tracing::error!("the changed file of tokens has errors; the old one stays\n{report}")
        }
    }
}

/// Reads Spot Advisor's table again. One with errors changes nothing.
pub fn reload_spot_advisor(shared: &Shared) {
    let Some(path) = &shared.settings.decision.spot_advisor_file else { return };
    let (advice, findings) = spot_advisor::load(path);
    let Some(advice) = advice else {
        let report = crate::diagnostic::render(&findings, false);
        tracing::error!(
            "the changed table of Spot Advisor has errors; the old one stays\n{report}"
        );
        return;
    };
    let regions = advice.regions();
    if shared.advise(advice) {
        tracing::info!(regions, "a changed table of Spot Advisor was taken over");
    }
}

/// Every error in a sentence. A catalogue is refused for one error at least.
fn errors_of(diagnostics: &[Diagnostic]) -> Vec<String> {
    let errors = diagnostics.iter().filter(|found| found.severity == Severity::Error);
    errors.map(|error| error.message.clone()).collect()
}

/// Watches the catalogue's directories and SIGHUP until `stop` turns true.
pub async fn watch_catalogue(
    shared: Arc<Shared>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), String> {
    let (changed, mut changes) = mpsc::channel::<()>(1);
    let told = changed.clone();
    let mut named = shared.settings.catalogue.clone();
    named.extend(shared.settings.http.tokens.clone());
    named.extend(shared.settings.decision.spot_advisor_file.clone());
    let mut watched: BTreeSet<PathBuf> = directories(&named).into_iter().collect();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let concerns = |event: &notify::Event| {
            !event.kind.is_access()
                && (event.paths.is_empty() || event.paths.iter().any(|p| may_concern(p, &named)))
        };
        if event.is_ok_and(|event| concerns(&event)) {
            // A full channel already says that something changed.
            let _ = told.try_send(());
        }
    })
    .map_err(|error| format!("catalogue changes cannot be watched: {error}"))?;
    for directory in &watched {
        watcher
            .watch(directory, RecursiveMode::NonRecursive)
            .map_err(|error| format!("{} cannot be watched: {error}", directory.display()))?;
    }
    let mut hangup = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())
        .map_err(|error| format!("SIGHUP cannot be handled: {error}"))?;
    loop {
        // A changed catalogue may name other files of parameter sets.
        for directory in directories(&shared.catalogue.load().parameter_files) {
            if watched.insert(directory.clone())
                && let Err(error) = watcher.watch(&directory, RecursiveMode::NonRecursive)
            {
                tracing::warn!(directory = %directory.display(), %error,
                    "parameter files there are not watched; SIGHUP reads them again");
            }
        }
        tokio::select! {
            () = told_to_stop(&mut stop) => return Ok(()),
            _ = hangup.recv() => {}
            _ = changes.recv() => {
                tokio::time::sleep(SETTLE).await;
                while changes.try_recv().is_ok() {}
            }
        }
        let shared = Arc::clone(&shared);
        if let Err(error) = tokio::task::spawn_blocking(move || {
            reload_tokens(&shared);
            reload_spot_advisor(&shared);
            reload(&shared);
        })
        .await
        {
            return Err(format!("the reload died: {error}"));
        }
    }
}

/// Whether a change of `path` may be one of the catalogue: a file that is named, a TOML file, one of
/// parameter sets, or the `..data` link that Kubernetes swaps. The store and its journal often lie in the same directory
/// and change all the time.
fn may_concern(path: &Path, named: &[PathBuf]) -> bool {
    if named.iter().any(|name| name.file_name() == path.file_name()) {
        return true;
    }
    let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".."));
    hidden
        || path.extension().is_some_and(|extension| {
            ["toml", "csv", "jsonl", "ndjson"].iter().any(|own| extension == *own)
        })
}

fn directories(paths: &[PathBuf]) -> Vec<PathBuf> {
    let mut directories: Vec<PathBuf> = paths
        .iter()
        .map(|path| {
            if path.is_dir() {
                return path.clone();
            }
            match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                Some(parent) => parent.to_owned(),
                None => Path::new(".").to_owned(),
            }
        })
        .collect();
    directories.sort();
    directories.dedup();
    directories
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_beside_the_catalogue_does_not_reload_it() {
        for (path, concerns) in [
            ("/etc/spotcron/catalogue.toml", true),
            ("/etc/spotcron/jobs.conf", true),
            ("/etc/spotcron/..data", true),
            ("/etc/spotcron/reports.csv", true),
            ("/etc/spotcron/spotcron.db", false),
            ("/etc/spotcron/spotcron.db-wal", false),
            ("/etc/spotcron/.catalogue.toml.swp", false),
        ] {
            assert_eq!(may_concern(Path::new(path), &["jobs.conf".into()]), concerns, "{path}");
        }
    }
}
