//! The decision model: deadlines that hold whatever happens, values against reckoning by hand and by
//! chance, and the published rules.

mod baselines;
mod belief;
mod deadline;
mod lifetimes;
mod monotone;
mod reference;
mod value;

use spotcron::policy::lifetimes::{BUCKETS, Lifetimes};
use spotcron::policy::{Lasting, Mode, Phase};

/// A job whose progress survives, before its first tick.
fn job(tick_secs: i64, work_secs: i64, changeover_secs: i64, allowed_secs: i64) -> Lasting {
    Lasting {
        tick_secs,
        changeover_secs,
        total_work_secs: work_secs,
        allowed_secs,
        elapsed_secs: 0,
        work_secs,
        owed_secs: 0,
        mode: Mode::Idle,
        phase: Phase::Up,
        phase_age_secs: 0,
    }
}

/// What became of a job.
#[derive(Debug)]
struct Played {
    modes: Vec<Mode>,
    /// When its work was done.
    done_secs: i64,
}

impl Played {
    fn count(&self, mode: Mode) -> usize {
        self.modes.iter().filter(|one| **one == mode).count()
    }

    /// In ticks of interruptible capacity.
    fn cost(&self, price_ratio: f64) -> f64 {
        self.count(Mode::Spot) as f64 + price_ratio * self.count(Mode::OnDemand) as f64
    }
}

/// Plays `job` to its end. `weather` tells whether there is capacity in the coming tick, and sees the
/// modes so far; interruptible capacity is lost with it, capacity on demand never is.
fn play(
    mut job: Lasting,
    mut weather: impl FnMut(&[Mode]) -> Phase,
    mut decide: impl FnMut(&Lasting) -> Mode,
) -> Played {
    let mut modes = Vec::new();
    while job.work_secs > 0 {
        let phase = weather(&modes);
        let lasts = !modes.is_empty() && phase == job.phase;
        job.phase_age_secs = match (lasts, modes.is_empty()) {
            (_, true) => job.phase_age_secs,
            (true, _) => job.phase_age_secs + job.tick_secs,
            (false, _) => 0,
        };
        job.phase = phase;
        if job.mode == Mode::Spot && phase == Phase::Down {
            (job.mode, job.owed_secs) = (Mode::Idle, 0);
        }
        let mode = decide(&job);
        assert!(mode != Mode::Spot || phase == Phase::Up, "spot where there is none: {job:?}");
        if mode != job.mode {
            job.owed_secs = job.changeover_secs;
        }
        match mode {
            Mode::Idle => job.owed_secs = 0,
            Mode::Spot | Mode::OnDemand => {
                let worked = (job.tick_secs - job.owed_secs).max(0);
                job.owed_secs = (job.owed_secs - job.tick_secs).max(0);
                job.work_secs = (job.work_secs - worked).max(0);
            }
        }
        job.mode = mode;
        job.elapsed_secs += job.tick_secs;
        modes.push(mode);
        assert!(modes.len() < 10_000, "it never ends: {job:?}");
    }
    Played { modes, done_secs: job.elapsed_secs }
}

/// The same numbers in every run.
struct Dice(u64);

impl Dice {
    /// From 0 to below 1.
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as f64 / u64::MAX as f64 * (1.0 - f64::EPSILON)
    }
}

/// The same hazard at every age.
fn constant(up: f64, down: f64) -> Lifetimes {
    Lifetimes::known([up; BUCKETS], [down; BUCKETS])
}
