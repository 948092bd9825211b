//! Job definitions: there, active, pinned, and made for the environments they are submitted to.

use std::collections::BTreeSet;

use super::finding::not_looked_at;
use super::{About, Code, DefinitionFacts, Examined, Finding, Look, Platform, Seen, Unseen};
use crate::catalogue::{Class, Job, RetryStrategy};
use crate::domain::{Architecture, InstanceShape, Resources};

/// A job in one of the environments that its class allows.
pub(super) struct Placement<'a> {
    pub(super) job: &'a Job,
    pub(super) class: &'a Class,
    /// As it would be submitted there.
    pub(super) definition: &'a str,
    pub(super) facts: Option<&'a Look<DefinitionFacts>>,
}

impl<'a> Placement<'a> {
    fn known(&self) -> Option<&'a DefinitionFacts> {
        self.facts?.as_ref().ok()
    }

    /// What one of its containers reserves.
    pub(super) fn resources(&self) -> Option<Resources> {
        self.job.submission.resources.or_else(|| self.known()?.resources)
    }

    /// The definition's own strategy.
    pub(super) fn definition_retries(&self) -> Option<&'a RetryStrategy> {
        self.known()?.retry_strategy.as_ref()
    }

    fn about(&self) -> About {
        About::Definition(self.definition.to_owned())
    }
}

impl Examined<'_> {
    /// The enabled jobs that may go to `seen`.
    pub(super) fn placements<'a>(
        &'a self,
        seen: &'a Seen<'_>,
    ) -> impl Iterator<Item = Placement<'a>> {
        let environment = seen.environment;
        self.catalogue.jobs.values().filter(|job| job.enabled).filter_map(move |job| {
            let class = self.catalogue.class_of(job)?;
            let allowed = class.environments.contains(&environment.name);
            let stated = &job.submission.definition;
            let definition = environment.definitions.get(stated).unwrap_or(stated);
            let key = (environment.site.clone(), definition.clone());
            let facts = self.facts.definitions.get(&key);
            allowed.then_some(Placement { job, class, definition, facts })
        })
    }
}

pub(super) fn check(examined: &Examined<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for seen in examined.environments() {
        let mut of_one = Vec::new();
        for placement in examined.placements(&seen) {
            findings.extend(unpinned(&placement));
            match placement.facts {
                Some(Ok(definition)) => {
                    of_one.extend(inactive(&placement, definition));
                    of_one.extend(platform(&placement, definition, &seen));
                    of_one.extend(architecture(&placement, definition, &seen));
                    of_one.extend(timeout(&placement, definition));
                }
                Some(Err(Unseen::Missing)) => of_one.push(missing(&placement, &seen)),
                Some(failed) => {
                    of_one.extend(not_looked_at(placement.about(), "it", failed));
                }
                None => {}
            }
            findings.extend(too_large(&placement, &seen));
        }
        let site = &seen.environment.site;
        findings.extend(of_one.into_iter().map(|finding| finding.in_account_of(site)));
    }
    once(findings)
}

/// Several jobs share a definition, and several environments a region. The same in two accounts is two
/// things, which their fixes tell apart.
pub(super) fn once(findings: Vec<Finding>) -> Vec<Finding> {
    let mut told = BTreeSet::new();
    let mut kept = Vec::new();
    for finding in findings {
        if told.insert((
            finding.about.clone(),
            finding.code,
            finding.problem.clone(),
            finding.fix.clone(),
        )) {
            kept.push(finding);
        }
    }
    kept
}

fn missing(placement: &Placement<'_>, seen: &Seen<'_>) -> Finding {
    let site = &seen.environment.site;
    let region = &site.region;
    Finding::new(
        Code::DefinitionMissing,
        placement.about(),
        format!("there is no such definition in {site}; job {} needs it", placement.job.name),
        format!(
            "Register it, or correct `definition` in the catalogue; \
             `aws batch describe-job-definitions --region {region} --status ACTIVE` lists them"
        ),
    )
}

fn inactive(placement: &Placement<'_>, definition: &DefinitionFacts) -> Option<Finding> {
    (definition.status != "ACTIVE").then(|| {
        Finding::new(
            Code::DefinitionInactive,
            placement.about(),
            format!("it is {}, and job {} needs it", definition.status, placement.job.name),
            "Name an active revision in the catalogue, or register it again",
        )
    })
}

