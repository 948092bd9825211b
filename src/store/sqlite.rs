//! One adapter with two modes. On a file, one thread writes and commits whatever waits in one
//! transaction, and a few threads read. In memory, everything happens at once on the caller, so
//! that a simulated run on one thread and virtual time stays deterministic.

mod backup;
mod connection;
mod create;
mod inspect;
mod lock;
mod migrate;
mod queries;
mod readers;
mod refusal;
mod rows;
mod write;
mod writer;

pub use backup::{Restored, backup, restore};
pub use inspect::Description;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::Connection;

use crate::control::{AuditQuery, AuditRecord, Controls};
use crate::domain::ScheduleKey;
use crate::domain::{
    AccountRegion, EnvironmentName, InstanceFacts, InstanceId, InstanceShape, InstanceType,
    JobName, Pool, Region, RunId, Window,
};
use crate::experience::Experience;
use crate::experience::durations::JobDurations;
use crate::ledger::{Counter, Entry, Reconciled};
use crate::market::{
    EnvironmentMarket, FargatePrice, ListPrice, PriceCoverage, PricePoint, PriceSeries,
};
use crate::ports::{RunQuery, SkipQuery, Store, StoreError, StoreIdentity, Write};
use crate::run::{AttemptKey, AttemptRecord, Resend, Run, RunEvent};
use crate::schedule::Skipped;

use readers::Readers;
use refusal::{failed, refused};
use writer::Writer;

/// The store on SQLite. Dropping it waits for the writes already queued, then lets go of the file.
pub struct SqliteStore {
    identity: StoreIdentity,
    /// What this handle's writes carry; 0 on a handle that only reads.
    epoch: i64,
    access: Access,
}

/// How the database is reached. Fields drop in order: the writer after the readers, because only the
/// last connection to close folds the write-ahead log into the file, and a reader cannot; the lock
/// last.
enum Access {
    Inline(Mutex<Connection>),
    File { readers: Readers, writer: Writer, _lock: lock::FileLock },
    ReadOnly { readers: Readers },
}

impl SqliteStore {
    /// Opens the file for writing, or creates it for `identity`. Blocks: for program start.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when another process has it open for writing, and when it is not a
    /// spotcron database, is damaged, is of a newer version or belongs to another identity. The
    /// file is then as it was.
    pub fn open(path: impl AsRef<Path>, identity: StoreIdentity) -> Result<Self, StoreError> {
        let path = connection::resolve(path.as_ref())?;
        let lock = lock::FileLock::acquire(&path)?;
        if connection::is_missing(&path)? {
            create::create_file(&path, &identity)?;
        }
        let found = inspect::inspect(&path)?;
        inspect::require_identity(&path, &found, &identity)?;
        migrate::upgrade_file(&path, &found, migrate::MIGRATIONS)?;
        let mut connection = connection::open_for_writing(&path)?;
        let epoch = connection::raise_epoch(&mut connection)?;
        let readers = Readers::start(&path)?;
        let writer = Writer::start(connection, epoch)?;
        Ok(SqliteStore { identity, epoch, access: Access::File { writer, readers, _lock: lock } })
    }

