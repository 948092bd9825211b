//! What the model expects of one environment of one run: the bridge from a run as a decision knows it to
//! the tables. Lengths, ratios and risks are put on ladders first, so that few tables serve all classes.

use std::sync::Arc;

use super::belief::Belief;
use super::lasting::Table;
use super::lifetimes::{AGES_SECS, Lifetimes, PRIOR};
use super::restarting::{Action, Restarting};
use super::shelf::{self, LastingKey, RestartingKey};
use super::{Lasting, Mode, Phase, lasting, ticks_up};

/// Whether progress survives an interruption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survival {
    /// An interrupted attempt begins again from nothing.
    Nothing,
    /// All but the time since the last checkpoint; every launch costs this besides the work.
    Progress { changeover_secs: i64 },
}

/// The factors of risk that are told apart; further ones count as these.
pub const RISK_FACTORS: std::ops::RangeInclusive<f64> = 0.01..=50.0;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ask {
    pub survival: Survival,
    /// Work left; of work that restarts with its start.
    pub work_secs: i64,
    /// To the deadline; `None` where nothing is late.
    pub left_secs: Option<i64>,
    /// On-demand price over spot price.
    pub price_ratio: f64,
    /// Interruptions as a multiple of the prior's.
    pub risk_factor: f64,
    pub seen: Seen,
}

/// What was last seen of the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Nothing went wrong there, ever.
    Nothing,
    /// Capacity was taken back so long ago, as the last of so many losses in a row between which nothing
    /// ended well.
    Interruption { age_secs: i64, pools: u32, in_a_row: u32 },
    /// There was no capacity so long ago, and nothing ran since.
    Starvation { age_secs: i64 },
}

/// The answer. Hours are of the spot price: what is paid on demand counts by the ratio of the prices.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outlook {
    /// Expected until success if interruptible capacity is tried or waited for now, and everything is
    /// done at its best moment from there. `None` where the deadline leaves no room for that.
    pub spot_hours: Option<f64>,
    /// The chance that there is capacity now.
    pub chance_up: f64,
    /// How long the environment is worth waiting for, if it turns out to have no capacity now.
    pub patience_secs: i64,
}

/// Ticks of a run at most: how finely the model sees an attempt.
const RUN_TICKS: i64 = 32;
/// Ticks to a deadline at most; what is further off counts as this. Of work that restarts,
pub(super) const HORIZON_TICKS: i64 = 256;
/// and of lasting work, half of which is work.
pub(super) const LASTING_HORIZON_TICKS: i64 = 384;
/// A run is looked at so often, seconds: how finely its deadline is kept.
const LOOK_SECS: i64 = 60;
/// Lengths of a tick, seconds.
const TICKS_SECS: [i64; 12] = [30, 60, 120, 300, 600, 900, 1200, 1800, 2400, 3600, 7200, 14_400];

/// No length is told apart from this one, seconds: longer than the calendar, so that no deadline can be as
/// far off, and far from what a second count holds.
const MOST_SECS: i64 = 1 << 40;

/// The tick of a run of this length.
pub fn tick_secs(survival: Survival, work_secs: i64) -> i64 {
    let work = work_secs.clamp(1, MOST_SECS);
    let (secs, most) = match survival {
        Survival::Nothing => (work, RUN_TICKS),
        // Its horizon is shared by a start with the work and slack, so that there is room for another
        // start where nothing is late.
        Survival::Progress { changeover_secs } => {
            (work + changeover_secs.clamp(0, MOST_SECS), LASTING_HORIZON_TICKS / 2)
        }
    };
    let fits = |tick: &&i64| ticks_up(secs, **tick) <= most;
    TICKS_SECS.iter().find(fits).copied().unwrap_or_else(|| ticks_up(secs, most))
}

/// The time before a deadline at which interruptible capacity can still be tried, if it may be given up
/// again before it is too late: a run on demand and a tick.
pub fn room_secs(work_secs: i64) -> i64 {
    let work = work_secs.clamp(0, MOST_SECS);
    let tick = tick_secs(Survival::Nothing, work);
    (ticks_up(work, tick) + 1) * tick
}

