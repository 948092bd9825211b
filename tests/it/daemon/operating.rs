//! Commands to a running daemon, and what comes of them.

use jiff::SignedDuration;
use serde_json::json;
use spotcron::clock::Clock;
use spotcron::control::{Answer, AuditQuery, Outcome, Refusal};
use spotcron::daemon::{Asked, OnRecord, OperateError, metrics_text, operate, status_page};
use spotcron::decision::{ForcedScope, Guard, Reason};
use spotcron::domain::{Capacity, LegCause, RunId, RunOutcome};
use spotcron::ledger::Counter;
use spotcron::ports::SkipQuery;
use spotcron::run::{Run, RunEventKind, RunState, Trigger};
use spotcron::schedule::SkipReason;
use spotcron::sim::DefinitionSpec;

use super::http::total;
use super::world::{CATALOGUE, World, scenario};
use crate::samples::{at, mins};

pub fn asked(command: serde_json::Value, key: Option<&str>) -> Asked {
    Asked {
        by: "alice".to_owned(),
        key: key.map(str::to_owned),
        fingerprint: command.to_string(),
        command: serde_json::from_value(command).unwrap(),
    }
}

pub async fn tell(world: &World, command: serde_json::Value) -> Result<Answer, Refusal> {
    let OnRecord { record, .. } = operate(&world.shared, asked(command, None)).await.unwrap();
    match record.outcome {
        Outcome::Done { answer } => Ok(answer),
        Outcome::Refused { refusal } => Err(refusal),
    }
}

async fn run(world: &World, id: &str) -> Run {
    world.store.run(&id.into()).await.unwrap().unwrap_or_else(|| panic!("there is no {id}"))
}

async fn ids(world: &World, job: &str) -> Vec<String> {
    let mut runs = world.runs().await;
    runs.retain(|run| run.job.as_str() == job);
    runs.sort_by_key(|run| run.scheduled_for);
    runs.iter().map(|run| run.id.to_string()).collect()
}

/// After an hour of its life.
async fn world() -> World {
    let mut world = World::new(1, 0.0).await;
    world.run_for(mins(61)).await;
    world
}

#[tokio::test]
async fn nothing_of_a_paused_job_starts_and_what_passes_is_recorded_over_a_restart() {
    let mut world = world().await;
    let before = ids(&world, "import").await;
    let pause = json!({ "command": "pause", "jobs": { "job": "import" }, "note": "moving" });
    tell(&world, pause).await.unwrap();
    world.run_for(mins(60)).await;
    world.restart().await;
    world.run_for(mins(60)).await;
    assert_eq!(ids(&world, "import").await, before);
    assert!(ids(&world, "report").await.len() > 1, "other jobs go on");
    let skips = world.store.skips(&SkipQuery::default()).await.unwrap();
    assert!(skips.iter().all(|skip| skip.reason == SkipReason::Paused), "{skips:?}");
    assert_eq!(skips.iter().map(|skip| skip.count).sum::<u64>(), 6);
    let status = serde_json::to_value(status_page(&world.shared)).unwrap();
    assert_eq!(status["controls"]["paused"]["import"]["note"], "moving");
    let text = metrics_text(&world.shared).unwrap();
    assert_eq!(total(&text, "spotcron_paused_jobs"), 1.0);
    tell(&world, json!({ "command": "resume", "jobs": { "job": "import" } })).await.unwrap();
    world.run_for(mins(60)).await;
    // Nothing is made up for by itself.
    let now = ids(&world, "import").await;
    assert_eq!(now.len(), before.len() + 3, "{now:?}");
    assert_eq!(total(&metrics_text(&world.shared).unwrap(), "spotcron_paused_jobs"), 0.0);
}

#[tokio::test]
async fn what_was_missed_before_a_pause_is_sorted_first() {
    let mut world = world().await;
    world.clock.advance_to(world.clock.now() + mins(40));
    world.restart().await;
    let pause = asked(json!({ "command": "pause", "jobs": "all" }), None);
    let early = operate(&world.shared, pause.clone()).await.unwrap_err();
    assert!(matches!(early, OperateError::Starting), "{early}");
    world.run_for(SignedDuration::from_secs(1)).await;
    operate(&world.shared, pause).await.unwrap();
    world.run_for(mins(30)).await;
    let due = ["import-20260601T012000Z", "import-20260601T014000Z"];
    let all = ids(&world, "import").await;
    assert_eq!(all[all.len() - 2..], due, "missed, caught up, and then paused");
}

