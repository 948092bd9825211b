//! What is known of the market: prices, instance types, experience.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::domain::{
    AccountRegion, EnvironmentName, InstanceShape, InstanceType, JobName, Pool, Region, UsdPerHour,
    Window, Zone,
};
use crate::experience::durations::JobDurations;
use crate::experience::{EnvironmentExperience, Experience, Hazards, LastChoice, Trips};
use crate::ledger::{DayDrift, Reconciled};
use crate::market::{
    EnvironmentMarket, FargatePrice, ListPrice, PriceCoverage, PricePoint, PriceSeries,
};

use super::super::rows::{from_json, name, nanos_bound, price, timestamp, unsigned};
use super::{Reading, docs, rows};

pub(in crate::store) fn shapes(db: &Connection) -> Reading<BTreeMap<InstanceType, InstanceShape>> {
    let all = rows(
        db,
        "SELECT instance_type, vcpus, memory_mib, gpus, architecture FROM shapes",
        [],
        |row| {
            let shape = InstanceShape {
                vcpus: row.get(1)?,
                memory_mib: row.get(2)?,
                gpus: row.get(3)?,
                architecture: row.get(4)?,
            };
            Ok((name(row, 0)?, shape))
        },
    )?;
    Ok(all.into_iter().collect())
}

pub(in crate::store) fn price_series(
    db: &Connection,
    place: &AccountRegion,
    pool: &Pool,
    window: Window,
) -> Reading<PriceSeries> {
    let points: Vec<(Timestamp, UsdPerHour)> = rows(
        db,
        "SELECT effective_from, units FROM price_points \
         WHERE zone = ?1 AND instance_type = ?2 AND effective_from < ?4 \
             AND effective_from >= coalesce( \
                 (SELECT max(effective_from) FROM price_points \
                  WHERE zone = ?1 AND instance_type = ?2 AND effective_from <= ?3), ?3) \
         ORDER BY effective_from",
        params![
            place.qualified(pool.zone.as_str()),
            pool.instance_type.as_str(),
            nanos_bound(window.start),
            nanos_bound(window.end)
        ],
        |row| Ok((timestamp(row, 0)?, price(row, 1)?)),
    )?;
    Ok(PriceSeries::from_points(points))
}

/// Goes through the pools from the last to the first, one look-up each, however long the archive.
pub(in crate::store) fn latest_prices(
    db: &Connection,
    place: &AccountRegion,
) -> Reading<Vec<PricePoint>> {
    // Zones of the region, and of regions whose name begins with it, lie between these two.
    let (from, mut to) = (place.to_string(), (format!("{place}{{"), String::new()));
    let mut previous = db.prepare_cached(
        "SELECT zone, instance_type, effective_from, units FROM price_points \
         WHERE zone >= ?1 AND (zone, instance_type) < (?2, ?3) \
         ORDER BY zone DESC, instance_type DESC, effective_from DESC LIMIT 1",
    )?;
    let mut latest = Vec::new();
    while let Some(point) = previous
        .query_row(params![from, to.0, to.1], |row| {
            let zone: Zone = name(row, 0)?;
            Ok(PricePoint {
                pool: Pool {
                    zone: AccountRegion::unqualified(zone.as_str()).into(),
                    instance_type: name(row, 1)?,
                },
                effective_from: timestamp(row, 2)?,
                price: price(row, 3)?,
            })
        })
        .optional()?
    {
        let Pool { zone, instance_type } = &point.pool;
        to = (place.qualified(zone.as_str()), instance_type.to_string());
        if zone.region() == place.region {
            latest.push(point);
        }
    }
    latest.reverse();
    Ok(latest)
}

pub(in crate::store) fn price_coverage(db: &Connection) -> Reading<Vec<PriceCoverage>> {
    rows(
        db,
        "SELECT region, instance_type, complete_until FROM price_coverage \
         ORDER BY region, instance_type",
        [],
        |row| {
            Ok(PriceCoverage {
                place: row.get::<_, String>(0)?.as_str().into(),
                instance_type: name(row, 1)?,
                complete_until: timestamp(row, 2)?,
            })
        },
    )
}

