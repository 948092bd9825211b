//! Commands about one run.

use super::{Answer, Caveat, Effect, Facts, Refusal, Ruling, caveats_of, job_of, runs_one_by_one};
use crate::decision::{ForcedOnDemand, ForcedScope};
use crate::domain::{LegCause, RunId, RunOutcome};
use crate::run::{Run, RunEventKind, RunState, StopRequest, Then, Wait, note_deadline};
use crate::schedule::StopKind;

pub(super) fn retry(
    id: &RunId,
    even_if_unknown: bool,
    facts: &Facts<'_>,
) -> Result<Ruling, Refusal> {
    let Some(run) = facts.run else { return Err(Refusal::UnknownRun { run: id.clone() }) };
    let RunState::Ended { outcome, .. } = run.state else {
        let state = run.state.label().to_owned();
        return Err(Refusal::StillOpen { run: id.clone(), state });
    };
    let (job, class) = job_of(&run.job, facts)?;
    let mut caveats = caveats_of(job, &run.group(), facts);
    match outcome {
        RunOutcome::Succeeded => return Err(Refusal::Succeeded { run: id.clone() }),
        RunOutcome::Observed => return Err(Refusal::OnlyObserved { run: id.clone() }),
        RunOutcome::Unknown if !even_if_unknown => {
            return Err(Refusal::MayRunTwice { run: id.clone() });
        }
        RunOutcome::Unknown => caveats.push(Caveat::MayRunTwice),
        RunOutcome::Failed | RunOutcome::Rejected | RunOutcome::Cancelled | RunOutcome::Skipped => {
        }
    }
    let mut next = run.clone();
    next.version += 1;
    // A deadline that passed after the run had ended was missed all the same.
    let mut events = Vec::new();
    note_deadline(&mut next, facts.now, &mut events);
    // What it waited for before counts no more: whoever asks wants it now. But it takes its turn.
    next.waits = if runs_one_by_one(job) { vec![Wait::Turn] } else { Vec::new() };
    next.state = match next.waits.is_empty() {
        true => RunState::NeedsLeg { cause: LegCause::Retried, not_before: facts.now },
        false => RunState::Waiting { since: facts.now },
    };
    next.stop = None;
    next.failures = 0;
    next.by_hand.opened_at = Some(facts.now);
    next.by_hand.legs_before = next.legs.len() as u16;
    if next.deadline_at.is_none_or(|at| at <= facts.now) {
        // What was missed stays counted as missed; the retry has as long as a new run.
        next.deadline_at = class.deadline.and_then(|span| facts.now.checked_add(span).ok());
    }
    let (run, deadline_at) = (next.id.clone(), next.deadline_at);
    let answer = Answer::Retried { run, after: outcome, deadline_at, caveats };
    events.push(RunEventKind::Retried { by: facts.by.to_owned() });
    let effects = vec![Effect::Change(Box::new(next), events)];
    Ok(Ruling { answer, effects })
}

pub(super) fn cancel(id: &RunId, note: &str, facts: &Facts<'_>) -> Result<Ruling, Refusal> {
    let run = open_run(id, facts)?;
    if let Some(stop) = run.stop.as_ref().filter(|stop| is_final(stop)) {
        let reason = stop.reason.clone();
        return Err(Refusal::AlreadyStopping { run: id.clone(), reason });
    }
    let request = request("cancelled", Then::End, note, facts);
    let state = run.state.label().to_owned();
    let answer = Answer::Cancelled { run: id.clone(), state };
    Ok(Ruling { answer, effects: vec![stopped(run.clone(), request)] })
}

pub(super) fn move_on_demand(id: &RunId, note: &str, facts: &Facts<'_>) -> Result<Ruling, Refusal> {
    let run = open_run(id, facts)?;
    if let Some(stop) = run.stop.as_ref().filter(|stop| stop.kind == StopKind::Terminate) {
        let reason = stop.reason.clone();
        return Err(Refusal::AlreadyStopping { run: id.clone(), reason });
    }
    let at_batch = !matches!(run.state, RunState::NeedsLeg { .. } | RunState::Waiting { .. });
    let leg = run.last_leg().filter(|leg| at_batch && !leg.capacity.is_interruptible());
    if let Some(leg) = leg {
        let environment = leg.environment.clone();
        return Err(Refusal::AlreadyThere { run: id.clone(), environment });
    }
    let Some(class) = facts.catalogue.class_of_run(&run.class, &run.job) else {
        return Err(Refusal::UnknownJob { job: run.job.clone() });
    };
    let mut environments = facts.catalogue.environments_of(class);
    if environments.all(|environment| environment.capacity.is_interruptible()) {
        return Err(Refusal::NoSteadyCapacity { class: class.name.clone() });
    }
    let mut next = run.clone();
    let (by, scope) = (facts.by.to_owned(), ForcedScope::Run);
    next.by_hand.forced = Some(ForcedOnDemand { by, scope, until: None });
    // The move needs a leg: it must not end a run that has used all of them.
    let room = (next.legs.len() + 1).saturating_sub(usize::from(class.max_legs)) as u16;
    next.by_hand.legs_before = next.by_hand.legs_before.max(room);
    let answer = Answer::Moved { run: id.clone(), state: run.state.label().to_owned() };
    if !at_batch {
        // Nothing is there to stop: the next decision knows.
        next.version += 1;
        let request = request("moved on demand", Then::MoveOnDemand, note, facts);
        let event = RunEventKind::StopWanted { request };
        return Ok(Ruling { answer, effects: vec![Effect::Change(Box::new(next), vec![event])] });
    }
    let request = request("moved on demand", Then::MoveOnDemand, note, facts);
    Ok(Ruling { answer, effects: vec![stopped(next, request)] })
}

fn open_run<'a>(id: &RunId, facts: &Facts<'a>) -> Result<&'a Run, Refusal> {
    let Some(run) = facts.run else { return Err(Refusal::UnknownRun { run: id.clone() }) };
    match run.state {
        RunState::Ended { outcome, .. } => {
            Err(Refusal::HasEnded { run: id.clone(), state: outcome.label().to_owned() })
        }
        _ => Ok(run),
    }
}

/// Whether nothing stronger can be asked for.
fn is_final(stop: &StopRequest) -> bool {
    stop.kind == StopKind::Terminate && stop.then == Then::End
}

fn request(what: &str, then: Then, note: &str, facts: &Facts<'_>) -> StopRequest {
    let why = if note.is_empty() { String::new() } else { format!(": {note}") };
    let reason = format!("{what} by {}{why}", facts.by);
    StopRequest { kind: StopKind::Terminate, then, reason, at: facts.now }
}

/// The run with the request, on which the task that owns its state acts.
fn stopped(mut run: Run, request: StopRequest) -> Effect {
    run.version += 1;
    run.stop = Some(request.clone());
    Effect::Change(Box::new(run), vec![RunEventKind::StopWanted { request }])
}
