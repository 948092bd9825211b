//! A batch of writes as statements. Runs go first, then attempts, then what belongs to them, so
//! that a batch may name them in any order.

mod control;
mod market;

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use crate::domain::{InstanceFacts, ScheduleKey};
use crate::ledger::{Counter, Entry, EntryState};
use crate::ports::{StoreError, Write};
use crate::run::{AttemptRecord, Run, RunEvent};

use super::refusal::failed;
use super::rows::{amount, integer, key_columns, nanos, to_json};

/// Applies all of `writes`. On an error some may have been applied: the caller rolls back.
pub(super) fn apply(db: &Connection, writes: &[Write]) -> Result<(), StoreError> {
    let mut counts: BTreeMap<&Counter, i128> = BTreeMap::new();
    for rank in 0..RANKS {
        for write in writes.iter().filter(|write| rank_of(write) == rank) {
            match write {
                Write::InsertRun(run) => one_run(run, insert_run(db, run))?,
                Write::UpdateRun(run) => one_run(run, update_run(db, run))?,
                Write::Count(counter, by) => *counts.entry(counter).or_default() += by,
                other => apply_plain(db, other).map_err(failed(doing(other)))?,
            }
        }
    }
    for (counter, by) in counts {
        count(db, counter, by).map_err(failed("writing a counter"))?;
    }
    Ok(())
}

const RANKS: u8 = 3;

const fn rank_of(write: &Write) -> u8 {
    match write {
        Write::InsertRun(_) | Write::UpdateRun(_) => 0,
        Write::Attempt(_) => 1,
        _ => 2,
    }
}

const fn doing(write: &Write) -> &'static str {
    match write {
        Write::InsertRun(_) | Write::UpdateRun(_) => "writing a run",
        Write::Event(_) => "writing an event of a run",
        Write::Attempt(_) => "writing an attempt",
        Write::Instance(_) => "writing an instance",
        Write::Shape(..) => "writing an instance type",
        Write::Entry(_) => "writing a ledger entry",
        Write::Handled(_) | Write::Forgotten(_) => "writing how far a schedule was handled",
        Write::Skipped(..) => "writing skipped times",
        Write::Resend(_) | Write::ResendSettled(_) => "writing a name that was sent again",
        Write::Count(..) => "writing a counter",
        Write::PricePoints(..) => "writing spot prices",
        Write::PriceCoverage(_) => "writing how far the spot prices reach",
        Write::ListPrice(_) => "writing a list price",
        Write::FargatePrice(_) => "writing a Fargate price",
        Write::EnvironmentMarket(_) => "writing an environment's market",
        Write::Experience(_) => "writing the experience",
        Write::Durations(..) => "writing how long a job took",
        Write::Reconciled(..) => "writing what was reconciled",
        Write::Pause(..) => "writing a pause",
        Write::ClassOverride(..) => "writing a class's override",
        Write::Audit(_) => "writing down a command",
    }
}

/// A run's statement changes exactly one row, or somebody else was there.
fn one_run(run: &Run, changed: rusqlite::Result<usize>) -> Result<(), StoreError> {
    match changed.map_err(failed("writing a run"))? {
        1 => Ok(()),
        _ => Err(StoreError::Conflict(run.id.clone())),
    }
}

fn apply_plain(db: &Connection, write: &Write) -> rusqlite::Result<()> {
    match write {
        // Handled by `apply`: they answer with more than success or failure.
        Write::InsertRun(_) | Write::UpdateRun(_) | Write::Count(..) => Ok(()),
        Write::Event(event) => insert_event(db, event),
        Write::Attempt(attempt) => put_attempt(db, attempt),
        Write::Instance(instance) => put_instance(db, instance),
        Write::Shape(instance_type, shape) => market::put_shape(db, instance_type, shape),
        Write::Entry(entry) => put_entry(db, entry),
        Write::Handled(schedules) => put_handled(db, schedules),
        Write::Forgotten(schedules) => {
            let mut forget = db.prepare_cached("DELETE FROM handled WHERE schedule = ?1")?;
            schedules.iter().try_for_each(|key| forget.execute([key.as_str()]).map(|_| ()))
        }
        Write::Skipped(at, skipped) => run_cached(
            db,
            "INSERT INTO skips (at, job, last, doc) VALUES (?1, ?2, ?3, ?4)",
            params![nanos(*at)?, skipped.job.as_str(), nanos(skipped.last)?, to_json(skipped)?],
        ),
        Write::Resend(resend) => run_cached(
            db,
            "INSERT INTO resends (name, doc) VALUES (?1, ?2) \
             ON CONFLICT DO UPDATE SET doc = excluded.doc",
            params![resend.name.as_str(), to_json(resend)?],
        ),
        Write::ResendSettled(name) => {
            run_cached(db, "DELETE FROM resends WHERE name = ?1", [name.as_str()])
        }
        Write::PricePoints(place, points) => market::insert_points(db, place, points),
        Write::PriceCoverage(coverage) => market::put_coverage(db, coverage),
        Write::ListPrice(price) => market::put_list_price(db, price),
        Write::FargatePrice(price) => market::put_fargate_price(db, price),
        Write::EnvironmentMarket(market) => run_cached(
            db,
            "INSERT INTO environment_markets (environment, doc) VALUES (?1, ?2) \
             ON CONFLICT DO UPDATE SET doc = excluded.doc",
            params![market.environment.as_str(), to_json(market)?],
        ),
        Write::Experience(experience) => market::put_experience(db, experience),
        Write::Durations(job, seen) => market::put_durations(db, job, seen.as_ref()),
        Write::Reconciled(at, days) => market::put_reconciled(db, *at, days),
        Write::Pause(jobs, pause) => control::put_pause(db, jobs, pause.as_ref()),
        Write::ClassOverride(class, forced) => control::put_override(db, class, forced.as_ref()),
        Write::Audit(record) => control::insert_audit(db, record),
    }
}

