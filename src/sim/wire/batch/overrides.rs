//! What a submission changes of its definition's containers: `containerOverrides` and
//! `ecsPropertiesOverride`.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::domain::Redacted;
use crate::sim::submit::{Container, ResourceOverrides};
use crate::sim::wire::protocol::Fault;

/// Of the deprecated `vcpus` and `memory` nothing is read: they do not override the
/// `resourceRequirements` that every definition has (API reference, `ContainerOverrides`).
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ContainerOverrides {
    /// Of a container of several.
    name: Option<String>,
    pub(super) command: Option<Vec<String>>,
    environment: Option<Vec<Variable>>,
    resource_requirements: Option<Vec<ResourceRequirement>>,
    /// Only for multi-node jobs.
    instance_type: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct EcsPropertiesOverride {
    task_properties: Option<Vec<TaskPropertiesOverride>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TaskPropertiesOverride {
    containers: Option<Vec<ContainerOverrides>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Variable {
    name: Option<String>,
    value: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ResourceRequirement {
    r#type: Option<String>,
    value: Option<String>,
}

impl ContainerOverrides {
    pub(super) fn variables(&self) -> Result<BTreeMap<String, Redacted>, Fault> {
        let mut variables = BTreeMap::new();
        for Variable { name, value } in self.environment.iter().flatten() {
            let name = name.as_deref().filter(|name| !name.is_empty());
            let name = name.ok_or_else(|| Fault::client("an environment variable has no name"))?;
            if name.starts_with("AWS_BATCH") {
                return Err(Fault::client("environment variables cannot start with AWS_BATCH"));
            }
            let value = value.clone().unwrap_or_default();
            variables.insert(name.to_owned(), Redacted::new(value));
        }
        Ok(variables)
    }

    pub(super) fn resources(&self) -> Result<ResourceOverrides, Fault> {
        let mut found = ResourceOverrides::default();
        for requirement in self.resource_requirements.iter().flatten() {
            let kind = requirement.r#type.as_deref().unwrap_or_default();
            let value = requirement.value.as_deref().unwrap_or_default();
            let (place, amount) = match kind {
                "VCPU" => (&mut found.vcpu_millis, vcpu_millis(value)),
                "MEMORY" => (&mut found.memory_mib, whole(value)),
                "GPU" => (&mut found.gpus, whole(value)),
                _ => {
                    let message = format!("resourceRequirements type {kind:?} is not valid");
                    return Err(Fault::client(message));
                }
            };
            let amount = amount
                .ok_or_else(|| Fault::client(format!("{kind} value {value:?} is not valid")))?;
            if place.replace(amount).is_some() {
                return Err(Fault::client(format!("resourceRequirements names {kind} twice")));
            }
        }
        Ok(found)
    }

    pub(super) fn check(&self) -> Result<(), Fault> {
        if self.instance_type.is_some() {
            return Err(Fault::client("instanceType is for multi-node parallel jobs only"));
        }
        if self.command.iter().flatten().any(String::is_empty) {
            return Err(Fault::client("command cannot contain an empty string"));
        }
        Ok(())
    }
}

impl EcsPropertiesOverride {
    /// The containers of the one task that there must be.
    pub(super) fn containers(self) -> Result<Vec<Container>, Fault> {
        let tasks = self.task_properties.unwrap_or_default();
        let [task] = <[_; 1]>::try_from(tasks)
            .map_err(|_| Fault::client("taskProperties must have exactly one element"))?;
        let overrides = task.containers.unwrap_or_default();
        if overrides.is_empty() {
            return Err(Fault::client("taskProperties names no container"));
        }
        let mut containers: Vec<Container> = Vec::with_capacity(overrides.len());
        for container in overrides {
            container.check()?;
            let (environment, resources) = (container.variables()?, container.resources()?);
            let name = container.name.filter(|name| !name.is_empty());
            let name = name.ok_or_else(|| Fault::client("a container override has no name"))?;
            if containers.iter().any(|other| other.name == name) {
                return Err(Fault::client(format!("container {name} is overridden twice")));
            }
            let command = container.command.unwrap_or_default();
            containers.push(Container { name, command, environment, resources });
        }
        Ok(containers)
    }
}

/// What the containers of a task reserve together, as far as they say.
pub(super) fn together(containers: &[Container]) -> ResourceOverrides {
    let sum = |part: fn(&ResourceOverrides) -> Option<u32>| {
        let parts = containers.iter().filter_map(|container| part(&container.resources));
        parts.reduce(u32::saturating_add)
    };
    ResourceOverrides {
        vcpu_millis: sum(|resources| resources.vcpu_millis),
        memory_mib: sum(|resources| resources.memory_mib),
        gpus: sum(|resources| resources.gpus),
    }
}

fn whole(value: &str) -> Option<u32> {
    let digits = !value.is_empty() && value.chars().all(|c| c.is_ascii_digit());
    value.parse().ok().filter(|amount| digits && *amount > 0)
}

/// `2`, `0.25`: thousandths of a vCPU.
fn vcpu_millis(value: &str) -> Option<u32> {
    let (whole, part) = value.split_once('.').unwrap_or((value, "0"));
    let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > 3 {
        return None;
    }
    let part: u32 = format!("{part:0<3}").parse().ok()?;
    let millis = whole.parse::<u32>().ok()?.checked_mul(1000)?.checked_add(part)?;
    (millis > 0).then_some(millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vcpus_are_read_to_the_thousandth() {
        for (text, millis) in
            [("1", Some(1000)), ("0.25", Some(250)), ("1.0", Some(1000)), ("16.125", Some(16_125))]
        {
            assert_eq!(vcpu_millis(text), millis);
        }
        for text in ["", "0", "-1", "1.", ".5", "1e3", "0.0001", "4294968", "+1"] {
            assert_eq!(vcpu_millis(text), None, "{text}");
        }
        assert_eq!(
            (whole("2048"), whole("0"), whole("+4"), whole("4 ")),
            (Some(2048), None, None, None)
        );
    }
}
