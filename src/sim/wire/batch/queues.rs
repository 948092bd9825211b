//! CreateJobQueue, UpdateJobQueue, DescribeJobQueues, DeleteJobQueue.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::protocol::Fault;
use super::environments::{check_settled, status};
use super::members::{Members, check_name};
use super::pages::{names, page, place};
use crate::sim::change::Change;
use crate::sim::echo::QueueEcho;
use crate::sim::environment::{EnvironmentIx, Queue};
use crate::sim::instant::SECOND;
use crate::sim::job::QueueIx;
use crate::sim::scenario::QueueSpec;
use crate::sim::state::State;
use crate::sim::time_limit::TimeLimit;

/// How many an account may have (simulated-aws.md §1.5).
const QUOTA: usize = 50;

const STATES: [&str; 2] = ["ENABLED", "DISABLED"];

/// The reasons for which a time limit can act (simulated-aws.md §1.2).
const LIMITED: [&str; 3] = [
    "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
    "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
];

/// `computeEnvironmentOrder`, in the order in which the environments are tried.
type Order = Vec<(i64, EnvironmentIx)>;

pub(super) fn create(state: &mut State, input: &Members<'_>) -> Result<Value, Fault> {
    let name = input.needed_text("jobQueueName")?;
    check_name("jobQueueName", name)?;
    refuse_unsimulated(input)?;
    let enabled = input.one_of("state", &STATES)? != Some("DISABLED");
    let priority = priority(input)?.ok_or_else(|| input.missing("priority"))?;
    let tags = input.tags()?;
    let limits = time_limits(input)?.unwrap_or_default();
    let order = order(state, input)?.ok_or_else(|| input.missing("computeEnvironmentOrder"))?;
    if state.find_queue(name).is_some() {
        return Err(Fault::client("Object already exists"));
    }
    if state.queues.iter().filter(|queue| !queue.deleted).count() >= QUOTA {
        return Err(Fault::client(format!("the account has {QUOTA} job queues, its limit")));
    }
    let spec = QueueSpec {
        name: name.to_owned(),
        compute_environments: Vec::new(),
        enabled,
        invalid_reason: None,
    };
    let queue = state.add_queue(&spec);
    state.queues[queue].priority = priority;
    state.queues[queue].time_limits = limits;
    state.queues[queue].echo = QueueEcho { orders: Vec::new(), tags };
    reorder(state, queue, order);
    state.change_queue(queue, Change::Creating);
    Ok(named(&state.queues[queue]))
}

fn named(queue: &Queue) -> Value {
    json!({ "jobQueueName": queue.spec.name, "jobQueueArn": queue.arn })
}

/// Fair share, SageMaker and EKS are other worlds.
fn refuse_unsimulated(input: &Members<'_>) -> Result<(), Fault> {
    for member in ["schedulingPolicyArn", "serviceEnvironmentOrder"] {
        if input.has(member) {
            return Err(Fault::client(format!("{member} is not simulated")));
        }
    }
    match input.text("jobQueueType")? {
        None | Some("ECS" | "ECS_FARGATE") => Ok(()),
        Some(other) => Err(Fault::client(format!("jobQueueType {other:?} is not simulated"))),
    }
}

fn priority(input: &Members<'_>) -> Result<Option<i64>, Fault> {
    input.within("priority", 0, 1_000)
}

/// One to three environments, all VALID, of one family and one architecture (simulated-aws.md §1.5).
fn order(state: &State, input: &Members<'_>) -> Result<Option<Order>, Fault> {
    let Some(entries) = input.objects("computeEnvironmentOrder")? else { return Ok(None) };
    if !(1..=3).contains(&entries.len()) {
        let message = "computeEnvironmentOrder must have one to three compute environments";
        return Err(Fault::client(message));
    }
    let mut order = Vec::new();
    for entry in &entries {
        let name = entry.needed_text("computeEnvironment")?;
        let number = entry.integer("order")?.ok_or_else(|| entry.missing("order"))?;
        let found = state.find_environment(name);
        let ix = found
            .ok_or_else(|| Fault::client(format!("compute-environment/{name} does not exist")))?;
        let environment = &state.environments[ix];
        if status(environment.change, environment.spec.invalid_reason.as_ref()) != "VALID" {
            return Err(Fault::client(format!("{} is not valid", environment.arn)));
        }
        if order.iter().any(|(before, other)| *before == number || *other == ix) {
            let message = "computeEnvironmentOrder has an order or a compute environment twice";
            return Err(Fault::client(message));
        }
        order.push((number, ix));
    }
    order.sort_unstable();
    let each = || order.iter().map(|(_, ix)| &state.environments[*ix]);
    let families: BTreeSet<_> = each().map(|e| e.spec.capacity.is_fargate()).collect();
    if families.len() > 1 {
        return Err(Fault::client("EC2 and Fargate compute environments cannot be mixed"));
    }
    let options = each().flat_map(|environment| &environment.options);
    let architectures: BTreeSet<_> = options.map(|o| &o.offer.shape.architecture).collect();
    if architectures.len() > 1 {
        let message = "compute environments of a job queue must have the same architecture";
        return Err(Fault::client(message));
    }
    Ok(Some(order))
}

