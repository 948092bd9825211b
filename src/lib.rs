//! spotcron runs an organisation's batch work on AWS Batch at the lowest cost that still meets its
//! deadlines. The modules are listed in the order in which data flows; see ARCHITECTURE.md.

// Layer 0: the vocabulary that every other layer speaks.
pub mod clock;
pub mod diagnostic;
pub mod document;
pub mod domain;
pub mod mutation;

// Layer 1: the pure core. No I/O, no async, no clock: values in, values and reasons out.
pub mod backtest;
pub mod billing;
pub mod catalogue;
pub mod control;
pub mod cost;
pub mod decision;
pub mod doctor;
pub mod experience;
pub mod ledger;
pub mod market;
pub mod policy;
pub mod run;
pub mod schedule;
pub mod template;

// Layer 2: what the core needs of the world, as traits in domain types.
pub mod ports;

// Layer 3: the world. No adapter knows another.
#[cfg(feature = "aws")]
pub mod aws;
pub mod sim;
pub mod store;

// Layer 4: the shell that joins them.
pub mod cli;
pub mod daemon;
pub mod metrics;
pub mod settings;
pub mod telemetry;
