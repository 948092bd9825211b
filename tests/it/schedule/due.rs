//! What is due: zones, catch-up, edits and restarts.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use spotcron::catalogue::{Catalogue, Job};
use spotcron::domain::{Capacity, JobName, ScheduleKey};
use spotcron::schedule::{
    CatchUp, CatchUpTerms, DueReport, Rule, SkipReason, Timetable, schedule_key,
};

use crate::samples::{self, at};

pub fn catalogue(jobs: Vec<Job>) -> Arc<Catalogue> {
    let environments = vec![samples::environment("steady", Capacity::OnDemand)];
    Arc::new(samples::catalogue(environments, samples::class("c", &["steady"]), jobs))
}

/// Nothing is paused, and so many hours may be caught up on.
pub fn terms(window: SignedDuration) -> CatchUpTerms<'static> {
    CatchUpTerms { window, limit: 10_000, is_paused: &|_| false }
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
    let mut timetable = Timetable::new(Arc::clone(&catalogue), &BTreeMap::new(), now);
    let report = timetable.due(now, terms(hours(24)));
    assert!(report.start.is_empty());
    assert_eq!(report.handled.len(), 1, "the new schedule is reported once");
    assert_eq!(report.next_wake, Some(at("2026-11-22T01:00:00Z")));
    let again = timetable.due(now, terms(hours(24)));
    assert!(again.handled.is_empty());
}

#[test]
fn missed_times_inside_the_window_run_and_older_ones_are_told() {
    let job = samples::job("hourly", "c", "30 * * * *", "UTC");
    let handled = handled(&job, "2026-11-21T00:00:00Z");
    let catalogue = catalogue(vec![job]);
    let now = at("2026-11-21T05:45:00Z");
    let report = Timetable::new(Arc::clone(&catalogue), &handled, now).due(now, terms(hours(2)));
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
    let report = Timetable::new(Arc::clone(&catalogue), &handled, now).due(now, terms(hours(1)));
    assert_eq!(report.start.len(), 60);
    assert_eq!(report.skipped[0].count, 10_000);
}

#[test]
fn an_edited_expression_is_a_new_schedule() {
    let before = samples::job("report", "c", "0 2 * * *", "UTC");
    let handled = handled(&before, "2026-11-20T02:00:00Z");
    let edited = catalogue(vec![samples::job("report", "c", "0 10 * * *", "UTC")]);
    let now = at("2026-11-21T12:00:00Z");
    let report = Timetable::new(Arc::clone(&edited), &handled, now).due(now, terms(hours(24)));
    assert!(report.start.is_empty(), "10:00 today is the past of the edit");
}

#[test]
fn disabled_jobs_are_never_due() {
    let mut job = samples::job("off", "c", "* * * * *", "UTC");
    job.enabled = false;
    let catalogue = catalogue(vec![job]);
    let now = at("2026-11-21T05:45:30Z");
    let mut timetable = Timetable::new(Arc::clone(&catalogue), &BTreeMap::new(), now);
    assert_eq!(timetable.due(now, terms(hours(1))), DueReport::default());
}

/// Of `hourly` at minute 30, up to midnight handled, asked at 05:45.
fn after_an_outage(change: impl FnOnce(&mut Job)) -> DueReport {
    let mut job = samples::job("hourly", "c", "30 * * * *", "UTC");
    change(&mut job);
    let handled = handled(&job, "2026-11-21T00:00:00Z");
    let now = at("2026-11-21T05:45:00Z");
    let terms = CatchUpTerms { window: hours(4), limit: 3, is_paused: &|_| false };
    Timetable::new(catalogue(vec![job]), &handled, now).due(now, terms)
}

fn skipped(report: &DueReport) -> Vec<(SkipReason, u64, String)> {
    let all = report.skipped.iter();
    all.map(|skip| (skip.reason, skip.count, skip.last.to_string())).collect()
}

