//! Kinds of capacity, as AWS Batch names them.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What kind of capacity an environment (a Batch job queue and its compute environments) buys.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Capacity {
    /// EC2 Spot Instances: about a third of the price, reclaimed with two minutes' notice.
    Spot,
    /// EC2 On-Demand Instances.
    OnDemand,
    /// Fargate Spot: reclaimed like EC2 Spot; AWS publishes no price for it.
    FargateSpot,
    /// Fargate at its list price.
    Fargate,
}

impl Capacity {
    pub const ALL: [Capacity; 4] =
        [Capacity::Spot, Capacity::OnDemand, Capacity::FargateSpot, Capacity::Fargate];

    /// Whether AWS may take this capacity back while a job runs.
    pub const fn is_interruptible(self) -> bool {
        matches!(self, Capacity::Spot | Capacity::FargateSpot)
    }

    pub const fn is_fargate(self) -> bool {
        matches!(self, Capacity::FargateSpot | Capacity::Fargate)
    }

    pub const fn label(self) -> &'static str {
        match self {
            Capacity::Spot => "spot",
            Capacity::OnDemand => "on-demand",
            Capacity::FargateSpot => "fargate-spot",
            Capacity::Fargate => "fargate",
        }
    }
}

impl fmt::Display for Capacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.label())
    }
}

/// A processor architecture. Fargate sells each at a price of its own.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Architecture {
    #[default]
    #[serde(rename = "x86_64")]
    X86_64,
    #[serde(rename = "arm64")]
    Arm64,
}

impl Architecture {
    /// As AWS writes it.
    pub const fn label(self) -> &'static str {
        match self {
            Architecture::X86_64 => "x86_64",
            Architecture::Arm64 => "arm64",
        }
    }
}

/// How EC2 says an instance was bought (`InstanceLifecycle`; absent means on demand).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lifecycle {
    Spot,
    OnDemand,
    /// A lifecycle whose price spotcron does not know, such as `capacity-block`.
    Other(String),
}
