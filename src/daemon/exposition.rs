//! What the daemon shows of itself: one scrape, one status page, and whether it is well.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::shared::Stopping;
use super::{LastReload, Shared, TaskStatus};
use crate::control::Controls;
use crate::domain::{Capacity, ClassName, UsdPerHour};
use crate::experience::Breaker;
use crate::ledger::{Reconciled, Summary};
use crate::market::{EnvironmentMarket, PoolQuote};
use crate::metrics::{
    self, BillingGauges, BreakerGauges, MarketGauges, OpenRuns, ReloadGauges, RenderError,
    Snapshot, TaskGauges,
};

/// A task that is so long overdue is stuck.
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
        breakers: breakers(shared, now),
        billing: shared.book.reconciled().iter().map(|day| billing_gauges(day, now)).collect(),
        tasks: tasks
            .iter()
            .map(|(task, status)| TaskGauges {
                task,
                last_success: status.last_success,
                failures: status.failures,
            })
            .collect(),
        reload: shared
            .reloads
            .last()
            .map(|last| ReloadGauges { succeeded: last.succeeded, at: last.at }),
        api_calls: shared.calls.gauges(),
        optional_permissions: shared.calls.optional_permissions(),
        custom_endpoint: shared.custom_endpoint,
        version: env!("CARGO_PKG_VERSION"),
        paused_jobs: paused_jobs(shared),
        forced_on_demand: forced_on_demand(shared, now),
        next_wake: shared.next_due(),
        ready: is_ready(shared) && shared.stopping() == Stopping::No,
    })
}

/// Enabled jobs of which nothing starts.
fn paused_jobs(shared: &Shared) -> u64 {
    let (catalogue, controls) = (shared.catalogue.load(), shared.controls.load());
    let paused = |name| controls.pause_of(name).is_some();
    catalogue.jobs.values().filter(|job| job.enabled && paused(&job.name)).count() as u64
}

fn breakers(shared: &Shared, now: Timestamp) -> Vec<BreakerGauges> {
    let (in_flight, cooldown) = (shared.in_flight(), shared.settings.decision.cooldown);
    let open = shared.experience().breakers(&in_flight, cooldown, now);
    let catalogue = shared.catalogue.load();
    let spot = catalogue.environments.values().filter(|known| known.capacity.is_interruptible());
    let gauges = spot.map(|known| {
        let now = open.get(&known.name).copied().unwrap_or_default();
        let states = Breaker::LABELS.map(|state| (state, state == now.label()));
        BreakerGauges { environment: known.name.clone(), states }
    });
    gauges.collect()
}

/// A day is as old as its end is past.
fn billing_gauges(reconciled: &Reconciled, now: Timestamp) -> BillingGauges {
    let ended = reconciled.day.tomorrow().and_then(|next| next.to_zoned(TimeZone::UTC));
    let age = ended.map_or(SignedDuration::ZERO, |ended| now.duration_since(ended.timestamp()));
    BillingGauges {
        environment: reconciled.environment.clone(),
        drift: reconciled.sums.ratio(),
        // The newest day may not be over.
        age: age.max(SignedDuration::ZERO),
    }
}

fn forced_on_demand(shared: &Shared, now: Timestamp) -> Vec<ClassName> {
    let (catalogue, controls) = (shared.catalogue.load(), shared.controls.load());
    let forced = |class: &&ClassName| controls.override_of(class, now).is_some();
    catalogue.classes.keys().filter(forced).cloned().collect()
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
    let spot = quotes.pools.iter().filter_map(PoolQuote::believed_spot);
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

/// Whether everything that is needed to submit is in place.
pub fn is_ready(shared: &Shared) -> bool {
    obstacles(shared).is_empty()
}

/// What is missing before the daemon is ready; empty once it is. Every task must have come to a good
/// end since the start: one that has only failed has put nothing in place. A later failure that time
/// may cure (a throttled call, an endpoint that does not answer) takes nothing back, because what
/// was in place still is; a refused permission does, because only a person can give it.
pub fn obstacles(shared: &Shared) -> Vec<String> {
    let mut found = Vec::new();
    if !shared.market_is_open(shared.clock.now()) {
        found.push("prices have not been looked at yet".to_owned());
    }
    let tasks = shared.status.snapshot();
    let ran = tasks.values().filter(|status| status.activations > 0).count();
    if ran < super::tasks::COUNT {
        let of = super::tasks::COUNT;
        found.push(format!("{} of {of} tasks have not run yet", of - ran));
    }
    let opened = shared.market_opens_at();
    found.extend(tasks.iter().filter_map(|(task, status)| {
        let error = status.error.as_ref()?;
        if status.denied {
            return Some(format!("task {task} is not allowed to do its work: {error}"));
        }
        // What the other accounts need is in place.
        if status.role_refused {
            return None;
        }
        // Before the environments are known a task succeeds with nothing to do, so that a failure
        // that began with the start counts like one without any success.
        let never = status.last_success.is_none()
            || status.failing_since.is_some_and(|since| since < opened);
        (never && *task != MAY_FAIL)
            .then(|| format!("task {task} has not succeeded since the start: {error}"))
    }));
    found
}

/// The Price List may lack a type for good. Decisions then go by the class's `when_price_unknown`,
/// which is a way to work.
const MAY_FAIL: &str = "list-prices";

/// Every task that is stuck; empty when all is well. Only what a restart may cure is told to whoever
/// restarts: a task that fails (permissions, network, a full disk) would fail again in a new process,
/// and repeats by itself in this one.
pub fn ailments(shared: &Shared) -> Vec<String> {
    let now = shared.clock.now();
    let stuck = |(task, status): (&&'static str, &TaskStatus)| {
        // While a task runs, this is when it should have. One that runs once a day is silent by
        // design, and is not overdue.
        let silent = now.duration_since(status.next_wake?);
        (silent > STUCK_AFTER)
            .then(|| format!("task {task} should have come to an end {} s ago", silent.as_secs()))
    };
    shared.status.snapshot().iter().filter_map(stuck).collect()
}

/// `/status`.
#[derive(Debug, Serialize)]
pub struct StatusPage {
    pub version: &'static str,
    pub now: Timestamp,
    pub ready: bool,
    /// What is missing before it is ready.
    pub obstacles: Vec<String>,
    pub submits: bool,
    pub catalogue_fingerprint: String,
    pub jobs: usize,
    pub open_runs: BTreeMap<&'static str, usize>,
    pub next_due: Option<Timestamp>,
    /// What people paused, and classes that they keep on demand.
    pub controls: Controls,
    /// Tasks that are stuck.
    pub ailments: Vec<String>,
    /// The last reload of the catalogue; `null` until one was tried.
    pub reload: Option<LastReload>,
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
        ready: is_ready(shared) && shared.stopping() == Stopping::No,
        obstacles: obstacles(shared),
        submits: shared.mode == super::Mode::Submit,
        catalogue_fingerprint: catalogue.fingerprint.clone(),
        jobs: catalogue.jobs.len(),
        open_runs: open,
        next_due: shared.next_due(),
        controls: shared.controls.load().in_force(shared.clock.now()),
        ailments: ailments(shared),
        reload: shared.reloads.last(),
        tasks: shared.status.snapshot(),
    }
}
