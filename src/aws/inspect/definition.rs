//! Job definitions, as facts.

use aws_sdk_batch::types::{
    ContainerProperties, EcsTaskProperties, JobDefinition, RetryStrategy, RuntimePlatform,
};
use jiff::SignedDuration;

use crate::aws::AwsCloud;
use crate::aws::batch_observe::{Required, text};
use crate::aws::error::service_error;
use crate::aws::pages::Tokens;
use crate::catalogue::{self, EvaluateOnExit};
use crate::doctor::{DefinitionFacts, Platform};
use crate::domain::{Architecture, Resources, Site};
use crate::ports::{FailureKind, ServiceError};

const OPERATION: &str = "DescribeJobDefinitions";

impl AwsCloud {
    /// The revision that SubmitJob would take.
    pub(super) async fn job_definition(
        &self,
        site: &Site,
        definition: &str,
    ) -> Result<DefinitionFacts, ServiceError> {
        let call = self.inner.clients.of(site).batch.describe_job_definitions();
        let call = match unpinned(definition) {
            Some(name) => call.job_definition_name(name).status("ACTIVE"),
            None => call.job_definitions(definition),
        };
        let mut pages = call.into_paginator().send();
        let mut tokens = Tokens::of(OPERATION);
        let mut newest: Option<JobDefinition> = None;
        loop {
            self.inner.clients.of(site).pacing.describe().await;
            let Some(page) = pages.next().await else { break };
            let page = page.map_err(|failure| service_error(OPERATION, &failure))?;
            tokens.follow(page.next_token())?;
            let found = page.job_definitions.unwrap_or_default().into_iter().chain(newest);
            newest = found.max_by_key(JobDefinition::revision);
        }
        newest.as_ref().map(facts_of).ok_or_else(|| {
            let problem = format!("there is no job definition `{definition}` in {site}");
            ServiceError::new(OPERATION, FailureKind::NotFound, problem)
        })
    }
}

/// The name, where no revision is given: `name`, or `arn:…:job-definition/name`.
fn unpinned(definition: &str) -> Option<&str> {
    let name = definition.rsplit('/').next().unwrap_or(definition);
    (!name.contains(':')).then_some(name)
}

fn facts_of(definition: &JobDefinition) -> DefinitionFacts {
    let container = definition.container_properties();
    let task = definition.ecs_properties().and_then(|ecs| ecs.task_properties().first());
    let platform = match (container, task) {
        (Some(container), _) => container.runtime_platform(),
        (None, task) => task.and_then(|task| task.runtime_platform()),
    };
    let timeout = definition.timeout().and_then(|timeout| timeout.attempt_duration_seconds());
    DefinitionFacts {
        revision: definition.revision(),
        status: definition.status().unwrap_or_default().to_owned(),
        platforms: definition
            .platform_capabilities()
            .iter()
            .filter_map(|capability| platform_of(capability.as_str()))
            .collect(),
        architecture: platform.and_then(architecture_of),
        resources: match (container, task) {
            (Some(container), _) => container_resources(container),
            (None, task) => task.and_then(task_resources),
        },
        retry_strategy: definition.retry_strategy().map(retries_of),
        timeout: timeout
            .filter(|secs| *secs > 0)
            .map(|secs| SignedDuration::from_secs(secs.into())),
    }
}

fn platform_of(capability: &str) -> Option<Platform> {
    [Platform::Ec2, Platform::Fargate].into_iter().find(|known| known.label() == capability)
}

/// Written `X86_64` and `ARM64` here, and in small letters elsewhere.
fn architecture_of(platform: &RuntimePlatform) -> Option<Architecture> {
    let named = platform.cpu_architecture()?;
    let known = [Architecture::X86_64, Architecture::Arm64];
    known.into_iter().find(|known| known.label().eq_ignore_ascii_case(named))
}

