//! How the simulated market behaves and how long things take.

use serde::Deserialize;

/// Which of AWS's two descriptions of the spot price the bill follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PriceMode {
    /// The price in effect, to the second.
    #[default]
    Continuous,
    /// The price in effect at the beginning of each instance-hour.
    InstanceHour,
}

/// How the simulated market behaves.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MarketSettings {
    /// How often capacity is lost: 1 is the hazard of the scarce GPU pools of the published traces,
    /// 0 never.
    pub reclaim_scale: f64,
    /// How fast capacity comes back, against the same traces.
    pub recovery_scale: f64,
    /// Which part of the instances of a pool that goes down gets the two minutes' notice; the
    /// others are gone at once.
    pub notice_share: f64,
    /// Between which discounts off on-demand a pool's long-run price lies, in percent.
    pub discount_percent: [f64; 2],
    /// Between which mean times a pool's price changes, in hours.
    pub change_hours: [f64; 2],
    /// How far one change moves the logarithm of the price.
    pub volatility: f64,
    /// By how much a crunch raises the price that the pool tends to.
    pub crunch_premium: f64,
    /// How many days of market there are before the simulation begins.
    pub history_days: u32,
    pub price_mode: PriceMode,
    /// Fargate Spot's discount off Fargate's list price, which AWS publishes nowhere.
    pub fargate_spot_discount_percent: u32,
}

impl Default for MarketSettings {
    fn default() -> Self {
        MarketSettings {
            reclaim_scale: 0.12,
            recovery_scale: 3.0,
            notice_share: 0.95,
            discount_percent: [55.0, 75.0],
            change_hours: [1.0, 8.0],
            volatility: 0.015,
            crunch_premium: 0.15,
            history_days: 14,
            price_mode: PriceMode::Continuous,
            fargate_spot_discount_percent: 70,
        }
    }
}

/// How long things take. Pairs are the least and the most, in seconds.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timing {
    /// SUBMITTED to RUNNABLE (or to PENDING, for array parents).
    pub submitted_secs: [u32; 2],
    /// From the need for an instance to its launch.
    pub scale_up_secs: [u32; 2],
    /// From an instance's launch to its joining the cluster.
    pub boot_secs: [u32; 2],
    /// STARTING to RUNNING: the image pull.
    pub pull_secs: [u32; 2],
    /// From a Fargate task's placement to the begin of its image pull.
    pub fargate_provision_secs: [u32; 2],
    /// From SIGTERM to the end of a terminated job.
    pub stop_secs: u32,
    /// How long an instance stays without jobs.
    pub idle_secs: u32,
    /// How long the head of a queue must have been blocked until Batch says so.
    pub blocked_reason_secs: u32,
    /// How long queues and compute environments are CREATING, UPDATING or DELETING.
    pub place_change_secs: u32,
    /// How long a new job is missing from ListJobs, at least.
    pub listing_lag_secs: u32,
    /// Up to how much longer, each job by its own chance.
    pub listing_lag_spread_secs: u32,
    /// How long a new job is missing from DescribeJobs, at most; each job by its own chance.
    pub describing_lag_secs: u32,
    /// How long a finished job can be described.
    pub job_retention_secs: u32,
    /// How long an ended instance, container instance or task can be described.
    pub instance_retention_secs: u32,
}

impl Default for Timing {
    fn default() -> Self {
        Timing {
            submitted_secs: [1, 4],
            scale_up_secs: [10, 40],
            boot_secs: [45, 110],
            pull_secs: [5, 40],
            fargate_provision_secs: [15, 40],
            stop_secs: 10,
            idle_secs: 180,
            blocked_reason_secs: 300,
            place_change_secs: 5,
            listing_lag_secs: 0,
            listing_lag_spread_secs: 0,
            describing_lag_secs: 0,
            job_retention_secs: 24 * 3600,
            instance_retention_secs: 3600,
        }
    }
}
