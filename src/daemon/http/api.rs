//! `/api/v1`: commands, what is in force because of them, and who gave them.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::access::holder;
use super::problem::Problem;
use crate::control::{AuditQuery, AuditRecord, Command, Outcome, Refusal, RefusalKind, Shown};
use crate::daemon::{Asked, OnRecord, OperateError, Shared, operate};
use crate::settings::tokens::Scope;
use crate::telemetry;

/// A command is a few hundred bytes; the values of parameters make the rest.
const BODY_BYTES: usize = 64 * 1024;
/// The client's own name of its request.
const KEY_HEADER: &str = "idempotency-key";
const KEY_CHARACTERS: usize = 200;
/// Records that one page of the audit has at most.
const PAGE: u32 = 1_000;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/api/v1/commands", post(command))
        .route("/api/v1/pauses", get(pauses))
        .route("/api/v1/audit", get(audit))
}

type Answered = Result<Response, Box<Problem>>;

impl IntoResponse for Box<Problem> {
    fn into_response(self) -> Response {
        (*self).into_response()
    }
}

async fn command(State(shared): State<Arc<Shared>>, request: Request) -> Answered {
    let (head, body) = request.into_parts();
    // Whoever may not ask does not make us read.
    let by = holder(&shared, &head.headers, Scope::Operate)?;
    let key = key_of(&head.headers)?;
    require_json(&head.headers)?;
    let body = axum::body::to_bytes(body, BODY_BYTES).await.map_err(|_| {
        let detail = format!("the body is longer than {BODY_BYTES} bytes, or was cut off");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", detail, "shorten it")
    })?;
    let (command, fingerprint) = read(&body)?;
    let asked = Asked { by, key, fingerprint, command };
    // In a task of its own: whoever hangs up half-way must not leave a command durable and not
    // visible.
    let carried_out = tokio::spawn(async move { operate(&shared, asked).await }).await;
    match carried_out {
        Ok(Ok(OnRecord { record, repeated })) => answered(record, repeated),
        Ok(Err(error)) => Err(not_carried_out(&error)),
        Err(error) => {
            let hint = "look into the daemon's log, and at `spotcron audit` whether it was done";
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            Err(Box::new(Problem::new(status, "died", error, hint)))
        }
    }
}

/// A form of some web page in an operator's browser cannot send JSON without being asked first, and
/// this server answers no such question.
fn require_json(headers: &HeaderMap) -> Result<(), Box<Problem>> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
    if kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
        return Ok(());
    }
    let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    let hint = "send JSON with `Content-Type: application/json`";
    Err(Box::new(Problem::new(status, "not-json", "the body is not said to be JSON", hint)))
}

fn key_of(headers: &HeaderMap) -> Result<Option<String>, Box<Problem>> {
    let Some(value) = headers.get(KEY_HEADER) else { return Ok(None) };
    let text = value.to_str().ok().filter(|text| !text.is_empty() && text.len() <= KEY_CHARACTERS);
    let Some(text) = text else {
        let detail = format!("the Idempotency-Key is empty, not ASCII or above {KEY_CHARACTERS}");
        let hint = "use a random one, such as a UUID";
        return Err(Box::new(Problem::new(StatusCode::BAD_REQUEST, "bad-key", detail, hint)));
    };
    Ok(Some(text.to_owned()))
}

/// The command, and a fingerprint that does not depend on blanks or the order of keys.
fn read(body: &Bytes) -> Result<(Command, String), Box<Problem>> {
    let wrong = |error: serde_json::Error| {
        let hint = "docs/guide/operating.md shows every command";
        let detail = format!("the body is no command: {error}");
        Box::new(Problem::new(StatusCode::BAD_REQUEST, "no-command", detail, hint))
    };
    let value: serde_json::Value = serde_json::from_slice(body).map_err(wrong)?;
    let fingerprint = hex::encode(Sha256::digest(value.to_string()));
    let command = Command::deserialize(value).map_err(wrong)?;
    Ok((command, fingerprint))
}

fn answered(record: AuditRecord, repeated: bool) -> Answered {
    match &record.outcome {
        Outcome::Done { .. } => Ok(Json(Shown::of(record, repeated)).into_response()),
        Outcome::Refused { refusal } => Err(Box::new(refused(refusal))),
    }
}

fn refused(refusal: &Refusal) -> Problem {
    let status = match refusal.kind() {
        RefusalKind::NotFound => StatusCode::NOT_FOUND,
        RefusalKind::Conflict => StatusCode::CONFLICT,
        RefusalKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let tagged = serde_json::to_value(refusal).unwrap_or_default();
    let code = tagged.get("refusal").and_then(|code| code.as_str()).unwrap_or("refused");
    Problem::new(status, code, refusal, refusal.hint())
}

fn not_carried_out(error: &OperateError) -> Box<Problem> {
    let (status, code, hint) = match error {
        OperateError::Starting => (
            StatusCode::SERVICE_UNAVAILABLE,
            "starting",
            "ask again in a moment; `/readyz` says what is missing",
        ),
        OperateError::KeyUsed => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "key-used",
            "each request needs a key of its own; only a repetition has the same",
        ),
        OperateError::Store(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "store",
            "nothing was changed; ask again under the same Idempotency-Key",
        ),
    };
    Box::new(Problem::new(status, code, telemetry::chain(error), hint))
}

async fn pauses(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Answered {
    holder(&shared, &headers, Scope::Read)?;
    Ok(Json(shared.controls.load().in_force(shared.clock.now())).into_response())
}

/// Which records of the audit are asked for.
fn audit_query(text: &str) -> Result<AuditQuery, Box<Problem>> {
    let mut query = AuditQuery { limit: Some(100), ..AuditQuery::default() };
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        let read = match &*name {
            "by" => Some(query.by = Some(value.to_string())),
            "since" => value.parse().ok().map(|since| query.since = Some(since)),
            "limit" => value.parse().ok().map(|limit: u32| query.limit = Some(limit.min(PAGE))),
            _ => None,
        };
        if read.is_none() {
            let hint = "it takes `by`, `since` (a time) and `limit`";
            let detail = format!("the audit cannot be asked for `{name}={value}`");
            return Err(Box::new(Problem::new(StatusCode::BAD_REQUEST, "bad-query", detail, hint)));
        }
    }
    Ok(query)
}

async fn audit(State(shared): State<Arc<Shared>>, headers: HeaderMap, uri: Uri) -> Answered {
    holder(&shared, &headers, Scope::Read)?;
    let query = audit_query(uri.query().unwrap_or_default())?;
    let records = shared
        .book
        .store()
        .audit(&query)
        .await
        .map_err(|error| not_carried_out(&OperateError::Store(error)))?;
    let shown: Vec<Shown> = records.into_iter().map(|one| Shown::of(one, false)).collect();
    Ok(Json(shown).into_response())
}
