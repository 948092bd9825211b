//! One attempt of a leg, as recorded while it could be seen.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::PriceTerms;
use crate::domain::{
    AttemptEnd, BatchJobId, Capacity, ClassName, EnvironmentName, InstanceId, InstanceShape,
    InstanceType, JobName, Lifecycle, Pool, Resources, RunId, Site, Window, Zone,
};

/// Which attempt.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AttemptKey {
    pub run: RunId,
    pub leg: u16,
    /// The child of an array job.
    pub child: Option<u32>,
    /// From 1, Batch's own count within the leg.
    pub number: u32,
}

/// The machine behind an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostRecord {
    pub instance_id: InstanceId,
    pub instance_type: InstanceType,
    pub zone: Zone,
    pub lifecycle: Lifecycle,
    pub launched_at: Timestamp,
    pub shape: Option<InstanceShape>,
}

impl HostRecord {
    /// The pool that it was launched in.
    pub fn pool(&self) -> Pool {
        Pool { zone: self.zone.clone(), instance_type: self.instance_type.clone() }
    }
}

/// One attempt. Everything the ledger needs, taken down while AWS still shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRecord {
    pub key: AttemptKey,
    /// With mapped indices, the one that it worked on: the same in every leg that carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    pub job: JobName,
    pub class: ClassName,
    pub batch_job_id: BatchJobId,
    pub environment: EnvironmentName,
    pub capacity: Capacity,
    /// Stored under the name that it had before there were roles.
    #[serde(rename = "region")]
    pub site: Site,
    pub resources: Option<Resources>,
    /// `None` when the container never ran.
    pub started_at: Option<Timestamp>,
    /// `None` while it runs.
    pub stopped_at: Option<Timestamp>,
    pub end: Option<AttemptEnd>,
    pub exit_code: Option<i32>,
    /// Batch's own words.
    pub reason: Option<String>,
    pub log_stream: Option<String>,
    pub container_instance_arn: Option<String>,
    pub task_arn: Option<String>,
    /// Fargate only: when the image pull began, which is where AWS's bill begins.
    #[serde(default)]
    pub pull_started_at: Option<Timestamp>,
    /// Fargate only: where the task ran. On EC2 the host says so.
    #[serde(default)]
    pub zone: Option<Zone>,
    /// The terms of its leg; `None` for legs from before those were kept.
    #[serde(default)]
    pub terms: Option<PriceTerms>,
    pub host: Option<HostRecord>,
}

impl AttemptRecord {
    /// The time it ran, once it ended. Empty when it never started.
    pub fn window(&self) -> Option<Window> {
        let stopped = self.stopped_at?;
        Some(Window::new(self.started_at.unwrap_or(stopped), stopped))
    }
}
