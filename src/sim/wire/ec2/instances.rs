//! DescribeInstances: by id, where an unknown one fails the call, or by filter, which leaves unknown
//! ones out (simulated-aws.md §2).

use std::collections::{BTreeMap, BTreeSet};

use super::filters::Filters;
use super::instance_types::threads_per_core;
use super::subnets::vpc;
use super::zones::Zones;
use super::{Call, Fault, Page, combination, invalid, time};
use crate::domain::{InstanceEnd, InstanceId};
use crate::sim::fleet::{Instance, InstanceState};
use crate::sim::instant::{Millis, SECOND, timestamp};
use crate::sim::state::State;
use crate::sim::wire::xml::Element;

const FILTERS: [&str; 12] = [
    "architecture",
    "availability-zone",
    "availability-zone-id",
    "instance-id",
    "instance-lifecycle",
    "instance-state-code",
    "instance-state-name",
    "instance-type",
    "subnet-id",
    "tag:",
    "tag-key",
    "vpc-id",
];

/// EC2 takes about as long until an instance runs; its joining the cluster comes later.
const PENDING: Millis = 10 * SECOND;

pub(super) fn describe(state: &State, call: &Call) -> Result<Vec<Element>, Fault> {
    let ids = call.list("InstanceId");
    if !ids.is_empty() && call.parameter("MaxResults").is_some() {
        let message = "The parameter instancesSet cannot be used with the parameter maxResults";
        return Err(combination(message));
    }
    let page = Page::of(call, 5..=1000)?;
    let filters = Filters::of(call, &FILTERS)?;
    let zones = Zones::of(state);
    let found: Vec<&Instance> = match filters.exactly("instance-id") {
        _ if !ids.is_empty() => by_id(state, &ids)?,
        // Thousands may run: whoever names a few need not wait until all are looked at.
        Some(named) => {
            let named: BTreeSet<&str> = named.iter().copied().collect();
            named.into_iter().filter_map(|id| state.fleet.find(&id.into())).collect()
        }
        None => state.fleet.launched().collect(),
    };
    let vpc = vpc(state);
    let admitted = found.into_iter().filter(|instance| {
        filters.admit(|filter| match filter {
            "architecture" => vec![instance.offer.shape.architecture.clone()],
            "availability-zone" => vec![instance.zone.to_string()],
            "availability-zone-id" => {
                zones.id(&instance.zone).map(str::to_owned).into_iter().collect()
            }
            "instance-id" => vec![instance.id.to_string()],
            "instance-lifecycle" if instance.pool.is_some() => vec!["spot".to_owned()],
            "instance-state-code" => vec![status(instance, state.now).0.to_string()],
            "instance-state-name" => vec![status(instance, state.now).1.to_owned()],
            "instance-type" => vec![instance.offer.name.to_string()],
            "subnet-id" => zones.subnet(&instance.zone).map(str::to_owned).into_iter().collect(),
            "tag-key" => tags(state, instance).into_keys().collect(),
            "vpc-id" => vec![vpc.clone()],
            tag => {
                let key = tag.strip_prefix("tag:").unwrap_or_default();
                tags(state, instance).remove(key).into_iter().collect()
            }
        })
    });
    let rows = admitted.map(|instance| ((instance.launched, instance.id.to_string()), instance));
    let told = |instance| reservation(state, instance, &zones);
    Ok(page.set("reservationSet", rows.collect(), told))
}

fn by_id<'a>(state: &'a State, ids: &[&str]) -> Result<Vec<&'a Instance>, Fault> {
    if ids.len() > 1000 {
        return Err(invalid("At most 1000 instance IDs may be specified."));
    }
    let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let well_formed =
        |id: &str| id.strip_prefix("i-").is_some_and(|id| [8, 17].contains(&id.len()) && hex(id));
    if let Some(id) = ids.iter().find(|id| !well_formed(id)) {
        let message = format!("Invalid id: \"{id}\"");
        return Err(Fault::new(400, "InvalidInstanceID.Malformed", message));
    }
    let mut found = BTreeMap::new();
    let mut unknown = Vec::new();
    for id in ids {
        match state.fleet.find(&InstanceId::from(*id)) {
            Some(instance) => {
                found.insert(*id, instance);
            }
            None => unknown.push(*id),
        }
    }
    let message = match unknown.as_slice() {
        [] => return Ok(found.into_values().collect()),
        [id] => format!("The instance ID '{id}' does not exist"),
        ids => format!("The instance IDs '{}' do not exist", ids.join(", ")),
    };
    Err(Fault::new(400, "InvalidInstanceID.NotFound", message))
}

