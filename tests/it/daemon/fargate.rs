//! Fargate and Fargate Spot: how they are chosen, told from failures, and priced.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use spotcron::daemon::metrics_text;
use spotcron::domain::{
    AttemptEnd, Capacity, InstanceType, LegCause, Ppm, Region, RunOutcome, Usd,
};
use spotcron::ledger::Entry;
use spotcron::market::{FargatePrice, ListPrice};
use spotcron::ports::{ListPriceSource, PriceProblem, ServiceError};
use spotcron::run::{PriceTerms, Run, RunState};
use spotcron::sim::{Fault, Faults, Operation, Scenario};

use super::edges::TroubledBatch;
use super::world::{BEGIN, World, parse};
use crate::samples::{at, mins};

/// The simulated cloud sells Fargate Spot 70 % below the list price.
pub const CATALOGUE: &str = r#"
[[environments]]
name = "spot"
queue = "fargate-spot"
capacity = "fargate-spot"
region = "us-east-1"
fargate_spot_discount_percent = 70

[[environments]]
name = "steady"
queue = "fargate"
capacity = "fargate"
region = "us-east-1"

[[classes]]
name = "flexible"
environments = ["spot", "steady"]
expected_duration = "20m"
deadline = "3h"
on_demand_discount_percent = 20

[[jobs]]
name = "import"
class = "flexible"
cron = "*/20 * * * *"
definition = "twenty:1"
vcpus = 1
memory_mib = 2048
"#;

pub const ONLY_STEADY: (&str, &str) = ("[\"spot\", \"steady\"]", "[\"steady\"]");
/// 1 vCPU and 2 GiB of x86_64 for an hour, at the list price in nano-dollars.
const HOUR: i128 = 40_480_000 + 2 * 4_445_000;

pub fn scenario() -> Scenario {
    let mut scenario = Scenario::empty("us-east-1", "ab")
        .with_queue("fargate-spot", Capacity::FargateSpot, &[], 256)
        .with_queue("fargate", Capacity::Fargate, &[], 256)
        .with_definition("twenty", 1150);
    scenario.market.reclaim_scale = 0.0;
    scenario
}

/// `percent` of what an attempt's time costs at `hour` nano-dollars an hour, half to even.
fn part_of(hour: i128, percent: i128, entry: &Entry) -> Usd {
    let millis = i128::from(entry.priced().unwrap().charged.millis());
    let (num, den) = (hour * percent * millis, 100 * 3_600_000);
    let (whole, rest) = (num / den, num % den);
    let up = rest * 2 > den || (rest * 2 == den && whole % 2 == 1);
    Usd::from_nanos(whole + i128::from(up))
}

fn succeeded(run: &Run) -> bool {
    matches!(run.state, RunState::Ended { outcome: RunOutcome::Succeeded, .. })
}

async fn first_run(world: &World) -> Run {
    world.runs().await.into_iter().min_by_key(|run| run.scheduled_for).unwrap()
}

#[tokio::test]
async fn fargate_spot_is_chosen_all_day_long_and_every_nano_of_its_bill_is_explained() {
    let mut world = World::of(CATALOGUE, scenario(), 1).await;
    world.run_for(SignedDuration::from_hours(30)).await;
    let runs = world.runs().await;
    // The list price is seen once a day, and Fargate Spot's is as old.
    assert!(runs.len() > 85);
    for run in &runs {
        assert_eq!(run.legs[0].capacity, Capacity::FargateSpot, "{}", run.id);
    }
    let entries = world.entries().await;
    assert!(entries.len() > 80);
    for entry in &entries {
        let priced = entry.priced().unwrap();
        assert_eq!(priced.cost, part_of(HOUR, 30, entry));
        assert_eq!(priced.on_demand, part_of(HOUR, 80, entry), "after the Savings Plan");
        assert!(entry.zone.is_some(), "where the task ran");
    }
    let bill = world.bill().await;
    assert_eq!((bill.unexplained_usd, bill.unpriced_usd), (Usd::ZERO, Usd::ZERO));
    let metrics = metrics_text(&world.shared).unwrap();
    for line in [
        "spotcron_spot_price_usd_per_hour{environment=\"spot\"} 0.012144",
        "spotcron_on_demand_price_usd_per_hour{environment=\"spot\"} 0.04048",
        "spotcron_spot_discount_ratio{environment=\"spot\"} 0.7",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} is not in\n{metrics}");
    }
}

