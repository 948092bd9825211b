//! The simulated account behind the story's fate.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use rand::RngExt;
use spotcron::clock::{Clock, VirtualClock};
use spotcron::daemon::Cloud;
use spotcron::domain::{
    BatchJobId, BatchJobName, InstanceFacts, InstanceId, InstanceShape, InstanceType,
    JobObservation, Region, Site, Window,
};
use spotcron::market::{FargatePrice, ListPrice, PricePoint};
use spotcron::ports::{
    BatchService, ContainerHost, FailureKind, FargateTask, FoundJob, InstanceDirectory,
    ListPriceSource, PriceProblem, QueueDescription, ServiceError, SpotPriceSource, SubmitError,
};
use spotcron::run::SubmitRequest;
use spotcron::sim::SimCloud;

use super::fate::{Fate, Fault, Lot, failure};
use super::sent::Sent;

pub struct FatedCloud {
    inner: SimCloud,
    fate: Arc<Fate>,
    clock: VirtualClock,
    /// Requests whose callers gave up on them, and when they take effect.
    late: Mutex<Vec<(Timestamp, SubmitRequest)>>,
    /// What arrived, oldest first.
    sent: Mutex<Vec<Sent>>,
    /// Ids that DescribeJobs does not show, and until when.
    hidden: Mutex<BTreeMap<BatchJobId, Timestamp>>,
}

impl FatedCloud {
    pub fn over(inner: &SimCloud, fate: &Arc<Fate>, clock: &VirtualClock) -> Arc<Self> {
        Arc::new(FatedCloud {
            inner: inner.clone(),
            fate: Arc::clone(fate),
            clock: clock.clone(),
            late: Mutex::default(),
            sent: Mutex::default(),
            hidden: Mutex::default(),
        })
    }

    pub fn ports(self: &Arc<Self>) -> Cloud {
        Cloud {
            batch: Arc::clone(self) as Arc<dyn BatchService>,
            instances: Arc::clone(self) as Arc<dyn InstanceDirectory>,
            spot_prices: Arc::clone(self) as Arc<dyn SpotPriceSource>,
            list_prices: Arc::clone(self) as Arc<dyn ListPriceSource>,
        }
    }

    /// Lets the late requests up to `to` take effect, each at its time.
    pub async fn late_effects(&self, to: Timestamp) {
        let mut due: Vec<_> =
            self.late.lock().unwrap().extract_if(.., |(at, _)| *at <= to).collect();
        due.sort_by_key(|(at, _)| *at);
        for (at, request) in due {
            self.clock.advance_to(at);
            // Whoever asked has gone.
            let _ = self.arrive(&request).await;
        }
    }

    async fn arrive(&self, request: &SubmitRequest) -> Result<BatchJobId, SubmitError> {
        let id = self.inner.submit(request).await?;
        let sent = Sent::of(request, &id, self.clock.now());
        self.sent.lock().unwrap().push(sent);
        Ok(id)
    }

    /// Everything that arrived, as it stands now.
    pub async fn all_sent(&self) -> Vec<Sent> {
        let mut all = self.sent.lock().unwrap().clone();
        for sent in &mut all {
            sent.look(&self.inner).await;
        }
        all
    }

    /// Jobs that were ever hidden, also those of which a child was.
    pub fn hidden(&self) -> BTreeSet<BatchJobId> {
        let hidden = self.hidden.lock().unwrap();
        let whole = |id: &BatchJobId| {
            let id = id.as_str();
            BatchJobId::new(id.split_once(':').map_or(id, |(parent, _)| parent))
        };
        hidden.keys().map(whole).collect()
    }

    fn give_up_on(&self, request: &SubmitRequest, late: SignedDuration) {
        let at = self.clock.now() + late;
        self.late.lock().unwrap().push((at, request.clone()));
    }

    /// Hides one of the jobs for minutes, or for ever.
    fn hide_one_of(&self, ids: &[BatchJobId]) {
        if ids.is_empty() || !self.fate.strikes(self.fate.rates().vanish) {
            return;
        }
        let mut chance = self.fate.chance();
        let id = ids[chance.random_range(0..ids.len())].clone();
        let for_ever = chance.random_bool(0.3);
        let minutes = if for_ever { 60 * 24 * 365 } else { chance.random_range(1..8) };
        drop(chance);
        let until = self.clock.now() + SignedDuration::from_mins(minutes);
        self.hidden.lock().unwrap().entry(id).or_insert(until);
        self.fate.count(Fault::Vanished);
    }
}

