//! The ledger against the simulated cloud's own bill.

use jiff::SignedDuration;
use spotcron::domain::Usd;
use spotcron::sim::Faults;

use super::world::{BEGIN, World, check};
use crate::samples::at;

#[tokio::test]
async fn every_nano_of_the_bill_is_explained_in_every_seed() {
    for seed in 0..10 {
        let mut world = World::new(seed, 1.0).await;
        world.run_for(SignedDuration::from_hours(40)).await;
        check(&world, at(BEGIN)).await;
        let bill = world.bill().await;
        assert!(bill.total_usd > Usd::ZERO && bill.ledger_usd > Usd::ZERO);
        let listed = bill.idle_usd + bill.unpriced_usd + bill.rounding_usd;
        assert_eq!(bill.total_usd - bill.ledger_usd, listed, "seed {seed}: {bill:?}");
        assert_eq!(bill.unexplained_usd, Usd::ZERO, "seed {seed}");
        assert!(bill.rounding_usd.nanos().abs() < 2_000, "seed {seed}: {}", bill.rounding_usd);
    }
}

#[tokio::test]
async fn when_everything_has_ended_nothing_is_provisional_or_unpriced() {
    let quiet = super::world::CATALOGUE.replace("*/20 * * * *", "*/20 0-5 * * *");
    let quiet = quiet.replace("10 */2 * * *", "10 2-8/2 * * *");
    let mut world = World::of(&quiet, super::world::scenario(1.0), 3).await;
    world.run_for(SignedDuration::from_hours(20)).await;
    assert!(world.shared.book.open_where(|_| true).is_empty());
    assert!(world.shared.book.provisional_entries().is_empty());
    let bill = world.bill().await;
    assert_eq!(bill.unpriced_usd, Usd::ZERO, "{bill:?}");
    assert_eq!(bill.unexplained_usd, Usd::ZERO);
    assert!(bill.idle_usd > Usd::ZERO, "instances idle before they are scaled in");
}

#[tokio::test]
async fn a_restart_counts_every_attempt_once() {
    let mut whole = World::new(6, 1.0).await;
    whole.run_for(SignedDuration::from_hours(12)).await;
    let mut cut = World::new(6, 1.0).await;
    for _ in 0..12 {
        cut.run_for(SignedDuration::from_hours(1)).await;
        cut.restart().await;
    }
    cut.cloud.set_faults(Faults::default());
    check(&cut, at(BEGIN)).await;
    check(&whole, at(BEGIN)).await;
    assert_eq!(cut.bill().await.unexplained_usd, Usd::ZERO);
}
