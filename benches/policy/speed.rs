//! How fast: solving, and deciding from a solved table.

use std::hint::black_box;
use std::time::Instant;

use spotcron::policy::lasting::{Table, Terms};
use spotcron::policy::lifetimes::PRIOR;
use spotcron::policy::{Lasting, Mode, Phase, restarting};

use super::report::Report;
use super::simulate::RATIO;
use super::traces::Collection;

const DECISIONS: u32 = 200_000;

pub fn measure(collections: &[Collection], report: &mut Report) {
    let tick_secs = collections[0].tick_secs;
    let horizon_ticks = (72 * 3600 / tick_secs) as usize;
    let terms = Terms {
        lifetimes: PRIOR,
        price_ratio: RATIO,
        changeover_secs: 720,
        tick_secs,
        horizon_ticks,
    };
    let (table, solving) = fastest(|| Table::solve(terms.clone()));
    let mut now = Lasting {
        tick_secs,
        changeover_secs: 720,
        total_work_secs: 48 * 3600,
        allowed_secs: 72 * 3600,
        elapsed_secs: 0,
        work_secs: 48 * 3600,
        owed_secs: 0,
        mode: Mode::Idle,
        phase: Phase::Up,
        phase_age_secs: 0,
    };
    let began = Instant::now();
    for turn in 0..DECISIONS {
        now.work_secs = i64::from(turn % 172_000) + 1;
        black_box(table.decide(black_box(&now)));
    }
    let deciding = began.elapsed() / DECISIONS;
    report.note(&format!(
        "lasting work, 72 h: a table solved in {solving:?}, {:.1} MB; a decision from it {deciding:?}",
        table.bytes() as f64 / 1e6
    ));
    let terms = restarting::Terms {
        lifetimes: PRIOR,
        price_ratio: RATIO,
        tick_secs,
        run_ticks: (24 * 3600 / tick_secs) as usize,
        horizon_ticks,
        free_ticks: 0,
        may_hedge: true,
    };
    let (plan, solving) = fastest(|| restarting::Plan::solve(terms.clone()));
    report.note(&format!(
        "restarting work, 24 h within 72: solved in {solving:?}, {:.1} MB",
        plan.bytes() as f64 / 1e6
    ));
}

fn fastest<T>(make: impl Fn() -> T) -> (T, std::time::Duration) {
    let mut best = None;
    for _ in 0..5 {
        let began = Instant::now();
        let made = make();
        let took = began.elapsed();
        if best.as_ref().is_none_or(|(_, fastest)| took < *fastest) {
            best = Some((made, took));
        }
    }
    best.expect("it was made")
}
