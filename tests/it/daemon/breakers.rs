//! An environment without capacity, seen by many jobs at once: one leg at a time tries it again.

use jiff::Timestamp;
use spotcron::daemon::metrics_text;
use spotcron::decision::{Decision, Reason};
use spotcron::run::RunEventKind;

use super::world::{CATALOGUE, World, scenario};
use crate::samples::{at, mins};

/// Ten jobs of twenty minutes every twenty minutes, with time to wait.
fn jobs() -> String {
    let classes = CATALOGUE.split("[[jobs]]").next().unwrap();
    let job = |n| {
        format!(
            "\n[[jobs]]\nname = \"job-{n}\"\nclass = \"flexible\"\ncron = \"*/20 * * * *\"\n\
             time_zone = \"UTC\"\ndefinition = \"twenty:1\"\nvcpus = 1\nmemory_mib = 2048\n"
        )
    };
    // The model would not try an environment that had no capacity lately.
    let classes = classes.replace("deadline = \"3h\"", "deadline = \"3h\"\npolicy = \"fit-only\"");
    format!("{classes}{}", (0..10).map(job).collect::<String>())
}

/// Every decision for spot, in order of time, with whether it was a probe.
async fn spot_decisions(world: &World) -> Vec<(Timestamp, bool)> {
    let mut decisions = Vec::new();
    for run in world.runs().await {
        for event in world.store.events(&run.id).await.unwrap() {
            if let RunEventKind::Decided { decision, .. } = event.kind
                && decision.chosen.as_ref().is_some_and(|name| name.as_str() == "spot")
            {
                decisions.push((event.at, is_probe(&decision)));
            }
        }
    }
    decisions.sort_unstable();
    decisions
}

fn is_probe(decision: &Decision) -> bool {
    decision.reasons.iter().any(|reason| matches!(reason, Reason::Probe { .. }))
}

fn state(world: &World) -> Vec<String> {
    let text = metrics_text(&world.shared).unwrap();
    let mut states = Vec::new();
    for line in text.lines() {
        if let Some(rest) =
            line.strip_prefix("spotcron_breaker_state{environment=\"spot\",state=\"")
            && let Some(state) = rest.strip_suffix("\"} 1")
        {
            states.push(state.to_owned());
        }
    }
    states
}

#[tokio::test]
async fn one_leg_at_a_time_tries_an_environment_that_had_no_capacity() {
    let mut world = World::of(&jobs(), scenario(0.0), 1).await;
    world.run_for(mins(25)).await;
    assert_eq!(state(&world), ["closed"]);
    assert_eq!(spot_decisions(&world).await.len(), 10);

    // All ten are taken back: one trip.
    world.cloud.crunch_all(mins(4 * 60));
    world.run_for(mins(2)).await;
    assert_eq!(state(&world), ["open"]);
    assert_eq!(world.shared.experience().environments["spot"].trips.in_a_row, 1);

    // Seen after 00:25: of the ten runs of 01:00 one tries it in vain, then after half an hour one of those
    // of 02:00, and after an hour one of those of 03:20.
    world.run_for(mins(238)).await;
    let tried: Vec<_> = spot_decisions(&world).await.into_iter().skip(10).collect();
    let clock = |time: &str| at(&format!("2026-06-01T{time}:00Z"));
    assert_eq!(tried, ["01:00", "02:00", "03:20"].map(|time| (clock(time), true)));

    // Capacity is there again: after two hours the next probe starts, and everybody follows.
    world.run_for(mins(4 * 60)).await;
    assert_eq!(state(&world), ["closed"]);
    let later: Vec<_> = spot_decisions(&world).await.into_iter().skip(13).collect();
    assert_eq!(later[0], (clock("05:40"), true));
    assert!(later.len() > 20, "{later:?}");
    assert!(later.iter().skip(1).all(|(_, probe)| !probe), "{later:?}");
}

#[tokio::test]
async fn a_restart_does_not_close_it_and_the_probe_of_before_still_counts() {
    let mut world = World::of(&jobs(), scenario(0.0), 1).await;
    world.run_for(mins(25)).await;
    world.cloud.crunch_all(mins(4 * 60));
    world.run_for(mins(2)).await;
    assert_eq!(state(&world), ["open"]);
    world.restart().await;
    assert_eq!(state(&world), ["open"], "it had just opened");
    world.run_for(mins(38)).await;
    let half_open = |world: &World| assert_eq!(state(world), ["half-open"]);
    half_open(&world);
    let before = spot_decisions(&world).await;
    assert!(before.last().is_some_and(|(_, probe)| *probe));
    world.restart().await;
    half_open(&world);
    world.run_for(mins(2)).await;
    assert_eq!(spot_decisions(&world).await, before);
}
