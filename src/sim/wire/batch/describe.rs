//! DescribeJobs.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::input::read;
use super::retry;
use crate::domain::{AttemptObservation, BatchJobId, ContainerObservation, Redacted, Resources};
use crate::sim::dependencies::{Dependency, DependencyKind};
use crate::sim::instant::SECOND;
use crate::sim::job::{Job, JobKey};
use crate::sim::state::State;
use crate::sim::submit::{Container, ResourceOverrides};
use crate::sim::wire::protocol::{Call, Fault, Output};

/// How many jobs can be described at once.
const MOST_JOBS: usize = 100;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct DescribeJobs {
    jobs: Option<Vec<String>>,
}

/// Ids that are unknown, or forgotten, are left out.
pub(super) fn describe_jobs(state: &State, call: &Call) -> Result<Output, Fault> {
    let ids = read::<DescribeJobs>(call)?.jobs;
    let ids = ids.ok_or_else(|| Fault::client("jobs must be provided"))?;
    if ids.len() > MOST_JOBS {
        return Err(Fault::client(format!("at most {MOST_JOBS} jobs can be described at once")));
    }
    let found = ids.iter().filter_map(|id| state.jobs.find(&BatchJobId::from(id.as_str())));
    let shown = found.filter_map(|key| Some((key, state.jobs.get(key)?)));
    let jobs = shown
        .filter(|(_, job)| job.described_from <= state.now)
        .map(|(key, job)| state.detail(key, job));
    Ok(Output::Json(json!({ "jobs": jobs.collect::<Vec<_>>() })))
}

impl State {
    /// `JobDetail`. What has no value yet is absent: `startedAt` until RUNNING (simulated-aws.md §1.2).
    fn detail(&self, key: JobKey, job: &Job) -> Value {
        let spec = &job.spec;
        let attempts = job.attempts.iter().map(|attempt| attempt_detail(job, attempt));
        let mut detail = present([
            ("jobArn", json!(self.job_arn(job.id.as_str()))),
            ("jobName", json!(job.name)),
            ("jobId", json!(job.id.as_str())),
            ("jobQueue", json!(self.queue_arn(job))),
            ("jobDefinition", json!(self.definition_arn(spec))),
            ("status", json!(job.status().label())),
            ("statusReason", json!(self.status_reason(key, job))),
            ("createdAt", json!(job.created)),
            ("startedAt", json!(job.started)),
            ("stoppedAt", json!(job.stopped)),
            ("attempts", json!(attempts.collect::<Vec<_>>())),
            ("retryStrategy", retry::shown(&spec.retry)),
            ("dependsOn", json!(spec.depends_on.iter().map(shown).collect::<Vec<_>>())),
            ("parameters", variables_map(&spec.parameters)),
            ("arrayProperties", json!(array_properties(job))),
            ("timeout", json!(spec.timeout.map(timeout))),
            ("tags", json!(job.tags())),
            ("propagateTags", json!(spec.propagate_tags)),
            ("platformCapabilities", json!([self.platform(job)])),
            ("eksAttempts", json!([])),
            ("isCancelled", json!(job.cancelled)),
            ("isTerminated", json!(job.terminated)),
        ]);
        let container = job.container.clone().unwrap_or_default();
        if spec.containers.is_empty() {
            detail.insert("container".to_owned(), container_detail(job, &container));
        } else {
            let task = task_detail(job, &container, true);
            detail.insert("container".to_owned(), json!({}));
            detail.insert("ecsProperties".to_owned(), json!({ "taskProperties": [task] }));
        }
        Value::Object(detail)
    }

    /// Why a job stands where it does, if there is anything to say.
    pub(super) fn status_reason(&self, key: JobKey, job: &Job) -> Option<String> {
        let blocked = self.blocked_reason(key, job).map(str::to_owned);
        blocked.or_else(|| job.status_reason.clone())
    }

    fn platform(&self, job: &Job) -> &'static str {
        let environments = self.queues.get(job.queue).map(|queue| &queue.environments);
        let mut environments = environments.into_iter().flatten();
        let fargate = environments.any(|ix| self.environments[*ix].spec.capacity.is_fargate());
        if fargate { "FARGATE" } else { "EC2" }
    }
}

/// The members that have a value.
pub(super) fn present<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    let present = members.into_iter().filter(|(_, value)| !value.is_null());
    present.map(|(member, value)| (member.to_owned(), value)).collect()
}

/// Of a parent its size and how many children have which status, of a child its index.
pub(super) fn array_properties(job: &Job) -> Option<Value> {
    if let Some((_, index)) = job.parent {
        return Some(json!({ "index": index }));
    }
    let summary = job.array.as_ref()?.summary();
    Some(json!({ "size": summary.size, "statusSummary": summary.by_status }))
}

