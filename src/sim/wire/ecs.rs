//! ECS: which machine a container instance or task is (simulated-aws.md §4).

mod container_instances;
mod tasks;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::protocol::{Call, Fault, Output};
use crate::sim::environment::EnvironmentIx;
use crate::sim::state::State;

/// What both describe calls take at once.
const MOST: usize = 100;

pub(super) fn call(state: &State, call: &Call) -> Result<Output, Fault> {
    match call.operation.as_str() {
        "DescribeContainerInstances" => container_instances::describe(state, call),
        "DescribeTasks" => tasks::describe(state, call),
        _ => Err(call.unknown()),
    }
    .map(Output::Json)
}

fn invalid(message: impl Into<String>) -> Fault {
    Fault::new(400, "InvalidParameterException", message)
}

/// What a describe call asks for: full ARNs in one cluster, each once.
struct Asked {
    environment: EnvironmentIx,
    cluster_arn: String,
    arns: Vec<String>,
}

impl Asked {
    /// Of resources of `kind` (as their ARNs name it), listed in `member`.
    fn of(state: &State, call: &Call, member: &str, kind: &str) -> Result<Asked, Fault> {
        let (region, account) = (&state.scenario.region, &state.scenario.account_id);
        let prefix = format!("arn:aws:ecs:{region}:{account}:");
        let named = call.json().get("cluster").and_then(Value::as_str).unwrap_or("default");
        let name = named.strip_prefix(&format!("{prefix}cluster/")).unwrap_or(named);
        let environment = state.environments.iter().position(|e| e.cluster == name);
        let not_found = || Fault::new(400, "ClusterNotFoundException", "Cluster not found.");
        let environment = environment.ok_or_else(not_found)?;
        let listed = call.json().get(member).and_then(Value::as_array);
        let listed: Vec<&Value> = listed.into_iter().flatten().collect();
        if listed.is_empty() {
            return Err(invalid(format!("{member} cannot be empty.")));
        }
        if listed.len() > MOST {
            return Err(invalid(format!("{member} can have at most {MOST} items.")));
        }
        let mut seen = BTreeSet::new();
        let mut arns = Vec::new();
        for item in listed {
            let item = item.as_str().filter(|item| !item.is_empty());
            let item = item.ok_or_else(|| invalid(format!("{member} has an invalid item.")))?;
            let arn = match item.split_once(':') {
                // Ids are those of the cluster.
                None => format!("{prefix}{kind}/{name}/{item}"),
                Some(_) if is_arn_of(item, kind) => item.to_owned(),
                Some(_) => return Err(invalid(format!("Invalid identifier: {item}"))),
            };
            if seen.insert(arn.clone()) {
                arns.push(arn);
            }
        }
        Ok(Asked { environment, cluster_arn: format!("{prefix}cluster/{name}"), arns })
    }

    /// What was found under `member`, and what was not as failures: a miss is no error.
    fn answer(&self, member: &str, find: impl Fn(&str) -> Option<Value>) -> Value {
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        for arn in &self.arns {
            match find(arn) {
                Some(value) => found.push(value),
                None => failures.push(json!({ "arn": arn, "reason": "MISSING" })),
            }
        }
        json!({ member: found, "failures": failures })
    }
}

/// `arn:…:ecs:…:<kind>/…`.
fn is_arn_of(text: &str, kind: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let resource = parts.get(5).and_then(|resource| resource.split('/').next());
    parts[0] == "arn" && parts.get(2) == Some(&"ecs") && resource == Some(kind)
}
