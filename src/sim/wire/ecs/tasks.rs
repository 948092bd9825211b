//! DescribeTasks: what runs on Fargate or on a container instance, for an hour after its end.

use serde_json::{Map, Value, json};

use super::{Asked, Call, Fault};
use crate::domain::{AttemptObservation, BatchStatus, Zone};
use crate::sim::instant::timestamp;
use crate::sim::job::Job;
use crate::sim::state::State;
use crate::sim::tasks::Task;

pub(super) fn describe(state: &State, call: &Call) -> Result<Value, Fault> {
    let asked = Asked::of(state, call, "tasks", "task")?;
    Ok(asked.answer("tasks", |arn| {
        let fargate = state.tasks.find(arn).filter(|task| task.environment == asked.environment);
        let task = match fargate {
            Some(task) => on_fargate(state, task)?,
            None => on_instance(state, &asked, arn)?,
        };
        Some(task.told(arn, &asked.cluster_arn))
    }))
}

const INTERRUPTED: &str = "Your Spot Task was interrupted.";

/// A task, where it is and where it stands.
struct Seen<'a> {
    job: &'a Job,
    /// `None` while it goes on.
    ended: Option<&'a AttemptObservation>,
    zone: Option<&'a Zone>,
    last_status: &'static str,
    /// Fargate Spot is about to take it back.
    noticed: bool,
    /// What only the one or the other kind of host has.
    host: Map<String, Value>,
}

/// The ended attempt that this task was.
fn attempt<'a>(job: &'a Job, arn: &str) -> Option<&'a AttemptObservation> {
    job.attempts.iter().find(|attempt| attempt.container.task_arn.as_deref() == Some(arn))
}

fn on_fargate<'a>(state: &'a State, task: &'a Task) -> Option<Seen<'a>> {
    let job = state.jobs.get(task.job)?;
    let until = task.stopped.unwrap_or(state.now);
    let provider = if task.pool.is_some() { "FARGATE_SPOT" } else { "FARGATE" };
    let mut host = members(json!({
        "launchType": "FARGATE",
        "capacityProviderName": provider,
        "platformVersion": "1.4.0",
        "platformFamily": "Linux",
    }));
    // A task that stopped before its image pull never began to pull.
    if task.pull_started <= until {
        host.insert("pullStartedAt".to_owned(), seconds(timestamp(task.pull_started)));
    }
    if let Some(at) = task.stopped {
        host.insert("stoppedAt".to_owned(), seconds(timestamp(at)));
    }
    let last_status = match (task.stopped, job.status()) {
        (Some(_), _) => "STOPPED",
        (None, BatchStatus::Running) => "RUNNING",
        (None, _) if task.pull_started > state.now => "PROVISIONING",
        (None, _) => "PENDING",
    };
    let ended = attempt(job, &task.arn);
    let noticed = task.noticed && ended.is_none();
    Some(Seen { job, ended, zone: Some(&task.zone), last_status, noticed, host })
}

fn on_instance<'a>(state: &'a State, asked: &Asked, arn: &str) -> Option<Seen<'a>> {
    let hosted = state.tasks.find_hosted(arn)?;
    let instance = state.fleet.get(hosted.instance)?;
    if instance.environment != asked.environment {
        return None;
    }
    let job = state.jobs.get(hosted.job)?;
    let ended = attempt(job, arn);
    let mut host = members(json!({
        "launchType": "EC2",
        "containerInstanceArn": instance.arn,
        "pullStartedAt": seconds(timestamp(hosted.placed)),
    }));
    if let Some(at) = ended.and_then(|attempt| attempt.stopped_at) {
        host.insert("stoppedAt".to_owned(), seconds(at));
    }
    let last_status = match (ended, job.status()) {
        (Some(_), _) => "STOPPED",
        (None, BatchStatus::Running) => "RUNNING",
        (None, _) => "PENDING",
    };
    let zone = Some(&instance.zone);
    Some(Seen { job, ended, zone, last_status, noticed: false, host })
}

impl Seen<'_> {
    fn told(self, arn: &str, cluster_arn: &str) -> Value {
        let need = self.job.spec.resources;
        let started = self.ended.map_or(self.job.observe(None).started_at, |end| end.started_at);
        let stopping = self.ended.is_some() || self.noticed;
        let mut container = members(json!({
            "name": "default",
            "taskArn": arn,
            "lastStatus": self.last_status,
        }));
        let mut task = self.host;
        task.extend(members(json!({
            "taskArn": arn,
            "clusterArn": cluster_arn,
            "cpu": (need.vcpu_millis * 1024 / 1000).to_string(),
            "memory": need.memory_mib.to_string(),
            "lastStatus": self.last_status,
            "desiredStatus": if stopping { "STOPPED" } else { "RUNNING" },
            "attachments": [],
            "attributes": [],
            "overrides": {},
            "tags": [],
            "version": 1,
        })));
        if let Some(zone) = self.zone {
            task.insert("availabilityZone".to_owned(), json!(zone.as_str()));
        }
        if let Some(at) = started {
            task.insert("startedAt".to_owned(), seconds(at));
        }
        if let Some(end) = self.ended {
            let (code, reason) = stop(end);
            task.insert("stoppedReason".to_owned(), json!(reason));
            task.extend(code.map(|code| ("stopCode".to_owned(), json!(code))));
            let exit = end.container.exit_code.map(|code| ("exitCode".to_owned(), json!(code)));
            container.extend(exit);
            let why = end.container.reason.as_ref().map(|why| ("reason".to_owned(), json!(why)));
            container.extend(why);
        }
        if self.noticed {
            // As in ECS's own example of the warning (simulated-aws.md §6).
            task.insert("stopCode".to_owned(), json!("TerminationNotice"));
            task.insert("stoppedReason".to_owned(), json!(INTERRUPTED));
        }
        task.insert("containers".to_owned(), json!([container]));
        Value::Object(task)
    }
}

/// Stop code and reason, from what Batch says of the attempt. ECS has no code for a host that went
/// away.
fn stop(end: &AttemptObservation) -> (Option<&'static str>, &str) {
    let status = end.status_reason.as_deref().unwrap_or_default();
    let detail = end.container.reason.as_deref().unwrap_or(status);
    match status {
        "Essential container in task exited" => (Some("EssentialContainerExited"), status),
        "Task failed to start" => (Some("TaskFailedToStart"), detail),
        INTERRUPTED => (Some("SpotInterruption"), status),
        lost if lost.starts_with("Host EC2") => (None, status),
        _ => (Some("UserInitiated"), status),
    }
}

/// A time as the JSON protocols write it: seconds since 1970.
fn seconds(at: jiff::Timestamp) -> Value {
    json!(at.as_millisecond() as f64 / 1000.0)
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
