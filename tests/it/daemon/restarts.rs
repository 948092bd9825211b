//! What a new process makes of what the old one left, and of a catalogue that changed under it.

use std::sync::Arc;

use jiff::SignedDuration;
use spotcron::daemon::{Mode, all_tasks, run_realtime};
use spotcron::domain::{Capacity, InstanceEnd, LegCause};
use spotcron::ledger::Counter;
use spotcron::ports::Write;
use spotcron::run::{RunEventKind, RunState};
use spotcron::sim::{Fault, Faults, Operation};
use tokio::sync::{Semaphore, watch};

use super::edges::TroubledBatch;
use super::world::{CATALOGUE, NoWakes, World, parse, scenario};
use crate::samples::at;

fn mins(mins: i64) -> SignedDuration {
    SignedDuration::from_mins(mins)
}

/// `CATALOGUE` with one array job in place of its jobs.
fn array_catalogue() -> String {
    let classes = CATALOGUE.split("[[jobs]]").next().unwrap();
    format!(
        r#"{classes}
[[jobs]]
name = "wide"
class = "long"
cron = "5 */3 * * *"
time_zone = "UTC"
definition = "hour:1"
array_size = 5
vcpus = 1
memory_mib = 2048
"#
    )
}

#[tokio::test]
async fn an_array_whose_children_run_is_not_starved() {
    let mut world = World::of(&array_catalogue(), scenario(0.0), 1).await;
    world.run_for(mins(150)).await;
    let run = world.runs().await.into_iter().next().unwrap();
    assert_eq!(run.state.label(), "succeeded", "{run:?}");
    assert_eq!(run.legs.len(), 1);
    let kinds = world.kinds(&run.id).await;
    assert!(!kinds.iter().any(|kind| matches!(kind, RunEventKind::StopRequested { .. })));
    assert!(run.legs[0].started_at.is_some(), "it started with its first child");
}

#[tokio::test]
async fn an_array_is_counted_once_over_restarts_and_a_smaller_catalogue() {
    let mut world = World::of(&array_catalogue(), scenario(2.0), 3).await;
    for _ in 0..12 {
        world.run_for(mins(13)).await;
        world.restart().await;
    }
    let run = world.runs().await.into_iter().next().unwrap();
    let attempts = world.store.attempts(&run.id).await.unwrap();
    let ended = attempts.iter().filter(|attempt| attempt.end.is_some()).count();
    assert!(ended >= 5, "{ended}");
    assert_eq!(world.count(|c| matches!(c, Counter::Attempts { .. })), ended as i128);
    let told = world.kinds(&run.id).await;
    let told = told.iter().filter(|kind| matches!(kind, RunEventKind::AttemptEnded { .. }));
    assert_eq!(told.count(), ended);
}

#[tokio::test]
async fn an_arrays_children_are_seen_when_its_job_left_the_catalogue() {
    let mut world = World::of(&array_catalogue(), scenario(0.0), 1).await;
    world.run_for(mins(7)).await;
    let id = world.runs().await[0].id.clone();
    let without = CATALOGUE.split("[[jobs]]").next().unwrap().to_owned();
    world.shared.replace_catalogue(parse(&without));
    world.run_for(mins(140)).await;
    let attempts = world.store.attempts(&id).await.unwrap();
    assert_eq!(attempts.iter().filter(|attempt| attempt.end.is_some()).count(), 5);
}

#[tokio::test]
async fn a_run_whose_class_left_the_catalogue_comes_to_its_end() {
    let mut world = World::new(1, 0.0).await;
    world.run_for(mins(32)).await;
    let before = world.runs().await.into_iter().find(|run| run.job.as_str() == "import").unwrap();
    assert_eq!(before.state, RunState::Watching);
    let kept = CATALOGUE.split("[[classes]]").next().unwrap().to_owned();
    world.shared.replace_catalogue(parse(&kept));
    world.run_for(mins(60)).await;
    let after = world.store.run(&before.id).await.unwrap().unwrap();
    assert_eq!(after.state.label(), "succeeded", "{:?}", after.state);
    let attempts = world.store.attempts(&before.id).await.unwrap();
    assert!(attempts[0].end.is_some());
}