#[tokio::test]
async fn a_trigger_runs_beside_the_schedule_with_its_own_parameters_in_every_leg() {
    let text = CATALOGUE.replace(
        "definition = \"twenty:1\"",
        "definition = \"twenty:1\"\noverridable_parameters = [\"date\"]\n\
         parameters = { date = \"today\", feed = \"x\" }",
    );
    let mut world = World::of(&text, scenario(0.0), 1).await;
    let lags = |world: &World| world.count(|c| matches!(c, Counter::ScheduleLags));
    world.run_for(mins(61)).await;
    let before = lags(&world);
    let trigger = json!({
        "command": "trigger", "job": "import", "parameters": { "date": "2026-05-01" },
    });
    tell(&world, trigger).await.unwrap();
    world.run_for(mins(1)).await;
    let id = "import-20260601T010100Z-t1";
    assert_eq!(run(&world, id).await.trigger, Trigger::Manual);
    assert_eq!(lags(&world), before, "a trigger measures nothing of the schedule");
    // Its legs' requests carry them, also those that another process makes.
    world.restart().await;
    let open = world.shared.book.open_where(|run| run.id.as_str() == id);
    let catalogue = world.shared.catalogue.load_full();
    let job = &catalogue.jobs["import"];
    let class = catalogue.class_of(job).unwrap();
    let leg = open[0].last_leg().unwrap();
    let environment = &catalogue.environments[&leg.environment];
    let request = spotcron::run::submit_request(&open[0], leg, job, class, environment).unwrap();
    let values: Vec<&str> = request.parameters.values().map(|value| value.expose()).collect();
    assert_eq!(values, ["2026-05-01", "x"]);
    world.run_for(mins(60)).await;
    let ended = run(&world, id).await;
    assert_eq!(ended.state.label(), "succeeded");
    assert_eq!(ended.deadline_at, Some(at("2026-06-01T04:01:00Z")));
    let told = world.kinds(&ended.id).await;
    assert_eq!(told[0], RunEventKind::Triggered { by: "alice".to_owned() });
    let records = world.store.audit(&AuditQuery::default()).await.unwrap();
    assert_eq!(records[0].command["parameters"]["date"], "***");
}

#[tokio::test]
async fn a_backfill_runs_what_is_missing_in_order_and_so_many_at_once() {
    let mut world = World::new(1, 0.0).await;
    world.run_for(mins(1)).await;
    tell(&world, json!({ "command": "pause", "jobs": { "job": "import" } })).await.unwrap();
    world.run_for(mins(180)).await;
    let backfill = json!({
        "command": "backfill", "job": "import", "at_once": 2,
        "from": "2026-06-01T00:20:00Z", "to": "2026-06-01T02:00:00Z",
    });
    let Answer::Backfilled { runs, .. } = tell(&world, backfill.clone()).await.unwrap() else {
        panic!("another answer")
    };
    assert_eq!(runs.len(), 6);
    // Paused: nothing of it starts.
    world.run_for(mins(30)).await;
    assert!(
        world.runs().await.iter().all(|run| run.job.as_str() != "import" || run.legs.is_empty())
    );
    tell(&world, json!({ "command": "resume", "jobs": { "job": "import" } })).await.unwrap();
    // A restart in the middle changes nothing.
    world.run_for(mins(25)).await;
    world.restart().await;
    world.run_for(mins(240)).await;
    let mut windows = Vec::new();
    for id in &runs {
        let done = run(&world, id.as_str()).await;
        assert_eq!((done.state.label(), done.trigger), ("succeeded", Trigger::Backfill));
        assert!(!done.deadline_missed, "{id}");
        let began = done.by_hand.opened_at.unwrap();
        assert_eq!(done.deadline_at, Some(began + mins(180)), "from its turn");
        let RunState::Ended { at, .. } = done.state else { unreachable!() };
        windows.push((began, at));
    }
    let began: Vec<_> = windows.iter().map(|window| window.0).collect();
    assert!(began.is_sorted(), "oldest first: {began:?}");
    for (begin, _) in &windows {
        let beside = windows.iter().filter(|(from, to)| from <= begin && begin < to).count();
        assert!(beside <= 2, "{beside} at once");
    }
    let again = tell(&world, backfill).await.unwrap_err();
    assert!(matches!(again, Refusal::NothingToBackfill { existing: 6, .. }), "{again}");
}

