//! Classes: which environments, how long, by when, and what to do when it goes wrong.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::SignedDuration;

use super::names::check_name;
use super::{Known, Located, Scope, economics, shown};
use crate::catalogue::raw::{RawClass, RestartText};
use crate::catalogue::read::Entry;
use crate::catalogue::{
    Class, Environment, Policy, Restart, RetryOwner, WhenOutcomeUnknown, WhenPriceUnknown,
};
use crate::diagnostic::Diagnostic;
use crate::document::{DurationText, Percent};
use crate::domain::{ClassName, EnvironmentName, Ppm, Usd};

const START_UP: SignedDuration = SignedDuration::from_mins(3);
const WAIT_BUDGET: SignedDuration = SignedDuration::from_mins(15);
const MAX_PRICE_AGE: SignedDuration = SignedDuration::from_mins(30);
const MAX_LEGS: u16 = 6;
const PLANNING_PERCENTILE: u8 = 95;
const MIN_SAVING: Ppm = Ppm::from_percent(10);
const MIN_SAVING_TO_SWITCH: Ppm = Ppm::from_percent(20);

/// The class, with every problem noted.
pub(super) fn check(
    entry: &Entry<RawClass>,
    known: &Known<'_>,
    findings: &mut Vec<Diagnostic>,
) -> Option<Class> {
    let raw = &entry.raw;
    let mut scope = Scope::new(&entry.source, "class", &raw.name, findings);
    let name = check_name(&raw.name, &mut scope);
    let environments = check_environments(raw, known, &mut scope);
    let expected = positive("expected_duration", &raw.expected_duration, &mut scope);
    let deadline = positive("deadline", &raw.deadline, &mut scope);
    let start_within = positive("start_within", &raw.start_within, &mut scope);
    let max_age = positive("max_price_age", &raw.max_price_age, &mut scope);
    let restart = check_restart(raw, &mut scope);
    check_prices(raw, &mut scope);
    let labels = super::submission::check_labels(raw, &mut scope);
    let percent = |value: &Option<Located<Percent>>, default| {
        value.as_ref().map_or(default, |percent| percent.value.0)
    };
    let class = Class {
        name: ClassName::new(name?),
        environments: environments?,
        expected_duration: expected?,
        planning_percentile: raw
            .planning_percentile
            .as_ref()
            .map_or(PLANNING_PERCENTILE, |percentile| percentile.value.get()),
        deadline,
        start_within,
        start_up: duration(&raw.start_up).unwrap_or(START_UP),
        restart,
        policy: raw.policy.as_ref().map_or(Policy::Model, |policy| policy.value.0),
        retry_owner: raw.retry_owner.as_ref().map_or(RetryOwner::Spotcron, |o| o.value.0),
        max_legs: raw.max_legs.as_ref().map_or(MAX_LEGS, |legs| legs.value.get()),
        failure_retries: raw.failure_retries.as_ref().map_or(0, |count| count.value.get()),
        wait_budget: duration(&raw.wait_budget).unwrap_or_else(|| default_wait_budget(raw)),
        max_price: raw.max_price_usd_per_hour.as_ref().map(|price| price.value.0),
        max_cost: raw.max_cost_usd_per_run.as_ref().map(|cost| cost.value.0),
        min_saving: percent(&raw.min_saving_percent, MIN_SAVING),
        min_time_between_switches: duration(&raw.min_time_between_switches)
            .unwrap_or(SignedDuration::ZERO),
        min_saving_to_switch: percent(&raw.min_saving_to_switch_percent, MIN_SAVING_TO_SWITCH),
        on_demand_discount: percent(&raw.on_demand_discount_percent, Ppm::ZERO),
        max_price_age: max_age.unwrap_or(MAX_PRICE_AGE),
        when_price_unknown: raw
            .when_price_unknown
            .as_ref()
            .map_or(WhenPriceUnknown::OnDemand, |choice| choice.value.0),
        when_outcome_unknown: raw
            .when_outcome_unknown
            .as_ref()
            .map_or(WhenOutcomeUnknown::default(), |choice| choice.value.0),
        idempotent_outputs: raw.idempotent_outputs.as_ref().is_some_and(|flag| flag.value),
        labels,
    };
    check_deadline(raw, &class, &mut scope);
    check_pace(raw, &class, &mut scope);
    let resolved: Option<Vec<&Arc<Environment>>> =
        class.environments.iter().map(|name| known.environments.get(name.as_str())).collect();
    if let Some(environments) = resolved {
        check_capacity(raw, &environments, &mut scope);
        economics::warn_of_class(raw, &class, &environments, |code, span, problem, hint| {
            scope.warning(code, span, problem, hint);
        });
    }
    Some(class)
}

/// Two policies are about waiting for spot as long as the deadline lets them.
fn default_wait_budget(raw: &RawClass) -> SignedDuration {
    match raw.policy.as_ref().map(|policy| policy.value.0) {
        Some(Policy::Greedy | Policy::UniformProgress) => duration(&raw.deadline),
        _ => None,
    }
    .unwrap_or(WAIT_BUDGET)
}

fn duration(value: &Option<Located<DurationText>>) -> Option<SignedDuration> {
    value.as_ref().map(|duration| duration.value.0)
}

fn positive(
    key: &str,
    value: &Option<Located<DurationText>>,
    scope: &mut Scope<'_>,
) -> Option<SignedDuration> {
    let Located { value: DurationText(duration), span } = value.as_ref()?;
    if duration.is_zero() {
        scope.error("out-of-range", span, &format!("`{key}` must be longer than 0"), "");
        return None;
    }
    Some(*duration)
}

