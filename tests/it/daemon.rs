//! The whole daemon, unchanged, on virtual time against the simulated cloud.

mod adopting;
mod arrays;
mod bad_input;
mod breakers;
mod budgets;
mod bursts;
mod catching_up;
mod commitments;
mod dependencies;
mod durations;
mod edges;
mod exactly_once;
pub mod fargate;
mod going_back;
mod http;
mod kill;
mod late_looks;
mod learning;
mod money;
mod operating;
mod operating_deaths;
mod operating_http;
mod operating_turns;
mod outages;
#[cfg(feature = "aws")]
mod over_http;
#[cfg(feature = "aws")]
mod over_http_accounts;
#[cfg(feature = "aws")]
mod over_http_doctor;
#[cfg(feature = "aws")]
mod over_http_pages;
mod overlaps;
mod permissions;
mod readiness;
mod reloads;
mod replay;
mod restarts;
mod rough_night;
mod scale;
mod service;
mod sets;
mod stories;
mod trouble;
pub mod world;
