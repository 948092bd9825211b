//! What can only help never makes dearer, and no expectation leaves its bounds.

use spotcron::policy::lasting::{self, Table};
use spotcron::policy::lifetimes::{AGES_SECS, PRIOR};
use spotcron::policy::restarting::{self, Plan, Restarting};
use spotcron::policy::{Choice, Mode, Phase};

use super::{constant, job};

const TICK: i64 = 600;
const PHASES: [(Phase, usize); 6] = [
    (Phase::Up, 0),
    (Phase::Up, 3),
    (Phase::Up, 12),
    (Phase::Down, 0),
    (Phase::Down, 3),
    (Phase::Down, 12),
];

fn table(risk: f64, price_ratio: f64, changeover_secs: i64, horizon_ticks: usize) -> Table {
    Table::solve(lasting::Terms {
        lifetimes: PRIOR.riskier(risk),
        price_ratio,
        changeover_secs,
        tick_secs: TICK,
        horizon_ticks,
    })
}

fn least(choices: &[Choice]) -> f64 {
    choices.iter().map(|choice| choice.expected_ticks).fold(f64::INFINITY, f64::min)
}

/// The least expected cost of `work` in `left` ticks.
fn cost(table: &Table, left: i64, work: i64, (phase, bucket): (Phase, usize)) -> f64 {
    let mut now = job(TICK, work, table.terms().changeover_secs, left * TICK);
    (now.phase, now.phase_age_secs) = (phase, AGES_SECS[bucket]);
    least(&table.choices(&now))
}

/// Interpolation between the points of the grid may be off by this, ticks.
const GRID: f64 = 0.05;

#[test]
fn more_time_less_risk_or_a_lower_price_never_costs_more() {
    let calm = table(0.5, 3.0, 120, 60);
    let usual = table(1.0, 3.0, 120, 60);
    let risky = table(4.0, 3.0, 120, 60);
    let dear = table(1.0, 3.6, 120, 60);
    for at in PHASES {
        for work in [TICK, 5 * TICK, 9 * TICK + 120] {
            let mut last = f64::INFINITY;
            for left in 1..=60 {
                let now = cost(&usual, left, work, at);
                let about = || format!("{left} ticks for {work} s, {at:?}");
                assert!(now <= last + GRID, "{now} after {last}: {}", about());
                last = now;
                let calm = cost(&calm, left, work, at);
                let [risky, dear] = [&risky, &dear].map(|table| cost(table, left, work, at));
                assert!(calm <= now + GRID, "{calm} when calm, else {now}: {}", about());
                assert!(now <= risky + GRID, "{risky} when risky, else {now}: {}", about());
                assert!(now <= dear + GRID, "{dear} when dear, else {now}: {}", about());
            }
        }
    }
}

#[test]
fn no_expectation_is_below_one_run_or_above_on_demand() {
    for (risk, ratio) in [(0.1, 2.0), (1.0, 3.0), (10.0, 5.0)] {
        let table = table(risk, ratio, 180, 70);
        for at in PHASES {
            for (left, work) in [(6, 3), (12, 7), (30, 10), (70, 4), (70, 60), (200, 40)] {
                let cost = cost(&table, left, work * TICK, at);
                let run = (work + 1) as f64;
                // Between two points of the grid the last tick counts by its part.
                assert!(
                    cost >= work as f64 + 0.3 - 1e-3,
                    "{cost} for {run} ticks, {left} left, {at:?}"
                );
                assert!(cost <= ratio * run + 1.0, "{cost} for {run} ticks on demand");
            }
        }
    }
}

/// Of more slack than the grid has, the rest is left out: it must not be taken for work. And no work is
/// done by waiting, however long.
#[test]
fn much_slack_is_neither_work_nor_does_it() {
    let table = table(0.01, 3.0, TICK, 256);
    for work in [1, 10, 40] {
        for left in [100, 200, 220, 256, 5000] {
            let cost = cost(&table, left, work * TICK, (Phase::Up, 12));
            let run = (work + 1) as f64;
            assert!((cost - run).abs() < 0.05 * run, "{cost} for {run} ticks, {left} left");
        }
    }
}

#[test]
fn an_attempt_that_restarts_is_monotone_and_bounded() {
    let plan = |risk: f64, price_ratio: f64, may_hedge| {
        Plan::solve(restarting::Terms {
            lifetimes: PRIOR.riskier(risk),
            price_ratio,
            tick_secs: TICK,
            run_ticks: 5,
            horizon_ticks: 25,
            free_ticks: 0,
            may_hedge,
        })
    };
    let usual = plan(1.0, 3.0, false);
    let others = [plan(0.3, 3.0, false), plan(1.0, 2.0, false), plan(1.0, 3.0, true)];
    let riskier = plan(5.0, 3.0, false);
    for (phase, bucket) in PHASES {
        for attempt_ticks in 0..if phase == Phase::Up { 5 } else { 1 } {
            let mut last = f64::INFINITY;
            for ticks_left in 5..=25 {
                let phase_age_secs = AGES_SECS[bucket];
                let now = Restarting { ticks_left, attempt_ticks, phase, phase_age_secs };
                let cost = usual.choices(&now)[0].1;
                assert!(cost <= last + 1e-4, "{cost} after {last}: {now:?}");
                last = cost;
                for other in &others {
                    assert!(other.choices(&now)[0].1 <= cost + 1e-4, "{now:?}");
                }
                assert!(riskier.choices(&now)[0].1 >= cost - 1e-4, "{now:?}");
                let rest = 5.0 - attempt_ticks as f64;
                assert!((rest - 1e-5..=15.0 + 1e-5).contains(&cost), "{cost}: {now:?}");
                let nearer = Restarting { attempt_ticks: attempt_ticks.max(1) - 1, ..now };
                assert!(cost <= usual.choices(&nearer)[0].1 + 1e-4, "{now:?}");
            }
        }
    }
}

/// With hardly any risk all of it is one run on spot; where nothing lasts, all of it is on demand.
#[test]
fn the_extremes_are_plain() {
    let solve = |up, down| {
        Table::solve(lasting::Terms {
            lifetimes: constant(up, down),
            price_ratio: 3.0,
            changeover_secs: TICK,
            tick_secs: TICK,
            horizon_ticks: 40,
        })
    };
    let (sure, hopeless) = (solve(1e-9, 1.0), solve(5.7, 1e-9));
    let cost = |table: &Table, at| cost(table, 40, 10 * TICK, at);
    assert!((cost(&sure, (Phase::Up, 0)) - 11.0).abs() < 1e-3);
    assert!((cost(&hopeless, (Phase::Down, 0)) - 33.0).abs() < 1e-3);
    let mut now = job(TICK, 10 * TICK, TICK, 40 * TICK);
    assert_eq!(sure.decide(&now), Mode::Spot);
    now.phase = Phase::Down;
    assert_eq!(sure.decide(&now), Mode::Idle, "it is worth waiting for");
}