fn reorder(state: &mut State, queue: QueueIx, order: Order) {
    let (orders, environments): (Vec<_>, Vec<_>) = order.into_iter().unzip();
    let names = environments.iter().map(|ix| state.environments[*ix].spec.name.clone()).collect();
    state.queues[queue].echo.orders = orders;
    state.queues[queue].spec.compute_environments = names;
    state.attach(queue, environments);
}

/// 600 to 86,400 s; only CANCEL outside SageMaker (simulated-aws.md §1.2).
fn time_limits(input: &Members<'_>) -> Result<Option<Vec<TimeLimit>>, Fault> {
    let Some(actions) = input.objects("jobStateTimeLimitActions")? else { return Ok(None) };
    let read = |action: &Members<'_>| {
        let reason = action.one_of("reason", &LIMITED)?.ok_or_else(|| action.missing("reason"))?;
        action.one_of("state", &["RUNNABLE"])?.ok_or_else(|| action.missing("state"))?;
        action.one_of("action", &["CANCEL"])?.ok_or_else(|| action.missing("action"))?;
        let seconds = action.within("maxTimeSeconds", 600, 86_400)?;
        let seconds = seconds.ok_or_else(|| action.missing("maxTimeSeconds"))?;
        Ok(TimeLimit { reason: reason.to_owned(), after: seconds * SECOND })
    };
    actions.iter().map(read).collect::<Result<_, _>>().map(Some)
}

fn find(state: &State, input: &Members<'_>) -> Result<QueueIx, Fault> {
    let name = input.needed_text("jobQueue")?;
    let message = || Fault::client(format!("job-queue/{name} does not exist"));
    state.find_queue(name).ok_or_else(message)
}

pub(super) fn update(state: &mut State, input: &Members<'_>) -> Result<Value, Fault> {
    let queue = find(state, input)?;
    check_settled("update", state.queues[queue].change)?;
    refuse_unsimulated(input)?;
    let enabled = input.one_of("state", &STATES)?.map(|state| state == "ENABLED");
    let priority = priority(input)?;
    let limits = time_limits(input)?;
    let order = order(state, input)?;
    let updated = &mut state.queues[queue];
    updated.spec.enabled = enabled.unwrap_or(updated.spec.enabled);
    updated.priority = priority.unwrap_or(updated.priority);
    let limited = limits.is_some();
    updated.time_limits = limits.unwrap_or_else(|| std::mem::take(&mut updated.time_limits));
    match order {
        Some(order) => reorder(state, queue, order),
        None => state.sort_queues(),
    }
    if limited {
        state.plan_time_limit(queue);
    }
    state.change_queue(queue, Change::Updating);
    Ok(named(&state.queues[queue]))
}

pub(super) fn describe(state: &State, input: &Members<'_>) -> Result<Value, Fault> {
    let listed = names(input, "jobQueues")?;
    let wanted = |queue: &Queue| {
        let asked = |name: &String| *name == queue.spec.name || *name == queue.arn;
        !queue.deleted && (listed.is_empty() || listed.iter().any(asked))
    };
    let found = state.queues.iter().enumerate().filter(|(_, queue)| wanted(queue));
    let rows = found.map(|(ix, queue)| (place(ix), detail(state, queue))).collect();
    page(input, "jobQueues", rows)
}

fn detail(state: &State, queue: &Queue) -> Value {
    let numbers = queue.echo.orders.iter().copied().chain(1..);
    let order = numbers.zip(&queue.environments).map(|(number, ix)| {
        json!({ "order": number, "computeEnvironment": state.environments[*ix].arn })
    });
    let limits = queue.time_limits.iter().map(|limit| {
        json!({
            "reason": limit.reason,
            "state": "RUNNABLE",
            "maxTimeSeconds": limit.after / SECOND,
            "action": "CANCEL",
        })
    });
    let fargate =
        queue.environments.iter().any(|ix| state.environments[*ix].spec.capacity.is_fargate());
    let healthy = || "JobQueue Healthy".to_owned();
    json!({
        "jobQueueName": queue.spec.name,
        "jobQueueArn": queue.arn,
        "state": if queue.spec.enabled { "ENABLED" } else { "DISABLED" },
        "status": status(queue.change, queue.spec.invalid_reason.as_ref()),
        "statusReason": queue.spec.invalid_reason.clone().unwrap_or_else(healthy),
        "priority": queue.priority,
        "computeEnvironmentOrder": order.collect::<Vec<_>>(),
        "jobQueueType": if fargate { "ECS_FARGATE" } else { "ECS" },
        "jobStateTimeLimitActions": limits.collect::<Vec<_>>(),
        "tags": queue.echo.tags,
    })
}

pub(super) fn delete(state: &mut State, input: &Members<'_>) -> Result<Value, Fault> {
    let queue = find(state, input)?;
    check_settled("delete", state.queues[queue].change)?;
    if state.queues[queue].spec.enabled {
        return Err(Fault::client("Cannot delete, resource must be DISABLED"));
    }
    state.empty_queue(queue);
    state.change_queue(queue, Change::Deleting);
    Ok(json!({}))
}
