//! Where a story's store lies: in memory, or in real files of which a death leaves what was synced.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::Mutex;

use rand::RngExt;
use rusqlite::Connection;
use spotcron::ports::{Store, StoreError, StoreIdentity};
use spotcron::store::SqliteStore;

use super::fate::{Fate, Fault};
use super::store::FatedStore;

pub enum Disk {
    Memory(Arc<SqliteStore>),
    Files { folder: tempfile::TempDir, life: u32 },
}

/// The part of a database's files that a commit under way may leave in any state.
#[derive(Default)]
pub struct Platter {
    file: Option<PathBuf>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    log_before: u64,
    /// The log's length between which a death tore it.
    torn: Option<(u64, u64)>,
    /// Another process has taken the store over.
    deposed: bool,
}

fn log_of(path: &Path) -> PathBuf {
    path.with_extension("db-wal")
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |found| found.len())
}

impl Platter {
    pub fn before_commit(&self) {
        if let Some(file) = &self.file {
            self.state.lock().unwrap().log_before = length(&log_of(file));
        }
    }

    pub fn after_commit(&self, fate: &Fate, outcome: &Result<(), StoreError>) {
        if self.state.lock().unwrap().deposed && outcome.is_ok() {
            fate.violation("a process wrote to a store that another had taken over".to_owned());
        }
    }

    /// The process died before it was told of its last commit.
    pub fn tear(&self) {
        if let Some(file) = &self.file {
            let mut state = self.state.lock().unwrap();
            state.torn = Some((state.log_before, length(&log_of(file))));
        }
    }

    /// Another process takes the store over, as on a machine that was thought to be gone.
    /// Not where the store is in memory.
    pub fn depose(&self, fate: &Fate) -> bool {
        let Some(file) = &self.file else { return false };
        let other = Connection::open(file).unwrap();
        other.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
        other.execute("UPDATE meta SET epoch = epoch + 1", []).unwrap();
        self.state.lock().unwrap().deposed = true;
        fate.count(Fault::Deposed);
        true
    }
}

impl Disk {
    pub fn new(seed: u64, on_files: bool) -> Self {
        if on_files {
            return Disk::Files { folder: tempfile::tempdir().unwrap(), life: 0 };
        }
        let identity = StoreIdentity::Simulation { seed };
        Disk::Memory(Arc::new(SqliteStore::in_memory(identity).unwrap()))
    }

    fn path(folder: &tempfile::TempDir, life: u32) -> PathBuf {
        folder.path().join(format!("life-{life}.db"))
    }

    /// The store as the next process finds it.
    pub fn open(&self, seed: u64, fate: &Arc<Fate>) -> (Arc<dyn Store>, Arc<Platter>) {
        let (inner, platter) = match self {
            Disk::Memory(store) => (Arc::clone(store), Platter::default()),
            Disk::Files { folder, life } => {
                let path = Self::path(folder, *life);
                let identity = StoreIdentity::Simulation { seed };
                let store = SqliteStore::open(&path, identity).unwrap();
                (Arc::new(store), Platter { file: Some(path), ..Platter::default() })
            }
        };
        let (fate, platter) = (Arc::clone(fate), Arc::new(platter));
        let store = FatedStore { inner, fate, platter: Arc::clone(&platter) };
        (Arc::new(store), platter)
    }

    /// What the process left goes to a place of its own, before its memory is cleared away: files that
    /// are closed in order would look as after a stop in order.
    pub fn outlive(&mut self, fate: &Fate, platter: &Platter) {
        let Disk::Files { folder, life } = self else { return };
        let (from, to) = (Self::path(folder, *life), Self::path(folder, *life + 1));
        std::fs::copy(&from, &to).unwrap();
        let mut log = std::fs::read(log_of(&from)).unwrap_or_default();
        if let Some((least, most)) = platter.state.lock().unwrap().torn
            && least < most
        {
            let kept = fate.chance().random_range(least..=most);
            log.truncate(kept as usize);
        }
        std::fs::write(log_of(&to), log).unwrap();
        *life += 1;
    }
}
