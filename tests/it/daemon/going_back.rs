//! Work with checkpoints that found no spot, runs on demand, and goes back once there may be some.

use jiff::SignedDuration;
use spotcron::domain::{AttemptEnd, Capacity, LegCause, RunOutcome, Usd};
use spotcron::run::{Run, RunEventKind, RunState};
use spotcron::sim::DefinitionSpec;

use super::world::{CATALOGUE, World, scenario};
use crate::samples::mins;

/// Eight hours of work, due at 00:20 and late at 16:20.
async fn night(policy: &str) -> (World, Run) {
    let environments = CATALOGUE.split("[[classes]]").next().unwrap();
    let catalogue = format!(
        "{environments}\n[[classes]]\nname = \"training\"\nenvironments = [\"spot\", \"steady\"]\n\
         expected_duration = \"8h\"\ndeadline = \"16h\"\nwait_budget = \"15m\"\npolicy = \"{policy}\"\n\
         restart = {{ checkpoint_interval = \"10m\", restore = \"1m\" }}\n\n\
         [[jobs]]\nname = \"train\"\nclass = \"training\"\ncron = \"20 0 * * *\"\n\
         time_zone = \"UTC\"\ndefinition = \"train:1\"\nvcpus = 2\nmemory_mib = 8192\n"
    );
    let mut account = scenario(0.0);
    account.definitions.push(DefinitionSpec {
        name: "train".to_owned(),
        median_secs: 8 * 3600,
        sigma: 0.0,
        checkpoint_secs: Some(600),
        restore_secs: 60,
        ..DefinitionSpec::default()
    });
    let mut world = World::of(&catalogue, account, 1).await;
    world.run_for(mins(15)).await;
    world.cloud.crunch_all(SignedDuration::from_hours(1));
    world.run_for(SignedDuration::from_hours(18)).await;
    let mut runs = world.runs().await;
    assert_eq!(runs.len(), 1);
    (world, runs.remove(0))
}

fn causes(run: &Run) -> Vec<LegCause> {
    run.legs.iter().map(|leg| leg.cause).collect()
}

async fn cost(world: &World) -> Usd {
    let entries = world.entries().await;
    entries.iter().map(|entry| entry.priced().unwrap().cost).fold(Usd::ZERO, |sum, it| sum + it)
}

/// In time, and from the checkpoint: what was lost is less than two intervals, and two starts.
fn went_well(run: &Run) {
    let RunState::Ended { outcome: RunOutcome::Succeeded, at } = run.state else {
        panic!("{run:?}")
    };
    assert!(!run.deadline_missed);
    let took = at.duration_since(run.scheduled_for);
    assert!(took < SignedDuration::from_hours(9), "{took:#}");
}

#[tokio::test]
async fn under_the_model_and_uniform_progress_a_run_goes_back_to_spot() {
    let (steady, run) = night("greedy").await;
    assert_eq!(causes(&run), [LegCause::Scheduled, LegCause::Starved], "greedy stays");
    went_well(&run);
    let on_demand = cost(&steady).await;
    for policy in ["model", "uniform-progress"] {
        let (world, run) = night(policy).await;
        // The model goes once too soon: nobody knows when there is capacity again.
        let all = causes(&run);
        assert!(all.len() <= 5, "{policy}: {all:?}");
        assert!(all.starts_with(&[LegCause::Scheduled, LegCause::Starved, LegCause::Returned]));
        let last = run.legs.last().unwrap();
        assert_eq!((last.cause, last.capacity), (LegCause::Returned, Capacity::Spot));
        went_well(&run);
        let kinds = world.kinds(&run.id).await;
        let told = kinds.iter().find_map(|kind| match kind {
            RunEventKind::GoesBack { leg, to } => Some((*leg, to.clone())),
            _ => None,
        });
        let (leg, to) = told.unwrap();
        assert_eq!((leg, to.environment.as_str()), (1, "spot"));
        assert!(to.going < to.staying);
        let stopped = kinds.iter().any(|kind| {
            matches!(kind, RunEventKind::AttemptEnded { leg: 1, end: AttemptEnd::Stopped, .. })
        });
        assert!(stopped);
        let cost = cost(&world).await;
        assert!(cost.nanos() * 10 < on_demand.nanos() * 8, "{policy}: {cost} of {on_demand}");
    }
}
