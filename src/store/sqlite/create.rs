//! A new database. It gets its name only when it is complete, so that a crash never leaves half of
//! one, and an empty file can be told to be somebody's lost data.

use std::path::Path;

use rusqlite::Connection;

use crate::ports::{StoreError, StoreIdentity};

use super::connection::{beside, is_missing, put_in_place};
use super::inspect::APPLICATION_ID;
use super::migrate::{self, MIGRATIONS};
use super::refusal::{failed, refused_file};
use super::rows::to_json;

/// Makes the file of a new store. The caller holds the lock and has seen that there is none.
pub(super) fn create_file(path: &Path, identity: &StoreIdentity) -> Result<(), StoreError> {
    let log = beside(path, "-wal");
    if std::fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        // SQLite would replay a lost database's log into the new one.
        return Err(refused_file(
            path,
            &format!("is missing, but its write-ahead log {} is there", log.display()),
            "Bring the database back, or move the log away to start with an empty store",
        ));
    }
    let draft = beside(path, ".new");
    if !is_missing(&draft)? {
        std::fs::remove_file(&draft).map_err(failed("removing a half-made store"))?;
    }
    let mut connection = Connection::open(&draft).map_err(failed("creating the store"))?;
    create_tables(&mut connection, identity).map_err(failed("creating the store"))?;
    connection.close().map_err(|(_, error)| error).map_err(failed("creating the store"))?;
    put_in_place(&draft, path).map_err(failed("putting the new store in place"))
}

/// All tables and the stamp, in one transaction.
pub(super) fn create_tables(
    connection: &mut Connection,
    identity: &StoreIdentity,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    migrate::apply(&transaction, 0, MIGRATIONS)?;
    transaction.execute(
        "INSERT INTO meta (only_row, identity, epoch) VALUES (1, ?1, 0)",
        [to_json(identity)?],
    )?;
    transaction.commit()
}
