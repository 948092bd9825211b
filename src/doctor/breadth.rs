//! How much room an environment has: zones and types on spot, and vCPUs.

use std::collections::BTreeSet;

use super::finding::listed;
use super::{Code, Examined, Finding, Look, Seen};
use crate::domain::{Capacity, InstanceType, JobName, Resources, Zone};

/// Below these, the pools that spot comes from are reclaimed together.
/// Source: EC2 user guide, best practices for Spot ("be flexible").
const ZONES: usize = 2;
const TYPES: usize = 3;

pub(super) fn check(seen: &Seen<'_>, examined: &Examined<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(zones(seen));
    findings.extend(types(seen));
    findings.extend(idle(seen));
    findings.extend(largest(seen, examined));
    findings
}

/// Everything that `pick` takes from the environment's own compute environments; `None` where any
/// of it is unknown, or there are none.
fn all<'a, T: Ord + 'a, I: IntoIterator<Item = &'a T>>(
    seen: &Seen<'a>,
    pick: impl Fn(&'a super::ComputeEnvironmentFacts) -> Look<I>,
) -> Option<BTreeSet<&'a T>> {
    seen.own().next()?;
    let mut found = BTreeSet::new();
    for own in seen.own() {
        found.extend(pick(own).ok()?);
    }
    Some(found)
}

fn zones(seen: &Seen<'_>) -> Option<Finding> {
    if !seen.environment.capacity.is_interruptible() {
        return None;
    }
    let zones: BTreeSet<&Zone> = all(seen, |found| found.zones.as_ref().map_err(Clone::clone))?;
    (zones.len() < ZONES).then(|| {
        let found = match zones.first() {
            None => "its subnets are in no zone that can be told".to_owned(),
            Some(zone) => format!("all of its subnets are in {zone}"),
        };
        Finding::new(
            Code::FewZones,
            seen.about(),
            found,
            "Add subnets in other zones to its compute environments",
        )
    })
}

fn types(seen: &Seen<'_>) -> Option<Finding> {
    if seen.environment.capacity != Capacity::Spot {
        return None;
    }
    let types: BTreeSet<&InstanceType> =
        all(seen, |found| found.shapes.as_ref().map(|types| types.keys()).map_err(Clone::clone))?;
    let configured = listed(seen.own().flat_map(|found| &found.instance_types));
    (types.len() < TYPES).then(|| {
        let found = match types.is_empty() {
            true => format!("its instance types ({configured}) come to none of the region"),
            false => format!("its only instance types are {}", listed(types)),
        };
        Finding::new(
            Code::FewTypes,
            seen.about(),
            found,
            "Allow more types, sizes and families in its compute environments, or `optimal`",
        )
    })
}

fn idle(seen: &Seen<'_>) -> Vec<Finding> {
    let idle = seen.own().filter_map(|found| {
        let least = found.min_vcpus.filter(|least| *least > 0)?;
        let (name, region) = (&found.name, &seen.environment.site.region);
        Some(Finding::new(
            Code::IdleVcpus,
            seen.about(),
            format!("compute environment {name} never has fewer than {least} vCPUs"),
            format!(
                "`aws batch update-compute-environment --region {region} \
                 --compute-environment {name} --compute-resources minvCpus=0`"
            ),
        ))
    });
    idle.collect()
}

/// Jobs of the catalogue that no compute environment's `maxvCpus` allows.
fn largest(seen: &Seen<'_>, examined: &Examined<'_>) -> Option<Finding> {
    let mut most = 0;
    for own in seen.own() {
        most = most.max(own.max_vcpus?);
    }
    seen.own().next()?;
    let allowed = u64::try_from(most).unwrap_or(0).saturating_mul(1000);
    let larger: Vec<(&JobName, Resources)> = examined
        .placements(seen)
        .filter_map(|placement| Some((&placement.job.name, placement.resources()?)))
        .filter(|(_, resources)| u64::from(resources.vcpu_millis) > allowed)
        .collect();
    let needed = larger.iter().map(|(_, resources)| resources.vcpu_millis.div_ceil(1000)).max()?;
    Some(Finding::new(
        Code::MaxVcpusTooSmall,
        seen.about(),
        format!(
            "its compute environments have at most {most} vCPUs each; {needed} are needed by {}",
            listed(larger.iter().map(|(name, _)| name))
        ),
        format!("Raise `maxvCpus` to {needed} at least, and to what should run at once"),
    ))
}
