//! The store behind the story's fate: a process may die before and after every read and every commit,
//! and a disk may be full or slow.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use rand::RngExt;
use spotcron::control::{AuditQuery, AuditRecord, Controls};
use spotcron::domain::{
    AccountRegion, EnvironmentName, InstanceFacts, InstanceId, InstanceShape, InstanceType,
    JobName, Pool, Region, RunId, ScheduleKey, Window,
};
use spotcron::experience::Experience;
use spotcron::experience::durations::JobDurations;
use spotcron::ledger::{Counter, Entry, Reconciled};
use spotcron::market::{
    EnvironmentMarket, FargatePrice, ListPrice, PriceCoverage, PricePoint, PriceSeries,
};
use spotcron::ports::{RunQuery, SkipQuery, Store, StoreError, Write};
use spotcron::run::{AttemptKey, AttemptRecord, Resend, Run, RunEvent};
use spotcron::schedule::Skipped;
use spotcron::store::SqliteStore;

use super::disk::Platter;
use super::fate::{Fate, Fault};

pub struct FatedStore {
    pub inner: Arc<SqliteStore>,
    pub fate: Arc<Fate>,
    pub platter: Arc<Platter>,
}

impl FatedStore {
    async fn ask<T>(
        &self,
        answer: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.fate.step().await;
        answer.await
    }

    fn is_full(&self) -> bool {
        if self.fate.strikes(self.fate.rates().disk) {
            if self.fate.chance().random_bool(0.5) {
                self.fate.count(Fault::DiskFull);
                return true;
            }
            let secs = self.fate.chance().random_range(1..10);
            self.fate.pass(SignedDuration::from_secs(secs));
            self.fate.count(Fault::SlowDisk);
        }
        false
    }
}

#[async_trait]
impl Store for FatedStore {
    async fn commit(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        self.fate.step().await;
        if self.is_full() {
            let source = "the disk is full".into();
            return Err(StoreError::Failed { doing: "committing", source });
        }
        self.platter.before_commit();
        let outcome = self.inner.commit(writes).await;
        self.platter.after_commit(&self.fate, &outcome);
        // Nobody was told of this commit: a death now may leave it, half of it on the disk, or nothing.
        if self.fate.strikes(self.fate.rates().death) {
            self.fate.count(Fault::DeathInCommit);
            self.platter.tear();
            self.fate.die();
        }
        self.fate.live().await;
        outcome
    }

    async fn open_runs(&self) -> Result<Vec<Run>, StoreError> {
        self.ask(self.inner.open_runs()).await
    }
    async fn run(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        self.ask(self.inner.run(id)).await
    }
    async fn runs(&self, query: &RunQuery) -> Result<Vec<Run>, StoreError> {
        self.ask(self.inner.runs(query)).await
    }
    async fn events(&self, id: &RunId) -> Result<Vec<RunEvent>, StoreError> {
        self.ask(self.inner.events(id)).await
    }
    async fn attempts(&self, id: &RunId) -> Result<Vec<AttemptRecord>, StoreError> {
        self.ask(self.inner.attempts(id)).await
    }
    async fn unsettled_attempts(&self) -> Result<Vec<AttemptRecord>, StoreError> {
        self.ask(self.inner.unsettled_attempts()).await
    }
    async fn attempt(&self, key: &AttemptKey) -> Result<Option<AttemptRecord>, StoreError> {
        self.ask(self.inner.attempt(key)).await
    }
    async fn entries(&self, id: &RunId) -> Result<Vec<Entry>, StoreError> {
        self.ask(self.inner.entries(id)).await
    }
    async fn entries_between(&self, window: Window) -> Result<Vec<Entry>, StoreError> {
        self.ask(self.inner.entries_between(window)).await
    }
    async fn provisional_entries(&self) -> Result<Vec<Entry>, StoreError> {
        self.ask(self.inner.provisional_entries()).await
    }
    async fn skips(&self, query: &SkipQuery) -> Result<Vec<Skipped>, StoreError> {
        self.ask(self.inner.skips(query)).await
    }
    async fn handled(&self) -> Result<BTreeMap<ScheduleKey, Timestamp>, StoreError> {
        self.ask(self.inner.handled()).await
    }
    async fn resends(&self) -> Result<Vec<Resend>, StoreError> {
        self.ask(self.inner.resends()).await
    }
    async fn group_states(
        &self,
        group: &RunId,
        job: &JobName,
        scheduled_for: Timestamp,
    ) -> Result<BTreeMap<String, u64>, StoreError> {
        self.ask(self.inner.group_states(group, job, scheduled_for)).await
    }
    async fn previous_successes(
        &self,
        job: &JobName,
        set_keys: &[String],
        before: Timestamp,
    ) -> Result<Vec<Option<Timestamp>>, StoreError> {
        self.ask(self.inner.previous_successes(job, set_keys, before)).await
    }
    async fn controls(&self) -> Result<Controls, StoreError> {
        self.ask(self.inner.controls()).await
    }
    async fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>, StoreError> {
        self.ask(self.inner.audit(query)).await
    }
    async fn audited(&self, by: &str, key: &str) -> Result<Option<AuditRecord>, StoreError> {
        self.ask(self.inner.audited(by, key)).await
    }
    async fn counters(&self) -> Result<Vec<(Counter, i128)>, StoreError> {
        self.ask(self.inner.counters()).await
    }
    async fn instances(&self, ids: &[InstanceId]) -> Result<Vec<InstanceFacts>, StoreError> {
        self.ask(self.inner.instances(ids)).await
    }
    async fn recent_instances(
        &self,
        ended_after: Timestamp,
    ) -> Result<Vec<InstanceFacts>, StoreError> {
        self.ask(self.inner.recent_instances(ended_after)).await
    }
    async fn all_instances(&self) -> Result<Vec<InstanceFacts>, StoreError> {
        self.ask(self.inner.all_instances()).await
    }
    async fn shapes(&self) -> Result<BTreeMap<InstanceType, InstanceShape>, StoreError> {
        self.ask(self.inner.shapes()).await
    }
    async fn price_series(
        &self,
        place: &AccountRegion,
        pool: &Pool,
        window: Window,
    ) -> Result<PriceSeries, StoreError> {
        self.ask(self.inner.price_series(place, pool, window)).await
    }
    async fn latest_prices(&self, place: &AccountRegion) -> Result<Vec<PricePoint>, StoreError> {
        self.ask(self.inner.latest_prices(place)).await
    }
    async fn price_coverage(&self) -> Result<Vec<PriceCoverage>, StoreError> {
        self.ask(self.inner.price_coverage()).await
    }
    async fn list_prices(
        &self,
        region: &Region,
        at: Timestamp,
    ) -> Result<Vec<ListPrice>, StoreError> {
        self.ask(self.inner.list_prices(region, at)).await
    }
    async fn fargate_prices(&self, region: &Region) -> Result<Vec<FargatePrice>, StoreError> {
        self.ask(self.inner.fargate_prices(region)).await
    }
    async fn environment_markets(
        &self,
    ) -> Result<BTreeMap<EnvironmentName, EnvironmentMarket>, StoreError> {
        self.ask(self.inner.environment_markets()).await
    }
    async fn reconciled(&self) -> Result<Vec<Reconciled>, StoreError> {
        self.ask(self.inner.reconciled()).await
    }
    async fn durations(&self) -> Result<BTreeMap<JobName, JobDurations>, StoreError> {
        self.ask(self.inner.durations()).await
    }
    async fn experience(&self) -> Result<Experience, StoreError> {
        self.ask(self.inner.experience()).await
    }
}