fn check_environments(
    raw: &RawClass,
    known: &Known<'_>,
    scope: &mut Scope<'_>,
) -> Option<Vec<EnvironmentName>> {
    let list = raw.environments.as_ref()?;
    if list.value.is_empty() {
        let hint = "name at least one environment; nothing of this class could run";
        scope.error("class-without-environments", &list.span, "`environments` is empty", hint);
        return None;
    }
    let mut seen = HashSet::new();
    let mut names = Vec::new();
    for reference in &list.value {
        if !seen.insert(reference.value.as_str()) {
            let problem = format!("{} is listed twice", shown(&reference.value));
            scope.error("duplicate-environment", &reference.span, &problem, "remove one");
        } else if known.environment_names.check(reference, known.complete, scope) {
            names.push(EnvironmentName::new(reference.value.as_str()));
        }
    }
    (names.len() == list.value.len()).then_some(names)
}

fn check_restart(raw: &RawClass, scope: &mut Scope<'_>) -> Restart {
    let Some(Located { value: RestartText::Checkpoint(checkpoint), span }) = &raw.restart else {
        return Restart::FromZero;
    };
    let interval = positive("restart.checkpoint_interval", &checkpoint.checkpoint_interval, scope);
    let restore = duration(&checkpoint.restore).unwrap_or(SignedDuration::ZERO);
    let Some(interval) = interval else { return Restart::FromZero };
    if let Some(expected) = duration(&raw.expected_duration)
        && interval >= expected
    {
        let problem = "the first checkpoint comes when the job is already done";
        let hint = "choose a `checkpoint_interval` below `expected_duration`, or \"from-zero\"";
        scope.warning("checkpoint-too-late", span, problem, hint);
    }
    Restart::Checkpoint { interval, restore }
}

fn check_prices(raw: &RawClass, scope: &mut Scope<'_>) {
    if let Some(price) = raw.max_price_usd_per_hour.as_ref().filter(|p| p.value.0.units() == 0) {
        let hint = "leave it out for no limit, or allow only on-demand environments";
        let problem = "`max_price_usd_per_hour` is 0: spot would never be used";
        scope.error("out-of-range", &price.span, problem, hint);
    }
    if let Some(cost) = raw.max_cost_usd_per_run.as_ref().filter(|c| c.value.0 == Usd::ZERO) {
        let problem = "`max_cost_usd_per_run` is 0: every run costs more";
        scope.error("out-of-range", &cost.span, problem, "leave it out for no limit");
    }
    if let Some(discount) = &raw.on_demand_discount_percent
        && discount.value.0 >= Ppm::ONE
    {
        let problem = "`on_demand_discount_percent` must be below 100";
        scope.error("out-of-range", &discount.span, problem, "");
    }
}

/// A run starts at its scheduled time at the earliest, and then boots and runs: a shorter deadline
/// is missed every time, which nobody can mean.
fn check_deadline(raw: &RawClass, class: &Class, scope: &mut Scope<'_>) {
    let (Some(located), Some(deadline)) = (&raw.deadline, class.deadline) else { return };
    let least = class.expected_duration.saturating_add(class.start_up);
    if deadline < least {
        let problem = format!(
            "the deadline of {deadline:#} can never be met: start-up and run take {least:#}"
        );
        let hint = "lengthen `deadline`, or correct `expected_duration` and `start_up`";
        scope.error("deadline-too-short", &located.span, &problem, hint);
    }
}

/// A pace is kept by progress that survives, towards a deadline.
fn check_pace(raw: &RawClass, class: &Class, scope: &mut Scope<'_>) {
    let Some(policy) = raw.policy.as_ref().filter(|_| class.policy == Policy::UniformProgress)
    else {
        return;
    };
    let missing = match (class.restart, class.deadline) {
        (Restart::FromZero, _) => "every interruption takes all progress",
        (_, None) => "there is no `deadline` to pace it by",
        _ => return,
    };
    let problem = format!("`uniform-progress` cannot work here: {missing}");
    let hint = "say `restart = { checkpoint_interval = … }` and `deadline`, or take \"model\" or \"greedy\"";
    scope.error("no-pace", &policy.span, &problem, hint);
}

/// Contradictions between the policy and the kinds of capacity.
fn check_capacity(raw: &RawClass, environments: &[&Arc<Environment>], scope: &mut Scope<'_>) {
    let reclaimable = |environment: &&Arc<Environment>| environment.capacity.is_interruptible();
    let only_spot = environments.iter().all(reclaimable);
    let no_spot = !environments.iter().any(reclaimable);
    let span = raw.environments.as_ref().map_or(raw.table_span.clone(), |list| list.span.clone());
    match &raw.when_price_unknown {
        Some(choice) if only_spot && choice.value.0 == WhenPriceUnknown::OnDemand => scope.error(
            "no-on-demand-environment",
            &choice.span,
            "`when_price_unknown = \"on-demand\"`, but no on-demand environment is allowed",
            "add one to `environments`, or choose \"spot\" or \"hold\"",
        ),
        Some(choice) if no_spot && choice.value.0 == WhenPriceUnknown::Spot => scope.error(
            "no-spot-environment",
            &choice.span,
            "`when_price_unknown = \"spot\"`, but no spot environment is allowed",
            "add one to `environments`, or choose \"on-demand\"",
        ),
        None if only_spot => scope.warning(
            "no-on-demand-environment",
            &span,
            "while no price is known nothing can run: only interruptible capacity is allowed",
            "add an on-demand environment, or set `when_price_unknown` to \"spot\" or \"hold\"",
        ),
        _ => {}
    }
    if only_spot && let Some(deadline) = &raw.deadline {
        scope.warning(
            "deadline-without-on-demand",
            &deadline.span,
            "the deadline cannot be kept by moving to on-demand: only interruptible capacity is allowed",
            "add an on-demand environment to `environments`",
        );
    }
}