/// `max` makes SQLite take the other columns from the row that has it (sqlite.org/lang_select.html
/// §2.5, bare columns).
pub(in crate::store) fn list_prices(
    db: &Connection,
    region: &Region,
    at: Timestamp,
) -> Reading<Vec<ListPrice>> {
    rows(
        db,
        "SELECT instance_type, units, max(effective_from) FROM list_prices \
         WHERE region = ?1 AND effective_from <= ?2 GROUP BY instance_type ORDER BY instance_type",
        params![region.as_str(), nanos_bound(at)],
        |row| {
            Ok(ListPrice {
                region: region.clone(),
                instance_type: name(row, 0)?,
                price: price(row, 1)?,
                effective_from: timestamp(row, 2)?,
            })
        },
    )
}

pub(in crate::store) fn fargate_prices(
    db: &Connection,
    region: &Region,
) -> Reading<Vec<FargatePrice>> {
    rows(
        db,
        "SELECT architecture, effective_from, vcpu_units, gib_units FROM fargate_prices \
         WHERE region = ?1 ORDER BY architecture, effective_from DESC",
        [region.as_str()],
        |row| {
            Ok(FargatePrice {
                region: region.clone(),
                architecture: row.get(0)?,
                effective_from: timestamp(row, 1)?,
                vcpu_hour: price(row, 2)?,
                gib_hour: price(row, 3)?,
            })
        },
    )
}

pub(in crate::store) fn environment_markets(
    db: &Connection,
) -> Reading<BTreeMap<EnvironmentName, EnvironmentMarket>> {
    let all: Vec<EnvironmentMarket> = docs(db, "SELECT doc FROM environment_markets", [])?;
    Ok(all.into_iter().map(|market| (market.environment.clone(), market)).collect())
}

pub(in crate::store) fn experience(db: &Connection) -> Reading<Experience> {
    let all = rows(
        db,
        "SELECT environment, attempts, running_millis, interruptions, last_trouble, \
             troubles_in_a_row, placements, starved_at, opened_at, trips FROM experience",
        [],
        |row| {
            let placements: Vec<(String, String, u64)> = from_json(row, 6)?;
            let placements = placements.into_iter().map(|(zone, instance_type, count)| {
                (Pool { zone: zone.into(), instance_type: instance_type.into() }, count)
            });
            let moment = |index| {
                let is_known = row.get_ref(index)? != rusqlite::types::ValueRef::Null;
                is_known.then(|| timestamp(row, index)).transpose()
            };
            let seen = EnvironmentExperience {
                attempts: unsigned(row, 1)?,
                running_millis: row.get(2)?,
                interruptions: unsigned(row, 3)?,
                placements: placements.collect(),
                starved_at: moment(7)?,
                last_trouble: moment(4)?,
                troubles_in_a_row: row.get(5)?,
                lost: Default::default(),
                trips: Trips { opened_at: moment(8)?, in_a_row: row.get(9)? },
            };
            Ok((name(row, 0)?, seen))
        },
    )?;
    let hazards = Arc::new(hazards(db)?);
    let choices = rows(db, "SELECT class, environment, since FROM choices", [], |row| {
        Ok((name(row, 0)?, LastChoice { environment: name(row, 1)?, since: timestamp(row, 2)? }))
    })?;
    let (environments, choices) = (all.into_iter().collect(), choices.into_iter().collect());
    Ok(Experience { environments, hazards, choices })
}

fn hazards(db: &Connection) -> Reading<Hazards> {
    let all = rows(db, "SELECT place, zone, instance_type, doc FROM watched_pools", [], |row| {
        let place: AccountRegion = name(row, 0)?;
        let pool = Pool { zone: name(row, 1)?, instance_type: name(row, 2)? };
        Ok((place, pool, from_json(row, 3)?))
    })?;
    Ok(all.into_iter().collect())
}

pub(in crate::store) fn durations(db: &Connection) -> Reading<BTreeMap<JobName, JobDurations>> {
    let all = rows(db, "SELECT job, doc FROM durations", [], |row| {
        Ok((name(row, 0)?, from_json(row, 1)?))
    })?;
    Ok(all.into_iter().collect())
}

pub(in crate::store) fn reconciled(db: &Connection) -> Reading<Vec<Reconciled>> {
    // With max() SQLite takes the other columns from the row that has it.
    let newest = "SELECT environment, max(day), at, doc FROM reconciled GROUP BY environment \
                  ORDER BY environment";
    rows(db, newest, [], |row| {
        let DayDrift { day, sums, .. } = from_json(row, 3)?;
        Ok(Reconciled { environment: name(row, 0)?, day, at: timestamp(row, 2)?, sums })
    })
}
