//! A run that is due while earlier runs of its job are open.

use jiff::Timestamp;
use spotcron::domain::{Capacity, RunOutcome};
use spotcron::ports::SkipQuery;
use spotcron::run::{Run, RunEventKind, RunState};
use spotcron::schedule::SkipReason;
use spotcron::sim::Scenario;

use super::world::World;
use crate::samples::{at, mins};

/// One job, due every ten minutes, whose attempts take 25 minutes.
async fn world(overlap: &str) -> World {
    world_on("on-demand", overlap).await
}

/// The same on one kind of capacity.
async fn world_on(capacity: &str, overlap: &str) -> World {
    let catalogue = format!(
        "[[environments]]\nname = \"steady\"\nqueue = \"{capacity}\"\ncapacity = \"{capacity}\"\n\
         region = \"us-east-1\"\n\
         [[classes]]\nname = \"c\"\nenvironments = [\"steady\"]\nexpected_duration = \"25m\"\n\
         [[jobs]]\nname = \"job\"\nclass = \"c\"\ncron = \"*/10 * * * *\"\n\
         definition = \"work:1\"\nvcpus = 1\nmemory_mib = 2048\noverlap = \"{overlap}\"\n"
    );
    let mut scenario = Scenario::empty("us-east-1", "a")
        .with_queue("on-demand", Capacity::OnDemand, &["m6i.xlarge"], 256)
        .with_queue("spot", Capacity::Spot, &["m6i.xlarge"], 256)
        .with_definition("work", 25 * 60);
    scenario.market.reclaim_scale = 0.0;
    World::of(&catalogue, scenario, 1).await
}

/// `00:10 succeeded 00:13..00:38`: when it was due, what became of it, and when its job ran.
fn told(run: &Run) -> String {
    let minute = |at: Timestamp| at.strftime("%H:%M").to_string();
    let leg = run.last_leg();
    let ran = leg.and_then(|leg| leg.started_at).map_or_else(String::new, |started| {
        let ended = leg.and_then(|leg| leg.ended_at).map(minute).unwrap_or_default();
        format!(" {}..{ended}", minute(started))
    });
    format!("{} {}{ran}", minute(run.scheduled_for), run.state.label())
}

async fn story(world: &World) -> Vec<String> {
    let mut runs = world.runs().await;
    runs.sort_by_key(|run| run.scheduled_for);
    runs.iter().map(told).collect()
}

/// Whether two jobs of different runs were ever placed at once, from what the account saw.
async fn overlapped(world: &World) -> bool {
    let mut ran: Vec<(Timestamp, Timestamp)> = Vec::new();
    for run in world.runs().await {
        for attempt in world.store.attempts(&run.id).await.unwrap() {
            if let (Some(from), Some(to)) = (attempt.started_at, attempt.stopped_at) {
                ran.push((from, to));
            }
        }
    }
    ran.sort();
    ran.windows(2).any(|pair| pair[1].0 < pair[0].1)
}

async fn skips(world: &World) -> u64 {
    let skips = world.store.skips(&SkipQuery::default()).await.unwrap();
    assert!(skips.iter().all(|skip| skip.reason == SkipReason::Overlap), "{skips:?}");
    skips.iter().map(|skip| skip.count).sum()
}

#[tokio::test]
async fn allow_all_lets_runs_run_side_by_side() {
    let mut world = world("allow-all").await;
    world.run_for(mins(65)).await;
    assert!(overlapped(&world).await);
    assert_eq!(world.runs().await.len(), 6);
}

#[tokio::test]
async fn skip_leaves_out_what_is_due_meanwhile() {
    let mut world = world("skip").await;
    world.run_for(mins(65)).await;
    assert!(!overlapped(&world).await);
    let due: Vec<String> = story(&world).await.iter().map(|run| run[..5].to_owned()).collect();
    assert_eq!(due, ["00:10", "00:40"], "the second starts when the first has ended");
    assert_eq!(skips(&world).await, 4);
}

