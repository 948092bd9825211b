//! What a command does, or why it is refused: a pure function of the command and what is so now.

mod existing;
mod new;
mod standing;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{
    AT_MOST, Answer, Caveat, ClassOverride, Command, Controls, Jobs, MoveTo, Pause, Refusal,
    scheduled_between,
};
use crate::catalogue::{Catalogue, Class, Job};
use crate::domain::{ClassName, JobName, RunId};
use crate::run::{Run, RunEventKind, waits_for_place};
use crate::schedule::Overlap;

/// Notes are for people, on one line of a table.
const NOTE_CHARACTERS: usize = 300;

/// What the store has to be asked before a command can be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    Nothing,
    Run(RunId),
    /// Runs of the job scheduled in `[since, until)`.
    Runs {
        job: JobName,
        since: Timestamp,
        until: Timestamp,
    },
}

/// What is so when a command is judged.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    pub catalogue: &'a Catalogue,
    pub controls: &'a Controls,
    /// Who asks: the name of a token.
    pub by: &'a str,
    pub now: Timestamp,
    /// The run that was looked for.
    pub run: Option<&'a Run>,
    /// The ids of the runs that were looked for.
    pub existing: &'a BTreeSet<RunId>,
    /// Open runs; those of the command's job count.
    pub open: &'a [&'a Run],
}

/// One change, durable with the others of its command.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Begins (or with `None` ends) a pause.
    Pause(Jobs, Option<Pause>),
    /// Keeps a class on demand, or no longer.
    Force(ClassName, Option<ClassOverride>),
    /// A new run, and the event that tells of it.
    Start(Box<Run>, RunEventKind),
    /// A run as it is from now on, and the events that tell of it.
    Change(Box<Run>, Vec<RunEventKind>),
}

/// What a command comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Ruling {
    pub answer: Answer,
    pub effects: Vec<Effect>,
}

/// What to ask the store for, for `command`.
pub fn look_for(command: &Command, catalogue: &Catalogue, now: Timestamp) -> Look {
    let one_second = SignedDuration::from_secs(1);
    match command {
        Command::Retry { run, .. } | Command::Cancel { run, .. } | Command::Move { run, .. } => {
            Look::Run(run.clone())
        }
        Command::Trigger { job, .. } => {
            let since = whole_second(now);
            let until = since.checked_add(one_second).unwrap_or(since);
            Look::Runs { job: job.clone(), since, until }
        }
        Command::Backfill { job, from, to, .. } => {
            // A range that is refused for its length is not looked through.
            let times = catalogue.jobs.get(job).map(|job| scheduled_between(job, *from, *to));
            match times.as_deref() {
                Some([first, .., last]) | Some([first @ last]) if times_fit(&times) => {
                    let until = last.checked_add(one_second).unwrap_or(Timestamp::MAX);
                    Look::Runs { job: job.clone(), since: *first, until }
                }
                _ => Look::Nothing,
            }
        }
        _ => Look::Nothing,
    }
}

fn times_fit(times: &Option<Vec<Timestamp>>) -> bool {
    times.as_ref().is_some_and(|times| times.len() <= AT_MOST)
}

/// What `command` does.
pub fn judge(command: &Command, facts: &Facts<'_>) -> Result<Ruling, Refusal> {
    let note = command.note();
    if note.chars().count() > NOTE_CHARACTERS || note.chars().any(char::is_control) {
        return Err(Refusal::BadNote { at_most: NOTE_CHARACTERS });
    }
    match command {
        Command::Pause { jobs, note } => standing::pause(jobs, note, facts),
        Command::Resume { jobs, .. } => standing::resume(jobs, facts),
        Command::Trigger { job, parameters, .. } => {
            let (job, class) = job_of(job, facts)?;
            new::trigger(job, class, parameters, facts)
        }
        Command::Backfill { job, from, to, at_once, dry_run, .. } => {
            let (job, _) = job_of(job, facts)?;
            let range = new::Range { from: *from, to: *to, at_once: *at_once, dry_run: *dry_run };
            new::backfill(job, &range, facts)
        }
        Command::Retry { run, even_if_unknown, .. } => {
            existing::retry(run, *even_if_unknown, facts)
        }
        Command::Cancel { run, note } => existing::cancel(run, note, facts),
        Command::Move { run, to: MoveTo::OnDemand, note } => {
            existing::move_on_demand(run, note, facts)
        }
        Command::ForceOnDemand { class, for_secs, note } => {
            standing::force(class, *for_secs, note, facts)
        }
        Command::EndForceOnDemand { class, .. } => standing::end_force(class, facts),
    }
}

fn job_of<'a>(name: &JobName, facts: &Facts<'a>) -> Result<(&'a Job, &'a Class), Refusal> {
    let job = facts.catalogue.jobs.get(name);
    job.and_then(|job| Some((&**job, &**facts.catalogue.class_of(job)?)))
        .ok_or_else(|| Refusal::UnknownJob { job: name.clone() })
}

/// Whether the job's overlap policy lets no two of its runs be under way at once.
fn runs_one_by_one(job: &Job) -> bool {
    job.overlap != Overlap::AllowAll
}

/// What is to be known of runs that are opened by hand and start whatever pauses there are. `group` is
/// their id, or what their ids begin with: runs of one group never wait for each other.
fn caveats_of(job: &Job, group: &RunId, facts: &Facts<'_>) -> Vec<Caveat> {
    let pause = facts.controls.pause_of(&job.name).cloned();
    let mut caveats: Vec<Caveat> =
        pause.map(|pause| Caveat::PausedButStarts { pause }).into_iter().collect();
    caveats.extend((!job.enabled).then_some(Caveat::Disabled));
    let in_the_way =
        |other: &&&Run| other.job == job.name && !waits_for_place(other) && other.group() != *group;
    if runs_one_by_one(job) && facts.open.iter().any(|other| in_the_way(&other)) {
        caveats.push(Caveat::WaitsForTurn);
    }
    caveats
}

/// Ids name whole seconds.
fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}
