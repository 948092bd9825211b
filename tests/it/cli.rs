//! The command line: every verb over a store that tells a small story, compared with golden texts.
//! `UPDATE_GOLDEN=1` rewrites them.

mod backtest;
mod binary;
mod explain;
pub mod golden;
mod live;
mod memory;
mod money;
mod operating;
mod plan_diff;
mod readme;
mod reference;
mod story;
mod summary;
mod verbs;
