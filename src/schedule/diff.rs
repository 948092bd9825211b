//! What a changed catalogue changes about what is due.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{Schedule, schedule_key};
use crate::catalogue::{Catalogue, Job};
use crate::domain::JobName;

/// What becomes of a job's schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It is new, or enabled again: it begins when the catalogue is taken over.
    Begins,
    /// It is removed or disabled: nothing more is due.
    Ends,
    /// Other expressions, zone or rule for changed clocks: the old schedule ends and a new one begins
    /// when the catalogue is taken over.
    Replaced,
    /// The same rules within other bounds, exclusions or delays.
    Adjusted,
}

/// One job whose schedule changes, and what that does until the horizon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobDiff {
    pub job: JobName,
    pub change: Change,
    /// As text; `null` where there is none.
    pub before: Option<String>,
    pub after: Option<String>,
    /// Times that only the new catalogue has.
    pub fires: Vec<Timestamp>,
    /// Times that only the old catalogue has.
    pub no_longer: Vec<Timestamp>,
    /// Times of both: each runs once, because a run is its job and its scheduled time.
    pub as_before: usize,
    /// Times of the new schedule within the catch-up window before `from`: they are not made up for,
    /// because an edit never fires the past.
    pub passed: usize,
}

/// Times of one job are listed up to this many.
const LISTED_AT_MOST: usize = 10_000;

/// The jobs whose times change when `after` replaces `before` at `from`, seen until `until`.
/// `catch_up_window` is the one of jobs that have none of their own.
pub fn diff(
    before: &Catalogue,
    after: &Catalogue,
    from: Timestamp,
    until: Timestamp,
    catch_up_window: SignedDuration,
) -> Vec<JobDiff> {
    let enabled = |catalogue: &Catalogue, name: &JobName| {
        catalogue.jobs.get(name).filter(|job| job.enabled).cloned()
    };
    let names: BTreeSet<&JobName> = before.jobs.keys().chain(after.jobs.keys()).collect();
    let pairs = names.into_iter().filter_map(|name| {
        let (old, new) = (enabled(before, name), enabled(after, name));
        let change = change_of(old.as_deref(), new.as_deref())?;
        let times = |job: Option<&Job>| {
            job.map_or_else(BTreeSet::new, |job| between(&job.schedule, from, until))
        };
        let (olds, news) = (times(old.as_deref()), times(new.as_deref()));
        let passed = |job: &Job| {
            let window = job.schedule.catch_up_window.unwrap_or(catch_up_window);
            let since = from.checked_sub(window).unwrap_or(from);
            let of = |job: &Job| between(&job.schedule, since, from);
            of(job).difference(&old.as_deref().map_or_else(BTreeSet::new, of)).count()
        };
        Some(JobDiff {
            job: name.clone(),
            change,
            before: old.as_deref().map(described),
            after: new.as_deref().map(described),
            fires: news.difference(&olds).copied().collect(),
            no_longer: olds.difference(&news).copied().collect(),
            as_before: olds.intersection(&news).count(),
            passed: new.as_deref().map_or(0, passed),
        })
    });
    pairs.collect()
}

fn change_of(old: Option<&Job>, new: Option<&Job>) -> Option<Change> {
    match (old, new) {
        (None, None) => None,
        (None, Some(_)) => Some(Change::Begins),
        (Some(_), None) => Some(Change::Ends),
        (Some(old), Some(new)) if schedule_key(old) != schedule_key(new) => Some(Change::Replaced),
        (Some(old), Some(new)) => (old.schedule != new.schedule).then_some(Change::Adjusted),
    }
}

/// Times after `from`, up to and with `until`.
fn between(schedule: &Schedule, from: Timestamp, until: Timestamp) -> BTreeSet<Timestamp> {
    let next = |after: &Timestamp| schedule.next_after(*after);
    let times = std::iter::successors(next(&from), next).take_while(|at| *at <= until);
    times.take(LISTED_AT_MOST).collect()
}

fn described(job: &Job) -> String {
    format!("{} ({})", job.schedule, job.schedule.zone_name())
}
