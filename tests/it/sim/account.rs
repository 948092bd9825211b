//! A small account under a virtual clock, and how tests talk to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use spotcron::catalogue::RetryStrategy;
use spotcron::clock::{Clock, VirtualClock};
use spotcron::domain::{
    BatchJobId, BatchStatus, Capacity, InstanceFacts, JobObservation, Pool, Redacted, Resources,
    Site, Window,
};
use spotcron::market::PricePoint;
use spotcron::ports::{BatchService, InstanceDirectory, SpotPriceSource, SubmitError};
use spotcron::run::SubmitRequest;
use spotcron::sim::{Scenario, SimCloud};

pub const SPOT: &str = "spot";
pub const ON_DEMAND: &str = "on-demand";
pub const FARGATE: &str = "fargate";
pub const FARGATE_SPOT: &str = "fargate-spot";

/// Futures of the simulated cloud are ready at once.
pub fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("a port of the simulated cloud had to wait"),
    }
}

pub struct Account {
    pub clock: VirtualClock,
    pub cloud: SimCloud,
    pub site: Site,
}

/// One zone, one type a queue, a market that never takes anything back.
pub fn calm() -> Scenario {
    let mut scenario = Scenario::empty("us-east-1", "a")
        .with_queue(SPOT, Capacity::Spot, &["m6i.xlarge"], 64)
        .with_queue(ON_DEMAND, Capacity::OnDemand, &["m6i.xlarge"], 64)
        .with_queue(FARGATE, Capacity::Fargate, &[], 16)
        .with_queue(FARGATE_SPOT, Capacity::FargateSpot, &[], 16)
        .with_definition("quick", 120)
        .with_definition("hour", 3600)
        .with_definition("long", 6 * 3600);
    scenario.market.reclaim_scale = 0.0;
    scenario
}

pub fn pool() -> Pool {
    Pool { zone: "us-east-1a".into(), instance_type: "m6i.xlarge".into() }
}

pub fn request(queue: &str, definition: &str, name: &str) -> SubmitRequest {
    SubmitRequest {
        site: "us-east-1".into(),
        name: name.into(),
        queue: queue.into(),
        definition: definition.into(),
        parameters: BTreeMap::new(),
        environment: BTreeMap::from([("SPOTCRON_RUN_ID".into(), Redacted::new(name))]),
        command: None,
        resources: Some(Resources { vcpu_millis: 1000, memory_mib: 2048, gpus: 0 }),
        array_size: None,
        retry_strategy: Some(RetryStrategy { attempts: 1, evaluate_on_exit: Vec::new() }),
        timeout: None,
        share_identifier: None,
        scheduling_priority: None,
        tags: BTreeMap::from([("team".into(), "data".into())]),
    }
}

impl Account {
    pub fn new(scenario: Scenario, seed: u64) -> Account {
        Account::at("2026-08-01T00:00:00Z", scenario, seed)
    }

    pub fn at(start: &str, scenario: Scenario, seed: u64) -> Account {
        let clock = VirtualClock::starting_at(start.parse().unwrap());
        let site = scenario.region.clone().into();
        let cloud = SimCloud::new(scenario, seed, Arc::new(clock.clone())).unwrap();
        Account { clock, cloud, site }
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn pass(&self, seconds: i64) {
        self.clock.advance_to(self.now() + SignedDuration::from_secs(seconds));
    }

    pub fn submit(&self, request: &SubmitRequest) -> Result<BatchJobId, SubmitError> {
        ready(self.cloud.submit(request))
    }

    pub fn start(&self, queue: &str, definition: &str, name: &str) -> BatchJobId {
        self.submit(&request(queue, definition, name)).unwrap()
    }

    pub fn find(&self, id: &BatchJobId) -> Option<JobObservation> {
        ready(self.cloud.describe(&self.site, std::slice::from_ref(id))).unwrap().pop()
    }

    pub fn job(&self, id: &BatchJobId) -> JobObservation {
        self.find(id).unwrap()
    }

    /// Second by second until the job has this status; at most four days.
    pub fn until(&self, id: &BatchJobId, status: BatchStatus) -> JobObservation {
        for _ in 0..4 * 86_400 {
            let job = self.job(id);
            if job.status == status {
                return job;
            }
            self.pass(1);
        }
        panic!("{id} never became {status:?}: {:?}", self.job(id));
    }

    pub fn crunch(&self, seconds: i64) {
        assert!(self.cloud.crunch(&pool(), SignedDuration::from_secs(seconds)));
    }

    /// The instance behind a job's latest container.
    pub fn host(&self, job: &JobObservation) -> InstanceFacts {
        let arn = job.container.as_ref().unwrap().container_instance_arn.clone().unwrap();
        let host = ready(self.cloud.container_hosts(&self.site, &[arn])).unwrap().remove(0);
        ready(self.cloud.instances(&self.site, &[host.instance_id])).unwrap().remove(0)
    }

    pub fn prices(&self, from: Timestamp, to: Timestamp) -> Vec<PricePoint> {
        let types = ["m6i.xlarge".into()];
        ready(self.cloud.spot_prices(&self.site, &types, Window::new(from, to))).unwrap()
    }
}
