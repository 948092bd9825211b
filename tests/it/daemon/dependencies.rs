//! Jobs that run after other jobs.

use jiff::Timestamp;
use serde_json::json;
use spotcron::clock::Clock;
use spotcron::daemon::{Change, all_tasks};
use spotcron::domain::{Capacity, RunOutcome};
use spotcron::run::{Run, RunEventKind, RunState, WhySkipped};
use spotcron::sim::{DefinitionSpec, Scenario};

use super::operating::tell;
use super::world::World;
use crate::samples::mins;

const HEAD: &str = "[[environments]]\nname = \"steady\"\nqueue = \"steady\"\n\
     capacity = \"on-demand\"\nregion = \"us-east-1\"\n\
     [[classes]]\nname = \"c\"\nenvironments = [\"steady\"]\nexpected_duration = \"10m\"\n\
     deadline = \"35m\"\n";

fn job(name: &str, definition: &str, keys: &str) -> String {
    format!(
        "[[jobs]]\nname = \"{name}\"\nclass = \"c\"\ndefinition = \"{definition}:1\"\nvcpus = 1\n\
         memory_mib = 2048\n{keys}\n"
    )
}

async fn world(jobs: &[String]) -> World {
    let mut scenario = Scenario::empty("us-east-1", "a")
        .with_queue("steady", Capacity::OnDemand, &["m6i.xlarge"], 256)
        .with_definition("ten", 10 * 60)
        .with_definition("twenty", 20 * 60);
    scenario.definitions.push(DefinitionSpec {
        name: "broken".to_owned(),
        median_secs: 300,
        sigma: 0.0,
        failure_probability: 1.0,
        ..DefinitionSpec::default()
    });
    World::of(&(HEAD.to_owned() + &jobs.concat()), scenario, 1).await
}

async fn run(world: &World, id: &str) -> Run {
    world.store.run(&id.into()).await.unwrap().unwrap_or_else(|| panic!("no run {id}"))
}

fn outcome(run: &Run) -> Option<RunOutcome> {
    match run.state {
        RunState::Ended { outcome, .. } => Some(outcome),
        _ => None,
    }
}

fn submitted_at(run: &Run) -> Timestamp {
    run.legs[0].submitted_at.unwrap()
}

fn ended_at(run: &Run) -> Timestamp {
    run.last_leg().and_then(|leg| leg.ended_at).unwrap()
}

#[tokio::test]
async fn a_fan_in_waits_for_the_slower_of_two_and_no_longer() {
    let mut world = world(&[
        job("extract-a", "ten", "cron = \"0 * * * *\""),
        job("extract-b", "twenty", "cron = \"0 * * * *\""),
        job("report", "ten", "after = [\"extract-a\", \"extract-b\"]"),
        job("mail", "ten", "after = [\"report\"]"),
    ])
    .await;
    world.run_for(mins(125)).await;
    let slower = run(&world, "extract-b-20260601T010000Z").await;
    let report = run(&world, "report-20260601T010000Z").await;
    let mail = run(&world, "mail-20260601T010000Z").await;
    assert_eq!(outcome(&report), Some(RunOutcome::Succeeded));
    assert!(submitted_at(&report) >= ended_at(&slower));
    assert!(
        submitted_at(&report) <= ended_at(&slower) + mins(2),
        "{} {report:?}",
        ended_at(&slower)
    );
    assert_eq!(outcome(&mail), Some(RunOutcome::Succeeded));
    assert!(submitted_at(&mail) >= ended_at(&report));
    // The deadline counts from the scheduled time, not from when its turn came.
    assert_eq!(mail.deadline_at, Some(mail.scheduled_for + mins(35)));
    assert!(mail.deadline_missed, "three jobs in a row take longer than that");
}

#[tokio::test]
async fn a_failure_skips_what_wanted_success_and_starts_what_wanted_failure() {
    let mut world = world(&[
        job("extract", "broken", "cron = \"0 * * * *\""),
        job("report", "ten", "after = [\"extract\"]"),
        job("mail", "ten", "after = [\"report\"]"),
        job("alarm", "ten", "after = [{ job = \"extract\", when = \"failed\" }]"),
        job("tidy", "ten", "after = [{ job = \"report\", when = \"finished\" }]"),
    ])
    .await;
    world.run_for(mins(100)).await;
    let of = async |job: &str| run(&world, &format!("{job}-20260601T010000Z")).await;
    assert_eq!(outcome(&of("extract").await), Some(RunOutcome::Failed));
    for skipped in ["report", "mail"] {
        let run = of(skipped).await;
        assert_eq!(outcome(&run), Some(RunOutcome::Skipped), "{skipped}");
        assert!(run.legs.is_empty(), "nothing was submitted");
        assert!(!run.deadline_missed);
    }
    assert_eq!(outcome(&of("alarm").await), Some(RunOutcome::Succeeded));
    assert_eq!(outcome(&of("tidy").await), Some(RunOutcome::Succeeded));
    let story = world.kinds(&"report-20260601T010000Z".into()).await;
    let why = story.iter().find_map(|kind| match kind {
        RunEventKind::Skipped { why } => Some(why.clone()),
        _ => None,
    });
    assert!(matches!(
        why,
        Some(WhySkipped::UpstreamEnded { outcome: RunOutcome::Failed, run, .. })
            if run.as_str() == "extract-20260601T010000Z"
    ));
}

