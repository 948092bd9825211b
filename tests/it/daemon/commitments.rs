//! What a commitment pays for is given out once.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use spotcron::domain::Capacity;

use super::world::{CATALOGUE, World, scenario};

/// Eight runs of an hour at 00:20, and two at 00:30; 4 vCPUs on demand are paid for.
fn catalogue() -> String {
    let head = CATALOGUE.split("[[jobs]]").next().unwrap();
    let head = head.replace(
        "capacity = \"on-demand\"\n",
        "capacity = \"on-demand\"\ncovered = [{ vcpus = 4, hours = \"00:00-12:00\" }]\n",
    );
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
    let mut world = World::of(&catalogue(), scenario(0.0), 1).await;
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
