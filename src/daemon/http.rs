//! Metrics, health, status and commands over HTTP, on loopback by default.

mod access;
mod api;
mod problem;

pub use problem::{INPUT, Problem};

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::exposition::{ailments, metrics_text, obstacles, status_page};
use super::realtime::told_to_stop;
use super::{Shared, shared::Stopping};
use crate::{metrics, telemetry};

/// Serves until `stop` turns true.
pub async fn serve(
    listener: TcpListener,
    shared: Arc<Shared>,
    mut stop: watch::Receiver<bool>,
) -> std::io::Result<()> {
    axum::serve(listener, router(shared))
        .with_graceful_shutdown(async move { told_to_stop(&mut stop).await })
        .await
}

/// A page, or why it is not shown.
type Shown = Result<Response, Box<Problem>>;

/// The routes, for a server or a test.
pub fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics_page))
        .route("/status", get(status))
        .merge(api::routes())
        .with_state(shared)
}

async fn index(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Shown {
    access::may_look(&shared, &headers)?;
    Ok(INDEX.into_response())
}

const INDEX: &str = "spotcron\n\n/metrics  Prometheus\n/status   tasks, runs, catalogue (JSON)\n/healthz  \
     fails when a task is stuck\n/readyz   fails until all that is needed to submit is in place\n\
     /api/v1  commands, for whoever has a token\n";

/// Fails when a task is stuck, so that a supervisor restarts the process; never for what a restart
/// does not cure.
async fn healthz(State(shared): State<Arc<Shared>>) -> Response {
    let found = ailments(&shared);
    if found.is_empty() {
        return "ok\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, found.join("\n") + "\n").into_response()
}

async fn readyz(State(shared): State<Arc<Shared>>) -> Response {
    if shared.stopping() == Stopping::Yes {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    }
    let missing = obstacles(&shared);
    if missing.is_empty() {
        return "ready\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, missing.join("\n") + "\n").into_response()
}

async fn metrics_page(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Shown {
    access::may_look(&shared, &headers)?;
    Ok(match metrics_text(&shared) {
        Ok(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, telemetry::chain(&error)).into_response(),
    })
}

async fn status(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Shown {
    access::may_look(&shared, &headers)?;
    Ok(Json(status_page(&shared)).into_response())
}
