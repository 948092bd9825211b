//! One writing process a file. The kernel lets go of the lock when the process ends, however it
//! ends, so there is never a stale one to remove; the lock's file itself stays.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::ports::StoreError;

use super::connection::beside;
use super::refusal::{failed, refused};

/// Held for as long as it lives.
#[derive(Debug)]
pub(super) struct FileLock {
    _file: File,
}

impl FileLock {
    /// Takes the lock of the database at `path`, or says who has it.
    pub(super) fn acquire(path: &Path) -> Result<Self, StoreError> {
        let lock_path = beside(path, ".lock");
        let mut file = open(&lock_path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(taken(path, &mut file)),
            Err(TryLockError::Error(error)) => {
                return Err(refused(format!(
                    "{} cannot be locked: {error}. Nothing was changed. Put the store on a local \
                     file system.",
                    lock_path.display()
                )));
            }
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(format!("{}\n", std::process::id()).as_bytes()))
            .map_err(failed("writing the store's lock file"))?;
        Ok(FileLock { _file: file })
    }
}

fn open(lock_path: &PathBuf) -> Result<File, StoreError> {
    File::options().create(true).truncate(false).read(true).write(true).open(lock_path).map_err(
        |error| {
            refused(format!(
                "{} cannot be opened: {error}. Nothing was changed. Let the user that runs \
                 spotcron write to this folder, or move the store.",
                lock_path.display()
            ))
        },
    )
}

fn taken(path: &Path, file: &mut File) -> StoreError {
    let mut text = String::new();
    let holder = match file.read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => format!("process {}", text.trim()),
        _ => "another process".to_owned(),
    };
    refused(format!(
        "{} is open for writing in {holder}. Nothing was changed. Stop that process first; verbs \
         that only read work while it runs.",
        path.display()
    ))
}