impl Ask {
    /// Of no work at all as of a second of it, and of lengths beyond the calendar as of the longest.
    pub fn answer(&self) -> Outlook {
        let ask = Ask { work_secs: self.work_secs.clamp(1, MOST_SECS), ..*self };
        match self.survival {
            Survival::Nothing => ask.restarting(),
            Survival::Progress { changeover_secs } => {
                ask.lasting(changeover_secs.clamp(0, MOST_SECS))
            }
        }
    }

    fn restarting(&self) -> Outlook {
        let tick = tick_secs(self.survival, self.work_secs);
        let run_ticks = ticks_up(self.work_secs, tick);
        let plan = shelf::restarting(&RestartingKey {
            tick_secs: tick,
            run_ticks: run_ticks as usize,
            price_step: shelf::price_step(self.price_ratio),
            risk_step: shelf::risk_step(self.risk_factor),
        });
        let left = self.left_secs.map_or(HORIZON_TICKS, |left| left.div_euclid(tick));
        let ticks_left = left.clamp(0, HORIZON_TICKS) as usize;
        let belief = self.seen.belief(&plan.terms().lifetimes, tick);
        let at = |phase, age_secs| Restarting {
            ticks_left,
            attempt_ticks: 0,
            phase,
            phase_age_secs: age_secs,
        };
        let ticks = mean(&belief, |phase, age_secs| {
            let choices = plan.choices(&at(phase, age_secs)).into_iter();
            let tries = choices.filter(|(action, _)| *action != Action::OnDemand);
            tries.map(|(_, ticks)| ticks).reduce(f64::min)
        });
        // The plan counts whole ticks; the length itself is known better.
        let exact = self.work_secs as f64 / (run_ticks * tick) as f64;
        let mut waiting = at(Phase::Down, 0);
        let mut waited = 0;
        while waiting.ticks_left > 0 && plan.decide(&waiting) == Action::Wait {
            waiting.ticks_left -= 1;
            waiting.phase_age_secs += tick;
            waited += 1;
        }
        Outlook {
            spot_hours: ticks.map(|ticks| ticks * exact * tick as f64 / 3600.0),
            chance_up: belief.up(),
            patience_secs: waited * tick,
        }
    }

    fn lasting(&self, changeover_secs: i64) -> Outlook {
        let tick = tick_secs(self.survival, self.work_secs);
        let table = self.table(changeover_secs, tick);
        let belief = self.seen.belief(&table.terms().lifetimes, tick);
        let at = |phase, phase_age_secs| Lasting {
            tick_secs: LOOK_SECS.min(tick),
            changeover_secs,
            total_work_secs: self.work_secs,
            allowed_secs: self.left_secs.unwrap_or(i64::MAX).min(LASTING_HORIZON_TICKS * tick),
            elapsed_secs: 0,
            work_secs: self.work_secs,
            owed_secs: 0,
            mode: Mode::Idle,
            phase,
            phase_age_secs,
        };
        let ticks = mean(&belief, |phase, age_secs| {
            let choices = table.choices(&at(phase, age_secs)).into_iter();
            let tries = choices.filter(|choice| choice.mode != Mode::OnDemand);
            tries.map(|choice| choice.expected_ticks).reduce(f64::min)
        });
        let mut waiting = at(Phase::Down, 0);
        let mut waited = 0;
        while waited < LASTING_HORIZON_TICKS && table.decide(&waiting) == Mode::Idle {
            waiting.elapsed_secs += tick;
            waiting.phase_age_secs += tick;
            waited += 1;
        }
        Outlook {
            spot_hours: ticks.map(|ticks| ticks * tick as f64 / 3600.0),
            chance_up: belief.up(),
            patience_secs: waited * tick,
        }
    }