#[test]
fn of_more_missed_times_than_the_limit_the_newest_run() {
    let report = after_an_outage(|_| ());
    assert_eq!(starts(&report).len(), 3);
    assert_eq!(starts(&report)[0], "2026-11-21T03:30:00Z");
    assert_eq!(
        skipped(&report),
        [
            (SkipReason::CatchUpWindow, 2, "2026-11-21T01:30:00Z".to_owned()),
            (SkipReason::CatchUpLimit, 1, "2026-11-21T02:30:00Z".to_owned()),
        ]
    );
}

#[test]
fn a_job_may_catch_up_on_the_latest_time_or_on_none() {
    let latest = after_an_outage(|job| job.schedule.catch_up = CatchUp::Latest);
    assert_eq!(starts(&latest), ["2026-11-21T05:30:00Z"]);
    let reasons: Vec<_> = latest.skipped.iter().map(|skip| (skip.reason, skip.count)).collect();
    assert_eq!(reasons, [(SkipReason::CatchUpWindow, 2), (SkipReason::CatchUpPolicy, 3)]);
    let none = after_an_outage(|job| job.schedule.catch_up = CatchUp::None);
    assert!(none.start.is_empty());
    let all = (SkipReason::CatchUpPolicy, 6, "2026-11-21T05:30:00Z".to_owned());
    assert_eq!(skipped(&none), [all]);
}

#[test]
fn a_job_without_catch_up_still_runs_when_the_daemon_wakes_late() {
    let mut job = samples::job("hourly", "c", "30 * * * *", "UTC");
    job.schedule.catch_up = CatchUp::None;
    let handled = handled(&job, "2026-11-21T05:00:00Z");
    let now = at("2026-11-21T05:30:40Z");
    let report = Timetable::new(catalogue(vec![job]), &handled, now).due(now, terms(hours(0)));
    assert_eq!(starts(&report), ["2026-11-21T05:30:00Z"]);
}

#[test]
fn a_window_of_the_job_stands_above_the_settings() {
    let report = after_an_outage(|job| job.schedule.catch_up_window = Some(hours(1)));
    assert_eq!(starts(&report), ["2026-11-21T05:30:00Z"]);
}

#[test]
fn times_of_a_paused_job_pass_and_are_told() {
    let paused = samples::job("paused", "c", "30 * * * *", "UTC");
    let other = samples::job("other", "c", "30 * * * *", "UTC");
    let handled: BTreeMap<_, _> =
        [&paused, &other].map(|job| (schedule_key(job), at("2026-11-21T03:00:00Z"))).into();
    let now = at("2026-11-21T05:45:00Z");
    let is_paused = |name: &JobName| name.as_str() == "paused";
    let terms = CatchUpTerms { is_paused: &is_paused, ..terms(hours(24)) };
    let mut timetable = Timetable::new(catalogue(vec![paused.clone(), other]), &handled, now);
    let report = timetable.due(now, terms);
    assert!(report.start.iter().all(|due| due.job.as_str() == "other"));
    assert_eq!(skipped(&report), [(SkipReason::Paused, 3, "2026-11-21T05:30:00Z".to_owned())]);
    // Once it goes on, what passed is not its past.
    let later = at("2026-11-21T06:45:00Z");
    let report = timetable.due(later, CatchUpTerms { is_paused: &|_| false, ..terms });
    let of_paused = report.start.iter().filter(|due| due.job == paused.name);
    let of_paused: Vec<_> = of_paused.map(|due| due.scheduled_for.to_string()).collect();
    assert_eq!(of_paused, ["2026-11-21T06:30:00Z"]);
}

#[test]
fn a_delayed_job_starts_later_and_keeps_its_scheduled_time() {
    let mut job = samples::job("spread", "c", "0 * * * *", "UTC");
    job.schedule.delay = samples::mins(10);
    let catalogue = catalogue(vec![job]);
    let begin = at("2026-11-21T04:30:00Z");
    let mut timetable = Timetable::new(catalogue, &BTreeMap::new(), begin);
    let first = timetable.due(begin, terms(hours(1)));
    assert_eq!(first.next_wake, Some(at("2026-11-21T05:10:00Z")));
    assert!(timetable.due(at("2026-11-21T05:09:00Z"), terms(hours(1))).start.is_empty());
    let report = timetable.due(at("2026-11-21T05:10:00Z"), terms(hours(1)));
    assert_eq!(starts(&report), ["2026-11-21T05:00:00Z"]);
}