#[tokio::test]
async fn what_is_due_after_a_skipped_time_is_skipped_too() {
    // Twenty minutes of work every fifteen: every other run of `extract` is skipped.
    let mut world = world(&[
        job("extract", "twenty", "cron = \"*/15 * * * *\"\noverlap = \"skip\""),
        job("report", "ten", "after = [\"extract\"]"),
    ])
    .await;
    world.run_for(mins(95)).await;
    assert!(world.store.run(&"extract-20260601T003000Z".into()).await.unwrap().is_none());
    let report = run(&world, "report-20260601T003000Z").await;
    assert_eq!(outcome(&report), Some(RunOutcome::Skipped));
    let report = run(&world, "report-20260601T001500Z").await;
    assert_eq!(outcome(&report), Some(RunOutcome::Succeeded));
}

#[tokio::test]
async fn only_times_that_all_have_are_due() {
    let mut world = world(&[
        job("hourly", "ten", "cron = \"0 * * * *\""),
        job("two-hourly", "ten", "cron = \"0 */2 * * *\""),
        job("both", "ten", "after = [\"hourly\", \"two-hourly\"]"),
    ])
    .await;
    world.run_for(mins(60 * 5)).await;
    let mut due: Vec<String> = world
        .runs()
        .await
        .iter()
        .filter(|run| run.job.as_str() == "both")
        .map(|run| run.scheduled_for.strftime("%H:%M").to_string())
        .collect();
    due.sort();
    assert_eq!(due, ["02:00", "04:00"]);
}

#[tokio::test]
async fn a_waiting_run_survives_a_restart_and_its_upstream_job_leaving() {
    let jobs = [
        job("extract", "twenty", "cron = \"0 * * * *\""),
        job("report", "ten", "after = [\"extract\"]"),
    ];
    let mut world = world(&jobs).await;
    world.run_for(mins(65)).await;
    // While it waits, `extract` leaves the catalogue, and `report` gets times of its own. The upstream
    // run that is at Batch goes on.
    world.catalogue = HEAD.to_owned() + &job("report", "ten", "cron = \"30 5 * * *\"");
    world.restart().await;
    world.run_for(mins(50)).await;
    let report = run(&world, "report-20260601T010000Z").await;
    assert_eq!(outcome(&report), Some(RunOutcome::Succeeded));
}

#[tokio::test]
async fn a_run_whose_upstream_can_never_come_does_not_wait_for_ever() {
    let jobs = [
        job("extract", "twenty", "cron = \"0 * * * *\"\nspread = \"20m\""),
        job("report", "ten", "after = [\"extract\"]"),
    ];
    let mut world = world(&jobs).await;
    // `report` is due on the hour; `extract` starts some minutes later, and is gone by then.
    world.run_for(mins(61)).await;
    assert!(world.store.run(&"extract-20260601T010000Z".into()).await.unwrap().is_none());
    world.catalogue = HEAD.to_owned() + &job("report", "ten", "cron = \"30 5 * * *\"");
    world.restart().await;
    world.run_for(mins(5)).await;
    let report = run(&world, "report-20260601T010000Z").await;
    assert_eq!(outcome(&report), Some(RunOutcome::Skipped));
}

#[tokio::test]
async fn an_upstream_run_that_is_retried_has_not_ended() {
    let mut world = world(&[
        job("extract", "broken", "cron = \"0 * * * *\""),
        job("slow", "twenty", "cron = \"0 * * * *\""),
        job("alarm", "ten", "after = [{ job = \"extract\", when = \"failed\" }, \"slow\"]"),
    ])
    .await;
    world.run_for(mins(70)).await;
    let of = async |world: &World, job: &str| run(world, &format!("{job}-20260601T010000Z")).await;
    assert_eq!(outcome(&of(&world, "extract").await), Some(RunOutcome::Failed));
    // One process sees all of it.
    let mut tasks = all_tasks(&world.shared);
    let release = tasks.iter_mut().find(|task| task.name() == "release").unwrap();
    let now = world.clock.now();
    release.activate(now).await.unwrap();
    assert!(matches!(of(&world, "alarm").await.state, RunState::Waiting { .. }));
    let retry = json!({ "command": "retry", "run": "extract-20260601T010000Z" });
    tell(&world, retry).await.unwrap();
    release.activate(now).await.unwrap();
    let mut change = Change::default();
    for upstream in ["extract", "slow"] {
        let mut run = of(&world, upstream).await;
        run.version += 1;
        run.state = RunState::Ended { outcome: RunOutcome::Succeeded, at: now };
        change.update(run);
    }
    world.shared.book.commit(change).await.unwrap();
    release.activate(now).await.unwrap();
    assert_eq!(outcome(&of(&world, "alarm").await), Some(RunOutcome::Skipped));
}
