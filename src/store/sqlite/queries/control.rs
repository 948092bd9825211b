//! What people asked for.

use std::collections::BTreeMap;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::{Reading, doc, docs, rows};
use crate::control::{AuditQuery, AuditRecord, ClassOverride, Controls, Pause};
use crate::domain::{ClassName, JobName};
use crate::store::sqlite::rows::{ALL_JOBS, from_json, name, nanos_bound};

/// Each table is one statement; the daemon's memory is made from them before anybody may write.
pub(crate) fn controls(db: &Connection) -> Reading<Controls> {
    let pauses: Vec<(JobName, Pause)> = rows(db, "SELECT scope, doc FROM pauses", [], |row| {
        Ok((name(row, 0)?, from_json(row, 1)?))
    })?;
    let mut paused: BTreeMap<JobName, Pause> = pauses.into_iter().collect();
    let all_paused = paused.remove(ALL_JOBS);
    let forced: Vec<(ClassName, ClassOverride)> =
        rows(db, "SELECT class, doc FROM class_overrides", [], |row| {
            Ok((name(row, 0)?, from_json(row, 1)?))
        })?;
    Ok(Controls { all_paused, paused, forced_on_demand: forced.into_iter().collect() })
}

pub(crate) fn audit(db: &Connection, query: &AuditQuery) -> Reading<Vec<AuditRecord>> {
    let mut sql = "SELECT doc FROM audit WHERE at >= ?".to_owned();
    let since = query.since.map_or(i64::MIN, nanos_bound);
    let mut values: Vec<Value> = vec![Value::Integer(since)];
    if let Some(by) = &query.by {
        sql.push_str(" AND person = ?");
        values.push(Value::Text(by.clone()));
    }
    sql.push_str(" ORDER BY at DESC, seq DESC LIMIT ?");
    values.push(Value::Integer(query.limit.map_or(-1, i64::from)));
    docs(db, &sql, params_from_iter(values))
}

pub(crate) fn audited(db: &Connection, by: &str, key: &str) -> Reading<Option<AuditRecord>> {
    doc(db, "SELECT doc FROM audit WHERE person = ?1 AND key = ?2", [by, key])
}