#[test]
fn a_schedule_that_comes_back_does_not_fire_what_passed_meanwhile() {
    let first = samples::job("report", "c", "0 * * * *", "UTC");
    let second = samples::job("report", "c", "30 * * * *", "UTC");
    let mut stored = handled(&first, "2026-11-21T08:00:00Z");
    for (job, now, expected) in [
        (&second, "2026-11-21T08:10:00Z", vec![]),
        (&second, "2026-11-21T08:31:00Z", vec!["2026-11-21T08:30:00Z"]),
        // Back to the first: 09:00 passed under the second.
        (&first, "2026-11-21T09:10:00Z", vec![]),
        (&first, "2026-11-21T10:01:00Z", vec!["2026-11-21T10:00:00Z"]),
    ] {
        let mut timetable = Timetable::new(catalogue(vec![job.clone()]), &stored, at(now));
        let report = timetable.due(at(now), terms(hours(24)));
        assert_eq!(starts(&report), expected, "{now}");
        for key in &report.forgotten {
            stored.remove(key);
        }
        stored.extend(report.handled);
    }
}

#[test]
fn a_job_that_is_enabled_again_begins_then() {
    let job = samples::job("report", "c", "0 * * * *", "UTC");
    let mut off = job.clone();
    off.enabled = false;
    let stored = handled(&job, "2026-11-21T08:00:00Z");
    let now = at("2026-11-21T08:10:00Z");
    let report = Timetable::new(catalogue(vec![off]), &stored, now).due(now, terms(hours(24)));
    assert_eq!(report.forgotten, [schedule_key(&job)].into());
}

#[test]
fn what_was_due_before_an_edit_still_runs() {
    let before = samples::job("report", "c", "0 * * * *", "UTC");
    let gone = samples::job("gone", "c", "0 * * * *", "UTC");
    let stored: BTreeMap<_, _> =
        [&before, &gone].map(|job| (schedule_key(job), at("2026-11-21T08:00:00Z"))).into();
    let old = catalogue(vec![before, gone]);
    let edited = catalogue(vec![samples::job("report", "c", "30 * * * *", "UTC")]);
    let now = at("2026-11-21T09:00:01Z");
    let report = Timetable::new(old, &stored, now).conclude(&edited, now, terms(hours(1)));
    assert_eq!(starts(&report), ["2026-11-21T09:00:00Z"]);
    assert_eq!(report.start[0].job.as_str(), "report", "a job that has gone starts nothing");
}

#[test]
fn an_exclusion_that_is_lifted_does_not_fire_what_it_excluded() {
    let open = samples::job("report", "c", "0 * * * *", "UTC");
    let mut bounded = open.clone();
    bounded.schedule.start = Some(at("2026-11-21T12:00:00Z"));
    let mut stored = handled(&open, "2026-11-21T08:00:00Z");
    let now = at("2026-11-21T09:30:00Z");
    let edited = catalogue(vec![open]);
    let timetable = Timetable::new(catalogue(vec![bounded]), &stored, now);
    let report = timetable.conclude(&edited, now, terms(hours(24)));
    assert!(report.start.is_empty());
    stored.extend(report.handled);
    let report = Timetable::new(edited, &stored, now).due(now, terms(hours(24)));
    assert!(report.start.is_empty(), "09:00 was not due when it passed");
}