fn put_handled(db: &Connection, schedules: &[(ScheduleKey, Timestamp)]) -> rusqlite::Result<()> {
    let mut put = db.prepare_cached(
        "INSERT INTO handled (schedule, at) VALUES (?1, ?2) \
         ON CONFLICT DO UPDATE SET at = excluded.at",
    )?;
    schedules.iter().try_for_each(|(schedule, at)| {
        put.execute(params![schedule.as_str(), nanos(*at)?]).map(|_| ())
    })
}

fn run_cached(db: &Connection, sql: &str, values: impl rusqlite::Params) -> rusqlite::Result<()> {
    db.prepare_cached(sql)?.execute(values).map(|_| ())
}

fn insert_run(db: &Connection, run: &Run) -> rusqlite::Result<usize> {
    db.prepare_cached(
        "INSERT INTO runs (id, job, class, scheduled_for, state, is_open, version, doc, \
             set_key) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING",
    )?
    .execute(params![
        run.id.as_str(),
        run.job.as_str(),
        run.class.as_str(),
        nanos(run.scheduled_for)?,
        run.state.label(),
        run.state.is_open(),
        integer(run.version, "the run's version")?,
        to_json(run)?,
        run.set.as_ref().map_or("", |set| &set.key),
    ])
}

fn update_run(db: &Connection, run: &Run) -> rusqlite::Result<usize> {
    let version = integer(run.version, "the run's version")?;
    db.prepare_cached(
        "UPDATE runs SET state = ?3, is_open = ?4, version = ?5, doc = ?6 \
         WHERE id = ?1 AND version = ?2",
    )?
    .execute(params![
        run.id.as_str(),
        version - 1,
        run.state.label(),
        run.state.is_open(),
        version,
        to_json(run)?,
    ])
}

fn insert_event(db: &Connection, event: &RunEvent) -> rusqlite::Result<()> {
    run_cached(
        db,
        "INSERT INTO run_events (run, at, doc) VALUES (?1, ?2, ?3)",
        params![event.run.as_str(), nanos(event.at)?, to_json(&event.kind)?],
    )
}

/// `settled` stays as it is: only an entry changes it. But the attempt of another job, to which the run
/// turned back, is one that the ledger does not know. What is stored later than an entry may
/// change that entry only if the ledger is told.
fn put_attempt(db: &Connection, attempt: &AttemptRecord) -> rusqlite::Result<()> {
    let (run, leg, child, number) = key_columns(&attempt.key);
    run_cached(
        db,
        "INSERT INTO attempts (run, leg, child, number, stopped_at, doc) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
         ON CONFLICT DO UPDATE SET stopped_at = excluded.stopped_at, doc = excluded.doc, \
             settled = CASE WHEN doc ->> '$.batch_job_id' = excluded.doc ->> '$.batch_job_id' \
                 THEN settled ELSE 0 END",
        params![
            run,
            leg,
            child,
            number,
            attempt.stopped_at.map(nanos).transpose()?,
            to_json(attempt)?,
        ],
    )
}

fn put_entry(db: &Connection, entry: &Entry) -> rusqlite::Result<()> {
    let (run, leg, child, number) = key_columns(&entry.key);
    let state = match entry.state {
        EntryState::Provisional(_) => "provisional",
        EntryState::Final(_) => "final",
        EntryState::Unpriced { .. } => "unpriced",
    };
    let priced = entry.priced();
    run_cached(
        db,
        "INSERT INTO entries (run, leg, child, number, job, class, environment, state, ended_at, \
             cost_nanos, on_demand_nanos, waste_nanos, doc) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) \
         ON CONFLICT DO UPDATE SET job = excluded.job, class = excluded.class, \
             environment = excluded.environment, state = excluded.state, \
             ended_at = excluded.ended_at, cost_nanos = excluded.cost_nanos, \
             on_demand_nanos = excluded.on_demand_nanos, waste_nanos = excluded.waste_nanos, \
             doc = excluded.doc",
        params![
            run,
            leg,
            child,
            number,
            entry.job.as_str(),
            entry.class.as_str(),
            entry.environment.as_str(),
            state,
            nanos(entry.ended_at)?,
            priced.map(|priced| amount(priced.cost)).transpose()?,
            priced.map(|priced| amount(priced.on_demand)).transpose()?,
            priced.map(|priced| amount(priced.waste)).transpose()?,
            to_json(entry)?,
        ],
    )?;
    run_cached(
        db,
        "UPDATE attempts SET settled = ?5 \
         WHERE run = ?1 AND leg = ?2 AND child = ?3 AND number = ?4 AND settled <> ?5",
        params![run, leg, child, number, !entry.may_change()],
    )
}

/// A sum beyond 64 bits is refused by the table (see the migration).
fn count(db: &Connection, counter: &Counter, by: i128) -> rusqlite::Result<()> {
    run_cached(
        db,
        "INSERT INTO counters (counter, value) VALUES (?1, ?2) \
         ON CONFLICT DO UPDATE SET value = value + excluded.value",
        params![to_json(counter)?, integer(by, "the count")?],
    )
}

fn put_instance(db: &Connection, instance: &InstanceFacts) -> rusqlite::Result<()> {
    run_cached(
        db,
        "INSERT INTO instances (id, ended_at, doc) VALUES (?1, ?2, ?3) \
         ON CONFLICT DO UPDATE SET ended_at = excluded.ended_at, doc = excluded.doc",
        params![
            instance.id.as_str(),
            instance.ended_at.map(nanos).transpose()?,
            to_json(instance)?
        ],
    )
}
