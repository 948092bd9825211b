//! Compute environments: there, enabled, valid, and made for spot where they are spot.

use std::collections::BTreeSet;

use super::finding::{listed, not_looked_at};
use super::invalid::{cause, is_best_fit_on_spot};
use super::{Code, ComputeEnvironmentFacts, Finding, Seen};

pub(super) fn check(seen: &Seen<'_>) -> Vec<Finding> {
    let Ok(all) = &seen.facts.compute_environments else { return Vec::new() };
    let mut findings = missing(seen, all);
    for found in all {
        findings.extend(disabled(seen, found));
        let role = cause(found);
        if role.as_ref().is_none_or(|cause| cause.code != Code::SpotFleetRole) {
            findings.extend(best_fit(seen, found));
        }
        findings.extend(
            role.map(|cause| Finding::new(cause.code, seen.about(), cause.problem, cause.fix)),
        );
        let of = &found.name;
        let types = format!("the instance types of compute environment {of}");
        let zones = format!("the subnets of compute environment {of}");
        findings.extend(not_looked_at(seen.about(), &types, &found.shapes));
        findings.extend(not_looked_at(seen.about(), &zones, &found.zones));
    }
    findings.extend(architectures(seen));
    findings
}

fn missing(seen: &Seen<'_>, all: &[ComputeEnvironmentFacts]) -> Vec<Finding> {
    let order = seen.facts.queue.as_ref().map_or(&[][..], |queue| &queue.order);
    let gone = order.iter().filter(|name| !all.iter().any(|found| found.is_named(name)));
    gone.map(|name| {
        let queue = &seen.environment.queue;
        Finding::new(
            Code::ComputeEnvironmentMissing,
            seen.about(),
            format!("job queue {queue} names compute environment {name}, which does not exist"),
            "Take it out of the queue's order with `aws batch update-job-queue`, or make it again",
        )
    })
    .collect()
}

fn disabled(seen: &Seen<'_>, found: &ComputeEnvironmentFacts) -> Option<Finding> {
    let (name, region) = (&found.name, &seen.environment.site.region);
    (found.state != "ENABLED").then(|| {
        Finding::new(
            Code::ComputeEnvironmentDisabled,
            seen.about(),
            format!("compute environment {name} is {}", found.state),
            format!(
                "`aws batch update-compute-environment --region {region} \
                 --compute-environment {name} --state ENABLED`"
            ),
        )
    })
}

fn best_fit(seen: &Seen<'_>, found: &ComputeEnvironmentFacts) -> Option<Finding> {
    is_best_fit_on_spot(found).then(|| {
        Finding::new(
            Code::BestFitOnSpot,
            seen.about(),
            format!("compute environment {} buys spot with BEST_FIT", found.name),
            "Make one with SPOT_PRICE_CAPACITY_OPTIMIZED and put it in its place in the queue's order",
        )
    })
}

fn architectures(seen: &Seen<'_>) -> Option<Finding> {
    let found = seen.architectures();
    (found.len() > 1).then(|| {
        Finding::new(
            Code::ArchitecturesMixed,
            seen.about(),
            format!("its instance types have different architectures: {}", listed(found)),
            "Give each architecture a queue and an environment of its own, and map `definitions`",
        )
    })
}

impl<'a> Seen<'a> {
    /// The compute environments that the environment's decisions reckon with.
    pub(super) fn own(&self) -> impl Iterator<Item = &'a ComputeEnvironmentFacts> {
        let wanted = self.environment.capacity;
        let all = self.facts.compute_environments.as_ref().map_or(&[][..], |all| all.as_slice());
        all.iter().filter(move |found| found.capacity == Some(wanted))
    }

    /// Of the instance types, as EC2 writes them.
    pub(super) fn architectures(&self) -> BTreeSet<&'a str> {
        let shapes = self.own().filter_map(|found| found.shapes.as_ref().ok());
        shapes.flat_map(|types| types.values()).map(|shape| shape.architecture.as_str()).collect()
    }
}
