//! Past runs played again: costs reckoned by hand, worlds against their hazards, and the published break-even.

mod hand;
mod past;
mod retries;
mod worlds;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use spotcron::backtest::{Availability, Backtest, History, Kind, PastRun, Policy, Tally, World};
use spotcron::catalogue::{Class, Restart};
use spotcron::cost::PriceMode;
use spotcron::domain::{Capacity, Window};
use spotcron::experience::Experience;
use spotcron::market::PriceSeries;

use crate::samples::{self, at, mins};

const START: &str = "2026-11-21T00:00:00Z";

fn start() -> Timestamp {
    at(START)
}

/// A moment so many minutes after the window's beginning, milliseconds since 1970.
fn minute(minute: i64) -> i64 {
    start().as_millisecond() + minute * 60_000
}

/// Class `c` on one spot pool a price, whose spot price is that for ever, and on demand at 0.192; runs of an
/// hour due at these minutes of one day.
fn history(class: Class, prices: &[&str], due: &[i64]) -> History {
    let quoted: Vec<Option<&str>> = prices.iter().map(|price| Some(*price)).collect();
    let spot = samples::quotes("spot", Capacity::Spot, &quoted, Some("0.192"), start());
    let steady = samples::quotes("steady", Capacity::OnDemand, &[None], Some("0.192"), start());
    let series = spot.pools.iter().zip(prices).map(|(quote, price)| {
        let point = (Timestamp::UNIX_EPOCH, price.parse().unwrap());
        (quote.pool.clone(), Arc::new(PriceSeries::from_points([point])))
    });
    let prices = [("spot".into(), series.collect())].into();
    let environments = vec![
        Arc::new(samples::environment("spot", Capacity::Spot)),
        Arc::new(samples::environment("steady", Capacity::OnDemand)),
    ];
    let runs = due.iter().map(|due| {
        let due = start() + mins(*due);
        PastRun {
            kind: 0,
            at: due,
            deadline_at: class.deadline.map(|deadline| due + deadline),
            work: mins(60),
            copies: 1,
            done: None,
        }
    });
    History {
        window: Window::new(start(), start() + SignedDuration::from_hours(24)),
        runs: runs.collect(),
        kinds: vec![Kind { class: Arc::new(class), resources: samples::resources(), environments }],
        markets: BTreeMap::from([("spot".into(), spot), ("steady".into(), steady)]),
        prices,
        experience: Experience::default(),
        cooldown: mins(15),
        price_mode: PriceMode::Continuous,
        free_first_hour: false,
    }
}

fn from_zero() -> Class {
    samples::class("c", &["spot", "steady"])
}

fn checkpointed() -> Class {
    Class { restart: Restart::Checkpoint { interval: mins(15), restore: mins(2) }, ..from_zero() }
}

/// The same availability in every pool.
fn alike(backtest: &Backtest, availability: &Availability) -> World {
    backtest.world(|_, _| availability.clone())
}

/// Up in these minutes.
fn up(spans: &[(i64, i64)]) -> Availability {
    Availability::of_spans(spans.iter().map(|(from, until)| (minute(*from), minute(*until))))
}

/// Each policy's sums in a world.
fn played(backtest: &Backtest, world: &World) -> BTreeMap<Policy, Tally> {
    backtest
        .policies()
        .into_iter()
        .zip(backtest.play(std::slice::from_ref(world)).remove(0).0)
        .collect()
}
