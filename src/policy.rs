//! The decision model: what interruptible capacity is expected to cost until a run has succeeded, and
//! when it must no longer be tried, as tables solved once by dynamic programming
//! (docs/concepts/decision.md has the model and its sources).
//!
//! The pool of an environment alternates between two phases, *up* (a launch would succeed, what runs
//! keeps running) and *down*. How long a phase lasts depends on how long it has lasted already
//! ([`lifetimes`]) and, where somebody probes the pool, as the benchmark does and the daemon does not, on
//! how available it was over the last two days ([`regime`]). On that stand two models: [`lasting`], where
//! progress survives an interruption, and [`restarting`], where it does not. Both hold the deadline hard: an action after which the worst case could miss it is not among
//! the choices. [`baseline`] has the published rules that they are measured against.
//!
//! Expected values are floating point, unlike money: they are estimates that are compared, never sums
//! that are accounted for. They are made by additions and multiplications only, so that every machine
//! comes to the same ones.

pub mod baseline;
pub mod belief;
pub mod lasting;
pub mod lifetimes;
pub mod outlook;
pub mod regime;
pub mod restarting;
mod shelf;

use serde::{Deserialize, Serialize};

/// Whether a pool has capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// A launch would succeed, and what runs keeps running.
    Up,
    /// It would not.
    Down,
}

impl Phase {
    pub const fn of(available: bool) -> Phase {
        if available { Phase::Up } else { Phase::Down }
    }

    pub const fn other(self) -> Phase {
        match self {
            Phase::Up => Phase::Down,
            Phase::Down => Phase::Up,
        }
    }

    const fn index(self) -> usize {
        match self {
            Phase::Up => 0,
            Phase::Down => 1,
        }
    }
}

/// What a run does for one tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Waits: nothing runs, nothing is paid.
    Idle,
    /// Runs on interruptible capacity.
    Spot,
    /// Runs on capacity that is not taken back.
    OnDemand,
}

/// Work whose progress survives an interruption, at one moment. Whole seconds throughout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lasting {
    /// How long one decision holds, and the unit of billing of the model.
    pub tick_secs: i64,
    /// What every launch costs in time before work goes on: boot, image, restore, half a checkpoint
    /// interval.
    pub changeover_secs: i64,
    /// The whole job's work.
    pub total_work_secs: i64,
    /// From the job's beginning to its deadline.
    pub allowed_secs: i64,
    /// Since the job's beginning.
    pub elapsed_secs: i64,
    /// Work left.
    pub work_secs: i64,
    /// Of the last launch's changeover, what is not served yet.
    pub owed_secs: i64,
    /// What runs now.
    pub mode: Mode,
    /// Whether interruptible capacity can be had for the coming tick.
    pub phase: Phase,
    /// How long it has been so.
    pub phase_age_secs: i64,
}

impl Lasting {
    /// Time to the deadline.
    pub const fn left_secs(&self) -> i64 {
        self.allowed_secs - self.elapsed_secs
    }

    /// Whole ticks to the deadline.
    pub const fn ticks_left(&self) -> i64 {
        self.left_secs().div_euclid(self.tick_secs)
    }

    /// `(work, unpaid changeover)` after a tick in `mode`.
    pub fn after(&self, mode: Mode) -> (i64, i64) {
        if mode == Mode::Idle {
            return (self.work_secs, 0);
        }
        let owed = if mode == self.mode { self.owed_secs } else { self.changeover_secs };
        let paid = owed.min(self.tick_secs);
        (self.work_secs - self.work_secs.min(self.tick_secs - paid), owed - paid)
    }

    /// Whether the deadline still holds in the worst case after a tick in `mode`: interruptible
    /// capacity is lost at once and for good, and the rest runs on demand.
    pub fn is_safe(&self, mode: Mode) -> bool {
        let (work, owed) = self.after(mode);
        let still_owed = if mode == Mode::OnDemand { owed } else { self.changeover_secs };
        work == 0 && self.ticks_left() >= 1
            || self.ticks_left() > ticks_up(work.saturating_add(still_owed), self.tick_secs)
    }
}

/// `secs` in ticks, a part of one counted whole.
pub const fn ticks_up(secs: i64, tick_secs: i64) -> i64 {
    secs.div_euclid(tick_secs) + (secs.rem_euclid(tick_secs) > 0) as i64
}

/// One thing that may be done, with what success is expected to cost after it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    pub mode: Mode,
    /// In ticks of interruptible capacity: times the tick's length and the spot price it is an amount.
    pub expected_ticks: f64,
}
