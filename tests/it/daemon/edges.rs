//! The daemon's two edges, the store and Batch, with a switch for each way to fail.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use spotcron::control::{AuditQuery, AuditRecord, Controls};
use spotcron::domain::{
    AccountRegion, BatchJobId, BatchJobName, EnvironmentName, InstanceFacts, InstanceId,
    InstanceShape, InstanceType, JobName, JobObservation, Pool, Region, RunId, ScheduleKey, Site,
    Window,
};
use spotcron::experience::Experience;
use spotcron::experience::durations::JobDurations;
use spotcron::ledger::{Counter, Entry, Reconciled};
use spotcron::market::{
    EnvironmentMarket, FargatePrice, ListPrice, PriceCoverage, PricePoint, PriceSeries,
};
use spotcron::ports::{
    BatchService, FailureKind, FoundJob, QueueDescription, RunQuery, ServiceError, SkipQuery,
    Store, StoreError, SubmitError, Write,
};
use spotcron::run::{AttemptKey, AttemptRecord, Resend, Run, RunEvent, SubmitRequest};
use spotcron::schedule::Skipped;
use tokio::sync::Semaphore;

type Choice = Box<dyn Fn(&[Write]) -> bool + Send>;

/// Refuses the next commit that it was told to refuse, once.
pub struct FailingStore {
    inner: Arc<dyn Store>,
    refuse: Mutex<Option<Choice>>,
    lose: Mutex<Option<Choice>>,
    conflict: Mutex<Option<(Choice, RunId)>>,
}

impl FailingStore {
    pub fn over(inner: &Arc<dyn Store>) -> Arc<Self> {
        Arc::new(FailingStore {
            inner: Arc::clone(inner),
            refuse: Mutex::default(),
            lose: Mutex::default(),
            conflict: Mutex::default(),
        })
    }

    pub fn refuse_once(&self, choice: impl Fn(&[Write]) -> bool + Send + 'static) {
        *self.refuse.lock().unwrap() = Some(Box::new(choice));
    }

    /// Writes the next such batch and never says so, as for a process that dies right after it.
    pub fn lose_the_answer_once(&self, choice: impl Fn(&[Write]) -> bool + Send + 'static) {
        *self.lose.lock().unwrap() = Some(Box::new(choice));
    }

    /// Refuses the next such batch because somebody else changed `run` first.
    pub fn conflict_once(&self, choice: impl Fn(&[Write]) -> bool + Send + 'static, run: RunId) {
        *self.conflict.lock().unwrap() = Some((Box::new(choice), run));
    }

    pub fn has_refused(&self) -> bool {
        self.refuse.lock().unwrap().is_none()
    }
}

