//! CreateComputeEnvironment, UpdateComputeEnvironment, DescribeComputeEnvironments,
//! DeleteComputeEnvironment.

use serde_json::{Map, Value, json};

use super::super::protocol::Fault;
use super::environment_rules::{Resources, read, type_of};
use super::members::{Members, check_name};
use super::pages::{names, page, place};
use crate::sim::change::Change;
use crate::sim::echo::EnvironmentEcho;
use crate::sim::environment::{Environment, EnvironmentIx};
use crate::sim::iam::{
    SERVICE_LINKED_ROLE, instance_profile_arn, service_linked_role_arn, service_role_problem,
};
use crate::sim::network::{security_group, subnets};
use crate::sim::scenario::EnvironmentSpec;
use crate::sim::state::State;
use crate::sim::strategy::AllocationStrategy;

/// How many an account may have (simulated-aws.md §1.5).
const QUOTA: usize = 50;

const STATES: [&str; 2] = ["ENABLED", "DISABLED"];

/// Members that can be updated without replacing the instances.
const SCALING: [&str; 4] = ["minvCpus", "maxvCpus", "desiredvCpus", "scalingPolicy"];

pub(super) fn create(state: &mut State, input: &Members<'_>) -> Result<Value, Fault> {
    let name = input.needed_text("computeEnvironmentName")?;
    check_name("computeEnvironmentName", name)?;
    let kind = input.one_of("type", &["MANAGED", "UNMANAGED"])?;
    if kind.ok_or_else(|| input.missing("type"))? == "UNMANAGED" || input.has("eksConfiguration") {
        return Err(Fault::client("UNMANAGED and EKS compute environments are not simulated"));
    }
    let enabled = input.one_of("state", &STATES)? != Some("DISABLED");
    let given = input.object("computeResources")?;
    let given = given.ok_or_else(|| input.missing("computeResources"))?;
    let service_role = input.text("serviceRole")?.filter(|role| !role.is_empty());
    let tags = input.tags()?;
    let resources = read(state, &given)?;
    if state.find_environment(name).is_some() {
        return Err(Fault::client("Object already exists"));
    }
    if state.environments.iter().filter(|e| !e.deleted).count() >= QUOTA {
        let message = format!("the account has {QUOTA} compute environments, its limit");
        return Err(Fault::client(message));
    }
    let account = &state.scenario.account_id;
    let role = service_role.and_then(|role| service_role_problem(account, role));
    let mut spec = EnvironmentSpec {
        name: name.to_owned(),
        capacity: resources.capacity,
        instance_types: Vec::new(),
        zones: None,
        max_vcpus: 0,
        enabled,
        invalid_reason: role.or_else(|| resources.invalid_reason.clone()),
        reclaim_scale: None,
        recovery_scale: None,
    };
    fit(&mut spec, &resources);
    let ix = state.add_environment(&spec);
    let environment = &mut state.environments[ix];
    environment.terms = resources.terms;
    environment.echo = EnvironmentEcho {
        compute_resources: given.map().clone(),
        service_role: service_role.map(str::to_owned),
        update_policy: None,
        context: input.text("context")?.map(str::to_owned),
        tags,
    };
    let answer = named(environment);
    state.change_environment(ix, Change::Creating);
    Ok(answer)
}

/// What `resources` say goes into the environment.
fn fit(spec: &mut EnvironmentSpec, resources: &Resources) {
    spec.capacity = resources.capacity;
    spec.instance_types.clone_from(&resources.instance_types);
    spec.zones = Some(resources.zones.clone());
    spec.max_vcpus = resources.max_vcpus;
}

/// What `change` and validity make the status of a queue or an environment.
pub(super) fn status(change: Option<Change>, invalid: Option<&String>) -> &'static str {
    match (change, invalid) {
        (Some(change), _) => change.status(),
        (None, Some(_)) => "INVALID",
        (None, None) => "VALID",
    }
}

/// One change at a time.
pub(super) fn check_settled(verb: &str, change: Option<Change>) -> Result<(), Fault> {
    match change {
        None => Ok(()),
        Some(_) => Err(Fault::client(format!("Cannot {verb}, resource is being modified."))),
    }
}

fn named(environment: &Environment) -> Value {
    json!({
        "computeEnvironmentName": environment.spec.name,
        "computeEnvironmentArn": environment.arn,
    })
}

fn find(state: &State, input: &Members<'_>) -> Result<EnvironmentIx, Fault> {
    let name = input.needed_text("computeEnvironment")?;
    let message = || Fault::client(format!("compute-environment/{name} does not exist"));
    state.find_environment(name).ok_or_else(message)
}