#[tokio::test]
async fn a_savings_plan_comes_off_fargate_on_demand_and_is_named_against_the_bill() {
    let catalogue = CATALOGUE.replace(ONLY_STEADY.0, ONLY_STEADY.1);
    let mut world = World::of(&catalogue, scenario(), 1).await;
    world.run_for(SignedDuration::from_hours(3)).await;
    let entries = world.entries().await;
    assert!(!entries.is_empty());
    for entry in &entries {
        assert_eq!(entry.priced().unwrap().cost, part_of(HOUR, 80, entry));
    }
    assert_eq!(world.bill().await.unexplained_usd, Usd::ZERO);
}

#[tokio::test]
async fn arm64_has_a_price_of_its_own() {
    let catalogue = CATALOGUE
        .replace("capacity = \"fargate\"", "capacity = \"fargate\"\narchitecture = \"arm64\"")
        .replace(ONLY_STEADY.0, ONLY_STEADY.1);
    let mut world = World::of(&catalogue, scenario(), 1).await;
    world.run_for(SignedDuration::from_hours(2)).await;
    let entries = world.entries().await;
    assert!(!entries.is_empty());
    for entry in &entries {
        let arm_hour = 32_380_000 + 2 * 3_560_000;
        assert_eq!(entry.priced().unwrap().cost, part_of(arm_hour, 80, entry));
    }
    let market = world.shared.market.load();
    let listed = market.environments["steady"].fargate.clone().unwrap();
    assert_eq!(listed.list.vcpu_hour.to_string(), "0.03238");
}

#[tokio::test]
async fn a_task_taken_back_without_a_word_from_batch_is_no_failure() {
    let mut world = World::of(CATALOGUE, scenario(), 2).await;
    let mut batch = TroubledBatch::over(&world.ports.batch);
    batch.hushed = true;
    world.ports.batch = Arc::new(batch);
    world.restart().await;
    world.run_for(mins(32)).await;
    let run = first_run(&world).await;
    assert!(run.legs[0].started_at.is_some(), "it runs: {:?}", run.state);
    world.cloud.crunch_all(mins(4));
    world.run_for(SignedDuration::from_hours(2)).await;
    let run = world.store.run(&run.id).await.unwrap().unwrap();
    assert!(succeeded(&run), "{:?}", run.state);
    assert_eq!((run.legs[1].cause, run.failures), (LegCause::Interrupted, 0));
    let attempts = world.store.attempts(&run.id).await.unwrap();
    assert_eq!(attempts[0].exit_code, Some(143));
    assert_eq!(attempts[0].end, Some(AttemptEnd::Interrupted));
}

/// Fargate costs twice as much from a moment on.
struct Dearer {
    inner: Arc<dyn ListPriceSource>,
    clock: Arc<dyn spotcron::clock::Clock>,
    from: Timestamp,
}

#[async_trait]
impl ListPriceSource for Dearer {
    async fn on_demand_prices(
        &self,
        region: &Region,
        types: &[InstanceType],
    ) -> Vec<Result<ListPrice, PriceProblem>> {
        self.inner.on_demand_prices(region, types).await
    }

    async fn fargate_prices(&self, region: &Region) -> Result<Vec<FargatePrice>, ServiceError> {
        let mut prices = self.inner.fargate_prices(region).await?;
        if self.clock.now() >= self.from {
            for price in &mut prices {
                price.vcpu_hour = price.vcpu_hour.scaled(Ppm::from_percent(200));
                price.gib_hour = price.gib_hour.scaled(Ppm::from_percent(200));
                price.effective_from = self.from;
            }
        }
        Ok(prices)
    }
}

#[tokio::test]
async fn an_attempt_has_the_price_that_was_in_effect_when_it_started() {
    let mut world = World::of(CATALOGUE, scenario(), 1).await;
    // While the first attempt runs.
    let from = at("2026-06-01T00:30:00Z");
    let inner = Arc::clone(&world.ports.list_prices);
    world.ports.list_prices =
        Arc::new(Dearer { inner, clock: Arc::new(world.clock.clone()), from });
    world.settings.periods.list_prices = mins(5);
    world.restart().await;
    world.run_for(SignedDuration::from_hours(3)).await;
    let (mut before, mut after) = (0, 0);
    for entry in world.entries().await {
        let started_at = entry.priced().unwrap().charged.start;
        let hour = if started_at < from { HOUR } else { 2 * HOUR };
        *(if started_at < from { &mut before } else { &mut after }) += 1;
        assert_eq!(entry.priced().unwrap().cost, part_of(hour, 30, &entry), "{}", entry.key.run);
        assert_eq!(entry.priced().unwrap().on_demand, part_of(hour, 80, &entry));
    }
    assert!(before > 0 && after > 0, "{before} before the change, {after} after it");
}

