//! A look at an account, for `spotcron doctor`. Every call only reads.

use async_trait::async_trait;
use jiff::SignedDuration;

use super::{FailureKind, ServiceError};
use crate::doctor::{
    Access, ComputeEnvironmentFacts, DefinitionFacts, Operation, QueueFacts, Unseen, WaitingJob,
};
use crate::domain::Site;

/// Who the credentials are, and what time AWS has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub account: Result<String, ServiceError>,
    /// How far AWS's clock is ahead of this machine's. AWS also says the time when it refuses a
    /// request; without any answer there is none.
    pub aws_clock_ahead: Option<SignedDuration>,
}

/// What a test of a permission may name. Policies can be limited to a queue or a cluster, so that
/// one that is really used tells most.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProbeAt {
    /// A job queue of the region, name or ARN.
    pub queue: Option<String>,
    /// An ECS cluster of the region, name or ARN.
    pub cluster: Option<String>,
}

/// An AWS account, to be looked at.
#[async_trait]
pub trait AccountInspector: Send + Sync {
    async fn identity(&self) -> Identity;

    /// The account that calls at a place reach, which shows whether its role can be assumed.
    async fn account_at(&self, site: &Site) -> Result<String, ServiceError>;

    /// Calls an operation without effect. What comes back matters only as far as it tells whether
    /// the call is allowed. Only for operations that can be tested.
    async fn probe(
        &self,
        site: &Site,
        operation: Operation,
        at: &ProbeAt,
    ) -> Result<(), ServiceError>;

    /// A job queue; `NotFound` where there is none.
    async fn inspect_queue(&self, site: &Site, queue: &str) -> Result<QueueFacts, ServiceError>;

    /// Those that exist, in the order of `names` (names or ARNs), with their instance types expanded
    /// and the zones of their subnets.
    async fn inspect_compute_environments(
        &self,
        site: &Site,
        names: &[String],
    ) -> Result<Vec<ComputeEnvironmentFacts>, ServiceError>;

    /// The definition that SubmitJob would take: of a name without a revision the newest active one.
    /// `NotFound` where there is none.
    async fn inspect_definition(
        &self,
        site: &Site,
        definition: &str,
    ) -> Result<DefinitionFacts, ServiceError>;

    /// Jobs of a queue in RUNNABLE. Of very many, some may be left out.
    async fn runnable_jobs(
        &self,
        site: &Site,
        queue: &str,
    ) -> Result<Vec<WaitingJob>, ServiceError>;
}

impl From<ServiceError> for Unseen {
    fn from(error: ServiceError) -> Self {
        match error.kind {
            FailureKind::Denied => Unseen::Denied,
            FailureKind::NotFound => Unseen::Missing,
            FailureKind::RoleRefused => Unseen::Refused(error.message),
            _ => Unseen::Failed(error.to_string()),
        }
    }
}

impl From<Result<(), ServiceError>> for Access {
    /// Permissions are checked before anything else: who is told that a request is wrong, or that
    /// what it names does not exist, was allowed to send it.
    fn from(answer: Result<(), ServiceError>) -> Self {
        let Err(error) = answer else { return Access::Allowed };
        match error.kind {
            FailureKind::Denied => Access::Denied(error.to_string()),
            FailureKind::Rejected | FailureKind::NotFound => Access::Allowed,
            FailureKind::RoleRefused
            | FailureKind::Throttled
            | FailureKind::Unavailable
            | FailureKind::BadResponse => Access::Unclear(error.to_string()),
        }
    }
}
