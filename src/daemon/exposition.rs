//! What the daemon shows of itself: one scrape, one status page, and whether it is well.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::shared::Stopping;
use super::{Shared, TaskStatus};
use crate::domain::{Capacity, UsdPerHour};
use crate::ledger::Summary;
use crate::market::EnvironmentMarket;
use crate::metrics::{self, MarketGauges, OpenRuns, RenderError, Snapshot, TaskGauges};

/// A task that has not come to an end of an activation for so long is stuck.
const STUCK_AFTER: SignedDuration = SignedDuration::from_mins(15);

/// `/metrics`.
pub fn metrics_text(shared: &Shared) -> Result<String, RenderError> {
    let now = shared.clock.now();
    let tally = shared.book.tally();
    let market = shared.market.load();
    let tasks = shared.status.snapshot();
    metrics::render(&Snapshot {
        tally: &tally,
        open_runs: open_runs(shared),
        provisional: Summary::of(&shared.book.provisional_entries()),
        markets: market.environments.values().map(|quotes| market_gauges(quotes, now)).collect(),
        tasks: tasks
            .iter()
            .map(|(task, status)| TaskGauges {
                task,
                last_success: status.last_success,
                failures: status.failures,
            })
            .collect(),
        reload: shared.reloads.last(),
        api_calls: shared.calls.gauges(),
        custom_endpoint: shared.custom_endpoint,
        version: env!("CARGO_PKG_VERSION"),
        next_wake: shared.next_due(),
        ready: is_ready(shared) && shared.stopping() == Stopping::No,
    })
}

fn open_runs(shared: &Shared) -> Vec<OpenRuns> {
    let mut counts = BTreeMap::new();
    for run in shared.book.open_where(|_| true) {
        *counts.entry((run.class.clone(), run.state.label())).or_insert(0) += 1;
    }
    counts.into_iter().map(|((class, state), count)| OpenRuns { class, state, count }).collect()
}

/// An environment's plain mean over its pools, per instance hour; on Fargate of a vCPU.
fn market_gauges(quotes: &EnvironmentMarket, now: Timestamp) -> MarketGauges {
    let environment = quotes.environment.clone();
    if let Some(fargate) = &quotes.fargate {
        // Fargate Spot has no price of its own that could age.
        return MarketGauges {
            environment,
            spot: fargate.spot.map(|rate| rate.vcpu_hour),
            on_demand: Some(fargate.list.vcpu_hour),
            spot_age: None,
            on_demand_age: Some(fargate.age(now)),
        };
    }
    let is_spot = quotes.capacity == Capacity::Spot;
    let spot = quotes.pools.iter().filter_map(|quote| quote.spot);
    let on_demand = quotes.pools.iter().filter_map(|quote| quote.on_demand);
    MarketGauges {
        environment,
        spot: mean(spot).filter(|_| is_spot),
        on_demand: mean(on_demand),
        spot_age: spot_age(quotes, now).filter(|_| is_spot),
        on_demand_age: quotes.pools.iter().filter_map(|quote| quote.on_demand_age(now)).max(),
    }
}

/// Of the instance type whose spot prices were confirmed least lately. A zone that EC2 stopped to
/// list for a type is left out of decisions, and must not raise an alarm for ever.
fn spot_age(quotes: &EnvironmentMarket, now: Timestamp) -> Option<SignedDuration> {
    let mut by_type = BTreeMap::new();
    for quote in &quotes.pools {
        let Some(age) = quote.age(now) else { continue };
        let least = by_type.entry(&quote.pool.instance_type).or_insert(age);
        *least = age.min(*least);
    }
    by_type.into_values().max()
}

fn mean(prices: impl Iterator<Item = UsdPerHour>) -> Option<UsdPerHour> {
    let (sum, count) = prices
        .fold((0i128, 0i128), |(sum, count), price| (sum + i128::from(price.units()), count + 1));
    (count > 0).then(|| UsdPerHour::from_units((sum / count) as i64))
}

/// Ready once prices were looked for and every task has come to an end once.
pub fn is_ready(shared: &Shared) -> bool {
    let tasks = shared.status.snapshot();
    let ran = tasks.values().filter(|status| status.activations > 0).count();
    shared.market_is_open(shared.clock.now()) && ran >= super::tasks::COUNT
}

/// Every task that is stuck, or that has failed for too long; empty when all is well.
pub fn ailments(shared: &Shared) -> Vec<String> {
    let now = shared.clock.now();
    let stuck = |(task, status): (&&'static str, &TaskStatus)| {
        let since = status.last_began.or(status.next_wake)?;
        let ended = since.checked_add(SignedDuration::from_millis(status.last_elapsed_millis));
        let silent = now.duration_since(ended.unwrap_or(since));
        // Tasks that run once a day are silent by design: only those that had a wake due count.
        let overdue = status.next_wake.is_some_and(|wake| now.duration_since(wake) > STUCK_AFTER);
        overdue.then(|| format!("task {task} has not run for {} s", silent.as_secs()))
    };
    shared.status.snapshot().iter().filter_map(stuck).collect()
}

/// `/status`.
#[derive(Debug, Serialize)]
pub struct StatusPage {
    pub version: &'static str,
    pub now: Timestamp,
    pub ready: bool,
    pub submits: bool,
    pub catalogue_fingerprint: String,
    pub jobs: usize,
    pub open_runs: BTreeMap<&'static str, usize>,
    pub next_due: Option<Timestamp>,
    pub ailments: Vec<String>,
    pub tasks: BTreeMap<&'static str, TaskStatus>,
}

pub fn status_page(shared: &Shared) -> StatusPage {
    let catalogue = shared.catalogue.load();
    let mut open = BTreeMap::new();
    for run in shared.book.open_where(|_| true) {
        *open.entry(run.state.label()).or_insert(0) += 1;
    }
    StatusPage {
        version: env!("CARGO_PKG_VERSION"),
        now: shared.clock.now(),
        ready: is_ready(shared),
        submits: shared.mode == super::Mode::Submit,
        catalogue_fingerprint: catalogue.fingerprint.clone(),
        jobs: catalogue.jobs.len(),
        open_runs: open,
        next_due: shared.next_due(),
        ailments: ailments(shared),
        tasks: shared.status.snapshot(),
    }
}
