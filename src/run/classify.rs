//! Interruption, failure or bad luck: what ended an attempt. AWS says it in prose, so the prose is
//! matched by prefix and the instance (or Fargate task) behind the attempt has the last word.

use crate::domain::{AttemptEnd, AttemptObservation, BatchStatus, Capacity, InstanceEnd};

/// What a stop requested by spotcron begins with; Batch hands it back as `statusReason`.
pub const STOP_PREFIX: &str = "spotcron: ";

/// Beginnings of `container.reason` that mean the container never had a chance.
const NEVER_RAN: [&str; 5] = [
    "CannotPull",
    "DockerTimeoutError",
    "ResourceInitializationError",
    "CannotCreateContainerError",
    "CannotStartContainerError",
];

/// What ended `attempt`.
///
/// `job_status` is the job's own status, which decides where the attempt says nothing;
/// `instance_end` is how the instance behind it ended, or its Fargate task, where that is known.
/// Reason strings: docs/concepts/simulated-aws.md §1, from AWS's Batch user guide and reported cases.
pub fn classify(
    attempt: &AttemptObservation,
    job_status: BatchStatus,
    job_reason: Option<&str>,
    capacity: Capacity,
    instance_end: Option<InstanceEnd>,
) -> AttemptEnd {
    let status_reason = attempt.status_reason.as_deref().unwrap_or("");
    let job_reason = job_reason.unwrap_or("");
    let container_reason = attempt.container.reason.as_deref().unwrap_or("");
    if status_reason.starts_with(STOP_PREFIX) || job_reason.starts_with(STOP_PREFIX) {
        // The status decides, not the exit code: a container that had ended well before the stop
        // arrived leaves its job SUCCEEDED, and one that was stopped may well exit with 0.
        return match job_status {
            BatchStatus::Succeeded => AttemptEnd::Succeeded,
            _ => AttemptEnd::Stopped,
        };
    }
    if status_reason.starts_with("Host EC2") {
        return host_lost(capacity, instance_end);
    }
    if [status_reason, container_reason].iter().any(|text| is_fargate_interruption(text)) {
        return AttemptEnd::Interrupted;
    }
    if [status_reason, job_reason].iter().any(|text| text.starts_with("Job attempt duration")) {
        return AttemptEnd::TimedOut;
    }
    let never_ran = NEVER_RAN.iter().any(|prefix| container_reason.starts_with(prefix));
    if never_ran || status_reason.starts_with("Task failed to start") {
        return AttemptEnd::Infrastructure;
    }
    match attempt.container.exit_code {
        Some(0) => AttemptEnd::Succeeded,
        // The host shutting down can stop the container before Batch sees the loss, and a Fargate
        // task that is taken back gets SIGTERM (143) and after its stop timeout SIGKILL (137).
        Some(137 | 143) if reclaimed(capacity, instance_end) => AttemptEnd::Interrupted,
        Some(_) => AttemptEnd::Failed,
        None if job_status == BatchStatus::Succeeded => AttemptEnd::Succeeded,
        None if reclaimed(capacity, instance_end) => AttemptEnd::Interrupted,
        None if container_reason.starts_with("OutOfMemory") => AttemptEnd::Failed,
        None if status_reason.starts_with("Essential container") => AttemptEnd::Failed,
        None if attempt.started_at.is_none() => AttemptEnd::Infrastructure,
        None => AttemptEnd::Stopped,
    }
}

/// Whether the end of the instance behind `attempt` has to be known before it can be told from an
/// application's failure: a host that shuts down stops its containers with SIGTERM or SIGKILL, and
/// Batch may report that minutes before the instance is seen to end.
pub fn depends_on_instance_end(attempt: &AttemptObservation, capacity: Capacity) -> bool {
    let says = |text: &Option<String>, prefix| {
        text.as_deref().is_some_and(|text: &str| text.starts_with(prefix))
    };
    capacity.is_interruptible()
        && matches!(attempt.container.exit_code, Some(137 | 143) | None)
        && attempt.started_at.is_some()
        && !says(&attempt.container.reason, "OutOfMemory")
        && !is_fargate_interruption(attempt.status_reason.as_deref().unwrap_or(""))
        && ["Host EC2", STOP_PREFIX, "Job attempt duration"]
            .iter()
            .all(|prefix| !says(&attempt.status_reason, *prefix))
}

