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
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("../../../migrations/0001_first_tables.sql"),
    include_str!("../../../migrations/0002_price_coverage.sql"),
    include_str!("../../../migrations/0003_skipped_times.sql"),
    include_str!("../../../migrations/0004_operator_commands.sql"),
    include_str!("../../../migrations/0005_resends.sql"),
    include_str!("../../../migrations/0006_parameter_sets.sql"),
    include_str!("../../../migrations/0007_starved.sql"),
    include_str!("../../../migrations/0008_watched_pools.sql"),
    include_str!("../../../migrations/0009_durations.sql"),
    include_str!("../../../migrations/0010_breakers_and_choices.sql"),
    include_str!("../../../migrations/0011_reconciled.sql"),
];

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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::create::create_file;
    use super::super::inspect::inspect;
    use super::*;
    use crate::ports::StoreIdentity;

    fn first_version() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spotcron.db");
        create_file(&path, &StoreIdentity::Simulation { seed: 1 }).unwrap();
        (folder, path)
    }

    fn version(path: &Path) -> i64 {
        let connection = open_for_reading(path).unwrap();
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
    }

    fn with_one_more(sql: &'static str) -> Vec<&'static str> {
        MIGRATIONS.iter().copied().chain([sql]).collect()
    }

    #[test]
    fn an_upgrade_leaves_a_copy_that_the_older_version_opens() {
        let (folder, path) = first_version();
        let found = inspect(&path).unwrap();
        assert_eq!(found.schema_version, SCHEMA_VERSION);
        let migrations = with_one_more("ALTER TABLE handled ADD COLUMN note TEXT");
        upgrade_file(&path, &found, &migrations).unwrap();
        assert_eq!(version(&path), SCHEMA_VERSION + 1);
        assert!(inspect(&path).is_err(), "this version refuses what a newer one made");

        let copy = folder.path().join(format!("spotcron.db.v{SCHEMA_VERSION}.bak"));
        assert_eq!(inspect(&copy).unwrap().schema_version, SCHEMA_VERSION);
        // A second upgrade after a rollback does not replace the first copy.
        std::fs::copy(&copy, &path).unwrap();
        upgrade_file(&path, &found, &migrations).unwrap();
        let second = folder.path().join(format!("spotcron.db.v{SCHEMA_VERSION}.bak-2"));
        assert_eq!(inspect(&second).unwrap().schema_version, SCHEMA_VERSION);
    }

    #[test]
    fn an_upgrade_that_fails_changes_nothing() {
        for broken in [
            "CREATE TABLE extra (a TEXT) STRICT; CREATE TABLE runs (a TEXT);",
            // Leaves an event without its run.
            "INSERT INTO run_events (run, at, doc) VALUES ('none', 0, '{}');",
        ] {
            let (_folder, path) = first_version();
            let before = std::fs::read(&path).unwrap();
            let found = inspect(&path).unwrap();
            let error = upgrade_file(&path, &found, &with_one_more(broken)).unwrap_err();
            assert!(matches!(error, StoreError::Failed { .. }), "{error:?}");
            assert!(std::fs::read(&path).unwrap() == before);
        }
    }

    #[test]
    fn a_current_file_is_left_alone() {
        let (folder, path) = first_version();
        upgrade_file(&path, &inspect(&path).unwrap(), MIGRATIONS).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
