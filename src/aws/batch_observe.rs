//! What DescribeJobs says, as facts: the zeroes and empty texts that the SDK fills in for missing
//! members are taken out, and jobs of one and of several containers look alike.

use std::collections::BTreeMap;

use aws_sdk_batch::types::{
    ArrayPropertiesDetail, AttemptDetail, AttemptEcsTaskDetails, ContainerDetail, EcsTaskDetails,
    JobDetail, ResourceRequirement,
};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::moment::from_millis;
use crate::domain::{
    ArraySummary, AttemptObservation, BatchJobId, BatchStatus, ContainerObservation,
    JobObservation, Resources,
};

/// Why a job cannot be read.
pub(super) fn observation(job: &JobDetail) -> Result<JobObservation, String> {
    let id = job.job_id().filter(|id| !id.is_empty()).ok_or("a job has no jobId")?;
    let task = job.ecs_properties().and_then(|ecs| ecs.task_properties().first());
    Ok(JobObservation {
        id: BatchJobId::from(id),
        name: job.job_name().unwrap_or_default().to_owned(),
        status: status_of(job.status().map_or("", |status| status.as_str())),
        status_reason: text(job.status_reason()),
        created_at: from_millis(job.created_at()),
        started_at: from_millis(job.started_at()),
        stopped_at: from_millis(job.stopped_at()),
        stop_requested: job.is_cancelled() == Some(true) || job.is_terminated() == Some(true),
        container: match (job.container(), task) {
            (_, Some(task)) => Some(task_container(task)),
            (Some(container), None) => Some(job_container(container)),
            (None, None) => None,
        },
        attempts: job.attempts().iter().map(attempt).collect(),
        array: job.array_properties().and_then(array_summary),
        resources: match (job.container(), task) {
            (_, Some(task)) => task_resources(task),
            (Some(container), None) => container_resources(container),
            (None, None) => None,
        },
        tags: job.tags().into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect(),
    })
}

pub(super) fn status_of(status: &str) -> BatchStatus {
    match status {
        "SUBMITTED" => BatchStatus::Submitted,
        "PENDING" => BatchStatus::Pending,
        "RUNNABLE" => BatchStatus::Runnable,
        "STARTING" => BatchStatus::Starting,
        "RUNNING" => BatchStatus::Running,
        "SUCCEEDED" => BatchStatus::Succeeded,
        "FAILED" => BatchStatus::Failed,
        _ => BatchStatus::Unrecognised,
    }
}

pub(super) fn text(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}

fn job_container(container: &ContainerDetail) -> ContainerObservation {
    ContainerObservation {
        exit_code: container.exit_code(),
        reason: text(container.reason()),
        container_instance_arn: text(container.container_instance_arn()),
        task_arn: text(container.task_arn()),
        log_stream: text(container.log_stream_name()),
    }
}

/// The container that tells most about an end: the first that failed, else the first at all.
fn telling<T>(containers: &[T], exit_code: impl Fn(&T) -> Option<i32>) -> Option<&T> {
    let failed = containers.iter().find(|c| exit_code(c).is_some_and(|code| code != 0));
    failed.or_else(|| containers.first())
}

fn task_container(task: &EcsTaskDetails) -> ContainerObservation {
    let container = telling(task.containers(), |c| c.exit_code());
    ContainerObservation {
        exit_code: container.and_then(|c| c.exit_code()),
        reason: container.and_then(|c| text(c.reason())),
        container_instance_arn: text(task.container_instance_arn()),
        task_arn: text(task.task_arn()),
        log_stream: container.and_then(|c| text(c.log_stream_name())),
    }
}

fn attempt_task_container(task: &AttemptEcsTaskDetails) -> ContainerObservation {
    let container = telling(task.containers(), |c| c.exit_code());
    ContainerObservation {
        exit_code: container.and_then(|c| c.exit_code()),
        reason: container.and_then(|c| text(c.reason())),
        container_instance_arn: text(task.container_instance_arn()),
        task_arn: text(task.task_arn()),
        log_stream: container.and_then(|c| text(c.log_stream_name())),
    }
}

fn attempt(attempt: &AttemptDetail) -> AttemptObservation {
    let container = match (attempt.task_properties().first(), attempt.container()) {
        (Some(task), _) => attempt_task_container(task),
        (None, Some(container)) => ContainerObservation {
            exit_code: container.exit_code(),
            reason: text(container.reason()),
            container_instance_arn: text(container.container_instance_arn()),
            task_arn: text(container.task_arn()),
            log_stream: text(container.log_stream_name()),
        },
        (None, None) => ContainerObservation::default(),
    };
    AttemptObservation {
        started_at: from_millis(attempt.started_at()),
        stopped_at: from_millis(attempt.stopped_at()),
        status_reason: text(attempt.status_reason()),
        container,
    }
}

