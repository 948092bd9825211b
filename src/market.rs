//! What capacity costs: price points, their series, and the view of the market that decisions use.

mod doubt;
pub mod history;
mod series;
mod view;

pub use doubt::{Absurdity, KnownSpot};
pub use series::PriceSeries;
pub use view::{EnvironmentMarket, FargateQuote, Market, PoolQuote};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::{AccountRegion, InstanceType, Pool, Ppm, Region, UsdPerHour};

/// A change point of a spot price: it holds for the pool from `effective_from` until the next one.
/// Linux/UNIX only; the adapter merges the `(Amazon VPC)` variant into it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PricePoint {
    pub pool: Pool,
    pub price: UsdPerHour,
    pub effective_from: Timestamp,
}

/// Up to when the archive of a type's spot prices is complete, in every zone of a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceCoverage {
    pub place: AccountRegion,
    pub instance_type: InstanceType,
    pub complete_until: Timestamp,
}

/// An on-demand list price, and since when it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListPrice {
    pub region: Region,
    pub instance_type: InstanceType,
    pub price: UsdPerHour,
    pub effective_from: Timestamp,
}

/// Fargate's list prices in a region, Linux.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FargatePrice {
    pub region: Region,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    pub vcpu_hour: UsdPerHour,
    pub gib_hour: UsdPerHour,
    pub effective_from: Timestamp,
}

/// What a vCPU and a GiB of memory cost on Fargate, each per hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FargateRate {
    pub vcpu_hour: UsdPerHour,
    pub gib_hour: UsdPerHour,
}

impl FargateRate {
    /// The rate after `discount`, which comes off both parts.
    pub fn less(self, discount: Ppm) -> Self {
        self.scaled(Ppm::ONE - discount)
    }

    /// Both parts times `factor`.
    pub fn scaled(self, factor: Ppm) -> Self {
        let FargateRate { vcpu_hour, gib_hour } = self;
        FargateRate { vcpu_hour: vcpu_hour.scaled(factor), gib_hour: gib_hour.scaled(factor) }
    }
}

impl FargatePrice {
    pub const fn rate(&self) -> FargateRate {
        FargateRate { vcpu_hour: self.vcpu_hour, gib_hour: self.gib_hour }
    }
}
