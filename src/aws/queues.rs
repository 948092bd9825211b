//! A job queue, the compute environments behind it, and the zones of their subnets.

use std::collections::BTreeMap;

use aws_sdk_batch::types::{ComputeEnvironmentDetail, JobQueueDetail};
use aws_sdk_ec2::types::Filter;

use super::AwsCloud;
use super::error::service_error;
use super::pages::Tokens;
use crate::domain::{Capacity, Site, Zone};
use crate::ports::{ComputeEnvironment, FailureKind, QueueDescription, ServiceError};

impl AwsCloud {
    pub(super) async fn queue(
        &self,
        site: &Site,
        queue: &str,
    ) -> Result<QueueDescription, ServiceError> {
        let detail = self.queue_detail(site, queue).await?;
        let mut ordered = detail.compute_environment_order().to_vec();
        ordered.sort_by_key(|entry| entry.order());
        let names: Vec<String> =
            ordered.into_iter().filter_map(|entry| entry.compute_environment).collect();
        let details = self.environment_details(site, &names).await?;
        let zones = self.zones_of(site, &details).await;
        Ok(QueueDescription {
            arn: detail.job_queue_arn().unwrap_or_default().to_owned(),
            enabled: detail.state().is_some_and(|state| state.as_str() == "ENABLED"),
            valid: validity(detail.status().map(|status| status.as_str()), detail.status_reason()),
            environments: names
                .iter()
                .map(|name| match details.iter().find(|detail| is_named(detail, name)) {
                    Some(detail) => environment(detail, &zones),
                    None => missing(name),
                })
                .collect(),
        })
    }

    pub(super) async fn queue_detail(
        &self,
        site: &Site,
        queue: &str,
    ) -> Result<JobQueueDetail, ServiceError> {
        const OPERATION: &str = "DescribeJobQueues";
        let clients = self.inner.clients.of(site);
        let call = clients.batch.describe_job_queues().job_queues(queue);
        let mut pages = call.into_paginator().send();
        let mut tokens = Tokens::of(OPERATION);
        loop {
            clients.pacing.describe().await;
            let Some(page) = pages.next().await else { break };
            let page = page.map_err(|failure| service_error(OPERATION, &failure))?;
            tokens.follow(page.next_token())?;
            if let Some(found) = page.job_queues.unwrap_or_default().into_iter().next() {
                return Ok(found);
            }
        }
        let problem = format!("there is no job queue `{queue}` in {site}");
        Err(ServiceError::new(OPERATION, FailureKind::NotFound, problem))
    }

    pub(super) async fn environment_details(
        &self,
        site: &Site,
        names: &[String],
    ) -> Result<Vec<ComputeEnvironmentDetail>, ServiceError> {
        // No names at all would list every environment of the account.
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let clients = self.inner.clients.of(site);
        let call = clients.batch.describe_compute_environments();
        let call = call.set_compute_environments(Some(names.to_vec()));
        let mut pages = call.into_paginator().send();
        let mut tokens = Tokens::of("DescribeComputeEnvironments");
        let mut found = Vec::with_capacity(names.len());
        loop {
            clients.pacing.describe().await;
            let Some(page) = pages.next().await else { break };
            let page =
                page.map_err(|failure| service_error("DescribeComputeEnvironments", &failure))?;
            tokens.follow(page.next_token())?;
            found.extend(page.compute_environments.unwrap_or_default());
        }
        Ok(found)
    }

    /// Zone by subnet. Knowing them is a comfort, not a need: without the permission it is empty,
    /// and all zones that have a price count.
    async fn zones_of(
        &self,
        site: &Site,
        details: &[ComputeEnvironmentDetail],
    ) -> BTreeMap<String, Zone> {
        let subnets: Vec<String> = details.iter().flat_map(subnets_of).cloned().collect();
        match self.subnet_zones(site, subnets).await {
            Ok(zones) => zones,
            Err(error) => {
                // A denial is told where calls are counted, once.
                if error.kind != FailureKind::Denied {
                    tracing::warn!(
                        %site,
                        %error,
                        "cannot read the subnets of compute environments; every zone of the \
                         region counts as one of theirs for now"
                    );
                }
                BTreeMap::new()
            }
        }
    }

