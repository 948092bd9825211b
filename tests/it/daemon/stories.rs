//! Single runs told from due to settled.

use jiff::SignedDuration;
use spotcron::daemon::Mode;
use spotcron::domain::{Capacity, LegCause, RunOutcome};
use spotcron::ledger::Counter;
use spotcron::ports::SkipQuery;
use spotcron::run::{Run, RunEventKind, RunState};
use spotcron::schedule::SkipReason;

use super::world::{BEGIN, World, check, scenario};
use crate::samples::at;

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

fn outcome(run: &Run) -> Option<RunOutcome> {
    match run.state {
        RunState::Ended { outcome, .. } => Some(outcome),
        _ => None,
    }
}

#[tokio::test]
async fn a_calm_day_runs_on_spot_and_saves() {
    let mut world = World::new(1, 0.0).await;
    world.run_for(hours(24)).await;
    check(&world, at(BEGIN)).await;
    let runs = world.runs().await;
    let ended: Vec<&Run> = runs.iter().filter(|run| outcome(run).is_some()).collect();
    assert!(ended.len() > 75, "{} of {}", ended.len(), runs.len());
    for run in ended {
        assert_eq!(outcome(run), Some(RunOutcome::Succeeded), "{}", run.id);
        assert_eq!(run.legs.len(), 1);
        assert_eq!(run.legs[0].capacity, Capacity::Spot);
        assert!(!run.deadline_missed);
    }
    let saved = world.shared.book.tally().realized_savings();
    assert!(!saved.is_negative() && saved.nanos() > 0);
}

#[tokio::test]
async fn a_reclaimed_run_is_told_from_a_failure_and_repeated() {
    let mut world = World::new(2, 0.0).await;
    world.run_for(SignedDuration::from_mins(32)).await;
    let before = world.runs().await.into_iter().find(|run| run.id.as_str().starts_with("import"));
    let run = before.unwrap();
    assert!(run.legs[0].started_at.is_some(), "it runs: {:?}", run.state);
    world.cloud.crunch_all(SignedDuration::from_mins(4));
    world.run_for(hours(3)).await;
    let run = world.store.run(&run.id).await.unwrap().unwrap();
    assert_eq!(outcome(&run), Some(RunOutcome::Succeeded));
    assert_eq!(run.legs[1].cause, LegCause::Interrupted);
    assert_eq!(run.failures, 0, "a reclaim is no failure of the application");
    let credited = world
        .entries()
        .await
        .into_iter()
        .find(|entry| entry.key.run == run.id && entry.key.leg == 0);
    let credited = credited.unwrap();
    let priced = credited.priced().unwrap();
    assert!(priced.first_hour_credit, "EC2 took the instance back in its first hour");
    assert_eq!(priced.cost.nanos(), 0);
    check(&world, at(BEGIN)).await;
}

#[tokio::test]
async fn a_starved_run_moves_on_demand_after_its_wait_budget() {
    let mut world = World::new(3, 0.0).await;
    world.run_for(SignedDuration::from_mins(5)).await;
    world.cloud.crunch_all(hours(6));
    world.run_for(hours(2)).await;
    let run = world.runs().await.into_iter().rfind(|run| run.id.as_str().starts_with("import"));
    let run = run.unwrap();
    assert_eq!(outcome(&run), Some(RunOutcome::Succeeded), "{:?}", run.state);
    assert_eq!(run.legs[0].capacity, Capacity::Spot);
    assert_eq!(run.legs[1].capacity, Capacity::OnDemand);
    assert_eq!(run.legs[1].cause, LegCause::Starved);
    let waited = run.legs[1].intended_at.duration_since(run.legs[0].submitted_at.unwrap());
    assert!(waited >= SignedDuration::from_mins(15) && waited < SignedDuration::from_mins(17));
    let kinds = world.kinds(&run.id).await;
    assert!(
        kinds.iter().any(|kind| matches!(
            kind,
            RunEventKind::StopRequested { cause: LegCause::Starved, .. }
        ))
    );
    // The environment is left alone for a while: later runs go on demand at once.
    let later = world.runs().await.into_iter().find(|run| {
        run.scheduled_for == at("2026-06-01T00:40:00Z") && run.id.as_str().starts_with("import")
    });
    assert_eq!(later.unwrap().legs[0].capacity, Capacity::OnDemand);
    assert!(world.count(|c| matches!(c, Counter::Fallbacks { cause: LegCause::Starved, .. })) >= 2);
    check(&world, at(BEGIN)).await;
}

#[tokio::test]
async fn trouble_never_costs_a_deadline_that_leaves_room() {
    for seed in 0..6 {
        let mut world = World::new(seed, 3.0).await;
        world.run_for(hours(36)).await;
        check(&world, at(BEGIN)).await;
        let interrupted = world.count(|c| {
            matches!(c, Counter::Attempts { end: spotcron::domain::AttemptEnd::Interrupted, .. })
        });
        let missed = world.count(|c| matches!(c, Counter::DeadlinesMissed { .. }));
        assert!(interrupted > 0, "seed {seed} shows nothing");
        assert_eq!(missed, 0, "seed {seed}: {interrupted} interruptions");
    }
}

#[tokio::test]
async fn observing_decides_and_submits_nothing() {
    let mut world = World::new(4, 0.0).await;
    world.mode = Mode::Observe;
    world.restart().await;
    world.run_for(hours(5)).await;
    assert_eq!(world.cloud.submission_count(), 0);
    let runs = world.runs().await;
    assert!(runs.len() >= 14);
    assert!(runs.iter().all(|run| outcome(run) == Some(RunOutcome::Observed)));
    assert!(world.count(|c| matches!(c, Counter::Decisions { .. })) >= 14);
}

#[tokio::test]
async fn the_same_seed_tells_the_same_story() {
    let tell = |seed| async move {
        let mut world = World::of(super::world::CATALOGUE, scenario(2.0), seed).await;
        world.run_for(hours(24)).await;
        let mut story = String::new();
        for run in world.runs().await {
            for event in world.store.events(&run.id).await.unwrap() {
                story.push_str(&serde_json::to_string(&event).unwrap());
                story.push('\n');
            }
        }
        story
    };
    let first = tell(11).await;
    assert_eq!(first, tell(11).await);
    assert_ne!(first, tell(12).await);
}

#[tokio::test]
async fn an_outage_longer_than_the_catch_up_window_is_told() {
    let mut world = World::new(5, 0.0).await;
    world.run_for(hours(2)).await;
    // The process is down for five hours; the window is one.
    world.clock.advance_to(at("2026-06-01T07:01:00Z"));
    world.restart().await;
    world.run_for(hours(1)).await;
    let imports = world.runs().await.into_iter().filter(|run| run.job.as_str() == "import");
    let at_times: Vec<String> = imports
        .map(|run| run.scheduled_for.to_string())
        .filter(|time| time.as_str() > "2026-06-01T02:00:00Z" && time.as_str() < "2026-06-01T07:10")
        .collect();
    let caught_up = ["2026-06-01T06:20:00Z", "2026-06-01T06:40:00Z", "2026-06-01T07:00:00Z"];
    let mut sorted = at_times.clone();
    sorted.sort();
    assert_eq!(sorted, caught_up);
    assert_eq!(
        world.count(|c| matches!(c, Counter::RunsSkipped { job, .. } if job.as_str() == "import")),
        12
    );
    let query = SkipQuery { job: Some("import".into()), ..SkipQuery::default() };
    let told = world.store.skips(&query).await.unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].count, told[0].reason), (12, SkipReason::CatchUpWindow));
}
