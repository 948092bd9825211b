//! Between domain values and columns. Whatever does not fit a column is an error, never cut.

use std::error::Error;

use jiff::Timestamp;
use rusqlite::Row;
use rusqlite::types::Type;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::control::Jobs;
use crate::domain::{Usd, UsdPerHour};
use crate::run::AttemptKey;

type Boxed = Box<dyn Error + Send + Sync>;

fn to_sql_error(error: impl Into<Boxed>) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(error.into())
}

fn from_sql_error(index: usize, kind: Type, error: impl Into<Boxed>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(index, kind, error.into())
}

pub(super) fn to_json<T: Serialize + ?Sized>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(to_sql_error)
}

pub(super) fn from_json<T: DeserializeOwned>(row: &Row<'_>, index: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(index)?.as_str()?;
    serde_json::from_str(text).map_err(|error| from_sql_error(index, Type::Text, error))
}

/// A name column as its type.
pub(super) fn name<T: for<'a> From<&'a str>>(row: &Row<'_>, index: usize) -> rusqlite::Result<T> {
    Ok(T::from(row.get_ref(index)?.as_str()?))
}

/// Nanoseconds since 1970. Years 1677 to 2262 fit.
pub(super) fn nanos(at: Timestamp) -> rusqlite::Result<i64> {
    i64::try_from(at.as_nanosecond())
        .map_err(|_| to_sql_error(format!("the time {at} is outside the years 1678 to 2261")))
}

/// As [`nanos`] for the bound of a query, where a time out of range means "all of that side".
pub(super) fn nanos_bound(at: Timestamp) -> i64 {
    let clamped = at.as_nanosecond().clamp(i128::from(i64::MIN), i128::from(i64::MAX));
    clamped as i64
}

pub(super) fn timestamp(row: &Row<'_>, index: usize) -> rusqlite::Result<Timestamp> {
    let nanos: i64 = row.get(index)?;
    Timestamp::from_nanosecond(i128::from(nanos))
        .map_err(|error| from_sql_error(index, Type::Integer, error))
}

/// A whole number that must fit 64 bits with sign.
pub(super) fn integer<N>(value: N, what: &'static str) -> rusqlite::Result<i64>
where
    N: TryInto<i64> + Copy + std::fmt::Display,
{
    value
        .try_into()
        .map_err(|_| to_sql_error(format!("{what} {value} does not fit the store's 64 bits")))
}

/// Nano-USD: up to nine billion USD fit.
pub(super) fn amount(value: Usd) -> rusqlite::Result<i64> {
    integer(value.nanos(), "the amount in nano-USD")
}

/// A count, never negative.
pub(super) fn unsigned(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    let value: i64 = row.get(index)?;
    u64::try_from(value).map_err(|error| from_sql_error(index, Type::Integer, error))
}

pub(super) fn price(row: &Row<'_>, index: usize) -> rusqlite::Result<UsdPerHour> {
    row.get(index).map(UsdPerHour::from_units)
}

/// The column for "not in an array job".
const NO_CHILD: i64 = -1;

/// An attempt's key as the four columns `run, leg, child, number`, which sort as the key does.
pub(super) fn key_columns(key: &AttemptKey) -> (&str, i64, i64, i64) {
    let child = key.child.map_or(NO_CHILD, i64::from);
    (key.run.as_str(), i64::from(key.leg), child, i64::from(key.number))
}

/// The pause of all jobs. No job is called so: names begin with a letter or digit.
pub(super) const ALL_JOBS: &str = "*";

pub(super) fn scope(jobs: &Jobs) -> &str {
    match jobs {
        Jobs::All => ALL_JOBS,
        Jobs::Job(job) => job.as_str(),
    }
}
