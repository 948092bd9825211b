//! Copies of a database: a backup while the daemon runs, the copy before an upgrade, and the way
//! back.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use crate::ports::StoreError;

use super::connection::{
    beside, free_beside, is_missing, open_existing, open_for_reading, put_in_place, raise_epoch,
    resolve, sync_folder,
};
use super::inspect::{Description, inspect, inspect_whole};
use super::lock::FileLock;
use super::refusal::{failed, refused, refused_file};

/// Every page in one step: in write-ahead mode that is one moment's state, and the daemon goes on
/// writing meanwhile.
const ALL_PAGES: i32 = -1;

/// Copies the store at `path` to the new file `to`, also while a daemon writes to it, and checks
/// the copy. Blocks.
///
/// # Errors
/// [`StoreError::Refused`] when `to` exists or `path` is not a sound store.
pub fn backup(path: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<Description, StoreError> {
    let (path, to) = (resolve(path.as_ref())?, resolve(to.as_ref())?);
    if !is_missing(&to)? {
        return Err(refused_file(
            &to,
            "exists already, and a backup never replaces a file",
            "Name a new file",
        ));
    }
    inspect(&path)?;
    let source = open_for_reading(&path).map_err(failed("opening the store for its backup"))?;
    copy_database(&source, &to)?;
    inspect_whole(&to)
}

/// Puts the backup `from` in the place of the store at `path`. An existing store is only replaced
/// with `force`, and is kept beside it as `<file>.before-restore`. Blocks.
///
/// # Errors
/// [`StoreError::Refused`] when `from` is not a sound backup, when a daemon has the store open, or
/// when it exists and `force` is not given. The store is then as it was.
pub fn restore(
    from: impl AsRef<Path>,
    path: impl AsRef<Path>,
    force: bool,
) -> Result<Restored, StoreError> {
    let (from, path) = (resolve(from.as_ref())?, resolve(path.as_ref())?);
    if from == path {
        return Err(refused(format!("{} is both the backup and the store.", path.display())));
    }
    let found = inspect_whole(&from)?;
    let _lock = FileLock::acquire(&path)?;
    let replaces = !is_missing(&path)?;
    if replaces && !force {
        return Err(refused_file(
            &path,
            "exists already",
            "Name another file, or repeat with --force: the present store is then kept beside it",
        ));
    }
    // A damaged store has no epoch to tell, and is replaced for just that reason.
    let replaced_epoch = inspect(&path).map_or(0, |replaced| replaced.epoch);
    let draft = beside(&path, ".restoring");
    if !is_missing(&draft)? {
        std::fs::remove_file(&draft).map_err(failed("removing a half-made restore"))?;
    }
    let source = open_for_reading(&from).map_err(failed("opening the backup"))?;
    fill(&source, &draft)?;
    depose_all(&draft, replaced_epoch)?;
    let kept = set_aside(&path)?;
    put_in_place(&draft, &path).map_err(failed("putting the restored store in place"))?;
    Ok(Restored { backup: found, kept })
}

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The backup that is now the store.
    pub backup: Description,
    /// Where the store that it replaced is now.
    pub kept: Option<PathBuf>,
}

/// Copies the whole of `source` to `to`, which must not exist; it appears only when complete.
pub(super) fn copy_database(source: &Connection, to: &Path) -> Result<(), StoreError> {
    let draft = free_beside(to, ".part")?;
    let copied = fill(source, &draft).and_then(|()| {
        put_in_place(&draft, to).map_err(failed("putting the copy of the store in place"))
    });
    if copied.is_err() {
        // Best effort: what failed is reported, an unfinished copy is only litter.
        let _ = std::fs::remove_file(&draft);
    }
    copied
}

/// Copies into a file that holds everything by itself: no write-ahead log beside it.
fn fill(source: &Connection, to: &Path) -> Result<(), StoreError> {
    let mut target = Connection::open(to).map_err(failed("creating the copy of the store"))?;
    let step = Backup::new(source, &mut target)
        .and_then(|copying| copying.step(ALL_PAGES))
        .map_err(failed("copying the store"))?;
    if step != StepResult::Done {
        let source = "another process kept the store locked; try again";
        return Err(failed("copying the store")(source));
    }
    target
        .query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))
        .map_err(failed("finishing the copy of the store"))?;
    target.close().map_err(|(_, error)| error).map_err(failed("finishing the copy of the store"))
}

/// Raises the epoch of the restored file above every process that wrote to either file.
fn depose_all(draft: &Path, replaced_epoch: i64) -> Result<(), StoreError> {
    let mut restored = open_existing(draft).map_err(failed("opening the restored store"))?;
    restored
        .execute("UPDATE meta SET epoch = max(epoch, ?1)", [replaced_epoch])
        .map_err(failed("raising the restored store's epoch"))?;
    raise_epoch(&mut restored)?;
    restored.close().map_err(|(_, error)| error).map_err(failed("closing the restored store"))
}

/// Moves a store and its log out of the way, under a new name that SQLite still opens.
fn set_aside(path: &Path) -> Result<Option<PathBuf>, StoreError> {
    let kept = free_beside(path, ".before-restore")?;
    // A sound store is closed into one file first. A damaged one is moved with its log as it is.
    let _ = open_existing(path).and_then(|store| {
        store.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        store.close().map_err(|(_, error)| error)
    });
    let mut moved = None;
    // The database first: a log that stays behind alone is noticed by the next opening.
    for suffix in ["", "-wal", "-shm"] {
        let present = beside(path, suffix);
        if !is_missing(&present)? {
            std::fs::rename(&present, beside(&kept, suffix))
                .map_err(failed("setting the present store aside"))?;
            moved = Some(kept.clone());
        }
    }
    sync_folder(path).map_err(failed("setting the present store aside"))?;
    Ok(moved)
}
