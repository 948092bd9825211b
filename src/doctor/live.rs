//! `doctor --live`: one tiny job that shows whether everything between here and the ledger works.
//! What is submitted, what it may cost at most, and what each step showed, as values.

mod ceiling;
mod guide;
mod plan;
mod step;

pub use ceiling::{Ceiling, IDLE_AFTER, STOPPING, on_fargate, on_instances};
pub(super) use guide::section;
pub use plan::{LEAST_TIMEOUT, LivePlan, LiveWish, NoPlan};
pub use step::{LiveFinding, LiveStep, Verdict};
