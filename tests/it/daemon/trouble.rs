//! Trouble with queues, renamed things and doubtful ends: no run is lost for it, and none is stopped
//! for nothing.

use std::sync::Arc;

use jiff::SignedDuration;
use spotcron::daemon::Cloud;
use spotcron::domain::{AttemptEnd, Capacity, LegCause, RunOutcome};
use spotcron::ledger::Counter;
use spotcron::ports::BatchService;
use spotcron::run::{Run, RunEventKind, RunState};
use spotcron::sim::{Fault, Faults, Operation, Scenario};

use super::edges::TroubledBatch;
use super::world::{BEGIN, CATALOGUE, World, check, parse, scenario, wide_array};
use crate::samples::{self, at, mins};

/// A world whose Batch is in the trouble that `trouble` makes.
async fn troubled(mut world: World, trouble: impl FnOnce(&mut TroubledBatch)) -> World {
    let mut batch = TroubledBatch::over(&world.ports.batch);
    trouble(&mut batch);
    let batch: Arc<dyn BatchService> = Arc::new(batch);
    world.ports = Cloud { batch, ..world.ports.clone() };
    world.restart().await;
    world
}

async fn first_import(world: &World) -> Run {
    let runs = world.runs().await;
    let imports = runs.into_iter().filter(|run| run.job.as_str() == "import");
    imports.min_by_key(|run| run.scheduled_for).expect("an import was due")
}

fn outcome(run: &Run) -> Option<RunOutcome> {
    match run.state {
        RunState::Ended { outcome, .. } => Some(outcome),
        _ => None,
    }
}

#[tokio::test]
async fn a_queue_that_was_disabled_since_the_last_look_costs_no_run() {
    let world = World::new(1, 0.0).await;
    let mut world = troubled(world, |batch| batch.refusing_queues = vec!["spot".to_owned()]).await;
    world.run_for(mins(120)).await;
    check(&world, at(BEGIN)).await;
    let run = first_import(&world).await;
    assert_eq!(outcome(&run), Some(RunOutcome::Succeeded));
    assert_eq!(run.legs.len(), 2);
    assert!(run.legs[0].never_was_at_batch(), "{:?}", run.legs[0]);
    assert_eq!(run.legs[1].cause, LegCause::Refused);
    assert_eq!(run.legs[1].capacity, Capacity::OnDemand);
}

#[tokio::test]
async fn a_run_that_every_queue_refuses_is_rejected_after_one_call_to_each() {
    let world = World::new(1, 0.0).await;
    let mut world = troubled(world, |batch| {
        batch.refusing_queues = vec!["spot".to_owned(), "steady".to_owned()]
    })
    .await;
    world.run_for(mins(30)).await;
    let run = first_import(&world).await;
    assert_eq!(outcome(&run), Some(RunOutcome::Rejected));
    assert_eq!(run.legs.len(), 2);
}

#[tokio::test]
async fn an_environment_without_a_queue_keeps_no_uncertain_run_waiting() {
    let ghost = CATALOGUE
        .replace("[[classes]]\nname = \"flexible\"", "[[environments]]\nname = \"ghost\"\nqueue = \"nowhere\"\ncapacity = \"spot\"\nregion = \"us-east-1\"\n\n[[classes]]\nname = \"flexible\"")
        .replacen("[\"spot\", \"steady\"]", "[\"ghost\", \"spot\", \"steady\"]", 1);
    let mut world = World::of(&ghost, scenario(0.0), 1).await;
    world.cloud.set_faults(Faults::default().on_call(Operation::SubmitJob, 2, Fault::LostAfter));
    world.run_for(mins(90)).await;
    assert_eq!(world.count(|c| matches!(c, Counter::OutcomesUnknown { .. })), 1);
    check(&world, at(BEGIN)).await;
    for run in world.runs().await.iter().filter(|r| r.scheduled_for < at("2026-06-01T00:45:00Z")) {
        assert_eq!(outcome(run).unwrap_or(RunOutcome::Succeeded), RunOutcome::Succeeded);
        assert_ne!(run.state.label(), "uncertain");
    }
}

