//! Prometheus metrics. [`DESCRIPTORS`] is the one place where they are named; values come from exact
//! totals when they are asked for, so that nothing is lost over restarts and no counter can drift
//! from the ledger. Only here does money become a floating-point number.

mod descriptors;
mod families;
mod gauges;
mod reference;
mod totals;

pub use descriptors::{DESCRIPTORS, Descriptor, Kind};
pub use gauges::{
    ApiCalls, BillingGauges, BreakerGauges, MarketGauges, OpenRuns, OptionalPermission,
    ReloadGauges, TaskGauges,
};
pub use reference::reference_page;

use jiff::Timestamp;

use crate::domain::ClassName;
use crate::ledger::{Summary, Tally};

use families::Families;

/// The content type of [`render`]'s text.
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// Everything that a scrape shows, as plain values.
#[derive(Debug, Clone)]
pub struct Snapshot<'a> {
    /// The exact totals, as stored.
    pub tally: &'a Tally,
    pub open_runs: Vec<OpenRuns>,
    /// The sum of the lines that are still provisional.
    pub provisional: Summary,
    pub markets: Vec<MarketGauges>,
    /// Of capacity that may be taken back.
    pub breakers: Vec<BreakerGauges>,
    /// Of environments that were reconciled with a bill.
    pub billing: Vec<BillingGauges>,
    pub tasks: Vec<TaskGauges>,
    /// `None` until a reload was tried.
    pub reload: Option<ReloadGauges>,
    pub api_calls: Vec<ApiCalls>,
    /// Of the operations that were called so far.
    pub optional_permissions: Vec<OptionalPermission>,
    /// An endpoint that is not AWS's own is in force.
    pub custom_endpoint: bool,
    pub version: &'a str,
    /// Enabled jobs of which nothing starts.
    pub paused_jobs: u64,
    /// Classes that somebody keeps on capacity that is not taken back.
    pub forced_on_demand: Vec<ClassName>,
    /// When the schedule wakes next.
    pub next_wake: Option<Timestamp>,
    pub ready: bool,
}

/// Why the metrics could not be written: a fault of the descriptors, never of the values.
#[derive(Debug, thiserror::Error)]
#[error("the metrics could not be rendered; this is a bug in spotcron, please report it")]
pub struct RenderError(#[from] prometheus::Error);

/// The snapshot in Prometheus' text format.
pub fn render(snapshot: &Snapshot<'_>) -> Result<String, RenderError> {
    let mut families = Families::default();
    totals::collect(snapshot.tally, &mut families)?;
    gauges::collect(snapshot, &mut families)?;
    Ok(families.into_text()?)
}
