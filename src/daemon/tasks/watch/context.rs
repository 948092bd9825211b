//! What a run's next step may look at besides the run itself.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::hosts::Hosts;
use crate::catalogue::{Class, Policy, Restart, RetryOwner, WhenPriceUnknown};
use crate::daemon::{Mode, Shared};
use crate::domain::{BatchStatus, Capacity, JobObservation, Ppm};
use crate::experience::FARGATE_SPOT;
use crate::experience::durations::Lengths;
use crate::run::{
    HostRecord, Leg, Run, StepContext, array_as_one, array_as_placed, depends_on_instance_end,
};

/// How an instance ended is waited for so long, where an attempt's end depends on it: the two minutes
/// from EC2's notice to the end, and one for EC2 to show it.
const INSTANCE_END_MAY_COME: SignedDuration = SignedDuration::from_mins(3);

/// The context of a step of `run`, whose last leg is `leg` and was last seen on `host`.
pub(super) fn step_context<'a>(
    shared: &Shared,
    run: &Run,
    leg: &Leg,
    class: &'a Class,
    lengths: Lengths,
    host: Option<&HostRecord>,
    now: Timestamp,
) -> StepContext<'a> {
    // Who only observes does not stop a leg either, since no other would follow.
    let submits = shared.mode == Mode::Submit;
    StepContext {
        class,
        lengths,
        now,
        hazard_per_hour: hazard(shared, leg, host),
        has_steady_capacity: submits && has_steady_capacity(shared, run, class),
        is_array: leg.array_size.is_some() && leg.indices.is_none(),
        returns: None,
    }
}

/// Of the pool that the leg's newest attempt runs in, or of its region while that is not known.
fn hazard(shared: &Shared, leg: &Leg, host: Option<&HostRecord>) -> Ppm {
    let experience = shared.experience();
    let mut levels = experience.hazards.levels(&leg.site.account_region());
    let level = match host.map(HostRecord::pool) {
        Some(pool) => levels.of_pool(&pool),
        None if leg.capacity.is_fargate() => levels.of_type(FARGATE_SPOT),
        None => levels.unknown(),
    };
    level.per_hour()
}

/// Whether capacity that is not taken back could take the run over now. A leg is not stopped for the
/// sake of a queue that is disabled or has refused it.
fn has_steady_capacity(shared: &Shared, run: &Run, class: &Class) -> bool {
    let market = shared.market.load();
    let usable = |name| market.environments.get(name).is_some_and(|known| known.unusable.is_none());
    shared.catalogue.load().environments_of(class).any(|environment| {
        !environment.capacity.is_interruptible()
            && usable(&environment.name)
            && !run.was_refused_by(&environment.name)
    })
}

/// Whether a job's end cannot be told yet: it may be its instance's, of which nothing is known.
pub(super) fn waits_for_instance_end(
    hosts: &Hosts,
    job: &JobObservation,
    capacity: Capacity,
    now: Timestamp,
) -> bool {
    let Some(last) = job.attempts.last() else { return false };
    job.status == BatchStatus::Failed
        && !job.stop_requested
        && depends_on_instance_end(last, capacity)
        && hosts.end_may_come(&last.container)
        && job.stopped_at.is_some_and(|at| now.duration_since(at) < INSTANCE_END_MAY_COME)
}

/// The job as one, with what its children show; of mapped indices also while some wait.
pub(super) fn with_children(
    job: &JobObservation,
    is_mapped: bool,
    children: &[Option<&JobObservation>],
) -> JobObservation {
    let children = children.iter().copied().flatten();
    if is_mapped { array_as_placed(job, children) } else { array_as_one(job, children) }
}

/// Stands for a class that left the catalogue: the leg that runs comes to its end, and is the last.
pub(super) fn no_more_legs(run: &Run) -> Class {
    Class {
        name: run.class.clone(),
        environments: Vec::new(),
        expected_duration: SignedDuration::ZERO,
        planning_percentile: 95,
        deadline: None,
        start_up: SignedDuration::ZERO,
        restart: Restart::FromZero,
        policy: Policy::FitOnly,
        retry_owner: RetryOwner::Spotcron,
        max_legs: run.counted_legs().len() as u16,
        failure_retries: 0,
        wait_budget: SignedDuration::ZERO,
        max_price: None,
        max_cost: None,
        start_within: None,
        min_saving: Ppm::ZERO,
        min_time_between_switches: SignedDuration::ZERO,
        min_saving_to_switch: Ppm::ZERO,
        on_demand_discount: Ppm::ZERO,
        max_price_age: SignedDuration::ZERO,
        when_price_unknown: WhenPriceUnknown::OnDemand,
        when_outcome_unknown: Default::default(),
        idempotent_outputs: false,
        labels: BTreeMap::new(),
    }
}
