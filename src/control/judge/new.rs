//! Commands that make runs.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{
    AT_MOST, Answer, Caveat, Effect, Facts, Refusal, Ruling, caveats_of, runs_one_by_one,
    scheduled_between, whole_second,
};
use crate::catalogue::{Class, Job};
use crate::domain::{JobName, Redacted, RunId};
use crate::run::{ByHand, Run, RunEventKind, RunState, Trigger, Wait, run_of};

/// Of the 30 KiB that Batch allows for a whole request.
const PARAMETER_BYTES: usize = 4096;
/// Runs of one backfill at most, all parameter sets and chunks of its times together: they become
/// durable in one transaction.
const RUNS_AT_MOST: usize = 50_000;

pub(super) fn trigger(
    job: &Job,
    class: &Class,
    parameters: &BTreeMap<String, Redacted>,
    facts: &Facts<'_>,
) -> Result<Ruling, Refusal> {
    for (name, value) in parameters {
        if !job.submission.overridable_parameters.contains(name) {
            let (job, parameter) = (job.name.clone(), name.clone());
            return Err(Refusal::NotOverridable { job, parameter });
        }
        if value.expose().len() > PARAMETER_BYTES || value.expose().contains('\0') {
            let parameter = name.clone();
            return Err(Refusal::BadParameter { parameter, at_most: PARAMETER_BYTES });
        }
    }
    let at = whole_second(facts.now);
    let deadline_at = class.deadline.and_then(|span| at.checked_add(span).ok());
    let by_hand =
        ByHand { opened_at: Some(facts.now), parameters: parameters.clone(), ..ByHand::default() };
    // Runs that come before it in `after` have no run of this time: it waits for none.
    let waits = if runs_one_by_one(job) { vec![Wait::Turn] } else { Vec::new() };
    let group = free_id(&job.name, at, facts.existing);
    let run = |portion| {
        let fresh = run_of(job, Trigger::Manual, at, &group, portion, facts.now);
        Run { deadline_at, by_hand: by_hand.clone(), ..waiting(fresh, waits.clone()) }
    };
    let runs: Vec<Run> = job.portions().into_iter().map(run).collect();
    let caveats = caveats_of(job, &group, facts);
    let overridden = parameters.keys().cloned().collect();
    let answer = Answer::Triggered { run: group, deadline_at, overridden, caveats };
    let by = facts.by.to_owned();
    let start = |run| Effect::Start(Box::new(run), RunEventKind::Triggered { by: by.clone() });
    let effects = runs.into_iter().map(start).collect();
    Ok(Ruling { answer, effects })
}

/// `<job>-<time>-t<n>`: no scheduled run has such an id, and one job's triggers of one second differ.
fn free_id(job: &JobName, at: Timestamp, existing: &BTreeSet<RunId>) -> RunId {
    let base = RunId::of(job, at);
    let mut number = 1;
    loop {
        let id = RunId::new(format!("{base}-t{number}"));
        if !has_runs(&id, existing) {
            return id;
        }
        number += 1;
    }
}

/// Whether there is a run of this id, or of a parameter set whose id begins so.
fn has_runs(group: &RunId, existing: &BTreeSet<RunId>) -> bool {
    // Keys of sets sort before anything else that may follow.
    existing.range::<RunId, _>(group..).next().is_some_and(|id| id.is_of(group))
}

/// Which scheduled times are asked for, and how.
pub(super) struct Range {
    pub from: Timestamp,
    pub to: Timestamp,
    pub at_once: u16,
    pub dry_run: bool,
}

pub(super) fn backfill(job: &Job, range: &Range, facts: &Facts<'_>) -> Result<Ruling, Refusal> {
    let Range { from, to, at_once, dry_run } = *range;
    if from > to {
        return Err(Refusal::EmptyRange { from, to });
    }
    if to > facts.now {
        return Err(Refusal::RangeInFuture { to, now: facts.now });
    }
    if at_once == 0 {
        return Err(Refusal::NoneAtOnce);
    }
    let times = scheduled_between(job, from, to);
    if times.len() > AT_MOST {
        return Err(Refusal::RangeTooLong { job: job.name.clone() });
    }
    if times.is_empty() {
        return Err(Refusal::NothingScheduled { job: job.name.clone() });
    }
    let missing: Vec<Timestamp> = times
        .iter()
        .filter(|at| !has_runs(&RunId::of(&job.name, **at), facts.existing))
        .copied()
        .collect();
    let existing = times.len() - missing.len();
    let runs = missing.len().saturating_mul(job.runs_each_time());
    if runs > RUNS_AT_MOST {
        return Err(Refusal::TooManyRuns { job: job.name.clone(), runs, at_most: RUNS_AT_MOST });
    }
    if missing.is_empty() {
        return Err(Refusal::NothingToBackfill { job: job.name.clone(), existing });
    }
    let name = format!("{} by {}", RunId::of(&job.name, facts.now), facts.by);
    // No deadline yet: a time that has passed is not late by birth. It begins once the run may go.
    let runs_of = |at: &Timestamp| {
        let mut waits = vec![Wait::Place { backfill: name.clone(), at_once }];
        waits.extend(runs_one_by_one(job).then_some(Wait::Turn));
        waits.extend(Wait::upstream_of(job, *at));
        let (at, group) = (*at, RunId::of(&job.name, *at));
        let run = move |portion| {
            let fresh = run_of(job, Trigger::Backfill, at, &group, portion, facts.now);
            waiting(fresh, waits.clone())
        };
        job.portions().into_iter().map(run)
    };
    let runs: Vec<Run> = missing.iter().flat_map(runs_of).collect();
    let pause = facts.controls.pause_of(&job.name).cloned();
    let mut caveats: Vec<Caveat> =
        pause.map(|pause| Caveat::PausedAndWaits { pause }).into_iter().collect();
    caveats.extend((!job.enabled).then_some(Caveat::Disabled));
    let ids = runs.iter().map(|run| run.id.clone()).collect();
    let job = job.name.clone();
    let answer = Answer::Backfilled { job, runs: ids, existing, at_once, dry_run, caveats };
    let event = RunEventKind::Backfilled { by: facts.by.to_owned() };
    let start = |run: Run| Effect::Start(Box::new(run), event.clone());
    let effects = if dry_run { Vec::new() } else { runs.into_iter().map(start).collect() };
    Ok(Ruling { answer, effects })
}

/// The run, as it waits for `waits` first.
fn waiting(run: Run, waits: Vec<Wait>) -> Run {
    let state = match waits.is_empty() {
        true => run.state,
        false => RunState::Waiting { since: run.created_at },
    };
    Run { state, waits, ..run }
}
