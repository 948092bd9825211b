//! What AWS shows of jobs, attempts and instances.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{BatchJobId, InstanceId, InstanceType, Lifecycle, Resources, Site, Zone};

/// A Batch job's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BatchStatus {
    Submitted,
    Pending,
    Runnable,
    Starting,
    Running,
    Succeeded,
    Failed,
    /// A status that this version does not know; treated as "still going on".
    Unrecognised,
}

impl BatchStatus {
    pub const fn is_final(self) -> bool {
        matches!(self, BatchStatus::Succeeded | BatchStatus::Failed)
    }

    /// Not yet placed on an instance: CancelJob still acts.
    pub const fn is_waiting(self) -> bool {
        matches!(self, BatchStatus::Submitted | BatchStatus::Pending | BatchStatus::Runnable)
    }

    pub const fn label(self) -> &'static str {
        match self {
            BatchStatus::Submitted => "SUBMITTED",
            BatchStatus::Pending => "PENDING",
            BatchStatus::Runnable => "RUNNABLE",
            BatchStatus::Starting => "STARTING",
            BatchStatus::Running => "RUNNING",
            BatchStatus::Succeeded => "SUCCEEDED",
            BatchStatus::Failed => "FAILED",
            BatchStatus::Unrecognised => "UNRECOGNISED",
        }
    }
}

/// A container as a job or one of its attempts shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ContainerObservation {
    pub exit_code: Option<i32>,
    pub reason: Option<String>,
    pub container_instance_arn: Option<String>,
    pub task_arn: Option<String>,
    pub log_stream: Option<String>,
}

/// A finished attempt.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AttemptObservation {
    /// Absent when the container never ran.
    pub started_at: Option<Timestamp>,
    pub stopped_at: Option<Timestamp>,
    pub status_reason: Option<String>,
    pub container: ContainerObservation,
}

/// Children of an array job by status (`arrayProperties`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ArraySummary {
    pub size: u32,
    pub by_status: BTreeMap<String, u32>,
}

/// What DescribeJobs says of one job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobObservation {
    pub id: BatchJobId,
    pub name: String,
    pub status: BatchStatus,
    pub status_reason: Option<String>,
    pub created_at: Option<Timestamp>,
    /// Absent until a container ran (the SDK's filled-in zero is taken out by the adapter).
    pub started_at: Option<Timestamp>,
    pub stopped_at: Option<Timestamp>,
    /// Somebody asked for its end (`isCancelled`, `isTerminated`).
    #[serde(default)]
    pub stop_requested: bool,
    /// The running (or latest) attempt's container.
    pub container: Option<ContainerObservation>,
    /// Finished attempts, oldest first; the running one joins when it ends.
    pub attempts: Vec<AttemptObservation>,
    pub array: Option<ArraySummary>,
    pub resources: Option<Resources>,
    pub tags: BTreeMap<String, String>,
}

/// Who ended an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceEnd {
    /// EC2 took a Spot Instance back (`Server.SpotInstanceTermination`).
    Reclaimed,
    /// Batch scaled in, or somebody terminated it.
    Requested,
    /// It is gone, and nothing says why.
    Unknown,
}

/// What is known of an EC2 instance. All but its end is immutable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceFacts {
    pub id: InstanceId,
    /// Stored under the name that it had before there were roles.
    #[serde(rename = "region")]
    pub site: Site,
    pub instance_type: InstanceType,
    pub zone: Zone,
    pub lifecycle: Lifecycle,
    pub launched_at: Timestamp,
    /// Set once it stopped being billed.
    pub ended_at: Option<Timestamp>,
    pub end: Option<InstanceEnd>,
    /// When it was last seen alive.
    pub seen_at: Timestamp,
}
