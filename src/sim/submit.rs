//! SubmitJob: what Batch refuses, and what it makes of the rest.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::catalogue::RetryStrategy;
use crate::domain::{BatchJobId, Redacted, Resources};
use crate::run::SubmitRequest;

use super::agenda::Event;
use super::definitions::Resolved;
use super::dependencies::Dependency;
use super::instant::{Millis, SECOND};
use super::job::{ArrayState, Job, JobSpec, QueueIx};
use super::random::between;
use super::state::State;

/// The variable by which a checkpointed workload knows its run, over all legs.
const RUN_VARIABLE: &str = "SPOTCRON_RUN_ID";

/// A submission as the cloud saw it, whatever the caller was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmittedJob {
    pub name: String,
    pub id: BatchJobId,
    pub queue: String,
    pub at: Timestamp,
}

/// What a submission may ask beyond what spotcron itself asks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    pub(crate) depends_on: Vec<Dependency>,
    pub(crate) propagate_tags: bool,
    /// Replaces what the definition reserves.
    pub(crate) resources: ResourceOverrides,
    pub(crate) containers: Vec<Container>,
}

/// `resourceRequirements`: each type that is named replaces the definition's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ResourceOverrides {
    pub(crate) vcpu_millis: Option<u32>,
    pub(crate) memory_mib: Option<u32>,
    pub(crate) gpus: Option<u32>,
}

/// One container of a job of several (`ecsPropertiesOverride`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Container {
    pub(crate) name: String,
    pub(crate) command: Vec<String>,
    pub(crate) environment: BTreeMap<String, Redacted>,
    pub(crate) resources: ResourceOverrides,
}

impl ResourceOverrides {
    fn over(self, base: Resources) -> Resources {
        Resources {
            vcpu_millis: self.vcpu_millis.unwrap_or(base.vcpu_millis),
            memory_mib: self.memory_mib.unwrap_or(base.memory_mib),
            gpus: self.gpus.unwrap_or(base.gpus),
        }
    }
}

/// Memory that Fargate sells for each size, in MiB: least, most, step.
/// Source: AWS Batch API reference, `ResourceRequirement`.
const FARGATE_SIZES: [(u32, u32, u32, u32); 7] = [
    (250, 512, 2_048, 512),
    (500, 1_024, 4_096, 1_024),
    (1_000, 2_048, 8_192, 1_024),
    (2_000, 4_096, 16_384, 1_024),
    (4_000, 8_192, 30_720, 1_024),
    (8_000, 16_384, 61_440, 4_096),
    (16_000, 32_768, 122_880, 8_192),
];

impl State {
    /// Accepts a submission, or says why Batch refuses it.
    pub(crate) fn accept(&mut self, request: &SubmitRequest) -> Result<BatchJobId, String> {
        self.accept_all(request, Asked::default())
    }

    /// The same, with everything that SubmitJob takes.
    pub(crate) fn accept_all(
        &mut self,
        request: &SubmitRequest,
        asked: Asked,
    ) -> Result<BatchJobId, String> {
        let queue = self.check(request)?;
        self.check_dependencies(&asked, request.array_size)?;
        let definition = self.resolve_definition(&request.definition)?;
        let fargate = self.is_fargate(queue);
        if definition.fargate.is_some_and(|wanted| wanted != fargate) {
            return Err(format!(
                "JobDefinition {} is for another platform than the JobQueue",
                request.definition
            ));
        }
        let stated = request.resources.unwrap_or(definition.behaviour.resources);
        let resources = asked.resources.over(stated);
        check_resources(fargate, &resources)?;
        let number = self.submissions.to_string();
        self.submissions += 1;
        let id = BatchJobId::from(self.seed.uuid("job", &number));
        let mut job = Job::new(
            id.clone(),
            request.name.to_string(),
            Arc::new(job_spec(request, asked, definition, resources)),
            queue,
            self.now,
        );
        job.array = request.array_size.map(|size| ArrayState::of(u32::from(size)));
        (job.listed_from, job.described_from) = self.shown_from(&id);
        let key = self.jobs.insert(job);
        let mut rng = self.seed.stream("admit", request.name.as_str());
        let delay = between(&mut rng, self.scenario.timing.submitted_secs);
        self.agenda.plan(self.now + delay, Event::JobAdmitted(key));
        self.note(request, &id);
        Ok(id)
    }

    /// From when on ListJobs and DescribeJobs show a job that is made now.
    fn shown_from(&self, id: &BatchJobId) -> (Millis, Millis) {
        let timing = &self.scenario.timing;
        let mut rng = self.seed.stream("shown", id.as_str());
        let least = timing.listing_lag_secs;
        let most = least.saturating_add(timing.listing_lag_spread_secs);
        let listed = between(&mut rng, [least, most]);
        let described = between(&mut rng, [0, timing.describing_lag_secs]);
        (self.now + listed, self.now + described)
    }

