//! An open run as it would stand if its next leg were to be decided now: what it waits for has come about, or
//! the leg that is out there is supposed to be gone.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::{
    AttemptRecord, Load, Observation, Progress, Run, RunState, StepContext, filled, step,
    waits_for_place,
};
use crate::catalogue::{Catalogue, Class, Job, RetryOwner};
use crate::domain::{
    AttemptEnd, BatchJobId, BatchStatus, JobObservation, LegCause, Ppm, RunOutcome,
};
use crate::experience::durations::Durations;

/// A run that is asked now.
#[derive(Debug, Clone)]
pub struct AskedNow<'a> {
    /// As it would stand: it needs a leg.
    pub run: Run,
    pub class: &'a Class,
    pub job: &'a Job,
    pub cause: LegCause,
    pub containers: u32,
    pub supposing: Supposing,
}

/// What has to be supposed for a leg to be decided now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "supposing", rename_all = "kebab-case")]
pub enum Supposing {
    /// Nothing: the run needs a leg.
    Nothing,
    /// What it waits for has come about.
    Released,
    /// The leg, which has not started, was not decided yet.
    NotDecided { leg: u16 },
    /// The leg, which has started, is lost now: taken back, or with its host.
    Lost { leg: u16 },
    /// The stop that the leg was asked for takes effect now.
    Stopped { leg: u16 },
}

/// Why nothing can be asked of an open run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "not_asked", rename_all = "kebab-case")]
pub enum NotAsked {
    /// Its job is not in the catalogue.
    NoJob,
    /// Neither its class nor another one of its job is in the catalogue.
    NoClass,
    /// Somebody wants it to end.
    IsToEnd,
    /// Were the leg lost, the run would end: its class allows so many legs.
    LastLeg { leg: u16, max_legs: u16 },
    /// Were the leg lost, the run would end: Batch alone repeats attempts of its class.
    BatchRepeats { leg: u16 },
    /// Were the leg lost, the run would end in another way.
    WouldEnd { leg: u16, outcome: RunOutcome },
    /// Its next submission cannot be made.
    NoSubmission { error: String },
}

/// `run`, which has not ended, as its next leg would be decided at `now`.
///
/// # Errors
/// No leg would be decided, or what that needs has left the catalogue.
pub fn asked_now<'a>(
    run: &Run,
    catalogue: &'a Catalogue,
    durations: &Durations,
    now: Timestamp,
) -> Result<AskedNow<'a>, NotAsked> {
    let job = catalogue.jobs.get(&run.job).ok_or(NotAsked::NoJob)?;
    let class = catalogue.class_of_run(&run.class, &run.job).ok_or(NotAsked::NoClass)?;
    if run.is_to_end() {
        return Err(NotAsked::IsToEnd);
    }
    let (mut next, supposing) = supposed(run, class, durations, now)?;
    let no_submission = |error| NotAsked::NoSubmission { error };
    if supposing != Supposing::Released {
        // What a run's templates name is looked up when it is released.
        filled(&next, job).map_err(|error| no_submission(error.to_string()))?;
    }
    let containers = Load::of(&mut next, job).map_err(no_submission)?.containers();
    let cause = next.next_cause().unwrap_or(LegCause::Scheduled);
    Ok(AskedNow { run: next, class, job, cause, containers, supposing })
}

