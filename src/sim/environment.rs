//! Compute environments and job queues.

use std::collections::BTreeSet;

use crate::domain::{Capacity, InstanceShape, InstanceType, Pool, Region, Zone};
use crate::ports::{ComputeEnvironment, QueueDescription};

use super::change::Change;
use super::echo::{EnvironmentEcho, QueueEcho};
use super::fleet::InstanceKey;
use super::instance_types::{self, InstanceOffer};
use super::instant::Millis;
use super::job::{JobKey, QueueIx};
use super::market::{FARGATE_SPOT, PoolIx, SpotMarket};
use super::positions::Positions;
use super::random::Seed;
use super::scenario::{EnvironmentSpec, QueueSpec, Scenario};
use super::strategy::{AllocationStrategy, Terms};
use super::tasks::TaskKey;
use super::time_limit::TimeLimit;
use super::waiting::WaitingJobs;

/// Index of a compute environment.
pub(crate) type EnvironmentIx = usize;

/// One thing that an environment may launch.
#[derive(Debug, Clone)]
pub(crate) struct LaunchOption {
    pub(crate) offer: &'static InstanceOffer,
    /// The pool and its zone; `None` on demand, where any zone will do.
    pub(crate) pool: Option<(PoolIx, Zone)>,
    /// The place of its type among the environment's `instanceTypes`.
    pub(crate) rank: usize,
}

#[derive(Debug)]
pub(crate) struct Environment {
    pub(crate) spec: EnvironmentSpec,
    pub(crate) arn: String,
    pub(crate) terms: Terms,
    pub(crate) zones: Vec<Zone>,
    pub(crate) cluster: String,
    /// In the order of pools, or of types.
    pub(crate) options: Vec<LaunchOption>,
    /// Behind Fargate Spot, one a zone.
    pub(crate) task_pools: Vec<PoolIx>,
    /// The queues that it serves.
    pub(crate) queues: Vec<QueueIx>,
    /// Instances asked for or alive, oldest first.
    pub(crate) instances: Vec<InstanceKey>,
    pub(crate) tasks: BTreeSet<TaskKey>,
    /// Of the instances or tasks above, in thousandths.
    pub(crate) vcpu_millis: u64,
    next_zone: usize,
    pub(crate) change: Option<Change>,
    /// Deleted: nobody finds it any more, though what ran on it may still run.
    pub(crate) deleted: bool,
    pub(crate) echo: EnvironmentEcho,
}

/// Why the head of a queue cannot be placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blocked {
    /// No pool has capacity.
    NoCapacity,
    /// No instance type is large enough.
    TooLarge,
    /// It needs more vCPUs than the environments may ever have.
    OverMaximum,
    /// The environments have as many vCPUs as they may: an ordinary wait.
    Full,
    /// No environment is enabled and valid.
    Unusable,
}

#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) spec: QueueSpec,
    pub(crate) arn: String,
    /// In the queue's order.
    pub(crate) environments: Vec<EnvironmentIx>,
    /// RUNNABLE jobs.
    pub(crate) waiting: WaitingJobs,
    pub(crate) positions: Positions,
    next_back: i64,
    next_front: i64,
    /// The job that cannot be placed, why, and since when.
    pub(crate) blocked: Option<(JobKey, Blocked, Millis)>,
    /// Of queues that share an environment the one with the higher priority goes first.
    pub(crate) priority: i64,
    pub(crate) time_limits: Vec<TimeLimit>,
    pub(crate) change: Option<Change>,
    /// Deleted: nobody finds it any more.
    pub(crate) deleted: bool,
    pub(crate) echo: QueueEcho,
}

impl Blocked {
    /// Batch's own words, where it has any.
    pub(crate) fn reason(self) -> Option<&'static str> {
        match self {
            Blocked::NoCapacity => Some(
                "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity \
                 requested for instance type(s) of the compute environment(s)",
            ),
            Blocked::TooLarge => Some(
                "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - Job resource requirement (vCPU/memory/\
                 GPU) is higher than that can be met by the CE(s) attached to the job queue.",
            ),
            Blocked::OverMaximum => Some(
                "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - Job resource requirement is \
                 higher than the maximum vCPUs of the CE(s) attached to the job queue.",
            ),
            Blocked::Unusable => {
                Some("ACTION_REQUIRED - CE(s) associated with the job queue are invalid.")
            }
            Blocked::Full => None,
        }
    }
}

impl Environment {
    pub(crate) fn new(
        spec: &EnvironmentSpec,
        scenario: &Scenario,
        market: &SpotMarket,
        seed: Seed,
    ) -> Self {
        let (region, account) = (&scenario.region, &scenario.account_id);
        let arn = format!("arn:aws:batch:{region}:{account}:compute-environment/{}", spec.name);
        let mut environment = Environment {
            cluster: format!("AWSBatch-{}-{}", spec.name, seed.uuid("cluster", &spec.name)),
            spec: spec.clone(),
            arn,
            terms: Terms::of(spec.capacity),
            zones: Vec::new(),
            options: Vec::new(),
            task_pools: Vec::new(),
            queues: Vec::new(),
            instances: Vec::new(),
            tasks: BTreeSet::new(),
            vcpu_millis: 0,
            next_zone: 0,
            change: None,
            deleted: false,
            echo: EnvironmentEcho::default(),
        };
        environment.refit(&scenario.zones, market);
        environment
    }

