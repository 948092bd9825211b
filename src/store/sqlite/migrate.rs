//! From one version of the tables to the next. The file's `user_version` is how many of the
//! migrations it has had.

use std::path::Path;

use rusqlite::Connection;

use crate::ports::StoreError;

use super::backup::copy_database;
use super::connection::{free_beside, open_existing, open_for_reading};
use super::inspect::Description;
use super::refusal::failed;

/// In order; never changed once released. `meta` keeps its shape, so that every version can tell
/// whose file it looks at.
pub(super) const MIGRATIONS: &[&str] = &[include_str!("../../../migrations/0001_first_tables.sql")];

/// The version of the tables that this program works with.
pub(super) const SCHEMA_VERSION: i64 = MIGRATIONS.len() as i64;

/// Brings the file up to `migrations`, all of them or none, after a copy as `<file>.v<N>.bak`.
pub(super) fn upgrade_file(
    path: &Path,
    found: &Description,
    migrations: &[&str],
) -> Result<(), StoreError> {
    if found.schema_version >= migrations.len() as i64 {
        return Ok(());
    }
    let copy = free_beside(path, &format!(".v{}.bak", found.schema_version))?;
    let source = open_for_reading(path).map_err(failed("copying the store before its upgrade"))?;
    copy_database(&source, &copy)?;
    drop(source);
    open_existing(path)
        .and_then(|mut connection| migrate(&mut connection, found.schema_version, migrations))
        .map_err(failed("upgrading the store's tables; they are as they were"))
}

/// Foreign keys are off meanwhile, as rebuilding a table needs, and checked before the commit.
fn migrate(connection: &mut Connection, from: i64, migrations: &[&str]) -> rusqlite::Result<()> {
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF;")?;
    let transaction = connection.transaction()?;
    apply(&transaction, from, migrations)?;
    if transaction.prepare("PRAGMA foreign_key_check")?.exists([])? {
        return Err(rusqlite::Error::ToSqlConversionFailure(
            "a migration left rows without the rows they belong to".into(),
        ));
    }
    transaction.commit()
}

/// Runs the migrations after version `from` and notes the new version.
pub(super) fn apply(
    connection: &Connection,
    from: i64,
    migrations: &[&str],
) -> rusqlite::Result<()> {
    for sql in migrations.iter().skip(from as usize) {
        connection.execute_batch(sql)?;
    }
    connection.pragma_update(None, "user_version", migrations.len() as i64)
}