fn unpinned(placement: &Placement<'_>) -> Option<Finding> {
    // `name:revision`, and `…:job-definition/name:revision`.
    let name = placement.definition.rsplit('/').next().unwrap_or_default();
    if name.contains(':') {
        return None;
    }
    let newest = placement.known().and_then(|definition| definition.revision);
    let revision = newest.map_or("REVISION".to_owned(), |revision| revision.to_string());
    Some(Finding::new(
        Code::DefinitionNotPinned,
        placement.about(),
        format!("job {} names no revision of it", placement.job.name),
        format!("Write `{}:{revision}` in the catalogue", placement.definition),
    ))
}

fn platform(
    placement: &Placement<'_>,
    definition: &DefinitionFacts,
    seen: &Seen<'_>,
) -> Option<Finding> {
    let wanted = match seen.environment.capacity.is_fargate() {
        true => Platform::Fargate,
        false => Platform::Ec2,
    };
    // Without any, it is for EC2 (AWS Batch API, `platformCapabilities`).
    let suits = definition.platforms.contains(&wanted)
        || definition.platforms.is_empty() && wanted == Platform::Ec2;
    (!suits).then(|| {
        let (name, wanted) = (&seen.environment.name, wanted.label());
        Finding::new(
            Code::DefinitionPlatform,
            placement.about(),
            format!("it is not made for {wanted}, and environment {name} is"),
            remap(placement, seen, &format!("one with `platformCapabilities` {wanted}")),
        )
    })
}

/// How to submit another definition to the environment.
fn remap(placement: &Placement<'_>, seen: &Seen<'_>, what: &str) -> String {
    format!(
        "Register {what} and name it under `definitions` of environment {}: `\"{}\" = \"NAME:REVISION\"`",
        seen.environment.name, placement.job.submission.definition
    )
}

fn architecture(
    placement: &Placement<'_>,
    definition: &DefinitionFacts,
    seen: &Seen<'_>,
) -> Option<Finding> {
    let name = &seen.environment.name;
    let (made_for, has) = if seen.environment.capacity.is_fargate() {
        // Fargate's default (AWS Batch API, `runtimePlatform`).
        let made_for = definition.architecture.unwrap_or(Architecture::X86_64);
        (made_for, [seen.environment.architecture.label()].into())
    } else {
        (definition.architecture?, seen.architectures())
    };
    (!has.is_empty() && !has.contains(made_for.label())).then(|| {
        let has = super::finding::listed(&has);
        Finding::new(
            Code::DefinitionArchitecture,
            placement.about(),
            format!("it is made for {}, and environment {name} has {has}", made_for.label()),
            remap(placement, seen, &format!("one for {has}")),
        )
    })
}

fn timeout(placement: &Placement<'_>, definition: &DefinitionFacts) -> Option<Finding> {
    let timeout = definition.timeout.filter(|_| placement.job.submission.timeout.is_none())?;
    let expected = placement.class.expected_duration;
    (timeout < expected).then(|| {
        Finding::new(
            Code::DefinitionTimeoutTooShort,
            About::Job(placement.job.name.clone()),
            format!(
                "definition {} ends it after {timeout:#}, and its class expects {expected:#}",
                placement.definition
            ),
            "Set the job's `timeout` in the catalogue, or correct the class's `expected_duration`",
        )
    })
}

fn too_large(placement: &Placement<'_>, seen: &Seen<'_>) -> Option<Finding> {
    // Fargate has sizes, not types: Batch and `spotcron check` hold a job against them.
    let resources = placement.resources().filter(|_| !seen.environment.capacity.is_fargate())?;
    let mut shapes: Vec<&InstanceShape> = Vec::new();
    for own in seen.own() {
        shapes.extend(own.shapes.as_ref().ok()?.values());
    }
    if shapes.is_empty() || shapes.iter().any(|shape| resources.fits(shape)) {
        return None;
    }
    let Resources { vcpu_millis, memory_mib, gpus } = resources;
    let gpus = if gpus > 0 { format!(" and {gpus} GPUs") } else { String::new() };
    Some(Finding::new(
        Code::JobFitsNoType,
        About::Job(placement.job.name.clone()),
        format!(
            "{} vCPUs, {memory_mib} MiB{gpus} fit no instance type of environment {}",
            vcpu_millis.div_ceil(1000),
            seen.environment.name
        ),
        "Reserve less, allow larger types in the compute environment, or take the environment out of \
         the class's `environments`",
    ))
}
