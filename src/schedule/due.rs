//! What is due: a timetable of next times, advanced by plain values.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::SkipReason;
use super::heartbeat::{Heartbeat, is_heartbeat};
use super::missed::{Missed, sort_out};
use crate::catalogue::{Catalogue, Job};
use crate::domain::{JobName, RunId, ScheduleKey};
use crate::mutation::{self, Mutation};

/// A run that must be started now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Due {
    pub job: JobName,
    pub scheduled_for: Timestamp,
}

impl Due {
    /// What the ids of its runs are, or begin with where the job has parameter sets.
    pub fn group(&self) -> RunId {
        RunId::of(&self.job, self.scheduled_for)
    }
}

/// Scheduled times that are not run, and why. Recorded, never silent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    pub job: JobName,
    /// The first and the last of the skipped times (equal when it is one).
    pub first: Timestamp,
    pub last: Timestamp,
    /// At least so many: counting stops at a bound.
    pub count: u64,
    pub reason: SkipReason,
}

/// The answer of [`Timetable::due`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct DueReport {
    /// In order of scheduled time, then job.
    pub start: Vec<Due>,
    pub skipped: Vec<Skipped>,
    /// For every schedule touched: the time up to which it has now been handled.
    pub handled: BTreeMap<ScheduleKey, Timestamp>,
    /// Schedules that nobody has any more: edited, disabled or removed. Should one come back, it is
    /// new, and what passed meanwhile is not its past.
    pub forgotten: BTreeSet<ScheduleKey>,
    /// When to ask again.
    pub next_wake: Option<Timestamp>,
}

/// What holds for all jobs when missed times are sorted.
#[derive(Clone, Copy)]
pub struct CatchUpTerms<'a> {
    /// For jobs that have none of their own.
    pub window: SignedDuration,
    /// Of one job at most so many missed times are started at once.
    pub limit: usize,
    /// Whether a job's times pass without a run at present.
    pub is_paused: &'a dyn Fn(&JobName) -> bool,
}

/// The next time of every enabled job of one catalogue.
#[derive(Debug, Default)]
pub struct Timetable {
    catalogue: Arc<Catalogue>,
    heartbeat: Heartbeat,
    /// By when the run starts: the scheduled time and the job's delay.
    next: BTreeSet<(Timestamp, JobName)>,
    /// Up to when each enabled job's schedule is handled. By job: keys of schedules are long.
    handled: BTreeMap<JobName, Timestamp>,
    /// What the next report tells of besides what is due.
    fresh: BTreeMap<ScheduleKey, Timestamp>,
    forgotten: BTreeSet<ScheduleKey>,
}

/// What makes a schedule the same schedule: its job, its rules, its zone and what it makes of changed
/// clocks. An edited one is a new schedule, handled from now on, so that an edit never fires the past.
pub fn schedule_key(job: &Job) -> ScheduleKey {
    ScheduleKey::new(format!("{} {}", job.name, job.schedule.identity()))
}

impl Timetable {
    /// From a catalogue and up to when each schedule was handled. A schedule without an entry is
    /// new and begins at `now`.
    pub fn new(
        catalogue: Arc<Catalogue>,
        handled: &BTreeMap<ScheduleKey, Timestamp>,
        now: Timestamp,
    ) -> Self {
        let mut timetable = Timetable::default();
        let lived_until = Heartbeat::last(handled, now);
        let mut forgotten: BTreeSet<ScheduleKey> =
            handled.keys().filter(|key| !is_heartbeat(key)).cloned().collect();
        // Maps that are made at once have full nodes, which for very many jobs are megabytes.
        let (mut next, mut up_to) = (Vec::new(), Vec::new());
        for job in catalogue.jobs.values().filter(|job| job.enabled) {
            let key = schedule_key(job);
            forgotten.remove(&key);
            let from = match handled.get(&key) {
                Some(at) => lived_until.map_or(*at, |lived| lived.max(*at)),
                None if mutation::active(Mutation::EditFiresThePast) => {
                    now - SignedDuration::from_hours(1)
                }
                None => {
                    timetable.fresh.insert(key, now);
                    now
                }
            };
            up_to.push((job.name.clone(), from));
            next.extend(planned(job, job.schedule.next_after(from)));
        }
        timetable.next = next.into_iter().collect();
        timetable.handled = up_to.into_iter().collect();
        timetable.forgotten = forgotten;
        timetable.heartbeat = Heartbeat::of(&catalogue);
        timetable.catalogue = catalogue;
        timetable
    }

    /// The catalogue that it is made from.
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    /// Takes out everything due at `now`. Of missed times each job starts what its catch-up rule
    /// lets it; the others are reported as skipped.
    pub fn due(&mut self, now: Timestamp, terms: CatchUpTerms<'_>) -> DueReport {
        let mut report = DueReport {
            handled: std::mem::take(&mut self.fresh),
            forgotten: std::mem::take(&mut self.forgotten),
            ..DueReport::default()
        };
        let catalogue = Arc::clone(&self.catalogue);
        while let Some((starts_at, name)) = self.next.pop_first() {
            if starts_at > now {
                self.next.insert((starts_at, name));
                break;
            }
            let Some(job) = catalogue.jobs.get(&name) else { continue };
            // Seen from its scheduled times, a delayed job lives that much earlier.
            let now = now - job.schedule.delay;
            let first = starts_at - job.schedule.delay;
            let Missed { start, skipped, following } = sort_out(job, first, now, terms);
            let due = |scheduled_for| Due { job: name.clone(), scheduled_for };
            report.start.extend(start.into_iter().map(due));
            report.skipped.extend(skipped);
            report.handled.insert(schedule_key(job), now);
            self.handled.insert(name, now);
            self.next.extend(planned(job, following));
        }
        report.handled.extend(self.heartbeat.beat(now));
        report.next_wake = self.next.first().map(|(at, _)| *at);
        report.start.sort_by(|a, b| (a.scheduled_for, &a.job).cmp(&(b.scheduled_for, &b.job)));
        report
    }

    /// The last word of a timetable that a changed catalogue replaces: what was due under it until
    /// `now` still is, unless the job has gone. What the change lets a job do begins at `now`.
    pub fn conclude(
        mut self,
        changed: &Catalogue,
        now: Timestamp,
        terms: CatchUpTerms<'_>,
    ) -> DueReport {
        let mut report = self.due(now, terms);
        let goes_on = |name: &JobName| changed.jobs.get(name).filter(|job| job.enabled);
        report.start.retain(|due| goes_on(&due.job).is_some());
        report.skipped.retain(|skipped| goes_on(&skipped.job).is_some());
        for (name, before) in &self.catalogue.jobs {
            let Some(after) = goes_on(name).filter(|_| before.enabled) else { continue };
            let key = schedule_key(before);
            if key == schedule_key(after) && before.schedule != after.schedule {
                // Other bounds, exclusions or delays: no time that passed under the old ones returns, nor
                // one that was handled while there was a shorter delay.
                let passed = now - before.schedule.delay;
                let until = self.handled.get(name).map_or(passed, |at| passed.max(*at));
                report.handled.insert(key, until);
            }
        }
        report
    }
}

/// When the run of `job`'s scheduled time `next` starts.
fn planned(job: &Job, next: Option<Timestamp>) -> Option<(Timestamp, JobName)> {
    let starts_at = next?.checked_add(job.schedule.delay).ok()?;
    Some((starts_at, job.name.clone()))
}