#[tokio::test]
async fn an_edit_of_the_catalogue_changes_no_price_of_what_is_under_way() {
    let gone = CATALOGUE
        .replace("flexible", "renamed")
        .replace("\nfargate_spot_discount_percent = 70", "")
        .replace("on_demand_discount_percent = 20", "")
        .replace("name = \"import\"", "name = \"other\"");
    for edited in [&gone, &CATALOGUE.replace("percent = 20", "percent = 50")] {
        let mut world = World::of(CATALOGUE, scenario(), 1).await;
        world.run_for(mins(32)).await;
        world.shared.replace_catalogue(parse(edited));
        world.catalogue = edited.clone();
        world.restart().await;
        world.run_for(SignedDuration::from_hours(1)).await;
        let run = first_run(&world).await;
        let entry = world.store.entries(&run.id).await.unwrap().remove(0);
        let priced = entry.priced().unwrap_or_else(|| panic!("unpriced: {entry:?}"));
        assert_eq!(priced.cost, part_of(HOUR, 30, &entry));
        assert_eq!(priced.on_demand, part_of(HOUR, 80, &entry));
    }
}

#[tokio::test]
async fn list_prices_that_cannot_be_refreshed_show_their_age() {
    let mut world = World::of(super::world::CATALOGUE, super::world::scenario(0.0), 1).await;
    world.run_for(SignedDuration::from_hours(1)).await;
    world.cloud.set_faults(Faults::default().with(Operation::GetProducts, Fault::Denied, 1.0));
    world.run_for(SignedDuration::from_hours(14 * 24)).await;
    let now = world.shared.clock.now();
    let market = world.shared.market.load_full();
    for pool in &market.environments["steady"].pools {
        let age = pool.on_demand_age(now).unwrap();
        assert!(age > SignedDuration::from_hours(13 * 24), "{age:#}");
    }
    let metrics = metrics_text(&world.shared).unwrap();
    let shown = metrics.lines().find_map(|line| {
        line.strip_prefix("spotcron_price_age_seconds{environment=\"steady\",price=\"on-demand\"} ")
    });
    assert!(shown.unwrap().parse::<f64>().unwrap() > 13.0 * 86_400.0);
    // A new process has not seen them at all: they are as old as they can be.
    world.restart().await;
    world.run_for(mins(20)).await;
    let market = world.shared.market.load_full();
    let seen_at = market.environments["steady"].pools[0].on_demand_seen_at.unwrap();
    assert!(seen_at < at(BEGIN), "{seen_at}");
}

#[tokio::test]
async fn an_attempt_from_before_terms_were_kept_has_those_of_the_catalogue() {
    let mut world = World::of(CATALOGUE, scenario(), 1).await;
    world.run_for(mins(32)).await;
    let run = first_run(&world).await;
    let mut attempt = world.store.attempts(&run.id).await.unwrap().remove(0);
    let kept = attempt.terms.unwrap();
    assert_eq!(kept.on_demand_discount, Ppm::from_percent(20));
    assert_eq!(kept.fargate_spot_discount, Some(Ppm::from_percent(70)));
    // As an older version wrote it.
    let mut old = serde_json::to_value(&attempt).unwrap();
    old.as_object_mut().unwrap().remove("terms");
    attempt = serde_json::from_value(old).unwrap();
    // What it was expected to cost was of that decision alone.
    assert!(kept.expected_price.is_some());
    let of_the_catalogue = PriceTerms { expected_price: None, ..kept };
    assert_eq!(world.shared.terms_of(&attempt), of_the_catalogue);
    world.shared.replace_catalogue(parse(&CATALOGUE.replace("percent = 20", "percent = 50")));
    let today = world.shared.terms_of(&attempt);
    assert_eq!(today.on_demand_discount, Ppm::from_percent(50));
}
