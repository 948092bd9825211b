//! The attempts of a leg, taken down from what Batch shows.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::domain::{
    AttemptEnd, AttemptObservation, BatchStatus, Capacity, ContainerObservation, InstanceEnd,
    JobObservation,
};

use super::{AttemptKey, AttemptRecord, Leg, Run, classify};

/// What is known besides the observation.
#[derive(Debug, Clone, Copy)]
pub struct LegFacts<'a> {
    pub run: &'a Run,
    pub leg: &'a Leg,
    /// The array child that the observation is of.
    pub child: Option<u32>,
    /// How the instance behind a container instance ARN ended, or the Fargate task of an ARN, where
    /// that is known.
    pub instance_ends: &'a BTreeMap<String, InstanceEnd>,
}

/// An array's parent as one job. Batch leaves the parent PENDING until its last child has ended;
/// it counts as running since its first child does. What is no array stays as it is.
pub fn array_as_one<'a>(
    parent: &JobObservation,
    children: impl Iterator<Item = &'a JobObservation>,
) -> JobObservation {
    let mut whole = parent.clone();
    let mut some_stopped = false;
    for child in children {
        // A child that was cancelled while it waited is final and was never placed.
        let placed = child.started_at.is_some() || child.status == BatchStatus::Starting;
        if placed && !whole.status.is_final() {
            whole.status = BatchStatus::Running;
        }
        some_stopped |= child.stop_requested;
        whole.started_at = [whole.started_at, child.started_at].into_iter().flatten().min();
    }
    if parent.array.is_some() {
        // A call for the parent that met no waiting child had no effect.
        whole.stop_requested = some_stopped || parent.stop_requested && parent.status.is_final();
    }
    whole
}

/// The same for children that work on mapped indices: it runs while one of them is placed, and else
/// waits as its parent does.
pub fn array_as_placed<'a>(
    parent: &JobObservation,
    children: impl Iterator<Item = &'a JobObservation> + Clone,
) -> JobObservation {
    let is_placed = |child: &JobObservation| {
        matches!(child.status, BatchStatus::Starting | BatchStatus::Running)
    };
    let mut whole = array_as_one(parent, children.clone());
    if !parent.status.is_final() {
        whole.status = match children.clone().any(is_placed) {
            true => BatchStatus::Running,
            false => parent.status,
        };
    }
    whole
}

/// A queue's own `jobStateTimeLimitActions` cancelled it.
pub(super) fn is_time_limit_cancel(job: &JobObservation) -> bool {
    job.status_reason
        .as_deref()
        .is_some_and(|reason| reason.starts_with("Canceled by JobStateTimeLimit"))
}

/// Every attempt that the observation shows, the running one included. Hosts are not filled in.
pub fn attempt_records(facts: LegFacts<'_>, job: &JobObservation) -> Vec<AttemptRecord> {
    let mut records: Vec<AttemptRecord> = (1..)
        .zip(&job.attempts)
        .map(|(number, attempt)| finished(facts, job, number, attempt))
        .collect();
    if job.status.is_final() && job.attempts.is_empty() && job.started_at.is_some() {
        // Batch shows that it ran and lists no attempt: the job's own times and container tell.
        let only = AttemptObservation {
            started_at: job.started_at,
            stopped_at: job.stopped_at,
            status_reason: job.status_reason.clone(),
            container: job.container.clone().unwrap_or_default(),
        };
        records.push(finished(facts, job, 1, &only));
    }
    let runs = matches!(job.status, BatchStatus::Starting | BatchStatus::Running);
    if let Some(container) = job.container.as_ref().filter(|_| runs) {
        let number = records.len() as u32 + 1;
        records.push(running(facts, job, number, container));
    }
    records
}

/// From an attempt's end to its job's, where the one is the reason of the other.
const SETTLES_WITHIN: SignedDuration = SignedDuration::from_secs(60);

