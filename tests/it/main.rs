//! The one integration-test binary: linking the SDKs once is enough.

#[cfg(feature = "aws")]
mod aws;
mod backtest;
mod catalogue;
mod cli;
mod control;
mod daemon;
mod decision;
mod doctor;
mod experience;
mod hazards;
mod ledger;
mod policy;
mod reconcile;
mod run;
mod samples;
mod schedule;
mod sim;
mod simulation;
mod store;
mod tidy;
mod wire;