#[async_trait]
impl Store for FailingStore {
    async fn commit(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        if self.refuse.lock().unwrap().take_if(|refuse| refuse(&writes)).is_some() {
            let source = "the disk is full".into();
            return Err(StoreError::Failed { doing: "committing", source });
        }
        let conflict = self.conflict.lock().unwrap().take_if(|(choice, _)| choice(&writes));
        if let Some((_, run)) = conflict {
            return Err(StoreError::Conflict(run));
        }
        let lost = self.lose.lock().unwrap().take_if(|lose| lose(&writes)).is_some();
        let answer = self.inner.commit(writes).await;
        if lost {
            std::future::pending::<()>().await;
        }
        answer
    }
    async fn open_runs(&self) -> Result<Vec<Run>, StoreError> {
        self.inner.open_runs().await
    }
    async fn run(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        self.inner.run(id).await
    }
    async fn runs(&self, query: &RunQuery) -> Result<Vec<Run>, StoreError> {
        self.inner.runs(query).await
    }
    async fn group_states(
        &self,
        group: &RunId,
        job: &JobName,
        scheduled_for: Timestamp,
    ) -> Result<BTreeMap<String, u64>, StoreError> {
        self.inner.group_states(group, job, scheduled_for).await
    }
    async fn previous_successes(
        &self,
        job: &JobName,
        set_keys: &[String],
        before: Timestamp,
    ) -> Result<Vec<Option<Timestamp>>, StoreError> {
        self.inner.previous_successes(job, set_keys, before).await
    }
    async fn events(&self, id: &RunId) -> Result<Vec<RunEvent>, StoreError> {
        self.inner.events(id).await
    }
    async fn attempts(&self, id: &RunId) -> Result<Vec<AttemptRecord>, StoreError> {
        self.inner.attempts(id).await
    }
    async fn unsettled_attempts(&self) -> Result<Vec<AttemptRecord>, StoreError> {
        self.inner.unsettled_attempts().await
    }
    async fn attempt(&self, key: &AttemptKey) -> Result<Option<AttemptRecord>, StoreError> {
        self.inner.attempt(key).await
    }
    async fn entries(&self, id: &RunId) -> Result<Vec<Entry>, StoreError> {
        self.inner.entries(id).await
    }
    async fn entries_between(&self, window: Window) -> Result<Vec<Entry>, StoreError> {
        self.inner.entries_between(window).await
    }
    async fn provisional_entries(&self) -> Result<Vec<Entry>, StoreError> {
        self.inner.provisional_entries().await
    }
    async fn skips(&self, query: &SkipQuery) -> Result<Vec<Skipped>, StoreError> {
        self.inner.skips(query).await
    }
    async fn handled(&self) -> Result<BTreeMap<ScheduleKey, Timestamp>, StoreError> {
        self.inner.handled().await
    }
    async fn resends(&self) -> Result<Vec<Resend>, StoreError> {
        self.inner.resends().await
    }
    async fn counters(&self) -> Result<Vec<(Counter, i128)>, StoreError> {
        self.inner.counters().await
    }
    async fn instances(&self, ids: &[InstanceId]) -> Result<Vec<InstanceFacts>, StoreError> {
        self.inner.instances(ids).await
    }
    async fn recent_instances(
        &self,
        ended_after: Timestamp,
    ) -> Result<Vec<InstanceFacts>, StoreError> {
        self.inner.recent_instances(ended_after).await
    }
    async fn all_instances(&self) -> Result<Vec<InstanceFacts>, StoreError> {
        self.inner.all_instances().await
    }
    async fn shapes(&self) -> Result<BTreeMap<InstanceType, InstanceShape>, StoreError> {
        self.inner.shapes().await
    }
    async fn price_series(
        &self,
        place: &AccountRegion,
        pool: &Pool,
        window: Window,
    ) -> Result<PriceSeries, StoreError> {
        self.inner.price_series(place, pool, window).await
    }
    async fn latest_prices(&self, place: &AccountRegion) -> Result<Vec<PricePoint>, StoreError> {
        self.inner.latest_prices(place).await
    }
    async fn price_coverage(&self) -> Result<Vec<PriceCoverage>, StoreError> {
        self.inner.price_coverage().await
    }
    async fn list_prices(
        &self,
        region: &Region,
        at: Timestamp,
    ) -> Result<Vec<ListPrice>, StoreError> {
        self.inner.list_prices(region, at).await
    }
    async fn fargate_prices(&self, region: &Region) -> Result<Vec<FargatePrice>, StoreError> {
        self.inner.fargate_prices(region).await
    }
    async fn environment_markets(
        &self,
    ) -> Result<BTreeMap<EnvironmentName, EnvironmentMarket>, StoreError> {
        self.inner.environment_markets().await
    }
    async fn controls(&self) -> Result<Controls, StoreError> {
        self.inner.controls().await
    }
    async fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>, StoreError> {
        self.inner.audit(query).await
    }
    async fn audited(&self, by: &str, key: &str) -> Result<Option<AuditRecord>, StoreError> {
        self.inner.audited(by, key).await
    }
    async fn reconciled(&self) -> Result<Vec<Reconciled>, StoreError> {
        self.inner.reconciled().await
    }
    async fn durations(&self) -> Result<BTreeMap<JobName, JobDurations>, StoreError> {
        self.inner.durations().await
    }
    async fn experience(&self) -> Result<Experience, StoreError> {
        self.inner.experience().await
    }
}

/// A region that Batch answers for as long as nobody asks what became of a job.
pub const BLIND_REGION: &str = "eu-west-1";

/// Batch, with a second region and two more ways to be in trouble.
pub struct TroubledBatch {
    pub inner: Arc<dyn BatchService>,
    /// Every look-up by name also finds this one, which cannot be terminated.
    pub twin: Option<BatchJobId>,
    /// A queue is described once there is a permit.
    pub queues: Option<Arc<Semaphore>>,
    /// A Fargate Spot task that is taken back looks like a container that exited with 143.
    pub hushed: bool,
    /// Calls of SubmitJob so far.
    pub submits: AtomicUsize,
    /// Queues that were disabled after they had been described.
    pub refusing_queues: Vec<String>,
    /// Queues that are described as disabled.
    pub disabled_queues: Vec<String>,
    /// A lost host looks as if its container had been stopped: Batch says so before EC2 shows the
    /// instance's end.
    pub disguised_reclaims: bool,
}

