//! What is so now: plain values that the daemon hands over, and calls since it started.

use jiff::{SignedDuration, Timestamp};
use prometheus::Result;

use crate::domain::{ClassName, EnvironmentName, Ppm, UsdPerHour};

use super::Snapshot;
use super::descriptors as metric;
use super::families::Families;
use super::totals::usd;

const PRICE_UNITS_PER_USD: f64 = 1e10;

/// How many runs of a class are in a state that is not an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRuns {
    pub class: ClassName,
    /// `RunState::label`.
    pub state: &'static str,
    pub count: u64,
}

/// One environment's prices. What is not known is not shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarketGauges {
    pub environment: EnvironmentName,
    pub spot: Option<UsdPerHour>,
    pub on_demand: Option<UsdPerHour>,
    /// Since a refresh last confirmed the spot price.
    pub spot_age: Option<SignedDuration>,
    /// Since a refresh last confirmed the on-demand list price.
    pub on_demand_age: Option<SignedDuration>,
}

impl MarketGauges {
    /// How much less than on demand spot costs; negative where it is dearer.
    pub fn discount(&self) -> Option<Ppm> {
        Some(Ppm::ONE - self.spot?.ratio_to(self.on_demand?)?)
    }
}

/// One environment's breaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerGauges {
    pub environment: EnvironmentName,
    /// The label of every state, and whether it is in that one.
    pub states: [(&'static str, bool); 3],
}

/// One environment's newest day that was reconciled with a bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillingGauges {
    pub environment: EnvironmentName,
    /// `None` where nothing was billed.
    pub drift: Option<Ppm>,
    /// Since that day ended.
    pub age: SignedDuration,
}

/// One of the daemon's own tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskGauges {
    pub task: &'static str,
    pub last_success: Option<Timestamp>,
    pub failures: u64,
}

/// The last reload that was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReloadGauges {
    pub succeeded: bool,
    pub at: Timestamp,
}

/// Calls of one operation with one outcome since the process started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiCalls {
    pub operation: String,
    /// Of a closed set, such as `ok`, `throttled`, `refused`, `unknown`.
    pub outcome: &'static str,
    pub count: u64,
}

/// Whether AWS denies an operation that runs do not depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionalPermission {
    /// AWS's name, of a closed set.
    pub operation: &'static str,
    /// That of the role it is called with; empty for spotcron's own.
    pub account: String,
    pub region: String,
    pub denied: bool,
}

pub(super) fn collect<'a>(snapshot: &'a Snapshot<'_>, to: &mut Families<'a>) -> Result<()> {
    for runs in &snapshot.open_runs {
        to.add(&metric::OPEN_RUNS, &[runs.class.as_str(), runs.state], runs.count as f64)?;
    }
    to.add(&metric::PROVISIONAL_COST, &[], usd(snapshot.provisional.cost.nanos()))?;
    to.add(&metric::PROVISIONAL_ON_DEMAND, &[], usd(snapshot.provisional.on_demand.nanos()))?;
    to.add(&metric::PROVISIONAL_ATTEMPTS, &[], snapshot.provisional.attempts as f64)?;
    for market in &snapshot.markets {
        collect_market(market, to)?;
    }
    for BreakerGauges { environment, states } in &snapshot.breakers {
        for (state, is_in) in states {
            to.add(&metric::BREAKER, &[environment.as_str(), state], flag(*is_in))?;
        }
    }
    for day in &snapshot.billing {
        let labels = [day.environment.as_str()];
        if let Some(drift) = day.drift {
            to.add(&metric::BILLING_DRIFT, &labels, drift.to_ratio())?;
        }
        to.add(&metric::BILLING_AGE, &labels, day.age.as_millis() as f64 / 1e3)?;
    }
    for calls in &snapshot.api_calls {
        to.add(&metric::API_CALLS, &[&calls.operation, calls.outcome], calls.count as f64)?;
    }
    for permission in &snapshot.optional_permissions {
        let labels =
            [permission.operation, permission.account.as_str(), permission.region.as_str()];
        to.add(&metric::OPTIONAL_DENIED, &labels, flag(permission.denied))?;
    }
    for task in &snapshot.tasks {
        if let Some(at) = task.last_success {
            to.add(&metric::TASK_SUCCESS, &[task.task], unix_seconds(at))?;
        }
        to.add(&metric::TASK_FAILURES, &[task.task], task.failures as f64)?;
    }
    if let Some(reload) = snapshot.reload {
        to.add(&metric::RELOAD_SUCCESS, &[], flag(reload.succeeded))?;
        to.add(&metric::RELOAD_TIME, &[], unix_seconds(reload.at))?;
    }
    to.add(&metric::PAUSED_JOBS, &[], snapshot.paused_jobs as f64)?;
    for class in &snapshot.forced_on_demand {
        to.add(&metric::FORCED_ON_DEMAND, &[class.as_str()], 1.0)?;
    }
    if let Some(at) = snapshot.next_wake {
        to.add(&metric::NEXT_WAKE, &[], unix_seconds(at))?;
    }
    to.add(&metric::CUSTOM_ENDPOINT, &[], flag(snapshot.custom_endpoint))?;
    to.add(&metric::READY, &[], flag(snapshot.ready))?;
    to.add(&metric::BUILD_INFO, &[snapshot.version], 1.0)
}

fn collect_market<'a>(market: &'a MarketGauges, to: &mut Families<'a>) -> Result<()> {
    let labels = [market.environment.as_str()];
    let per_hour = |price: UsdPerHour| price.units() as f64 / PRICE_UNITS_PER_USD;
    if let Some(spot) = market.spot {
        to.add(&metric::SPOT_PRICE, &labels, per_hour(spot))?;
    }
    if let Some(on_demand) = market.on_demand {
        to.add(&metric::ON_DEMAND_PRICE, &labels, per_hour(on_demand))?;
    }
    if let Some(discount) = market.discount() {
        to.add(&metric::DISCOUNT, &labels, discount.to_ratio())?;
    }
    for (price, age) in [("spot", market.spot_age), ("on-demand", market.on_demand_age)] {
        if let Some(age) = age {
            to.add(&metric::PRICE_AGE, &[labels[0], price], age.as_millis() as f64 / 1e3)?;
        }
    }
    Ok(())
}

fn flag(set: bool) -> f64 {
    if set { 1.0 } else { 0.0 }
}

fn unix_seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1e3
}
