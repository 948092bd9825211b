//! Commands that make runs.

use serde_json::json;
use spotcron::catalogue::ParameterSet;
use spotcron::control::{AT_MOST, Answer, Command, Look, Refusal, RefusalKind, look_for};
use spotcron::domain::RunId;
use spotcron::run::{Run, RunState, Trigger, Wait};
use spotcron::schedule::{Calendar, Schedule};

use super::{World, command, started};
use crate::samples::{at, mins};

fn trigger(job: &str, parameters: serde_json::Value) -> Command {
    command(json!({ "command": "trigger", "job": job, "parameters": parameters }))
}

fn backfill(from: &str, to: &str) -> Command {
    command(json!({ "command": "backfill", "job": "report", "from": from, "to": to }))
}

#[test]
fn a_trigger_makes_one_run_of_its_own_with_a_deadline_from_now() {
    let mut world = World::new();
    let ruling = world.judge(&trigger("report", json!({}))).unwrap();
    let [run] = &started(&ruling)[..] else { panic!("{ruling:?}") };
    assert_eq!(run.id.as_str(), "report-20261121T120000Z-t1");
    assert_eq!((run.trigger, run.scheduled_for), (Trigger::Manual, at("2026-11-21T12:00:00Z")));
    assert_eq!(run.deadline_at, Some(at("2026-11-21T18:00:00Z")));
    assert!(matches!(run.state, RunState::NeedsLeg { .. }));
    // The scheduled run of that very second is another one, and so is a second trigger.
    let look = look_for(&trigger("report", json!({})), &world.catalogue, world.now);
    let (since, until) = (at("2026-11-21T12:00:00Z"), at("2026-11-21T12:00:01Z"));
    assert_eq!(look, Look::Runs { job: "report".into(), since, until });
    world.existing = [RunId::from("report-20261121T120000Z"), run.id.clone()].into();
    let second = world.judge(&trigger("report", json!({}))).unwrap();
    assert_eq!(started(&second)[0].id.as_str(), "report-20261121T120000Z-t2");
}

#[test]
fn only_listed_parameters_can_be_overridden_and_nothing_shows_them() {
    let world = World::new();
    let with_date = trigger("report", json!({ "date": "2026-11-01" }));
    let ruling = world.judge(&with_date).unwrap();
    let [run] = &started(&ruling)[..] else { panic!("{ruling:?}") };
    assert_eq!(run.by_hand.parameters["date"].expose(), "2026-11-01");
    for shown in [format!("{ruling:?}"), ruling.answer.to_string(), format!("{with_date:?}")] {
        assert!(!shown.contains("2026-11-01"), "{shown}");
    }
    assert!(!serde_json::to_string(&with_date).unwrap().contains("2026-11-01"));
    // But the store's row holds it for the next leg, and what is sent to the daemon too.
    let stored: Run = serde_json::from_str(&serde_json::to_string(run).unwrap()).unwrap();
    assert_eq!(&stored, run);
    assert_eq!(with_date.to_send()["parameters"]["date"], "2026-11-01");
    let other = world.judge(&trigger("report", json!({ "feed": "x" }))).unwrap_err();
    assert_eq!(other.kind(), RefusalKind::Invalid);
    assert!(other.to_string().contains("`feed`"), "{other}");
    let long = world.judge(&trigger("report", json!({ "date": "x".repeat(5000) }))).unwrap_err();
    assert!(matches!(long, Refusal::BadParameter { .. }), "{long}");
}

#[test]
fn a_paused_or_disabled_job_is_triggered_all_the_same_and_the_answer_says_so() {
    let mut world = World::new();
    world.carry_out(&command(json!({ "command": "pause", "jobs": "all", "note": "n" })));
    let ruling = world.judge(&trigger("disabled", json!({}))).unwrap();
    assert_eq!(started(&ruling).len(), 1);
    let said = ruling.answer.to_string();
    assert!(said.contains("paused by alice") && said.contains("disabled"), "{said}");
}

#[test]
fn a_job_whose_runs_may_not_overlap_takes_its_turn() {
    let mut world = World::new();
    let ruling = world.judge(&trigger("single", json!({}))).unwrap();
    assert_eq!(ruling.answer.caveats(), []);
    world.open = started(&ruling);
    world.existing = [world.open[0].id.clone()].into();
    let second = world.judge(&trigger("single", json!({}))).unwrap();
    let run = &started(&second)[0];
    assert_eq!(run.waits, [Wait::Turn]);
    assert!(matches!(run.state, RunState::Waiting { .. }));
    assert!(second.answer.to_string().contains("Another run of the job is open"));
}

#[test]
fn a_backfill_is_every_scheduled_time_without_a_run_both_ends_included() {
    let mut world = World::new();
    world.existing = [RunId::from("report-20261121T101000Z")].into();
    let ruling = world.judge(&backfill("2026-11-21T10:00:00Z", "2026-11-21T10:30:00Z")).unwrap();
    let runs = started(&ruling);
    let ids: Vec<&str> = runs.iter().map(|run| run.id.as_str()).collect();
    assert_eq!(
        ids,
        ["report-20261121T100000Z", "report-20261121T102000Z", "report-20261121T103000Z"]
    );
    for run in &runs {
        assert_eq!((run.trigger, run.deadline_at), (Trigger::Backfill, None), "not late by birth");
        let [Wait::Place { at_once: 10, .. }] = run.waits[..] else { panic!("{:?}", run.waits) };
    }
    let Answer::Backfilled { existing, .. } = ruling.answer else { panic!("{ruling:?}") };
    assert_eq!(existing, 1);
}

