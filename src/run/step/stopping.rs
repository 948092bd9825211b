//! Whether a job that goes on is stopped, and why.

use jiff::SignedDuration;

use super::{Action, StepContext, indices};
use crate::catalogue::Policy;
use crate::domain::{BatchStatus, LegCause, Ppm};
use crate::run::classify::STOP_PREFIX;
use crate::run::moment::{LOOK_AHEAD, last_move};
use crate::run::{Leg, Progress, Run, Then};
use crate::schedule::StopKind;

/// A risk of interruption above this, at the last moment at which on-demand capacity still meets the
/// deadline, moves a running attempt.
const ACCEPTED_RISK: Ppm = Ppm(50_000);
/// The model comes to that moment more often, as it begins attempts later.
const ACCEPTED_RISK_OF_THE_MODEL: Ppm = Ppm(10_000);

/// Whether the stop leaves alone what was placed meanwhile.
pub(super) fn only_cancels(run: &Run, cause: LegCause) -> bool {
    match cause {
        LegCause::Starved => true,
        LegCause::Stopped | LegCause::Moved => {
            run.stop.as_ref().is_some_and(|stop| stop.kind == StopKind::Cancel)
        }
        _ => false,
    }
}

pub(super) fn stop_action(cause: LegCause, run: &Run, leg: &Leg) -> Action {
    if let (LegCause::Stopped | LegCause::Moved, Some(stop)) = (cause, &run.stop) {
        let reason = format!("{STOP_PREFIX}{}", stop.reason);
        return match stop.kind {
            StopKind::Cancel => Action::Cancel { reason },
            StopKind::Terminate => Action::Terminate { reason },
        };
    }
    match cause {
        LegCause::Starved => Action::Cancel {
            reason: format!("{STOP_PREFIX}{NO_CAPACITY}{} within the wait budget", leg.environment),
        },
        LegCause::Returned => Action::Terminate { reason: format!("{STOP_PREFIX}{COSTS_LESS}") },
        _ => Action::Terminate { reason: format!("{STOP_PREFIX}{DEADLINE_HOLDS}") },
    }
}

/// How the reasons of stops begin after which the run goes on.
const NO_CAPACITY: &str = "no capacity in ";
const DEADLINE_HOLDS: &str = "moved on demand so that the deadline holds";
const COSTS_LESS: &str = "moved back to where it costs less";

/// Why a leg was stopped, from the reason that Batch hands back, where the run goes on after it.
pub(in crate::run) fn cause_of_stop(reason: &str) -> Option<LegCause> {
    let ours = reason.strip_prefix(STOP_PREFIX)?;
    let causes = [
        (NO_CAPACITY, LegCause::Starved),
        (DEADLINE_HOLDS, LegCause::DeadlineNear),
        (COSTS_LESS, LegCause::Returned),
    ];
    causes.into_iter().find_map(|(begins, cause)| ours.starts_with(begins).then_some(cause))
}

/// Why the leg is to be stopped, if it is.
pub(super) fn reason_to_stop(
    run: &Run,
    leg: &Leg,
    status: BatchStatus,
    progress: Option<&Progress>,
    context: StepContext<'_>,
) -> Option<LegCause> {
    if let Some(stop) = run.stop_in_force()
        && (stop.kind == StopKind::Terminate || status.is_waiting())
    {
        return Some(match stop.then {
            Then::End => LegCause::Stopped,
            Then::MoveOnDemand => LegCause::Moved,
        });
    }
    let legs_left = run.counted_legs().len() < usize::from(context.class.max_legs);
    if !leg.capacity.is_interruptible() {
        let returns = context.returns.is_some() && legs_left && status == BatchStatus::Running;
        return returns.then_some(LegCause::Returned);
    }
    if !context.has_steady_capacity || !legs_left {
        return None;
    }
    if status.is_waiting() {
        // Also while PENDING or SUBMITTED: nothing was placed, so nothing is lost.
        let some_wait = progress.is_none_or(|progress| progress.waiting > 0);
        let is_over = leg.wait_until.is_some_and(|at| context.now >= at);
        return (some_wait && is_over).then_some(LegCause::Starved);
    }
    let in_danger = match progress {
        Some(progress) => indices::in_danger(run, progress, context),
        None => deadline_in_danger(run, leg, context),
    };
    in_danger.then_some(LegCause::DeadlineNear)
}

/// Whether a placed attempt must be moved now, because this is the last moment at which a run from
/// zero on demand still meets the deadline, and staying is too risky. Checkpointed work keeps what
/// it has when it is interrupted, so that staying never loses the room that is left (policy: never
/// leave spot while it runs). An attempt that already ran longer than planned stays: starting
/// over would take as long again.
fn deadline_in_danger(run: &Run, leg: &Leg, context: StepContext<'_>) -> bool {
    if !move_window(run, context) {
        return false;
    }
    let Some(started) = leg.started_at else { return true };
    let remaining = context.lengths.planned - context.now.duration_since(started);
    is_too_risky(remaining, context)
}

/// Whether this is the last moment at which a run from zero on demand still meets the deadline.
pub(super) fn move_window(run: &Run, context: StepContext<'_>) -> bool {
    let left = last_move(run, context.class, &context.lengths)
        .map(|last| last.duration_since(context.now));
    left.is_some_and(|left| !left.is_negative() && left <= LOOK_AHEAD)
}

/// Whether capacity that has to stay for `remaining` is too likely to be taken back.
pub fn is_too_risky(remaining: SignedDuration, context: StepContext<'_>) -> bool {
    if remaining <= SignedDuration::ZERO {
        return false;
    }
    let exposure = context.hazard_per_hour.to_ratio() * remaining.as_secs_f64() / 3600.0;
    let accepted = match context.class.policy {
        Policy::Model => ACCEPTED_RISK_OF_THE_MODEL,
        Policy::FitOnly => ACCEPTED_RISK,
        // They know no risk: what may be taken back, is.
        Policy::Greedy | Policy::UniformProgress => Ppm::ZERO,
    };
    Ppm::from_ratio(-(-exposure).exp_m1()) > accepted
}
