//! Commands beside a job's overlap policy and its dependencies: what is asked for by hand takes its turn.

use serde_json::json;
use spotcron::clock::Clock;
use spotcron::daemon::all_tasks;
use spotcron::domain::Capacity;
use spotcron::run::Run;
use spotcron::sim::Scenario;

use super::operating::tell;
use super::world::World;
use crate::samples::mins;

/// `load` runs after `extract`, one run at a time; both every half hour, for ten minutes.
async fn world(overlap: &str) -> World {
    let job = |name: &str, when: &str| {
        format!(
            "[[jobs]]\nname = \"{name}\"\nclass = \"c\"\n{when}\ndefinition = \"work:1\"\n\
             vcpus = 1\nmemory_mib = 2048\noverlap = \"{overlap}\"\n"
        )
    };
    let catalogue = format!(
        "[[environments]]\nname = \"steady\"\nqueue = \"steady\"\ncapacity = \"on-demand\"\n\
         region = \"us-east-1\"\n\
         [[classes]]\nname = \"c\"\nenvironments = [\"steady\"]\nexpected_duration = \"10m\"\n{}{}",
        job("extract", "cron = \"*/30 * * * *\""),
        job("load", "after = [\"extract\"]"),
    );
    let scenario = Scenario::empty("us-east-1", "a")
        .with_queue("steady", Capacity::OnDemand, &["m6i.xlarge"], 256)
        .with_definition("work", 10 * 60);
    World::of(&catalogue, scenario, 1).await
}

async fn run(world: &World, id: &str) -> Run {
    world.store.run(&id.into()).await.unwrap().unwrap_or_else(|| panic!("there is no {id}"))
}

/// Whether two jobs of `name` were ever placed at once.
async fn overlapped(world: &World, name: &str) -> bool {
    let mut ran = Vec::new();
    for run in world.runs().await.iter().filter(|run| run.job.as_str() == name) {
        let attempts = world.store.attempts(&run.id).await.unwrap();
        ran.extend(attempts.into_iter().filter_map(|one| Some((one.started_at?, one.stopped_at?))));
    }
    ran.sort();
    ran.windows(2).any(|pair| pair[1].0 < pair[0].1)
}

#[tokio::test]
async fn a_trigger_waits_until_no_other_run_of_the_job_is_open() {
    for overlap in ["skip", "buffer-all", "terminate-other"] {
        let mut world = world(overlap).await;
        world.run_for(mins(35)).await;
        for _ in 0..2 {
            tell(&world, json!({ "command": "trigger", "job": "extract" })).await.unwrap();
        }
        assert_eq!(run(&world, "extract-20260601T003500Z-t1").await.state.label(), "waiting");
        // Long before the next scheduled time would stop or skip anything.
        world.run_for(mins(24)).await;
        assert_eq!(run(&world, "extract-20260601T003000Z").await.state.label(), "succeeded");
        let first = run(&world, "extract-20260601T003500Z-t1").await;
        assert!(!first.legs.is_empty(), "{overlap}: {:?}", first.state);
        world.run_for(mins(120)).await;
        assert!(!overlapped(&world, "extract").await, "{overlap}");
    }
}

#[tokio::test]
async fn a_backfill_is_in_nobody_s_way_and_runs_one_by_one_where_runs_must() {
    filled_in(["extract", "load"]).await;
}

/// The runs of `load` were skipped at once for want of those of `extract`, and could not be filled in
/// again.
#[tokio::test]
async fn a_backfill_waits_for_the_one_of_the_job_that_it_runs_after() {
    filled_in(["load", "extract"]).await;
}

