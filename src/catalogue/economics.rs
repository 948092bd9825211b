//! Warnings of bad economics: settings that are allowed and will cost money or deadlines.

use std::ops::Range;
use std::sync::Arc;

use jiff::SignedDuration;

use super::raw::{RawClass, RawJob};
use crate::document::TomlTable;

use super::{Class, Environment, Job, Restart, RetryOwner};

/// From zero, an interruption of a job longer than this throws away more than spot usually saves.
const LONG_WITHOUT_CHECKPOINT: SignedDuration = SignedDuration::from_hours(4);

/// Warns of a class that will waste money or miss its deadline. `warn` takes code, place, problem
/// and advice.
pub(super) fn warn_of_class(
    raw: &RawClass,
    class: &Class,
    environments: &[&Arc<Environment>],
    mut warn: impl FnMut(&'static str, &Range<usize>, &str, &str),
) {
    let spot = environments.iter().any(|environment| environment.capacity.is_interruptible());
    let expected = raw.expected_duration.as_ref().map(|value| &value.span);
    let expected = expected.unwrap_or(&raw.table_span);
    if spot
        && class.restart == Restart::FromZero
        && class.expected_duration > LONG_WITHOUT_CHECKPOINT
    {
        let problem = format!(
            "an interruption loses up to {:#} of work: the job starts again from zero on spot",
            class.expected_duration
        );
        let hint = "save progress and set `restart = { checkpoint_interval = … }`, split the job, or \
                    keep it on demand";
        warn("long-job-from-zero", expected, &problem, hint);
    }
    if let (RetryOwner::Batch, true, Some(_)) = (class.retry_owner, spot, class.deadline)
        && let Some(owner) = &raw.retry_owner
    {
        let problem = "no deadline can be promised on spot: Batch repeats on the same queue";
        let hint = "let `retry_owner = \"spotcron\"` move late runs on demand, or drop `deadline`";
        warn("batch-retries-with-deadline", &owner.span, problem, hint);
    }
    if let (RetryOwner::Batch, Some(retries)) = (class.retry_owner, &raw.failure_retries) {
        let problem = "`failure_retries` has no effect: Batch owns the retries";
        warn("retries-not-used", &retries.span, problem, "set `retry_strategy` in the jobs");
    }
    if class.failure_retries >= class.max_legs
        && let Some(retries) = &raw.failure_retries
    {
        let problem = format!(
            "{} retries do not fit into {} submissions",
            class.failure_retries, class.max_legs
        );
        warn("retries-beyond-max-legs", &retries.span, &problem, "raise `max_legs`");
    }
    if spot
        && class.max_legs == 1
        && let Some(legs) = &raw.max_legs
    {
        let problem = "one interruption ends the run: there is no second submission";
        warn("no-fallback", &legs.span, problem, "raise `max_legs`, or allow only on-demand");
    }
    if let (true, Some(deadline), Some(budget)) = (spot, class.deadline, &raw.wait_budget)
        && class.wait_budget >= deadline
    {
        let problem = "a run may wait for spot until its deadline has passed";
        warn("wait-budget-beyond-deadline", &budget.span, problem, "shorten `wait_budget`");
    }
    warn_of_freedom(raw, class, environments, &mut warn);
    if let (false, Some(price)) = (spot, &raw.max_price_usd_per_hour) {
        let problem = "`max_price_usd_per_hour` has no effect: no spot environment is allowed";
        warn("max-price-not-used", &price.span, problem, "remove it");
    }
}

/// Warns of a freedom to wait that has no use.
fn warn_of_freedom(
    raw: &RawClass,
    class: &Class,
    environments: &[&Arc<Environment>],
    warn: &mut impl FnMut(&'static str, &Range<usize>, &str, &str),
) {
    let (Some(within), Some(located)) = (class.start_within, &raw.start_within) else { return };
    let improves = |environment: &&Arc<Environment>| {
        environment.capacity.is_interruptible() || !environment.covered.is_empty()
    };
    if !environments.iter().any(improves) {
        let problem = "`start_within` has no effect: nothing that its environments cost changes";
        let hint = "allow a spot environment, or state the `covered` hours of one on demand";
        warn("start-within-not-used", &located.span, problem, hint);
    }
    if let Some(deadline) = class.deadline.filter(|deadline| within >= *deadline) {
        let problem = format!("no run waits so long: its deadline is after {deadline:#}");
        warn("start-within-beyond-deadline", &located.span, &problem, "shorten `start_within`");
    }
}

/// Warns of a job whose decisions or runs will be poor.
pub(super) fn warn_of_job(
    raw: &RawJob,
    job: &Job,
    class: &Class,
    mut warn: impl FnMut(&'static str, &Range<usize>, &str, &str),
) {
    if let (Some(timeout), Some(located)) = (job.submission.timeout, &raw.timeout)
        && timeout < class.expected_duration
    {
        let problem = format!(
            "Batch ends it after {timeout:#}, before its expected duration of {:#}",
            class.expected_duration
        );
        let hint = "lengthen `timeout`, or correct the class's `expected_duration`";
        warn("timeout-too-short", &located.span, &problem, hint);
    }
    if let (RetryOwner::Spotcron, Some(strategy)) = (class.retry_owner, &raw.retry_strategy) {
        let problem = "`retry_strategy` is not sent: spotcron owns the retries of this class";
        let hint =
            "remove it (see `failure_retries`), or set the class's `retry_owner = \"batch\"`";
        warn("retry-strategy-not-sent", &strategy.span, problem, hint);
    }
    if !raw.has("vcpus") && !raw.has("memory_mib") && !raw.has("gpus") {
        let problem = "without `vcpus` and `memory_mib` decisions assume 1 vCPU and 2 GiB, whatever the \
                       definition reserves";
        let hint = "state them: they give the job's share of an instance, and so its price";
        let span = raw.name.as_ref().map_or(&raw.table_span, |name| &name.span);
        warn("resources-not-stated", span, problem, hint);
    }
}