#[tokio::test]
async fn observing_sends_and_stops_nothing_of_what_an_earlier_process_left() {
    let mut world = World::new(1, 0.0).await;
    world.run_for(mins(5)).await;
    world.cloud.crunch_all(SignedDuration::from_hours(6));
    world.run_for(mins(20)).await;
    let waiting = world.runs().await.into_iter().find(|run| run.state == RunState::Watching);
    let waiting = waiting.expect("a run waits for capacity");
    world.cloud.set_faults(Faults::default().with(Operation::SubmitJob, Fault::LostBefore, 1.0));
    world.run_for(mins(16)).await;
    let sent = world.cloud.submission_count();
    let uncertain = world.runs().await.iter().filter(|r| r.state.label() == "uncertain").count();
    assert!(uncertain > 0, "an intent is left");
    world.cloud.set_faults(Faults::default());
    world.mode = Mode::Observe;
    let stops = |kinds: &[RunEventKind]| {
        kinds.iter().filter(|kind| matches!(kind, RunEventKind::StopRequested { .. })).count()
    };
    let stopped_before = stops(&world.kinds(&waiting.id).await);
    world.restart().await;
    world.run_for(mins(60)).await;
    assert_eq!(world.cloud.submission_count(), sent);
    assert_eq!(stops(&world.kinds(&waiting.id).await), stopped_before);
    assert!(world.runs().await.iter().all(|run| run.state.label() != "uncertain"));
}

#[tokio::test]
async fn an_instance_end_noted_just_before_a_death_still_settles_its_attempts() {
    let mut world = World::new(1, 0.0).await;
    world.run_for(mins(50)).await;
    let provisional = world.shared.book.provisional_entries();
    let entry = provisional.first().expect("an attempt on a young instance is provisional");
    let id = entry.instance_id.clone().unwrap();
    let mut facts = world.store.instances(std::slice::from_ref(&id)).await.unwrap().remove(0);
    facts.ended_at = Some(facts.seen_at.max(entry.ended_at));
    facts.end = Some(InstanceEnd::Requested);
    world.store.commit(vec![Write::Instance(facts)]).await.unwrap();
    // Nobody tells the new process of the instance again.
    world.cloud.set_faults(
        Faults::default()
            .with(Operation::DescribeContainerInstances, Fault::Unavailable, 1.0)
            .with(Operation::DescribeInstances, Fault::Unavailable, 1.0),
    );
    world.restart().await;
    world.run_for(mins(10)).await;
    assert_eq!(world.shared.book.provisional(&entry.key), None);
}

#[tokio::test]
async fn an_instances_end_is_when_it_was_first_seen_ended() {
    let mut world = World::new(1, 0.0).await;
    world.run_for(mins(30)).await;
    let mut facts = world.shared.instances().values().next().cloned().unwrap();
    let first = facts.seen_at;
    facts.ended_at = Some(first);
    facts.end = Some(InstanceEnd::Reclaimed);
    assert!(world.shared.note_instance(&facts).is_some());
    facts.ended_at = Some(first + mins(40));
    assert!(world.shared.note_instance(&facts).is_none(), "it says nothing new");
    assert_eq!(world.shared.instances()[&facts.id].ended_at, Some(first));
}

#[tokio::test]
async fn the_first_decision_waits_for_the_first_prices() {
    let mut world = World::new(1, 0.0).await;
    world.run_for(mins(19)).await;
    world.clock.advance_to(at("2026-06-01T00:20:30Z"));
    let queues = Arc::new(Semaphore::new(0));
    let mut batch = TroubledBatch::over(&world.ports.batch);
    batch.queues = Some(Arc::clone(&queues));
    world.ports.batch = Arc::new(batch);
    world.restart().await;
    let (stop, stopped) = watch::channel(false);
    let shared = Arc::clone(&world.shared);
    let tasks = all_tasks(&shared);
    let daemon = tokio::spawn(async move { run_realtime(shared, tasks, &NoWakes, stopped).await });
    // Everything else has had its first activation while discovery still waits for Batch.
    while ["schedule", "dispatch", "list-prices", "spot-prices"].iter().any(|task| {
        world.shared.status.snapshot().get(task).is_none_or(|status| status.activations == 0)
    }) {
        tokio::task::yield_now().await;
    }
    let due = world.shared.book.open_where(|run| run.job.as_str() == "import");
    let undecided =
        RunState::NeedsLeg { cause: LegCause::Scheduled, not_before: at("2026-06-01T00:20:30Z") };
    assert_eq!(due[0].state, undecided, "neither decided nor held");
    let sent_before = world.cloud.submission_count();
    queues.add_permits(1000);
    while world.cloud.submission_count() == sent_before {
        tokio::task::yield_now().await;
    }
    stop.send_replace(true);
    daemon.await.unwrap().unwrap();
    let run = world.store.run(&due[0].id).await.unwrap().unwrap();
    let kinds = world.kinds(&run.id).await;
    let decided = kinds.iter().find_map(|kind| match kind {
        RunEventKind::Decided { decision, .. } => decision.chosen.clone(),
        _ => None,
    });
    assert_eq!(decided, Some("spot".into()), "{kinds:#?}");
    assert_eq!(run.legs[0].capacity, Capacity::Spot);
}
