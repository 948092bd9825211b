//! Which machine an ECS container instance or task is: ECS knows it until an hour after its end.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_ecs::types::{ContainerInstance, Task};

use super::AwsCloud;
use super::error::service_error;
use super::moment::from_sdk;
use crate::domain::{InstanceFacts, InstanceId, InstanceType, Site, Zone};
use crate::ports::{ContainerHost, FailureKind, FargateTask, InstanceDirectory, ServiceError};

/// What one describe call of ECS takes.
const ARNS_PER_CALL: usize = 100;

#[async_trait]
impl InstanceDirectory for AwsCloud {
    async fn container_hosts(
        &self,
        site: &Site,
        container_instance_arns: &[String],
    ) -> Result<Vec<ContainerHost>, ServiceError> {
        let ecs = &self.inner.clients.of(site).ecs;
        let mut hosts = Vec::new();
        for (cluster, arns) in by_cluster("container-instance", container_instance_arns) {
            for some in arns.chunks(ARNS_PER_CALL) {
                self.inner.clients.of(site).pacing.lookup().await;
                let call = ecs.describe_container_instances().cluster(cluster);
                match call.set_container_instances(Some(some.to_vec())).send().await {
                    // Those that are gone come in `failures`, as MISSING.
                    Ok(answer) => {
                        hosts.extend(answer.container_instances().iter().filter_map(host))
                    }
                    Err(failure) => {
                        known_cluster(service_error("DescribeContainerInstances", &failure))?;
                    }
                }
            }
        }
        Ok(hosts)
    }

    async fn instances(
        &self,
        site: &Site,
        ids: &[InstanceId],
    ) -> Result<Vec<InstanceFacts>, ServiceError> {
        self.ec2_instances(site, ids).await
    }

    async fn fargate_tasks(
        &self,
        site: &Site,
        task_arns: &[String],
    ) -> Result<Vec<FargateTask>, ServiceError> {
        let ecs = &self.inner.clients.of(site).ecs;
        let mut tasks = Vec::new();
        for (cluster, arns) in by_cluster("task", task_arns) {
            for some in arns.chunks(ARNS_PER_CALL) {
                self.inner.clients.of(site).pacing.lookup().await;
                let call = ecs.describe_tasks().cluster(cluster);
                match call.set_tasks(Some(some.to_vec())).send().await {
                    Ok(answer) => tasks.extend(answer.tasks().iter().filter_map(task)),
                    Err(failure) => known_cluster(service_error("DescribeTasks", &failure))?,
                }
            }
        }
        Ok(tasks)
    }
}

/// A cluster that is gone took its instances and tasks with it: they are missing, no failure.
fn known_cluster(error: ServiceError) -> Result<(), ServiceError> {
    if error.kind == FailureKind::NotFound { Ok(()) } else { Err(error) }
}

/// ARNs of the new format, `arn:…:<kind>/CLUSTER/ID`, by cluster. Others (the format before 2018,
/// which does not name the cluster; an emulator's filler) cannot be asked for and are left out.
fn by_cluster<'a>(kind: &str, arns: &'a [String]) -> BTreeMap<&'a str, Vec<String>> {
    let mut groups: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for arn in arns {
        if let Some(cluster) = cluster_of(kind, arn) {
            let group = groups.entry(cluster).or_default();
            if !group.contains(arn) {
                group.push(arn.clone());
            }
        }
    }
    groups
}

fn cluster_of<'a>(kind: &str, arn: &'a str) -> Option<&'a str> {
    let mut parts = arn.splitn(6, ':');
    if parts.next() != Some("arn") || parts.nth(1) != Some("ecs") {
        return None;
    }
    let mut resource = parts.nth(2)?.split('/');
    let (found, cluster, id) = (resource.next()?, resource.next()?, resource.next()?);
    let whole = found == kind && !cluster.is_empty() && !id.is_empty();
    (whole && resource.next().is_none()).then_some(cluster)
}

/// `None` for what runs on no EC2 instance (ECS Anywhere).
fn host(instance: &ContainerInstance) -> Option<ContainerHost> {
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let attribute = |name: &str| {
        let found = instance.attributes().iter().find(|attribute| attribute.name() == name);
        text(found.and_then(|attribute| attribute.value()))
    };
    Some(ContainerHost {
        container_instance_arn: text(instance.container_instance_arn())?,
        instance_id: InstanceId::from(text(instance.ec2_instance_id())?),
        instance_type: attribute("ecs.instance-type").map(InstanceType::from),
        zone: attribute("ecs.availability-zone").map(Zone::from),
    })
}

fn task(task: &Task) -> Option<FargateTask> {
    let code = task.stop_code().map_or("", |code| code.as_str());
    // Events show the same interruption as `TerminationNotice`, with this reason.
    let told =
        task.stopped_reason().is_some_and(|r| r.starts_with("Your Spot Task was interrupted"));
    Some(FargateTask {
        task_arn: task.task_arn().filter(|arn| !arn.is_empty())?.to_owned(),
        zone: task.availability_zone().filter(|zone| !zone.is_empty()).map(Zone::from),
        interrupted: code == "SpotInterruption" || told,
        pull_started_at: task.pull_started_at().and_then(from_sdk),
        stopped_at: task.stopped_at().and_then(from_sdk),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_arns_that_name_their_cluster_can_be_asked_for() {
        let arns = [
            "arn:aws:ecs:us-east-1:123456789012:container-instance/spot/abc",
            "arn:aws:ecs:us-east-1:123456789012:container-instance/spot/def",
            "arn:aws:ecs:us-east-1:123456789012:container-instance/spot/abc",
            "arn:aws-cn:ecs:cn-north-1:123456789012:container-instance/other/abc",
            "arn:aws:ecs:us-east-1:123456789012:container-instance/abc",
            "arn:aws:ecs:us-east-1:123456789012:task/spot/abc",
            "arn:aws:batch:us-east-1:123456789012:container-instance/spot/abc",
            "arn:aws:ecs:us-east-1:123456789012:container-instance//abc",
            "arn:aws:ecs:us-east-1:123456789012:container-instance/a/b/c",
            "TBD",
            "",
        ]
        .map(str::to_owned);
        let groups = by_cluster("container-instance", &arns);
        assert_eq!(groups.keys().copied().collect::<Vec<_>>(), ["other", "spot"]);
        assert_eq!(groups["spot"], arns[..2]);
        assert_eq!(by_cluster("task", &arns)["spot"], arns[5..6]);
    }

    #[test]
    fn both_spellings_of_a_spot_interruption_count() {
        let arn = "arn:aws:ecs:us-east-1:1:task/c/t";
        let by_code = Task::builder().task_arn(arn).stop_code("SpotInterruption".into()).build();
        assert!(task(&by_code).unwrap().interrupted);
        let by_reason = Task::builder()
            .task_arn(arn)
            .stop_code("TerminationNotice".into())
            .stopped_reason("Your Spot Task was interrupted.")
            .build();
        assert!(task(&by_reason).unwrap().interrupted);
        let by_itself = Task::builder().task_arn(arn).stop_code("EssentialContainerExited".into());
        assert!(!task(&by_itself.build()).unwrap().interrupted);
        assert_eq!(task(&Task::builder().build()), None);
    }
}
