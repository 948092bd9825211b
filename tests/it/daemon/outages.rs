//! What fails for one run, one region or one commit stays there.

use std::sync::Arc;

use jiff::SignedDuration;
use spotcron::domain::{Capacity, RunOutcome};
use spotcron::ledger::Counter;
use spotcron::ports::{Store, Write};
use spotcron::run::{Run, RunEventKind, RunState};
use spotcron::sim::{Fault, Faults, Operation};

use super::edges::{FailingStore, TroubledBatch};
use super::world::{BEGIN, CATALOGUE, World, check, scenario};
use crate::samples::at;

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

fn succeeded(run: &Run) -> bool {
    matches!(run.state, RunState::Ended { outcome: RunOutcome::Succeeded, .. })
}

async fn world_with_failing_store(seed: u64) -> (World, Arc<FailingStore>) {
    let mut world = World::new(seed, 0.0).await;
    let store = FailingStore::over(&world.store);
    world.store = Arc::clone(&store) as Arc<dyn Store>;
    world.restart().await;
    (world, store)
}

#[tokio::test]
async fn an_answer_that_the_store_did_not_take_is_looked_up_and_not_sent_again() {
    let (mut world, store) = world_with_failing_store(1).await;
    store.refuse_once(|writes| {
        writes.iter().any(|write| {
            matches!(write, Write::Event(event) if matches!(event.kind, RunEventKind::Submitted { .. }))
        })
    });
    world.run_for(hours(2)).await;
    assert!(store.has_refused());
    check(&world, at(BEGIN)).await;
    let first = world.runs().await.into_iter().min_by_key(|run| run.scheduled_for).unwrap();
    assert!(succeeded(&first), "{:?}", first.state);
}

#[tokio::test]
async fn an_attempt_that_the_store_did_not_take_is_counted_once() {
    let (mut world, store) = world_with_failing_store(1).await;
    store.refuse_once(|writes| {
        writes.iter().any(|write| {
            matches!(write, Write::Event(event) if matches!(event.kind, RunEventKind::AttemptEnded { .. }))
        })
    });
    world.run_for(hours(3)).await;
    assert!(store.has_refused());
    check(&world, at(BEGIN)).await;
    let ended = world.count(|c| matches!(c, Counter::Attempts { .. }));
    let learnt: u64 =
        world.shared.experience().environments.values().map(|seen| seen.attempts).sum();
    assert_eq!(i128::from(learnt), ended, "the experience holds every attempt once");
}

#[tokio::test]
async fn a_region_that_cannot_be_watched_does_not_hide_the_others() {
    let catalogue = format!(
        r#"{CATALOGUE}
[[environments]]
name = "abroad"
queue = "steady"
capacity = "on-demand"
region = "eu-west-1"

[[classes]]
name = "abroad"
environments = ["abroad"]
expected_duration = "20m"

[[jobs]]
name = "abroad"
class = "abroad"
cron = "5 * * * *"
time_zone = "UTC"
definition = "twenty:1"
vcpus = 1
memory_mib = 2048
"#
    );
    let mut world = World::of(&catalogue, scenario(0.0), 1).await;
    world.ports.batch = Arc::new(TroubledBatch::over(&world.ports.batch));
    world.restart().await;
    world.run_for(hours(2)).await;
    let runs = world.runs().await;
    let import =
        |run: &&Run| run.job.as_str() == "import" && run.scheduled_for < at("2026-06-01T01:00:00Z");
    assert!(runs.iter().filter(import).count() >= 2);
    for run in runs.iter().filter(import) {
        assert!(succeeded(run), "{}: {:?}", run.id, run.state);
    }
    for run in runs.iter().filter(|run| run.job.as_str() == "abroad") {
        assert_eq!(run.state, RunState::Watching, "what cannot be seen is not lost");
    }
}

#[tokio::test]
async fn a_duplicate_that_cannot_be_terminated_stops_no_other_run() {
    let mut world = World::new(1, 0.0).await;
    let mut batch = TroubledBatch::over(&world.ports.batch);
    batch.twin = Some("twin".into());
    world.ports.batch = Arc::new(batch);
    world.restart().await;
    world.cloud.set_faults(Faults::default().on_call(Operation::SubmitJob, 1, Fault::LostAfter));
    world.run_for(hours(2)).await;
    let runs = world.runs().await;
    let others = runs.iter().filter(|run| {
        run.scheduled_for > at("2026-06-01T00:20:00Z")
            && run.scheduled_for < at("2026-06-01T01:10:00Z")
    });
    for run in others {
        assert!(succeeded(run), "{}: {:?}", run.id, run.state);
    }
}

#[tokio::test]
async fn a_task_that_failed_runs_again_sooner_than_its_period() {
    let mut world = World::new(1, 0.0).await;
    world.cloud.set_faults(
        Faults::default().on_call(Operation::GetProducts, 1, Fault::Unavailable).on_call(
            Operation::GetProducts,
            2,
            Fault::Unavailable,
        ),
    );
    world.run_for(hours(1)).await;
    let tasks = world.shared.status.snapshot();
    assert!(tasks["list-prices"].failures > 0, "the fault was met");
    assert_eq!(tasks["list-prices"].error, None, "and made good within the hour");
    let late = world.runs().await.into_iter().find(|run| {
        run.job.as_str() == "import" && run.scheduled_for == at("2026-06-01T01:00:00Z")
    });
    assert_eq!(late.unwrap().legs[0].capacity, Capacity::Spot);
}
