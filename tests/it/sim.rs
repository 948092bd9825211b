//! The simulated cloud, through the ports that the daemon uses.

pub mod account;
mod bill;
mod faults;
mod jobs;
mod market;
mod placement;
mod replay;
mod stops;
