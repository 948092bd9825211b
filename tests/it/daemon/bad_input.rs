//! Prices that cannot be, and runs that are too late for their deadline.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use spotcron::daemon::metrics_text;
use spotcron::decision::{Decision, Guard, Reason};
use spotcron::domain::{InstanceType, Site, UsdPerHour, Window};
use spotcron::ledger::Counter;
use spotcron::market::PricePoint;
use spotcron::ports::{ServiceError, SpotPriceSource};
use spotcron::run::{Run, RunEventKind};

use super::world::{CATALOGUE, World, scenario};
use crate::samples::{at, mins};

/// Since when every pool's price is said to be another.
type Wild = (Timestamp, fn(UsdPerHour) -> UsdPerHour);

struct Skewed {
    inner: Arc<dyn SpotPriceSource>,
    wild: Mutex<Option<Wild>>,
}

#[async_trait]
impl SpotPriceSource for Skewed {
    async fn spot_prices(
        &self,
        site: &Site,
        types: &[InstanceType],
        window: Window,
    ) -> Result<Vec<PricePoint>, ServiceError> {
        let mut points = self.inner.spot_prices(site, types, window).await?;
        if let Some((since, change)) = *self.wild.lock().unwrap() {
            points.retain(|point| point.effective_from < since);
            let now: Vec<PricePoint> = points
                .iter()
                .map(|point| PricePoint {
                    price: change(point.price),
                    effective_from: since,
                    ..point.clone()
                })
                .collect();
            points.extend(now);
        }
        Ok(points)
    }
}

async fn skewed() -> (World, Arc<Skewed>) {
    let mut world = World::of(CATALOGUE, scenario(0.0), 1).await;
    let inner = Arc::clone(&world.ports.spot_prices);
    let source = Arc::new(Skewed { inner, wild: Mutex::default() });
    world.ports.spot_prices = Arc::clone(&source) as Arc<dyn SpotPriceSource>;
    world.restart().await;
    (world, source)
}

async fn run_of(world: &World, id: &str) -> Run {
    world.store.run(&id.into()).await.unwrap().unwrap_or_else(|| panic!("no run {id}"))
}

async fn decision_of(world: &World, id: &str) -> Decision {
    let kinds = world.kinds(&run_of(world, id).await.id).await;
    let decided = kinds.into_iter().find_map(|kind| match kind {
        RunEventKind::Decided { decision, .. } => Some(*decision),
        _ => None,
    });
    decided.unwrap()
}

#[tokio::test]
async fn prices_of_nothing_and_beyond_reason_are_as_good_as_none_however_often_they_are_shown() {
    let wild: [fn(UsdPerHour) -> UsdPerHour; 2] =
        [|_| UsdPerHour::ZERO, |price| UsdPerHour::from_units(price.units() * 1000)];
    for change in wild {
        let (mut world, source) = skewed().await;
        world.run_for(mins(25)).await;
        *source.wild.lock().unwrap() = Some((at("2026-06-01T00:26:00Z"), change));
        world.run_for(mins(100)).await;
        for id in ["import-20260601T004000Z", "import-20260601T020000Z"] {
            let decision = decision_of(&world, id).await;
            assert_eq!(decision.chosen, Some("steady".into()));
            assert_eq!(decision.reasons[0], Reason::PriceUnknown);
            assert!(matches!(decision.candidates[0].guards[0], Guard::PriceAbsurd { .. }));
        }
        let text = metrics_text(&world.shared).unwrap();
        assert!(!text.contains("spotcron_spot_price_usd_per_hour{"), "it is in no mean");
    }
}

/// Refreshes of 00:30, 00:35 and 00:40 show it; the decision of 00:40 comes before the third.
#[tokio::test]
async fn a_hundredth_of_the_price_is_believed_once_three_refreshes_have_shown_it() {
    let (mut world, source) = skewed().await;
    world.run_for(mins(31)).await;
    let cheap = |price: UsdPerHour| UsdPerHour::from_units(price.units() / 150);
    *source.wild.lock().unwrap() = Some((at("2026-06-01T00:32:00Z"), cheap));
    world.run_for(mins(40)).await;
    let before = decision_of(&world, "import-20260601T002000Z").await.candidates[0].price.unwrap();
    let doubted = decision_of(&world, "import-20260601T004000Z").await;
    assert_eq!(doubted.chosen, Some("steady".into()));
    assert!(
        matches!(doubted.candidates[0].guards[0], Guard::PriceAbsurd { price, .. } if price < before),
        "{:?}",
        doubted.candidates[0]
    );
    let believed = decision_of(&world, "import-20260601T010000Z").await;
    assert_eq!(believed.chosen, Some("spot".into()));
    assert!(believed.candidates[0].price.unwrap().units() * 100 < before.units());
}

/// Twenty minutes of work and three to start, decided ten minutes late with a deadline of 24.
#[tokio::test]
async fn a_run_that_is_too_late_goes_on_demand_and_tells_it_once() {
    let catalogue = CATALOGUE.replacen("deadline = \"3h\"", "deadline = \"24m\"", 1);
    let mut world = World::of(&catalogue, scenario(0.0), 1).await;
    world.run_for(mins(15)).await;
    world.clock.advance_to(at("2026-06-01T00:30:00Z"));
    world.restart().await;
    world.run_for(mins(5)).await;
    let run = run_of(&world, "import-20260601T002000Z").await;
    assert!(run.deadline_unreachable && !run.deadline_missed);
    let decision = decision_of(&world, run.id.as_str()).await;
    assert_eq!(decision.chosen, Some("steady".into()));
    let late_secs = decision.late_secs().unwrap();
    assert!((9 * 60..11 * 60).contains(&late_secs), "{late_secs}");
    let told = |kinds: &[RunEventKind]| {
        kinds.iter().filter(|kind| matches!(kind, RunEventKind::DeadlineUnreachable { .. })).count()
    };
    assert_eq!(told(&world.kinds(&run.id).await), 1);
    let counted = |world: &World| {
        world.count(|counter| matches!(counter, Counter::DeadlinesUnreachable { .. }))
    };
    assert_eq!(counted(&world), 1);
    let text = metrics_text(&world.shared).unwrap();
    assert!(text.contains("spotcron_deadline_unreachable_total{class=\"flexible\"} 1"), "{text}");
    world.run_for(mins(60)).await;
    assert_eq!(told(&world.kinds(&run.id).await), 1);
    assert_eq!(counted(&world), 1, "runs that are decided in time are not counted");
    assert!(run_of(&world, run.id.as_str()).await.deadline_missed);
}
