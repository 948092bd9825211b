//! The process dies around the commit of a command: nothing of it is half done, and asking again under
//! the same key does it once.

use std::sync::Arc;

use serde_json::json;
use spotcron::daemon::{OperateError, operate};
use spotcron::ports::Write;

use super::edges::FailingStore;
use super::operating::asked;
use super::world::World;
use crate::samples::mins;

async fn world() -> (World, Arc<FailingStore>) {
    let mut world = World::new(1, 0.0).await;
    let failing = FailingStore::over(&world.store);
    world.store = failing.clone();
    world.restart().await;
    world.run_for(mins(61)).await;
    (world, failing)
}

fn is_command(writes: &[Write]) -> bool {
    writes.iter().any(|write| matches!(write, Write::Audit(_)))
}

/// Everything that commands change.
async fn seen(world: &World) -> (Vec<String>, usize, String) {
    let mut runs: Vec<String> = world.runs().await.iter().map(|run| run.id.to_string()).collect();
    runs.sort();
    let audit = world.store.audit(&Default::default()).await.unwrap().len();
    let controls = serde_json::to_string(&world.store.controls().await.unwrap()).unwrap();
    (runs, audit, controls)
}

fn commands() -> Vec<serde_json::Value> {
    vec![
        json!({ "command": "trigger", "job": "import" }),
        json!({ "command": "backfill", "job": "import",
            "from": "2026-05-31T20:00:00Z", "to": "2026-05-31T22:00:00Z" }),
        json!({ "command": "pause", "jobs": "all" }),
        json!({ "command": "force-on-demand", "class": "flexible" }),
    ]
}

#[tokio::test]
async fn what_the_store_did_not_take_has_not_happened() {
    for command in commands() {
        let (mut world, failing) = world().await;
        let before = seen(&world).await;
        failing.refuse_once(is_command);
        let error = operate(&world.shared, asked(command.clone(), Some("k"))).await.unwrap_err();
        assert!(matches!(error, OperateError::Store(_)), "{error}");
        assert_eq!(seen(&world).await, before, "{command}");
        let in_memory = world.shared.controls.load_full();
        assert_eq!(*in_memory, world.store.controls().await.unwrap(), "{command}");
        world.restart().await;
        world.run_for(mins(1)).await;
        let done = operate(&world.shared, asked(command.clone(), Some("k"))).await.unwrap();
        assert!(!done.repeated);
        assert_eq!(seen(&world).await.1, before.1 + 1, "{command}");
    }
}

#[tokio::test]
async fn what_was_committed_before_a_death_is_done_once_however_often_it_is_asked_for() {
    for command in commands() {
        let (mut world, failing) = world().await;
        let before = seen(&world).await;
        failing.lose_the_answer_once(is_command);
        let request = asked(command.clone(), Some("k"));
        let shared = Arc::clone(&world.shared);
        tokio::select! {
            biased;
            _ = operate(&shared, request.clone()) => panic!("the process was to die"),
            () = std::future::ready(()) => {}
        }
        let after = seen(&world).await;
        assert_eq!(after.1, before.1 + 1, "{command} and its record are one transaction");
        assert_ne!((&after.0, &after.2), (&before.0, &before.2), "{command}");
        world.restart().await;
        let again = operate(&world.shared, request.clone()).await.unwrap();
        assert!(again.repeated, "{command}");
        assert_eq!(seen(&world).await, after, "{command}");
        world.run_for(mins(1)).await;
        assert!(operate(&world.shared, request).await.unwrap().repeated);
        let other = asked(json!({ "command": "trigger", "job": "report" }), Some("k"));
        let used = operate(&world.shared, other).await.unwrap_err();
        assert!(matches!(used, OperateError::KeyUsed), "{used}");
    }
}

#[tokio::test]
async fn a_run_that_moves_on_meanwhile_is_judged_again() {
    let (world, failing) = world().await;
    let id = "import-20260601T010000Z";
    let before = world.store.run(&id.into()).await.unwrap().unwrap();
    failing.conflict_once(is_command, id.into());
    let cancel = json!({ "command": "cancel", "run": id });
    operate(&world.shared, asked(cancel, None)).await.unwrap();
    let now = world.store.run(&id.into()).await.unwrap().unwrap();
    assert!(now.is_to_end());
    assert_eq!(now.version, before.version + 1);
    assert_eq!(world.store.audit(&Default::default()).await.unwrap().len(), 1);
}
