//! Commands that make runs.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{
    AT_MOST, Answer, Caveat, Effect, Facts, Refusal, Ruling, caveats_of, runs_one_by_one,
    scheduled_between, whole_second,
};
use crate::catalogue::{Class, Job};
use crate::domain::{JobName, LegCause, Redacted, RunId};
use crate::run::{ByHand, Run, RunEventKind, RunState, Trigger, Wait};

/// Of the 30 KiB that Batch allows for a whole request.
const PARAMETER_BYTES: usize = 4096;

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
    let run = Run {
        id: free_id(&job.name, at, facts.existing),
        deadline_at,
        by_hand,
        ..new_run(job, class, Trigger::Manual, at, waits, facts.now)
    };
    let caveats = caveats_of(job, &run.id, facts);
    let overridden = parameters.keys().cloned().collect();
    let answer = Answer::Triggered { run: run.id.clone(), deadline_at, overridden, caveats };
    let by = facts.by.to_owned();
    let effects = vec![Effect::Start(Box::new(run), RunEventKind::Triggered { by })];
    Ok(Ruling { answer, effects })
}

/// `<job>-<time>-t<n>`: no scheduled run has such an id, and one job's triggers of one second differ.
fn free_id(job: &JobName, at: Timestamp, existing: &BTreeSet<RunId>) -> RunId {
    let base = RunId::of(job, at);
    let mut number = 1;
    loop {
        let id = RunId::new(format!("{base}-t{number}"));
        if !existing.contains(&id) {
            return id;
        }
        number += 1;
    }
}

/// Which scheduled times are asked for, and how.
pub(super) struct Range {
    pub from: Timestamp,
    pub to: Timestamp,
    pub at_once: u16,
    pub dry_run: bool,
}

pub(super) fn backfill(
    job: &Job,
    class: &Class,
    range: &Range,
    facts: &Facts<'_>,
) -> Result<Ruling, Refusal> {
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
        .filter(|at| !facts.existing.contains(&RunId::of(&job.name, **at)))
        .copied()
        .collect();
    let existing = times.len() - missing.len();
    if missing.is_empty() {
        return Err(Refusal::NothingToBackfill { job: job.name.clone(), existing });
    }
    let name = format!("{} by {}", RunId::of(&job.name, facts.now), facts.by);
    // No deadline yet: a time that has passed is not late by birth. It begins once the run may go.
    let run = |at: &Timestamp| {
        let mut waits = vec![Wait::Place { backfill: name.clone(), at_once }];
        waits.extend(runs_one_by_one(job).then_some(Wait::Turn));
        waits.extend(Wait::upstream_of(job, *at));
        new_run(job, class, Trigger::Backfill, *at, waits, facts.now)
    };
    let runs: Vec<Run> = missing.iter().map(run).collect();
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

/// A run that begins at once, or waits first.
fn new_run(
    job: &Job,
    class: &Class,
    trigger: Trigger,
    at: Timestamp,
    waits: Vec<Wait>,
    now: Timestamp,
) -> Run {
    let state = if waits.is_empty() {
        RunState::NeedsLeg { cause: LegCause::Scheduled, not_before: now }
    } else {
        RunState::Waiting { since: now }
    };
    Run {
        id: RunId::of(&job.name, at),
        job: job.name.clone(),
        class: class.name.clone(),
        trigger,
        scheduled_for: at,
        created_at: now,
        deadline_at: None,
        deadline_missed: false,
        state,
        waits,
        stop: None,
        legs: Vec::new(),
        failures: 0,
        progress_millis: 0,
        by_hand: ByHand::default(),
        version: 0,
    }
}
