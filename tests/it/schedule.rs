//! What is due: zones, catch-up, edits and restarts.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use spotcron::catalogue::{Catalogue, Job};
use spotcron::domain::{Capacity, ScheduleKey};
use spotcron::schedule::{DueReport, Timetable, schedule_key};

use crate::samples::{self, at};

fn catalogue(jobs: Vec<Job>) -> Catalogue {
    let environments = vec![samples::environment("steady", Capacity::OnDemand)];
    samples::catalogue(environments, samples::class("c", &["steady"]), jobs)
}

fn handled(job: &Job, until: &str) -> BTreeMap<ScheduleKey, Timestamp> {
    [(schedule_key(job), at(until))].into()
}

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

fn starts(report: &DueReport) -> Vec<String> {
    report.start.iter().map(|due| due.scheduled_for.to_string()).collect()
}

#[test]
fn a_new_job_begins_now_and_its_past_never_fires() {
    let job = samples::job("daily", "c", "0 2 * * *", "Europe/Berlin");
    let catalogue = catalogue(vec![job]);
    let now = at("2026-11-21T03:00:00Z");
    let mut timetable = Timetable::new(&catalogue, &BTreeMap::new(), now);
    let report = timetable.due(&catalogue, now, hours(24));
    assert!(report.start.is_empty());
    assert_eq!(report.handled.len(), 1, "the new schedule is reported once");
    assert_eq!(report.next_wake, Some(at("2026-11-22T01:00:00Z")));
    let again = timetable.due(&catalogue, now, hours(24));
    assert!(again.handled.is_empty());
}

#[test]
fn missed_times_inside_the_window_run_and_older_ones_are_told() {
    let job = samples::job("hourly", "c", "30 * * * *", "UTC");
    let handled = handled(&job, "2026-11-21T00:00:00Z");
    let catalogue = catalogue(vec![job]);
    let now = at("2026-11-21T05:45:00Z");
    let report = Timetable::new(&catalogue, &handled, now).due(&catalogue, now, hours(2));
    assert_eq!(starts(&report), ["2026-11-21T04:30:00Z", "2026-11-21T05:30:00Z"]);
    let skipped = &report.skipped[0];
    assert_eq!((skipped.count, skipped.first), (4, at("2026-11-21T00:30:00Z")));
    assert_eq!(skipped.last, at("2026-11-21T03:30:00Z"));
}

#[test]
fn a_long_outage_of_a_busy_job_is_counted_to_a_bound() {
    let job = samples::job("busy", "c", "* * * * *", "UTC");
    let handled = handled(&job, "2020-01-01T00:00:00Z");
    let catalogue = catalogue(vec![job]);
    let now = at("2026-11-21T05:45:30Z");
    let report = Timetable::new(&catalogue, &handled, now).due(&catalogue, now, hours(1));
    assert_eq!(report.start.len(), 60);
    assert_eq!(report.skipped[0].count, 10_000);
}

#[test]
fn an_edited_expression_is_a_new_schedule() {
    let before = samples::job("report", "c", "0 2 * * *", "UTC");
    let handled = handled(&before, "2026-11-20T02:00:00Z");
    let edited = catalogue(vec![samples::job("report", "c", "0 10 * * *", "UTC")]);
    let now = at("2026-11-21T12:00:00Z");
    let report = Timetable::new(&edited, &handled, now).due(&edited, now, hours(24));
    assert!(report.start.is_empty(), "10:00 today is the past of the edit");
}

#[test]
fn fixed_times_run_at_the_gaps_end_and_once_on_a_repeated_hour() {
    let job = samples::job("report", "c", "30 2 * * *", "Europe/Berlin");
    let catalogue = catalogue(vec![job.clone()]);
    let due_between = |from: &str, to: &str| {
        let handled = handled(&job, from);
        let now = at(to);
        starts(&Timetable::new(&catalogue, &handled, now).due(&catalogue, now, hours(48)))
    };
    // 29 March 2026: 02:00 becomes 03:00.
    assert_eq!(
        due_between("2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z"),
        ["2026-03-29T01:00:00Z"]
    );
    // 25 October 2026: 03:00 becomes 02:00.
    assert_eq!(
        due_between("2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z"),
        ["2026-10-25T00:30:00Z"]
    );
}

#[test]
fn disabled_jobs_are_never_due() {
    let mut job = samples::job("off", "c", "* * * * *", "UTC");
    job.enabled = false;
    let catalogue = catalogue(vec![job]);
    let now = at("2026-11-21T05:45:30Z");
    let mut timetable = Timetable::new(&catalogue, &BTreeMap::new(), now);
    assert_eq!(timetable.due(&catalogue, now, hours(1)), DueReport::default());
}

proptest! {
    /// However the asking is cut into pieces, and wherever the daemon restarts from what was
    /// handled, every time is due exactly once.
    #[test]
    fn each_time_is_due_once_however_it_is_asked(
        cuts in prop::collection::vec((1i64..300, any::<bool>()), 1..40),
        minutes in 1u32..59,
    ) {
        let job = samples::job("j", "c", &format!("*/{minutes} * * * *"), "America/New_York");
        let key = schedule_key(&job);
        let catalogue = catalogue(vec![job]);
        let begin = at("2026-10-31T00:00:30Z");
        let mut stored: BTreeMap<ScheduleKey, Timestamp> = [(key, begin)].into();
        let mut timetable = Timetable::new(&catalogue, &stored, begin);
        let mut now = begin;
        let mut seen = Vec::new();
        for (minutes, restart) in cuts {
            now += samples::mins(minutes);
            if restart {
                timetable = Timetable::new(&catalogue, &stored, now);
            }
            let report = timetable.due(&catalogue, now, hours(1000));
            seen.extend(report.start.iter().map(|due| due.scheduled_for));
            stored.extend(report.handled);
        }
        let fresh: BTreeMap<ScheduleKey, Timestamp> =
            catalogue.jobs.values().map(|job| (schedule_key(job), begin)).collect();
        let whole = Timetable::new(&catalogue, &fresh, begin).due(&catalogue, now, hours(1000));
        let expected: Vec<Timestamp> = whole.start.iter().map(|due| due.scheduled_for).collect();
        prop_assert_eq!(seen, expected);
    }
}
