//! What people may ask of a running daemon, and what comes of it: commands as data, what they left in
//! force, and one function that says what a command does or why it is refused.

mod answer;
mod audit;
mod backfill;
mod command;
mod controls;
mod judge;
mod places;
mod refusal;

pub use answer::{Answer, Caveat};
pub use audit::{AuditQuery, AuditRecord, Outcome, Shown};
pub use backfill::{AT_MOST, scheduled_between};
pub use command::{Command, Jobs, MoveTo};
pub use controls::{ClassOverride, Controls, Pause};
pub use judge::{Effect, Facts, Look, Ruling, judge, look_for};
pub use places::without_place;
pub use refusal::{Refusal, RefusalKind};