#[allow(deprecated, reason = "definitions of old state them so, and Batch still goes by that")]
fn container_resources(container: &ContainerProperties) -> Option<Resources> {
    let required = Required::of(container.resource_requirements());
    required.or_older(container.vcpus(), container.memory())
}

fn task_resources(task: &EcsTaskProperties) -> Option<Resources> {
    Required::sum(task.containers().iter().map(|container| container.resource_requirements()))
}

fn retries_of(strategy: &RetryStrategy) -> catalogue::RetryStrategy {
    let entries = strategy.evaluate_on_exit().iter().map(|entry| EvaluateOnExit {
        on_exit_code: text(entry.on_exit_code()),
        on_reason: text(entry.on_reason()),
        on_status_reason: text(entry.on_status_reason()),
        // Batch takes it in any case.
        retry: entry.action().is_some_and(|a| a.as_str().eq_ignore_ascii_case("RETRY")),
    });
    catalogue::RetryStrategy {
        attempts: strategy.attempts().and_then(|n| u8::try_from(n).ok()).unwrap_or(1),
        evaluate_on_exit: entries.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_batch::types::{
        EvaluateOnExit as SdkEntry, JobTimeout, PlatformCapability, ResourceRequirement,
        ResourceType, RetryAction,
    };

    #[test]
    fn only_what_names_no_revision_is_looked_up_by_name() {
        for (definition, name) in [
            ("import", Some("import")),
            ("import:3", None),
            ("arn:aws:batch:us-east-1:123456789012:job-definition/import", Some("import")),
            ("arn:aws:batch:us-east-1:123456789012:job-definition/import:3", None),
        ] {
            assert_eq!(unpinned(definition), name, "{definition}");
        }
    }

    #[test]
    fn a_definition_is_taken_down_as_batch_shows_it() {
        let requirement =
            |kind, value: &str| ResourceRequirement::builder().r#type(kind).value(value).build();
        let container = ContainerProperties::builder()
            .resource_requirements(requirement(ResourceType::Vcpu, "0.25"))
            .resource_requirements(requirement(ResourceType::Memory, "512"))
            .runtime_platform(RuntimePlatform::builder().cpu_architecture("ARM64").build())
            .build();
        let entry = SdkEntry::builder().on_status_reason("Host EC2*").action(RetryAction::Retry);
        let retries = RetryStrategy::builder().attempts(3).evaluate_on_exit(entry.build()).build();
        let definition = JobDefinition::builder()
            .revision(7)
            .status("ACTIVE")
            .platform_capabilities(PlatformCapability::Fargate)
            .container_properties(container)
            .retry_strategy(retries)
            .timeout(JobTimeout::builder().attempt_duration_seconds(60).build())
            .build();
        let facts = facts_of(&definition);
        assert_eq!((facts.revision, facts.status.as_str()), (Some(7), "ACTIVE"));
        assert_eq!(
            (facts.platforms, facts.architecture),
            (vec![Platform::Fargate], Some(Architecture::Arm64))
        );
        let resources = Resources { vcpu_millis: 250, memory_mib: 512, gpus: 0 };
        assert_eq!(facts.resources, Some(resources));
        assert_eq!(facts.timeout, Some(SignedDuration::from_mins(1)));
        let strategy = facts.retry_strategy.unwrap();
        assert_eq!(strategy.attempts, 3);
        assert!(strategy.evaluate_on_exit[0].retry);
        assert_eq!(strategy.evaluate_on_exit[0].on_status_reason.as_deref(), Some("Host EC2*"));
    }

    #[test]
    fn a_bare_definition_has_no_facts_made_up() {
        let facts = facts_of(&JobDefinition::builder().build());
        assert_eq!((facts.revision, facts.resources, facts.timeout), (None, None, None));
        assert_eq!((facts.retry_strategy, facts.architecture), (None, None));
        assert!(facts.platforms.is_empty() && facts.status.is_empty());
    }
}
