//! What a run that is at Batch does next: a pure function of the run, what Batch shows, and the time.

mod indices;
mod stopping;

use jiff::{SignedDuration, Timestamp};

pub(super) use self::stopping::cause_of_stop;
pub use self::stopping::is_too_risky;
use self::stopping::{move_window, only_cancels, reason_to_stop, stop_action};
use super::{Leg, Progress, Run, RunEventKind, RunState, note_deadline, unaccounted};
use crate::catalogue::{Class, Restart, RetryOwner};
use crate::decision::Return;
use crate::domain::{
    AttemptEnd, BatchStatus, InstanceType, JobObservation, LegCause, Ppm, RunOutcome, Zone,
};
use crate::experience::durations::Lengths;
use crate::mutation::{self, Mutation};
use crate::run::classify::STOP_PREFIX;
use crate::run::records::is_time_limit_cancel;

/// What Batch shows of the last leg.
#[derive(Debug, Clone, Copy)]
pub struct Observation<'a> {
    /// `None` when Batch does not know the job.
    pub job: Option<&'a JobObservation>,
    /// How the newest finished attempt ended (of any child, the worst for the run), once the job
    /// is final.
    pub end: Option<AttemptEnd>,
    /// How long that attempt ran.
    pub ran: SignedDuration,
    /// What its children show, where they work on mapped indices.
    pub progress: Option<&'a Progress>,
    /// Where the running attempt is, once that is known.
    pub host: Option<(&'a InstanceType, &'a Zone)>,
}

/// What the step may look at besides the run.
#[derive(Debug, Clone, Copy)]
pub struct StepContext<'a> {
    pub class: &'a Class,
    /// How long the work of such a run takes.
    pub lengths: Lengths,
    pub now: Timestamp,
    /// Interruptions per hour of the leg's environment.
    pub hazard_per_hour: Ppm,
    /// Whether the class has capacity that is not taken back.
    pub has_steady_capacity: bool,
    /// Whether the leg is an array job without mapped indices, whose retries are Batch's.
    pub is_array: bool,
    /// Where the run goes on instead of on the capacity that is not taken back, which it has.
    pub returns: Option<&'a Return>,
}

/// A call to make after the step is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// CancelJob: harmless to a job that has just been placed.
    Cancel { reason: String },
    /// TerminateJob.
    Terminate { reason: String },
}

/// The outcome of one step.
#[derive(Debug, Clone)]
pub struct Step {
    /// `None` when nothing changed.
    pub run: Option<Run>,
    pub events: Vec<RunEventKind>,
    pub action: Option<Action>,
}

/// DescribeJobs may not show a job yet, or for a moment; one that stays away so long is forgotten.
const INVISIBLE: SignedDuration = SignedDuration::from_mins(10);
/// A stop that shows no effect is asked for again: the call may have failed, and both are
/// idempotent. A container that is stopped has 30 s to end (simulated-aws.md §1.4).
const REPEAT_STOP: SignedDuration = SignedDuration::from_secs(45);
/// A leg lost to infrastructure waits this long, doubled with each leg, before the next.
const INFRASTRUCTURE_BACKOFF: SignedDuration = SignedDuration::from_secs(30);
/// Advances `run` (in state Watching or Stopping) by one observation.
pub fn step(run: &Run, seen: Observation<'_>, context: StepContext<'_>) -> Step {
    let mut next = run.clone();
    let mut events = Vec::new();
    let mut action = None;
    let Some(leg) = next.legs.last_mut() else {
        return Step { run: None, events, action };
    };
    match seen.job {
        None => events.extend(vanished(&mut next, context)),
        Some(job) => {
            events.extend(observe_leg(leg, job, seen.host, context.now));
            if let Some(progress) = seen.progress {
                indices::note_progress(&mut next, progress, context);
            }
            if job.status.is_final() {
                finish_leg(&mut next, job, seen, context);
            } else {
                (action, next.state) = steer(&next, job, seen.progress, context);
                if let (RunState::Stopping { cause, .. }, RunState::Watching) =
                    (next.state, run.state)
                {
                    let leg = last_index(&next);
                    let back = context.returns.filter(|_| cause == LegCause::Returned);
                    events.extend(back.map(|to| RunEventKind::GoesBack { leg, to: to.clone() }));
                    events.push(RunEventKind::StopRequested { leg, cause });
                    if mutation::active(Mutation::FallbackBeforeFailed) {
                        next.state = RunState::NeedsLeg { cause, not_before: context.now };
                    }
                }
            }
        }
    }
    if let RunState::Ended { outcome, at } = next.state {
        note_deadline(&mut next, at, &mut events);
        events.push(RunEventKind::Ended { outcome });
    } else {
        note_deadline(&mut next, context.now, &mut events);
    }
    if next == *run {
        return Step { run: None, events, action };
    }
    next.version += 1;
    Step { run: Some(next), events, action }
}

