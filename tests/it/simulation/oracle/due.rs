//! Every due time has its run, or a lawful reason for having none.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use spotcron::schedule::{SkipReason, Skipped};

use super::names::{Parsed, run_id};
use crate::simulation::jobs::Job;
use crate::simulation::life::Evidence;
use crate::simulation::story::Event;

/// A process that lives for so long has handled what is due, however often its store refused.
const HANDLES_WITHIN: SignedDuration = SignedDuration::from_mins(15);
/// Times around the moment at which an edit is taken over may be the old rule's or the new one's.
const EDIT_SHADOW: SignedDuration = SignedDuration::from_mins(15);

/// A job's times, or those that all of several have: those that must be accounted for, and those that may run.
pub(super) struct Times {
    pub(super) must: BTreeSet<Timestamp>,
    pub(super) may: BTreeSet<Timestamp>,
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// The whole minute before.
fn floor(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second().div_euclid(60) * 60).unwrap()
}

impl Evidence {
    /// Up to when, by the daemon's clock, everything must be accounted for.
    fn horizon(&self) -> Timestamp {
        let (_, last) = *self.stretches.last().unwrap();
        floor(last) - HANDLES_WITHIN
    }

    /// The latest that the daemon's clock ever showed.
    fn furthest(&self) -> Timestamp {
        self.stretches.iter().map(|(_, to)| *to).max().unwrap()
    }

    /// The earliest, in whole minutes.
    fn earliest(&self) -> Timestamp {
        floor(self.stretches.iter().map(|(from, _)| *from).min().unwrap())
    }

    pub(super) fn times(&self, index: usize) -> Times {
        let job = &self.story.jobs[index];
        let upstream = job.shape.after.iter().map(|(upstream, _)| self.times(*upstream));
        let common =
            upstream.reduce(|a, b| Times { must: &a.must & &b.must, may: &a.may & &b.may });
        common.unwrap_or_else(|| self.own_times(index, job))
    }

    fn own_times(&self, index: usize, job: &Job) -> Times {
        let (from, freeze) = (self.story.begin, self.story.freeze);
        let is_it = |event: &Event| matches!(event, Event::Reschedule(i) if *i == index);
        let edited = self.edits.iter().find(|(_, event)| is_it(event)).map(|(at, _)| *at);
        let old = job.due(from, self.furthest(), freeze);
        let Some(edited) = edited else {
            let horizon = self.horizon();
            let must = old.iter().copied().filter(|at| *at <= horizon).collect();
            return Times { must, may: old };
        };
        let after = Job { rule: self.story.other_rule.clone(), ..job.clone() };
        // A clock that was set back before the edit begins it earlier.
        let new = after.due(self.earliest(), self.furthest(), freeze);
        // The edit is taken over by the first process that then lives long enough; a clock that is set
        // meanwhile makes it the longer.
        let taken_over = later(self.handled_after(edited).max(edited), EDIT_SHADOW);
        // What was due just before is handled by the process that is edited, unless it dies of it.
        let before = edited - EDIT_SHADOW - job_delay(job);
        // Of a clock that was set, nobody can say which times were before an edit.
        let strict = !self.clock_was_set;
        let must_old =
            old.iter().filter(|at| strict && **at <= before && self.is_settled(**at, edited));
        let must_new =
            new.iter().filter(|at| strict && **at > taken_over && **at <= self.horizon());
        let must = must_old.chain(must_new).copied().collect();
        let begins = edited - job_delay(job) - SignedDuration::from_mins(1);
        let new = new.into_iter().filter(|at| !strict || *at >= begins);
        let ends = later(taken_over, self.story.catch_up_window);
        let old = old.into_iter().filter(|at| !strict || *at <= ends);
        Times { must, may: old.chain(new).collect() }
    }

    /// Whether `at` was handled, for certain, by a process that lived before `end`.
    fn is_settled(&self, at: Timestamp, end: Timestamp) -> bool {
        self.handled_after(at) <= end
    }

    /// When at the latest a process has handled a time: the first that lives long enough after it.
    pub(super) fn handled_after(&self, at: Timestamp) -> Timestamp {
        let attended = self.stretches.iter().filter_map(|(from, to)| {
            let begins = at.max(*from);
            (*to >= begins + HANDLES_WITHIN).then_some(begins + HANDLES_WITHIN)
        });
        attended.min().unwrap_or(Timestamp::MAX)
    }
}

