//! The published rules that the model is measured against, for work whose progress survives: Uniform
//! Progress and its variants, greedy, and time slices (Wu et al., "Can't Be Late", NSDI'24, §3.3 and §5).
//! In whole seconds, compared by cross-multiplication: exact ties are common.

use serde::{Deserialize, Serialize};

use super::{Lasting, Mode, Phase, ticks_up};

/// A rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Baseline {
    /// Never interruptible.
    OnDemand,
    /// Interruptible whenever it can be had, until the safety net.
    Greedy,
    /// As much progress as an even pace would have made, and back to interruptible once two changeovers ahead.
    UniformProgress,
    /// As that, but back whenever it can be had.
    UniformProgressNoHysteresis,
    /// As that, but only for capacity known to last: an oracle, for comparison.
    UniformProgressLifetimeOracle,
    /// An even pace in this many slices.
    TimeSliced(u16),
}

/// What only an oracle knows, and prices.
#[derive(Debug, Clone, Copy)]
pub struct Beyond {
    /// For how long capacity stays up from this tick on.
    pub life_secs: i64,
    /// Price of an hour on demand and on interruptible capacity, in one unit.
    pub on_demand: i64,
    pub spot: i64,
    /// Whether the slice under way was forced on demand ([`Baseline::TimeSliced`]).
    pub slice_forced: bool,
}

impl Baseline {
    /// What the coming tick is spent in.
    pub fn decide(self, now: &Lasting, beyond: &Beyond) -> Mode {
        if self == Baseline::OnDemand {
            return Mode::OnDemand;
        }
        if now.mode == Mode::Spot {
            return Mode::Spot;
        }
        if caught(now) {
            return Mode::OnDemand;
        }
        let up = now.phase == Phase::Up;
        match self {
            Baseline::OnDemand => Mode::OnDemand,
            Baseline::Greedy if now.mode == Mode::OnDemand => Mode::OnDemand,
            Baseline::Greedy => spot_if(up, Mode::Idle),
            Baseline::UniformProgress if now.mode == Mode::OnDemand => {
                spot_if(up && is_ahead_of(now, 2 * now.changeover_secs), Mode::OnDemand)
            }
            Baseline::UniformProgress | Baseline::UniformProgressNoHysteresis => {
                spot_if(up, keep_pace(now))
            }
            Baseline::UniformProgressLifetimeOracle => {
                let (launches, otherwise) = match now.mode {
                    Mode::OnDemand => (2, Mode::OnDemand),
                    _ => (1, keep_pace(now)),
                };
                spot_if(up && lasts(now, beyond, launches), otherwise)
            }
            Baseline::TimeSliced(slices) => sliced(now, beyond, i64::from(slices.max(1)), up),
        }
    }
}

/// The safety net: what is left is just enough for two changeovers and the work, on demand.
fn caught(now: &Lasting) -> bool {
    now.ticks_left() <= ticks_up(now.work_secs + 2 * now.changeover_secs, now.tick_secs)
}

const fn spot_if(spot: bool, otherwise: Mode) -> Mode {
    if spot { Mode::Spot } else { otherwise }
}

/// On demand where an even pace would be further by now.
fn keep_pace(now: &Lasting) -> Mode {
    let done = i128::from(now.total_work_secs - now.work_secs);
    let behind = done * i128::from(now.allowed_secs)
        < i128::from(now.elapsed_secs) * i128::from(now.total_work_secs);
    if behind { Mode::OnDemand } else { Mode::Idle }
}

fn is_ahead_of(now: &Lasting, by_secs: i64) -> bool {
    let done = i128::from(now.total_work_secs - now.work_secs);
    done * i128::from(now.allowed_secs)
        > i128::from(now.elapsed_secs + by_secs) * i128::from(now.total_work_secs)
}

/// Whether capacity lasts longer than it takes to earn `launches` changeovers back:
/// life > launches · k·d / (k − 1), with k the ratio of the prices.
fn lasts(now: &Lasting, beyond: &Beyond, launches: i128) -> bool {
    let gain = i128::from(beyond.on_demand - beyond.spot);
    i128::from(beyond.life_secs) * gain
        > launches * i128::from(beyond.on_demand) * i128::from(now.changeover_secs)
}

fn sliced(now: &Lasting, beyond: &Beyond, slices: i64, up: bool) -> Mode {
    let (elapsed, allowed) = (now.elapsed_secs, now.allowed_secs.max(1));
    let slice = (elapsed * slices / allowed).min(slices - 1);
    let done = now.total_work_secs - now.work_secs;
    let due = ((slice + 1) * now.total_work_secs / slices - done).max(0);
    let left = (slice + 1) * allowed / slices - elapsed;
    let late =
        left.div_euclid(now.tick_secs) <= ticks_up(due + 2 * now.changeover_secs, now.tick_secs);
    if due > 0 && (beyond.slice_forced || late) {
        return Mode::OnDemand;
    }
    spot_if(up, Mode::Idle)
}
