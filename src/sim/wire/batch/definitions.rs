//! RegisterJobDefinition, DescribeJobDefinitions, DeregisterJobDefinition.

use serde_json::{Map, Value, json};

use super::super::protocol::Fault;
use super::definition_retry::{retry_strategy, timeout};
use super::members::{Members, check_name};
use super::pages::{names, page};
use crate::domain::Resources;
use crate::sim::definitions::{Definition, DefinitionTerms, split};
use crate::sim::state::State;
use crate::sim::submit::check_resources;

/// What a definition may have in bytes (simulated-aws.md §1.5).
const LARGEST: usize = 24 * 1024;

/// Members that are repeated as they were registered.
const ECHOED: [&str; 9] = [
    "type",
    "parameters",
    "schedulingPriority",
    "containerProperties",
    "ecsProperties",
    "retryStrategy",
    "propagateTags",
    "timeout",
    "consumableResourceProperties",
];

pub(super) fn register(state: &mut State, input: &Members<'_>) -> Result<Value, Fault> {
    let name = input.needed_text("jobDefinitionName")?;
    check_name("jobDefinitionName", name)?;
    if input.one_of("type", &["container", "multinode"])?.ok_or_else(|| input.missing("type"))?
        == "multinode"
        || input.has("eksProperties")
        || input.has("nodeProperties")
    {
        return Err(Fault::client("multi-node parallel and EKS jobs are not simulated"));
    }
    if Value::Object(input.map().clone()).to_string().len() > LARGEST {
        return Err(Fault::client("a job definition can have at most 24 KiB"));
    }
    let platforms = platforms(input)?;
    let fargate = platforms == ["FARGATE"];
    let resources = resources(input, fargate)?;
    check_resources(fargate, &resources).map_err(Fault::client)?;
    input.within("schedulingPriority", 0, 9_999)?;
    input.flag("propagateTags")?;
    input.strings_by_name("parameters")?;
    let terms = DefinitionTerms {
        resources: Some(resources),
        retry: retry_strategy(input)?,
        timeout: timeout(input)?,
        fargate: Some(fargate),
    };
    let tags = input.tags()?;
    let mut echo = Map::new();
    for member in ECHOED {
        if let Some(value) = input.map().get(member).filter(|value| !value.is_null()) {
            echo.insert(member.to_owned(), value.clone());
        }
    }
    echo.insert("platformCapabilities".to_owned(), json!(platforms));
    let (revision, arn) = state.definitions.add(&state.scenario, name, terms, tags, echo);
    Ok(json!({ "jobDefinitionName": name, "jobDefinitionArn": arn, "revision": revision }))
}

/// EC2 unless it is said otherwise (service model, `platformCapabilities`).
fn platforms(input: &Members<'_>) -> Result<Vec<String>, Fault> {
    let platforms = input.texts("platformCapabilities")?.unwrap_or_default();
    match platforms.as_slice() {
        [] => Ok(vec!["EC2".to_owned()]),
        [one] if one == "EC2" || one == "FARGATE" => Ok(platforms),
        [one] if one == "MANAGED_INSTANCES" => {
            Err(Fault::client("ECS Managed Instances are not simulated"))
        }
        _ => Err(Fault::client("platformCapabilities must be one of EC2 and FARGATE")),
    }
}

/// What the container, or the containers of the one task, reserve.
fn resources(input: &Members<'_>, fargate: bool) -> Result<Resources, Fault> {
    let container = input.object("containerProperties")?;
    let ecs = input.object("ecsProperties")?;
    let (containers, task) = match (container, ecs) {
        (Some(container), None) => (vec![container.clone()], container),
        (None, Some(ecs)) => {
            let tasks = ecs.objects("taskProperties")?.unwrap_or_default();
            let [task] = tasks.as_slice() else {
                return Err(Fault::client("ecsProperties must have exactly one taskProperties"));
            };
            (task.objects("containers")?.unwrap_or_default(), task.clone())
        }
        _ => {
            let message = "one of containerProperties and ecsProperties must be specified";
            return Err(Fault::client(message));
        }
    };
    if fargate && !task.has("executionRoleArn") {
        return Err(Fault::client("executionRoleArn is required for FARGATE"));
    }
    let mut sum = Resources { vcpu_millis: 0, memory_mib: 0, gpus: 0 };
    for container in &containers {
        container.needed_text("image")?;
        container.texts("command")?;
        let one = of_container(container)?;
        sum.vcpu_millis = sum.vcpu_millis.saturating_add(one.vcpu_millis);
        sum.memory_mib = sum.memory_mib.saturating_add(one.memory_mib);
        sum.gpus = sum.gpus.saturating_add(one.gpus);
    }
    Ok(sum)
}

