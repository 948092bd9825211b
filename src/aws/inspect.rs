//! A look at the account for `spotcron doctor`: what Batch shows, as facts. Every call only reads.

mod definition;
mod identity;
mod probe;

use async_trait::async_trait;
use aws_sdk_batch::types::{ComputeEnvironmentDetail, JobStatus, JobSummary};

use super::AwsCloud;
use super::batch_observe::text;
use super::error::service_error;
use super::moment::from_millis;
use super::pages::Tokens;
use super::queues::{capacity_of, is_named, subnets_of};
use crate::doctor::{
    ComputeEnvironmentFacts, DefinitionFacts, Operation, QueueFacts, Unseen, WaitingJob,
};
use crate::domain::{Site, Zone};
use crate::ports::{AccountInspector, Identity, ProbeAt, ServiceError};

/// Of a queue with very many waiting jobs the first pages tell enough.
const PAGES_OF_JOBS: usize = 10;

#[async_trait]
impl AccountInspector for AwsCloud {
    async fn identity(&self) -> Identity {
        self.identity_and_time().await
    }

    async fn account_at(&self, site: &Site) -> Result<String, ServiceError> {
        self.entered_account(site).await
    }

    async fn probe(
        &self,
        site: &Site,
        operation: Operation,
        at: &ProbeAt,
    ) -> Result<(), ServiceError> {
        self.test_permission(site, operation, at).await
    }

    async fn inspect_queue(&self, site: &Site, queue: &str) -> Result<QueueFacts, ServiceError> {
        let detail = self.queue_detail(site, queue).await?;
        let mut ordered = detail.compute_environment_order().to_vec();
        ordered.sort_by_key(|entry| entry.order());
        Ok(QueueFacts {
            state: word(detail.state().map(|state| state.as_str())),
            status: word(detail.status().map(|status| status.as_str())),
            status_reason: text(detail.status_reason()),
            order: ordered.into_iter().filter_map(|entry| entry.compute_environment).collect(),
        })
    }

    async fn inspect_compute_environments(
        &self,
        site: &Site,
        names: &[String],
    ) -> Result<Vec<ComputeEnvironmentFacts>, ServiceError> {
        let details = self.environment_details(site, names).await?;
        let mut found = Vec::with_capacity(details.len());
        for name in names {
            if let Some(detail) = details.iter().find(|detail| is_named(detail, name)) {
                found.push(self.compute_environment(site, detail).await);
            }
        }
        Ok(found)
    }

    async fn inspect_definition(
        &self,
        site: &Site,
        definition: &str,
    ) -> Result<DefinitionFacts, ServiceError> {
        self.job_definition(site, definition).await
    }

    async fn runnable_jobs(
        &self,
        site: &Site,
        queue: &str,
    ) -> Result<Vec<WaitingJob>, ServiceError> {
        let call = self.inner.clients.of(site).batch.list_jobs().job_queue(queue);
        let mut pages = call.job_status(JobStatus::Runnable).into_paginator().send();
        let mut tokens = Tokens::of("ListJobs");
        let mut jobs = Vec::new();
        for _ in 0..PAGES_OF_JOBS {
            self.inner.clients.of(site).pacing.describe().await;
            let Some(page) = pages.next().await else { break };
            let page = page.map_err(|failure| service_error("ListJobs", &failure))?;
            tokens.follow(page.next_token())?;
            jobs.extend(page.job_summary_list().iter().map(waiting));
        }
        Ok(jobs)
    }
}

impl AwsCloud {
    /// With the types that its instance types come to, and the zones of its subnets.
    async fn compute_environment(
        &self,
        site: &Site,
        detail: &ComputeEnvironmentDetail,
    ) -> ComputeEnvironmentFacts {
        let mut facts = described(detail);
        if !facts.instance_types.is_empty() {
            let shapes = self.instance_types(site, &facts.instance_types).await;
            facts.shapes = shapes.map_err(Unseen::from);
        }
        let zones = self.subnet_zones(site, facts.subnets.clone()).await;
        facts.zones = zones.map_err(Unseen::from).map(|zones| {
            let mut zones: Vec<Zone> = zones.into_values().collect();
            zones.sort();
            zones.dedup();
            zones
        });
        facts
    }
}