    fn table(&self, changeover_secs: i64, tick_secs: i64) -> Arc<Table> {
        shelf::lasting(&LastingKey {
            tick_secs,
            changeover_fifths: fifths(changeover_secs, tick_secs),
            price_step: shelf::price_step(self.price_ratio),
            risk_step: shelf::risk_step(self.risk_factor),
        })
    }
}

/// The nearest number of fifths of a tick, but none only for nothing: the grid of slack has no finer points,
/// and what falls between two of them costs more than a changeover that is a little off.
const fn fifths(secs: i64, tick_secs: i64) -> i64 {
    let nearest = (secs * 10 + tick_secs) / (tick_secs * 2);
    if nearest == 0 && secs > 0 { 1 } else { nearest }
}

/// The table by which lasting work of this length is decided: for whoever knows the phase of a pool, which
/// the daemon does not.
pub fn table_of(
    work_secs: i64,
    changeover_secs: i64,
    price_ratio: f64,
    risk_factor: f64,
) -> Arc<Table> {
    let survival = Survival::Progress { changeover_secs };
    let seen = Seen::Nothing;
    let ask = Ask { survival, work_secs, left_secs: None, price_ratio, risk_factor, seen };
    ask.table(changeover_secs, tick_secs(survival, work_secs))
}

/// The mean of a value over what the environment may be like; `None` where a state has none.
fn mean(belief: &Belief, value: impl Fn(Phase, i64) -> Option<f64>) -> Option<f64> {
    belief.states().try_fold(0.0, |sum, (phase, bucket, chance)| {
        Some(sum + chance * value(phase, AGES_SECS[bucket])?)
    })
}

impl Seen {
    /// An interruption is one pool's, and Batch goes to another: there is capacity, young in the pools that
    /// were lost in a row, or, where those are many, in all. Where there was none, the environment is down, until that is
    /// forgotten.
    fn belief(self, lifetimes: &Lifetimes, tick_secs: i64) -> Belief {
        match self {
            Seen::Nothing => Belief::settled(),
            Seen::Interruption { age_secs, pools, in_a_row } => {
                let share = match in_a_row {
                    lost if lost >= losses_that_tell(pools as usize) => 1.0,
                    lost => f64::from(lost.max(1)) / f64::from(pools.max(1)),
                };
                Belief::of(Phase::Up, age_secs).or(share, &Belief::settled())
            }
            Seen::Starvation { age_secs } => {
                let age_secs = age_secs.clamp(0, FORGOTTEN_SECS);
                let known = 1.0 - age_secs as f64 / FORGOTTEN_SECS as f64;
                let then = Belief::of(Phase::Down, 0).after(lifetimes, age_secs, tick_secs);
                then.or(known, &Belief::settled())
            }
        }
    }
}

/// So many pools lost in a row say something of all of an environment's: two of up to sixteen, or an
/// eighth of them. Of forty independent pools on which
/// hundreds of attempts run, two are lost without a success between them now and then.
pub const fn losses_that_tell(pools: usize) -> u32 {
    let eighth = pools.div_ceil(8);
    if eighth > 2 { eighth as u32 } else { 2 }
}

/// That there was no capacity says nothing any more after a day, in which nobody tried: somebody has to
/// try again.
const FORGOTTEN_SECS: i64 = 86_400;

/// The prior with every hazard of losing capacity multiplied.
pub(super) fn lifetimes(risk_factor: f64) -> Lifetimes {
    PRIOR.riskier(risk_factor)
}

/// The terms of the table for lasting work behind a key.
pub(super) fn lasting_terms(key: &LastingKey) -> lasting::Terms {
    lasting::Terms {
        lifetimes: lifetimes(shelf::risk_of(key.risk_step)),
        price_ratio: shelf::price_of(key.price_step),
        changeover_secs: key.changeover_fifths * key.tick_secs / 5,
        tick_secs: key.tick_secs,
        horizon_ticks: LASTING_HORIZON_TICKS as usize,
    }
}