fn supposed(
    run: &Run,
    class: &Class,
    durations: &Durations,
    now: Timestamp,
) -> Result<(Run, Supposing), NotAsked> {
    let mut next = run.clone();
    let needs_leg = |cause| RunState::NeedsLeg { cause, not_before: now };
    let leg = run.last_leg();
    let index = leg.map_or(0, |leg| leg.index);
    let has_started = leg.is_some_and(|leg| leg.started_at.is_some());
    let supposing = match run.state {
        RunState::NeedsLeg { .. } | RunState::Ended { .. } => Supposing::Nothing,
        RunState::Waiting { .. } => {
            let first = run.legs.is_empty();
            next.state = needs_leg(if first { LegCause::Scheduled } else { LegCause::Retried });
            if waits_for_place(run) {
                // Its deadline is counted from then on.
                next.deadline_at = class.deadline.and_then(|span| now.checked_add(span).ok());
                next.by_hand.opened_at = Some(now);
            }
            Supposing::Released
        }
        RunState::Submitting { .. } | RunState::Watching if !has_started => {
            let cause = next.legs.pop().map_or(LegCause::Scheduled, |leg| leg.cause);
            next.state = needs_leg(cause);
            Supposing::NotDecided { leg: index }
        }
        RunState::Submitting { .. } | RunState::Watching => {
            let interruptible = leg.is_some_and(|leg| leg.capacity.is_interruptible());
            let end = match interruptible {
                true => AttemptEnd::Interrupted,
                false => AttemptEnd::Infrastructure,
            };
            next = after_leg(run, class, durations, end, now)?;
            Supposing::Lost { leg: index }
        }
        RunState::Stopping { .. } => {
            next = after_leg(run, class, durations, AttemptEnd::Stopped, now)?;
            Supposing::Stopped { leg: index }
        }
    };
    Ok((next, supposing))
}

/// The run after its last leg ended so: by the same step that the daemon makes then.
fn after_leg(
    run: &Run,
    class: &Class,
    durations: &Durations,
    end: AttemptEnd,
    now: Timestamp,
) -> Result<Run, NotAsked> {
    let leg = run.last_leg();
    let started_at = leg.and_then(|leg| leg.started_at);
    let job = JobObservation {
        id: leg.and_then(|leg| leg.job_id.clone()).unwrap_or_else(|| BatchJobId::new("")),
        name: String::new(),
        status: BatchStatus::Failed,
        status_reason: None,
        created_at: None,
        started_at,
        stopped_at: Some(now),
        stop_requested: end == AttemptEnd::Stopped,
        container: None,
        attempts: Vec::new(),
        array: None,
        resources: None,
        tags: BTreeMap::new(),
    };
    let mapped = leg.is_some_and(|leg| leg.indices.is_some());
    let progress = Progress { worst: Some(end), ..Progress::default() };
    let ran = started_at.map_or_else(Default::default, |at| now.duration_since(at));
    let seen = Observation {
        job: Some(&job),
        end: Some(end),
        ran: ran.max(Default::default()),
        progress: mapped.then_some(&progress),
        host: None,
    };
    let context = StepContext {
        class,
        lengths: run.lengths(class, None, durations),
        now,
        // Of a leg that has ended nothing asks for these two.
        hazard_per_hour: Ppm::ZERO,
        has_steady_capacity: true,
        is_array: leg.is_some_and(|leg| leg.array_size.is_some() && leg.indices.is_none()),
        returns: None,
    };
    let next = step(run, seen, context).run.unwrap_or_else(|| run.clone());
    let RunState::Ended { outcome, .. } = next.state else { return Ok(next) };
    let leg = leg.map_or(0, |leg| leg.index);
    Err(if usize::from(class.max_legs) <= run.counted_legs().len() {
        NotAsked::LastLeg { leg, max_legs: class.max_legs }
    } else if class.retry_owner == RetryOwner::Batch || context.is_array {
        NotAsked::BatchRepeats { leg }
    } else {
        NotAsked::WouldEnd { leg, outcome }
    })
}

impl AskedNow<'_> {
    /// `attempts` of the run with those that are supposed to end now ended.
    pub fn attempts(&self, attempts: &[AttemptRecord], now: Timestamp) -> Vec<AttemptRecord> {
        let end = |attempt: &AttemptRecord| AttemptRecord {
            stopped_at: attempt.stopped_at.or(attempt.started_at.map(|at| at.max(now))),
            ..attempt.clone()
        };
        attempts.iter().map(end).collect()
    }
}