fn timeout(timeout: crate::sim::instant::Millis) -> Value {
    json!({ "attemptDurationSeconds": timeout / SECOND })
}

fn shown(dependency: &Dependency) -> Value {
    let kind = match dependency.kind {
        DependencyKind::Plain => None,
        DependencyKind::NToN => Some("N_TO_N"),
        DependencyKind::Sequential => Some("SEQUENTIAL"),
    };
    let job = dependency.job.as_ref().map(|id| id.as_str());
    Value::Object(present([("jobId", json!(job)), ("type", json!(kind))]))
}

type Variables = std::collections::BTreeMap<String, Redacted>;

fn variables_map(variables: &Variables) -> Value {
    let members = variables.iter().map(|(name, value)| (name.clone(), json!(value.expose())));
    Value::Object(members.collect())
}

fn variables_list(variables: &Variables) -> Value {
    let variables = variables.iter();
    variables.map(|(name, value)| json!({ "name": name, "value": value.expose() })).collect()
}

/// `container` of the attempt that runs, or of the latest one.
fn container_detail(job: &Job, container: &ContainerObservation) -> Value {
    let mut detail = ended(container);
    detail.extend(present([
        ("command", json!(job.spec.command)),
        ("environment", variables_list(&job.spec.environment)),
        ("resourceRequirements", requirements(&job.spec.resources)),
        ("volumes", json!([])),
        ("mountPoints", json!([])),
        ("ulimits", json!([])),
        ("networkInterfaces", json!([])),
        ("secrets", json!([])),
    ]));
    Value::Object(detail)
}

/// Where a container ran and how it ended. Fargate has no container instance.
fn ended(container: &ContainerObservation) -> Map<String, Value> {
    present([
        ("containerInstanceArn", json!(container.container_instance_arn)),
        ("taskArn", json!(container.task_arn)),
        ("logStreamName", json!(container.log_stream)),
        ("exitCode", json!(container.exit_code)),
        ("reason", json!(container.reason)),
    ])
}

fn attempt_detail(job: &Job, attempt: &AttemptObservation) -> Value {
    let at = |time: Option<jiff::Timestamp>| json!(time.map(|time| time.as_millisecond()));
    let mut detail = present([
        ("startedAt", at(attempt.started_at)),
        ("stoppedAt", at(attempt.stopped_at)),
        ("statusReason", json!(attempt.status_reason)),
    ]);
    let mut container = Map::new();
    if job.spec.containers.is_empty() {
        container = ended(&attempt.container);
        container.insert("networkInterfaces".to_owned(), json!([]));
    } else {
        let task = task_detail(job, &attempt.container, false);
        detail.insert("taskProperties".to_owned(), json!([task]));
    }
    detail.insert("container".to_owned(), Value::Object(container));
    Value::Object(detail)
}

/// The task of a job of several containers, with what they were asked to do if `asked`.
fn task_detail(job: &Job, container: &ContainerObservation, asked: bool) -> Value {
    let containers = job.spec.containers.iter().map(|part| {
        let mut detail = present([
            ("name", json!(part.name)),
            ("exitCode", json!(container.exit_code)),
            ("reason", json!(container.reason)),
            ("logStreamName", json!(log_stream(part, container))),
        ]);
        if asked {
            detail.extend(present([
                ("command", json!(part.command)),
                ("environment", variables_list(&part.environment)),
                ("resourceRequirements", overridden(&part.resources)),
            ]));
        }
        Value::Object(detail)
    });
    let mut task = present([
        ("containerInstanceArn", json!(container.container_instance_arn)),
        ("taskArn", json!(container.task_arn)),
    ]);
    task.insert("containers".to_owned(), containers.collect());
    Value::Object(task)
}

/// Streams are named `definition/container/task`.
fn log_stream(part: &Container, container: &ContainerObservation) -> Option<String> {
    let stream = container.log_stream.as_deref()?;
    Some(stream.replacen("/default/", &format!("/{}/", part.name), 1))
}

fn requirements(resources: &Resources) -> Value {
    overridden(&ResourceOverrides {
        vcpu_millis: Some(resources.vcpu_millis),
        memory_mib: Some(resources.memory_mib),
        gpus: Some(resources.gpus).filter(|gpus| *gpus > 0),
    })
}

fn overridden(resources: &ResourceOverrides) -> Value {
    let vcpus = resources.vcpu_millis.map(|millis| (f64::from(millis) / 1000.0).to_string());
    let all = [
        ("VCPU", vcpus),
        ("MEMORY", resources.memory_mib.map(|mib| mib.to_string())),
        ("GPU", resources.gpus.map(|gpus| gpus.to_string())),
    ];
    let named = all.into_iter().filter_map(|(kind, value)| Some((kind, value?)));
    named.map(|(kind, value)| json!({ "type": kind, "value": value })).collect()
}
