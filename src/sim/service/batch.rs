//! AWS Batch.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;

use super::PAGE;
use crate::domain::{
    BatchJobId, BatchJobName, BatchStatus, InstanceShape, InstanceType, JobObservation, Site,
};
use crate::ports::{
    BatchService, FailureKind, FoundJob, JobListing, QueueDescription, ServiceError, SubmitError,
};
use crate::run::SubmitRequest;
use crate::sim::SimCloud;
use crate::sim::faults::{Fault, Operation};
use crate::sim::instance_types;
use crate::sim::instant::{Millis, SECOND, millis, timestamp};
use crate::sim::job::{Job, JobKey};
use crate::sim::state::State;

#[async_trait]
impl BatchService for SimCloud {
    async fn submit(&self, request: &SubmitRequest) -> Result<BatchJobId, SubmitError> {
        let operation = Operation::SubmitJob;
        let mut state = self.at_now();
        let fault = state.faults.next(operation);
        if let Some(fault) = fault
            && !fault.takes_effect()
        {
            let error = fault.error(operation);
            return Err(match fault {
                Fault::Throttled | Fault::Denied => SubmitError::NotAccepted(error),
                _ => SubmitError::OutcomeUnknown(error),
            });
        }
        let accepted = state.accept(request);
        match fault {
            // Even a refusal got lost.
            Some(fault) => Err(SubmitError::OutcomeUnknown(fault.error(operation))),
            None => accepted.map_err(|why| {
                let message = format!("ClientException: {why}");
                SubmitError::Rejected(ServiceError::new(
                    operation.name(),
                    FailureKind::Rejected,
                    message,
                ))
            }),
        }
    }

    async fn describe(
        &self,
        site: &Site,
        ids: &[BatchJobId],
    ) -> Result<Vec<JobObservation>, ServiceError> {
        self.call(Operation::DescribeJobs, |state| {
            if ids.len() > PAGE {
                let message = format!("ClientException: {} job ids, at most {PAGE}", ids.len());
                let kind = FailureKind::Rejected;
                return Err(ServiceError::new("DescribeJobs", kind, message));
            }
            if !state.scenario.serves(site) {
                return Ok(Vec::new());
            }
            let found = ids.iter().filter_map(|id| state.jobs.find(id));
            Ok(found.filter_map(|key| state.observe(key)).collect())
        })
    }

    async fn find_by_name(
        &self,
        site: &Site,
        queue: &str,
        name: &BatchJobName,
        since: Timestamp,
    ) -> Result<Vec<FoundJob>, ServiceError> {
        self.call(Operation::ListJobs, |state| {
            let queue = state.queue_in(site, queue, "ListJobs")?;
            let listed = state
                .jobs
                .named(queue, name.as_str())
                .filter(|job| job.created >= millis(since) && job.listed_from <= state.now);
            // ListJobs answers newest first.
            let mut found: Vec<_> = listed.map(found).collect();
            found.reverse();
            Ok(found)
        })
    }

    async fn cancel(&self, site: &Site, id: &BatchJobId, reason: &str) -> Result<(), ServiceError> {
        self.call(Operation::CancelJob, |state| {
            let key = state.job_in(site, id, "CancelJob")?;
            state.cancel(key, reason);
            Ok(())
        })
    }

    async fn terminate(
        &self,
        site: &Site,
        id: &BatchJobId,
        reason: &str,
    ) -> Result<(), ServiceError> {
        self.call(Operation::TerminateJob, |state| {
            let key = state.job_in(site, id, "TerminateJob")?;
            state.terminate(key, reason);
            Ok(())
        })
    }

    async fn describe_queue(
        &self,
        site: &Site,
        queue: &str,
    ) -> Result<QueueDescription, ServiceError> {
        self.call(Operation::DescribeJobQueues, |state| {
            let queue = &state.queues[state.queue_in(site, queue, "DescribeJobQueues")?];
            let account = &state.scenario.account_id;
            let environments = queue.environments.iter().map(|ix| &state.environments[*ix]);
            Ok(queue.describe(environments.map(|e| e.describe(&site.region, account)).collect()))
        })
    }

    async fn expand_instance_types(
        &self,
        site: &Site,
        patterns: &[String],
    ) -> Result<BTreeMap<InstanceType, InstanceShape>, ServiceError> {
        self.call(Operation::DescribeInstanceTypes, |state| {
            if !state.scenario.serves(site) {
                return Ok(BTreeMap::new());
            }
            let types = instance_types::expand(patterns).map_err(|unknown| {
                let unknown = unknown.join(", ");
                ServiceError::new(
                    "DescribeInstanceTypes",
                    FailureKind::Rejected,
                    format!("InvalidInstanceType: the instance types do not exist: {unknown}"),
                )
            })?;
            let shapes = types.into_iter().filter_map(|name| {
                instance_types::offer(&name).map(|offer| (name, offer.shape.clone()))
            });
            Ok(shapes.collect())
        })
    }
}

#[async_trait]
impl JobListing for SimCloud {
    async fn list_jobs(
        &self,
        site: &Site,
        queue: &str,
        since: Timestamp,
    ) -> Result<Vec<FoundJob>, ServiceError> {
        self.call(Operation::ListJobs, |state| {
            let queue = state.queue_in(site, queue, "ListJobs")?;
            let shown = |job: &&Job| job.created >= millis(since) && job.listed_from <= state.now;
            let listed = state.jobs.listed(queue, JobKey::MAX).map(|(_, job)| job).filter(shown);
            Ok(listed.map(found).collect())
        })
    }
}

/// What ListJobs says of it.
fn found(job: &Job) -> FoundJob {
    FoundJob {
        id: job.id.clone(),
        name: job.name.clone(),
        created_at: Some(timestamp(job.created)),
        status: job.status(),
    }
}

impl State {
    fn observe(&self, key: JobKey) -> Option<JobObservation> {
        let job = self.jobs.get(key).filter(|job| job.described_from <= self.now)?;
        Some(job.observe(self.blocked_reason(key, job)))
    }

    /// Why a job at the head of its queue is not placed, once Batch says it.
    pub(crate) fn blocked_reason(&self, key: JobKey, job: &Job) -> Option<&'static str> {
        let after = Millis::from(self.scenario.timing.blocked_reason_secs) * SECOND;
        let waits = job.status() == BatchStatus::Runnable;
        let queue = &self.queues[job.queue];
        if waits { queue.blocked_reason(key, self.now, after) } else { None }
    }

    fn queue_in(
        &self,
        site: &Site,
        queue: &str,
        operation: &'static str,
    ) -> Result<usize, ServiceError> {
        let here = self.scenario.serves(site);
        self.find_queue(queue).filter(|_| here).ok_or_else(|| {
            let message = format!("job queue {queue} does not exist in {site}");
            ServiceError::new(operation, FailureKind::NotFound, message)
        })
    }

    fn job_in(
        &self,
        site: &Site,
        id: &BatchJobId,
        operation: &'static str,
    ) -> Result<JobKey, ServiceError> {
        let here = self.scenario.serves(site);
        self.jobs.find(id).filter(|_| here).ok_or_else(|| {
            let message = format!("job {id} does not exist in {site}");
            ServiceError::new(operation, FailureKind::NotFound, message)
        })
    }
}
