//! Who repeats what. Where Batch owns the retries, its strategy should repeat reclaims and nothing
//! that failed by itself; where spotcron does, a definition's strategy has no effect.

use super::definitions::{Placement, once};
use super::{About, Code, Examined, Finding, Seen};
use crate::catalogue::{EvaluateOnExit, RetryOwner, RetryStrategy};
use crate::domain::Capacity;

/// How an attempt ended, as `evaluateOnExit` sees it.
struct End {
    exit_code: Option<&'static str>,
    status_reason: &'static str,
}

/// Exit codes of programs that failed by themselves: a mistake, misuse, a segmentation fault.
const FAILURES: [&str; 3] = ["1", "2", "139"];
const HOST_LOST: End =
    End { exit_code: None, status_reason: "Host EC2 (instance i-0123456789abcdef0) terminated." };
const TASK_LOST: End = End { exit_code: None, status_reason: "Your Spot Task was interrupted." };

pub(super) fn check(examined: &Examined<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for seen in examined.environments() {
        for placement in examined.placements(&seen) {
            match placement.class.retry_owner {
                RetryOwner::Spotcron => findings.extend(overridden(&placement)),
                RetryOwner::Batch => {
                    let strategy = placement.job.submission.retry_strategy.as_ref();
                    let strategy = strategy.or_else(|| placement.definition_retries());
                    // An unseen definition may have one.
                    if strategy.is_some() || placement.facts.is_some_and(|facts| facts.is_ok()) {
                        findings.extend(repeats_failures(&placement, strategy));
                        findings.extend(ignores_reclaims(&placement, strategy, &seen));
                    }
                }
            }
        }
    }
    once(findings)
}

fn overridden(placement: &Placement<'_>) -> Option<Finding> {
    let strategy = placement.definition_retries().filter(|strategy| strategy.attempts > 1)?;
    Some(Finding::new(
        Code::DefinitionRetriesOverridden,
        About::Definition(placement.definition.to_owned()),
        format!(
            "its {} attempts are overridden: spotcron owns the retries of class {}",
            strategy.attempts, placement.class.name
        ),
        "Nothing, or say `retry_owner = \"batch\"` in the class",
    ))
}

fn repeats_failures(
    placement: &Placement<'_>,
    strategy: Option<&RetryStrategy>,
) -> Option<Finding> {
    let strategy = strategy.filter(|strategy| strategy.attempts > 1)?;
    let how = FAILURES.iter().find_map(|code| repeated_how(strategy, code))?;
    Some(Finding::new(
        Code::RetriesRepeatFailures,
        About::Job(placement.job.name.clone()),
        format!("Batch runs it up to {} times when it fails by itself: {how}", strategy.attempts),
        "End `evaluate_on_exit` with `{ on_reason = \"*\", action = \"exit\" }`",
    ))
}

/// Why a program that ends with this code is started again although nobody meant it to be.
fn repeated_how(strategy: &RetryStrategy, code: &'static str) -> Option<&'static str> {
    let end = End { exit_code: Some(code), status_reason: "Essential container in task exited" };
    match verdict(strategy, &end) {
        None if strategy.evaluate_on_exit.is_empty() => Some("it has no `evaluateOnExit`"),
        None => Some("no entry of `evaluateOnExit` matches every failure, and no match repeats"),
        // One that names the very exit code is meant.
        Some(entry) if entry.retry && entry.on_exit_code.as_deref() != Some(code) => {
            Some("an entry of `evaluateOnExit` that matches any failure repeats it")
        }
        Some(_) => None,
    }
}

fn ignores_reclaims(
    placement: &Placement<'_>,
    strategy: Option<&RetryStrategy>,
    seen: &Seen<'_>,
) -> Option<Finding> {
    let (end, pattern) = match seen.environment.capacity {
        Capacity::Spot => (&HOST_LOST, "Host EC2*"),
        Capacity::FargateSpot => (&TASK_LOST, "Your Spot Task was interrupted*"),
        Capacity::OnDemand | Capacity::Fargate => return None,
    };
    let how = match strategy.filter(|strategy| strategy.attempts > 1) {
        None => "there is a single attempt".to_owned(),
        Some(strategy) => match verdict(strategy, end) {
            Some(entry) if !entry.retry => format!("no entry repeats `{pattern}`"),
            _ => return None,
        },
    };
    Some(Finding::new(
        Code::RetriesIgnoreReclaims,
        About::Job(placement.job.name.clone()),
        format!("a reclaim in environment {} ends the run: {how}", seen.environment.name),
        format!(
            "Allow several `attempts`, and begin `evaluate_on_exit` with \
             `{{ on_status_reason = \"{pattern}\", action = \"retry\" }}`"
        ),
    ))
}

/// The entry that decides: the first that matches. None means RETRY.
/// Source: AWS Batch API, `EvaluateOnExit`.
fn verdict<'a>(strategy: &'a RetryStrategy, end: &End) -> Option<&'a EvaluateOnExit> {
    strategy.evaluate_on_exit.iter().find(|entry| {
        matches(entry.on_exit_code.as_deref(), end.exit_code)
            && matches(entry.on_status_reason.as_deref(), Some(end.status_reason))
            // Neither end has a reason of its own: that is the container's.
            && matches(entry.on_reason.as_deref(), Some(""))
    })
}

/// Whether a pattern, where there is one, fits; it may end in `*`. Source: as above.
fn matches(pattern: Option<&str>, text: Option<&str>) -> bool {
    match (pattern, text) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(pattern), Some(text)) => match pattern.strip_suffix('*') {
            Some(start) => text.starts_with(start),
            None => text == pattern,
        },
    }
}
