//! ECS and EC2.

use async_trait::async_trait;

use crate::domain::{InstanceFacts, InstanceId, Site};
use crate::ports::{ContainerHost, FargateTask, InstanceDirectory, ServiceError};
use crate::sim::SimCloud;
use crate::sim::faults::Operation;

#[async_trait]
impl InstanceDirectory for SimCloud {
    async fn container_hosts(
        &self,
        site: &Site,
        container_instance_arns: &[String],
    ) -> Result<Vec<ContainerHost>, ServiceError> {
        self.call(Operation::DescribeContainerInstances, |state| {
            let here = state.scenario.serves(site);
            let arns = container_instance_arns.iter().filter(|_| here);
            let hosts = arns.filter_map(|arn| state.fleet.find_host(arn));
            Ok(hosts.map(|instance| instance.container_host()).collect())
        })
    }

    async fn instances(
        &self,
        site: &Site,
        ids: &[InstanceId],
    ) -> Result<Vec<InstanceFacts>, ServiceError> {
        self.call(Operation::DescribeInstances, |state| {
            let here = state.scenario.serves(site);
            let found = ids.iter().filter(|_| here).filter_map(|id| state.fleet.find(id));
            Ok(found.map(|instance| instance.facts(&site.region, state.now)).collect())
        })
    }

    async fn fargate_tasks(
        &self,
        site: &Site,
        task_arns: &[String],
    ) -> Result<Vec<FargateTask>, ServiceError> {
        self.call(Operation::DescribeTasks, |state| {
            let here = state.scenario.serves(site);
            let found = task_arns.iter().filter(|_| here).filter_map(|arn| state.tasks.find(arn));
            Ok(found.map(|task| task.observe(state.now)).collect())
        })
    }
}
