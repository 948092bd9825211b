//! What must hold when a story is over: one file a guarantee, each judging by what the cloud saw, by
//! what was due, and only where it must by what the daemon wrote.

mod bill;
mod commands;
mod due;
mod duplicates;
mod indices;
mod names;
mod once;
mod order;
mod outcome;
mod overlap;
mod pauses;
mod sets;

use std::collections::BTreeMap;

use spotcron::domain::RunOutcome;
use spotcron::run::{RunEventKind, RunState};
use spotcron::sim::SubmittedJob;

use super::life::Evidence;

pub use names::Places;

/// A guarantee: everything that breaks it, in sentences.
type Oracle = fn(&Evidence) -> Vec<String>;

/// Every guarantee. New ones are added here.
const ORACLES: &[Oracle] = &[
    due::every_due_time_has_its_run_or_a_lawful_skip,
    due::nothing_runs_that_was_not_due,
    once::no_name_is_accepted_twice,
    once::no_run_lives_twice_at_once,
    outcome::every_run_comes_to_its_end,
    outcome::what_is_at_batch_belongs_to_a_run,
    order::nothing_starts_before_what_it_waits_for,
    overlap::no_two_times_of_a_job_live_at_once,
    sets::every_set_of_a_time_has_its_one_run,
    indices::no_index_is_done_again_and_none_forgotten,
    commands::what_was_asked_once_was_done_once,
    commands::every_backfill_filled_its_range,
    commands::what_was_stopped_or_moved_stays_so,
    pauses::nothing_of_a_paused_job_starts,
    duplicates::every_duplicate_is_noticed_and_terminated,
    bill::every_attempt_has_its_line,
    bill::the_bill_is_explained,
];

/// What is wrong with a story.
pub fn judge(evidence: &Evidence) -> Vec<String> {
    let found = ORACLES.iter().flat_map(|oracle| oracle(evidence));
    evidence.violations.iter().cloned().chain(found).take(8).collect()
}

impl Evidence {
    /// What the cloud accepted, by name.
    fn by_name(&self) -> BTreeMap<&str, Vec<&SubmittedJob>> {
        let mut names: BTreeMap<&str, Vec<&SubmittedJob>> = BTreeMap::new();
        for job in &self.submissions {
            names.entry(&job.name).or_default().push(job);
        }
        names
    }

    /// Prints what happened to the runs whose id begins so.
    pub fn tell(&self, run: &str) {
        println!("{:#?}\nstretches {:?}\nedits {:?}", self.story, self.stretches, self.edits);
        for event in self.events.iter().filter(|event| event.run.as_str().starts_with(run)) {
            println!("{} {} {:?}", event.at, event.run, event.kind);
        }
        for life in self.lives.iter().filter(|life| life.name.starts_with(run)) {
            println!("{life:?}");
        }
        for sent in self.sent.iter().filter(|sent| sent.name.starts_with(run)) {
            println!("{sent:?}");
        }
        for request in &self.requests {
            println!("{request:?}");
        }
        for state in self.runs.iter().filter(|one| one.id.as_str().starts_with(run)) {
            println!("{state:?}");
        }
    }

    pub fn duplicates_noticed(&self) -> usize {
        let found = |kind: &RunEventKind| matches!(kind, RunEventKind::DuplicateFound { .. });
        self.events.iter().filter(|event| found(&event.kind)).count()
    }

    pub fn unknown(&self) -> usize {
        let unknown = RunOutcome::Unknown;
        let is = |state| matches!(state, RunState::Ended { outcome, .. } if outcome == unknown);
        self.runs.iter().filter(|run| is(run.state)).count()
    }
}
