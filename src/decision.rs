//! Which environment a run's next leg goes to, and why. A pure function of plain values; the answer
//! carries every candidate with its numbers, so that a person can check it.

pub mod advice;
mod budget;
mod candidate;
mod choose;
mod effective;
mod keep;
mod later;
mod outlook;
mod pace;
mod returning;
mod turning;
mod verify;

pub use candidate::assess;
pub use choose::decide;
pub use outlook::Outlook;
pub use returning::{Return, Running, better_elsewhere, may_return};
pub use turning::{Change, TurningPoint, turning_points};
pub use verify::{Violation, verify};

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::catalogue::{Class, Environment};
use crate::domain::{Capacity, EnvironmentName, LegCause, Ppm, Resources, Usd, UsdPerHour};
use crate::experience::durations::Lengths;
use crate::experience::{Breaker, Experience, InFlight, Level};
use crate::market::{Absurdity, Market};

/// Everything a decision may look at.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    pub class: &'a Class,
    /// The class's environments, in its order.
    pub environments: Vec<&'a Environment>,
    /// What the job reserves; an assumed container where nobody said.
    pub resources: Resources,
    /// How many of it run side by side: the children of an array, else 1.
    pub containers: u32,
    /// What open runs reserve of the environments with covered hours, in thousandths of a vCPU.
    pub vcpu_millis_in_use: BTreeMap<EnvironmentName, u64>,
    pub market: &'a Market,
    pub experience: &'a Experience,
    pub now: Timestamp,
    pub deadline_at: Option<Timestamp>,
    /// Until when a first leg may be put off, where its class leaves it that freedom.
    pub starts_by: Option<Timestamp>,
    /// What the run has cost so far, as far as that is known.
    pub spent: Usd,
    pub cause: LegCause,
    /// Legs already used.
    pub legs: u16,
    /// Work already saved by checkpoints.
    pub progress: SignedDuration,
    /// How long the work of such a run takes.
    pub lengths: Lengths,
    /// How long trouble keeps an environment out.
    pub cooldown: SignedDuration,
    /// The legs of all runs that have not ended; needed of environments whose breaker is not closed.
    pub in_flight: &'a InFlight,
    /// Somebody asked for capacity that is not taken back.
    pub forced: Option<&'a ForcedOnDemand>,
}

/// Somebody's word that only capacity that is not taken back is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForcedOnDemand {
    /// Who: the name of a token.
    pub by: String,
    /// For what.
    pub scope: ForcedScope,
    /// Until when; `None` until somebody ends it, or for the rest of the run.
    pub until: Option<Timestamp>,
}

/// What somebody's word holds for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForcedScope {
    /// Every run of the class.
    Class,
    /// This one run.
    Run,
}

/// Why a candidate may not be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "guard", rename_all = "kebab-case")]
pub enum Guard {
    /// The queue or its compute environments cannot take jobs.
    Unusable {
        reason: String,
    },
    /// No pool of the environment is large enough for the job.
    DoesNotFit,
    PriceUnknown,
    /// Of the pools that have a price, none has one that is believed; this is of the first of them, for
    /// the whole instance.
    PriceAbsurd {
        price: UsdPerHour,
        #[serde(flatten)]
        why: Absurdity,
    },
    PriceStale {
        age_secs: i64,
        max_age_secs: i64,
    },
    AboveMaxPrice {
        price: UsdPerHour,
        max: UsdPerHour,
    },
    SavingTooSmall {
        saving: Ppm,
        min: Ppm,
    },
    /// An interruption late in the attempt would leave no time for a full on-demand run.
    DeadlineTooNear {
        slack_secs: i64,
    },
    /// Its breaker is open.
    CoolingDown {
        until: Timestamp,
    },
    /// With what was spent before, another try is expected to bring the run above its budget.
    AboveRunBudget {
        spent: Usd,
        expected_cost: Option<Usd>,
        max: Usd,
    },
    /// Its breaker is half open, and the one leg that may try it was sent at `since`.
    ProbeUnderWay {
        since: Timestamp,
    },
    /// The last allowed leg goes to capacity that is not taken back.
    LastLeg,
    /// The leg was moved away from interruptible capacity for the deadline or for want of capacity.
    MovedAway,
    /// Somebody asked for capacity that is not taken back.
    ForcedOnDemand(ForcedOnDemand),
}

impl Guard {
    /// Stable, for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            Guard::Unusable { .. } => "unusable",
            Guard::DoesNotFit => "does-not-fit",
            Guard::PriceUnknown => "price-unknown",
            Guard::PriceAbsurd { .. } => "price-absurd",
            Guard::PriceStale { .. } => "price-stale",
            Guard::AboveMaxPrice { .. } => "above-max-price",
            Guard::SavingTooSmall { .. } => "saving-too-small",
            Guard::DeadlineTooNear { .. } => "deadline-too-near",
            Guard::CoolingDown { .. } => "cooling-down",
            Guard::AboveRunBudget { .. } => "above-run-budget",
            Guard::ProbeUnderWay { .. } => "probe-under-way",
            Guard::LastLeg => "last-leg",
            Guard::MovedAway => "moved-away",
            Guard::ForcedOnDemand(_) => "forced-on-demand",
        }
    }
}

