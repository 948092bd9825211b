//! One job over one window of a trace, tick by tick, as the published simulators have it: the state of the
//! coming tick is seen before deciding and holds for all of it, every tick in use is billed whole.

use spotcron::policy::baseline::{Baseline, Beyond};
use spotcron::policy::{Lasting, Mode, Phase};

/// Hourly prices in ten thousandths of a dollar, the same for every pool, as the published simulators
/// charge them.
pub const ON_DEMAND: i64 = 30_600;
pub const SPOT: i64 = 9_731;
/// Their ratio.
pub const RATIO: f64 = ON_DEMAND as f64 / SPOT as f64;

/// A job whose progress survives.
#[derive(Debug, Clone, Copy)]
pub struct Job {
    pub work_secs: i64,
    pub allowed_secs: i64,
    pub changeover_secs: i64,
    pub tick_secs: i64,
}

/// What became of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Outcome {
    /// Ten thousandths of a dollar times seconds over an hour: divide by 3600 for the amount.
    cost: i64,
    pub missed: bool,
    pub launches: u32,
}

impl Outcome {
    /// Of a cost alone, in dollars.
    pub fn of_usd(usd: f64) -> Outcome {
        Outcome { cost: (usd * 36_000_000.0).round() as i64, missed: false, launches: 0 }
    }

    pub fn usd(&self) -> f64 {
        self.cost as f64 / 10_000.0 / 3600.0
    }
}

/// Plays a job from tick `start` of a series. `decide` sees the job and the tick's index in the series.
pub fn play(
    job: &Job,
    up: &[bool],
    start: usize,
    mut decide: impl FnMut(&Lasting, usize) -> Mode,
) -> Outcome {
    let mut outcome = Outcome::default();
    let mut now = Lasting {
        tick_secs: job.tick_secs,
        changeover_secs: job.changeover_secs,
        total_work_secs: job.work_secs,
        allowed_secs: job.allowed_secs,
        elapsed_secs: 0,
        work_secs: job.work_secs,
        owed_secs: 0,
        mode: Mode::Idle,
        phase: Phase::Up,
        phase_age_secs: 0,
    };
    for tick in start.. {
        // A trace that ends cannot tell of more: a policy that is not done by then has missed.
        let Some(available) = up.get(tick) else {
            outcome.missed = true;
            break;
        };
        now.phase = Phase::of(*available);
        if now.mode == Mode::Spot && now.phase == Phase::Down {
            now.mode = Mode::Idle;
            now.owed_secs = 0;
        }
        let mode = decide(&now, tick);
        assert!(mode != Mode::Spot || now.phase == Phase::Up, "spot where there is none");
        outcome.launches += u32::from(mode != Mode::Idle && mode != now.mode);
        let (work, owed) = now.after(mode);
        outcome.cost += job.tick_secs
            * match mode {
                Mode::Idle => 0,
                Mode::Spot => SPOT,
                Mode::OnDemand => ON_DEMAND,
            };
        now = Lasting { work_secs: work, owed_secs: owed, mode, ..now };
        now.elapsed_secs += job.tick_secs;
        if work == 0 {
            outcome.missed = now.elapsed_secs > job.allowed_secs;
            break;
        }
    }
    outcome
}

/// Plays a published rule.
pub fn play_baseline(job: &Job, up: &[bool], start: usize, baseline: Baseline) -> Outcome {
    let mut slice_forced = (-1, false);
    play(job, up, start, |now, tick| {
        let slices = match baseline {
            Baseline::TimeSliced(slices) => i64::from(slices),
            _ => 1,
        };
        let slice = (now.elapsed_secs * slices / now.allowed_secs).min(slices - 1);
        if slice_forced.0 != slice {
            slice_forced = (slice, false);
        }
        let life = match baseline {
            Baseline::UniformProgressLifetimeOracle => {
                up[tick..].iter().take_while(|up| **up).count() as i64
            }
            _ => 0,
        };
        let beyond = Beyond {
            life_secs: life * now.tick_secs,
            on_demand: ON_DEMAND,
            spot: SPOT,
            slice_forced: slice_forced.1,
        };
        let mode = baseline.decide(now, &beyond);
        slice_forced.1 |= mode == Mode::OnDemand;
        mode
    })
}
