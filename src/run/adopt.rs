//! Runs from what Batch shows, for a store that was lost: whose each job is, by the name that only
//! spotcron makes, and so which due times ran. What cannot be told is said, and nothing is guessed.

mod legs;
mod name;

pub use name::NotOurs;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use self::legs::{failures_before, last_of_each_leg, legs_of};
use self::name::{Named, recognise};
use super::step::cause_of_stop;
use super::unaccounted::FORGOTTEN_AFTER;
use super::{Resend, Run, RunState, Trigger, run_of};
use crate::catalogue::{Catalogue, Environment, Job, Portion};
use crate::domain::{
    BatchJobId, BatchStatus, JobName, JobObservation, RunId, RunOutcome, ScheduleKey,
};
use crate::schedule::schedule_key;

/// Of one job so many scheduled times without a job at Batch are told at most.
const GAPS_AT_MOST: usize = 1_000;

/// One job in the queue of an environment.
#[derive(Debug, Clone)]
pub struct Sighting {
    pub environment: Arc<Environment>,
    pub job: JobObservation,
}

/// What is known besides the jobs.
#[derive(Debug, Clone, Copy)]
pub struct AdoptFacts<'a> {
    pub catalogue: &'a Catalogue,
    /// The account's id, which is part of each name.
    pub scope: &'a str,
    /// Jobs that were created before were not looked for.
    pub since: Timestamp,
    pub now: Timestamp,
    /// Runs that the store has: they are left as they are.
    pub existing: &'a BTreeSet<RunId>,
    /// How far the store says that schedules are handled.
    pub handled: &'a BTreeMap<ScheduleKey, Timestamp>,
}

/// Why a job was left alone, or its run is not followed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum WhyLeft {
    /// Not one of ours, as far as its name and tags tell.
    NotOurs { reason: NotOurs },
    /// The catalogue has no such job.
    NoSuchJob { job: JobName },
    /// The job has no such parameter set (any more), or its indices are cut otherwise now.
    NoSuchSet { run: RunId },
    /// It was started by hand, perhaps with values for its parameters: a further leg would not have
    /// them.
    ParametersUnknown { run: RunId },
    /// It is a further leg of an array with mapped indices, and which of them it carries is not shown.
    IndicesUnknown { run: RunId },
}

/// A job that was left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftAlone {
    pub id: BatchJobId,
    pub name: String,
    pub queue: String,
    pub status: BatchStatus,
    #[serde(flatten)]
    pub why: WhyLeft,
}

/// A run that is made anew.
#[derive(Debug, Clone)]
pub struct Adopted {
    pub run: Run,
    /// What Batch shows of its last leg; `None` for a run that is missing among those of its time.
    pub seen: Option<BatchStatus>,
    /// Where two jobs have one name: it is looked at until only one is left.
    pub resend: Option<Resend>,
}

/// What to write, and what not.
#[derive(Debug, Default)]
pub struct Adoption {
    /// In order of id.
    pub runs: Vec<Adopted>,
    /// Up to when the schedules are handled.
    pub handled: BTreeMap<ScheduleKey, Timestamp>,
    /// Jobs that nobody follows, in order of queue and name.
    pub left: Vec<LeftAlone>,
    /// Scheduled times before the last that ran, of which Batch shows nothing, or not every set: they
    /// were skipped, waited, or ran before what was looked for. Nothing is done about them.
    pub gaps: BTreeMap<JobName, Vec<Timestamp>>,
    /// Runs that the store had already.
    pub existing: usize,
}

/// One run's jobs.
struct Found<'a> {
    named: Named,
    sightings: Vec<(u16, &'a Sighting)>,
}

/// The scheduled times of a job of which Batch shows anything, and what started them.
type Times = BTreeMap<Timestamp, Trigger>;

/// How far the clocks of AWS and of who submitted may be apart.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(5);

