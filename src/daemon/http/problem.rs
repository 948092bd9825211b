//! How HTTP says no: problem details (RFC 9457), with what to do.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

/// The body of a refused request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `about:blank`: the status says what kind of problem it is.
    pub r#type: String,
    /// The status in words.
    pub title: String,
    pub status: u16,
    /// Stable, for programs: `unknown-job` and the like.
    pub code: String,
    /// What was wrong.
    pub detail: String,
    /// What to do.
    pub hint: String,
}

impl Problem {
    pub fn new(status: StatusCode, code: &str, detail: impl ToString, hint: &str) -> Self {
        Problem {
            r#type: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or("Refused").to_owned(),
            status: status.as_u16(),
            code: code.to_owned(),
            detail: detail.to_string(),
            hint: hint.to_owned(),
        }
    }
}

/// Codes of requests that are wrong whatever the daemon is doing. Commands that a daemon refuses have
/// the codes of their refusals, and are not among them.
pub const INPUT: &[&str] = &[
    "no-tokens",
    "no-token",
    "unknown-token",
    "not-allowed",
    "bad-key",
    "key-used",
    "not-json",
    "body-too-large",
    "no-command",
    "bad-query",
];

impl Problem {
    /// Whether the request itself is wrong, rather than refused as things are.
    pub fn is_input(&self) -> bool {
        INPUT.contains(&self.code.as_str())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let kind = HeaderValue::from_static("application/problem+json");
        let mut response = (status, Json(self)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer realm=\"spotcron\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}
