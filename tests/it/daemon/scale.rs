//! How many calls many jobs cost.

use jiff::SignedDuration;
use spotcron::domain::Capacity;
use spotcron::sim::{Faults, Operation, Scenario};

use super::world::{CATALOGUE, World};
use crate::samples::mins;

const JOBS: usize = 400;

/// A world in which many jobs have been running since a quarter past midnight, for six hours, with
/// `expected` as what their class expects.
async fn running(expected: &str) -> World {
    let classes = CATALOGUE.split("[[jobs]]").next().unwrap();
    let expects = format!("\"{expected}\"");
    let classes = classes.replace("\"1h\"", &expects).replace("\"5h\"", "\"20h\"");
    let job = |n| {
        format!(
            "\n[[jobs]]\nname = \"job-{n}\"\nclass = \"long\"\ncron = \"10 0 * * *\"\n\
             time_zone = \"UTC\"\ndefinition = \"hours:1\"\nvcpus = 1\nmemory_mib = 2048\n"
        )
    };
    let catalogue = format!("{classes}{}", (0..JOBS).map(job).collect::<String>());
    let mut scenario = Scenario::empty("us-east-1", "ab")
        .with_queue("spot", Capacity::Spot, &["m6i.xlarge", "m6i.2xlarge"], 8_192)
        .with_queue("steady", Capacity::OnDemand, &["m6i.xlarge"], 8_192)
        .with_definition("hours", 6 * 3600);
    scenario.market.reclaim_scale = 0.0;
    let mut world = World::of(&catalogue, scenario, 1).await;
    world.run_for(mins(80)).await;
    world
}

/// Looks for half an hour, and demands what is promised of 10,000 jobs of so many.
async fn costs_one_call_a_hundred_and_a_minute(world: &mut World) {
    world.cloud.set_faults(Faults::default());
    let watched = SignedDuration::from_mins(30);
    world.run_for(watched).await;
    let running = world.shared.book.open_where(|run| run.state.label() == "watching").len();
    assert_eq!(running, JOBS);
    let calls = world.cloud.calls();
    let looks = watched.as_secs() as u64 / 60 + 1;
    let most = looks * JOBS as u64 / 100;
    let described = calls[&Operation::DescribeJobs];
    assert!(described <= most, "{described} calls of DescribeJobs, at most {most}");
    // Looked at they are: a run that ends, or has to be moved, is seen within the minute.
    let least = (looks - 2) * JOBS as u64 / 100;
    assert!(described >= least, "{described} calls of DescribeJobs, at least {least}");
    let all: u64 = calls.values().sum();
    // 10 calls a second for 10,000 jobs.
    let most = watched.as_secs() as u64 * 10 * JOBS as u64 / 10_000;
    assert!(all <= most, "{all} calls, at most {most}: {calls:?}");
}

/// Jobs that run for hours are looked at by the hundred, once a minute: never one by one, and never
/// more often than that for nothing.
#[tokio::test]
async fn running_jobs_cost_one_call_a_hundred_and_a_minute() {
    costs_one_call_a_hundred_and_a_minute(&mut running("6h").await).await;
}

/// Jobs that should have ended were looked at four times as often, for as long as they ran.
#[tokio::test]
async fn jobs_that_run_longer_than_expected_cost_no_more() {
    costs_one_call_a_hundred_and_a_minute(&mut running("20m").await).await;
}