impl TroubledBatch {
    pub fn over(inner: &Arc<dyn BatchService>) -> Self {
        TroubledBatch {
            inner: Arc::clone(inner),
            twin: None,
            queues: None,
            hushed: false,
            submits: AtomicUsize::new(0),
            refusing_queues: Vec::new(),
            disabled_queues: Vec::new(),
            disguised_reclaims: false,
        }
    }
}

fn disguise(job: &mut JobObservation) {
    let is_lost = |reason: &str| reason.starts_with("Host EC2");
    for attempt in &mut job.attempts {
        if attempt.status_reason.as_deref().is_some_and(is_lost) {
            attempt.status_reason = Some("Essential container in task exited".to_owned());
            attempt.container.exit_code = Some(143);
        }
    }
    if job.status_reason.as_deref().is_some_and(is_lost) {
        job.status_reason = Some("Essential container in task exited".to_owned());
    }
}

fn home() -> Site {
    "us-east-1".into()
}

fn refused(operation: &'static str) -> ServiceError {
    ServiceError::new(operation, FailureKind::Denied, "AccessDeniedException: not authorized")
}

fn hush(job: &mut JobObservation) {
    let interrupted = |text: &Option<String>| {
        text.as_deref().is_some_and(|text| text.starts_with("Your Spot Task was interrupted"))
    };
    let exited = Some("Essential container in task exited".to_owned());
    if interrupted(&job.status_reason) {
        job.status_reason = exited.clone();
    }
    for attempt in job.attempts.iter_mut().filter(|attempt| interrupted(&attempt.status_reason)) {
        attempt.status_reason = exited.clone();
        attempt.container.exit_code = Some(143);
    }
}

#[async_trait]
impl BatchService for TroubledBatch {
    async fn submit(&self, request: &SubmitRequest) -> Result<BatchJobId, SubmitError> {
        self.submits.fetch_add(1, Ordering::SeqCst);
        if self.refusing_queues.contains(&request.queue) {
            let message = "ClientException: JobQueue is in DISABLED state";
            let kind = FailureKind::Rejected;
            return Err(SubmitError::Rejected(ServiceError::new("SubmitJob", kind, message)));
        }
        let request = SubmitRequest { site: home(), ..request.clone() };
        self.inner.submit(&request).await
    }

    async fn describe(
        &self,
        site: &Site,
        ids: &[BatchJobId],
    ) -> Result<Vec<JobObservation>, ServiceError> {
        if site.region.as_str() == BLIND_REGION {
            return Err(refused("DescribeJobs"));
        }
        let mut jobs = self.inner.describe(&home(), ids).await?;
        for job in jobs.iter_mut().filter(|_| self.disguised_reclaims) {
            disguise(job);
        }
        if self.hushed {
            jobs.iter_mut().for_each(hush);
        }
        Ok(jobs)
    }

    async fn find_by_name(
        &self,
        _site: &Site,
        queue: &str,
        name: &BatchJobName,
        since: Timestamp,
    ) -> Result<Vec<FoundJob>, ServiceError> {
        let mut found = self.inner.find_by_name(&home(), queue, name, since).await?;
        if let (Some(id), Some(first)) = (&self.twin, found.first().cloned()) {
            let created_at = first.created_at.map(|at| at + jiff::SignedDuration::from_secs(1));
            found.push(FoundJob { id: id.clone(), created_at, ..first });
        }
        Ok(found)
    }

    async fn cancel(
        &self,
        _site: &Site,
        id: &BatchJobId,
        reason: &str,
    ) -> Result<(), ServiceError> {
        self.inner.cancel(&home(), id, reason).await
    }

    async fn terminate(
        &self,
        _site: &Site,
        id: &BatchJobId,
        reason: &str,
    ) -> Result<(), ServiceError> {
        if self.twin.as_ref() == Some(id) {
            return Err(refused("TerminateJob"));
        }
        self.inner.terminate(&home(), id, reason).await
    }

    async fn describe_queue(
        &self,
        _site: &Site,
        queue: &str,
    ) -> Result<QueueDescription, ServiceError> {
        if let Some(permits) = &self.queues {
            let _permit = permits.acquire().await.unwrap();
        }
        let mut description = self.inner.describe_queue(&home(), queue).await?;
        description.enabled &= !self.disabled_queues.iter().any(|disabled| disabled == queue);
        Ok(description)
    }

    async fn expand_instance_types(
        &self,
        _site: &Site,
        patterns: &[String],
    ) -> Result<BTreeMap<InstanceType, InstanceShape>, ServiceError> {
        self.inner.expand_instance_types(&home(), patterns).await
    }
}