#[test]
fn what_is_not_scheduled_is_not_backfilled() {
    let mut world = World::new();
    let job = world.catalogue.jobs.get_mut("report").unwrap();
    let holiday = Calendar {
        name: "holiday".into(),
        time_zone: None,
        dates: ["2026-11-20".parse().unwrap()].into(),
        yearly: Default::default(),
        weekdays: Vec::new(),
        windows: Vec::new(),
    };
    let job = std::sync::Arc::make_mut(job);
    job.schedule = Schedule {
        exclude: vec![holiday.into()],
        start: Some(at("2026-11-19T23:50:00Z")),
        ..job.schedule.clone()
    };
    let ruling = world.judge(&backfill("2026-11-19T00:00:00Z", "2026-11-21T00:00:00Z")).unwrap();
    let times: Vec<_> = started(&ruling).iter().map(|run| run.scheduled_for).collect();
    assert_eq!(times, [at("2026-11-19T23:50:00Z"), at("2026-11-21T00:00:00Z")]);
    let empty = world.judge(&backfill("2026-11-20T01:00:00Z", "2026-11-20T02:00:00Z"));
    assert_eq!(empty.unwrap_err(), Refusal::NothingScheduled { job: "report".into() });
}

#[test]
fn ranges_that_cannot_be_meant_are_refused() {
    let mut world = World::new();
    let backwards = backfill("2026-11-21T11:00:00Z", "2026-11-21T10:00:00Z");
    assert!(matches!(world.judge(&backwards), Err(Refusal::EmptyRange { .. })));
    let ahead = backfill("2026-11-21T11:00:00Z", "2026-11-21T12:10:00Z");
    assert!(matches!(world.judge(&ahead), Err(Refusal::RangeInFuture { .. })));
    let too_long = backfill("2026-11-01T00:00:00Z", "2026-11-21T00:00:00Z");
    let refusal = world.judge(&too_long).unwrap_err();
    assert!(matches!(refusal, Refusal::RangeTooLong { .. }));
    assert!(refusal.to_string().contains(&AT_MOST.to_string()), "{refusal}");
    assert_eq!(look_for(&too_long, &world.catalogue, world.now), Look::Nothing);
    let mut none = backfill("2026-11-21T11:00:00Z", "2026-11-21T11:00:00Z");
    if let Command::Backfill { at_once, .. } = &mut none {
        *at_once = 0;
    }
    assert_eq!(world.judge(&none), Err(Refusal::NoneAtOnce));
    world.existing = [RunId::from("report-20261121T110000Z")].into();
    let done = backfill("2026-11-21T11:00:00Z", "2026-11-21T11:00:00Z");
    assert!(matches!(world.judge(&done), Err(Refusal::NothingToBackfill { existing: 1, .. })));
}

#[test]
fn exactly_as_many_as_are_allowed_are_backfilled() {
    let world = World::new();
    let last = at("2026-11-21T00:00:00Z");
    let first = last - mins(10) * (AT_MOST as i32 - 1);
    let range = backfill(&first.to_string(), &last.to_string());
    assert_eq!(started(&world.judge(&range).unwrap()).len(), AT_MOST);
    let until = last + jiff::SignedDuration::from_secs(1);
    let look = Look::Runs { job: "report".into(), since: first, until };
    assert_eq!(look_for(&range, &world.catalogue, world.now), look);
    let one_more = backfill(&(first - mins(10)).to_string(), &last.to_string());
    assert!(matches!(world.judge(&one_more), Err(Refusal::RangeTooLong { .. })));
}

#[test]
fn parameter_sets_count_against_the_runs_of_one_backfill() {
    let mut world = World::new();
    world.give_sets("report", 50);
    let last = at("2026-11-21T00:00:00Z");
    let first = last - mins(10) * (AT_MOST as i32 - 1);
    let range = backfill(&first.to_string(), &last.to_string());
    assert_eq!(started(&world.judge(&range).unwrap()).len(), 50_000);
    world.give_sets("report", 51);
    let refusal = world.judge(&range).unwrap_err();
    let job = "report".into();
    assert_eq!(refusal, Refusal::TooManyRuns { job, runs: 51_000, at_most: 50_000 });
    assert_eq!(refusal.kind(), RefusalKind::Invalid);
    let said = refusal.to_string();
    assert!(said.contains("51000 runs of report") && said.contains("at most 50000"), "{said}");
    // One time less of them fits when it has its runs already.
    let key = ParameterSet::of([("n".to_owned(), "0".to_owned())].into()).key;
    let done = (0..20).map(|n| RunId::of(&"report".into(), last - mins(10) * n).with_set(&key));
    world.existing = done.collect();
    let ruling = world.judge(&range).unwrap();
    let Answer::Backfilled { runs, existing, .. } = ruling.answer else { panic!("{ruling:?}") };
    assert_eq!((runs.len(), existing), (980 * 51, 20));
}

#[test]
fn a_dry_run_says_the_same_and_changes_nothing() {
    let world = World::new();
    let mut dry = backfill("2026-11-21T10:00:00Z", "2026-11-21T10:30:00Z");
    if let Command::Backfill { dry_run, .. } = &mut dry {
        *dry_run = true;
    }
    let ruling = world.judge(&dry).unwrap();
    assert_eq!(ruling.effects, []);
    assert!(ruling.answer.to_string().starts_with("Would start 4 runs"), "{}", ruling.answer);
}
