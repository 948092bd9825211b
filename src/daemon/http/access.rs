//! Who asks, and whether that is allowed.

use axum::http::{HeaderMap, StatusCode, header};

use super::problem::Problem;
use crate::daemon::Shared;
use crate::settings::tokens::Scope;

/// The name of whoever asks, if the token in `headers` may do what needs `scope`.
pub(super) fn holder(
    shared: &Shared,
    headers: &HeaderMap,
    scope: Scope,
) -> Result<String, Box<Problem>> {
    let refuse =
        |status, code, detail: &str, hint| Err(Box::new(Problem::new(status, code, detail, hint)));
    let Some(tokens) = shared.tokens.load_full() else {
        let hint =
            "name a file of tokens in the settings (`http.tokens`) and start the daemon again";
        let detail = "nobody may operate this daemon: it has no tokens";
        return refuse(StatusCode::NOT_FOUND, "no-tokens", detail, hint);
    };
    let text = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = text.and_then(|text| text.split_once(' ')).filter(|(scheme, _)| {
        // RFC 9110: schemes are compared without case.
        scheme.eq_ignore_ascii_case("bearer")
    });
    let Some((_, presented)) = bearer else {
        let hint = "send it as `Authorization: Bearer TOKEN`; `spotcron token new` makes one";
        let detail = "the request has no token";
        return refuse(StatusCode::UNAUTHORIZED, "no-token", detail, hint);
    };
    let Some(token) = tokens.holder(presented.trim()) else {
        let hint = "the daemon reads its file of tokens again when it changes, and on SIGHUP";
        let detail = "the token is not one of this daemon's";
        return refuse(StatusCode::UNAUTHORIZED, "unknown-token", detail, hint);
    };
    if !token.may(scope) {
        let hint = "give it the scope `operate` in the file of tokens";
        let detail = format!("the token of {} may only read", token.name);
        return refuse(StatusCode::FORBIDDEN, "not-allowed", &detail, hint);
    }
    Ok(token.name.clone())
}

/// As [`holder`] with `read`, where the settings protect pages that only show.
pub(super) fn may_look(shared: &Shared, headers: &HeaderMap) -> Result<(), Box<Problem>> {
    if !shared.settings.http.protect_reads {
        return Ok(());
    }
    holder(shared, headers, Scope::Read).map(|_| ())
}