#[tokio::test]
async fn the_schedule_does_not_run_again_what_was_backfilled() {
    // Delayed by its spread, a time can be asked for before the schedule comes to it.
    let text =
        CATALOGUE.replace("cron = \"*/20 * * * *\"", "cron = \"*/20 * * * *\"\nspread = \"19m\"");
    let mut world = World::of(&text, scenario(0.0), 1).await;
    world.run_for(mins(61)).await;
    let delay = world.shared.catalogue.load().jobs["import"].schedule.delay;
    assert!(delay > mins(2), "the test needs another name for the job: {delay:?}");
    let backfill = json!({
        "command": "backfill", "job": "import",
        "from": "2026-06-01T01:00:00Z", "to": "2026-06-01T01:00:00Z",
    });
    tell(&world, backfill).await.unwrap();
    world.run_for(mins(120)).await;
    let at_one: Vec<String> =
        ids(&world, "import").await.into_iter().filter(|id| id.contains("T010000")).collect();
    assert_eq!(at_one, ["import-20260601T010000Z"]);
    assert_eq!(run(&world, &at_one[0]).await.trigger, Trigger::Backfill);
    assert!(ids(&world, "import").await.len() >= 7, "and what comes after it runs");
}

#[tokio::test]
async fn a_failed_run_is_retried_under_its_own_id() {
    let mut world = World::new(1, 0.0).await;
    let failing = DefinitionSpec {
        name: "twenty".to_owned(),
        median_secs: 1150,
        sigma: 0.0,
        failure_probability: 1.0,
        ..DefinitionSpec::default()
    };
    let good = DefinitionSpec { failure_probability: 0.0, ..failing.clone() };
    world.cloud.set_definition(failing);
    world.run_for(mins(55)).await;
    let id = "import-20260601T002000Z";
    assert_eq!(run(&world, id).await.state.label(), "failed");
    world.cloud.set_definition(good);
    let retry = json!({ "command": "retry", "run": id });
    tell(&world, retry.clone()).await.unwrap();
    let again = tell(&world, retry).await.unwrap_err();
    assert!(matches!(again, Refusal::StillOpen { .. }), "{again}");
    world.run_for(mins(60)).await;
    let done = run(&world, id).await;
    assert_eq!(done.state.label(), "succeeded");
    assert_eq!((done.legs.len(), done.legs[1].cause), (2, LegCause::Retried));
    assert_ne!(done.legs[0].batch_name, done.legs[1].batch_name);
    // Both of its ends are counted.
    let ends = |outcome| {
        world.count(|c| {
            matches!(c, Counter::Runs { job, outcome: o, .. }
            if job.as_str() == "import" && *o == outcome)
        })
    };
    let runs = world.runs().await;
    let imports = |label: &str| {
        runs.iter().filter(|r| r.job.as_str() == "import" && r.state.label() == label).count()
    };
    assert_eq!(ends(RunOutcome::Failed), imports("failed") as i128 + 1);
    assert_eq!(ends(RunOutcome::Succeeded), imports("succeeded") as i128);
}

#[tokio::test]
async fn a_forced_class_takes_only_capacity_that_is_not_taken_back_while_it_lasts() {
    let mut world = world().await;
    let force = json!({ "command": "force-on-demand", "class": "flexible", "for_secs": 3600 });
    tell(&world, force).await.unwrap();
    let gauge = |world: &World| {
        total(&metrics_text(&world.shared).unwrap(), "spotcron_class_forced_on_demand")
    };
    assert_eq!(gauge(&world), 1.0);
    world.restart().await;
    world.run_for(mins(120)).await;
    assert_eq!(gauge(&world), 0.0);
    let status = serde_json::to_value(status_page(&world.shared)).unwrap();
    assert_eq!(status["controls"]["forced_on_demand"], json!({}), "it has run out");
    let capacity = async |id| run(&world, id).await.legs[0].capacity;
    for id in ["import-20260601T012000Z", "import-20260601T014000Z", "import-20260601T020000Z"] {
        assert_eq!(capacity(id).await, Capacity::OnDemand, "{id}");
    }
    for id in ["import-20260601T010000Z", "import-20260601T022000Z", "report-20260601T021000Z"] {
        assert_eq!(capacity(id).await, Capacity::Spot, "{id}");
    }
    let kinds = world.kinds(&"import-20260601T012000Z".into()).await;
    let said = kinds.iter().find_map(|kind| match kind {
        RunEventKind::Decided { decision, .. } => Some(decision.reasons[0].clone()),
        _ => None,
    });
    let Some(Reason::Fallback { guard: Guard::ForcedOnDemand(forced) }) = said else {
        panic!("{said:?}")
    };
    assert_eq!((forced.by.as_str(), forced.scope), ("alice", ForcedScope::Class));
}

