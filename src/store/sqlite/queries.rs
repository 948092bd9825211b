//! What is read, one function a question. Each is one statement, so it sees one moment.

mod control;
mod market;

pub(super) use control::{audit, audited, controls};
pub(super) use market::{
    durations, environment_markets, experience, fargate_prices, latest_prices, list_prices,
    price_coverage, price_series, reconciled, shapes,
};

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Params, Row, params_from_iter};
use serde::de::DeserializeOwned;

use crate::domain::{InstanceFacts, InstanceId, JobName, RunId, ScheduleKey, Window};
use crate::ledger::{Counter, Entry};
use crate::ports::{RunQuery, SkipQuery};
use crate::run::{AttemptKey, AttemptRecord, Resend, Run, RunEvent};
use crate::schedule::Skipped;

use super::rows::{from_json, key_columns, name, nanos_bound, timestamp, unsigned};

type Reading<T> = rusqlite::Result<T>;

fn rows<T>(
    db: &Connection,
    sql: &str,
    values: impl Params,
    read: impl FnMut(&Row<'_>) -> Reading<T>,
) -> Reading<Vec<T>> {
    db.prepare_cached(sql)?.query_map(values, read)?.collect()
}

/// The documents in the first column.
fn docs<T: DeserializeOwned>(db: &Connection, sql: &str, values: impl Params) -> Reading<Vec<T>> {
    rows(db, sql, values, |row| from_json(row, 0))
}

fn doc<T: DeserializeOwned>(db: &Connection, sql: &str, values: impl Params) -> Reading<Option<T>> {
    db.prepare_cached(sql)?.query_row(values, |row| from_json(row, 0)).optional()
}

pub(super) fn open_runs(db: &Connection) -> Reading<Vec<Run>> {
    docs(db, "SELECT doc FROM runs WHERE is_open = 1 ORDER BY id", [])
}

pub(super) fn run(db: &Connection, id: &RunId) -> Reading<Option<Run>> {
    doc(db, "SELECT doc FROM runs WHERE id = ?1", [id.as_str()])
}

/// Of a scheduled time's parameter sets one stands for all.
const FIRST_OF_ITS_SETS: &str = " AND (set_key = '' OR NOT EXISTS (SELECT 1 FROM runs AS other \
    WHERE other.scheduled_for = runs.scheduled_for AND other.job = runs.job \
    AND other.set_key < runs.set_key AND other.set_key <> '' \
    AND substr(other.id, 1, length(other.id) - 12) = substr(runs.id, 1, length(runs.id) - 12)))";
const FIRST_OPEN_OF_ITS_SETS: &str = " AND (set_key = '' OR NOT EXISTS (SELECT 1 FROM runs AS other \
    WHERE other.scheduled_for = runs.scheduled_for AND other.job = runs.job AND other.is_open = 1 \
    AND other.set_key < runs.set_key AND other.set_key <> '' \
    AND substr(other.id, 1, length(other.id) - 12) = substr(runs.id, 1, length(runs.id) - 12)))";

/// Newest first by scheduled time; the window is half-open like every other.
pub(super) fn runs(db: &Connection, query: &RunQuery) -> Reading<Vec<Run>> {
    // The few open ones are found by their own index and then sorted; the planner, which does not
    // know how few they are, would walk through time.
    let mut sql = String::from(if query.open_only {
        "SELECT doc FROM runs INDEXED BY runs_open WHERE is_open = 1"
    } else {
        "SELECT doc FROM runs WHERE TRUE"
    });
    let mut values: Vec<Value> = Vec::new();
    let mut narrow = |condition: &str, value: Value| {
        sql.push_str(condition);
        values.push(value);
    };
    if let Some(job) = &query.job {
        narrow(" AND job = ?", Value::Text(job.to_string()));
    }
    if let Some(class) = &query.class {
        narrow(" AND class = ?", Value::Text(class.to_string()));
    }
    if let Some(since) = query.since {
        narrow(" AND scheduled_for >= ?", Value::Integer(nanos_bound(since)));
    }
    if let Some(until) = query.until {
        narrow(" AND scheduled_for < ?", Value::Integer(nanos_bound(until)));
    }
    if query.fold_sets {
        sql.push_str(match query.open_only {
            true => FIRST_OPEN_OF_ITS_SETS,
            false => FIRST_OF_ITS_SETS,
        });
    }
    let mut narrow = |condition: &str, value: Value| {
        sql.push_str(condition);
        values.push(value);
    };
    narrow(
        " ORDER BY scheduled_for DESC, id DESC LIMIT ?",
        // SQLite reads a negative limit as none.
        Value::Integer(query.limit.map_or(-1, i64::from)),
    );
    docs(db, &sql, params_from_iter(values))
}

pub(super) fn skips(db: &Connection, query: &SkipQuery) -> Reading<Vec<Skipped>> {
    let mut sql = "SELECT doc FROM skips WHERE last >= ?".to_owned();
    let since = query.since.map_or(i64::MIN, nanos_bound);
    let mut values: Vec<Value> = vec![Value::Integer(since)];
    if let Some(job) = &query.job {
        sql.push_str(" AND job = ?");
        values.push(Value::Text(job.to_string()));
    }
    sql.push_str(" ORDER BY last DESC, job DESC LIMIT ?");
    values.push(Value::Integer(query.limit.map_or(-1, i64::from)));
    docs(db, &sql, params_from_iter(values))
}

pub(super) fn resends(db: &Connection) -> Reading<Vec<Resend>> {
    docs(db, "SELECT doc FROM resends ORDER BY name", [])
}

pub(super) fn group_states(
    db: &Connection,
    group: &RunId,
    job: &JobName,
    scheduled_for: Timestamp,
) -> Reading<BTreeMap<String, u64>> {
    let counted = rows(
        db,
        "SELECT state, COUNT(*) FROM runs \
         WHERE scheduled_for = ?1 AND job = ?2 AND (id = ?3 OR id = ?3 || '-' || set_key) \
         GROUP BY state",
        (nanos_bound(scheduled_for), job.as_str(), group.as_str()),
        |row| Ok((row.get(0)?, unsigned(row, 1)?)),
    )?;
    Ok(counted.into_iter().collect())
}

/// In the order of the keys.
pub(super) fn previous_successes(
    db: &Connection,
    job: &JobName,
    set_keys: &[String],
    before: Timestamp,
) -> Reading<Vec<Option<Timestamp>>> {
    let mut found = Vec::with_capacity(set_keys.len());
    for key in set_keys {
        let newest = rows(
            db,
            "SELECT scheduled_for FROM runs WHERE job = ?1 AND set_key = ?2 \
             AND state = 'succeeded' AND scheduled_for < ?3 ORDER BY scheduled_for DESC LIMIT 1",
            (job.as_str(), key, nanos_bound(before)),
            |row| timestamp(row, 0),
        )?;
        found.push(newest.into_iter().next());
    }
    Ok(found)
}

pub(super) fn events(db: &Connection, id: &RunId) -> Reading<Vec<RunEvent>> {
    rows(
        db,
        "SELECT at, doc FROM run_events WHERE run = ?1 ORDER BY at, seq",
        [id.as_str()],
        |row| Ok(RunEvent { run: id.clone(), at: timestamp(row, 0)?, kind: from_json(row, 1)? }),
    )
}

pub(super) fn attempts(db: &Connection, id: &RunId) -> Reading<Vec<AttemptRecord>> {
    docs(db, "SELECT doc FROM attempts WHERE run = ?1 ORDER BY leg, child, number", [id.as_str()])
}

pub(super) fn unsettled_attempts(db: &Connection) -> Reading<Vec<AttemptRecord>> {
    docs(
        db,
        "SELECT doc FROM attempts WHERE settled = 0 AND stopped_at IS NOT NULL \
         ORDER BY run, leg, child, number",
        [],
    )
}

pub(super) fn attempt(db: &Connection, key: &AttemptKey) -> Reading<Option<AttemptRecord>> {
    doc(
        db,
        "SELECT doc FROM attempts WHERE run = ?1 AND leg = ?2 AND child = ?3 AND number = ?4",
        key_columns(key),
    )
}

pub(super) fn entries(db: &Connection, id: &RunId) -> Reading<Vec<Entry>> {
    docs(db, "SELECT doc FROM entries WHERE run = ?1 ORDER BY leg, child, number", [id.as_str()])
}

pub(super) fn entries_between(db: &Connection, window: Window) -> Reading<Vec<Entry>> {
    docs(
        db,
        "SELECT doc FROM entries WHERE ended_at >= ?1 AND ended_at < ?2 \
         ORDER BY run, leg, child, number",
        [nanos_bound(window.start), nanos_bound(window.end)],
    )
}

pub(super) fn provisional_entries(db: &Connection) -> Reading<Vec<Entry>> {
    docs(
        db,
        "SELECT doc FROM entries WHERE state = 'provisional' ORDER BY run, leg, child, number",
        [],
    )
}

pub(super) fn handled(db: &Connection) -> Reading<BTreeMap<ScheduleKey, Timestamp>> {
    let all = rows(db, "SELECT schedule, at FROM handled", [], |row| {
        Ok((name(row, 0)?, timestamp(row, 1)?))
    })?;
    Ok(all.into_iter().collect())
}

pub(super) fn counters(db: &Connection) -> Reading<Vec<(Counter, i128)>> {
    let mut all = rows(db, "SELECT counter, value FROM counters", [], |row| {
        Ok((from_json::<Counter>(row, 0)?, i128::from(row.get::<_, i64>(1)?)))
    })?;
    all.sort();
    Ok(all)
}

/// In the order asked for; unknown ones are left out.
pub(super) fn instances(db: &Connection, ids: &[InstanceId]) -> Reading<Vec<InstanceFacts>> {
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        found.extend(doc(db, "SELECT doc FROM instances WHERE id = ?1", [id.as_str()])?);
    }
    Ok(found)
}

