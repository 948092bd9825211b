//! `retryStrategy` and `timeout`, of job definitions.

use super::super::protocol::Fault;
use super::members::Members;
use crate::catalogue::{EvaluateOnExit, RetryStrategy};
use crate::sim::instant::{Millis, SECOND};

/// 1 to 10 attempts, at most 5 entries, which need attempts (simulated-aws.md §1.1 and §1.2).
pub(super) fn retry_strategy(input: &Members<'_>) -> Result<Option<RetryStrategy>, Fault> {
    let Some(strategy) = input.object("retryStrategy")? else { return Ok(None) };
    let attempts = strategy.within("attempts", 1, 10)?;
    let entries = strategy.objects("evaluateOnExit")?.unwrap_or_default();
    if entries.len() > 5 {
        return Err(Fault::client("evaluateOnExit can have at most 5 entries"));
    }
    if attempts.is_none() && !entries.is_empty() {
        return Err(Fault::client("evaluateOnExit needs retryStrategy.attempts"));
    }
    let evaluate_on_exit = entries.iter().map(entry).collect::<Result<_, _>>()?;
    let attempts = attempts.and_then(|attempts| u8::try_from(attempts).ok()).unwrap_or(1);
    Ok(Some(RetryStrategy { attempts, evaluate_on_exit }))
}

fn entry(entry: &Members<'_>) -> Result<EvaluateOnExit, Fault> {
    let text = |c: char| c.is_alphanumeric() || c == '.' || c == ':' || c.is_whitespace();
    // The console and the CLI send the action in lower case, too.
    let action = entry.needed_text("action")?.to_ascii_uppercase();
    if !["RETRY", "EXIT"].contains(&action.as_str()) {
        return Err(Fault::client("evaluateOnExit action must be RETRY or EXIT"));
    }
    Ok(EvaluateOnExit {
        on_exit_code: pattern(entry, "onExitCode", |c| c.is_ascii_digit())?,
        on_reason: pattern(entry, "onReason", text)?,
        on_status_reason: pattern(entry, "onStatusReason", text)?,
        retry: action == "RETRY",
    })
}

/// Up to 512 characters, and only a trailing `*` is special.
fn pattern(
    entry: &Members<'_>,
    name: &str,
    legal: impl Fn(char) -> bool,
) -> Result<Option<String>, Fault> {
    let Some(pattern) = entry.text(name)? else { return Ok(None) };
    let plain = pattern.strip_suffix('*').unwrap_or(pattern);
    if pattern.is_empty() || pattern.chars().count() > 512 || !plain.chars().all(legal) {
        return Err(Fault::client(format!("{} is not a valid pattern", entry.path(name))));
    }
    Ok(Some(pattern.to_owned()))
}

/// At least 60 s an attempt (simulated-aws.md §1.1).
pub(super) fn timeout(input: &Members<'_>) -> Result<Option<Millis>, Fault> {
    let Some(timeout) = input.object("timeout")? else { return Ok(None) };
    let seconds = timeout.within("attemptDurationSeconds", 60, i64::from(i32::MAX))?;
    Ok(seconds.map(|seconds| seconds * SECOND))
}
