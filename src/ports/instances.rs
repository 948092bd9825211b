//! From a container to the machine that ran it, while that can still be seen: container instances
//! and EC2 instances stay describable for about an hour after their end.

use async_trait::async_trait;
use jiff::Timestamp;

use super::ServiceError;
use crate::domain::{InstanceFacts, InstanceId, InstanceType, Site, Zone};

/// An ECS container instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerHost {
    pub container_instance_arn: String,
    pub instance_id: InstanceId,
    pub instance_type: Option<InstanceType>,
    pub zone: Option<Zone>,
}

/// A Fargate task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FargateTask {
    pub task_arn: String,
    pub zone: Option<Zone>,
    pub interrupted: bool,
    /// When its image pull began: where Fargate's bill begins.
    pub pull_started_at: Option<Timestamp>,
    pub stopped_at: Option<Timestamp>,
}

/// ECS and EC2, as far as they tell where a container ran.
#[async_trait]
pub trait InstanceDirectory: Send + Sync {
    /// Those that are (still) known; others are missing from the answer.
    async fn container_hosts(
        &self,
        site: &Site,
        container_instance_arns: &[String],
    ) -> Result<Vec<ContainerHost>, ServiceError>;

    /// Those that are (still) known; others are missing from the answer.
    async fn instances(
        &self,
        site: &Site,
        ids: &[InstanceId],
    ) -> Result<Vec<InstanceFacts>, ServiceError>;

    /// Those that are (still) known; others are missing from the answer.
    async fn fargate_tasks(
        &self,
        site: &Site,
        task_arns: &[String],
    ) -> Result<Vec<FargateTask>, ServiceError>;
}