/// What became of the runs that `sightings` are of.
pub fn adopt(sightings: &[Sighting], facts: AdoptFacts<'_>) -> Adoption {
    let mut adoption = Adoption::default();
    let mut found: BTreeMap<RunId, Found<'_>> = BTreeMap::new();
    for sighting in sightings {
        match recognise(facts.scope, &sighting.environment.site, &sighting.job) {
            Ok((named, leg)) => {
                let run = named.run.clone();
                let sightings = Vec::new();
                let entry = found.entry(run).or_insert(Found { named, sightings });
                entry.sightings.push((leg, sighting));
            }
            Err(reason) => adoption.leave(sighting, WhyLeft::NotOurs { reason }),
        }
    }
    let mut times: BTreeMap<JobName, Times> = BTreeMap::new();
    let mut portions: BTreeMap<JobName, BTreeMap<String, Portion>> = BTreeMap::new();
    for found in found.values() {
        let Some(job) = facts.catalogue.jobs.get(&found.named.job) else {
            let job = found.named.job.clone();
            adoption.leave_all(found, &WhyLeft::NoSuchJob { job });
            continue;
        };
        if found.named.trigger != Trigger::Manual {
            let times = times.entry(job.name.clone()).or_default();
            times.insert(found.named.scheduled_for, found.named.trigger);
        }
        let portions = portions.entry(job.name.clone()).or_insert_with(|| portions_of(job));
        if facts.existing.contains(&found.named.run) {
            adoption.existing += 1;
            continue;
        }
        adoption.take(found, job, portions, facts);
    }
    for (name, times) in &times {
        let Some(job) = facts.catalogue.jobs.get(name) else { continue };
        adoption.complete(job, times, facts);
    }
    adoption.mark_handled(&times, facts);
    adoption.runs.sort_by(|a, b| a.run.id.cmp(&b.run.id));
    adoption.left.sort_by(|a, b| (&a.queue, &a.name, &a.id).cmp(&(&b.queue, &b.name, &b.id)));
    adoption
}

impl Adoption {
    fn leave(&mut self, sighting: &Sighting, why: WhyLeft) {
        self.left.push(LeftAlone {
            id: sighting.job.id.clone(),
            name: sighting.job.name.clone(),
            queue: sighting.environment.queue.clone(),
            status: sighting.job.status,
            why,
        });
    }

    fn leave_all(&mut self, found: &Found<'_>, why: &WhyLeft) {
        found.sightings.iter().for_each(|(_, sighting)| self.leave(sighting, why.clone()));
    }

    /// The run of these jobs. Where it cannot be followed, its time has had it all the same: it is
    /// `unknown`, so that nothing sends it again.
    fn take(
        &mut self,
        found: &Found<'_>,
        job: &Job,
        portions: &BTreeMap<String, Portion>,
        facts: AdoptFacts<'_>,
    ) {
        let Named { run: id, trigger, scheduled_for, key, .. } = &found.named;
        let portion = portions.get(key.as_deref().unwrap_or_default()).cloned();
        let group = RunId::new(match key {
            Some(key) => &id.as_str()[..id.as_str().len() - key.len() - 1],
            None => id.as_str(),
        });
        let known = portion.is_some();
        let portion = portion.unwrap_or(Portion { set: None, indices: None });
        let group = if known { group } else { id.clone() };
        let mut run = run_of(job, *trigger, *scheduled_for, &group, portion, facts.now);
        let sightings = last_of_each_leg(&found.sightings);
        let Some((last_leg, last)) = sightings.last_key_value() else { return };
        run.created_at = created(sightings.values().map(|s| &s.job)).unwrap_or(facts.now);
        if *trigger != Trigger::Schedule {
            run.by_hand.opened_at = Some(run.created_at);
        }
        let class = facts.catalogue.class_of(job);
        run.deadline_at = class
            .and_then(|class| class.deadline)
            .and_then(|after| run.wanted_since().checked_add(after).ok());
        run.legs = legs_of(&run, &sightings, facts);
        run.failures = failures_before(&run, &sightings);
        let succeeded = last.job.status == BatchStatus::Succeeded;
        let by_hand =
            *trigger == Trigger::Manual && !job.submission.overridable_parameters.is_empty();
        let why = if !known {
            Some(WhyLeft::NoSuchSet { run: id.clone() })
        } else if by_hand && !succeeded {
            Some(WhyLeft::ParametersUnknown { run: id.clone() })
        } else if run.indices.is_some() && *last_leg > 0 && !succeeded {
            Some(WhyLeft::IndicesUnknown { run: id.clone() })
        } else {
            None
        };
        run.state = match &why {
            Some(_) => RunState::Ended { outcome: RunOutcome::Unknown, at: facts.now },
            None => state_at_batch(&last.job, facts.now),
        };
        let resend = legs::twice(&run, &found.sightings, facts.now);
        if let Some(why) = why {
            self.leave_all(found, &why);
        }
        self.runs.push(Adopted { run, seen: Some(last.job.status), resend });
    }

