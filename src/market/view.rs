//! The market as one decision sees it: every price with its age.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::FargateRate;
use crate::domain::{Capacity, EnvironmentName, InstanceShape, Pool, UsdPerHour};

/// One pool of an environment and what it costs now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolQuote {
    pub pool: Pool,
    pub shape: Arc<InstanceShape>,
    /// The spot price in effect, where one is known.
    pub spot: Option<UsdPerHour>,
    /// The spot price before, while it is in doubt whether there was such a jump.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jumped_from: Option<UsdPerHour>,
    /// The on-demand list price of the type, where it is known.
    pub on_demand: Option<UsdPerHour>,
    /// When the spot price was last seen by a successful refresh (not when it last changed).
    pub seen_at: Option<Timestamp>,
    /// When the on-demand price was last seen by a successful refresh.
    #[serde(default)]
    pub on_demand_seen_at: Option<Timestamp>,
}

/// Fargate's prices for one environment, of its architecture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FargateQuote {
    /// The list price: what on demand costs.
    #[serde(flatten)]
    pub list: FargateRate,
    /// Fargate Spot only: the list price less the user's discount, where one is stated.
    #[serde(default)]
    pub spot: Option<FargateRate>,
    /// When the list price was last seen by a successful refresh.
    pub seen_at: Timestamp,
}

/// Everything known of one environment's prices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentMarket {
    pub environment: EnvironmentName,
    pub capacity: Capacity,
    /// Empty on Fargate, and before the environment was discovered.
    pub pools: Vec<PoolQuote>,
    /// Fargate only.
    pub fargate: Option<FargateQuote>,
    /// Why the environment cannot be used now (a disabled queue, an invalid compute environment).
    pub unusable: Option<String>,
}

/// A snapshot of all environments. Replaced whole by each refresh.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Market {
    pub environments: BTreeMap<EnvironmentName, Arc<EnvironmentMarket>>,
    /// When any refresh last succeeded.
    pub refreshed_at: Option<Timestamp>,
}

impl PoolQuote {
    /// How long ago the spot price was last confirmed.
    pub fn age(&self, now: Timestamp) -> Option<SignedDuration> {
        self.seen_at.map(|at| since(at, now))
    }

    /// How long ago the on-demand price was last confirmed.
    pub fn on_demand_age(&self, now: Timestamp) -> Option<SignedDuration> {
        self.on_demand_seen_at.map(|at| since(at, now))
    }
}

impl FargateQuote {
    /// How long ago the list price was last confirmed. The price of Fargate Spot is made from it, and
    /// is as old.
    pub fn age(&self, now: Timestamp) -> SignedDuration {
        since(self.seen_at, now)
    }
}

fn since(at: Timestamp, now: Timestamp) -> SignedDuration {
    now.duration_since(at).max(SignedDuration::ZERO)
}
