//! What the names of runs and jobs say, and what the evidence says of one run or one time.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use spotcron::domain::{Condition, RunOutcome};
use spotcron::run::{Run, RunEventKind, RunState, Trigger};

use crate::simulation::client::Ask;
use crate::simulation::jobs::Job;
use crate::simulation::life::Evidence;
use crate::simulation::sent::Sent;
use crate::simulation::story::Suite;

/// Digits that tell the runs of one scheduled time apart, and the hyphen before them.
const SET_KEY: usize = 13;

/// The run that a job's name begins with: all but `-l<leg>-<hash>`.
pub fn run_of(name: &str) -> &str {
    let legless = name.rsplit_once("-l").map_or(name, |(run, _)| run);
    legless.trim_end_matches('-')
}

pub fn run_id(job: &str, at: Timestamp) -> String {
    format!("{job}-{}", at.strftime("%Y%m%dT%H%M%SZ"))
}

/// A run's id, read.
#[derive(Debug, Clone, Copy)]
pub struct Parsed<'a> {
    /// Index of the job.
    pub job: usize,
    /// The id without the digits of a set.
    pub group: &'a str,
    pub at: Timestamp,
    /// Somebody asked for it, and no schedule.
    pub is_trigger: bool,
}

impl<'a> Parsed<'a> {
    /// Nothing, if no run of the story has such an id.
    pub fn of(evidence: &Evidence, id: &'a str) -> Option<Self> {
        let (job, rest) = id.strip_prefix("job-")?.split_once('-')?;
        let job: usize = job.parse().ok()?;
        let shape = &evidence.story.jobs.get(job)?.shape;
        let (time, tail) = rest.split_at_checked(16)?;
        let key = if shape.runs_each_time() > 1 { SET_KEY } else { 0 };
        let number = tail.get(..tail.len().checked_sub(key)?)?;
        let group = &id[..id.len() - key];
        let at = time.parse().ok()?;
        let is_trigger = number.starts_with("-t");
        (is_trigger || number.is_empty()).then_some(Parsed { job, group, at, is_trigger })
    }
}

/// Where in the evidence a run is, and the runs and submissions of one scheduled time.
#[derive(Default)]
pub struct Places {
    runs: BTreeMap<String, usize>,
    runs_of: BTreeMap<String, Vec<usize>>,
    sent_of: BTreeMap<String, Vec<usize>>,
}

impl Evidence {
    pub fn run(&self, id: &str) -> Option<&Run> {
        self.runs.get(*self.places().runs.get(id)?)
    }

    /// The runs of one scheduled time, or of one trigger.
    pub fn runs_of(&self, group: &str) -> impl Iterator<Item = &Run> {
        let places = self.places().runs_of.get(group);
        places.into_iter().flatten().map(|place| &self.runs[*place])
    }

    /// What arrived of them, oldest first.
    pub fn sent_of(&self, group: &str) -> impl Iterator<Item = &Sent> {
        let places = self.places().sent_of.get(group);
        places.into_iter().flatten().map(|place| &self.sent[*place])
    }

    fn places(&self) -> &Places {
        self.places.get_or_init(|| {
            let mut places = Places::default();
            for (place, run) in self.runs.iter().enumerate() {
                let id = run.id.as_str();
                places.runs.insert(id.to_owned(), place);
                let group = Parsed::of(self, id).map_or(id, |name| name.group);
                places.runs_of.entry(group.to_owned()).or_default().push(place);
            }
            for (place, sent) in self.sent.iter().enumerate() {
                let Some(name) = Parsed::of(self, &sent.run) else { continue };
                places.sent_of.entry(name.group.to_owned()).or_default().push(place);
            }
            places
        })
    }

    /// Whether the daemon could not know what became of one of these runs: its job was hidden, or
    /// could not be seen while it was there.
    pub fn is_vague(&self, group: &str) -> bool {
        let unknown =
            |run: &Run| matches!(run.state, RunState::Ended { outcome: RunOutcome::Unknown, .. });
        let hidden = |sent: &Sent| sent.is_forgotten() || self.hidden.contains(&sent.id);
        let retried = |run: &Run| self.was_retried(run.id.as_str());
        self.runs_of(group).any(|run| unknown(run) || retried(run) && self.was_unknown(run))
            || self.sent_of(group).any(hidden)
    }

