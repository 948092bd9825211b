//! What must hold when a story is over: one file a guarantee, each judging by what the cloud saw, by
//! what was due, and only where it must by what the daemon wrote.

mod bill;
mod due;
mod duplicates;
mod once;
mod outcome;

use std::collections::BTreeMap;

use jiff::Timestamp;
use spotcron::domain::RunOutcome;
use spotcron::run::{RunEventKind, RunState};
use spotcron::sim::SubmittedJob;

use super::life::Evidence;

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
    duplicates::every_duplicate_is_noticed_and_terminated,
    bill::every_attempt_has_its_line,
    bill::the_bill_is_explained,
];

/// What is wrong with a story.
pub fn judge(evidence: &Evidence) -> Vec<String> {
    let found = ORACLES.iter().flat_map(|oracle| oracle(evidence));
    evidence.violations.iter().cloned().chain(found).take(8).collect()
}

/// The run that a job's name begins with: all but `-l<leg>-<hash>`.
fn run_of(name: &str) -> &str {
    let legless = name.rsplit_once("-l").map_or(name, |(run, _)| run);
    legless.trim_end_matches('-')
}

fn run_id(job: &str, at: Timestamp) -> String {
    format!("{job}-{}", at.strftime("%Y%m%dT%H%M%SZ"))
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
