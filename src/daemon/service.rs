//! The daemon's life in real time: bind, start, be told to stop, drain, end.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::realtime::grace_of;
use super::{CronWakeSource, Shared, Task, all_tasks, http, run_realtime, watch_catalogue};
use crate::ports::WakeSource;

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
/// the grace, HTTP last and within what is left of it.
pub async fn serve(shared: Arc<Shared>, listener: TcpListener) -> Result<(), ServiceError> {
    let mut term = on_signal(SignalKind::terminate())?;
    let mut int = on_signal(SignalKind::interrupt())?;
    let told = async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    };
    let wakes = CronWakeSource::start().await.map_err(ServiceError::Start)?;
    let tasks = all_tasks(&shared);
    serve_until(shared, listener, tasks, &wakes, told).await
}

/// [`serve`] with tasks, bells and the word to stop handed in.
pub async fn serve_until(
    shared: Arc<Shared>,
    listener: TcpListener,
    tasks: Vec<Box<dyn Task>>,
    wakes: &dyn WakeSource,
    told: impl Future<Output = ()>,
) -> Result<(), ServiceError> {
    let (stop, stopped) = watch::channel(false);
    let (close, closed) = watch::channel(false);
    let mut http = tokio::spawn(http::serve(listener, Arc::clone(&shared), closed));
    let reloads = tokio::spawn(watch_catalogue(Arc::clone(&shared), stopped.clone()));
    let running = run_realtime(Arc::clone(&shared), tasks, wakes, stopped);
    tokio::pin!(running, told);
    let early = tokio::select! {
        ended = &mut running => Some(ended.map_err(ServiceError::Died)),
        ended = reloads => Some(Err(ServiceError::Died(match ended {
            Ok(Ok(())) => "the catalogue's watch ended by itself".to_owned(),
            Ok(Err(error)) => error,
            Err(error) => format!("the catalogue's watch died: {error}"),
        }))),
        () = &mut told => None,
    };
    // One grace for everything that follows.
    let grace = tokio::time::sleep(grace_of(&shared));
    tokio::pin!(grace);
    let ended = match early {
        Some(ended) => ended,
        None => {
            tracing::info!("told to stop; running activations may end");
            shared.announce_stop();
            stop.send_replace(true);
            running.await.map_err(ServiceError::Died)
        }
    };
    // Whoever watches sees the end of the drain.
    close.send_replace(true);
    tokio::select! {
        // In order: a server that has ended did so in time.
        biased;
        served = &mut http => {
            if let Ok(Err(error)) = served {
                tracing::warn!(%error, "the HTTP server ended with an error");
            }
        }
        // A client that sends half a request, or reads no answer, must not keep the process alive.
        () = grace => {
            http.abort();
            tracing::warn!("HTTP connections were still open when the grace ended; they are cut off");
        }
    }
    ended
}

fn on_signal(kind: SignalKind) -> Result<tokio::signal::unix::Signal, ServiceError> {
    signal(kind).map_err(|error| ServiceError::Start(format!("signals cannot be handled: {error}")))
}