fn host_lost(capacity: Capacity, instance_end: Option<InstanceEnd>) -> AttemptEnd {
    match instance_end {
        Some(InstanceEnd::Requested) => AttemptEnd::Infrastructure,
        _ if capacity.is_interruptible() => AttemptEnd::Interrupted,
        _ => AttemptEnd::Infrastructure,
    }
}

fn reclaimed(capacity: Capacity, instance_end: Option<InstanceEnd>) -> bool {
    capacity.is_interruptible() && instance_end == Some(InstanceEnd::Reclaimed)
}

fn is_fargate_interruption(text: &str) -> bool {
    text.starts_with("Your Spot Task was interrupted") || text.starts_with("SpotInterruption")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ContainerObservation;
    use AttemptEnd::*;

    fn attempt(status: &str, container: &str, exit_code: Option<i32>) -> AttemptObservation {
        AttemptObservation {
            started_at: Some(jiff::Timestamp::UNIX_EPOCH),
            stopped_at: Some(jiff::Timestamp::UNIX_EPOCH),
            status_reason: Some(status.to_owned()),
            container: ContainerObservation {
                exit_code,
                reason: Some(container.to_owned()),
                ..ContainerObservation::default()
            },
        }
    }

    #[test]
    fn reasons_as_aws_words_them() {
        let reclaimed = Some(InstanceEnd::Reclaimed);
        let scaled_in = Some(InstanceEnd::Requested);
        let host = "Host EC2 (instance i-0a1b) terminated.";
        let exited = "Essential container in task exited";
        let spot = Capacity::Spot;
        let cases = [
            (host, "", None, spot, reclaimed, Interrupted),
            (host, "", None, spot, None, Interrupted),
            (host, "", None, spot, scaled_in, Infrastructure),
            (host, "", None, Capacity::OnDemand, None, Infrastructure),
            (exited, "", Some(0), spot, None, Succeeded),
            (exited, "", Some(1), spot, None, Failed),
            (exited, "", Some(143), spot, reclaimed, Interrupted),
            (exited, "", Some(143), spot, None, Failed),
            (exited, "OutOfMemoryError: Container killed", Some(137), spot, None, Failed),
            (
                "Task failed to start",
                "CannotPullContainerError: x",
                None,
                spot,
                None,
                Infrastructure,
            ),
            ("Job attempt duration exceeded timeout", "", None, spot, None, TimedOut),
            ("spotcron: waited too long", "", None, spot, None, Stopped),
            ("spotcron: deadline", "", Some(0), spot, None, Stopped),
            ("Your Spot Task was interrupted.", "", None, Capacity::FargateSpot, None, Interrupted),
            ("stopped by hand", "", None, spot, None, Stopped),
            (exited, "", Some(143), Capacity::FargateSpot, reclaimed, Interrupted),
            (exited, "", Some(137), Capacity::FargateSpot, reclaimed, Interrupted),
            (exited, "", Some(143), Capacity::FargateSpot, None, Failed),
            (exited, "", Some(0), Capacity::FargateSpot, reclaimed, Succeeded),
        ];
        for (status, container, exit, capacity, end, expected) in cases {
            let found = classify(
                &attempt(status, container, exit),
                BatchStatus::Failed,
                None,
                capacity,
                end,
            );
            assert_eq!(found, expected, "{status} / {container} / {exit:?}");
        }
    }

    #[test]
    fn an_attempt_that_says_nothing_follows_the_job() {
        let silent = AttemptObservation::default();
        let end = |status| classify(&silent, status, None, Capacity::Spot, None);
        assert_eq!(end(BatchStatus::Succeeded), Succeeded);
        assert_eq!(end(BatchStatus::Failed), Infrastructure);
    }
}