/// Code and name of the state.
fn status(instance: &Instance, now: Millis) -> (u16, &'static str) {
    match instance.state {
        InstanceState::Ended => (48, "terminated"),
        InstanceState::Requested | InstanceState::Booting if now - instance.launched < PENDING => {
            (0, "pending")
        }
        _ => (16, "running"),
    }
}

/// Batch tags what it launches; its Auto Scaling group does, too.
fn tags(state: &State, instance: &Instance) -> BTreeMap<String, String> {
    let environment = &state.environments[instance.environment].spec.name;
    let group = format!("AWSBatch-{environment}-asg-{}", state.seed.uuid("group", environment));
    BTreeMap::from([
        ("AWSBatchServiceTag".to_owned(), "batch".to_owned()),
        ("aws:autoscaling:groupName".to_owned(), group),
    ])
}

fn reservation(state: &State, instance: &Instance, zones: &Zones) -> Vec<Element> {
    let id = state.seed.hex("reservation", instance.id.as_str(), 17);
    vec![
        Element::text("reservationId", format!("r-{id}")),
        Element::text("ownerId", &state.scenario.account_id),
        Element::new("groupSet"),
        Element::set("instancesSet", [describe_one(state, instance, zones)]),
    ]
}

fn describe_one(state: &State, instance: &Instance, zones: &Zones) -> Vec<Element> {
    let shape = &instance.offer.shape;
    let (code, name) = status(instance, state.now);
    let image = state.seed.hex("image", &shape.architecture, 17);
    let threads = threads_per_core(shape);
    let placement = Element::new("placement")
        .children(zones.elements(&instance.zone))
        .child(Element::new("groupName"))
        .child(Element::text("tenancy", "default"));
    let cpus = Element::new("cpuOptions")
        .child(Element::text("coreCount", shape.vcpus / threads))
        .child(Element::text("threadsPerCore", threads));
    let tags = tags(state, instance)
        .into_iter()
        .map(|(key, value)| vec![Element::text("key", key), Element::text("value", value)]);
    let mut told = vec![
        Element::text("instanceId", &instance.id),
        Element::text("imageId", format!("ami-{image}")),
        Element::new("instanceState")
            .child(Element::text("code", code))
            .child(Element::text("name", name)),
        Element::new("dnsName"),
        Element::text("amiLaunchIndex", 0),
        Element::new("productCodes"),
        Element::text("instanceType", &instance.offer.name),
        Element::text("launchTime", time(instance.launched)),
        placement,
        Element::new("monitoring").child(Element::text("state", "disabled")),
        Element::text("architecture", &shape.architecture),
        Element::text("rootDeviceType", "ebs"),
        Element::text("virtualizationType", "hvm"),
        Element::set("tagSet", tags),
        Element::text("platformDetails", "Linux/UNIX"),
        Element::text("usageOperation", "RunInstances"),
        cpus,
    ];
    if instance.pool.is_some() {
        let request = state.seed.hex("spot-request", instance.id.as_str(), 8);
        told.push(Element::text("instanceLifecycle", "spot"));
        told.push(Element::text("spotInstanceRequestId", format!("sir-{request}")));
    }
    told.extend(end(instance));
    // What has ended is in no network any more.
    if instance.ended.is_none() {
        told.push(Element::text("vpcId", vpc(state)));
        told.extend(zones.subnet(&instance.zone).map(|id| Element::text("subnetId", id)));
    }
    told
}

/// StateTransitionReason (`reason`; empty for what runs) and StateReason.
fn end(instance: &Instance) -> Vec<Element> {
    let Some((at, end)) = instance.ended else { return vec![Element::new("reason")] };
    let (who, code, what) = match end {
        InstanceEnd::Requested => {
            ("User", "Client.UserInitiatedShutdown", "User initiated shutdown")
        }
        InstanceEnd::Reclaimed => {
            ("Service", "Server.SpotInstanceTermination", "Spot instance termination")
        }
        InstanceEnd::Unknown => ("Service", "Server.InternalError", "Internal error"),
    };
    let at = timestamp(at).strftime("%Y-%m-%d %H:%M:%S GMT");
    let reason = Element::new("stateReason")
        .child(Element::text("code", code))
        .child(Element::text("message", format!("{code}: {what}")));
    vec![Element::text("reason", format!("{who} initiated ({at})")), reason]
}
