//! Environments: a queue, a region, a kind of capacity.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::aws_text::{self, batch_arn, is_batch_name, is_instance_type};
use super::names::check_name;
use super::{Known, Located, Scope, covered, role, shown};
use crate::catalogue::Environment;
use crate::catalogue::raw::RawEnvironment;
use crate::catalogue::read::Entry;
use crate::diagnostic::Diagnostic;
use crate::document::is_region;
use crate::domain::{Capacity, EnvironmentName, InstanceType, Region, RoleArn, Site, Usd, Zone};

type Findings = Vec<Diagnostic>;

/// The environment, with every problem noted.
pub(super) fn check(
    entry: &Entry<RawEnvironment>,
    known: &mut Known<'_>,
    findings: &mut Findings,
) -> Option<Environment> {
    let raw = &entry.raw;
    let mut scope = Scope::new(&entry.source, "environment", &raw.name, findings);
    let name = check_name(&raw.name, &mut scope);
    let region = check_region(raw, &mut scope);
    let role = role::check(raw, region.as_deref(), &mut scope);
    let queue = check_queue(raw, region.as_deref(), &mut scope);
    let capacity = raw.capacity.as_ref().map(|capacity| capacity.value.0);
    let zones = check_zones(raw, region.as_deref(), &mut scope);
    let instance_types = check_types(raw, capacity, &mut scope);
    check_discount(raw, capacity, &mut scope);
    check_architecture(raw, capacity, &mut scope);
    let definitions = check_definitions(raw, region.as_deref(), &mut scope);
    let covered = covered::check(raw, capacity, known, &mut scope);
    Some(Environment {
        name: EnvironmentName::new(name?),
        queue: queue?,
        capacity: capacity?,
        site: Site { region: Region::new(region?), role: role? },
        instance_types,
        zones,
        definitions,
        fargate_spot_discount: raw.fargate_spot_discount_percent.as_ref().map(|p| p.value.0),
        architecture: raw.architecture.as_ref().map(|a| a.value.0).unwrap_or_default(),
        data_cost: raw.data_cost_usd_per_run.as_ref().map_or(Usd::ZERO, |cost| cost.value.0),
        covered,
    })
}

fn check_region(raw: &RawEnvironment, scope: &mut Scope<'_>) -> Option<String> {
    let Located { value, span } = raw.region.as_ref()?;
    if is_region(value) {
        return Some(value.clone());
    }
    let trimmed = value.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let hint = if is_region(trimmed) && trimmed != value {
        format!("that is an availability zone; its region is \"{trimmed}\"")
    } else {
        "write it as AWS does, such as \"eu-west-1\"".to_owned()
    };
    scope.error("invalid-region", span, &format!("{} is no AWS region", shown(value)), &hint);
    None
}

fn check_queue(
    raw: &RawEnvironment,
    region: Option<&str>,
    scope: &mut Scope<'_>,
) -> Option<String> {
    let Located { value, span } = raw.queue.as_ref()?;
    if value.starts_with("arn:") {
        let Some(arn) = batch_arn(value, "job-queue").filter(|arn| is_batch_name(arn.name)) else {
            let hint = "arn:aws:batch:REGION:ACCOUNT:job-queue/NAME";
            let problem = format!("`queue` {} is no ARN of a Batch job queue", shown(value));
            scope.error("invalid-queue", span, &problem, hint);
            return None;
        };
        if let Some(region) = region.filter(|region| *region != arn.region) {
            let problem = format!("the queue is in {}, not in {region}", arn.region);
            scope.error("queue-in-other-region", span, &problem, "correct `region` or `queue`");
            return None;
        }
    } else if !is_batch_name(value) {
        let hint = "queue names are made of letters, digits, `-` and `_`, at most 128";
        let problem = format!("`queue` {} is no name of a Batch job queue", shown(value));
        scope.error("invalid-queue", span, &problem, hint);
        return None;
    }
    Some(value.clone())
}

fn check_zones(
    raw: &RawEnvironment,
    region: Option<&str>,
    scope: &mut Scope<'_>,
) -> Option<Vec<Zone>> {
    let list = raw.zones.as_ref()?;
    if list.value.is_empty() {
        let hint = "remove the key: the zones are then taken from the queue's subnets";
        scope.error("empty-list", &list.span, "`zones` is empty", hint);
    }
    let region = region?;
    for Located { value, span } in &list.value {
        let letter = value.strip_prefix(region);
        let inside = letter.is_some_and(|rest| {
            // Local zones are named `us-east-1-bos-1a`.
            rest.ends_with(|c: char| c.is_ascii_lowercase())
                && (rest.len() == 1 || rest.starts_with('-'))
        });
        if !inside {
            let problem = format!("{} is no zone of {region}", shown(value));
            let hint = format!("zones are written like \"{region}a\"; zone ids do not fit here");
            scope.error("invalid-zone", span, &problem, &hint);
        }
    }
    Some(list.value.iter().map(|zone| Zone::new(zone.value.as_str())).collect())
}