    fn was_unknown(&self, run: &Run) -> bool {
        let unknown = RunEventKind::Ended { outcome: RunOutcome::Unknown };
        self.events.iter().any(|event| event.run == run.id && event.kind == unknown)
    }

    /// Whether somebody opened it again.
    pub fn was_retried(&self, id: &str) -> bool {
        let retried = |ask| matches!(ask, Ask::Retry(_));
        let mut requests = self.requests.iter();
        requests.any(|one| retried(one.ask) && one.done().is_some() && one.run() == Some(id))
    }

    /// Whether somebody cancelled it.
    pub fn was_asked_to_end(&self, id: &str) -> bool {
        let cancels = |ask| matches!(ask, Ask::Cancel(_));
        let mut requests = self.requests.iter();
        requests.any(|one| cancels(one.ask) && one.done().is_some() && one.run() == Some(id))
    }

    /// Whether another run of the job was open at some moment from `first` to `last`, by the daemon's
    /// clock.
    pub fn another_was_open(&self, job: &str, first: Timestamp, last: Timestamp) -> bool {
        let ended = |run: &Run| {
            let mut events = self.events.iter().rev().filter(|event| event.run == run.id);
            let ended = events.find(|event| matches!(event.kind, RunEventKind::Ended { .. }));
            ended.filter(|_| !run.state.is_open()).map_or(Timestamp::MAX, |event| event.at)
        };
        let other = |run: &&Run| run.job.as_str() == job && run.scheduled_for != first;
        let mut others = self.runs.iter().filter(other);
        others.any(|run| self.clock_was_set || run.created_at <= last && first <= ended(run))
    }

    /// Whether a run of another time was made with or after this one.
    pub fn another_came_after(&self, run: &Run, group: &str) -> bool {
        let after = |other: &Run| {
            other.trigger == Trigger::Schedule
                && (self.clock_was_set || other.created_at >= run.created_at)
        };
        let other = |other: &&Run| other.job == run.job && other.group().as_str() != group;
        self.runs.iter().filter(other).any(after)
    }

    /// Whether an upstream run gives a reason to skip the job's run of `at`, judged by what became of it
    /// at Batch.
    pub fn may_be_skipped(&self, job: &Job, at: Timestamp) -> bool {
        job.shape.after.iter().any(|(upstream, when)| {
            let upstream = &self.story.jobs[*upstream];
            let group = run_id(&upstream.name, at);
            let changed = |run: &Run| {
                run.trigger == Trigger::Backfill || self.was_retried(run.id.as_str())
            };
            let is_there = self.runs_of(&group).next().is_some();
            // Beyond the bound a job may come, and run, when its run has long been cancelled.
            let beyond = self.story.suite == Suite::Beyond;
            if beyond || self.is_vague(&group) || self.runs_of(&group).any(changed) {
                return true;
            }
            let all_well = self.succeeded_by(upstream, &group, Timestamp::MAX);
            let skipped = RunOutcome::Skipped;
            let is_skipped =
                |run: &Run| matches!(run.state, RunState::Ended { outcome, .. } if outcome == skipped);
            match when {
                Condition::Finished => false,
                Condition::Succeeded => !all_well,
                Condition::Failed => all_well || !is_there || self.runs_of(&group).any(is_skipped),
            }
        })
    }

    /// Whether every run of the time had succeeded at Batch by then.
    pub fn succeeded_by(&self, job: &Job, group: &str, by: Timestamp) -> bool {
        let well = |sent: &&Sent| sent.end().is_some_and(|(at, well)| well && at <= by);
        let runs: BTreeSet<&str> =
            self.sent_of(group).filter(well).map(|sent| sent.run.as_str()).collect();
        runs.len() == job.shape.runs_each_time()
    }
}
