//! What each policy would have cost: past runs, played again on the prices that there were.
//!
//! Prices are known; whether a pool had capacity is not, because price histories do not tell. So many
//! worlds are drawn, in each of which every pool alternates between capacity and none by the hazards of
//! [`crate::policy::lifetimes::PRIOR`], multiplied by the risk that was learnt of it, and every policy is
//! played in the same worlds. What comes out are bands, not figures. docs/guide/backtest.md says what is
//! assumed.
//!
//! Values in, values out: a world is a function of a seed and its number, so that whoever has several
//! processors may play several at once and gets the same report.

mod availability;
mod outcome;
mod past;
mod places;
mod play;
mod prepare;
mod question;
mod report;
mod rule;

pub use availability::{Availability, Launch, Launches, Up};
pub use outcome::{Drawn, Outcome, Tally};
pub use past::{LeftOut, Past, from_ledger, from_schedules};
pub use prepare::{Backtest, World};
pub use report::{Band, Outcomes, PolicyOutcome};

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::catalogue::{Class, Environment};
use crate::cost::PriceMode;
use crate::domain::{EnvironmentName, Pool, Resources, Window};
use crate::experience::Experience;
use crate::market::{EnvironmentMarket, PriceSeries};

/// How it is chosen what a run is done on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// Nothing but capacity that is not taken back, the cheapest.
    OnDemand,
    /// Interruptible capacity until it succeeds, whatever the deadline: a queue of spot with retries.
    SpotWithRetries,
    /// The daemon's rule `fit-only`.
    FitOnly,
    /// Interruptible capacity whenever there is any, and on demand at the last moment for the deadline.
    GreedyWithNet,
    /// Uniform Progress (Wu et al., NSDI'24) for checkpointed work; the rest as [`Policy::GreedyWithNet`].
    UniformProgress,
    /// The daemon's own: `policy = "model"`.
    Model,
    /// What the ledger has.
    WhatWasDone,
}

impl Policy {
    /// As people read it.
    pub const fn label(self) -> &'static str {
        match self {
            Policy::OnDemand => "on demand",
            Policy::SpotWithRetries => "spot with retries",
            Policy::FitOnly => "fit-only",
            Policy::GreedyWithNet => "greedy with a safety net",
            Policy::UniformProgress => "Uniform Progress",
            Policy::Model => "the model",
            Policy::WhatWasDone => "what was done",
        }
    }
}

/// Runs that a decision cannot tell apart but by their times.
#[derive(Debug, Clone)]
pub struct Kind {
    pub class: Arc<Class>,
    pub resources: Resources,
    /// The class's environments, in its order.
    pub environments: Vec<Arc<Environment>>,
}

/// One run of the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PastRun {
    /// Which of the kinds.
    pub kind: usize,
    /// When its first leg was decided, or would have been.
    pub at: Timestamp,
    pub deadline_at: Option<Timestamp>,
    /// How long its container runs if nothing interrupts it.
    pub work: SignedDuration,
    /// So many containers at once: the children of an array, which stand and fall together here.
    pub copies: u32,
    /// What became of it then, all copies together, where a ledger says so.
    pub done: Option<Outcome>,
}

/// Everything that is known of the past.
#[derive(Debug, Clone)]
pub struct History {
    pub window: Window,
    pub kinds: Vec<Kind>,
    /// In order of time.
    pub runs: Vec<PastRun>,
    /// What is behind each environment, with its list prices; the spot prices in it are not looked at.
    pub markets: BTreeMap<EnvironmentName, EnvironmentMarket>,
    /// Spot prices of whole instances, by environment because accounts name zones differently.
    pub prices: BTreeMap<EnvironmentName, BTreeMap<Pool, Arc<PriceSeries>>>,
    /// What was learnt of risks and placements.
    pub experience: Experience,
    /// How long trouble keeps an environment out.
    pub cooldown: SignedDuration,
    pub price_mode: PriceMode,
    /// Whether an attempt that is interrupted within its first hour costs nothing: EC2 does not charge an
    /// instance that it takes back so early.
    pub free_first_hour: bool,
}