    /// Zone by subnet, of those that exist.
    pub(super) async fn subnet_zones(
        &self,
        site: &Site,
        subnets: Vec<String>,
    ) -> Result<BTreeMap<String, Zone>, ServiceError> {
        if subnets.is_empty() {
            return Ok(BTreeMap::new());
        }
        // By filter: a subnet that is gone is then left out, instead of failing the whole call.
        let by_id = Filter::builder().name("subnet-id").set_values(Some(subnets)).build();
        let clients = self.inner.clients.of(site);
        let call = clients.ec2.describe_subnets().filters(by_id);
        let mut pages = call.into_paginator().send();
        let mut tokens = Tokens::of("DescribeSubnets");
        let mut zones = BTreeMap::new();
        loop {
            clients.pacing.lookup().await;
            let Some(page) = pages.next().await else { break };
            let page = page.map_err(|failure| service_error("DescribeSubnets", &failure))?;
            tokens.follow(page.next_token())?;
            zones.extend(page.subnets.unwrap_or_default().into_iter().filter_map(|subnet| {
                Some((subnet.subnet_id?, Zone::from(subnet.availability_zone?)))
            }));
        }
        Ok(zones)
    }
}

pub(super) fn subnets_of(detail: &ComputeEnvironmentDetail) -> &[String] {
    detail.compute_resources().map_or(&[], |resources| resources.subnets())
}

/// Queues list their environments by ARN; an emulator may by name.
pub(super) fn is_named(detail: &ComputeEnvironmentDetail, name: &str) -> bool {
    detail.compute_environment_arn() == Some(name)
        || detail.compute_environment_name() == Some(name)
}

fn environment(
    detail: &ComputeEnvironmentDetail,
    zones: &BTreeMap<String, Zone>,
) -> ComputeEnvironment {
    let resources = detail.compute_resources();
    let kind = resources.and_then(|resources| resources.r#type()).map(|kind| kind.as_str());
    let mut own: Vec<Zone> =
        subnets_of(detail).iter().filter_map(|subnet| zones.get(subnet).cloned()).collect();
    own.sort();
    own.dedup();
    ComputeEnvironment {
        name: detail.compute_environment_name().unwrap_or_default().to_owned(),
        capacity: kind.and_then(capacity_of),
        enabled: detail.state().is_some_and(|state| state.as_str() == "ENABLED"),
        valid: validity(detail.status().map(|status| status.as_str()), detail.status_reason()),
        instance_types: resources.map_or(&[][..], |r| r.instance_types()).to_vec(),
        zones: own,
        ecs_cluster_arn: detail.ecs_cluster_arn().filter(|arn| !arn.is_empty()).map(str::to_owned),
    }
}

/// In the queue's order, but not described: being deleted, most likely.
fn missing(name: &str) -> ComputeEnvironment {
    ComputeEnvironment {
        name: name.rsplit('/').next().unwrap_or(name).to_owned(),
        capacity: None,
        enabled: false,
        valid: Err("the compute environment does not exist".to_owned()),
        instance_types: Vec::new(),
        zones: Vec::new(),
        ecs_cluster_arn: None,
    }
}

/// `None` for what this version does not know, such as `ECS_MANAGED_INSTANCES`.
pub(super) fn capacity_of(kind: &str) -> Option<Capacity> {
    match kind {
        "SPOT" => Some(Capacity::Spot),
        "EC2" => Some(Capacity::OnDemand),
        "FARGATE_SPOT" => Some(Capacity::FargateSpot),
        "FARGATE" => Some(Capacity::Fargate),
        _ => None,
    }
}

fn validity(status: Option<&str>, reason: Option<&str>) -> Result<(), String> {
    match (status, reason.filter(|reason| !reason.is_empty())) {
        // While it is being changed it goes on taking jobs.
        (Some("VALID" | "UPDATING"), _) => Ok(()),
        (status, Some(reason)) => Err(format!("{}: {reason}", status.unwrap_or("no status"))),
        (status, None) => Err(status.unwrap_or("no status").to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_kinds_of_capacity_are_no_error() {
        assert_eq!(capacity_of("EC2"), Some(Capacity::OnDemand));
        assert_eq!(capacity_of("ECS_MANAGED_INSTANCES"), None);
    }

    #[test]
    fn an_invalid_environment_says_why() {
        assert_eq!(validity(Some("VALID"), Some("ComputeEnvironment Healthy")), Ok(()));
        assert_eq!(
            validity(Some("INVALID"), Some("CLIENT_ERROR - Not authorized")),
            Err("INVALID: CLIENT_ERROR - Not authorized".into())
        );
        assert_eq!(validity(Some("UPDATING"), Some("")), Ok(()), "it goes on taking jobs");
        assert_eq!(validity(Some("DELETING"), Some("")), Err("DELETING".into()));
        assert_eq!(validity(None, None), Err("no status".into()));
    }
}