fn check_types(
    raw: &RawEnvironment,
    capacity: Option<Capacity>,
    scope: &mut Scope<'_>,
) -> Option<Vec<InstanceType>> {
    let list = raw.instance_types.as_ref()?;
    if capacity.is_some_and(Capacity::is_fargate) {
        let hint = "remove `instance_types`; Fargate has none";
        scope.error("key-does-not-apply", &list.span, "Fargate has no instance types", hint);
    }
    if list.value.is_empty() {
        let hint = "remove the key: the types are then taken from the queue's environments";
        scope.error("empty-list", &list.span, "`instance_types` is empty", hint);
    }
    for Located { value, span } in list.value.iter().filter(|kind| !is_instance_type(&kind.value)) {
        let hint = "name exact types such as \"m6i.xlarge\"; families and `optimal` are expanded \
                    only when they are discovered, so leave the key out for them";
        let problem = format!("{} is no exact instance type", shown(value));
        scope.error("invalid-instance-type", span, &problem, hint);
    }
    Some(list.value.iter().map(|kind| InstanceType::new(kind.value.as_str())).collect())
}

fn check_discount(raw: &RawEnvironment, capacity: Option<Capacity>, scope: &mut Scope<'_>) {
    match (&raw.fargate_spot_discount_percent, capacity) {
        (Some(discount), Some(capacity)) if capacity != Capacity::FargateSpot => {
            let problem = format!("a Fargate Spot discount does not apply to `{capacity}`");
            scope.error("key-does-not-apply", &discount.span, &problem, "remove it");
        }
        (None, Some(Capacity::FargateSpot)) => {
            let span = raw.capacity.as_ref().map_or(raw.table_span.clone(), |c| c.span.clone());
            scope.warning(
                "fargate-spot-without-price",
                &span,
                "AWS publishes no price for Fargate Spot, so decisions treat it as unknown",
                "set `fargate_spot_discount_percent` to your discount off Fargate's list price",
            );
        }
        _ => {}
    }
}

fn check_architecture(raw: &RawEnvironment, capacity: Option<Capacity>, scope: &mut Scope<'_>) {
    if let (Some(architecture), Some(capacity)) = (&raw.architecture, capacity)
        && !capacity.is_fargate()
    {
        let problem = format!("`architecture` does not apply to `{capacity}`");
        let hint = "remove it: EC2's instance types have an architecture of their own";
        scope.error("key-does-not-apply", &architecture.span, &problem, hint);
    }
}

fn check_definitions(
    raw: &RawEnvironment,
    region: Option<&str>,
    scope: &mut Scope<'_>,
) -> BTreeMap<String, String> {
    let mut definitions = BTreeMap::new();
    let entries = raw.definitions.as_ref().map_or(&[][..], |entries| &entries.value.0);
    for (from, Located { value, span }) in entries {
        match aws_text::definition(value) {
            None => {
                let problem = format!("{} is no job definition", shown(value));
                let hint = "write `name:revision`, a name or an ARN";
                scope.error("invalid-definition", span, &problem, hint);
            }
            Some(definition) => {
                let elsewhere =
                    definition.region.filter(|found| region.is_some_and(|region| region != *found));
                if let Some(found) = elsewhere {
                    let problem = format!("the definition is in {found}, the queue is not");
                    let hint = "a queue can only run definitions of its own region";
                    scope.error("definition-in-other-region", span, &problem, hint);
                }
                if !definition.pinned {
                    let problem = format!("{} does not name its revision", shown(value));
                    let hint = "write `name:revision`, so that it is known what ran";
                    scope.warning("definition-not-pinned", span, &problem, hint);
                }
            }
        }
        definitions.insert(from.value.clone(), value.clone());
    }
    definitions
}

/// One queue cannot be two kinds of capacity: a decision between them would decide nothing.
pub(super) fn check_queues(entries: &[Entry<RawEnvironment>], findings: &mut Findings) {
    let mut first: HashMap<(&str, &str, Option<String>), &Entry<RawEnvironment>> = HashMap::new();
    for entry in entries {
        let raw = &entry.raw;
        let (Some(queue), Some(region)) = (&raw.queue, &raw.region) else { continue };
        let name = batch_arn(&queue.value, "job-queue").map_or(&*queue.value, |arn| arn.name);
        let role = raw.assume_role.as_ref().and_then(|role| RoleArn::parse(&role.value));
        let key = (name, &*region.value, role.map(|role| role.account().to_owned()));
        let Some(other) = first.get(&key) else {
            first.insert(key, entry);
            continue;
        };
        let Some(other_queue) = &other.raw.queue else { continue };
        let shown_name =
            |raw: &RawEnvironment| raw.name.as_ref().map_or("?".into(), |n| shown(&n.value));
        let message = format!(
            "environments {} and {} are the same queue {} in {}",
            shown_name(&other.raw),
            shown_name(raw),
            shown(name),
            region.value
        );
        findings.push(
            Diagnostic::error("queue-used-twice", message)
                .at(&entry.source, queue.span.clone())
                .related(&other.source, other_queue.span.clone(), "first used here")
                .hint("give spot and on-demand capacity separate queues"),
        );
    }
}

/// Warns of an environment that no class allows, and of overrides that never apply.
pub(super) fn check_use(
    raw: &RawEnvironment,
    used: &HashSet<&str>,
    definitions: &HashSet<&str>,
    scope: &mut Scope<'_>,
) {
    if let Some(name) = &raw.name
        && !used.contains(name.value.as_str())
    {
        let hint = "remove it, or name it in a class's `environments`";
        scope.warning("environment-never-used", &name.span, "no class uses it", hint);
    }
    let entries = raw.definitions.as_ref().map_or(&[][..], |entries| &entries.value.0);
    for (from, _) in entries.iter().filter(|(from, _)| !definitions.contains(from.value.as_str())) {
        let problem = format!("no job has the definition {}", shown(&from.value));
        let hint = "write it exactly as in the job, with its revision";
        scope.warning("override-never-used", &from.span, &problem, hint);
    }
}