fn last_index(run: &Run) -> u16 {
    run.legs.last().map_or(0, |leg| leg.index)
}

/// Takes the job's times and status over into the leg.
fn observe_leg(
    leg: &mut Leg,
    job: &JobObservation,
    host: Option<(&InstanceType, &Zone)>,
    now: Timestamp,
) -> Option<RunEventKind> {
    let had_started = leg.started_at.is_some();
    leg.missing_since = None;
    leg.status = Some(job.status);
    if job.status == BatchStatus::Runnable && leg.runnable_since.is_none() {
        leg.runnable_since = Some(now);
    }
    leg.started_at = job.started_at.or(leg.started_at);
    if let Some(reason) = &job.status_reason {
        leg.reason = Some(reason.clone());
    }
    if job.status.is_final() {
        leg.ended_at = Some(job.stopped_at.unwrap_or(now));
    }
    (!had_started && leg.started_at.is_some()).then(|| RunEventKind::Started {
        leg: leg.index,
        instance_type: host.map(|(instance_type, _)| instance_type.clone()),
        zone: host.map(|(_, zone)| zone.clone()),
    })
}

/// Batch does not know the job: not yet, or no longer.
fn vanished(run: &mut Run, context: StepContext<'_>) -> Option<RunEventKind> {
    let now = context.now;
    let leg = run.legs.last_mut()?;
    let missing_since = *leg.missing_since.get_or_insert(now);
    let invisible = now.duration_since(missing_since) > INVISIBLE;
    if invisible && mutation::active(Mutation::VanishedRunsAgain) {
        run.state = RunState::NeedsLeg { cause: LegCause::NeverArrived, not_before: now };
    } else if invisible {
        return unaccounted::vanished(run, context.class, now);
    }
    None
}

/// The job ended: is the run over, or does it need another leg?
fn finish_leg(
    run: &mut Run,
    job: &JobObservation,
    seen: Observation<'_>,
    context: StepContext<'_>,
) {
    let at = job.stopped_at.unwrap_or(context.now).min(context.now);
    if job.status == BatchStatus::Succeeded {
        if let Some(indices) = &mut run.indices {
            // A leg carries all that was left.
            indices.done = indices.assigned.clone();
        }
        run.state = RunState::Ended { outcome: RunOutcome::Succeeded, at };
        return;
    }
    let over = |outcome| RunState::Ended { outcome, at };
    let asked = match run.state {
        RunState::Stopping { cause, .. } => Some(cause),
        _ => None,
    };
    if let Some(progress) = seen.progress {
        let retries = context.class.failure_retries;
        let cause = indices::cause_of_rest(run, progress, asked, retries);
        return go_on(run, cause, asked, context, at);
    }
    let Some(end) = seen.end.or_else(|| stopped_before_it_ran(job)) else {
        // Batch itself failed it without an attempt: sending the same again cannot help.
        run.state = over(RunOutcome::Rejected);
        return;
    };
    if let Restart::Checkpoint { interval, restore } = context.class.restart
        && !end.ended_by_itself()
    {
        run.progress_millis += saved(seen.ran, interval, restore, run.progress_millis > 0);
    }
    let cause = cause_of_next(run, job, end, asked, context.class);
    go_on(run, cause, asked, context, at);
}

/// The next leg, or the end of a run whose last one ended at `at`.
fn go_on(
    run: &mut Run,
    cause: Result<LegCause, RunOutcome>,
    asked: Option<LegCause>,
    context: StepContext<'_>,
    at: Timestamp,
) {
    let over = |outcome| RunState::Ended { outcome, at };
    let cause = match cause {
        Ok(cause) => cause,
        Err(outcome) => {
            run.state = over(outcome);
            return;
        }
    };
    if run.is_to_end() {
        run.state = over(RunOutcome::Cancelled);
        return;
    }
    let batch_retries = context.class.retry_owner == RetryOwner::Batch || context.is_array;
    let spent = usize::from(context.class.max_legs) <= run.counted_legs().len();
    if spent || (batch_retries && asked.is_none() && cause != LegCause::Starved) {
        run.state = over(RunOutcome::Failed);
        return;
    }
    let not_before = match cause {
        LegCause::Infrastructure | LegCause::Failed => {
            let doubled =
                INFRASTRUCTURE_BACKOFF * (1 << (run.counted_legs().len().clamp(1, 7) - 1));
            context.now.checked_add(doubled).unwrap_or(context.now)
        }
        _ => context.now,
    };
    run.state = RunState::NeedsLeg { cause, not_before };
}

