//! From an ended attempt and the evidence to its line in the ledger.

use crate::domain::{InstanceFacts, InstanceShape, UsdPerHour};
use crate::market::{FargatePrice, PriceSeries};
use crate::run::AttemptRecord;

use super::Entry;

/// What is known that bears on an attempt's cost.
#[derive(Debug, Clone, Default)]
pub struct Evidence<'a> {
    pub instance: Option<&'a InstanceFacts>,
    pub shape: Option<&'a InstanceShape>,
    /// Spot price points of the attempt's pool, the one in effect at its start included.
    pub spot: Option<&'a PriceSeries>,
    /// The on-demand price effective at the attempt's start, after the class's discount.
    pub on_demand: Option<UsdPerHour>,
    pub fargate: Option<&'a FargatePrice>,
}

/// The ledger's line for an attempt that ended; `None` while it runs.
pub fn settle(_attempt: &AttemptRecord, _evidence: &Evidence<'_>) -> Option<Entry> {
    None
}