#[test]
fn a_longer_delay_that_goes_again_does_not_reopen_what_ran_under_the_shorter() {
    let prompt = samples::job("report", "c", "0 * * * *", "UTC");
    let mut delayed = prompt.clone();
    delayed.schedule.delay = hours(3);
    let mut stored = handled(&prompt, "2026-11-21T06:00:00Z");
    let (prompt, delayed) = (catalogue(vec![prompt]), catalogue(vec![delayed]));
    let mut starts_of = |before: &Arc<Catalogue>, after: &Arc<Catalogue>, now: &str| {
        let timetable = Timetable::new(Arc::clone(before), &stored, at(now));
        let report = timetable.conclude(after, at(now), terms(hours(24)));
        stored.extend(report.handled.clone());
        let next =
            Timetable::new(Arc::clone(after), &stored, at(now)).due(at(now), terms(hours(24)));
        stored.extend(next.handled.clone());
        [starts(&report), starts(&next)].concat()
    };
    let until_eight = ["2026-11-21T07:00:00Z", "2026-11-21T08:00:00Z"];
    assert_eq!(starts_of(&prompt, &delayed, "2026-11-21T08:30:00Z"), until_eight);
    let none: [&str; 0] = [];
    assert_eq!(starts_of(&delayed, &prompt, "2026-11-21T08:40:00Z"), none);
}

/// An hourly job that `change` is made to.
fn hourly(change: impl FnOnce(&mut Job)) -> Job {
    let mut job = samples::job("report", "c", "0 * * * *", "UTC");
    change(&mut job);
    job
}

/// What starts at `now` in a process that begins then with `after`, where another one was asked with
/// `before` at 08:00 and, until it died, at each of `asked`.
fn after_a_restart(before: Job, after: Job, asked: &[&str], now: &str) -> Vec<String> {
    let mut stored = handled(&before, "2026-11-21T08:00:00Z");
    let first = Timetable::new(catalogue(vec![before]), &stored, at("2026-11-21T08:00:00Z"));
    asked.iter().fold(first, |mut timetable, now| {
        stored.extend(timetable.due(at(now), terms(hours(24))).handled);
        timetable
    });
    let mut timetable = Timetable::new(catalogue(vec![after]), &stored, at(now));
    let report = timetable.due(at(now), terms(hours(24)));
    assert_eq!(report.forgotten, [].into());
    starts(&report)
}

#[test]
fn a_restart_with_wider_bounds_fires_only_what_was_missed_meanwhile() {
    let later = |job: &mut Job| job.schedule.start = Some(at("2026-11-21T20:00:00Z"));
    let asked = ["2026-11-21T08:00:00Z", "2026-11-21T09:30:00Z", "2026-11-21T10:30:10Z"];
    // 09:00 and 10:00 were left out when they passed. Nobody was there at 11:00 and 12:00.
    let fired = after_a_restart(hourly(later), hourly(|_| ()), &asked, "2026-11-21T12:15:00Z");
    assert_eq!(fired, ["2026-11-21T11:00:00Z", "2026-11-21T12:00:00Z"]);
    // With the bounds in place all of the outage is left out.
    let fired = after_a_restart(hourly(later), hourly(later), &asked, "2026-11-21T12:15:00Z");
    assert!(fired.is_empty(), "{fired:?}");
}

#[test]
fn a_heartbeat_takes_nothing_from_what_an_outage_missed() {
    let bounded = || hourly(|job| job.schedule.start = Some(at("2026-11-01T00:00:00Z")));
    let asked = ["2026-11-21T08:00:00Z", "2026-11-21T09:59:59Z"];
    let fired = after_a_restart(bounded(), bounded(), &asked, "2026-11-21T12:15:00Z");
    assert_eq!(fired.len(), 3, "10:00, 11:00 and 12:00: {fired:?}");
}

#[test]
fn a_restart_with_a_shorter_delay_does_not_lose_what_waits_for_the_longer() {
    let delayed = |minutes| {
        hourly(|job| {
            job.schedule.start = Some(at("2026-11-01T00:00:00Z"));
            job.schedule.delay = samples::mins(minutes);
        })
    };
    let asked = ["2026-11-21T08:30:00Z", "2026-11-21T09:05:00Z"];
    let fired = after_a_restart(delayed(10), delayed(0), &asked, "2026-11-21T09:06:00Z");
    assert_eq!(fired, ["2026-11-21T09:00:00Z"]);
}

