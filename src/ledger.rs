//! What attempts and runs really cost, what they would have cost on demand, and what was saved; and
//! how that agrees with the bill.

mod account;
mod counter;
mod deltas;
mod drift;
mod entry;
mod part;
mod reconcile;
mod settle;
mod spent;
mod summary;

pub use account::{
    Account, BilledResource, Hosted, InstanceRate, TaskFacts, instance_account, task_account,
};
pub use counter::{CorrectedAmount, Counter, Direction, Tally};
pub use deltas::counter_deltas;
pub use drift::{DayDrift, Reconciled, Sums};
pub use entry::{Entry, EntryState, Priced, Unpriced};
pub use part::{BilledPart, instance_part, spread, task_part};
pub use reconcile::{ReconciledLine, Reconciliation, reconcile};
pub use settle::{Evidence, settle};
pub use spent::{spent, spent_by_run};
pub use summary::{GroupBy, Summary, UnknownGroup, summarise};
