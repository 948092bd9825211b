//! What a file is, found out without changing a byte of it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rusqlite::{Connection, ErrorCode};
use serde::Serialize;

use crate::ports::{StoreError, StoreIdentity};

use super::connection::{beside, open_for_reading};
use super::migrate::SCHEMA_VERSION;
use super::refusal::{failed, in_words, refused, refused_file};

/// "spcr", in the header field that SQLite reserves for telling applications apart.
pub(super) const APPLICATION_ID: i32 = 0x7370_6372;

/// Offsets in SQLite's 100-byte file header (sqlite.org/fileformat.html §1.3).
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
const PAGE_SIZE_AT: usize = 16;
const APPLICATION_ID_AT: usize = 68;
const HEADER_LEN: usize = 100;

/// Up to this size every page is checked at open (about a second a gigabyte when cached). Larger
/// files are checked by `store backup`, and by SQLite wherever they are read.
const CHECK_UP_TO_BYTES: u64 = 256 << 20;

const RESTORE_ADVICE: &str =
    "Restore a backup with `spotcron store restore`, or name another file as the store";

/// A spotcron database, as found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Description {
    /// The version of its tables.
    pub schema_version: i64,
    /// Whose data it holds.
    pub identity: StoreIdentity,
    /// How often it was opened for writing.
    pub epoch: i64,
    /// Of the main file.
    pub bytes: u64,
}

/// Looks at the file at `path`; checks all of it unless it is large.
pub(super) fn inspect(path: &Path) -> Result<Description, StoreError> {
    inspect_up_to(path, CHECK_UP_TO_BYTES)
}

/// As [`inspect`], however large it is.
pub(super) fn inspect_whole(path: &Path) -> Result<Description, StoreError> {
    inspect_up_to(path, u64::MAX)
}

fn inspect_up_to(path: &Path, check_up_to: u64) -> Result<Description, StoreError> {
    let bytes = check_header(path)?;
    let connection = open_for_reading(path).map_err(|error| unreadable(path, error))?;
    let schema_version: i64 = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(|error| unreadable(path, error))?;
    if schema_version > SCHEMA_VERSION {
        return Err(refused_file(
            path,
            &format!(
                "was written by a newer spotcron (tables of version {schema_version}; this one \
                 knows up to {SCHEMA_VERSION})"
            ),
            "Run the newer spotcron, or restore the copy that its upgrade left beside the file",
        ));
    }
    if bytes <= check_up_to {
        check_pages(path, &connection)?;
    }
    let (identity, epoch) = stamp(path, &connection)?;
    Ok(Description { schema_version, identity, epoch, bytes })
}

/// Refuses what is no spotcron database before SQLite ever opens it. Gives the file's size.
fn check_header(path: &Path) -> Result<u64, StoreError> {
    let no_access = |error: std::io::Error| {
        refused(format!("{} cannot be read: {error}. Nothing was changed.", path.display()))
    };
    let file = File::open(path).map_err(no_access)?;
    let bytes = file.metadata().map_err(no_access)?.len();
    let mut header = Vec::with_capacity(HEADER_LEN);
    file.take(HEADER_LEN as u64).read_to_end(&mut header).map_err(no_access)?;
    if header.is_empty() {
        return Err(refused_file(
            path,
            "is empty: a new store never is, so this may be one that lost its content",
            "If there is nothing to restore, remove the file and start again",
        ));
    }
    if !header.starts_with(MAGIC) {
        return Err(refused_file(
            path,
            "is not a SQLite database",
            "Name another file as the store, or move this one away",
        ));
    }
    let field = |at: usize, len: usize| header.get(at..at + len);
    let application = field(APPLICATION_ID_AT, 4).and_then(|id| id.try_into().ok());
    match (application.map(i32::from_be_bytes), field(PAGE_SIZE_AT, 2)) {
        (Some(APPLICATION_ID), Some(&[high, low])) => {
            check_length(path, bytes, u16::from_be_bytes([high, low]))?;
            Ok(bytes)
        }
        (Some(_), _) => Err(refused_file(
            path,
            "is a SQLite database of another program",
            "Name another file as the store",
        )),
        (None, _) => Err(refused_file(path, "is cut off inside its header", RESTORE_ADVICE)),
    }
}

/// SQLite reads the rest of a page that is cut off as zeros. Only a log, whose replay a crash may
/// have interrupted, can mend that.
fn check_length(path: &Path, bytes: u64, page_size: u16) -> Result<(), StoreError> {
    // The header writes 65,536 as 1.
    let page_size = if page_size == 1 { 65_536 } else { u64::from(page_size).max(1) };
    let has_log = std::fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0);
    if bytes.is_multiple_of(page_size) || has_log {
        return Ok(());
    }
    Err(refused_file(path, "is damaged (cut off inside a page)", RESTORE_ADVICE))
}

fn check_pages(path: &Path, connection: &Connection) -> Result<(), StoreError> {
    let answer: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| unreadable(path, error))?;
    if answer == "ok" {
        return Ok(());
    }
    Err(refused_file(path, &format!("is damaged ({answer})"), RESTORE_ADVICE))
}

/// Whose it is, and its epoch.
fn stamp(path: &Path, connection: &Connection) -> Result<(StoreIdentity, i64), StoreError> {
    let (text, epoch): (String, i64) = connection
        .query_row("SELECT identity, epoch FROM meta", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .map_err(|error| unreadable(path, error))?;
    let identity = serde_json::from_str(&text).map_err(|error| {
        let found = format!("has a stamp that cannot be read ({error})");
        refused_file(path, &found, RESTORE_ADVICE)
    })?;
    Ok((identity, epoch))
}

/// Damage is a refusal with advice; a disk that fails or a lock that stays is not the file's fault.
fn unreadable(path: &Path, error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::SystemIoFailure) => {
            failed("looking at the store's file")(error)
        }
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            refused_file(
                path,
                &format!("cannot be opened ({error})"),
                "Reading a store needs write access to its folder, for SQLite's -shm file",
            )
        }
        _ => refused_file(path, &format!("is damaged ({error})"), RESTORE_ADVICE),
    }
}

/// Refuses a file of somebody else.
pub(super) fn require_identity(
    path: &Path,
    found: &Description,
    wanted: &StoreIdentity,
) -> Result<(), StoreError> {
    if found.identity == *wanted {
        return Ok(());
    }
    Err(refused_file(
        path,
        &format!(
            "holds the data of {}, and this process works for {}",
            in_words(&found.identity),
            in_words(wanted)
        ),
        "Name another file as the store, or use the credentials that belong to it",
    ))
}

/// Refuses a file whose tables an older version made: only the daemon upgrades.
pub(super) fn require_current_schema(path: &Path, found: &Description) -> Result<(), StoreError> {
    if found.schema_version == SCHEMA_VERSION {
        return Ok(());
    }
    Err(refused_file(
        path,
        &format!(
            "has tables of version {}, and this spotcron reads version {SCHEMA_VERSION}",
            found.schema_version
        ),
        "Start this version's daemon once: it upgrades the file and keeps a copy",
    ))
}
