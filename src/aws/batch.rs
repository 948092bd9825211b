//! AWS Batch.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_batch::types::{JobSummary, KeyValuesPair};
use jiff::Timestamp;

use super::batch_observe::{observation, status_of};
use super::error::service_error;
use super::moment::from_millis;
use super::pages::Tokens;
use super::{AwsCloud, submit};
use crate::domain::{BatchJobId, BatchJobName, InstanceShape, InstanceType, JobObservation, Site};
use crate::ports::{
    BatchService, DESCRIBED_PER_CALL, FailureKind, FoundJob, JobListing, QueueDescription,
    ServiceError, SubmitError,
};
use crate::run::SubmitRequest;

/// What Batch keeps of a reason.
const REASON_LENGTH: usize = 1024;

#[async_trait]
impl BatchService for AwsCloud {
    async fn submit(&self, request: &SubmitRequest) -> Result<BatchJobId, SubmitError> {
        let clients = self.inner.clients.of(&request.site);
        clients.pacing.submit().await;
        submit::submit(&clients.batch, request).await
    }

    async fn describe(
        &self,
        site: &Site,
        ids: &[BatchJobId],
    ) -> Result<Vec<JobObservation>, ServiceError> {
        const OPERATION: &str = "DescribeJobs";
        let clients = self.inner.clients.of(site);
        let mut jobs = Vec::with_capacity(ids.len());
        for some in ids.chunks(DESCRIBED_PER_CALL) {
            self.inner.clients.of(site).pacing.describe().await;
            let names = some.iter().map(|id| id.as_str().to_owned()).collect();
            let answer = clients.batch.describe_jobs().set_jobs(Some(names)).send().await;
            let answer = answer.map_err(|failure| service_error(OPERATION, &failure))?;
            for job in answer.jobs() {
                let job = observation(job).map_err(|problem| {
                    ServiceError::new(OPERATION, FailureKind::BadResponse, problem)
                })?;
                jobs.push(job);
            }
        }
        Ok(jobs)
    }

    async fn find_by_name(
        &self,
        site: &Site,
        queue: &str,
        name: &BatchJobName,
        since: Timestamp,
    ) -> Result<Vec<FoundJob>, ServiceError> {
        let by_name = KeyValuesPair::builder().name("JOB_NAME").values(name.as_str()).build();
        let jobs = self.list(site, queue, by_name, since).await?;
        // The filter ignores case, and a trailing `*` in it would match more.
        Ok(jobs.into_iter().filter(|job| job.name == name.as_str()).collect())
    }

    async fn cancel(&self, site: &Site, id: &BatchJobId, reason: &str) -> Result<(), ServiceError> {
        self.inner.clients.of(site).pacing.stop().await;
        let call = self.inner.clients.of(site).batch.cancel_job();
        let answer = call.job_id(id.as_str()).reason(shortened(reason)).send().await;
        answer.map(|_| ()).map_err(|failure| service_error("CancelJob", &failure))
    }

    async fn terminate(
        &self,
        site: &Site,
        id: &BatchJobId,
        reason: &str,
    ) -> Result<(), ServiceError> {
        self.inner.clients.of(site).pacing.stop().await;
        let call = self.inner.clients.of(site).batch.terminate_job();
        let answer = call.job_id(id.as_str()).reason(shortened(reason)).send().await;
        answer.map(|_| ()).map_err(|failure| service_error("TerminateJob", &failure))
    }

    async fn describe_queue(
        &self,
        site: &Site,
        queue: &str,
    ) -> Result<QueueDescription, ServiceError> {
        self.queue(site, queue).await
    }

    async fn expand_instance_types(
        &self,
        site: &Site,
        patterns: &[String],
    ) -> Result<BTreeMap<InstanceType, InstanceShape>, ServiceError> {
        self.instance_types(site, patterns).await
    }
}

#[async_trait]
impl JobListing for AwsCloud {
    async fn list_jobs(
        &self,
        site: &Site,
        queue: &str,
        since: Timestamp,
    ) -> Result<Vec<FoundJob>, ServiceError> {
        // Lists what was created after it.
        let after = since.as_millisecond().saturating_sub(1).to_string();
        let created = KeyValuesPair::builder().name("AFTER_CREATED_AT").values(after).build();
        self.list(site, queue, created, since).await
    }
}

impl AwsCloud {
    /// Jobs of the queue that pass the filter, with which Batch lists every status. Without a creation
    /// time a job cannot be told apart from an earlier one: better found than lost.
    async fn list(
        &self,
        site: &Site,
        queue: &str,
        filter: KeyValuesPair,
        since: Timestamp,
    ) -> Result<Vec<FoundJob>, ServiceError> {
        const OPERATION: &str = "ListJobs";
        let call = self.inner.clients.of(site).batch.list_jobs().job_queue(queue);
        let mut pages = call.filters(filter).into_paginator().send();
        let mut tokens = Tokens::of(OPERATION);
        let mut found = Vec::new();
        loop {
            self.inner.clients.of(site).pacing.describe().await;
            let Some(page) = pages.next().await else { break };
            let page = page.map_err(|failure| service_error(OPERATION, &failure))?;
            tokens.follow(page.next_token())?;
            for job in page.job_summary_list() {
                let created_at = from_millis(job.created_at());
                if created_at.is_none_or(|at| at >= since) {
                    found.push(found_job(job, created_at)?);
                }
            }
        }
        Ok(found)
    }
}

fn found_job(job: &JobSummary, created_at: Option<Timestamp>) -> Result<FoundJob, ServiceError> {
    let name = job.job_name().unwrap_or_default();
    let id = job.job_id().filter(|id| !id.is_empty()).ok_or_else(|| {
        let problem = format!("the job named {name} has no jobId");
        ServiceError::new("ListJobs", FailureKind::BadResponse, problem)
    })?;
    Ok(FoundJob {
        id: BatchJobId::from(id),
        name: name.to_owned(),
        created_at,
        status: status_of(job.status().map_or("", |status| status.as_str())),
    })
}

fn shortened(reason: &str) -> String {
    reason.chars().take(REASON_LENGTH).collect()
}