pub(super) fn update(state: &mut State, input: &Members<'_>) -> Result<Value, Fault> {
    let ix = find(state, input)?;
    check_settled("update", state.environments[ix].change)?;
    let enabled = input.one_of("state", &STATES)?.map(|state| state == "ENABLED");
    let role = input.text("serviceRole")?.filter(|role| !role.is_empty());
    if let Some(role) = role {
        keep_kind_of_role(&state.environments[ix], role)?;
    }
    let mut merged = compute_resources(state, ix);
    let changes = input.object("computeResources")?;
    let infrastructure = changes.as_ref().is_some_and(|changes| {
        changes.map().keys().any(|member| changes.has(member) && !SCALING.contains(&&**member))
    });
    if let Some(changes) = &changes {
        merge(&state.environments[ix], &mut merged, changes, infrastructure)?;
    }
    let resources = read(state, &Members::of(&merged))?;
    if resources.capacity.is_fargate() != state.environments[ix].spec.capacity.is_fargate() {
        return Err(Fault::client("a compute environment cannot change between EC2 and Fargate"));
    }
    let policy = update_policy(input)?;
    let account = state.scenario.account_id.clone();
    let environment = &mut state.environments[ix];
    if let Some(role) = role {
        environment.echo.service_role = Some(role.to_owned());
    }
    let own = environment.echo.service_role.as_deref();
    let problem = own.and_then(|role| service_role_problem(&account, role));
    let problem = problem.or_else(|| resources.invalid_reason.clone());
    // What else the scenario has against it is over once a role or the infrastructure is new.
    if problem.is_some() || role.is_some() || infrastructure {
        environment.spec.invalid_reason = problem;
    }
    environment.spec.enabled = enabled.unwrap_or(environment.spec.enabled);
    if changes.is_some() {
        fit(&mut environment.spec, &resources);
        environment.terms = resources.terms;
        environment.echo.compute_resources = merged;
    }
    if policy.is_some() {
        environment.echo.update_policy = policy;
    }
    let answer = named(environment);
    state.environment_changed(ix);
    state.change_environment(ix, Change::Updating);
    Ok(answer)
}

/// The service-linked role stays, and so does a role of one's own (service model, `serviceRole`).
fn keep_kind_of_role(environment: &Environment, role: &str) -> Result<(), Fault> {
    let is_linked = |role: &str| role.ends_with(SERVICE_LINKED_ROLE);
    let before = environment.echo.service_role.as_deref().is_none_or(is_linked);
    if before == is_linked(role) {
        return Ok(());
    }
    Err(Fault::client("serviceRole cannot change between the service-linked role and another one"))
}

/// Puts `changes` into `merged`. Infrastructure changes need the service-linked role and another
/// strategy than BEST_FIT (AWS Batch user guide, "Updating compute environments").
fn merge(
    environment: &Environment,
    merged: &mut Map<String, Value>,
    changes: &Members<'_>,
    infrastructure: bool,
) -> Result<(), Fault> {
    let role = environment.echo.service_role.as_deref();
    let linked = role.is_none_or(|role| role.ends_with(SERVICE_LINKED_ROLE));
    let best_fit = environment.terms.strategy == AllocationStrategy::BestFit;
    if infrastructure && (best_fit || !linked) {
        return Err(Fault::client(
            "only state, serviceRole, minvCpus, maxvCpus and desiredvCpus can be updated: the \
             compute environment has the strategy BEST_FIT or no service-linked role",
        ));
    }
    if changes.text("allocationStrategy")? == Some("BEST_FIT") {
        return Err(Fault::client("allocationStrategy BEST_FIT is not supported in updates"));
    }
    for (member, value) in changes.map() {
        if !value.is_null() && member != "updateToLatestImageVersion" {
            merged.insert(member.clone(), value.clone());
        }
    }
    Ok(())
}

fn update_policy(input: &Members<'_>) -> Result<Option<Value>, Fault> {
    let Some(policy) = input.object("updatePolicy")? else { return Ok(None) };
    policy.flag("terminateJobsOnUpdate")?;
    policy.within("jobExecutionTimeoutMinutes", 1, 7_200)?;
    Ok(Some(Value::Object(policy.map().clone())))
}