/// An import that runs on spot at a quarter past one.
async fn running() -> (World, RunId) {
    let mut world = world().await;
    world.run_for(mins(14)).await;
    let id = RunId::from("import-20260601T010000Z");
    let now = run(&world, id.as_str()).await;
    assert_eq!((now.state, now.legs[0].capacity), (RunState::Watching, Capacity::Spot));
    assert!(now.legs[0].started_at.is_some());
    (world, id)
}

#[tokio::test]
async fn a_cancelled_run_is_terminated_at_batch_and_ends() {
    let (mut world, id) = running().await;
    let cancel = json!({ "command": "cancel", "run": id.as_str(), "note": "wrong input" });
    tell(&world, cancel).await.unwrap();
    // The word is durable: another process acts on it.
    world.restart().await;
    world.run_for(mins(5)).await;
    let ended = run(&world, id.as_str()).await;
    assert_eq!((ended.state.label(), ended.legs.len()), ("cancelled", 1));
    let reason = ended.legs[0].reason.clone().unwrap();
    assert_eq!(reason, "spotcron: cancelled by alice: wrong input");
    // And it can be taken back.
    tell(&world, json!({ "command": "retry", "run": id.as_str() })).await.unwrap();
    world.run_for(mins(60)).await;
    assert_eq!(run(&world, id.as_str()).await.state.label(), "succeeded");
}

#[tokio::test]
async fn a_moved_run_goes_on_where_capacity_is_not_taken_back() {
    let (mut world, id) = running().await;
    tell(&world, json!({ "command": "move", "run": id.as_str(), "to": "on-demand" }))
        .await
        .unwrap();
    world.restart().await;
    world.run_for(mins(60)).await;
    let done = run(&world, id.as_str()).await;
    assert_eq!(done.state.label(), "succeeded");
    let capacities: Vec<Capacity> = done.legs.iter().map(|leg| leg.capacity).collect();
    assert_eq!(capacities, [Capacity::Spot, Capacity::OnDemand]);
    assert_eq!(done.legs[1].cause, LegCause::Moved);
    assert!(done.legs[0].ended_at.unwrap() <= done.legs[1].intended_at);
    let kinds = world.kinds(&id).await;
    let guards = kinds.iter().rev().find_map(|kind| match kind {
        RunEventKind::Decided { decision, .. } => Some(decision.candidates[0].guards.clone()),
        _ => None,
    });
    let by_hand = |guard: &Guard| matches!(guard, Guard::ForcedOnDemand(forced) if forced.scope == ForcedScope::Run);
    assert!(guards.unwrap().iter().any(by_hand));
}

#[tokio::test]
async fn every_command_is_on_record_refused_ones_too_and_dry_runs_are_not() {
    let world = world().await;
    tell(&world, json!({ "command": "pause", "jobs": "all" })).await.unwrap();
    tell(&world, json!({ "command": "pause", "jobs": "all" })).await.unwrap_err();
    let dry = json!({
        "command": "backfill", "job": "report", "dry_run": true,
        "from": "2026-05-31T00:00:00Z", "to": "2026-06-01T00:00:00Z",
    });
    tell(&world, dry).await.unwrap();
    let records = world.store.audit(&AuditQuery::default()).await.unwrap();
    let outcomes: Vec<bool> =
        records.iter().map(|record| matches!(record.outcome, Outcome::Done { .. })).collect();
    assert_eq!(outcomes, [false, true], "newest first");
    assert!(records.iter().all(|record| record.by == "alice"));
    let nobody = AuditQuery { by: Some("bob".to_owned()), ..AuditQuery::default() };
    assert!(world.store.audit(&nobody).await.unwrap().is_empty());
}