pub(super) fn recent_instances(
    db: &Connection,
    ended_after: Timestamp,
) -> Reading<Vec<InstanceFacts>> {
    let mut recent: Vec<InstanceFacts> =
        docs(db, "SELECT doc FROM instances WHERE ended_at IS NULL", [])?;
    let ended = "SELECT doc FROM instances WHERE ended_at >= ?1";
    recent.extend(docs::<InstanceFacts>(db, ended, [nanos_bound(ended_after)])?);
    recent.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(recent)
}

pub(super) fn all_instances(db: &Connection) -> Reading<Vec<InstanceFacts>> {
    docs(db, "SELECT doc FROM instances ORDER BY id", [])
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use rusqlite::trace::{TraceEvent, TraceEventCodes};

    use super::super::connection::open_in_memory;
    use super::super::create::create_tables;
    use super::*;
    use crate::control::AuditQuery;
    use crate::domain::Pool;
    use crate::ports::StoreIdentity;

    /// Partial indexes hold few rows; the one by time is left at the limit.
    const MAY_WALK: [&str; 5] = [
        "runs_open",
        "attempts_unsettled",
        "entries_provisional",
        "instances_live",
        "runs_by_time",
    ];

    /// Asks everything that a daemon asks again and again, and looks at how SQLite answers: a table
    /// that grows with the years is never read from end to end, nor sorted to find the newest.
    #[test]
    fn what_is_asked_often_never_scans_what_grows() {
        let mut db = open_in_memory().unwrap();
        create_tables(&mut db, &StoreIdentity::Simulation { seed: 1 }).unwrap();
        let (seen, asked) = channel();
        let remember = move |event: TraceEvent<'_>| {
            if let TraceEvent::Stmt(statement, _) = event {
                seen.send(statement.sql().into_owned()).unwrap();
            }
        };
        db.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(remember)).unwrap();
        let window = Window::new(Timestamp::MIN, Timestamp::MAX);
        let id = RunId::from("a");
        let pool = Pool { zone: "eu-west-1a".into(), instance_type: "m6i.large".into() };
        open_runs(&db).unwrap();
        run(&db, &id).unwrap();
        runs(&db, &RunQuery { job: Some("a".into()), ..RunQuery::default() }).unwrap();
        runs(&db, &RunQuery { since: Some(Timestamp::MIN), ..RunQuery::default() }).unwrap();
        runs(&db, &RunQuery { open_only: true, ..RunQuery::default() }).unwrap();
        runs(&db, &RunQuery { fold_sets: true, ..RunQuery::default() }).unwrap();
        group_states(&db, &id, &"a".into(), Timestamp::MIN).unwrap();
        previous_successes(&db, &"a".into(), &["b".to_owned()], Timestamp::MAX).unwrap();
        events(&db, &id).unwrap();
        attempts(&db, &id).unwrap();
        unsettled_attempts(&db).unwrap();
        entries(&db, &id).unwrap();
        entries_between(&db, window).unwrap();
        provisional_entries(&db).unwrap();
        instances(&db, &["i-1".into()]).unwrap();
        recent_instances(&db, Timestamp::UNIX_EPOCH).unwrap();
        price_series(&db, &"eu-west-1".into(), &pool, window).unwrap();
        latest_prices(&db, &"eu-west-1".into()).unwrap();
        audit(&db, &AuditQuery::default()).unwrap();
        audited(&db, "alice", "key").unwrap();
        let asked: Vec<String> = asked.try_iter().collect();
        assert_eq!(asked.len(), 21, "{asked:#?}");
        for sql in asked {
            let sql = format!("EXPLAIN QUERY PLAN {sql}");
            let unknown = vec![Value::Null; db.prepare(&sql).unwrap().parameter_count()];
            let plan = rows(&db, &sql, params_from_iter(unknown), |row| row.get(3));
            for step in plan.unwrap() as Vec<String> {
                let scans = step.starts_with("SCAN") && !MAY_WALK.iter().any(|i| step.ends_with(i));
                assert!(!scans, "{sql}\n{step}");
                let sorts =
                    step.contains("TEMP B-TREE FOR ORDER BY") && sql.contains("FROM runs WHERE T");
                assert!(!sorts, "{sql}\n{step}");
            }
        }
    }
}