/// Of the newest finished attempts (one for each child) the one that decides: an application's
/// failure before bad luck before an interruption.
pub fn worst_end(records: &[AttemptRecord]) -> Option<&AttemptRecord> {
    let mut newest: BTreeMap<Option<u32>, &AttemptRecord> = BTreeMap::new();
    for record in records.iter().filter(|record| record.end.is_some()) {
        newest.insert(record.key.child, record);
    }
    newest.into_values().min_by_key(|record| record.end.map(rank_of_end))
}

/// Of several ends the one with the lowest rank decides.
pub(super) const fn rank_of_end(end: AttemptEnd) -> u8 {
    match end {
        AttemptEnd::Failed => 0,
        AttemptEnd::TimedOut => 1,
        AttemptEnd::Stopped => 2,
        AttemptEnd::Infrastructure => 3,
        AttemptEnd::Interrupted => 4,
        AttemptEnd::Succeeded => 5,
    }
}

fn finished(
    facts: LegFacts<'_>,
    job: &JobObservation,
    number: u32,
    attempt: &AttemptObservation,
) -> AttemptRecord {
    let arn = match facts.leg.capacity.is_fargate() {
        true => attempt.container.task_arn.as_ref(),
        false => attempt.container.container_instance_arn.as_ref(),
    };
    let is_last = number as usize >= job.attempts.len();
    // A job that was cancelled while it waited to be repeated says nothing of its last attempt.
    let ended_with_job = is_last
        && attempt
            .stopped_at
            .zip(job.stopped_at)
            .is_none_or(|(attempt, job)| job.duration_since(attempt) < SETTLES_WITHIN);
    let (status, reason) = if ended_with_job && job.status.is_final() {
        (job.status, job.status_reason.as_deref())
    } else {
        (BatchStatus::Failed, None)
    };
    let mut end = classify(
        attempt,
        status,
        reason,
        facts.leg.capacity,
        arn.and_then(|arn| facts.instance_ends.get(arn)).copied(),
    );
    let killed = matches!(attempt.container.exit_code, Some(137 | 143) | None);
    if ended_with_job && job.stop_requested && killed && end == AttemptEnd::Failed {
        // Somebody asked for its end in words of their own.
        end = AttemptEnd::Stopped;
    }
    let mut record = running(facts, job, number, &attempt.container);
    record.started_at = attempt.started_at;
    // An attempt without an end in Batch's answer ended when the job did.
    record.stopped_at = attempt.stopped_at.or(job.stopped_at).or(attempt.started_at);
    record.end = Some(end);
    record.exit_code = attempt.container.exit_code;
    record.reason = attempt.status_reason.clone().or_else(|| attempt.container.reason.clone());
    record
}

fn running(
    facts: LegFacts<'_>,
    job: &JobObservation,
    number: u32,
    container: &ContainerObservation,
) -> AttemptRecord {
    let LegFacts { run, leg, child, .. } = facts;
    AttemptRecord {
        key: AttemptKey { run: run.id.clone(), leg: leg.index, child, number },
        index: leg.indices.as_ref().and_then(|indices| indices.get(child.unwrap_or(0))),
        job: run.job.clone(),
        class: run.class.clone(),
        batch_job_id: job.id.clone(),
        environment: leg.environment.clone(),
        capacity: leg.capacity,
        site: leg.site.clone(),
        resources: job.resources,
        started_at: (job.status == BatchStatus::Running).then_some(job.started_at).flatten(),
        stopped_at: None,
        end: None,
        exit_code: None,
        reason: None,
        log_stream: container.log_stream.clone(),
        container_instance_arn: container
            .container_instance_arn
            .clone()
            .filter(|_| leg.capacity == Capacity::Spot || leg.capacity == Capacity::OnDemand),
        task_arn: container.task_arn.clone(),
        pull_started_at: None,
        zone: None,
        terms: leg.terms,
        host: None,
    }
}
