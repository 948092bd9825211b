//! What was learnt of the market: prices, instance types, experience.

use jiff::Timestamp;
use rusqlite::{CachedStatement, Connection, params};

use crate::domain::{AccountRegion, InstanceShape, InstanceType, JobName};
use crate::experience::durations::JobDurations;
use crate::experience::{Experience, Hazards};
use crate::ledger::DayDrift;
use crate::market::{FargatePrice, ListPrice, PriceCoverage, PricePoint};

use super::super::rows::{integer, nanos, to_json};
use super::run_cached;

pub(super) fn put_shape(
    db: &Connection,
    instance_type: &InstanceType,
    shape: &InstanceShape,
) -> rusqlite::Result<()> {
    run_cached(
        db,
        "INSERT INTO shapes (instance_type, vcpus, memory_mib, gpus, architecture) \
         VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT DO UPDATE SET vcpus = excluded.vcpus, memory_mib = excluded.memory_mib, \
             gpus = excluded.gpus, architecture = excluded.architecture",
        params![
            instance_type.as_str(),
            shape.vcpus,
            shape.memory_mib,
            shape.gpus,
            shape.architecture
        ],
    )
}

pub(super) fn insert_points(
    db: &Connection,
    place: &AccountRegion,
    points: &[PricePoint],
) -> rusqlite::Result<()> {
    let mut insert: CachedStatement<'_> = db.prepare_cached(
        "INSERT INTO price_points (zone, instance_type, effective_from, units) \
         VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
    )?;
    for point in points {
        insert.execute(params![
            place.qualified(point.pool.zone.as_str()),
            point.pool.instance_type.as_str(),
            nanos(point.effective_from)?,
            point.price.units(),
        ])?;
    }
    Ok(())
}

/// Never takes back what was complete.
pub(super) fn put_coverage(db: &Connection, coverage: &PriceCoverage) -> rusqlite::Result<()> {
    run_cached(
        db,
        "INSERT INTO price_coverage (region, instance_type, complete_until) VALUES (?1, ?2, ?3) \
         ON CONFLICT DO UPDATE SET \
             complete_until = max(complete_until, excluded.complete_until)",
        params![
            coverage.place.to_string(),
            coverage.instance_type.as_str(),
            nanos(coverage.complete_until)?
        ],
    )
}

pub(super) fn put_list_price(db: &Connection, price: &ListPrice) -> rusqlite::Result<()> {
    run_cached(
        db,
        "INSERT INTO list_prices (region, instance_type, effective_from, units) \
         VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET units = excluded.units",
        params![
            price.region.as_str(),
            price.instance_type.as_str(),
            nanos(price.effective_from)?,
            price.price.units()
        ],
    )
}

pub(super) fn put_fargate_price(db: &Connection, price: &FargatePrice) -> rusqlite::Result<()> {
    run_cached(
        db,
        "INSERT INTO fargate_prices (region, architecture, effective_from, vcpu_units, gib_units) \
         VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT DO UPDATE SET vcpu_units = excluded.vcpu_units, \
             gib_units = excluded.gib_units",
        params![
            price.region.as_str(),
            price.architecture,
            nanos(price.effective_from)?,
            price.vcpu_hour.units(),
            price.gib_hour.units()
        ],
    )
}

/// The whole of it: what it no longer names goes.
pub(super) fn put_experience(db: &Connection, experience: &Experience) -> rusqlite::Result<()> {
    put_environments(db, experience)?;
    put_choices(db, experience)?;
    put_hazards(db, &experience.hazards)
}

fn put_choices(db: &Connection, experience: &Experience) -> rusqlite::Result<()> {
    run_cached(db, "DELETE FROM choices", [])?;
    for (class, last) in &experience.choices {
        run_cached(
            db,
            "INSERT INTO choices (class, environment, since) VALUES (?1, ?2, ?3)",
            params![class.as_str(), last.environment.as_str(), nanos(last.since)?],
        )?;
    }
    Ok(())
}

fn put_hazards(db: &Connection, hazards: &Hazards) -> rusqlite::Result<()> {
    run_cached(db, "DELETE FROM watched_pools", [])?;
    let mut insert: CachedStatement<'_> = db.prepare_cached(
        "INSERT INTO watched_pools (place, zone, instance_type, doc) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for (place, pool, watch) in hazards.pools() {
        insert.execute(params![
            place.to_string(),
            pool.zone.as_str(),
            pool.instance_type.as_str(),
            to_json(watch)?
        ])?;
    }
    Ok(())
}

fn put_environments(db: &Connection, experience: &Experience) -> rusqlite::Result<()> {
    for (environment, seen) in &experience.environments {
        let placements: Vec<(&str, &str, u64)> = seen
            .placements
            .iter()
            .map(|(pool, count)| (pool.zone.as_str(), pool.instance_type.as_str(), *count))
            .collect();
        run_cached(
            db,
            "INSERT INTO experience (environment, attempts, running_millis, interruptions, \
                 last_trouble, troubles_in_a_row, placements, starved_at, opened_at, trips) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) \
             ON CONFLICT DO UPDATE SET attempts = excluded.attempts, \
                 running_millis = excluded.running_millis, \
                 interruptions = excluded.interruptions, last_trouble = excluded.last_trouble, \
                 troubles_in_a_row = excluded.troubles_in_a_row, \
                 placements = excluded.placements, starved_at = excluded.starved_at, \
                 opened_at = excluded.opened_at, trips = excluded.trips",
            params![
                environment.as_str(),
                integer(seen.attempts, "the number of attempts")?,
                seen.running_millis,
                integer(seen.interruptions, "the number of interruptions")?,
                seen.last_trouble.map(nanos).transpose()?,
                seen.troubles_in_a_row,
                to_json(&placements)?,
                seen.starved_at.map(nanos).transpose()?,
                seen.trips.opened_at.map(nanos).transpose()?,
                seen.trips.in_a_row,
            ],
        )?;
    }
    let stored: i64 =
        db.prepare_cached("SELECT count(*) FROM experience")?.query_row([], |row| row.get(0))?;
    if stored == experience.environments.len() as i64 {
        return Ok(());
    }
    let named: Vec<&str> = experience.environments.keys().map(|name| name.as_str()).collect();
    run_cached(
        db,
        "DELETE FROM experience WHERE environment NOT IN (SELECT value FROM json_each(?1))",
        [to_json(&named)?],
    )
}

pub(super) fn put_durations(
    db: &Connection,
    job: &JobName,
    seen: Option<&JobDurations>,
) -> rusqlite::Result<()> {
    match seen {
        None => run_cached(db, "DELETE FROM durations WHERE job = ?1", [job.as_str()]),
        Some(seen) => run_cached(
            db,
            "INSERT INTO durations (job, doc) VALUES (?1, ?2) \
             ON CONFLICT DO UPDATE SET doc = excluded.doc",
            params![job.as_str(), to_json(seen)?],
        ),
    }
}

pub(super) fn put_reconciled(
    db: &Connection,
    at: Timestamp,
    days: &[DayDrift],
) -> rusqlite::Result<()> {
    for drift in days {
        let Some(environment) = &drift.environment else { continue };
        run_cached(
            db,
            "INSERT INTO reconciled (environment, day, at, doc) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT DO UPDATE SET at = excluded.at, doc = excluded.doc",
            params![environment.as_str(), drift.day.to_string(), nanos(at)?, to_json(drift)?],
        )?;
    }
    Ok(())
}
