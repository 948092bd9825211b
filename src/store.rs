//! The durable memory, on SQLite: in a file for the daemon, in memory for simulated runs.
//!
//! [`SqliteStore`] implements the port [`crate::ports::Store`]; [`backup`] and [`restore`] are what
//! `spotcron store` runs. docs/guide/store.md tells operators how to use them.

mod sqlite;

pub use sqlite::{Description, Restored, SqliteStore, backup, describe, restore};
