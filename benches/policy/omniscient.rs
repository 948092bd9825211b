//! The least cost for somebody who knows the whole trace: a dynamic program forward over ticks, modes and
//! net progress.

use super::simulate::{Job, ON_DEMAND, SPOT};

/// Launches whose unpaid changeover is kept apart, where one is longer than a tick.
const LAUNCHES: i64 = 20;

/// In dollars.
pub fn cost(job: &Job, up: &[bool], start: usize) -> f64 {
    let unit = gcd(gcd(job.tick_secs, job.changeover_secs), job.work_secs);
    let (tick, changeover) = (job.tick_secs / unit, job.changeover_secs / unit);
    let below = (LAUNCHES * (changeover - tick)).max(0) as usize;
    let size = below + (job.work_secs / unit) as usize + 1;
    let unreachable = i64::MAX / 2;
    let mut idle = vec![unreachable; size];
    idle[below] = 0;
    let (mut spot, mut steady) = (vec![unreachable; size], vec![unreachable; size]);
    let ticks = job.allowed_secs.div_euclid(job.tick_secs) as usize;
    for &up in up.iter().skip(start).take(ticks) {
        let best: Vec<i64> = (0..size).map(|at| idle[at].min(spot[at]).min(steady[at])).collect();
        let run = |kept: &[i64], price: i64| {
            let mut next = vec![unreachable; size];
            let mut put = |at: i64, cost: i64| {
                if cost < unreachable && at >= 0 {
                    let at = (at as usize).min(size - 1);
                    next[at] = next[at].min(cost + price);
                }
            };
            for at in 0..size {
                put(at as i64 + tick, kept[at]);
                put(at as i64 + tick - changeover, best[at]);
            }
            next
        };
        spot = if up { run(&spot, SPOT) } else { vec![unreachable; size] };
        steady = run(&steady, ON_DEMAND);
        idle = best;
    }
    let last = size - 1;
    let cost = idle[last].min(spot[last]).min(steady[last]);
    cost as f64 / 10_000.0 * job.tick_secs as f64 / 3600.0
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