/// `resourceRequirements`, or the older `vcpus` and `memory`.
fn of_container(container: &Members<'_>) -> Result<Resources, Fault> {
    let older = |name: &str| -> Result<Option<u32>, Fault> {
        let number = container.within(name, 1, i64::from(u32::MAX) / 1000)?;
        Ok(number.and_then(|number| u32::try_from(number).ok()))
    };
    let mut vcpu_millis = older("vcpus")?.map(|vcpus| vcpus * 1000);
    let mut memory = older("memory")?;
    let mut gpus = None;
    for requirement in container.objects("resourceRequirements")?.unwrap_or_default() {
        let kind = requirement.one_of("type", &["VCPU", "MEMORY", "GPU"])?;
        let value = requirement.needed_text("value")?;
        let wrong = || Fault::client(format!("resource requirement {value:?} is not a number"));
        match kind {
            Some("VCPU") => vcpu_millis = Some(vcpus(value).ok_or_else(wrong)?),
            Some("MEMORY") => memory = Some(value.parse().map_err(|_| wrong())?),
            Some(_) => gpus = Some(value.parse().map_err(|_| wrong())?),
            None => return Err(requirement.missing("type")),
        }
    }
    let missing = || Fault::client("Container VCPU and MEMORY must be specified");
    Ok(Resources {
        vcpu_millis: vcpu_millis.ok_or_else(missing)?,
        memory_mib: memory.ok_or_else(missing)?,
        gpus: gpus.unwrap_or(0),
    })
}

/// Thousandths of a vCPU in `0.25`, `1` or `16.0`.
fn vcpus(text: &str) -> Option<u32> {
    let number: f64 = text.parse().ok()?;
    let millis = (number * 1000.0).round();
    ((0.0..=4_000_000.0).contains(&millis) && (millis / 1000.0 - number).abs() < 1e-9)
        .then_some(millis as u32)
}

pub(super) fn describe(state: &State, input: &Members<'_>) -> Result<Value, Fault> {
    let listed = names(input, "jobDefinitions")?;
    let name = input.text("jobDefinitionName")?;
    let status = input.one_of("status", &["ACTIVE", "INACTIVE"])?;
    if !listed.is_empty() && (name.is_some() || status.is_some()) {
        let message = "jobDefinitions cannot be used with jobDefinitionName or status";
        return Err(Fault::client(message));
    }
    let wanted = |definition: &&Definition| {
        let asked = |text: &String| match split(text) {
            _ if state.is_foreign(text) => false,
            (name, Some(revision)) => (name, revision) == (&definition.name, definition.revision),
            (name, None) => name == definition.name,
        };
        (listed.is_empty() || listed.iter().any(asked))
            && name.is_none_or(|name| name == definition.name)
            && status.is_none_or(|status| (status == "ACTIVE") == definition.active)
    };
    let found = state.definitions.all().filter(wanted);
    // A space sorts before every character of a name.
    let place = |d: &Definition| format!("{} {:010}", d.name, d.revision);
    page(input, "jobDefinitions", found.map(|d| (place(d), detail(d))).collect())
}

fn detail(definition: &Definition) -> Value {
    let mut detail = definition.echo.clone();
    for (member, value) in [
        ("jobDefinitionName", json!(definition.name)),
        ("jobDefinitionArn", json!(definition.arn)),
        ("revision", json!(definition.revision)),
        ("status", json!(if definition.active { "ACTIVE" } else { "INACTIVE" })),
        ("tags", json!(definition.tags)),
        ("containerOrchestrationType", json!("ECS")),
    ] {
        detail.insert(member.to_owned(), value);
    }
    Value::Object(detail)
}

pub(super) fn deregister(state: &mut State, input: &Members<'_>) -> Result<Value, Fault> {
    let text = input.needed_text("jobDefinition")?;
    let (name, Some(revision)) = split(text) else {
        let message = "jobDefinition must be a name with its revision (name:revision) or an ARN";
        return Err(Fault::client(message));
    };
    let foreign = state.is_foreign(text);
    match state.definitions.find_mut(name, revision).filter(|_| !foreign) {
        Some(definition) => definition.active = false,
        None => return Err(Fault::client(format!("JobDefinition {text} not found"))),
    }
    Ok(json!({}))
}
