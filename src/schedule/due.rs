//! What is due: a pure function of the catalogue, what was handled, and the time.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::catalogue::Catalogue;
use crate::domain::JobName;

/// A run that must be started now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Due {
    pub job: JobName,
    pub scheduled_for: Timestamp,
}

/// A scheduled time that is not run, and why. Recorded, never silent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    pub job: JobName,
    /// The first and the last of the skipped times (equal when it is one).
    pub first: Timestamp,
    pub last: Timestamp,
    pub count: u64,
    /// How far back the catch-up window reaches.
    pub catch_up_window: SignedDuration,
}

/// The answer of [`due`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct DueReport {
    /// In order of scheduled time, then job.
    pub start: Vec<Due>,
    pub skipped: Vec<Skipped>,
    /// For every enabled job: the time up to which its schedule has now been handled.
    pub handled: BTreeMap<JobName, Timestamp>,
    /// When to ask again.
    pub next_wake: Option<Timestamp>,
}

/// Scheduled times that a long outage may hold are counted one by one up to this many.
const COUNTED_AT_MOST: u64 = 10_000;

/// What is due at `now`, given up to when each job's schedule was handled. A job without an entry is
/// new: it is handled from `now` on, so that adding a job never fires its past. Of the times missed
/// within `catch_up_window` every one starts; older ones are reported as skipped.
pub fn due(
    catalogue: &Catalogue,
    handled: &BTreeMap<JobName, Timestamp>,
    now: Timestamp,
    catch_up_window: SignedDuration,
) -> DueReport {
    let mut report = DueReport::default();
    for job in catalogue.jobs.values().filter(|job| job.enabled) {
        let mut at = handled.get(&job.name).copied().unwrap_or(now);
        let oldest = now.checked_sub(catch_up_window).unwrap_or(Timestamp::MIN);
        let mut skipped: Option<Skipped> = None;
        let next = loop {
            let Some(next) = job.cron.next_after(at, &job.time_zone) else { break None };
            if next > now {
                break Some(next);
            }
            at = next;
            if next >= oldest {
                report.start.push(Due { job: job.name.clone(), scheduled_for: next });
                continue;
            }
            let entry = skipped.get_or_insert_with(|| Skipped {
                job: job.name.clone(),
                first: next,
                last: next,
                count: 0,
                catch_up_window,
            });
            entry.count += 1;
            entry.last = next;
            if entry.count == COUNTED_AT_MOST {
                at = at.max(oldest - SignedDuration::from_nanos(1));
            }
        };
        report.skipped.extend(skipped);
        report.handled.insert(job.name.clone(), at.max(now));
        report.next_wake = [report.next_wake, next].into_iter().flatten().min();
    }
    report.start.sort_by(|a, b| (a.scheduled_for, &a.job).cmp(&(b.scheduled_for, &b.job)));
    report
}
