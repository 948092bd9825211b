//! `doctor --live` against the simulated account, on virtual time: what it submits, what it says, and
//! that it leaves nothing behind.

mod plan;
mod refused;
mod shown;
mod stage;
mod stopped;

#[cfg(feature = "aws")]
pub use stage::{Stage, failed, step, table};