fn unknown() -> SubmitError {
    SubmitError::OutcomeUnknown(failure("SubmitJob", FailureKind::Unavailable))
}

#[async_trait]
impl BatchService for FatedCloud {
    async fn submit(&self, request: &SubmitRequest) -> Result<BatchJobId, SubmitError> {
        self.fate.step().await;
        self.late_effects(self.clock.now()).await;
        let answer = match self.fate.lot() {
            Lot::Goes => self.arrive(request).await,
            Lot::Refused => {
                Err(SubmitError::NotAccepted(failure("SubmitJob", FailureKind::Throttled)))
            }
            Lot::LostBefore => Err(unknown()),
            Lot::LostAfter => {
                let _ = self.arrive(request).await;
                Err(unknown())
            }
            Lot::Late(late) => {
                self.give_up_on(request, late);
                Err(unknown())
            }
        };
        self.fate.step().await;
        answer
    }

    async fn describe(
        &self,
        site: &Site,
        ids: &[BatchJobId],
    ) -> Result<Vec<JobObservation>, ServiceError> {
        let mut jobs = self.fate.call("DescribeJobs", self.inner.describe(site, ids)).await?;
        self.hide_one_of(ids);
        let (hidden, now) = (self.hidden.lock().unwrap(), self.clock.now());
        jobs.retain(|job| hidden.get(&job.id).is_none_or(|until| *until <= now));
        Ok(jobs)
    }

    async fn find_by_name(
        &self,
        site: &Site,
        queue: &str,
        name: &BatchJobName,
        since: Timestamp,
    ) -> Result<Vec<FoundJob>, ServiceError> {
        self.late_effects(self.clock.now()).await;
        self.fate.call("ListJobs", self.inner.find_by_name(site, queue, name, since)).await
    }

    async fn cancel(&self, site: &Site, id: &BatchJobId, reason: &str) -> Result<(), ServiceError> {
        self.fate.call("CancelJob", self.inner.cancel(site, id, reason)).await
    }

    async fn terminate(
        &self,
        site: &Site,
        id: &BatchJobId,
        reason: &str,
    ) -> Result<(), ServiceError> {
        self.fate.call("TerminateJob", self.inner.terminate(site, id, reason)).await
    }

    async fn describe_queue(
        &self,
        site: &Site,
        queue: &str,
    ) -> Result<QueueDescription, ServiceError> {
        self.fate.call("DescribeJobQueues", self.inner.describe_queue(site, queue)).await
    }

    async fn expand_instance_types(
        &self,
        site: &Site,
        patterns: &[String],
    ) -> Result<BTreeMap<InstanceType, InstanceShape>, ServiceError> {
        let answer = self.inner.expand_instance_types(site, patterns);
        self.fate.call("DescribeInstanceTypes", answer).await
    }
}

#[async_trait]
impl InstanceDirectory for FatedCloud {
    async fn container_hosts(
        &self,
        site: &Site,
        arns: &[String],
    ) -> Result<Vec<ContainerHost>, ServiceError> {
        let answer = self.inner.container_hosts(site, arns);
        self.fate.call("DescribeContainerInstances", answer).await
    }

    async fn instances(
        &self,
        site: &Site,
        ids: &[InstanceId],
    ) -> Result<Vec<InstanceFacts>, ServiceError> {
        self.fate.call("DescribeInstances", self.inner.instances(site, ids)).await
    }

    async fn fargate_tasks(
        &self,
        site: &Site,
        arns: &[String],
    ) -> Result<Vec<FargateTask>, ServiceError> {
        self.fate.call("DescribeTasks", self.inner.fargate_tasks(site, arns)).await
    }
}

#[async_trait]
impl SpotPriceSource for FatedCloud {
    async fn spot_prices(
        &self,
        site: &Site,
        types: &[InstanceType],
        window: Window,
    ) -> Result<Vec<PricePoint>, ServiceError> {
        let answer = self.inner.spot_prices(site, types, window);
        self.fate.call("DescribeSpotPriceHistory", answer).await
    }
}

#[async_trait]
impl ListPriceSource for FatedCloud {
    async fn on_demand_prices(
        &self,
        region: &Region,
        types: &[InstanceType],
    ) -> Vec<Result<ListPrice, PriceProblem>> {
        self.fate.step().await;
        self.inner.on_demand_prices(region, types).await
    }

    async fn fargate_prices(&self, region: &Region) -> Result<Vec<FargatePrice>, ServiceError> {
        self.fate.call("GetProducts", self.inner.fargate_prices(region)).await
    }
}
