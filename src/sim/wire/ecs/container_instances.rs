//! DescribeContainerInstances: the machines of a cluster, for an hour after their end.

use serde_json::{Value, json};

use super::{Asked, Call, Fault};
use crate::domain::BatchStatus;
use crate::sim::fleet::{Instance, InstanceState, Room};
use crate::sim::state::State;
use crate::sim::wire::ec2::{subnet_of, vpc};

/// ECS's units of CPU in one vCPU.
const CPU_UNITS: u32 = 1024;

pub(super) fn describe(state: &State, call: &Call) -> Result<Value, Fault> {
    let asked = Asked::of(state, call, "containerInstances", "container-instance")?;
    Ok(asked.answer("containerInstances", |arn| {
        let instance = state.fleet.find_host(arn)?;
        (instance.environment == asked.environment).then(|| container_instance(state, instance))
    }))
}

fn container_instance(state: &State, instance: &Instance) -> Value {
    let alive = instance.state != InstanceState::Ended;
    let jobs = || instance.jobs.iter().filter_map(|job| state.jobs.get(*job));
    let count = |status| jobs().filter(|job| job.status() == status).count();
    let all = Room::of(&instance.offer.shape);
    json!({
        "containerInstanceArn": instance.arn,
        "ec2InstanceId": instance.id.as_str(),
        "version": instance.uses,
        "versionInfo": {},
        "registeredResources": resources(state, instance, all),
        "remainingResources": resources(state, instance, instance.room),
        "status": if alive { "ACTIVE" } else { "INACTIVE" },
        "agentConnected": alive,
        "runningTasksCount": count(BatchStatus::Running),
        "pendingTasksCount": count(BatchStatus::Starting),
        "attributes": attributes(state, instance),
        "attachments": [],
        "tags": [],
    })
}

fn resources(state: &State, instance: &Instance, room: Room) -> Value {
    let integer = |name: &str, value: u32| {
        json!({
            "name": name,
            "type": "INTEGER",
            "doubleValue": 0.0,
            "longValue": 0,
            "integerValue": value,
        })
    };
    // The ports of the agent, of Docker and of SSH are taken from the start.
    let ports = ["22", "2375", "2376", "51678", "51679"];
    let mut listed = vec![
        integer("CPU", room.vcpu_millis * CPU_UNITS / 1000),
        integer("MEMORY", room.memory_mib),
        json!({ "name": "PORTS", "type": "STRINGSET", "stringSetValue": ports }),
        json!({ "name": "PORTS_UDP", "type": "STRINGSET", "stringSetValue": [] }),
    ];
    if instance.offer.shape.gpus > 0 {
        let id = |n| format!("GPU-{}", state.seed.uuid("gpu", &format!("{}/{n}", instance.id)));
        let ids: Vec<String> = (0..room.gpus).map(id).collect();
        listed.push(json!({ "name": "GPU", "type": "STRINGSET", "stringSetValue": ids }));
    }
    Value::Array(listed)
}

fn attributes(state: &State, instance: &Instance) -> Value {
    let shape = &instance.offer.shape;
    let image = format!("ami-{}", state.seed.hex("image", &shape.architecture, 17));
    let mut listed = vec![
        ("ecs.ami-id", image),
        ("ecs.availability-zone", instance.zone.to_string()),
        ("ecs.cpu-architecture", shape.architecture.clone()),
        ("ecs.instance-type", instance.offer.name.to_string()),
        ("ecs.os-type", "linux".to_owned()),
        ("ecs.vpc-id", vpc(state)),
    ];
    listed.extend(subnet_of(state, &instance.zone).map(|subnet| ("ecs.subnet-id", subnet)));
    listed.into_iter().map(|(name, value)| json!({ "name": name, "value": value })).collect()
}