    /// Opens the file for reading only, also while a daemon writes to it. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when there is no such file or it cannot be read by this version.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::read_only(path.as_ref(), None)
    }

    /// As [`SqliteStore::open_read_only`], and only if it is `identity`'s.
    ///
    /// # Errors
    /// As there; also when it belongs to another identity.
    pub fn open_read_only_of(
        path: impl AsRef<Path>,
        identity: &StoreIdentity,
    ) -> Result<Self, StoreError> {
        Self::read_only(path.as_ref(), Some(identity))
    }

    fn read_only(path: &Path, identity: Option<&StoreIdentity>) -> Result<Self, StoreError> {
        let path = connection::resolve(path)?;
        let found = inspect::inspect(&path)?;
        if let Some(identity) = identity {
            inspect::require_identity(&path, &found, identity)?;
        }
        inspect::require_current_schema(&path, &found)?;
        let readers = Readers::start(&path)?;
        Ok(SqliteStore { identity: found.identity, epoch: 0, access: Access::ReadOnly { readers } })
    }

    /// An empty store in memory. Every call runs on the caller's thread and is complete when it
    /// returns; nothing is kept when the handle is dropped.
    pub fn in_memory(identity: StoreIdentity) -> Result<Self, StoreError> {
        let mut connection = connection::open_in_memory()?;
        create::create_tables(&mut connection, &identity)
            .map_err(failed("creating the tables in memory"))?;
        let epoch = connection::raise_epoch(&mut connection)?;
        Ok(SqliteStore { identity, epoch, access: Access::Inline(Mutex::new(connection)) })
    }

    /// Whose data it holds.
    pub fn identity(&self) -> &StoreIdentity {
        &self.identity
    }

    /// The number that this handle's writes carry; a later opening for writing has a higher one.
    pub fn epoch(&self) -> i64 {
        self.epoch
    }

    /// Runs `query` where this mode reads. `doing` names it in an error.
    async fn read<T, Q>(&self, doing: &'static str, query: Q) -> Result<T, StoreError>
    where
        T: Send + 'static,
        Q: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        match &self.access {
            Access::Inline(connection) => {
                let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                query(&connection).map_err(failed(doing))
            }
            Access::File { readers, .. } | Access::ReadOnly { readers } => {
                readers.run(doing, query).await
            }
        }
    }
}

/// What a store's file is, without opening it for writing. Blocks.
///
/// # Errors
/// [`StoreError::Refused`] when it is not a readable spotcron database.
pub fn describe(path: impl AsRef<Path>) -> Result<Description, StoreError> {
    inspect::inspect(&connection::resolve(path.as_ref())?)
}

#[async_trait]
impl Store for SqliteStore {
    async fn commit(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        match &self.access {
            Access::Inline(connection) => {
                let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                writer::commit_one(&connection, self.epoch, &writes)
            }
            Access::File { writer, .. } => writer.commit(writes).await,
            Access::ReadOnly { .. } => Err(refused(
                "the store was opened for reading only; nothing was written".to_owned(),
            )),
        }
    }

    async fn open_runs(&self) -> Result<Vec<Run>, StoreError> {
        self.read("reading the open runs", queries::open_runs).await
    }

    async fn run(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        let id = id.clone();
        self.read("reading a run", move |db| queries::run(db, &id)).await
    }

    async fn runs(&self, query: &RunQuery) -> Result<Vec<Run>, StoreError> {
        let query = query.clone();
        self.read("listing runs", move |db| queries::runs(db, &query)).await
    }

    async fn group_states(
        &self,
        group: &RunId,
        job: &JobName,
        scheduled_for: Timestamp,
    ) -> Result<BTreeMap<String, u64>, StoreError> {
        let (group, job) = (group.clone(), job.clone());
        self.read("counting the runs of a scheduled time", move |db| {
            queries::group_states(db, &group, &job, scheduled_for)
        })
        .await
    }

    async fn previous_successes(
        &self,
        job: &JobName,
        set_keys: &[String],
        before: Timestamp,
    ) -> Result<Vec<Option<Timestamp>>, StoreError> {
        let (job, keys) = (job.clone(), set_keys.to_vec());
        self.read("looking for previous successes", move |db| {
            queries::previous_successes(db, &job, &keys, before)
        })
        .await
    }

    async fn events(&self, id: &RunId) -> Result<Vec<RunEvent>, StoreError> {
        let id = id.clone();
        self.read("reading a run's events", move |db| queries::events(db, &id)).await
    }

    async fn attempts(&self, id: &RunId) -> Result<Vec<AttemptRecord>, StoreError> {
        let id = id.clone();
        self.read("reading a run's attempts", move |db| queries::attempts(db, &id)).await
    }

    async fn unsettled_attempts(&self) -> Result<Vec<AttemptRecord>, StoreError> {
        self.read("reading the unsettled attempts", queries::unsettled_attempts).await
    }

    async fn attempt(&self, key: &AttemptKey) -> Result<Option<AttemptRecord>, StoreError> {
        let key = key.clone();
        self.read("reading an attempt", move |db| queries::attempt(db, &key)).await
    }

    async fn entries(&self, id: &RunId) -> Result<Vec<Entry>, StoreError> {
        let id = id.clone();
        self.read("reading a run's ledger entries", move |db| queries::entries(db, &id)).await
    }

