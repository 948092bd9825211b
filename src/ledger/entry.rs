//! One line of the ledger: one attempt.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::{
    AttemptEnd, Capacity, ClassName, EnvironmentName, InstanceId, InstanceType, JobName, Share,
    Site, Usd, Window, Zone,
};
use crate::run::AttemptKey;

/// Why an attempt has no price. Never guessed, always counted and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unpriced {
    /// The instance behind it could not be found out.
    HostUnknown,
    /// What it reserved, or what the instance offers, is not known.
    ShareUnknown,
    SpotPriceUnknown,
    OnDemandPriceUnknown,
    FargatePriceUnknown,
    /// Nobody stated what Fargate Spot costs, and AWS publishes it nowhere.
    FargateSpotDiscountUnknown,
    /// A lifecycle that spotcron has no price for.
    UnsupportedLifecycle,
}

impl Unpriced {
    /// Whether what is missing may still become known: a price that could not be fetched for want
    /// of a permission, an instance type that was not looked up yet.
    pub const fn may_be_resolved(self) -> bool {
        match self {
            Unpriced::ShareUnknown
            | Unpriced::SpotPriceUnknown
            | Unpriced::OnDemandPriceUnknown
            | Unpriced::FargatePriceUnknown => true,
            Unpriced::HostUnknown
            | Unpriced::FargateSpotDiscountUnknown
            | Unpriced::UnsupportedLifecycle => false,
        }
    }

    pub const fn label(self) -> &'static str {
        match self {
            Unpriced::HostUnknown => "host-unknown",
            Unpriced::ShareUnknown => "share-unknown",
            Unpriced::SpotPriceUnknown => "spot-price-unknown",
            Unpriced::OnDemandPriceUnknown => "on-demand-price-unknown",
            Unpriced::FargatePriceUnknown => "fargate-price-unknown",
            Unpriced::FargateSpotDiscountUnknown => "fargate-spot-discount-unknown",
            Unpriced::UnsupportedLifecycle => "unsupported-lifecycle",
        }
    }
}

/// The amounts of a priced attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Priced {
    /// What it cost.
    pub cost: Usd,
    /// What the time that was kept would have cost on demand; zero where on demand it would not have run.
    pub on_demand: Usd,
    /// The part of `cost` that bought nothing: of attempts that were interrupted, broken or moved all that
    /// no checkpoint kept, and the restore of one.
    pub waste: Usd,
    pub share: Share,
    /// The time that was charged.
    pub charged: Window,
    /// Of that, what nothing had to repeat. `None` on lines from before it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_millis: Option<i64>,
    /// Set when AWS does not charge it: reclaimed in the instance's first hour.
    pub first_hour_credit: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum EntryState {
    /// The instance's end is not known yet, and may still make it free.
    Provisional(Priced),
    Final(Priced),
    Unpriced {
        why: Unpriced,
    },
}

/// One attempt's line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub key: AttemptKey,
    pub job: JobName,
    pub class: ClassName,
    pub environment: EnvironmentName,
    pub capacity: Capacity,
    /// Stored under the name that it had before there were roles.
    #[serde(rename = "region")]
    pub site: Site,
    pub end: AttemptEnd,
    pub ended_at: Timestamp,
    pub instance_id: Option<InstanceId>,
    pub instance_type: Option<InstanceType>,
    pub zone: Option<Zone>,
    pub state: EntryState,
}

impl Entry {
    pub fn priced(&self) -> Option<&Priced> {
        match &self.state {
            EntryState::Provisional(priced) | EntryState::Final(priced) => Some(priced),
            EntryState::Unpriced { .. } => None,
        }
    }

    /// Why it has no price; `None` where it has one.
    pub const fn unpriced(&self) -> Option<Unpriced> {
        match self.state {
            EntryState::Unpriced { why } => Some(why),
            _ => None,
        }
    }

    /// Whether what is still to be learnt may change the line by itself.
    pub const fn may_change(&self) -> bool {
        match self.state {
            EntryState::Provisional(_) => true,
            EntryState::Final(_) => false,
            EntryState::Unpriced { why } => why.may_be_resolved(),
        }
    }

    pub const fn is_provisional(&self) -> bool {
        matches!(self.state, EntryState::Provisional(_))
    }
}