/// `computeResources` as they were given, or for an environment of the scenario as they would have
/// been.
fn compute_resources(state: &State, ix: EnvironmentIx) -> Map<String, Value> {
    let environment = &state.environments[ix];
    let spec = &environment.spec;
    if !environment.echo.compute_resources.is_empty() {
        return environment.echo.compute_resources.clone();
    }
    let all = subnets(&state.scenario, state.seed).into_iter();
    let own = all.filter(|(_, zone)| environment.zones.contains(zone)).map(|(subnet, _)| subnet);
    let mut members = vec![
        ("type", json!(type_of(spec.capacity))),
        ("maxvCpus", json!(spec.max_vcpus)),
        ("subnets", own.collect()),
        ("securityGroupIds", json!([security_group(state.seed)])),
    ];
    if !spec.capacity.is_fargate() {
        members.extend([
            ("allocationStrategy", json!(environment.terms.strategy.name())),
            ("instanceTypes", json!(spec.instance_types)),
            ("instanceRole", json!(instance_profile_arn(&state.scenario.account_id))),
        ]);
    }
    members.into_iter().map(|(member, value)| (member.to_owned(), value)).collect()
}

pub(super) fn describe(state: &State, input: &Members<'_>) -> Result<Value, Fault> {
    let listed = names(input, "computeEnvironments")?;
    let wanted = |e: &Environment| {
        let asked = |name: &String| *name == e.spec.name || *name == e.arn;
        !e.deleted && (listed.is_empty() || listed.iter().any(asked))
    };
    let found = state.environments.iter().enumerate().filter(|(_, e)| wanted(e));
    let rows = found.map(|(ix, _)| (place(ix), detail(state, ix))).collect();
    page(input, "computeEnvironments", rows)
}

fn detail(state: &State, ix: EnvironmentIx) -> Value {
    let environment = &state.environments[ix];
    let (spec, echo) = (&environment.spec, &environment.echo);
    let (region, account) = (&state.scenario.region, &state.scenario.account_id);
    let cluster = &environment.cluster;
    let uuid = cluster.get(cluster.len().saturating_sub(36)..).unwrap_or(cluster);
    let creating = environment.change == Some(Change::Creating);
    let reason = spec.invalid_reason.clone().filter(|_| !creating);
    let healthy = || "ComputeEnvironment Healthy".to_owned();
    let role = echo.service_role.clone().unwrap_or_else(|| service_linked_role_arn(account));
    let mut resources = compute_resources(state, ix);
    if !spec.capacity.is_fargate() {
        let minimum = resources.get("minvCpus").and_then(Value::as_u64).unwrap_or(0);
        // Batch sets what is desired by the demand.
        let desired = (environment.vcpu_millis / 1000).max(minimum);
        resources.insert("minvCpus".to_owned(), json!(minimum));
        resources.insert("desiredvCpus".to_owned(), json!(desired));
        let strategy = environment.terms.strategy.name();
        resources.insert("allocationStrategy".to_owned(), json!(strategy));
    }
    let mut detail = json!({
        "computeEnvironmentName": spec.name,
        "computeEnvironmentArn": environment.arn,
        "ecsClusterArn": format!("arn:aws:ecs:{region}:{account}:cluster/{cluster}"),
        "type": "MANAGED",
        "state": if spec.enabled { "ENABLED" } else { "DISABLED" },
        "status": status(environment.change, spec.invalid_reason.as_ref()),
        "statusReason": reason.unwrap_or_else(healthy),
        "computeResources": resources,
        "serviceRole": role,
        "containerOrchestrationType": "ECS",
        "uuid": uuid,
        "tags": echo.tags,
    });
    for (member, value) in [
        ("updatePolicy", echo.update_policy.clone()),
        ("context", echo.context.clone().map(Value::String)),
    ] {
        if let (Some(detail), Some(value)) = (detail.as_object_mut(), value) {
            detail.insert(member.to_owned(), value);
        }
    }
    detail
}

pub(super) fn delete(state: &mut State, input: &Members<'_>) -> Result<Value, Fault> {
    let ix = find(state, input)?;
    check_settled("delete", state.environments[ix].change)?;
    let environment = &mut state.environments[ix];
    if environment.spec.enabled {
        return Err(Fault::client("Cannot delete, resource must be DISABLED"));
    }
    if !environment.queues.is_empty() {
        return Err(Fault::client("Cannot delete, found existing JobQueue relationship"));
    }
    if environment.tasks.is_empty() {
        state.change_environment(ix, Change::Deleting);
    } else {
        // Service model, `DeleteComputeEnvironment`: Fargate jobs must have ended before.
        let reason = "CLIENT_ERROR - The cluster cannot be deleted while tasks are active.";
        environment.spec.invalid_reason = Some(reason.to_owned());
    }
    Ok(json!({}))
}
