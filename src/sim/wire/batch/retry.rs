//! `retryStrategy` of a submission, and how it is shown.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::catalogue::{EvaluateOnExit, RetryStrategy};
use crate::sim::wire::protocol::Fault;

/// Longest pattern (API reference, `EvaluateOnExit`).
const LONGEST_PATTERN: usize = 512;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RetryStrategyInput {
    attempts: Option<i32>,
    evaluate_on_exit: Option<Vec<EvaluateOnExitInput>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct EvaluateOnExitInput {
    on_status_reason: Option<String>,
    on_reason: Option<String>,
    on_exit_code: Option<String>,
    action: Option<String>,
}

impl RetryStrategyInput {
    /// The strategy, if every pattern is one; whether the counts are right is not asked here.
    pub(super) fn strategy(self) -> Result<RetryStrategy, Fault> {
        let entries = self.evaluate_on_exit.unwrap_or_default();
        if self.attempts.is_none() && !entries.is_empty() {
            return Err(Fault::client("evaluateOnExit needs retryStrategy attempts"));
        }
        let attempts = self.attempts.unwrap_or(1);
        // What does not fit is out of the allowed range either way.
        let attempts = u8::try_from(attempts.clamp(0, 255)).unwrap_or(0);
        let entries = entries.into_iter().map(EvaluateOnExitInput::entry);
        Ok(RetryStrategy { attempts, evaluate_on_exit: entries.collect::<Result<_, _>>()? })
    }
}

impl EvaluateOnExitInput {
    fn entry(self) -> Result<EvaluateOnExit, Fault> {
        let text = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == ':' || c.is_whitespace();
        let digit = |c: char| c.is_ascii_digit();
        Ok(EvaluateOnExit {
            on_status_reason: pattern("onStatusReason", self.on_status_reason, text)?,
            on_reason: pattern("onReason", self.on_reason, text)?,
            on_exit_code: pattern("onExitCode", self.on_exit_code, digit)?,
            retry: match self.action.as_deref() {
                // Not case sensitive (API reference, `EvaluateOnExit`).
                Some(action) if action.eq_ignore_ascii_case("RETRY") => true,
                Some(action) if action.eq_ignore_ascii_case("EXIT") => false,
                _ => return Err(Fault::client("evaluateOnExit action must be RETRY or EXIT")),
            },
        })
    }
}

/// Letters, digits, periods, colons and white space, or digits alone, and a `*` at the end only.
fn pattern(
    member: &str,
    value: Option<String>,
    legal: impl Fn(char) -> bool,
) -> Result<Option<String>, Fault> {
    let Some(value) = value else { return Ok(None) };
    let literal = value.strip_suffix('*').unwrap_or(&value);
    if value.is_empty() || value.chars().count() > LONGEST_PATTERN || !literal.chars().all(legal) {
        return Err(Fault::client(format!("evaluateOnExit {member} {value:?} is not valid")));
    }
    Ok(Some(value))
}

/// As DescribeJobs shows it.
pub(super) fn shown(strategy: &RetryStrategy) -> Value {
    let entries = strategy.evaluate_on_exit.iter().map(|entry| {
        let mut shown = Map::new();
        for (member, pattern) in [
            ("onStatusReason", &entry.on_status_reason),
            ("onReason", &entry.on_reason),
            ("onExitCode", &entry.on_exit_code),
        ] {
            shown.extend(pattern.iter().map(|text| (member.to_owned(), json!(text))));
        }
        shown.insert("action".to_owned(), json!(if entry.retry { "RETRY" } else { "EXIT" }));
        Value::Object(shown)
    });
    json!({ "attempts": strategy.attempts, "evaluateOnExit": entries.collect::<Vec<_>>() })
}
