//! Stories of places that change while the account runs: over the wire's own operations, on virtual
//! time.

mod placement;
mod rules;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::protocol::{Call, Fault, Input, Output, Service};
use super::call;
use crate::domain::{BatchJobName, BatchStatus, Capacity, Resources};
use crate::run::SubmitRequest;
use crate::sim::instant::{MINUTE, Millis, SECOND};
use crate::sim::job::{Job, JobKey};
use crate::sim::network::subnets;
use crate::sim::scenario::Scenario;
use crate::sim::state::State;

const START: Millis = 1_780_000_000_000;

/// An account with one on-demand queue, where nothing takes long and jobs take an hour.
fn account() -> State {
    let mut scenario = Scenario::empty("us-east-1", "ab")
        .with_queue("od", Capacity::OnDemand, &["m6i.large"], 4)
        .with_definition("hour", 3_600);
    scenario.market.reclaim_scale = 0.0;
    scenario.timing.submitted_secs = [0, 0];
    scenario.timing.scale_up_secs = [1, 1];
    scenario.timing.boot_secs = [1, 1];
    scenario.timing.pull_secs = [0, 0];
    scenario.timing.blocked_reason_secs = 0;
    scenario.timing.place_change_secs = 0;
    State::new(scenario, 3, START)
}

fn ask(state: &mut State, operation: &str, input: Value) -> Result<Value, Fault> {
    let Value::Object(members) = input else { panic!("{input} is no structure") };
    let operation = operation.to_owned();
    let asked = Call { service: Service::Batch, operation, input: Input::Json(members) };
    match call(state, &asked)? {
        Output::Json(answer) => Ok(answer),
        Output::Xml(_) => panic!("Batch speaks JSON"),
    }
}

#[track_caller]
fn done(state: &mut State, operation: &str, input: Value) -> Value {
    ask(state, operation, input).unwrap_or_else(|fault| panic!("{operation}: {fault:?}"))
}

/// `computeResources` of EC2 capacity in both zones.
fn resources(state: &State, kind: &str, strategy: &str, types: &[&str], max: u32) -> Value {
    let subnets = subnets(&state.scenario, state.seed).into_iter().map(|(subnet, _)| subnet);
    json!({
        "type": kind,
        "allocationStrategy": strategy,
        "instanceTypes": types,
        "maxvCpus": max,
        "subnets": subnets.collect::<Vec<_>>(),
        "securityGroupIds": ["sg-1"],
        "instanceRole": "ecsInstanceRole",
    })
}

/// Makes an environment and a queue on it, both named `name`.
fn place(state: &mut State, name: &str, resources: Value) {
    let environment = json!({
        "computeEnvironmentName": name, "type": "MANAGED", "computeResources": resources,
    });
    done(state, "CreateComputeEnvironment", environment);
    queue(state, name, &[name], 1);
}

fn queue(state: &mut State, name: &str, environments: &[&str], priority: u32) {
    let order: Vec<_> = (1..)
        .zip(environments)
        .map(|(order, name)| json!({ "order": order, "computeEnvironment": name }))
        .collect();
    let queue =
        json!({ "jobQueueName": name, "priority": priority, "computeEnvironmentOrder": order });
    done(state, "CreateJobQueue", queue);
}

fn request(name: &str, queue: &str, definition: &str) -> SubmitRequest {
    SubmitRequest {
        site: "us-east-1".into(),
        name: BatchJobName::from(name),
        queue: queue.to_owned(),
        definition: definition.to_owned(),
        parameters: BTreeMap::new(),
        environment: BTreeMap::new(),
        command: None,
        resources: None,
        array_size: None,
        retry_strategy: None,
        timeout: None,
        share_identifier: None,
        scheduling_priority: None,
        tags: BTreeMap::new(),
    }
}

/// Submits a job that needs so many vCPUs, and lets five seconds pass.
#[track_caller]
fn submit(state: &mut State, name: &str, queue: &str, vcpus: u32) -> JobKey {
    let mut asked = request(name, queue, "hour");
    asked.resources = Some(Resources { vcpu_millis: vcpus * 1000, memory_mib: 2048, gpus: 0 });
    let id = state.accept(&asked).unwrap();
    pass(state, 5 * SECOND);
    state.jobs.find(&id).unwrap()
}

fn pass(state: &mut State, time: Millis) {
    state.advance(state.now + time);
}

#[track_caller]
fn job(state: &State, key: JobKey) -> &Job {
    state.jobs.get(key).unwrap()
}

#[track_caller]
fn assert_status(state: &State, key: JobKey, status: BatchStatus) {
    let job = job(state, key);
    assert_eq!(job.status(), status, "{}: {:?}", job.name, job.status_reason);
}

/// Why the head of a queue waits, in Batch's words.
fn blocked(state: &State, queue: &str) -> Option<&'static str> {
    let queue = &state.queues[state.find_queue(queue).unwrap()];
    queue.blocked.and_then(|(_, why, _)| why.reason())
}

/// The type of the instance that a job runs on.
fn host_type(state: &State, key: JobKey) -> &str {
    use crate::sim::job::Placement;
    match job(state, key).placement {
        Placement::Instance(instance) => state.fleet.get(instance).unwrap().offer.name.as_str(),
        _ => "none",
    }
}

/// Takes the capacity of every pool of `instance_type` away for two days.
fn starve(state: &mut State, instance_type: &str) {
    for ix in state.market.indices() {
        if state.market.pool(ix).pool.instance_type.as_str() == instance_type {
            state.crunch(ix, state.now + 48 * 60 * MINUTE);
        }
    }
}

fn with(mut value: Value, member: &str, new: Value) -> Value {
    value[member] = new;
    value
}

fn limit(reason: &str, seconds: u32) -> Value {
    json!([{
        "reason": reason, "state": "RUNNABLE", "maxTimeSeconds": seconds, "action": "CANCEL",
    }])
}