/// Why the run needs another leg after an attempt that ended so, or how the run ends with it.
fn cause_of_next(
    run: &mut Run,
    job: &JobObservation,
    end: AttemptEnd,
    asked: Option<LegCause>,
    class: &Class,
) -> Result<LegCause, RunOutcome> {
    match (end, asked) {
        // Of an array that was asked to stop, children may have succeeded before.
        (AttemptEnd::Stopped | AttemptEnd::Succeeded, Some(cause)) => Ok(cause),
        (AttemptEnd::Stopped, None) if is_time_limit_cancel(job) => Ok(LegCause::Starved),
        (AttemptEnd::Stopped, None) => Err(RunOutcome::Cancelled),
        (AttemptEnd::Succeeded, None) if job.stop_requested => Err(RunOutcome::Cancelled),
        (AttemptEnd::Interrupted, _) => Ok(LegCause::Interrupted),
        (AttemptEnd::Infrastructure, _) => Ok(LegCause::Infrastructure),
        (AttemptEnd::Failed, _) => {
            run.failures += 1;
            match run.failures > class.failure_retries {
                true => Err(RunOutcome::Failed),
                false => Ok(LegCause::Failed),
            }
        }
        (AttemptEnd::Succeeded | AttemptEnd::TimedOut, _) => Err(RunOutcome::Failed),
    }
}

/// How a failed job without any attempt ended, if somebody asked for that.
fn stopped_before_it_ran(job: &JobObservation) -> Option<AttemptEnd> {
    let ours = job.status_reason.as_deref().is_some_and(|reason| reason.starts_with(STOP_PREFIX));
    (ours || job.stop_requested || is_time_limit_cancel(job)).then_some(AttemptEnd::Stopped)
}

/// Work that checkpoints saved in an attempt that ran for `ran`, in milliseconds. `restored`: it began
/// with a checkpoint of an earlier one.
pub fn saved(
    ran: SignedDuration,
    interval: SignedDuration,
    restore: SignedDuration,
    restored: bool,
) -> i64 {
    let interval_millis = interval.as_millis().max(1);
    (useful(ran, restore, restored).as_millis() / interval_millis * interval_millis) as i64
}

/// The work of such an attempt, saved or not.
pub fn useful(ran: SignedDuration, restore: SignedDuration, restored: bool) -> SignedDuration {
    let useful = if restored { ran - restore } else { ran };
    useful.max(SignedDuration::ZERO)
}

/// The job goes on: let it, or stop it?
fn steer(
    run: &Run,
    job: &JobObservation,
    progress: Option<&Progress>,
    context: StepContext<'_>,
) -> (Option<Action>, RunState) {
    let status = job.status;
    let Some(leg) = run.last_leg() else { return (None, run.state) };
    match run.state {
        RunState::Stopping { cause, .. } if only_cancels(run, cause) && !status.is_waiting() => {
            // It was placed before the cancel arrived: keep it. An array of which some children were
            // cancelled can only end, and be sent again; asking once more would also cancel children
            // that Batch is about to repeat. With mapped indices those that were placed are kept, and a
            // further leg carries the others.
            let some_are_lost = context.is_array && job.stop_requested;
            (None, if some_are_lost { run.state } else { RunState::Watching })
        }
        RunState::Stopping { cause, since } => {
            let forgotten = mutation::active(Mutation::StopForgotten);
            if forgotten || context.now.duration_since(since) < REPEAT_STOP {
                return (None, run.state);
            }
            let state = RunState::Stopping { cause, since: context.now };
            (Some(stop_action(cause, run, leg)), state)
        }
        _ => match reason_to_stop(run, leg, status, progress, context) {
            Some(cause) => {
                let state = RunState::Stopping { cause, since: context.now };
                (Some(stop_action(cause, run, leg)), state)
            }
            None => (None, RunState::Watching),
        },
    }
}
