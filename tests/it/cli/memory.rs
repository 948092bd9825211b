//! A store in memory that only answers: what a test put in comes out, and nothing is written.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
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

#[derive(Default)]
pub struct MemoryStore {
    pub runs: Vec<Run>,
    pub skips: Vec<Skipped>,
    pub events: Vec<RunEvent>,
    pub attempts: Vec<AttemptRecord>,
    pub entries: Vec<Entry>,
    pub markets: BTreeMap<EnvironmentName, EnvironmentMarket>,
    pub experience: Experience,
    pub durations: BTreeMap<JobName, JobDurations>,
    pub controls: Controls,
    pub prices: BTreeMap<Pool, PriceSeries>,
}

fn picked<T: Clone>(all: &[T], keep: impl Fn(&T) -> bool) -> Result<Vec<T>, StoreError> {
    Ok(all.iter().filter(|one| keep(one)).cloned().collect())
}

/// What no verb that reads asks for.
fn not_asked<T>(what: &str) -> Result<T, StoreError> {
    Err(StoreError::Refused(format!("{what} is not part of this story")))
}

#[async_trait]
impl Store for MemoryStore {
    async fn commit(&self, _writes: Vec<Write>) -> Result<(), StoreError> {
        Err(StoreError::Refused("opened to read only".to_owned()))
    }
    async fn open_runs(&self) -> Result<Vec<Run>, StoreError> {
        picked(&self.runs, |run| run.state.is_open())
    }
    async fn run(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        Ok(self.runs.iter().find(|run| run.id == *id).cloned())
    }
    async fn runs(&self, query: &RunQuery) -> Result<Vec<Run>, StoreError> {
        let mut runs = picked(&self.runs, |run| {
            query.job.as_ref().is_none_or(|job| *job == run.job)
                && query.class.as_ref().is_none_or(|class| *class == run.class)
                && (!query.open_only || run.state.is_open())
                && query.since.is_none_or(|since| run.scheduled_for >= since)
                && query.until.is_none_or(|until| run.scheduled_for < until)
        })?;
        runs.sort_by(|a, b| (b.scheduled_for, &b.id).cmp(&(a.scheduled_for, &a.id)));
        runs.truncate(query.limit.unwrap_or(u32::MAX) as usize);
        Ok(runs)
    }
    async fn group_states(
        &self,
        group: &RunId,
        job: &JobName,
        scheduled_for: Timestamp,
    ) -> Result<BTreeMap<String, u64>, StoreError> {
        let _ = (job, scheduled_for);
        let mut states = BTreeMap::new();
        for run in self.runs.iter().filter(|run| run.id.is_of(group)) {
            *states.entry(run.state.label().to_owned()).or_default() += 1;
        }
        Ok(states)
    }
    async fn previous_successes(
        &self,
        job: &JobName,
        set_keys: &[String],
        before: Timestamp,
    ) -> Result<Vec<Option<Timestamp>>, StoreError> {
        let _ = (job, set_keys, before);
        not_asked("previous successes")
    }
    async fn events(&self, id: &RunId) -> Result<Vec<RunEvent>, StoreError> {
        picked(&self.events, |event| event.run == *id)
    }
    async fn attempts(&self, id: &RunId) -> Result<Vec<AttemptRecord>, StoreError> {
        picked(&self.attempts, |attempt| attempt.key.run == *id)
    }
    async fn unsettled_attempts(&self) -> Result<Vec<AttemptRecord>, StoreError> {
        not_asked("unsettled attempts")
    }
    async fn attempt(&self, key: &AttemptKey) -> Result<Option<AttemptRecord>, StoreError> {
        Ok(self.attempts.iter().find(|attempt| attempt.key == *key).cloned())
    }
    async fn entries(&self, id: &RunId) -> Result<Vec<Entry>, StoreError> {
        picked(&self.entries, |entry| entry.key.run == *id)
    }
    async fn entries_between(&self, window: Window) -> Result<Vec<Entry>, StoreError> {
        picked(&self.entries, |entry| window.contains(entry.ended_at))
    }
    async fn provisional_entries(&self) -> Result<Vec<Entry>, StoreError> {
        picked(&self.entries, Entry::is_provisional)
    }
    async fn skips(&self, _: &SkipQuery) -> Result<Vec<Skipped>, StoreError> {
        Ok(self.skips.clone())
    }
    async fn handled(&self) -> Result<BTreeMap<ScheduleKey, Timestamp>, StoreError> {
        not_asked("what was handled")
    }
    async fn resends(&self) -> Result<Vec<Resend>, StoreError> {
        not_asked("resends")
    }
    async fn counters(&self) -> Result<Vec<(Counter, i128)>, StoreError> {
        not_asked("the counters")
    }
    async fn instances(&self, _ids: &[InstanceId]) -> Result<Vec<InstanceFacts>, StoreError> {
        not_asked("instances")
    }
    async fn recent_instances(&self, _: Timestamp) -> Result<Vec<InstanceFacts>, StoreError> {
        not_asked("recent instances")
    }
    async fn all_instances(&self) -> Result<Vec<InstanceFacts>, StoreError> {
        not_asked("all instances")
    }
    async fn shapes(&self) -> Result<BTreeMap<InstanceType, InstanceShape>, StoreError> {
        not_asked("shapes")
    }
    async fn price_series(
        &self,
        _: &AccountRegion,
        pool: &Pool,
        _: Window,
    ) -> Result<PriceSeries, StoreError> {
        Ok(self.prices.get(pool).cloned().unwrap_or_default())
    }
    async fn latest_prices(&self, _: &AccountRegion) -> Result<Vec<PricePoint>, StoreError> {
        not_asked("the latest prices")
    }
    async fn price_coverage(&self) -> Result<Vec<PriceCoverage>, StoreError> {
        not_asked("the price coverage")
    }
    async fn list_prices(&self, _: &Region, _: Timestamp) -> Result<Vec<ListPrice>, StoreError> {
        not_asked("list prices")
    }
    async fn fargate_prices(&self, _region: &Region) -> Result<Vec<FargatePrice>, StoreError> {
        not_asked("Fargate prices")
    }
    async fn environment_markets(
        &self,
    ) -> Result<BTreeMap<EnvironmentName, EnvironmentMarket>, StoreError> {
        Ok(self.markets.clone())
    }
    async fn controls(&self) -> Result<Controls, StoreError> {
        Ok(self.controls.clone())
    }
    async fn audit(&self, _: &AuditQuery) -> Result<Vec<AuditRecord>, StoreError> {
        not_asked("the audit")
    }
    async fn audited(&self, _: &str, _: &str) -> Result<Option<AuditRecord>, StoreError> {
        not_asked("the audit")
    }
    async fn reconciled(&self) -> Result<Vec<Reconciled>, StoreError> {
        not_asked("what was reconciled")
    }
    async fn durations(&self) -> Result<BTreeMap<JobName, JobDurations>, StoreError> {
        Ok(self.durations.clone())
    }
    async fn experience(&self) -> Result<Experience, StoreError> {
        Ok(self.experience.clone())
    }
}