#[tokio::test]
async fn a_renamed_class_and_environment_take_over_what_is_under_way() {
    let mut world = World::new(1, 0.0).await;
    world.run_for(mins(19)).await;
    world.cloud.set_faults(Faults::default().with(Operation::SubmitJob, Fault::Throttled, 1.0));
    world.run_for(mins(3)).await;
    let run = first_import(&world).await;
    assert_eq!(run.state.label(), "submitting");
    world.cloud.set_faults(Faults::default());
    let renamed = CATALOGUE
        .replace("name = \"spot\"", "name = \"cheap\"")
        .replace("[\"spot\", ", "[\"cheap\", ")
        .replace("\"flexible\"", "\"elastic\"");
    world.catalogue = renamed.clone();
    world.restart().await;
    world.run_for(mins(90)).await;
    let run = first_import(&world).await;
    assert_eq!(outcome(&run), Some(RunOutcome::Succeeded), "{run:?}");
    assert_eq!(run.legs.last().unwrap().environment.as_str(), "cheap");
    check(&world, at(BEGIN)).await;
}

#[tokio::test]
async fn a_decision_waits_for_the_first_look_behind_a_new_queue() {
    let mut world = World::new(1, 0.0).await;
    world.run_for(mins(5)).await;
    let renamed = CATALOGUE
        .replace("name = \"spot\"", "name = \"cheap\"")
        .replace("[\"spot\", ", "[\"cheap\", ");
    let catalogue = parse(&renamed);
    let class = Arc::clone(&catalogue.classes["flexible"]);
    let now = at("2026-06-01T00:05:00Z");
    assert_eq!(world.shared.waits_for_discovery(&class, now), None, "the same catalogue");
    world.shared.replace_catalogue(catalogue);
    let until = world.shared.waits_for_discovery(&class, now);
    assert_eq!(until, Some(at("2026-06-01T00:07:00Z")));
    assert_eq!(world.shared.waits_for_discovery(&class, at("2026-06-01T00:07:00Z")), None);
    world.run_for(mins(1)).await;
    let now = at("2026-06-01T00:06:00Z");
    assert_eq!(world.shared.waits_for_discovery(&class, now), None, "it was looked at");
}

#[tokio::test]
async fn a_starved_array_moves_on_demand() {
    let mut world = World::of(&wide_array(5), scenario(0.0), 1).await;
    world.run_for(mins(5)).await;
    world.cloud.crunch_all(SignedDuration::from_hours(6));
    world.run_for(mins(180)).await;
    let run = world.runs().await.into_iter().next().unwrap();
    assert_eq!(outcome(&run), Some(RunOutcome::Succeeded), "{run:?}");
    assert_eq!(run.legs.len(), 2);
    assert_eq!(run.legs[1].cause, LegCause::Starved);
    let attempts = world.store.attempts(&run.id).await.unwrap();
    assert_eq!(attempts.iter().filter(|a| a.end == Some(AttemptEnd::Succeeded)).count(), 5);
}

/// Containers take so long to start that the last moment for the deadline comes while they run.
fn slow_to_start() -> (String, Scenario) {
    // The model would not have tried an environment so dangerous.
    let catalogue =
        CATALOGUE.replace("deadline = \"3h\"", "deadline = \"50m\"\npolicy = \"fit-only\"");
    let mut scenario = scenario(0.0);
    scenario.timing.pull_secs = [780, 780];
    (catalogue, scenario)
}

async fn world_at_risk(catalogue: &str, scenario: Scenario) -> World {
    let world = World::of(catalogue, scenario, 1).await;
    // More than one reclaim an hour, as was seen: a risk that no running attempt may be left to.
    world.shared.experience().hazards = samples::hazards(10, 20);
    world
}

