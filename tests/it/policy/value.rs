//! The solved values against plain recursion, and against the mean of what happens.

use spotcron::policy::lasting::{self, Table};
use spotcron::policy::lifetimes::{AGES_SECS, BUCKETS, Lifetimes, bucket_of};
use spotcron::policy::restarting::{self, Action, Plan, Restarting};
use spotcron::policy::{Mode, Phase};

use super::reference::{LastingReference, Pool, RestartingReference};
use super::{Dice, job, play};

/// Hazards that differ in every bucket.
fn pool(tick_secs: i64) -> Pool {
    let falling = |first: f64| std::array::from_fn(|bucket| first / (1.0 + bucket as f64));
    Pool { up: falling(2.2), down: falling(2.9), tick_secs }
}

/// Hazards that are the same from the fifth bucket on: by ticks of ten minutes an age is then told
/// exactly by its bucket.
fn exact_pool() -> Pool {
    let flat = |values: [f64; 5]| std::array::from_fn(|bucket: usize| values[bucket.min(4)]);
    Pool {
        up: flat([1.9, 1.2, 0.8, 0.6, 0.4]),
        down: flat([2.4, 1.1, 0.9, 0.7, 0.5]),
        tick_secs: 600,
    }
}

fn table(pool: &Pool, price_ratio: f64, changeover_secs: i64, horizon_ticks: usize) -> Table {
    Table::solve(lasting::Terms {
        lifetimes: Lifetimes::known(pool.up, pool.down),
        price_ratio,
        changeover_secs,
        tick_secs: pool.tick_secs,
        horizon_ticks,
    })
}

/// The coming tick for a phase of exactly this age.
fn futures(pool: &Pool, phase: Phase, age_secs: i64) -> [(Phase, usize, f64); 2] {
    let ends = pool.ends(phase, bucket_of(age_secs));
    [(phase.other(), 0, ends), (phase, bucket_of(age_secs + pool.tick_secs), 1.0 - ends)]
}

/// Every choice in every state of a tiny job; returns how many were compared.
fn compare_lasting(pool: &Pool, ratio: f64, changeover: i64) -> usize {
    let tick = pool.tick_secs;
    let solved = table(pool, ratio, changeover, 6);
    let mut reference = LastingReference::new(pool.clone(), ratio, changeover);
    let mut compared = 0;
    for left in 1..=6 {
        for work in [tick / 5, tick, tick * 8 / 5, 3 * tick] {
            for (phase, mode) in [
                (Phase::Up, Mode::Idle),
                (Phase::Up, Mode::Spot),
                (Phase::Up, Mode::OnDemand),
                (Phase::Down, Mode::Idle),
                (Phase::Down, Mode::OnDemand),
            ] {
                for bucket in [0, 1, 4, BUCKETS - 1] {
                    let mut now = job(tick, work, changeover, left * tick);
                    (now.phase, now.mode, now.phase_age_secs) = (phase, mode, AGES_SECS[bucket]);
                    let futures = futures(pool, phase, AGES_SECS[bucket]);
                    let choices = solved.choices(&now);
                    for next in [Mode::Idle, Mode::Spot, Mode::OnDemand] {
                        let found = choices.iter().find(|choice| choice.mode == next);
                        let right = match next {
                            Mode::Spot if phase == Phase::Down => f64::INFINITY,
                            _ => reference.of(next, left, work, 0, mode, &futures),
                        };
                        let value = found.map_or(f64::INFINITY, |choice| choice.expected_ticks);
                        // A kept value is rounded to a 65,000th of its row's largest.
                        let rounding = 1e-4 + left as f64 * solved.terms().price_ratio / 65_000.0;
                        let same = value == right || (value - right).abs() < rounding;
                        assert!(same, "{value} for {right}: {next:?} in {now:?}");
                        compared += usize::from(right.is_finite());
                    }
                }
            }
        }
    }
    compared
}

#[test]
fn values_of_lasting_work_are_those_of_plain_recursion() {
    let mut compared = 0;
    for (tick, changeover) in [(600, 0), (600, 120), (600, 600), (300, 180)] {
        compared += compare_lasting(&pool(tick), 3.1, changeover);
    }
    compared += compare_lasting(&exact_pool(), 1.4, 120);
    assert!(compared > 1000, "{compared}");
}

