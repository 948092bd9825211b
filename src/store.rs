//! The durable memory, on SQLite.
