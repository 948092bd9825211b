//! Taking over a changed catalogue: whole, or not at all. The directory is watched rather than the
//! file, because Kubernetes swaps a symlink beside it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use notify::{RecursiveMode, Watcher};
use tokio::sync::{mpsc, watch};

use super::Shared;
use super::realtime::told_to_stop;
use super::shared::lock;
use crate::diagnostic::{Diagnostic, Severity};
use crate::metrics::ReloadGauges;

/// The last reload that was tried.
#[derive(Debug, Default)]
pub struct Reloads {
    last: Mutex<Option<ReloadGauges>>,
}

impl Reloads {
    pub fn last(&self) -> Option<ReloadGauges> {
        *lock(&self.last)
    }

    fn note(&self, gauges: ReloadGauges) {
        *lock(&self.last) = Some(gauges);
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
        Some(catalogue) if catalogue.fingerprint == shared.catalogue.load().fingerprint => {}
        Some(catalogue) => {
            tracing::info!(jobs = catalogue.jobs.len(), "a changed catalogue was taken over");
            shared.reloads.note(ReloadGauges { succeeded: true, at });
            shared.replace_catalogue(catalogue);
        }
        None => {
            let errors = count_errors(&loaded.diagnostics);
            let report = crate::diagnostic::render(&loaded.diagnostics, false);
            tracing::error!(
                errors,
                "the changed catalogue has errors; the old one stays in force\n{report}"
            );
            shared.reloads.note(ReloadGauges { succeeded: false, at });
        }
    }
}

fn count_errors(diagnostics: &[Diagnostic]) -> usize {
    diagnostics.iter().filter(|found| found.severity == Severity::Error).count()
}

/// Watches the catalogue's directories and SIGHUP until `stop` turns true.
pub async fn watch_catalogue(
    shared: Arc<Shared>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), String> {
    let (changed, mut changes) = mpsc::channel::<()>(1);
    let told = changed.clone();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !event.kind.is_access()) {
            // A full channel already says that something changed.
            let _ = told.try_send(());
        }
    })
    .map_err(|error| format!("catalogue changes cannot be watched: {error}"))?;
    for directory in directories(&shared.settings.catalogue) {
        watcher
            .watch(&directory, RecursiveMode::NonRecursive)
            .map_err(|error| format!("{} cannot be watched: {error}", directory.display()))?;
    }
    let mut hangup = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())
        .map_err(|error| format!("SIGHUP cannot be handled: {error}"))?;
    loop {
        tokio::select! {
            () = told_to_stop(&mut stop) => return Ok(()),
            _ = hangup.recv() => {}
            _ = changes.recv() => {
                tokio::time::sleep(SETTLE).await;
                while changes.try_recv().is_ok() {}
            }
        }
        let shared = Arc::clone(&shared);
        if let Err(error) = tokio::task::spawn_blocking(move || reload(&shared)).await {
            return Err(format!("the reload died: {error}"));
        }
    }
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
