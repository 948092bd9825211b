//! One run through what a market can do to it, as `explain` tells it afterwards: it waits for capacity, is
//! interrupted, tried again because the model says so, waits again, and is moved on demand in time.

use anstream::adapter::strip_str;
use clap::Parser;
use jiff::SignedDuration;
use spotcron::cli::args::Format;
use spotcron::cli::{Cli, Verb, explain, render};
use spotcron::domain::{AttemptEnd, Capacity, LegCause, RunOutcome};
use spotcron::run::{Run, RunState};
use spotcron::sim::Scenario;

use super::world::{CATALOGUE, World, scenario};
use crate::cli::golden::assert_file;
use crate::samples::mins;

/// The environments, and one job an hour long that is due at 00:20 and late at 04:20.
pub fn catalogue() -> String {
    let environments = CATALOGUE.split("[[classes]]").next().unwrap();
    format!(
        "{environments}\n[[classes]]\nname = \"nightly\"\nenvironments = [\"spot\", \"steady\"]\n\
         expected_duration = \"1h\"\ndeadline = \"4h\"\nwait_budget = \"4h\"\n\n\
         [[jobs]]\nname = \"report\"\nclass = \"nightly\"\ncron = \"20 0 * * *\"\n\
         time_zone = \"UTC\"\ndefinition = \"hour:1\"\nvcpus = 2\nmemory_mib = 8192\n"
    )
}

/// Without any trouble of its own: what goes wrong is told by [`live`].
pub fn account() -> Scenario {
    scenario(0.0)
}

/// Lets the night happen, and what there was of it be told.
pub async fn live(world: &mut World) -> Run {
    world.run_for(mins(15)).await;
    world.cloud.crunch_all(SignedDuration::from_mins(20));
    world.run_for(mins(45)).await;
    world.cloud.crunch_all(SignedDuration::from_hours(12));
    world.run_for(mins(7 * 60)).await;
    let mut runs = world.runs().await;
    assert_eq!(runs.len(), 1);
    runs.remove(0)
}

/// Compares what `explain` says with the golden text.
pub async fn check(world: &World, run: &Run) {
    let outcome = match run.state {
        RunState::Ended { outcome, .. } => Some(outcome),
        _ => None,
    };
    assert_eq!(outcome, Some(RunOutcome::Succeeded), "{run:?}");
    assert!(!run.deadline_missed);
    let causes: Vec<LegCause> = run.legs.iter().map(|leg| leg.cause).collect();
    assert_eq!(causes, [LegCause::Scheduled, LegCause::Interrupted, LegCause::Starved]);
    let capacities: Vec<Capacity> = run.legs.iter().map(|leg| leg.capacity).collect();
    assert_eq!(capacities, [Capacity::Spot, Capacity::Spot, Capacity::OnDemand]);
    let Ok(Cli { verb: Verb::Explain(args), .. }) =
        Cli::try_parse_from(["spotcron", "explain", run.id.as_str()])
    else {
        panic!("explain is a verb")
    };
    let report = explain::run(&args, &*world.store, &Err(String::new())).await.unwrap();
    assert_eq!(report.attempts.len(), 2, "nothing ran where nothing was placed");
    assert_eq!(report.attempts[0].attempt.end, Some(AttemptEnd::Interrupted));
    let text = render::text_of(&report, Format::Table, None).unwrap();
    assert_file("tests/it/daemon/rough-night.txt", &strip_str(&text).to_string());
}

#[tokio::test]
async fn a_rough_night_is_explained() {
    let mut world = World::of(&catalogue(), account(), 1).await;
    let run = live(&mut world).await;
    check(&world, &run).await;
}