/// One environment with its numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    pub environment: EnvironmentName,
    pub capacity: Capacity,
    /// Per hour, of the job's share; the mixture over the environment's pools.
    pub price: Option<UsdPerHour>,
    /// Age of the oldest quote in the mixture: of the spot prices, or of the list prices where the
    /// price is made from those.
    pub price_age_secs: Option<i64>,
    /// On-demand price per hour of the same share in the same pools, after the class's discount.
    pub on_demand: Option<UsdPerHour>,
    /// How much more often its pools are taken back than the prior says, with the evidence; `None` on
    /// demand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// Interruptions per hour where no age is told apart: the prior's times the level (zero on demand).
    pub hazard_per_hour: Ppm,
    /// What is expected beyond one uninterrupted run, as a part of it: repeated work, and under the model
    /// also what would be paid on demand in the end, at this price.
    pub expected_rework: Ppm,
    /// What a leg there costs besides its capacity; part of the expected cost.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub data_cost: Usd,
    /// How much of the billed time a commitment pays for, which costs nothing more.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub covered_millis: i64,
    /// What success is expected to cost from here, in all containers.
    pub expected_cost: Option<Usd>,
    /// Pools of the environment.
    pub pools: u32,
    /// Of them, those left out of the mixture: their spot price is older than the class allows, and
    /// others are not.
    #[serde(default)]
    pub stale_pools: u32,
    /// Of them, those whose spot price is not believed: it is left out, while the pool counts for the
    /// risk.
    #[serde(default)]
    pub absurd_pools: u32,
    /// What the model expects of it; `None` for capacity that is not taken back, and under `fit-only`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outlook: Option<Outlook>,
    /// Whether trouble has it left alone; closed for capacity that is not taken back.
    #[serde(default, skip_serializing_if = "Breaker::is_closed")]
    pub breaker: Breaker,
    /// Everything that speaks against it; empty for one that may be chosen.
    pub guards: Vec<Guard>,
}

fn is_nothing(amount: &Usd) -> bool {
    *amount == Usd::ZERO
}

fn is_zero(millis: &i64) -> bool {
    *millis == 0
}

/// Why the decision came out as it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum Reason {
    /// The least expected cost among those allowed.
    Cheapest { expected_cost: Usd, second: Option<(EnvironmentName, Usd)> },
    /// Where the class went last: until then it stays there, unless the cheaper one saves enough.
    Kept { expected_cost: Usd, cheaper: (EnvironmentName, Usd), until: Timestamp },
    /// The only one allowed.
    OnlyCandidate,
    /// Even a run that begins now on capacity that is not taken back is so late.
    DeadlineCannotBeMet { late_secs: i64 },
    /// No price was known; the class says where to go then.
    PriceUnknown,
    /// Interruptible capacity is ruled out, and this is the capacity that is not.
    Fallback { guard: Guard },
    /// It is the one leg that tries the environment again, which trouble opened the breaker of so many
    /// times in a row.
    Probe { trips: u32 },
    /// Nothing is allowed now; asked again at the time given.
    Hold { until: Timestamp },
    /// The run may wait, and is expected to cost so much less if it begins at that time, in that
    /// environment. Asked again then.
    WaitsForBetter { until: Timestamp, environment: EnvironmentName, saving: Usd },
    /// What is chosen brings the run above its budget: no way that the class allows is expected not to.
    OverBudget { spent: Usd, expected_cost: Option<Usd>, max: Usd },
}

impl Reason {
    /// Stable, for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            Reason::Cheapest { .. } => "cheapest",
            Reason::Kept { .. } => "kept",
            Reason::OnlyCandidate => "only-candidate",
            Reason::DeadlineCannotBeMet { .. } => "deadline-cannot-be-met",
            Reason::PriceUnknown => "price-unknown",
            Reason::Fallback { .. } => "fallback",
            Reason::Probe { .. } => "probe",
            Reason::Hold { .. } => "hold",
            Reason::WaitsForBetter { .. } => "waits-for-better",
            Reason::OverBudget { .. } => "over-budget",
        }
    }

    /// When it is asked again, of a reason to hold a run back.
    pub const fn asked_again_at(&self) -> Option<Timestamp> {
        match self {
            Reason::Hold { until } | Reason::WaitsForBetter { until, .. } => Some(*until),
            _ => None,
        }
    }
}

impl Decision {
    /// How late the run will be at the least, where its deadline cannot be met any more.
    pub fn late_secs(&self) -> Option<i64> {
        self.reasons.iter().find_map(|reason| match reason {
            Reason::DeadlineCannotBeMet { late_secs } => Some(*late_secs),
            _ => None,
        })
    }
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub at: Timestamp,
    /// `None` holds the run back: the first reason says until when.
    pub chosen: Option<EnvironmentName>,
    /// The main one first.
    pub reasons: Vec<Reason>,
    /// In the class's order.
    pub candidates: Vec<Candidate>,
    /// Past this a leg that still waits for interruptible capacity is moved.
    pub wait_until: Option<Timestamp>,
    /// How long the work was taken to be; `None` in decisions from before that was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lengths: Option<Lengths>,
}
