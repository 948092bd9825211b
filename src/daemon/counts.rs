//! What an event counts for. One place, so that a total and the story behind it cannot part.

use jiff::Timestamp;

use crate::decision::Decision;
use crate::domain::{LegCause, RunOutcome};
use crate::ledger::Counter;
use crate::run::{Run, RunEventKind, Trigger};

/// The counters that `kind`, told of `run` (as it is after the event), raises.
pub fn counts_of(run: &Run, at: Timestamp, kind: &RunEventKind) -> Vec<(Counter, i128)> {
    let class = run.class.clone();
    let job = run.job.clone();
    let leg = |index: &u16| run.legs.get(usize::from(*index));
    match kind {
        RunEventKind::Decided { leg, cause, decision } => {
            decided(run, at, *leg == 0 && *cause == LegCause::Scheduled, decision)
        }
        RunEventKind::Submitted { leg: index, environment, capacity, .. } => {
            let Some(leg) = leg(index) else { return Vec::new() };
            let before = index.checked_sub(1).and_then(|index| run.legs.get(usize::from(index)));
            let fallback = !capacity.is_interruptible()
                && before.is_some_and(|before| before.capacity.is_interruptible());
            let submission = Counter::Submissions {
                class: class.clone(),
                environment: environment.clone(),
                capacity: *capacity,
                cause: leg.cause,
            };
            let mut counts = vec![(submission, 1)];
            if fallback {
                counts.push((Counter::Fallbacks { class, cause: leg.cause }, 1));
            }
            counts
        }
        RunEventKind::OutcomeUnknown { .. } => vec![(Counter::OutcomesUnknown { job }, 1)],
        RunEventKind::RunsAgain { .. } => vec![(Counter::RunsAgain { job }, 1)],
        RunEventKind::DuplicateFound { .. } => vec![(Counter::DuplicatesTerminated { job }, 1)],
        RunEventKind::Started { leg: index, .. } => leg(index)
            .and_then(|leg| Some((leg, leg.started_at?.duration_since(leg.submitted_at?))))
            .map(|(leg, wait)| {
                let environment = leg.environment.clone();
                let millis = wait.as_millis().max(0);
                vec![
                    (Counter::QueueWaitMillis { environment: environment.clone() }, millis),
                    (Counter::QueueWaits { environment }, 1),
                ]
            })
            .unwrap_or_default(),
        RunEventKind::AttemptEnded { leg: index, end, .. } => leg(index)
            .map(|leg| {
                let environment = leg.environment.clone();
                let attempts =
                    Counter::Attempts { class, environment, capacity: leg.capacity, end: *end };
                vec![(attempts, 1)]
            })
            .unwrap_or_default(),
        RunEventKind::DeadlineMissed => vec![(Counter::DeadlinesMissed { class }, 1)],
        RunEventKind::OverBudget { .. } => vec![(Counter::BudgetsExceeded { class }, 1)],
        RunEventKind::DeadlineUnreachable { .. } => {
            vec![(Counter::DeadlinesUnreachable { class }, 1)]
        }
        RunEventKind::Ended { outcome } => ended(run, *outcome),
        RunEventKind::Due
        | RunEventKind::Adopted { .. }
        | RunEventKind::Triggered { .. }
        | RunEventKind::Backfilled { .. }
        | RunEventKind::Retried { .. }
        | RunEventKind::Waits { .. }
        | RunEventKind::Released
        | RunEventKind::Skipped { .. }
        | RunEventKind::StopWanted { .. }
        | RunEventKind::LookedUp { .. }
        | RunEventKind::SubmitFailed { .. }
        | RunEventKind::StopRequested { .. }
        | RunEventKind::GoesBack { .. }
        | RunEventKind::Settled { .. } => Vec::new(),
    }
}

fn decided(run: &Run, at: Timestamp, is_first: bool, decision: &Decision) -> Vec<(Counter, i128)> {
    let class = run.class.clone();
    let environment = decision.chosen.clone();
    let reason = decision.reasons.first().map_or("none", |reason| reason.label()).to_owned();
    // Whoever asks for a run by hand measures nothing of the schedule, nor does a run that was put off.
    let is_scheduled = run.trigger == Trigger::Schedule && run.put_off.is_none();
    let is_timed = is_first && environment.is_some() && is_scheduled;
    let mut counts = vec![(Counter::Decisions { class, environment, reason }, 1)];
    if is_timed {
        let lag = at.duration_since(run.scheduled_for).as_millis();
        counts.push((Counter::ScheduleLagMillis, lag.max(0)));
        counts.push((Counter::ScheduleLags, 1));
    }
    counts
}

fn ended(run: &Run, outcome: RunOutcome) -> Vec<(Counter, i128)> {
    let class = run.class.clone();
    let met = outcome == RunOutcome::Succeeded && run.deadline_at.is_some() && !run.deadline_missed;
    let runs = Counter::Runs {
        job: run.job.clone(),
        class: class.clone(),
        environment: run.last_leg().map(|leg| leg.environment.clone()),
        outcome,
    };
    let mut counts = vec![(runs, 1)];
    if met {
        counts.push((Counter::DeadlinesMet { class }, 1));
    }
    counts
}
