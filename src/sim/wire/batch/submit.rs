//! SubmitJob: from AWS's words to a submission of the account.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value, json};

use super::input::{read, required};
use super::overrides::{ContainerOverrides, EcsPropertiesOverride, together};
use super::retry::RetryStrategyInput;
use super::tags;
use crate::domain::{BatchJobId, BatchJobName, Redacted};
use crate::run::SubmitRequest;
use crate::sim::dependencies::{Dependency, DependencyKind};
use crate::sim::state::State;
use crate::sim::submit::Asked;
use crate::sim::wire::protocol::{Call, Fault, Output};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SubmitJob {
    job_name: Option<String>,
    job_queue: Option<String>,
    job_definition: Option<String>,
    share_identifier: Option<String>,
    scheduling_priority_override: Option<i32>,
    array_properties: Option<ArrayProperties>,
    depends_on: Option<Vec<DependsOn>>,
    parameters: Option<BTreeMap<String, String>>,
    container_overrides: Option<ContainerOverrides>,
    ecs_properties_override: Option<EcsPropertiesOverride>,
    eks_properties_override: Option<Value>,
    node_overrides: Option<Value>,
    consumable_resource_properties_override: Option<Value>,
    retry_strategy: Option<RetryStrategyInput>,
    timeout: Option<Timeout>,
    propagate_tags: Option<bool>,
    tags: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ArrayProperties {
    size: Option<i32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct DependsOn {
    job_id: Option<String>,
    r#type: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Timeout {
    attempt_duration_seconds: Option<i32>,
}

pub(super) fn submit_job(state: &mut State, call: &Call) -> Result<Output, Fault> {
    let (request, asked) = read::<SubmitJob>(call)?.translate(state)?;
    let id = state.accept_all(&request, asked).map_err(Fault::client)?;
    Ok(Output::Json(json!({
        "jobName": request.name.as_str(),
        "jobId": id.as_str(),
        "jobArn": state.job_arn(id.as_str()),
    })))
}

impl SubmitJob {
    /// What the account is asked for. The limits that every submission has are its to check.
    fn translate(self, state: &State) -> Result<(SubmitRequest, Asked), Fault> {
        self.refuse_what_is_not_simulated()?;
        let scheduling_priority = self.scheduling_priority()?;
        let tags = self.tags.unwrap_or_default();
        tags::check(&tags)?;
        let single = self.container_overrides.unwrap_or_default();
        single.check()?;
        let containers = match self.ecs_properties_override {
            Some(properties) => properties.containers()?,
            None => Vec::new(),
        };
        let resources =
            if containers.is_empty() { single.resources()? } else { together(&containers) };
        let parameters = self.parameters.unwrap_or_default();
        let request = SubmitRequest {
            site: state.scenario.region.clone().into(),
            name: BatchJobName::new(required("jobName", self.job_name)?),
            queue: required("jobQueue", self.job_queue)?,
            definition: required("jobDefinition", self.job_definition)?,
            parameters: parameters.into_iter().map(|(k, v)| (k, Redacted::new(v))).collect(),
            environment: single.variables()?,
            command: single.command,
            resources: None,
            array_size: self.array_properties.and_then(|array| array.size).map(within_u16),
            retry_strategy: self.retry_strategy.map(RetryStrategyInput::strategy).transpose()?,
            timeout: self
                .timeout
                .and_then(|timeout| timeout.attempt_duration_seconds)
                .map(|seconds| SignedDuration::from_secs(seconds.into())),
            share_identifier: self.share_identifier,
            scheduling_priority,
            tags,
        };
        let depends_on = self.depends_on.unwrap_or_default().into_iter().map(DependsOn::dependency);
        let asked = Asked {
            depends_on: depends_on.collect::<Result<_, _>>()?,
            propagate_tags: self.propagate_tags.unwrap_or(false),
            resources,
            containers,
        };
        Ok((request, asked))
    }

    fn refuse_what_is_not_simulated(&self) -> Result<(), Fault> {
        let refused = [
            ("eksPropertiesOverride", self.eks_properties_override.is_some()),
            ("nodeOverrides", self.node_overrides.is_some()),
            (
                "consumableResourcePropertiesOverride",
                self.consumable_resource_properties_override.is_some(),
            ),
        ];
        if let Some((member, _)) = refused.into_iter().find(|(_, present)| *present) {
            return Err(Fault::client(format!("{member} does not suit this job definition")));
        }
        if self.container_overrides.is_some() && self.ecs_properties_override.is_some() {
            let message = "containerOverrides and ecsPropertiesOverride exclude each other";
            return Err(Fault::client(message));
        }
        Ok(())
    }

    fn scheduling_priority(&self) -> Result<Option<u16>, Fault> {
        if let Some(share) = &self.share_identifier {
            let letters = share.strip_suffix('*').unwrap_or(share);
            let legal = letters.chars().all(|c| c.is_ascii_alphanumeric());
            if share.is_empty() || share.len() > 255 || !legal {
                return Err(Fault::client(format!("shareIdentifier {share:?} is not valid")));
            }
        }
        match self.scheduling_priority_override {
            Some(priority) if !(0..=9_999).contains(&priority) => {
                Err(Fault::client("schedulingPriorityOverride must be between 0 and 9999"))
            }
            priority => Ok(priority.map(within_u16)),
        }
    }
}

/// What does not fit is out of every allowed range either way.
fn within_u16(value: i32) -> u16 {
    u16::try_from(value.clamp(0, u16::MAX.into())).unwrap_or(u16::MAX)
}

impl DependsOn {
    fn dependency(self) -> Result<Dependency, Fault> {
        let kind = match self.r#type.as_deref() {
            None => DependencyKind::Plain,
            Some("N_TO_N") => DependencyKind::NToN,
            Some("SEQUENTIAL") => DependencyKind::Sequential,
            Some(other) => {
                return Err(Fault::client(format!("dependsOn type {other:?} is not valid")));
            }
        };
        let job = self.job_id.filter(|id| !id.is_empty()).map(BatchJobId::from);
        Ok(Dependency { job, kind })
    }
}