    /// Works out anew what the environment may launch and where.
    pub(crate) fn refit(&mut self, zones: &[Zone], market: &SpotMarket) {
        let spec = &self.spec;
        let zones = spec.zones.clone().unwrap_or_else(|| zones.to_vec());
        let types = instance_types::expand(&spec.instance_types).unwrap_or_default();
        let offers: Vec<_> = types.iter().filter_map(instance_types::offer).collect();
        let pool_of = |zone: &Zone, instance_type: InstanceType| {
            market.find(&Pool { zone: zone.clone(), instance_type })
        };
        let mut options = Vec::new();
        for offer in offers {
            let rank = rank_of(&offer.name, &spec.instance_types);
            if !spec.capacity.is_interruptible() {
                options.push(LaunchOption { offer, pool: None, rank });
                continue;
            }
            for zone in &zones {
                if let Some(pool) = pool_of(zone, offer.name.clone()) {
                    options.push(LaunchOption { offer, pool: Some((pool, zone.clone())), rank });
                }
            }
        }
        let is_fargate_spot = spec.capacity.is_fargate() && spec.capacity.is_interruptible();
        self.task_pools = if is_fargate_spot {
            zones.iter().filter_map(|zone| pool_of(zone, FARGATE_SPOT.into())).collect()
        } else {
            Vec::new()
        };
        (self.zones, self.options) = (zones, options);
    }

    /// Zones in turn.
    pub(crate) fn take_zone(&mut self) -> usize {
        let zone = self.next_zone % self.zones.len().max(1);
        self.next_zone = zone + 1;
        zone
    }

    pub(crate) fn is_usable(&self) -> bool {
        self.spec.enabled && self.spec.invalid_reason.is_none() && !self.deleted
    }

    pub(crate) fn max_vcpu_millis(&self) -> u64 {
        u64::from(self.spec.max_vcpus) * 1000
    }

    /// Whether one more instance of this shape is allowed, provided that there is room at all. All
    /// but BEST_FIT on demand may exceed the maximum by one instance (simulated-aws.md §1.5).
    pub(crate) fn may_hold(&self, shape: &InstanceShape) -> bool {
        let strict = self.terms.strategy == AllocationStrategy::BestFit
            && self.spec.capacity == Capacity::OnDemand;
        let after = self.vcpu_millis + u64::from(shape.vcpus) * 1000;
        !strict || after <= self.max_vcpu_millis()
    }

    pub(crate) fn describe(&self, region: &Region, account: &str) -> ComputeEnvironment {
        let cluster = &self.cluster;
        ComputeEnvironment {
            name: self.spec.name.clone(),
            capacity: Some(self.spec.capacity),
            enabled: self.spec.enabled,
            valid: self.spec.invalid_reason.clone().map_or(Ok(()), Err),
            instance_types: self.spec.instance_types.clone(),
            zones: self.zones.clone(),
            ecs_cluster_arn: Some(format!("arn:aws:ecs:{region}:{account}:cluster/{cluster}")),
        }
    }
}

/// The first of `patterns` that covers `name`.
fn rank_of(name: &InstanceType, patterns: &[String]) -> usize {
    let covers = |pattern: &String| {
        instance_types::expand(std::slice::from_ref(pattern)).is_ok_and(|all| all.contains(name))
    };
    patterns.iter().position(covers).unwrap_or(patterns.len())
}

impl Queue {
    pub(crate) fn new(spec: &QueueSpec, arn: String, environments: &[Environment]) -> Self {
        let by_name = |name: &String| environments.iter().position(|e| e.spec.name == *name);
        Queue {
            arn,
            environments: spec.compute_environments.iter().filter_map(by_name).collect(),
            spec: spec.clone(),
            waiting: WaitingJobs::default(),
            positions: Positions::default(),
            next_back: 0,
            next_front: -1,
            blocked: None,
            priority: 1,
            time_limits: Vec::new(),
            change: None,
            deleted: false,
            echo: QueueEcho::default(),
        }
    }

    /// The place behind everyone.
    pub(crate) fn back(&mut self) -> i64 {
        self.next_back += 1;
        self.next_back - 1
    }

    /// The place before everyone: where Batch puts retries.
    pub(crate) fn front(&mut self) -> i64 {
        self.next_front -= 1;
        self.next_front + 1
    }

    pub(crate) fn enter(&mut self, order: i64, job: JobKey, now: Millis) {
        self.waiting.enter(order, job);
        self.moved(order, now);
    }

    /// Takes a job out, if it is in.
    pub(crate) fn leave(&mut self, order: i64, job: JobKey, now: Millis) {
        if self.waiting.leave(order, job) {
            self.moved(order, now);
        }
    }

    fn moved(&mut self, order: i64, now: Millis) {
        self.positions.moved(order, now, self.waiting.all());
    }

    /// What Batch says of a job that is blocked at the head of this queue.
    pub(crate) fn blocked_reason(
        &self,
        job: JobKey,
        now: Millis,
        after: Millis,
    ) -> Option<&'static str> {
        let (blocked, why, since) = self.blocked?;
        (blocked == job && now - since >= after).then(|| why.reason())?
    }

    pub(crate) fn describe(&self, environments: Vec<ComputeEnvironment>) -> QueueDescription {
        QueueDescription {
            arn: self.arn.clone(),
            enabled: self.spec.enabled,
            valid: self.spec.invalid_reason.clone().map_or(Ok(()), Err),
            environments,
        }
    }
}
