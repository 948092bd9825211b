//! The daemon's tasks, one file each.

mod discovery;
mod dispatch;
mod list_prices;
mod lookup;
mod machines;
mod previous;
mod release;
mod schedule;
mod settle;
mod spot_prices;
mod watch;

pub use machines::machines_behind;

use std::sync::Arc;

pub(super) use previous::of_groups;

use super::{Shared, Task};

/// How many tasks there are.
pub(super) const COUNT: usize = 8;

/// Every task, in the order in which they run when several are due at once: prices before
/// decisions, decisions before looking at what became of them.
pub fn all(shared: &Arc<Shared>) -> Vec<Box<dyn Task>> {
    vec![
        Box::new(discovery::Discovery::new(Arc::clone(shared))),
        Box::new(list_prices::ListPrices::new(Arc::clone(shared))),
        Box::new(spot_prices::SpotPrices::new(Arc::clone(shared))),
        Box::new(schedule::Schedule::new(Arc::clone(shared))),
        Box::new(release::Release::new(Arc::clone(shared))),
        Box::new(dispatch::Dispatch::new(Arc::clone(shared))),
        Box::new(watch::Watch::new(Arc::clone(shared))),
        Box::new(settle::Settle::new(Arc::clone(shared))),
    ]
}