/// What Batch says of it; its types and zones are not looked up yet.
fn described(detail: &ComputeEnvironmentDetail) -> ComputeEnvironmentFacts {
    let resources = detail.compute_resources();
    let kind = resources.and_then(|resources| resources.r#type());
    let strategy = resources.and_then(|resources| resources.allocation_strategy());
    ComputeEnvironmentFacts {
        name: detail.compute_environment_name().unwrap_or_default().to_owned(),
        arn: detail.compute_environment_arn().unwrap_or_default().to_owned(),
        capacity: kind.and_then(|kind| capacity_of(kind.as_str())),
        state: word(detail.state().map(|state| state.as_str())),
        status: word(detail.status().map(|status| status.as_str())),
        status_reason: text(detail.status_reason()),
        instance_types: resources.map_or(&[][..], |found| found.instance_types()).to_vec(),
        shapes: Ok(Default::default()),
        allocation_strategy: text(strategy.map(|strategy| strategy.as_str())),
        instance_role: text(resources.and_then(|found| found.instance_role())),
        service_role: text(detail.service_role()),
        spot_fleet_role: text(resources.and_then(|found| found.spot_iam_fleet_role())),
        subnets: subnets_of(detail).to_vec(),
        zones: Ok(Vec::new()),
        min_vcpus: resources.and_then(|found| found.minv_cpus()),
        max_vcpus: resources.and_then(|found| found.maxv_cpus()),
        desired_vcpus: resources.and_then(|found| found.desiredv_cpus()),
        ecs_cluster_arn: text(detail.ecs_cluster_arn()),
    }
}

fn waiting(job: &JobSummary) -> WaitingJob {
    // An attempt of before, which Batch repeats, ended later than the job was submitted.
    let happened = [job.created_at(), job.started_at(), job.stopped_at()].into_iter();
    WaitingJob {
        id: job.job_id().unwrap_or_default().to_owned(),
        name: job.job_name().unwrap_or_default().to_owned(),
        since: happened.filter_map(from_millis).max(),
        status_reason: text(job.status_reason()),
    }
}

/// A state or status, as AWS writes it.
fn word(word: Option<&str>) -> String {
    word.filter(|word| !word.is_empty()).unwrap_or("of unknown state").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Capacity;
    use aws_sdk_batch::types::{CeState, CeStatus, ComputeResource, CrType};

    #[test]
    fn a_compute_environment_is_taken_down_as_batch_shows_it() {
        let resources = ComputeResource::builder()
            .r#type(CrType::Spot)
            .allocation_strategy("BEST_FIT".into())
            .instance_types("optimal")
            .instance_role("ecsInstanceRole")
            .subnets("subnet-a")
            .minv_cpus(0)
            .maxv_cpus(64)
            .build();
        let detail = ComputeEnvironmentDetail::builder()
            .compute_environment_name("ce")
            .compute_environment_arn("arn:ce")
            .state(CeState::Enabled)
            .status(CeStatus::Invalid)
            .status_reason("")
            .compute_resources(resources)
            .build();
        let facts = described(&detail);
        assert_eq!(facts.capacity, Some(Capacity::Spot));
        assert_eq!((facts.state.as_str(), facts.status.as_str()), ("ENABLED", "INVALID"));
        assert_eq!((facts.status_reason, facts.service_role), (None, None));
        assert_eq!(facts.allocation_strategy.as_deref(), Some("BEST_FIT"));
        assert_eq!(
            (facts.min_vcpus, facts.max_vcpus, facts.desired_vcpus),
            (Some(0), Some(64), None)
        );
        assert_eq!(
            (facts.subnets, facts.instance_types),
            (vec!["subnet-a".to_owned()], vec!["optimal".to_owned()])
        );
    }

    #[test]
    fn a_job_that_waits_has_the_time_of_what_last_happened_to_it() {
        let job =
            JobSummary::builder().job_id("1f2e").job_name("extract").created_at(1_500).build();
        let job = waiting(&job);
        assert_eq!((job.id.as_str(), job.name.as_str()), ("1f2e", "extract"));
        assert_eq!(job.since.map(|since| since.as_millisecond()), Some(1_500));
        assert_eq!(job.status_reason, None);
        let again = JobSummary::builder().created_at(1_500).started_at(2_000).stopped_at(0);
        let since = waiting(&again.build()).since;
        assert_eq!(since.map(|since| since.as_millisecond()), Some(2_000));
    }
}
