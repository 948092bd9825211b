//! Job queues: there, enabled, valid, and with the capacity that the catalogue states.

use super::finding::{listed, not_looked_at};
use super::{About, Code, ComputeEnvironmentFacts, Finding, QueueFacts, Seen, Unseen};
use crate::domain::Capacity;

pub(super) fn check(seen: &Seen<'_>) -> Vec<Finding> {
    let name = &seen.environment.queue;
    let queue = match &seen.facts.queue {
        Ok(queue) => queue,
        Err(Unseen::Missing) => return vec![missing(seen)],
        failed => {
            let what = format!("job queue {name}");
            return not_looked_at(seen.about(), &what, failed).into_iter().collect();
        }
    };
    let mut findings = Vec::new();
    findings.extend(disabled(seen, queue));
    findings.extend(invalid(seen, queue));
    match &seen.facts.compute_environments {
        Ok(all) => findings.extend(capacity(seen, queue, all)),
        failed => {
            let what = format!("the compute environments of job queue {name}");
            findings.extend(not_looked_at(seen.about(), &what, failed));
        }
    }
    findings
}

impl Seen<'_> {
    pub(super) fn about(&self) -> About {
        About::Environment(self.environment.name.clone())
    }
}

fn missing(seen: &Seen<'_>) -> Finding {
    let (queue, site) = (&seen.environment.queue, &seen.environment.site);
    let region = &site.region;
    Finding::new(
        Code::QueueMissing,
        seen.about(),
        format!("there is no job queue {queue} in {site}"),
        format!(
            "Correct `queue` or `region` in the catalogue; \
             `aws batch describe-job-queues --region {region}` lists those that there are"
        ),
    )
}

fn disabled(seen: &Seen<'_>, queue: &QueueFacts) -> Option<Finding> {
    let (name, region) = (&seen.environment.queue, &seen.environment.site.region);
    (queue.state != "ENABLED").then(|| {
        Finding::new(
            Code::QueueDisabled,
            seen.about(),
            format!("job queue {name} is {}", queue.state),
            format!(
                "`aws batch update-job-queue --region {region} --job-queue {name} --state ENABLED`"
            ),
        )
    })
}

fn invalid(seen: &Seen<'_>, queue: &QueueFacts) -> Option<Finding> {
    // While it is being changed it goes on taking jobs.
    if matches!(queue.status.as_str(), "VALID" | "UPDATING") {
        return None;
    }
    let (name, status) = (&seen.environment.queue, &queue.status);
    let reason = queue.status_reason.as_deref().unwrap_or("Batch gives no reason");
    Some(Finding::new(
        Code::QueueInvalid,
        seen.about(),
        format!("job queue {name} is {status}: {reason}"),
        "Correct what the reason says; an INVALID queue recovers with its compute environments",
    ))
}

fn capacity(
    seen: &Seen<'_>,
    queue: &QueueFacts,
    all: &[ComputeEnvironmentFacts],
) -> Option<Finding> {
    let (name, wanted) = (&seen.environment.queue, seen.environment.capacity);
    let mut others: Vec<Capacity> = all.iter().filter_map(|found| found.capacity).collect();
    others.sort_unstable();
    others.dedup();
    let before = others.len();
    others.retain(|capacity| *capacity != wanted);
    let there = others.len() < before;
    // What is missing has a finding of its own, and may well have been the one.
    let complete = queue.order.iter().all(|name| all.iter().any(|found| found.is_named(name)));
    if !there && complete {
        let found = match others.is_empty() {
            true => "of no kind that spotcron knows".to_owned(),
            false => format!("only {}", listed(&others)),
        };
        return Some(Finding::new(
            Code::QueueWithoutCapacity,
            seen.about(),
            format!("no compute environment of job queue {name} is {wanted}; there is {found}"),
            format!(
                "Put a compute environment of type {} behind the queue, or correct `capacity`",
                batch_type(wanted)
            ),
        ));
    }
    (there && !others.is_empty()).then(|| {
        Finding::new(
            Code::QueueMixesCapacity,
            seen.about(),
            format!("job queue {name} mixes {wanted} with {}", listed(&others)),
            format!("Move the {} compute environment to a queue of its own", listed(&others)),
        )
    })
}

/// As Batch writes a compute environment's type.
fn batch_type(capacity: Capacity) -> &'static str {
    match capacity {
        Capacity::Spot => "SPOT",
        Capacity::OnDemand => "EC2",
        Capacity::FargateSpot => "FARGATE_SPOT",
        Capacity::Fargate => "FARGATE",
    }
}

impl ComputeEnvironmentFacts {
    /// Queues list their compute environments by ARN; an emulator may by name.
    pub fn is_named(&self, name: &str) -> bool {
        self.arn == name || self.name == name
    }
}