    async fn entries_between(&self, window: Window) -> Result<Vec<Entry>, StoreError> {
        self.read("reading ledger entries", move |db| queries::entries_between(db, window)).await
    }

    async fn provisional_entries(&self) -> Result<Vec<Entry>, StoreError> {
        self.read("reading the provisional ledger entries", queries::provisional_entries).await
    }

    async fn skips(&self, query: &SkipQuery) -> Result<Vec<Skipped>, StoreError> {
        let query = query.clone();
        self.read("reading skipped times", move |db| queries::skips(db, &query)).await
    }

    async fn handled(&self) -> Result<BTreeMap<ScheduleKey, Timestamp>, StoreError> {
        self.read("reading how far schedules were handled", queries::handled).await
    }

    async fn resends(&self) -> Result<Vec<Resend>, StoreError> {
        self.read("reading the names that were sent again", queries::resends).await
    }

    async fn counters(&self) -> Result<Vec<(Counter, i128)>, StoreError> {
        self.read("reading the counters", queries::counters).await
    }

    async fn instances(&self, ids: &[InstanceId]) -> Result<Vec<InstanceFacts>, StoreError> {
        let ids = ids.to_vec();
        self.read("reading instances", move |db| queries::instances(db, &ids)).await
    }

    async fn recent_instances(
        &self,
        ended_after: Timestamp,
    ) -> Result<Vec<InstanceFacts>, StoreError> {
        self.read("reading the recent instances", move |db| {
            queries::recent_instances(db, ended_after)
        })
        .await
    }

    async fn all_instances(&self) -> Result<Vec<InstanceFacts>, StoreError> {
        self.read("reading all instances", queries::all_instances).await
    }

    async fn shapes(&self) -> Result<BTreeMap<InstanceType, InstanceShape>, StoreError> {
        self.read("reading the instance types", queries::shapes).await
    }

    async fn price_series(
        &self,
        place: &AccountRegion,
        pool: &Pool,
        window: Window,
    ) -> Result<PriceSeries, StoreError> {
        let (place, pool) = (place.clone(), pool.clone());
        let read = move |db: &Connection| queries::price_series(db, &place, &pool, window);
        self.read("reading spot prices", read).await
    }

    async fn latest_prices(&self, place: &AccountRegion) -> Result<Vec<PricePoint>, StoreError> {
        let place = place.clone();
        self.read("reading the latest spot prices", move |db| queries::latest_prices(db, &place))
            .await
    }

    async fn price_coverage(&self) -> Result<Vec<PriceCoverage>, StoreError> {
        self.read("reading how far the spot prices reach", queries::price_coverage).await
    }

    async fn list_prices(
        &self,
        region: &Region,
        at: Timestamp,
    ) -> Result<Vec<ListPrice>, StoreError> {
        let region = region.clone();
        self.read("reading list prices", move |db| queries::list_prices(db, &region, at)).await
    }

    async fn fargate_prices(&self, region: &Region) -> Result<Vec<FargatePrice>, StoreError> {
        let region = region.clone();
        self.read("reading Fargate prices", move |db| queries::fargate_prices(db, &region)).await
    }

    async fn environment_markets(
        &self,
    ) -> Result<BTreeMap<EnvironmentName, EnvironmentMarket>, StoreError> {
        self.read("reading the environments' markets", queries::environment_markets).await
    }

    async fn controls(&self) -> Result<Controls, StoreError> {
        self.read("reading what commands left in force", queries::controls).await
    }

    async fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>, StoreError> {
        let query = query.clone();
        self.read("reading the audit", move |db| queries::audit(db, &query)).await
    }

    async fn audited(&self, by: &str, key: &str) -> Result<Option<AuditRecord>, StoreError> {
        let (by, key) = (by.to_owned(), key.to_owned());
        self.read("reading the audit", move |db| queries::audited(db, &by, &key)).await
    }

    async fn experience(&self) -> Result<Experience, StoreError> {
        self.read("reading the experience", queries::experience).await
    }
    async fn durations(&self) -> Result<BTreeMap<JobName, JobDurations>, StoreError> {
        self.read("reading how long jobs took", queries::durations).await
    }

    async fn reconciled(&self) -> Result<Vec<Reconciled>, StoreError> {
        self.read("reading what was reconciled", queries::reconciled).await
    }
}
