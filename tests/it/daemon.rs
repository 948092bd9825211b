//! The whole daemon, unchanged, on virtual time against the simulated cloud.

mod exactly_once;
mod http;
mod kill;
mod money;
mod replay;
mod stories;
mod world;
