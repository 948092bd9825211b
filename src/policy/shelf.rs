//! The solved tables, each solved once, when it is first asked for. A table is a pure function of its key,
//! so that what is remembered never changes an answer; the oldest go when there are too many.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use super::lasting::Table;
use super::outlook::{HORIZON_TICKS, lasting_terms, lifetimes};
use super::restarting::{CAUTION, Plan, Terms};

/// What a plan for work that restarts depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct RestartingKey {
    pub tick_secs: i64,
    pub run_ticks: usize,
    pub price_step: i32,
    pub risk_step: i32,
}

/// What a table for lasting work depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct LastingKey {
    pub tick_secs: i64,
    pub changeover_fifths: i64,
    pub price_step: i32,
    pub risk_step: i32,
}

/// Memory that tables may take together, bytes: those for lasting work, and those for work that restarts.
const MOST_LASTING_BYTES: usize = 300 << 20;
const MOST_RESTARTING_BYTES: usize = 100 << 20;

/// Ratios of prices are told apart by this factor, and risks by that one.
const PRICE_FACTOR: f64 = 1.05;
const RISK_FACTOR: f64 = 1.25;
/// The furthest steps: a ratio of 20, risks from a hundredth to sixty times the prior's.
const PRICE_STEPS: std::ops::RangeInclusive<i32> = 0..=62;
const RISK_STEPS: std::ops::RangeInclusive<i32> = -21..=18;

/// The step whose ratio is nearest.
pub(super) fn price_step(ratio: f64) -> i32 {
    nearest(ratio, PRICE_STEPS, price_of)
}

pub(super) fn price_of(step: i32) -> f64 {
    power(PRICE_FACTOR, step)
}

/// The step whose risk is nearest.
pub(super) fn risk_step(factor: f64) -> i32 {
    nearest(factor, RISK_STEPS, risk_of)
}

pub(super) fn risk_of(step: i32) -> f64 {
    power(RISK_FACTOR, step)
}

fn nearest(value: f64, steps: std::ops::RangeInclusive<i32>, of: impl Fn(i32) -> f64) -> i32 {
    let last = *steps.end();
    let first = *steps.start();
    (first..last).find(|step| value * value <= of(*step) * of(step + 1)).unwrap_or(last)
}

/// By multiplication alone: the same on every machine.
fn power(factor: f64, exponent: i32) -> f64 {
    let raised = (0..exponent.abs()).fold(1.0, |product, _| product * factor);
    if exponent < 0 { 1.0 / raised } else { raised }
}

pub(super) fn restarting(key: &RestartingKey) -> Arc<Plan> {
    static SHELF: LazyLock<Mutex<Shelf<RestartingKey, Plan>>> = LazyLock::new(Mutex::default);
    take(&SHELF, key, MOST_RESTARTING_BYTES, Plan::bytes, || {
        Plan::solve(Terms {
            lifetimes: lifetimes(risk_of(key.risk_step) * CAUTION),
            price_ratio: price_of(key.price_step),
            tick_secs: key.tick_secs,
            run_ticks: key.run_ticks,
            horizon_ticks: HORIZON_TICKS as usize,
            free_ticks: 0,
            may_hedge: false,
        })
    })
}

pub(super) fn lasting(key: &LastingKey) -> Arc<Table> {
    static SHELF: LazyLock<Mutex<Shelf<LastingKey, Table>>> = LazyLock::new(Mutex::default);
    take(&SHELF, key, MOST_LASTING_BYTES, Table::bytes, || Table::solve(lasting_terms(key)))
}

#[derive(Debug)]
struct Shelf<K, T> {
    known: HashMap<K, Arc<T>>,
    /// The oldest first.
    order: VecDeque<K>,
    bytes: usize,
}

impl<K, T> Default for Shelf<K, T> {
    fn default() -> Self {
        Shelf { known: HashMap::new(), order: VecDeque::new(), bytes: 0 }
    }
}

/// The table behind `key`. Solved outside the lock: two may solve the same one, and either will do.
fn take<K: Copy + Eq + Hash, T>(
    shelf: &Mutex<Shelf<K, T>>,
    key: &K,
    most_bytes: usize,
    bytes: impl Fn(&T) -> usize,
    solve: impl FnOnce() -> T,
) -> Arc<T> {
    let lock = || shelf.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = lock().known.get(key) {
        return Arc::clone(known);
    }
    let solved = Arc::new(solve());
    let mut shelf = lock();
    if let Some(known) = shelf.known.get(key) {
        return Arc::clone(known);
    }
    shelf.bytes += bytes(&solved);
    shelf.order.push_back(*key);
    shelf.known.insert(*key, Arc::clone(&solved));
    while shelf.bytes > most_bytes && shelf.order.len() > 1 {
        let oldest = shelf.order.pop_front().and_then(|oldest| shelf.known.remove(&oldest));
        shelf.bytes -= oldest.map_or(0, |oldest| bytes(&oldest));
    }
    solved
}
