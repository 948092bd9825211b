//! What a look at the account and at this machine showed: plain values. Every look may have failed.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{Advised, Operation};
use crate::catalogue::RetryStrategy;
use crate::domain::{
    Architecture, Capacity, EnvironmentName, InstanceShape, InstanceType, Resources, Role, Site,
    Zone,
};
use crate::experience::Breaker;

/// What was seen, or why nothing was.
pub type Look<T> = Result<T, Unseen>;

/// Why a look showed nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unseen {
    /// The permission is missing; it is reported as such, once.
    Denied,
    /// What was named does not exist.
    Missing,
    /// The role through which the account is entered cannot be assumed. In AWS's words.
    Refused(String),
    /// Anything else: its text can be read alone.
    Failed(String),
}

/// Whether the credentials may call an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    Allowed,
    /// With AWS's words.
    Denied(String),
    /// The answer told neither.
    Unclear(String),
    /// Calling it would change something.
    NotTested,
}

/// Everything that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The account that the credentials belong to.
    pub account: Look<String>,
    /// How far AWS's clock is ahead of this machine's; negative when this machine's is ahead.
    pub aws_clock_ahead: Look<SignedDuration>,
    /// The account that each role of the catalogue leads to.
    pub roles: BTreeMap<Role, Look<String>>,
    /// By operation and place, of what the catalogue needs.
    pub permissions: BTreeMap<(Operation, Site), Access>,
    /// Of every environment of the catalogue.
    pub environments: BTreeMap<EnvironmentName, EnvironmentFacts>,
    /// Of every definition that a job of the catalogue may be submitted with, by place and as the
    /// catalogue names it.
    pub definitions: BTreeMap<(Site, String), Look<DefinitionFacts>>,
    pub local: LocalFacts,
}

/// What was seen of an environment of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentFacts {
    pub queue: Look<QueueFacts>,
    /// The compute environments behind the queue, in its order. One that the queue names and that
    /// does not exist is missing.
    pub compute_environments: Look<Vec<ComputeEnvironmentFacts>>,
    /// Jobs of the queue, anybody's, in RUNNABLE.
    pub runnable: Look<Vec<WaitingJob>>,
}

/// A job queue (`JobQueueDetail`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueFacts {
    /// `ENABLED` or `DISABLED`.
    pub state: String,
    pub status: String,
    pub status_reason: Option<String>,
    /// Names or ARNs of compute environments (`computeEnvironmentOrder`).
    pub order: Vec<String>,
}

/// A compute environment (`ComputeEnvironmentDetail`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComputeEnvironmentFacts {
    pub name: String,
    pub arn: String,
    /// `None` for types that this version does not know.
    pub capacity: Option<Capacity>,
    /// `ENABLED` or `DISABLED`.
    pub state: String,
    pub status: String,
    pub status_reason: Option<String>,
    /// As configured: exact types, families, `optimal`. Empty for Fargate.
    pub instance_types: Vec<String>,
    /// The types that these come to.
    pub shapes: Look<BTreeMap<InstanceType, InstanceShape>>,
    /// Absent means `BEST_FIT`, Batch's default.
    pub allocation_strategy: Option<String>,
    /// An instance profile's name or ARN (`instanceRole`).
    pub instance_role: Option<String>,
    pub service_role: Option<String>,
    pub spot_fleet_role: Option<String>,
    pub subnets: Vec<String>,
    /// Of the subnets.
    pub zones: Look<Vec<Zone>>,
    pub min_vcpus: Option<i32>,
    pub max_vcpus: Option<i32>,
    pub desired_vcpus: Option<i32>,
    pub ecs_cluster_arn: Option<String>,
}

/// What a job definition is made for (`platformCapabilities`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Platform {
    Ec2,
    Fargate,
}

impl Platform {
    /// As AWS writes it.
    pub const fn label(self) -> &'static str {
        match self {
            Platform::Ec2 => "EC2",
            Platform::Fargate => "FARGATE",
        }
    }
}

/// A job definition (`JobDefinition`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinitionFacts {
    pub revision: Option<i32>,
    /// `ACTIVE` or `INACTIVE`.
    pub status: String,
    /// Empty means EC2 (`platformCapabilities`).
    pub platforms: Vec<Platform>,
    /// Of its `runtimePlatform`, where it says one.
    pub architecture: Option<Architecture>,
    pub resources: Option<Resources>,
    pub retry_strategy: Option<RetryStrategy>,
    /// Per attempt.
    pub timeout: Option<SignedDuration>,
}

/// A job in RUNNABLE, as ListJobs shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingJob {
    pub id: String,
    pub name: String,
    /// When it was submitted, or an attempt of it last began or ended. It is RUNNABLE since then at
    /// the earliest: Batch does not say since when.
    pub since: Option<Timestamp>,
    /// Only of the job at the head of the queue, and only where Batch knows.
    pub status_reason: Option<String>,
}

/// What was seen on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalFacts {
    pub store: StoreFacts,
    /// Whether the folder of the store is there.
    pub folder_exists: bool,
    /// The type of its file system as the kernel names it (`ext4`, `nfs4`), where it can be told.
    pub file_system: Option<String>,
    /// Free for spotcron on that file system, where it can be told.
    pub free_bytes: Option<u64>,
    /// Of the store's environments, those whose breaker is not closed.
    pub breakers: BTreeMap<EnvironmentName, Breaker>,
    /// What the store's prices and experience advise, of the catalogue's environments.
    pub advice: BTreeMap<EnvironmentName, Vec<Advised>>,
}

/// What is at the store's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreFacts {
    /// Nothing yet: the daemon makes it at its first start.
    None,
    /// The data of an AWS account.
    OfAccount(String),
    /// The data of a simulated cloud.
    OfSimulation,
    /// It cannot be used; the text says why and what to do.
    Unusable(String),
}
