//! The durable memory. A batch of writes is one transaction: all of it or none.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::control::{AuditQuery, AuditRecord, ClassOverride, Controls, Jobs, Pause};
use crate::domain::{
    AccountRegion, BatchJobName, ClassName, EnvironmentName, InstanceFacts, InstanceId,
    InstanceShape, InstanceType, JobName, Pool, Region, RunId, ScheduleKey, Window,
};
use crate::experience::Experience;
use crate::experience::durations::JobDurations;
use crate::ledger::{Counter, DayDrift, Entry, Reconciled};
use crate::market::{
    EnvironmentMarket, FargatePrice, ListPrice, PriceCoverage, PricePoint, PriceSeries,
};
use crate::run::{AttemptKey, AttemptRecord, Resend, Run, RunEvent};
use crate::schedule::Skipped;

/// Whose data a store holds. A store made for one refuses every other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum StoreIdentity {
    Account { account_id: String },
    Simulation { seed: u64 },
}

/// One change.
#[derive(Debug, Clone)]
pub enum Write {
    /// A run that must not exist yet.
    InsertRun(Run),
    /// A run whose stored version must be `run.version - 1`.
    UpdateRun(Run),
    Event(RunEvent),
    /// Inserts or replaces.
    Attempt(AttemptRecord),
    /// Inserts or replaces.
    Instance(InstanceFacts),
    Shape(InstanceType, InstanceShape),
    /// Inserts or replaces the attempt's line.
    Entry(Entry),
    /// Up to when schedules are handled. Many in one: a new catalogue has as many as jobs.
    Handled(Vec<(ScheduleKey, Timestamp)>),
    /// Nobody has these schedules any more.
    Forgotten(Vec<ScheduleKey>),
    /// Scheduled times that have no run, and when that was found.
    Skipped(Timestamp, Skipped),
    /// A leg's name was sent again, or was looked at since. Inserts or replaces.
    Resend(Resend),
    /// A name needs no more looks.
    ResendSettled(BatchJobName),
    Count(Counter, i128),
    /// Known points are ignored.
    PricePoints(AccountRegion, Vec<PricePoint>),
    PriceCoverage(PriceCoverage),
    ListPrice(ListPrice),
    FargatePrice(FargatePrice),
    /// The latest view of an environment, for the verbs that read.
    EnvironmentMarket(EnvironmentMarket),
    /// Replaces all of it.
    Experience(Experience),
    /// How long one job took, or with `None` that it is forgotten.
    Durations(JobName, Option<JobDurations>),
    /// What days' bills said beside the ledger, and when that was looked at. Replaces what is known of each
    /// day and environment; days without an environment are left out.
    Reconciled(Timestamp, Vec<DayDrift>),
    /// Begins a pause, or with `None` ends it.
    Pause(Jobs, Option<Pause>),
    /// Keeps a class on capacity that is not taken back, or with `None` no longer.
    ClassOverride(ClassName, Option<ClassOverride>),
    /// One command and what came of it. One person's second record of the same key is refused.
    Audit(Box<AuditRecord>),
}

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A run exists already, or was changed by someone else. Nothing was written.
    #[error("run {0} was changed meanwhile; nothing was written")]
    Conflict(RunId),
    /// Another process took over. Nothing was written.
    #[error(
        "this process no longer owns the store (epoch {ours}, now {theirs}); nothing was written"
    )]
    Deposed { ours: i64, theirs: i64 },
    /// It cannot be opened as it is; the text says what to do.
    #[error("{0}")]
    Refused(String),
    #[error("the store failed at {doing}")]
    Failed {
        doing: &'static str,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Which runs to list; newest first.
#[derive(Debug, Clone, Default)]
pub struct RunQuery {
    pub job: Option<JobName>,
    pub class: Option<ClassName>,
    pub open_only: bool,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub limit: Option<u32>,
    /// Of the parameter sets of one scheduled time only the first; see [`Store::group_states`].
    pub fold_sets: bool,
}

/// Which skipped times to list; newest first.
#[derive(Debug, Clone, Default)]
pub struct SkipQuery {
    pub job: Option<JobName>,
    /// Those whose last time is at or after it.
    pub since: Option<Timestamp>,
    pub limit: Option<u32>,
}

#[async_trait]
pub trait Store: Send + Sync {
    /// All or nothing, durable when it returns. Writes of one batch may come in any order; what
    /// names a run (an event, an attempt) or an attempt (an entry) that is not there is refused.
    async fn commit(&self, writes: Vec<Write>) -> Result<(), StoreError>;

    async fn open_runs(&self) -> Result<Vec<Run>, StoreError>;
    async fn run(&self, id: &RunId) -> Result<Option<Run>, StoreError>;
    async fn runs(&self, query: &RunQuery) -> Result<Vec<Run>, StoreError>;
    /// How many of the runs of one scheduled time are in each state, by its label: the run that is
    /// called `group`, or those of its parameter sets.
    async fn group_states(
        &self,
        group: &RunId,
        job: &JobName,
        scheduled_for: Timestamp,
    ) -> Result<BTreeMap<String, u64>, StoreError>;
    /// The scheduled time of the last run before `before` that succeeded, with each of the sets of
    /// these keys; an empty key for runs without a set.
    async fn previous_successes(
        &self,
        job: &JobName,
        set_keys: &[String],
        before: Timestamp,
    ) -> Result<Vec<Option<Timestamp>>, StoreError>;
    /// Oldest first.
    async fn events(&self, id: &RunId) -> Result<Vec<RunEvent>, StoreError>;
    /// In order of key.
    async fn attempts(&self, id: &RunId) -> Result<Vec<AttemptRecord>, StoreError>;
    /// Attempts that ended and are not settled for good: no entry, or one that may still change.
    /// In order of key.
    async fn unsettled_attempts(&self) -> Result<Vec<AttemptRecord>, StoreError>;
    async fn attempt(&self, key: &AttemptKey) -> Result<Option<AttemptRecord>, StoreError>;
    async fn entries(&self, id: &RunId) -> Result<Vec<Entry>, StoreError>;
    /// All entries of attempts that ended in the window, in order of key.
    async fn entries_between(&self, window: Window) -> Result<Vec<Entry>, StoreError>;
    async fn provisional_entries(&self) -> Result<Vec<Entry>, StoreError>;
    /// Scheduled times without a run: the newest first, of one job or of all.
    async fn skips(&self, query: &SkipQuery) -> Result<Vec<Skipped>, StoreError>;
    async fn handled(&self) -> Result<BTreeMap<ScheduleKey, Timestamp>, StoreError>;
    /// Names that were sent more than once and are still looked at, in order of name.
    async fn resends(&self) -> Result<Vec<Resend>, StoreError>;
    async fn counters(&self) -> Result<Vec<(Counter, i128)>, StoreError>;
    /// In the order asked for; unknown ones are left out.
    async fn instances(&self, ids: &[InstanceId]) -> Result<Vec<InstanceFacts>, StoreError>;
    /// Instances whose end is not known, or lies at or after `ended_after`.
    async fn recent_instances(
        &self,
        ended_after: Timestamp,
    ) -> Result<Vec<InstanceFacts>, StoreError>;
    async fn all_instances(&self) -> Result<Vec<InstanceFacts>, StoreError>;
    async fn shapes(&self) -> Result<BTreeMap<InstanceType, InstanceShape>, StoreError>;
    /// The pool's points in the window and the one in effect at its start.
    async fn price_series(
        &self,
        place: &AccountRegion,
        pool: &Pool,
        window: Window,
    ) -> Result<PriceSeries, StoreError>;
    /// The newest point of every pool of a region, as one account sees it.
    async fn latest_prices(&self, place: &AccountRegion) -> Result<Vec<PricePoint>, StoreError>;
    /// How far the archive of spot prices reaches, of every type that was ever asked for.
    async fn price_coverage(&self) -> Result<Vec<PriceCoverage>, StoreError>;
    /// The newest list price effective at or before `at`, of every type of a region.
    async fn list_prices(
        &self,
        region: &Region,
        at: Timestamp,
    ) -> Result<Vec<ListPrice>, StoreError>;
    /// Every known price of a region: by architecture, newest first.
    async fn fargate_prices(&self, region: &Region) -> Result<Vec<FargatePrice>, StoreError>;
    async fn environment_markets(
        &self,
    ) -> Result<BTreeMap<EnvironmentName, EnvironmentMarket>, StoreError>;
    async fn experience(&self) -> Result<Experience, StoreError>;
    /// How long jobs took.
    async fn durations(&self) -> Result<BTreeMap<JobName, JobDurations>, StoreError>;
    /// The newest day that was reconciled with a bill, of each environment, in order of name.
    async fn reconciled(&self) -> Result<Vec<Reconciled>, StoreError>;
    /// What commands left in force.
    async fn controls(&self) -> Result<Controls, StoreError>;
    /// Commands and what came of them, newest first.
    async fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>, StoreError>;
    /// What came of the request that this person named `key`.
    async fn audited(&self, by: &str, key: &str) -> Result<Option<AuditRecord>, StoreError>;
}
