//! When jobs are due.

mod clocks;
mod due;
mod rules;