#[tokio::test]
async fn a_running_attempt_at_risk_is_moved_for_its_deadline() {
    let (catalogue, scenario) = slow_to_start();
    let mut world = world_at_risk(&catalogue, scenario).await;
    world.run_for(mins(100)).await;
    let run = first_import(&world).await;
    assert_eq!(run.legs[0].capacity, Capacity::Spot);
    assert_eq!(run.legs[1].cause, LegCause::DeadlineNear, "{run:?}");
    assert_eq!(run.legs[1].capacity, Capacity::OnDemand);
    assert_eq!(outcome(&run), Some(RunOutcome::Succeeded));
    assert!(run.legs[0].ended_at.unwrap() <= run.legs[1].intended_at, "seen FAILED first");
    let events = world.store.events(&run.id).await.unwrap();
    let asked = events.iter().find(|e| {
        matches!(e.kind, RunEventKind::StopRequested { cause: LegCause::DeadlineNear, .. })
    });
    // 23 minutes, and one of looking ahead, before the deadline at 01:10.
    assert_eq!(asked.unwrap().at, at("2026-06-01T00:46:00Z"));
    let attempts = world.store.attempts(&run.id).await.unwrap();
    assert_eq!(attempts[0].end, Some(AttemptEnd::Stopped));
    check(&world, at(BEGIN)).await;
}

#[tokio::test]
async fn an_attempt_is_not_stopped_for_a_queue_that_cannot_take_it() {
    let (catalogue, scenario) = slow_to_start();
    let world = world_at_risk(&catalogue, scenario).await;
    let dangerous = world.shared.experience().clone();
    let mut world =
        troubled(world, |batch| batch.disabled_queues = vec!["steady".to_owned()]).await;
    *world.shared.experience() = dangerous;
    world.run_for(mins(25)).await;
    world.run_for(mins(75)).await;
    let run = first_import(&world).await;
    assert_eq!(run.legs.len(), 1, "{run:?}");
    assert_eq!(outcome(&run), Some(RunOutcome::Succeeded));
}

#[tokio::test]
async fn a_reclaim_that_looks_like_a_failure_is_told_once_its_instances_end_is_known() {
    let world = World::new(3, 6.0).await;
    let mut world = troubled(world, |batch| batch.disguised_reclaims = true).await;
    world.cloud.set_faults(
        Faults::default().with(Operation::DescribeInstances, Fault::Throttled, 0.5).with(
            Operation::DescribeContainerInstances,
            Fault::Throttled,
            0.3,
        ),
    );
    world.run_for(SignedDuration::from_hours(24)).await;
    let interrupted =
        |c: &Counter| matches!(c, Counter::Attempts { end: AttemptEnd::Interrupted, .. });
    assert!(world.count(interrupted) >= 5, "{}", world.count(interrupted));
    let failed = |c: &Counter| matches!(c, Counter::Attempts { end: AttemptEnd::Failed, .. });
    assert_eq!(world.count(failed), 0, "nothing fails by itself in this world");
    check(&world, at(BEGIN)).await;
}

/// Without permission for the Price List nothing is priced; the permission comes a day later.
#[tokio::test]
async fn attempts_that_lacked_a_price_are_priced_when_it_comes() {
    let mut world = World::new(1, 0.0).await;
    world.cloud.set_faults(Faults::default().with(Operation::GetProducts, Fault::Denied, 1.0));
    world.run_for(SignedDuration::from_hours(4)).await;
    let unpriced = |c: &Counter| matches!(c, Counter::UnpricedAttempts { .. });
    let resolved = |c: &Counter| matches!(c, Counter::ResolvedUnpricedAttempts { .. });
    let before = world.count(unpriced);
    assert!(before > 5, "{before}");
    assert_eq!(world.count(resolved), 0);

    world.cloud.set_faults(Faults::default());
    world.restart().await;
    world.run_for(SignedDuration::from_hours(2)).await;
    assert_eq!(world.count(resolved), before);
    assert_eq!(world.count(unpriced), before, "no other became unpriced");
    check(&world, at(BEGIN)).await;
}
