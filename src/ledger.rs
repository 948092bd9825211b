//! What attempts and runs really cost, what they would have cost on demand, and what was saved.

mod counter;
mod entry;
mod settle;

pub use counter::{Counter, Tally};
pub use entry::{Entry, EntryState, Priced, Unpriced};
pub use settle::{Evidence, settle};