#[test]
fn a_heartbeat_is_written_once_a_minute_and_only_where_times_are_left_out() {
    let written = |job: Job| -> Vec<bool> {
        let stored = handled(&job, "2026-11-21T08:00:00Z");
        let begin = at("2026-11-21T08:00:10Z");
        let mut timetable = Timetable::new(catalogue(vec![job]), &stored, begin);
        let seconds = [0, 59, 60, 61, 119, 121];
        let due =
            |second| timetable.due(begin + SignedDuration::from_secs(second), terms(hours(1)));
        seconds.map(due).iter().map(|report| !report.handled.is_empty()).collect()
    };
    assert_eq!(written(hourly(|_| ())), [false; 6]);
    let bounded = hourly(|job| job.schedule.end = Some(at("2027-01-01T00:00:00Z")));
    assert_eq!(written(bounded.clone()), [true, false, true, false, false, true]);
    // Also of a job that takes its times from one that has bounds.
    let upstream = (bounded.name.clone(), Arc::new(bounded.schedule));
    let after = hourly(|job| job.schedule.rules = vec![Rule::After(vec![upstream])]);
    assert_eq!(written(after), [true, false, true, false, false, true]);
}

#[test]
fn a_heartbeat_from_the_future_holds_nothing_back() {
    let bounded = || hourly(|job| job.schedule.start = Some(at("2026-11-01T00:00:00Z")));
    // The clock was three days ahead for a moment, before anything was due.
    let job = bounded();
    let mut stored = handled(&job, "2026-11-21T08:00:00Z");
    stored.insert("*".into(), at("2026-11-24T08:00:00Z"));
    let now = at("2026-11-21T09:00:30Z");
    let report = Timetable::new(catalogue(vec![job]), &stored, now).due(now, terms(hours(1)));
    assert_eq!(starts(&report), ["2026-11-21T09:00:00Z"]);
}

proptest! {
    /// However the asking is cut into pieces, and wherever the daemon restarts from what was
    /// handled, every time is due exactly once.
    #[test]
    fn each_time_is_due_once_however_it_is_asked(
        cuts in prop::collection::vec((1i64..300, any::<bool>()), 1..40),
        minutes in 1u32..59,
        delay in 0i64..20,
        is_bounded in any::<bool>(),
    ) {
        let mut job = samples::job("j", "c", &format!("*/{minutes} * * * *"), "America/New_York");
        job.schedule.delay = samples::mins(delay);
        job.schedule.start = is_bounded.then(|| at("2026-10-01T00:00:00Z"));
        let key = schedule_key(&job);
        let catalogue = catalogue(vec![job]);
        let begin = at("2026-10-31T00:00:30Z");
        let mut stored: BTreeMap<ScheduleKey, Timestamp> = [(key, begin)].into();
        let mut timetable = Timetable::new(Arc::clone(&catalogue), &stored, begin);
        let mut now = begin;
        let mut seen = Vec::new();
        for (minutes, restart) in cuts {
            now += samples::mins(minutes);
            if restart {
                timetable = Timetable::new(Arc::clone(&catalogue), &stored, now);
            }
            let report = timetable.due(now, terms(hours(1000)));
            seen.extend(report.start.iter().map(|due| due.scheduled_for));
            stored.extend(report.handled);
        }
        let fresh: BTreeMap<ScheduleKey, Timestamp> =
            catalogue.jobs.values().map(|job| (schedule_key(job), begin)).collect();
        let whole = Timetable::new(Arc::clone(&catalogue), &fresh, begin).due(now, terms(hours(1000)));
        let expected: Vec<Timestamp> = whole.start.iter().map(|due| due.scheduled_for).collect();
        prop_assert_eq!(seen, expected);
    }
}