impl Evidence {
    /// Whether somebody was surely there, undisturbed, whenever between two moments a time came.
    fn was_there_in_time(&self, first: Timestamp, last: Timestamp) -> bool {
        let minutes = SignedDuration::from_mins;
        let rates = self.story.rates;
        // A clock that was set back shows the same time twice.
        !self.clock_was_set
            && rates.disk == 0.0
            && rates.call < 0.1
            && self
                .stretches
                .iter()
                .any(|(from, to)| *from + minutes(2) <= first && last + minutes(5) <= *to)
    }
}

/// A spread job starts up to so much later.
pub(super) fn job_delay(job: &Job) -> SignedDuration {
    SignedDuration::from_mins(job.spread_mins)
}

pub fn every_due_time_has_its_run_or_a_lawful_skip(evidence: &Evidence) -> Vec<String> {
    let names = evidence.runs.iter().filter_map(|run| Parsed::of(evidence, run.id.as_str()));
    let runs: BTreeSet<&str> = names.map(|name| name.group).collect();
    let mut skips: BTreeMap<&str, Vec<&Skipped>> = BTreeMap::new();
    for skipped in &evidence.skips {
        skips.entry(skipped.job.as_str()).or_default().push(skipped);
    }
    let mut found = Vec::new();
    for (index, job) in evidence.story.jobs.iter().enumerate() {
        let times = evidence.times(index);
        for at in &times.must {
            if runs.contains(run_id(&job.name, *at).as_str()) {
                continue;
            }
            let covering = skips.get(job.name.as_str()).into_iter().flatten();
            let covering: Vec<_> =
                covering.filter(|skip| skip.first <= *at && *at <= skip.last).collect();
            if covering.is_empty() {
                found.push(format!("{} at {at} has neither run nor skip", job.name));
            } else if !covering
                .iter()
                .any(|skip| is_lawful(evidence, job, &times, *at, skip.reason))
            {
                let reason = covering[0].reason.label();
                found.push(format!("{} at {at} was skipped for {reason} without cause", job.name));
            }
        }
    }
    found
}

/// Whether a time may have been skipped for this reason.
fn is_lawful(
    evidence: &Evidence,
    job: &Job,
    times: &Times,
    at: Timestamp,
    reason: SkipReason,
) -> bool {
    let at_latest = match evidence.clock_was_set {
        true => evidence.furthest(),
        false => evidence.handled_after(at + job_delay(job)),
    };
    let late = at_latest.duration_since(at + job_delay(job));
    let newer = times.may.iter().filter(|other| **other > at && **other <= at_latest).count();
    // A clock that is set forward passes over a time in no time.
    let late = if evidence.clock_was_set { SignedDuration::MAX } else { late };
    match reason {
        SkipReason::CatchUpWindow => late > evidence.story.catch_up_window,
        SkipReason::CatchUpLimit => newer >= evidence.story.catch_up_limit,
        SkipReason::CatchUpPolicy => match job.catch_up {
            "latest" => newer > 0,
            "none" => !evidence.was_there_in_time(at, at + job_delay(job)),
            _ => false,
        },
        SkipReason::Paused => was_paused(evidence, job, at, at_latest),
        SkipReason::Overlap => {
            matches!(job.shape.overlap, "skip" | "buffer-one")
                && evidence.another_was_open(&job.name, at, at_latest)
        }
    }
}

/// Whether the job was held at some moment from `first` to `last`.
fn was_paused(evidence: &Evidence, job: &Job, first: Timestamp, last: Timestamp) -> bool {
    let mut pauses = evidence.pauses().into_iter().filter(|pause| pause.holds(&job.name));
    pauses.any(|pause| evidence.clock_was_set || pause.from <= last && first <= pause.until)
}

/// By its schedule. What was asked for by hand, `commands` knows.
pub fn nothing_runs_that_was_not_due(evidence: &Evidence) -> Vec<String> {
    let mut allowed: BTreeSet<String> = BTreeSet::new();
    for (index, job) in evidence.story.jobs.iter().enumerate() {
        let times = evidence.times(index);
        allowed.extend(times.may.iter().map(|at| run_id(&job.name, *at)));
    }
    let mut strange = Vec::new();
    for run in &evidence.runs {
        let Some(name) = Parsed::of(evidence, run.id.as_str()) else {
            strange.push(format!("{} is no name of a run of this story", run.id));
            continue;
        };
        let by_hand = name.is_trigger || evidence.was_backfilled(name.job, name.at);
        if !by_hand && !allowed.contains(name.group) {
            strange.push(format!("{} was not due", run.id));
        }
    }
    strange
}
