//! What is due: a timetable of next times, advanced by plain values.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::catalogue::{Catalogue, Job};
use crate::domain::{JobName, ScheduleKey};

/// A run that must be started now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Due {
    pub job: JobName,
    pub scheduled_for: Timestamp,
}

/// Scheduled times that are not run, and why. Recorded, never silent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    pub job: JobName,
    /// The first and the last of the skipped times (equal when it is one).
    pub first: Timestamp,
    pub last: Timestamp,
    /// At least so many: counting stops at a bound.
    pub count: u64,
    /// How far back the catch-up window reaches.
    pub catch_up_window: SignedDuration,
}

/// The answer of [`Timetable::due`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct DueReport {
    /// In order of scheduled time, then job.
    pub start: Vec<Due>,
    pub skipped: Vec<Skipped>,
    /// For every schedule touched: the time up to which it has now been handled.
    pub handled: BTreeMap<ScheduleKey, Timestamp>,
    /// When to ask again.
    pub next_wake: Option<Timestamp>,
}

/// Scheduled times that a long outage may hold are counted one by one up to this many.
const COUNTED_AT_MOST: u64 = 10_000;

/// The next time of every enabled job.
#[derive(Debug, Default)]
pub struct Timetable {
    next: BTreeSet<(Timestamp, JobName)>,
    handled: BTreeMap<ScheduleKey, Timestamp>,
    /// Schedules seen for the first time, to be reported once.
    fresh: BTreeMap<ScheduleKey, Timestamp>,
}

/// What makes a schedule the same schedule: its job, its expression and its zone. An edited
/// expression is a new schedule, handled from now on, so that an edit never fires the past.
pub fn schedule_key(job: &Job) -> ScheduleKey {
    let zone = job.time_zone.iana_name().unwrap_or("UTC");
    ScheduleKey::new(format!("{} {} {}", job.name, job.cron, zone))
}

impl Timetable {
    /// From a catalogue and up to when each schedule was handled. A schedule without an entry is
    /// new and begins at `now`.
    pub fn new(
        catalogue: &Catalogue,
        handled: &BTreeMap<ScheduleKey, Timestamp>,
        now: Timestamp,
    ) -> Self {
        let mut timetable = Timetable::default();
        for job in catalogue.jobs.values().filter(|job| job.enabled) {
            let key = schedule_key(job);
            let from = match handled.get(&key) {
                Some(at) => *at,
                None => {
                    timetable.fresh.insert(key.clone(), now);
                    now
                }
            };
            timetable.handled.insert(key, from);
            if let Some(next) = job.cron.next_after(from, &job.time_zone) {
                timetable.next.insert((next, job.name.clone()));
            }
        }
        timetable
    }

    /// Up to when each schedule is handled: what a new timetable after a reload begins with.
    pub fn handled(&self) -> &BTreeMap<ScheduleKey, Timestamp> {
        &self.handled
    }

    /// Takes out everything due at `now`. Of the times missed within `catch_up_window` every one
    /// starts; older ones are reported as skipped.
    pub fn due(
        &mut self,
        catalogue: &Catalogue,
        now: Timestamp,
        catch_up_window: SignedDuration,
    ) -> DueReport {
        let mut report =
            DueReport { handled: std::mem::take(&mut self.fresh), ..DueReport::default() };
        while let Some((first, name)) = self.next.pop_first() {
            if first > now {
                self.next.insert((first, name));
                break;
            }
            let Some(job) = catalogue.jobs.get(&name) else { continue };
            let following = collect(job, first, now, catch_up_window, &mut report);
            let key = schedule_key(job);
            self.handled.insert(key.clone(), now);
            report.handled.insert(key, now);
            if let Some(next) = following {
                self.next.insert((next, name));
            }
        }
        report.next_wake = self.next.first().map(|(at, _)| *at);
        report.start.sort_by(|a, b| (a.scheduled_for, &a.job).cmp(&(b.scheduled_for, &b.job)));
        report
    }
}

/// Sorts the job's times from `first` to `now` into started and skipped; the first time after `now`.
fn collect(
    job: &Job,
    first: Timestamp,
    now: Timestamp,
    catch_up_window: SignedDuration,
    report: &mut DueReport,
) -> Option<Timestamp> {
    let oldest = now.checked_sub(catch_up_window).unwrap_or(Timestamp::MIN);
    let mut skipped: Option<Skipped> = None;
    let mut at = first;
    let following = loop {
        if at > now {
            break Some(at);
        }
        let mut from = at;
        if at >= oldest {
            report.start.push(Due { job: job.name.clone(), scheduled_for: at });
        } else {
            let entry = skipped.get_or_insert_with(|| Skipped {
                job: job.name.clone(),
                first: at,
                last: at,
                count: 0,
                catch_up_window,
            });
            entry.count += 1;
            entry.last = at;
            if entry.count >= COUNTED_AT_MOST {
                from = from.max(oldest - SignedDuration::from_millis(1));
            }
        }
        match job.cron.next_after(from, &job.time_zone) {
            Some(next) => at = next,
            None => break None,
        }
    };
    report.skipped.extend(skipped);
    following
}