    fn note(&mut self, request: &SubmitRequest, id: &BatchJobId) {
        self.submitted.push_back(SubmittedJob {
            name: request.name.to_string(),
            id: id.clone(),
            queue: request.queue.clone(),
            at: self.now_timestamp(),
        });
        while self.submitted.len() > self.submitted_limit {
            self.submitted.pop_front();
        }
    }

    /// AWS's rules for a submission. Gives the queue.
    fn check(&self, request: &SubmitRequest) -> Result<QueueIx, String> {
        let name = request.name.as_str();
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let starts = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !starts || name.len() > 128 || !name.chars().all(legal) {
            return Err(format!(
                "jobName {name:?} must be up to 128 letters, digits, hyphens and underscores and \
                 begin with a letter or digit"
            ));
        }
        let queue = self.find_queue(&request.queue).filter(|_| self.is_here(request));
        let queue = queue.ok_or_else(|| format!("JobQueue {} not found", request.queue))?;
        let spec = &self.queues[queue].spec;
        if !spec.enabled {
            return Err(format!("JobQueue {} is disabled", spec.name));
        }
        if request.array_size.is_some_and(|size| !(2..=10_000).contains(&size)) {
            return Err("array size must be between 2 and 10000".to_owned());
        }
        if request.timeout.is_some_and(|timeout| timeout.as_secs() < 60) {
            return Err("timeout attemptDurationSeconds must be at least 60".to_owned());
        }
        if let Some(retry) = &request.retry_strategy {
            if !(1..=10).contains(&retry.attempts) {
                return Err("retry strategy attempts must be between 1 and 10".to_owned());
            }
            if retry.evaluate_on_exit.len() > 5 {
                return Err("evaluateOnExit can have at most 5 entries".to_owned());
            }
        }
        if request.environment.keys().any(|name| name.starts_with("AWS_BATCH")) {
            return Err("environment variables cannot start with AWS_BATCH".to_owned());
        }
        if request.command.iter().flatten().any(String::is_empty) {
            return Err("command cannot contain an empty string".to_owned());
        }
        if request.share_identifier.is_some() || request.scheduling_priority.is_some() {
            return Err("shareIdentifier and schedulingPriority need a fair-share queue".to_owned());
        }
        if request.tags.len() > 50 {
            return Err("a job can have at most 50 tags".to_owned());
        }
        Ok(queue)
    }

    fn is_here(&self, request: &SubmitRequest) -> bool {
        self.scenario.serves(&request.site)
    }

    fn is_fargate(&self, queue: QueueIx) -> bool {
        let mut environments = self.queues[queue].environments.iter();
        environments.any(|ix| self.environments[*ix].spec.capacity.is_fargate())
    }
}

/// What a container may ask for, on Fargate and elsewhere.
pub(crate) fn check_resources(fargate: bool, need: &Resources) -> Result<(), String> {
    if !fargate {
        let whole = need.vcpu_millis >= 1000 && need.vcpu_millis.is_multiple_of(1000);
        return if whole && need.memory_mib >= 4 {
            Ok(())
        } else {
            Err("vCPUs must be a whole number from 1 and memory at least 4 MiB".to_owned())
        };
    }
    let sold = |(vcpus, least, most, step): &(u32, u32, u32, u32)| {
        let memory = need.memory_mib;
        let listed = (*least..=*most).contains(&memory) && (memory - least).is_multiple_of(*step);
        // A quarter of a vCPU comes with 512, 1,024 or 2,048 MiB.
        need.vcpu_millis == *vcpus && listed && (*vcpus != 250 || memory != 1_536)
    };
    if need.gpus == 0 && FARGATE_SIZES.iter().any(sold) {
        Ok(())
    } else {
        Err(format!(
            "Fargate resource requirements ({} vCPU, {} MiB) not valid",
            f64::from(need.vcpu_millis) / 1000.0,
            need.memory_mib
        ))
    }
}

fn job_spec(
    request: &SubmitRequest,
    asked: Asked,
    definition: Resolved,
    resources: Resources,
) -> JobSpec {
    let once = || RetryStrategy { attempts: 1, evaluate_on_exit: Vec::new() };
    let run = request.environment.get(RUN_VARIABLE);
    let timeout = request.timeout.map(|timeout| Millis::from(timeout.as_secs()) * SECOND);
    JobSpec {
        definition: definition.name,
        revision: definition.revision,
        behaviour: Arc::new(definition.behaviour),
        resources,
        retry: request.retry_strategy.clone().or(definition.retry).unwrap_or_else(once),
        timeout: timeout.or(definition.timeout),
        progress_key: run.map_or_else(|| request.name.to_string(), |id| id.expose().to_owned()),
        tags: request.tags.clone(),
        propagate_tags: asked.propagate_tags,
        parameters: request.parameters.clone(),
        environment: request.environment.clone(),
        command: request.command.clone().unwrap_or_default(),
        containers: asked.containers,
        depends_on: asked.depends_on,
    }
}
