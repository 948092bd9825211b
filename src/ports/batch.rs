//! AWS Batch, as far as it is used.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ServiceError;
use crate::domain::{
    BatchJobId, BatchJobName, BatchStatus, Capacity, InstanceShape, InstanceType, JobObservation,
    Site, Zone,
};
use crate::run::SubmitRequest;

/// Why SubmitJob gave no job id. The difference decides whether the call may ever be repeated.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SubmitError {
    /// Batch refused: nothing was started, and repeating the same request cannot help.
    #[error("{0}")]
    Rejected(ServiceError),
    /// Certainly not accepted (throttled, not permitted, or never sent): may be repeated later.
    #[error("{0}")]
    NotAccepted(ServiceError),
    /// It may or may not have taken effect: look it up before anything is sent again.
    #[error("{0}")]
    OutcomeUnknown(ServiceError),
}

/// A job found by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundJob {
    pub id: BatchJobId,
    pub name: String,
    pub created_at: Option<Timestamp>,
    pub status: BatchStatus,
}

/// A compute environment behind a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComputeEnvironment {
    pub name: String,
    /// `None` for types that this version does not know.
    pub capacity: Option<Capacity>,
    pub enabled: bool,
    /// `VALID`, or another status with its reason.
    pub valid: Result<(), String>,
    /// As configured: exact types, families, `optimal`.
    pub instance_types: Vec<String>,
    /// Zones of its subnets, where they could be read.
    pub zones: Vec<Zone>,
    pub ecs_cluster_arn: Option<String>,
}

/// A job queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueDescription {
    pub arn: String,
    pub enabled: bool,
    pub valid: Result<(), String>,
    /// In the queue's order.
    pub environments: Vec<ComputeEnvironment>,
}

impl ComputeEnvironment {
    /// Why it takes no job now.
    fn problem(&self) -> Option<String> {
        match &self.valid {
            Err(reason) => Some(format!("{} is not valid: {reason}", self.name)),
            Ok(()) if !self.enabled => Some(format!("{} is disabled", self.name)),
            Ok(()) => None,
        }
    }
}

impl QueueDescription {
    /// Why the queue cannot take a job for `capacity` now; `None` when it can.
    pub fn unusable_for(&self, capacity: Capacity) -> Option<String> {
        if !self.enabled {
            return Some("the job queue is disabled".to_owned());
        }
        if let Err(reason) = &self.valid {
            return Some(format!("the job queue is not valid: {reason}"));
        }
        let of_capacity = || self.environments.iter().filter(|ce| ce.capacity == Some(capacity));
        let problems: Vec<String> = of_capacity().filter_map(ComputeEnvironment::problem).collect();
        let total = of_capacity().count();
        if total == 0 {
            return Some(format!(
                "no compute environment behind the queue has {capacity} capacity"
            ));
        }
        (problems.len() == total).then(|| problems.join("; "))
    }

    /// The instance types of `capacity` behind the queue as configured (exact types, families,
    /// `optimal`), sorted.
    pub fn instance_types_of(&self, capacity: Capacity) -> Vec<String> {
        let of_capacity = self.environments.iter().filter(|ce| ce.capacity == Some(capacity));
        let mut patterns: Vec<String> =
            of_capacity.flat_map(|ce| ce.instance_types.iter().cloned()).collect();
        patterns.sort();
        patterns.dedup();
        patterns
    }
}

/// DescribeJobs takes so many ids.
pub const DESCRIBED_PER_CALL: usize = 100;

/// AWS Batch in the account that the daemon serves.
#[async_trait]
pub trait BatchService: Send + Sync {
    /// Sends one SubmitJob, exactly one request, never repeated inside.
    async fn submit(&self, request: &SubmitRequest) -> Result<BatchJobId, SubmitError>;

    /// At most [`DESCRIBED_PER_CALL`] ids (array children allowed). Ids that Batch does not know (any
    /// more) are missing from the answer.
    async fn describe(
        &self,
        site: &Site,
        ids: &[BatchJobId],
    ) -> Result<Vec<JobObservation>, ServiceError>;

    /// Every job of exactly this name in a queue, in any status, created at or after `since`.
    async fn find_by_name(
        &self,
        site: &Site,
        queue: &str,
        name: &BatchJobName,
        since: Timestamp,
    ) -> Result<Vec<FoundJob>, ServiceError>;

    /// Acts on a job that is not placed yet; succeeds and does nothing on one that is.
    async fn cancel(&self, site: &Site, id: &BatchJobId, reason: &str) -> Result<(), ServiceError>;

    /// Stops a job in any state.
    async fn terminate(
        &self,
        site: &Site,
        id: &BatchJobId,
        reason: &str,
    ) -> Result<(), ServiceError>;

    /// A queue and the compute environments behind it.
    async fn describe_queue(
        &self,
        site: &Site,
        queue: &str,
    ) -> Result<QueueDescription, ServiceError>;

    /// Expands exact types, families and `optimal` to the types that exist in the region.
    async fn expand_instance_types(
        &self,
        site: &Site,
        patterns: &[String],
    ) -> Result<BTreeMap<InstanceType, InstanceShape>, ServiceError>;
}

/// Everything in a queue, for `spotcron adopt`. Apart from [`BatchService`]: the daemon looks names up, and
/// never lists a queue.
#[async_trait]
pub trait JobListing: Send + Sync {
    /// Every job of a queue, in any status, created at or after `since`. Children of arrays are left
    /// out: they belong to their parent.
    async fn list_jobs(
        &self,
        site: &Site,
        queue: &str,
        since: Timestamp,
    ) -> Result<Vec<FoundJob>, ServiceError>;
}
