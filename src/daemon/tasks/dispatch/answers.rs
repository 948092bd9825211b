//! What the answer of one SubmitJob call makes of its run.

use jiff::Timestamp;

use super::lookup;
use crate::catalogue::Catalogue;
use crate::daemon::{Change, Shared};
use crate::domain::{BatchJobId, LegCause, RunOutcome};
use crate::ports::{FailureKind, ServiceError, SubmitError};
use crate::run::{Run, RunEventKind, RunState};

/// Takes the answer of one SubmitJob call into the run.
pub(super) fn record_answer(
    shared: &Shared,
    run: &Run,
    answer: Result<BatchJobId, SubmitError>,
    now: Timestamp,
    change: &mut Change,
) {
    let mut next = run.clone();
    next.version += 1;
    match answer {
        Ok(job_id) => lookup::accepted(&mut next, job_id, now, change),
        Err(SubmitError::NotAccepted(error)) if leaves_account(shared, &next, &error) => {
            refused(shared, &mut next, &error, now, change);
        }
        Err(SubmitError::NotAccepted(error)) => {
            let (leg, error) = (last_leg(&next), error.to_string());
            change.event(&next, now, RunEventKind::SubmitFailed { leg, error, will_repeat: true });
        }
        Err(SubmitError::OutcomeUnknown(error)) => {
            tracing::warn!(run = %run.id, %error, "a submission's outcome is not known; looking it up");
            becomes_uncertain(&mut next, error.to_string(), now, change);
        }
        Err(SubmitError::Rejected(error)) => refused(shared, &mut next, &error, now, change),
    }
    change.update(next);
}

/// Nobody knows whether Batch has the last leg: from here on it is looked up.
pub(super) fn becomes_uncertain(run: &mut Run, error: String, now: Timestamp, change: &mut Change) {
    run.state = RunState::Submitting { uncertain_since: Some(now) };
    if let Some(leg) = run.legs.last_mut() {
        leg.was_uncertain = true;
    }
    change.event(run, now, RunEventKind::OutcomeUnknown { leg: last_leg(run), error });
}

/// Batch will not have this leg. Its queue may have been disabled or deleted since the last
/// discovery, so that another environment is tried before the run is given up; each is tried once.
fn refused(
    shared: &Shared,
    run: &mut Run,
    error: &ServiceError,
    now: Timestamp,
    change: &mut Change,
) {
    shared.bells.discovery.ring();
    close_leg(run, error, now);
    if !another_environment(&shared.catalogue.load(), run) {
        return reject(run, error, now, change);
    }
    tracing::error!(run = %run.id, %error, "the submission was refused; trying elsewhere");
    // What was moved away from spot stays away.
    let moved = run.last_leg().map(|leg| leg.cause).filter(|cause| cause.moves_away());
    let cause = moved.unwrap_or(LegCause::Refused);
    run.state = RunState::NeedsLeg { cause, not_before: now };
    let (leg, error) = (last_leg(run), error.to_string());
    change.event(run, now, RunEventKind::SubmitFailed { leg, error, will_repeat: true });
}

/// Ends a run that was refused for so long that nobody wants it any more.
pub(super) fn given_up(run: &Run, error: &ServiceError, now: Timestamp, change: &mut Change) {
    let mut next = run.clone();
    next.version += 1;
    close_leg(&mut next, error, now);
    reject(&mut next, error, now, change);
    change.update(next);
}

fn close_leg(run: &mut Run, error: &ServiceError, now: Timestamp) {
    if let Some(leg) = run.legs.last_mut() {
        leg.ended_at = Some(now);
        leg.reason = Some(error.to_string());
    }
}

fn reject(run: &mut Run, error: &ServiceError, now: Timestamp, change: &mut Change) {
    tracing::error!(run = %run.id, %error, "Batch refused the submission; the run is over");
    run.state = RunState::Ended { outcome: RunOutcome::Rejected, at: now };
    let (leg, error) = (last_leg(run), error.to_string());
    change.event(run, now, RunEventKind::SubmitFailed { leg, error, will_repeat: false });
    change.event(run, now, RunEventKind::Ended { outcome: RunOutcome::Rejected });
}

/// Whether the run goes elsewhere because its environment's account cannot be entered. One that was
/// ever uncertain keeps its name and its queue, which is where it may still turn up.
pub(super) fn leaves_account(shared: &Shared, run: &Run, error: &ServiceError) -> bool {
    error.kind == FailureKind::RoleRefused
        && run.last_leg().is_some_and(|leg| !leg.was_uncertain)
        && another_environment(&shared.catalogue.load(), run)
}

/// Whether the run's class has an environment that did not refuse it yet.
fn another_environment(catalogue: &Catalogue, run: &Run) -> bool {
    catalogue.class_of_run(&run.class, &run.job).is_some_and(|class| {
        run.counted_legs().len() < usize::from(class.max_legs)
            && catalogue.environments_of(class).any(|other| !run.was_refused_by(&other.name))
    })
}

fn last_leg(run: &Run) -> u16 {
    run.legs.len().saturating_sub(1) as u16
}
