//! What people asked for, as statements.

use rusqlite::{Connection, params};

use super::run_cached;
use crate::control::{AuditRecord, ClassOverride, Jobs, Pause};
use crate::domain::ClassName;
use crate::store::sqlite::rows::{nanos, scope, to_json};

pub(super) fn put_pause(
    db: &Connection,
    jobs: &Jobs,
    pause: Option<&Pause>,
) -> rusqlite::Result<()> {
    match pause {
        Some(pause) => run_cached(
            db,
            "INSERT INTO pauses (scope, doc) VALUES (?1, ?2) \
             ON CONFLICT DO UPDATE SET doc = excluded.doc",
            params![scope(jobs), to_json(pause)?],
        ),
        None => run_cached(db, "DELETE FROM pauses WHERE scope = ?1", [scope(jobs)]),
    }
}

pub(super) fn put_override(
    db: &Connection,
    class: &ClassName,
    forced: Option<&ClassOverride>,
) -> rusqlite::Result<()> {
    match forced {
        Some(forced) => run_cached(
            db,
            "INSERT INTO class_overrides (class, doc) VALUES (?1, ?2) \
             ON CONFLICT DO UPDATE SET doc = excluded.doc",
            params![class.as_str(), to_json(forced)?],
        ),
        None => run_cached(db, "DELETE FROM class_overrides WHERE class = ?1", [class.as_str()]),
    }
}

pub(super) fn insert_audit(db: &Connection, record: &AuditRecord) -> rusqlite::Result<()> {
    run_cached(
        db,
        "INSERT INTO audit (at, person, key, doc) VALUES (?1, ?2, ?3, ?4)",
        params![nanos(record.at)?, record.by, record.key, to_json(record)?],
    )
}
