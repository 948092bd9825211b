//! Connections and their settings, and the names of the files around a database.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::ports::StoreError;

use super::refusal::{failed, refused};

/// How long a connection waits for another's lock. Only checkpoints and backups hold one long.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// More than the statements of this adapter, so that none is parsed twice.
const CACHED_STATEMENTS: usize = 64;

/// The write-ahead log is the point of the file mode: readers never wait for the writer.
/// `FULL` makes a commit durable when it returns. The log shrinks back after a long read.
const FILE_PRAGMAS: &str = "
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA cache_size = -16384;
    PRAGMA journal_size_limit = 67108864;
";
const READER_PRAGMAS: &str = "
    PRAGMA query_only = ON;
    PRAGMA cache_size = -4096;
";
/// Nothing survives the process, so nothing is synced; the journal still undoes a failed batch.
const MEMORY_PRAGMAS: &str = "
    PRAGMA journal_mode = MEMORY;
    PRAGMA synchronous = OFF;
    PRAGMA foreign_keys = ON;
    PRAGMA temp_store = MEMORY;
";

/// The path with symbolic links followed, so that every name of one file has one lock. The file
/// need not exist, its folder must.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, StoreError> {
    if let Ok(resolved) = path.canonicalize() {
        return Ok(resolved);
    }
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let name = path.file_name().ok_or_else(|| {
        refused(format!("{} is no file name for a store; name a file.", path.display()))
    })?;
    let folder = folder.canonicalize().map_err(|error| {
        refused(format!(
            "the folder {} of the store cannot be used: {error}. Create it, or name another.",
            folder.display()
        ))
    })?;
    Ok(folder.join(name))
}

/// Whether there is no file yet. A file that merely cannot be looked at is not missing.
pub(super) fn is_missing(path: &Path) -> Result<bool, StoreError> {
    path.try_exists().map(|exists| !exists).map_err(failed("looking for the store's file"))
}

/// `path` with `suffix` added to its name.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// `path` with `suffix`, or the first of `suffix-2`, `suffix-3`, … that is free.
pub(super) fn free_beside(path: &Path, suffix: &str) -> Result<PathBuf, StoreError> {
    let mut candidate = beside(path, suffix);
    let mut number = 2;
    while !is_missing(&candidate)? {
        candidate = beside(path, &format!("{suffix}-{number}"));
        number += 1;
    }
    Ok(candidate)
}

/// A connection that writes to the file, in write-ahead mode.
pub(super) fn open_for_writing(path: &Path) -> Result<Connection, StoreError> {
    let connection = open_existing(path).map_err(failed("opening the store for writing"))?;
    let mode: String = connection
        .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
        .map_err(failed("switching the store to write-ahead logging"))?;
    if mode != "wal" {
        return Err(refused(format!(
            "{} cannot use write-ahead logging (SQLite answered \"{mode}\"). Its contents are as \
             they were. Put the store on a local file system.",
            path.display()
        )));
    }
    connection.execute_batch(FILE_PRAGMAS).map_err(failed("opening the store for writing"))?;
    Ok(connection)
}

/// A connection to an existing file that may change it, in whatever journal mode it has.
pub(super) fn open_existing(path: &Path) -> rusqlite::Result<Connection> {
    with_patience(Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?)
}

/// A connection that cannot change the file.
pub(super) fn open_for_reading(path: &Path) -> rusqlite::Result<Connection> {
    let connection = with_patience(Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?)?;
    connection.execute_batch(READER_PRAGMAS)?;
    Ok(connection)
}

pub(super) fn open_in_memory() -> Result<Connection, StoreError> {
    Connection::open_in_memory()
        .and_then(with_patience)
        .and_then(|connection| connection.execute_batch(MEMORY_PRAGMAS).map(|()| connection))
        .map_err(failed("opening a store in memory"))
}

fn with_patience(connection: Connection) -> rusqlite::Result<Connection> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    Ok(connection)
}

/// Makes this process the owner: every handle with a lower epoch is deposed.
pub(super) fn raise_epoch(connection: &mut Connection) -> Result<i64, StoreError> {
    connection
        .query_row("UPDATE meta SET epoch = epoch + 1 RETURNING epoch", [], |row| row.get(0))
        .map_err(failed("taking ownership of the store"))
}

/// Makes a rename or a new file in `path`'s folder survive a power failure.
pub(super) fn sync_folder(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(folder) if cfg!(unix) => std::fs::File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

/// Gives `from` its final name `to`, durably.
pub(super) fn put_in_place(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::File::open(from)?.sync_all()?;
    std::fs::rename(from, to)?;
    sync_folder(to)
}