    /// The runs of a scheduled time of which others are at Batch, and which are not there: they were
    /// still to be sent. Of a time whose jobs may be older than what was looked for, or than Batch
    /// remembers, nobody can say that, nor of a job that is not to run: its time is listed as a gap.
    fn complete(&mut self, job: &Job, times: &Times, facts: AdoptFacts<'_>) {
        if job.runs_each_time() < 2 {
            return;
        }
        let here: BTreeSet<RunId> =
            self.runs.iter().map(|adopted| adopted.run.id.clone()).collect();
        let deadline = facts.catalogue.class_of(job).and_then(|class| class.deadline);
        let shown_since = facts.since.max(facts.now - FORGOTTEN_AFTER);
        for (at, trigger) in times {
            let group = RunId::of(&job.name, *at);
            let all = job.portions().into_iter();
            let mut missing = all
                .map(|portion| run_of(job, *trigger, *at, &group, portion, facts.now))
                .filter(|run| !here.contains(&run.id) && !facts.existing.contains(&run.id))
                .peekable();
            if missing.peek().is_some() && (!job.enabled || *at < shown_since + CLOCKS_DIFFER) {
                self.gaps.entry(job.name.clone()).or_default().push(*at);
                continue;
            }
            for mut run in missing {
                if *trigger != Trigger::Schedule {
                    run.by_hand.opened_at = Some(facts.now);
                }
                run.deadline_at =
                    deadline.and_then(|after| run.wanted_since().checked_add(after).ok());
                self.runs.push(Adopted { run, seen: None, resend: None });
            }
        }
    }

    /// Everything up to the last time that ran is handled; of a job of which nothing ran, what was due
    /// before anybody looked. What comes after is due still, as after any pause of the daemon.
    fn mark_handled(&mut self, times: &BTreeMap<JobName, Times>, facts: AdoptFacts<'_>) {
        for job in facts.catalogue.jobs.values().filter(|job| job.enabled) {
            let key = schedule_key(job);
            let ran = times.get(&job.name);
            let last = ran.and_then(|times| times.last_key_value()).map(|(at, _)| *at);
            let mark = match (facts.handled.get(&key).copied(), last) {
                // A store that was restored from a backup is behind.
                (Some(mark), Some(last)) if last > mark => last,
                (Some(_), _) => continue,
                (None, last) => last.map_or(facts.since, |last| last.max(facts.since)),
            };
            let begin = facts.handled.get(&key).map_or(facts.since, |at| facts.since.max(*at));
            self.handled.insert(key, mark);
            let Some((ran, last)) = ran.zip(last) else { continue };
            let next = |after: &Timestamp| job.schedule.next_after(*after);
            let due = std::iter::successors(next(&begin), next);
            let gaps = due.take_while(|at| *at < last).filter(|at| !ran.contains_key(at));
            let gaps: Vec<Timestamp> = gaps.take(GAPS_AT_MOST).collect();
            if !gaps.is_empty() {
                let known = self.gaps.entry(job.name.clone()).or_default();
                known.extend(gaps);
                known.sort();
            }
        }
    }
}

/// By the key of their set; an empty one where there are no sets.
fn portions_of(job: &Job) -> BTreeMap<String, Portion> {
    let keyed = |portion: Portion| {
        let key = portion.set.as_ref().map(|set| set.key.clone()).unwrap_or_default();
        (key, portion)
    };
    job.portions().into_iter().map(keyed).collect()
}

/// Also a job that has ended is watched: the daemon takes its attempts down and learns its end from
/// Batch, as if it had been there.
fn state_at_batch(job: &JobObservation, now: Timestamp) -> RunState {
    match job.status_reason.as_deref().and_then(cause_of_stop) {
        Some(cause) => RunState::Stopping { cause, since: job.stopped_at.unwrap_or(now) },
        None => RunState::Watching,
    }
}

fn created<'a>(jobs: impl Iterator<Item = &'a JobObservation>) -> Option<Timestamp> {
    jobs.filter_map(|job| job.created_at).min()
}