#[tokio::test]
async fn buffer_one_lets_one_wait_and_skips_the_others() {
    let mut world = world("buffer-one").await;
    world.run_for(mins(65)).await;
    assert!(!overlapped(&world).await);
    let story = story(&world).await;
    assert!(story[0].starts_with("00:10 succeeded"), "{story:?}");
    assert!(
        story[1].starts_with("00:20 succeeded"),
        "it began when the first had ended: {story:?}"
    );
    assert_eq!(story.len() as u64 + skips(&world).await, 6, "{story:?}");
    assert!(story[2].starts_with("00:40 watching"), "{story:?}");
}

#[tokio::test]
async fn buffer_all_runs_one_after_another_in_order() {
    let mut world = world("buffer-all").await;
    world.run_for(mins(130)).await;
    assert!(!overlapped(&world).await);
    let runs = world.runs().await;
    assert_eq!((runs.len(), skips(&world).await), (13, 0));
    let story = story(&world).await;
    let succeeded = story.iter().filter(|run| run.contains("succeeded")).count();
    assert!(succeeded >= 3, "{story:?}");
    assert!(story[..succeeded].iter().all(|run| run.contains("succeeded")), "in order: {story:?}");
    assert!(story[succeeded + 1..].iter().all(|run| run.ends_with("waiting")), "{story:?}");
}

#[tokio::test]
async fn terminate_other_ends_what_runs_and_starts_only_then() {
    let mut world = world("terminate-other").await;
    world.run_for(mins(45)).await;
    assert!(!overlapped(&world).await);
    let story = story(&world).await;
    assert!(story[..3].iter().all(|run| run.contains("cancelled")), "{story:?}");
    assert!(!story[3].contains("cancelled"), "{story:?}");
    let first = world.runs().await.into_iter().min_by_key(|run| run.scheduled_for).unwrap();
    let kinds = world.kinds(&first.id).await;
    assert!(kinds.iter().any(|kind| matches!(kind, RunEventKind::StopWanted { .. })));
    let reason = first.last_leg().and_then(|leg| leg.reason.clone()).unwrap();
    assert!(reason.contains("job-20260601T002000Z is due"), "{reason}");
}

#[tokio::test]
async fn cancel_other_leaves_alone_what_runs_and_drops_what_has_not_started() {
    let mut world = world("cancel-other").await;
    world.run_for(mins(65)).await;
    assert!(!overlapped(&world).await);
    let story = story(&world).await;
    assert!(story[0].starts_with("00:10 succeeded"), "{story:?}");
    assert_eq!(story[1], "00:20 cancelled", "it waited when the next was due");
    let at_once =
        RunState::Ended { outcome: RunOutcome::Cancelled, at: at("2026-06-01T00:30:00Z") };
    assert!(world.runs().await.iter().any(|run| run.state == at_once), "{story:?}");
}

/// A run that had started was cancelled when its host was taken back, because the policy's wish to
/// cancel it was never dropped.
#[tokio::test]
async fn cancel_other_does_not_end_a_started_run_that_loses_its_host() {
    let mut world = world_on("spot", "cancel-other").await;
    // 00:20 and 00:30 are due while the run of 00:10 runs, and want it cancelled if it has not started.
    world.run_for(mins(31)).await;
    let first = "job-20260601T001000Z".into();
    let before = world.store.run(&first).await.unwrap().unwrap();
    assert!(before.stop.is_some() && before.legs[0].started_at.is_some(), "{before:?}");
    for instance in world.cloud.running_spot_instances() {
        world.cloud.reclaim(&instance.id, mins(0));
    }
    world.run_for(mins(60)).await;
    let run = world.store.run(&first).await.unwrap().unwrap();
    assert_eq!(run.state.label(), "succeeded", "{run:?}");
    assert_eq!(run.legs.len(), 2);
    assert!(!overlapped(&world).await);
}

#[tokio::test]
async fn a_buffered_run_survives_a_restart() {
    let mut world = world("buffer-all").await;
    world.run_for(mins(25)).await;
    world.restart().await;
    world.run_for(mins(60)).await;
    let story = story(&world).await;
    assert!(story[1].starts_with("00:20 succeeded"), "{story:?}");
    assert!(!overlapped(&world).await);
}