async fn filled_in(order: [&str; 2]) {
    let mut world = world("skip").await;
    world.run_for(mins(1)).await;
    tell(&world, json!({ "command": "pause", "jobs": "all" })).await.unwrap();
    world.run_for(mins(150)).await;
    for job in order {
        let backfill = json!({
            "command": "backfill", "job": job,
            "from": "2026-06-01T00:30:00Z", "to": "2026-06-01T02:00:00Z",
        });
        tell(&world, backfill).await.unwrap();
        world.run_for(mins(2)).await;
    }
    tell(&world, json!({ "command": "resume", "jobs": "all" })).await.unwrap();
    world.run_for(mins(240)).await;
    for time in ["003000", "010000", "013000", "020000"] {
        let extract = run(&world, &format!("extract-20260601T{time}Z")).await;
        let load = run(&world, &format!("load-20260601T{time}Z")).await;
        assert_eq!((extract.state.label(), load.state.label()), ("succeeded", "succeeded"));
        // In the order of the dependency, though both were asked for at once.
        assert!(extract.legs[0].ended_at <= load.legs[0].submitted_at, "{time}");
    }
    for job in ["extract", "load"] {
        assert!(!overlapped(&world, job).await, "{job}");
    }
    // What waits in a backfill does not make the policy skip what is due: only what runs does.
    let scheduled = world.runs().await.into_iter().filter(|run| {
        run.job.as_str() == "extract" && run.trigger == spotcron::run::Trigger::Schedule
    });
    assert!(scheduled.count() >= 5);
}

#[tokio::test]
async fn what_waits_can_be_cancelled_and_is_never_submitted() {
    let mut world = world("allow-all").await;
    world.run_for(mins(1)).await;
    tell(&world, json!({ "command": "pause", "jobs": "all" })).await.unwrap();
    world.run_for(mins(90)).await;
    let backfill = json!({
        "command": "backfill", "job": "extract",
        "from": "2026-06-01T00:30:00Z", "to": "2026-06-01T01:00:00Z",
    });
    tell(&world, backfill).await.unwrap();
    world.run_for(mins(1)).await;
    let id = "extract-20260601T003000Z";
    assert_eq!(run(&world, id).await.state.label(), "waiting");
    tell(&world, json!({ "command": "cancel", "run": id })).await.unwrap();
    world.run_for(mins(1)).await;
    let ended = run(&world, id).await;
    assert_eq!((ended.state.label(), ended.legs.len()), ("cancelled", 0));
    tell(&world, json!({ "command": "resume", "jobs": "all" })).await.unwrap();
    world.run_for(mins(60)).await;
    let submitted = world.cloud.submissions();
    assert!(submitted.iter().all(|one| !one.name.starts_with(id)), "{submitted:?}");
    assert_eq!(run(&world, "extract-20260601T010000Z").await.state.label(), "succeeded");
}

#[tokio::test]
async fn a_pause_that_was_answered_holds_for_the_next_place_of_a_backfill() {
    let mut world = world("allow-all").await;
    world.run_for(mins(1)).await;
    tell(&world, json!({ "command": "pause", "jobs": { "job": "extract" } })).await.unwrap();
    world.run_for(mins(61)).await;
    tell(&world, json!({ "command": "resume", "jobs": { "job": "extract" } })).await.unwrap();
    let backfill = json!({
        "command": "backfill", "job": "extract",
        "from": "2026-06-01T00:30:00Z", "to": "2026-06-01T00:30:00Z",
    });
    tell(&world, backfill).await.unwrap();
    let mut tasks = all_tasks(&world.shared);
    let release = tasks.iter_mut().find(|task| task.name() == "release").unwrap();
    // Somebody makes runs; the command is next, and the task asks in the same moment.
    let making_runs = world.shared.making_runs.lock().await;
    let pause = json!({ "command": "pause", "jobs": { "job": "extract" } });
    let (answer, released, ()) = tokio::join!(
        biased;
        tell(&world, pause),
        release.activate(world.clock.now()),
        async { drop(making_runs) },
    );
    answer.unwrap();
    released.unwrap();
    assert_eq!(run(&world, "extract-20260601T003000Z").await.state.label(), "waiting");
    tell(&world, json!({ "command": "resume", "jobs": { "job": "extract" } })).await.unwrap();
    release.activate(world.clock.now()).await.unwrap();
    assert_eq!(run(&world, "extract-20260601T003000Z").await.state.label(), "needs-leg");
}
