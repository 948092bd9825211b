//! Two questions, two answers: whether a restart may help, and whether all is in place.

use jiff::SignedDuration;
use spotcron::daemon::{ailments, is_ready, metrics_text, obstacles};
use spotcron::sim::{Fault, Faults, Operation};

use super::http::total;
use super::world::World;

fn mins(mins: i64) -> SignedDuration {
    SignedDuration::from_mins(mins)
}

/// A new daemon whose calls of `operation` all end in `fault`.
async fn troubled(operation: Operation, fault: Fault) -> World {
    let world = World::new(1, 0.0).await;
    world.cloud.set_faults(Faults::default().with(operation, fault, 1.0));
    world
}

#[tokio::test]
async fn what_is_not_permitted_is_not_ready_and_no_reason_to_restart() {
    for (operation, task) in [
        (Operation::DescribeJobQueues, "discovery"),
        (Operation::DescribeSpotPriceHistory, "spot-prices"),
        (Operation::GetProducts, "list-prices"),
        (Operation::DescribeJobs, "watch"),
    ] {
        let mut world = troubled(operation, Fault::Denied).await;
        world.run_for(mins(90)).await;
        let shared = &world.shared;
        let status = &shared.status.snapshot()[task];
        assert!(status.failures > 1, "{task} was to fail");
        let missing = obstacles(shared);
        assert!(!is_ready(shared));
        assert_eq!(total(&metrics_text(shared).unwrap(), "spotcron_ready"), 0.0, "{task}");
        assert!(
            missing.iter().any(|text| text.contains(task) && text.contains("AccessDenied")),
            "{task}: {missing:?}"
        );
        assert_eq!(ailments(shared), [""; 0], "{task}: a new process could do no more");
        // Once it is permitted, ready.
        world.cloud.set_faults(Faults::default());
        world.run_for(mins(90)).await;
        assert_eq!(obstacles(&world.shared), [""; 0], "{task}");
    }
}

#[tokio::test]
async fn activations_that_have_only_failed_put_nothing_in_place() {
    for operation in [Operation::DescribeJobQueues, Operation::DescribeSpotPriceHistory] {
        let mut world = troubled(operation, Fault::Unavailable).await;
        world.run_for(mins(90)).await;
        assert!(!is_ready(&world.shared), "{}", operation.name());
    }
}

#[tokio::test]
async fn an_outage_later_takes_back_neither() {
    let mut world = World::new(1, 0.0).await;
    world.run_for(mins(30)).await;
    assert!(is_ready(&world.shared));
    let down = Faults::default()
        .with(Operation::DescribeSpotPriceHistory, Fault::Unavailable, 1.0)
        .with(Operation::DescribeJobs, Fault::Throttled, 1.0);
    world.cloud.set_faults(down);
    world.run_for(mins(90)).await;
    let tasks = world.shared.status.snapshot();
    assert!(tasks["spot-prices"].failing_since.is_some() && tasks["watch"].error.is_some());
    assert_eq!(obstacles(&world.shared), [""; 0]);
    assert_eq!(ailments(&world.shared), [""; 0]);
}

#[tokio::test]
async fn a_price_list_without_an_answer_is_a_way_to_work() {
    let mut world = troubled(Operation::GetProducts, Fault::Unavailable).await;
    world.run_for(mins(30)).await;
    assert!(world.shared.status.snapshot()["list-prices"].last_success.is_none());
    assert_eq!(obstacles(&world.shared), [""; 0]);
}
