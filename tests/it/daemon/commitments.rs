//! What a commitment pays for is given out once.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::json;
use spotcron::domain::Capacity;
use spotcron::ledger::Counter;
use spotcron::run::{Run, RunState};

use super::operating::tell;
use super::world::{CATALOGUE, World, scenario};
use crate::samples::{at, mins};

/// Eight runs of an hour at 00:20, and two at 00:30 and 02:30; 4 vCPUs on demand are paid for.
fn catalogue(hours: &str, class: &str) -> String {
    let head = CATALOGUE.split("[[jobs]]").next().unwrap();
    let covered = format!("covered = [{{ vcpus = 4, hours = \"{hours}\" }}]\n");
    let steady = "capacity = \"on-demand\"\n";
    let head = head.replace(steady, &format!("{steady}{covered}"));
    let long = "name = \"long\"\n";
    let head = head.replace(long, &format!("{long}{class}"));
    let job = |name: &str, cron: &str, sets: &str| {
        format!(
            "[[jobs]]\nname = \"{name}\"\nclass = \"long\"\ncron = \"{cron}\"\n\
             definition = \"hour:1\"\nvcpus = 1\nmemory_mib = 2048\nmatrix = {{ n = [{sets}] }}\n"
        )
    };
    let (many, two) =
        (job("many", "20 0 * * *", "1,2,3,4,5,6,7,8"), job("two", "30 0,2 * * *", "1,2"));
    format!("{head}{many}{two}")
}

async fn first_legs(world: &World) -> BTreeMap<(String, Capacity), usize> {
    let mut counts = BTreeMap::new();
    for run in world.runs().await {
        let time = run.scheduled_for.strftime("%H:%M").to_string();
        *counts.entry((time, run.legs[0].capacity)).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn as_many_runs_as_it_pays_for_go_on_demand_and_the_rest_to_spot() {
    let mut world = World::of(&catalogue("00:00-12:00", ""), scenario(0.0), 1).await;
    world.run_for(SignedDuration::from_mins(25)).await;
    // Who decides next learns of them from the store.
    world.restart().await;
    world.run_for(SignedDuration::from_hours(3)).await;
    let expected = [
        (("00:20".to_owned(), Capacity::Spot), 4),
        (("00:20".to_owned(), Capacity::OnDemand), 4),
        (("00:30".to_owned(), Capacity::Spot), 2),
        (("02:30".to_owned(), Capacity::OnDemand), 2),
    ];
    assert_eq!(first_legs(&world).await, expected.into());
}

fn held(run: &&Run) -> bool {
    matches!(run.state, RunState::NeedsLeg { .. })
}

/// From 02:00 on they are paid for, and the class may wait so long.
async fn patient() -> World {
    let catalogue = catalogue("02:00-12:00", "start_within = \"4h\"\n");
    let mut world = World::of(&catalogue, scenario(0.0), 1).await;
    world.run_for(mins(25)).await;
    world
}

#[tokio::test]
async fn as_many_runs_as_it_will_pay_for_wait_for_it() {
    let mut world = patient().await;
    assert_eq!(world.runs().await.iter().filter(held).count(), 4);
    // Those that wait are known from the store.
    world.restart().await;
    world.run_for(SignedDuration::from_hours(3)).await;
    let expected = [
        (("00:20".to_owned(), Capacity::Spot), 4),
        (("00:20".to_owned(), Capacity::OnDemand), 4),
        (("00:30".to_owned(), Capacity::Spot), 2),
        // The first four had not ended.
        (("02:30".to_owned(), Capacity::Spot), 2),
    ];
    let runs = world.runs().await;
    assert_eq!(first_legs(&world).await, expected.into());
    for run in &runs {
        let sent = run.legs[0].intended_at;
        match run.legs[0].capacity {
            Capacity::OnDemand => assert_eq!(sent, at("2026-06-01T02:00:00Z"), "{}", run.id),
            _ => assert!(sent.duration_since(run.scheduled_for) < mins(1), "{}", run.id),
        }
    }
    // A wait that was meant is no lag.
    assert_eq!(world.count(|c| matches!(c, Counter::ScheduleLags)), 8);
    assert!(world.count(|c| matches!(c, Counter::ScheduleLagMillis)) < 60_000);
}

#[tokio::test]
async fn what_a_person_wants_of_a_run_that_waits_is_done_at_once() {
    let mut world = patient().await;
    let waiting: Vec<Run> = world.runs().await.into_iter().filter(|run| held(&run)).collect();
    let [moved, cancelled] = [&waiting[0].id, &waiting[1].id];
    tell(&world, json!({ "command": "move", "run": moved, "to": "on-demand" })).await.unwrap();
    tell(&world, json!({ "command": "cancel", "run": cancelled })).await.unwrap();
    world.run_for(mins(2)).await;
    let run = async |run: &Run| world.store.run(&run.id).await.unwrap().unwrap();
    assert_eq!(run(&waiting[0]).await.legs[0].capacity, Capacity::OnDemand);
    assert_eq!(run(&waiting[1]).await.state.label(), "cancelled");
    assert!(held(&&run(&waiting[2]).await));
}