/// Of the parent only; a child shows its index.
fn array_summary(array: &ArrayPropertiesDetail) -> Option<ArraySummary> {
    let size = array.size().and_then(|size| u32::try_from(size).ok()).filter(|size| *size > 0)?;
    if array.index().is_some() {
        return None;
    }
    let by_status: BTreeMap<String, u32> = array
        .status_summary()
        .into_iter()
        .flatten()
        .filter_map(|(status, count)| Some((status.clone(), u32::try_from(*count).ok()?)))
        .collect();
    Some(ArraySummary { size, by_status })
}

fn container_resources(container: &ContainerDetail) -> Option<Resources> {
    let required = Required::of(container.resource_requirements());
    required.or_older(container.vcpus(), container.memory())
}

fn task_resources(task: &EcsTaskDetails) -> Option<Resources> {
    Required::sum(task.containers().iter().map(|container| container.resource_requirements()))
}

/// What `resourceRequirements` say.
#[derive(Default)]
pub(super) struct Required {
    pub(super) vcpu_millis: Option<u32>,
    pub(super) memory_mib: Option<u32>,
    pub(super) gpus: Option<u32>,
}

impl Required {
    /// With `vcpus` and `memory`, the older spelling, where the requirements do not say: they
    /// override it.
    pub(super) fn or_older(self, vcpus: Option<i32>, memory_mib: Option<i32>) -> Option<Resources> {
        let positive =
            |value: Option<i32>| value.and_then(|v| u32::try_from(v).ok()).filter(|v| *v > 0);
        let vcpu_millis = self.vcpu_millis.or_else(|| positive(vcpus)?.checked_mul(1000));
        Some(Resources {
            vcpu_millis: vcpu_millis?,
            memory_mib: self.memory_mib.or_else(|| positive(memory_mib))?,
            gpus: self.gpus.unwrap_or(0),
        })
    }

    /// All containers of a task together: they share one placement.
    pub(super) fn sum<'a>(
        containers: impl Iterator<Item = &'a [ResourceRequirement]>,
    ) -> Option<Resources> {
        let mut sum = Resources { vcpu_millis: 0, memory_mib: 0, gpus: 0 };
        for required in containers.map(Required::of) {
            sum.vcpu_millis = sum.vcpu_millis.checked_add(required.vcpu_millis?)?;
            sum.memory_mib = sum.memory_mib.checked_add(required.memory_mib?)?;
            sum.gpus = sum.gpus.checked_add(required.gpus.unwrap_or(0))?;
        }
        (sum.vcpu_millis > 0).then_some(sum)
    }

    pub(super) fn of(requirements: &[ResourceRequirement]) -> Self {
        let mut required = Required::default();
        for requirement in requirements {
            let value = requirement.value().unwrap_or_default();
            match requirement.r#type().map_or("", |kind| kind.as_str()) {
                "VCPU" => required.vcpu_millis = vcpu_millis(value),
                "MEMORY" => required.memory_mib = value.parse().ok().filter(|mib| *mib > 0),
                "GPU" => required.gpus = value.parse().ok(),
                _ => {}
            }
        }
        required
    }
}

/// `0.25` → 250; `None` for what is no positive number of thousandths.
fn vcpu_millis(value: &str) -> Option<u32> {
    let millis = value.parse::<Decimal>().ok()?.checked_mul(Decimal::ONE_THOUSAND)?;
    millis.fract().is_zero().then(|| millis.to_u32())?.filter(|millis| *millis > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vcpus_are_exact_thousandths() {
        for (text, millis) in [
            ("0.25", Some(250)),
            ("2", Some(2_000)),
            ("16.0", Some(16_000)),
            ("0", None),
            ("-1", None),
            ("0.0001", None),
            ("two", None),
            ("99999999999999999999999999999", None),
        ] {
            assert_eq!(vcpu_millis(text), millis, "{text}");
        }
    }

    #[test]
    fn an_unknown_status_still_goes_on() {
        assert_eq!(status_of("RUNNABLE"), BatchStatus::Runnable);
        assert_eq!(status_of("no value was set"), BatchStatus::Unrecognised);
        assert_eq!(status_of("HIBERNATED"), BatchStatus::Unrecognised);
    }
}