#[test]
fn values_of_work_that_restarts_are_those_of_plain_recursion() {
    let mut compared = 0;
    for (tick_secs, run, ratio, free, may_hedge) in [
        (600, 1, 3.0, 0, false),
        (600, 2, 3.0, 0, false),
        (600, 3, 1.5, 1, false),
        (600, 2, 6.0, 0, true),
        (300, 3, 9.0, 2, true),
    ] {
        let pool = pool(tick_secs);
        let plan = Plan::solve(restarting::Terms {
            lifetimes: Lifetimes::known(pool.up, pool.down),
            price_ratio: ratio,
            tick_secs,
            run_ticks: run,
            horizon_ticks: 5,
            free_ticks: free,
            may_hedge,
        });
        let reference = RestartingReference { pool, ratio, run, free, may_hedge };
        for (ticks_left, phase, bucket) in (run..=5)
            .flat_map(|left| [Phase::Up, Phase::Down].map(|phase| (left, phase)))
            .flat_map(|(left, phase)| [0, 3, BUCKETS - 1].map(|bucket| (left, phase, bucket)))
        {
            for attempt_ticks in 0..if phase == Phase::Up { run } else { 1 } {
                let age = AGES_SECS[bucket];
                let now = Restarting { ticks_left, attempt_ticks, phase, phase_age_secs: age };
                let choices = plan.choices(&now);
                for action in [Action::Wait, Action::Attempt, Action::OnDemand, Action::Hedge] {
                    let right = reference.of(action, ticks_left, attempt_ticks, phase, bucket);
                    let found = choices.iter().find(|choice| choice.0 == action);
                    let value = found.map_or(f64::INFINITY, |choice| choice.1);
                    let same = value == right || (value - right).abs() < 1e-4;
                    assert!(same, "{value} for {right}: {action:?} in {now:?}, run {run}");
                    compared += usize::from(right.is_finite());
                }
            }
        }
    }
    assert!(compared > 200, "{compared}");
}

/// The mean, and how far it may be off: four standard errors.
fn mean(costs: &[f64]) -> (f64, f64) {
    let count = costs.len() as f64;
    let mean = costs.iter().sum::<f64>() / count;
    let variance = costs.iter().map(|cost| (cost - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, 4.0 * (variance / count).sqrt())
}

/// A phase and the ticks it has lasted, one tick later.
fn one_tick_on(pool: &Pool, dice: &mut Dice, (phase, ticks): (Phase, usize)) -> (Phase, usize) {
    match dice.roll() < pool.ends(phase, ticks.min(4)) {
        true => (phase.other(), 0),
        false => (phase, ticks + 1),
    }
}

#[test]
fn lasting_work_costs_on_average_what_was_expected() {
    let pool = exact_pool();
    let ratio = 3.0;
    let solved = table(&pool, ratio, 120, 14);
    let mut dice = Dice(7);
    for phase in [Phase::Up, Phase::Down] {
        let mut start = job(600, 5 * 600, 120, 14 * 600);
        start.phase = phase;
        let choices = solved.choices(&start);
        let expected = choices.iter().map(|choice| choice.expected_ticks).fold(f64::MAX, f64::min);
        let costs: Vec<f64> = (0..4000)
            .map(|_| {
                let mut now = (phase, 0);
                let weather = |modes: &[Mode]| {
                    if !modes.is_empty() {
                        now = one_tick_on(&pool, &mut dice, now);
                    }
                    now.0
                };
                play(start, weather, |now| solved.decide(now)).cost(ratio)
            })
            .collect();
        let (mean, tolerance) = mean(&costs);
        assert!((mean - expected).abs() < tolerance, "{mean} ± {tolerance} for {expected}");
        assert!(tolerance < 0.05 * expected, "{tolerance} says nothing of {expected}");
    }
}

#[test]
fn work_that_restarts_costs_on_average_what_was_expected() {
    let pool = exact_pool();
    let (ratio, run) = (3.0, 4);
    let plan = Plan::solve(restarting::Terms {
        lifetimes: Lifetimes::known(pool.up, pool.down),
        price_ratio: ratio,
        tick_secs: 600,
        run_ticks: run,
        horizon_ticks: 14,
        free_ticks: 0,
        may_hedge: false,
    });
    let mut dice = Dice(11);
    for first in [(Phase::Up, 0), (Phase::Down, 0), (Phase::Up, 8)] {
        let at = |ticks_left, attempt_ticks, (phase, ticks): (Phase, usize)| Restarting {
            ticks_left,
            attempt_ticks,
            phase,
            phase_age_secs: 600 * ticks as i64,
        };
        let expected = plan.choices(&at(14, 0, first))[0].1;
        let mut costs = Vec::new();
        for _ in 0..4000 {
            let (mut now, mut left, mut ran, mut cost) = (first, 14, 0, 0.0);
            while ran < run {
                match plan.decide(&at(left, ran, now)) {
                    Action::Wait => ran = 0,
                    Action::Attempt => (ran, cost) = (ran + 1, cost + 1.0),
                    Action::OnDemand | Action::Hedge => {
                        cost += ratio * run as f64;
                        break;
                    }
                }
                left -= 1;
                let next = one_tick_on(&pool, &mut dice, now);
                if next.0 == Phase::Down && ran < run {
                    ran = 0;
                }
                now = next;
            }
            costs.push(cost);
        }
        let (mean, tolerance) = mean(&costs);
        assert!((mean - expected).abs() < tolerance, "{mean} ± {tolerance} for {expected}");
        assert!(tolerance < 0.06 * expected, "{tolerance} says nothing of {expected}");
    }
}
