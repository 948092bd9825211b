//! The daemon's life in real time: bind, start, be told to stop, drain, end.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::{CronWakeSource, Shared, all_tasks, http, run_realtime, watch_catalogue};

/// Why the daemon ended other than as told.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    #[error("{0}")]
    Start(String),
    /// The supervisor should start it again.
    #[error("{0}")]
    Died(String),
}

/// Runs until SIGTERM or SIGINT. Then: not ready, no new activation, the running ones end within
/// the grace, HTTP last.
pub async fn serve(shared: Arc<Shared>, listener: TcpListener) -> Result<(), ServiceError> {
    let (stop, stopped) = watch::channel(false);
    let (close, closed) = watch::channel(false);
    let mut term = on_signal(SignalKind::terminate())?;
    let mut int = on_signal(SignalKind::interrupt())?;
    let wakes = CronWakeSource::start().await.map_err(ServiceError::Start)?;
    let http = tokio::spawn(http::serve(listener, Arc::clone(&shared), closed));
    let reloads = tokio::spawn(watch_catalogue(Arc::clone(&shared), stopped.clone()));
    let tasks = all_tasks(&shared);
    let running = run_realtime(Arc::clone(&shared), tasks, &wakes, stopped);
    tokio::pin!(running);
    let ended = tokio::select! {
        ended = &mut running => ended.map_err(ServiceError::Died),
        ended = reloads => Err(ServiceError::Died(match ended {
            Ok(Ok(())) => "the catalogue's watch ended by itself".to_owned(),
            Ok(Err(error)) => error,
            Err(error) => format!("the catalogue's watch died: {error}"),
        })),
        _ = term.recv() => drain(&shared, &stop, &mut running).await,
        _ = int.recv() => drain(&shared, &stop, &mut running).await,
    };
    // Whoever watches sees the end of the drain.
    close.send_replace(true);
    if let Ok(Err(error)) = http.await {
        tracing::warn!(%error, "the HTTP server ended with an error");
    }
    ended
}

async fn drain(
    shared: &Shared,
    stop: &watch::Sender<bool>,
    running: &mut (impl Future<Output = Result<(), String>> + Unpin),
) -> Result<(), ServiceError> {
    tracing::info!("told to stop; running activations may end");
    shared.announce_stop();
    stop.send_replace(true);
    running.await.map_err(ServiceError::Died)
}

fn on_signal(kind: SignalKind) -> Result<tokio::signal::unix::Signal, ServiceError> {
    signal(kind).map_err(|error| ServiceError::Start(format!("signals cannot be handled: {error}")))
}
