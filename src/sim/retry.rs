//! Batch's `retryStrategy`: whether a failed attempt is followed by another.

use crate::catalogue::{EvaluateOnExit, RetryStrategy};
use crate::domain::AttemptObservation;

use super::agenda::Ending;
use super::job::Job;

/// Whether Batch repeats the attempt that has just been recorded. Timed-out and terminated jobs
/// are never repeated.
pub(crate) fn wants_retry(job: &Job, ending: Ending) -> bool {
    let stopped = job.stop_reason.is_some() || ending == Ending::TimedOut;
    let last = job.attempts.last();
    !stopped && last.is_some_and(|last| allows(&job.spec.retry, job.attempts.len(), last))
}

/// The strategy alone: attempts left, and the first entry that matches says RETRY (or none does).
fn allows(strategy: &RetryStrategy, attempts: usize, last: &AttemptObservation) -> bool {
    let first = strategy.evaluate_on_exit.iter().find(|entry| matches(entry, last));
    attempts < usize::from(strategy.attempts.max(1)) && first.is_none_or(|entry| entry.retry)
}

/// All patterns of an entry must match. A text that is absent is empty, so that `*` matches it; an
/// exit code that is absent matches nothing.
fn matches(entry: &EvaluateOnExit, last: &AttemptObservation) -> bool {
    let text = |pattern: &Option<String>, value: &Option<String>| {
        pattern.as_deref().is_none_or(|p| glob(p, value.as_deref().unwrap_or_default()))
    };
    let code = |pattern: &Option<String>| match (pattern, last.container.exit_code) {
        (None, _) => true,
        (Some(pattern), Some(code)) => glob(pattern, &code.to_string()),
        (Some(_), None) => false,
    };
    text(&entry.on_status_reason, &last.status_reason)
        && text(&entry.on_reason, &last.container.reason)
        && code(&entry.on_exit_code)
}

/// Only a trailing `*` is special.
fn glob(pattern: &str, text: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => text.starts_with(prefix),
        None => text == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ContainerObservation;

    fn entry(
        status: Option<&str>,
        reason: Option<&str>,
        code: Option<&str>,
        retry: bool,
    ) -> EvaluateOnExit {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        EvaluateOnExit {
            on_exit_code: owned(code),
            on_reason: owned(reason),
            on_status_reason: owned(status),
            retry,
        }
    }

    fn attempt(status: &str, reason: Option<&str>, exit_code: Option<i32>) -> AttemptObservation {
        AttemptObservation {
            status_reason: Some(status.to_owned()),
            container: ContainerObservation {
                exit_code,
                reason: reason.map(str::to_owned),
                ..Default::default()
            },
            ..Default::default()
        }
    }

    #[test]
    fn the_recommended_strategy_retries_reclaims_and_pulls_only() {
        let strategy = RetryStrategy {
            attempts: 3,
            evaluate_on_exit: vec![
                entry(Some("Host EC2*"), None, None, true),
                entry(None, Some("CannotPullContainerError:*"), None, true),
                entry(None, Some("*"), None, false),
            ],
        };
        let lost = attempt("Host EC2 (instance i-1) terminated.", None, None);
        let pull = attempt("Task failed to start", Some("CannotPullContainerError: x"), None);
        let exit = attempt("Essential container in task exited", None, Some(1));
        for (last, done, expected) in [
            (&lost, 1, true),
            (&lost, 2, true),
            (&lost, 3, false),
            (&pull, 1, true),
            (&exit, 1, false),
        ] {
            assert_eq!(allows(&strategy, done, last), expected, "{last:?} after {done}");
        }
    }

    #[test]
    fn no_match_retries_first_match_wins_and_all_conditions_count() {
        let exit = |code| attempt("Essential container in task exited", None, Some(code));
        let with = |entries: Vec<EvaluateOnExit>, last: &AttemptObservation| {
            allows(&RetryStrategy { attempts: 2, evaluate_on_exit: entries }, 1, last)
        };
        assert!(with(vec![entry(None, None, Some("7"), false)], &exit(1)));
        assert!(!with(vec![entry(None, None, Some("1*"), false)], &exit(137)));
        let both = entry(Some("Host*"), None, Some("1"), false);
        assert!(with(vec![both], &exit(1)));
        let order = vec![entry(None, None, Some("1"), true), entry(Some("*"), None, None, false)];
        assert!(with(order, &exit(1)));
        assert!(with(vec![entry(None, None, Some("*"), false)], &attempt("x", None, None)));
    }
}
