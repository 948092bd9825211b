//! The one call that must never be repeated by itself: SubmitJob has no idempotency token, and the
//! SDK's own retries would start a job up to three times.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_batch::Client;
use aws_sdk_batch::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_batch::config::retry::RetryConfig;
use aws_sdk_batch::config::{Config, ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_batch::error::{BoxError, ProvideErrorMetadata};
use aws_sdk_batch::operation::submit_job::builders::SubmitJobFluentBuilder;
use aws_sdk_batch::types::{
    ArrayProperties, ContainerOverrides, EvaluateOnExit, JobTimeout, KeyValuePair,
    ResourceRequirement, ResourceType, RetryAction, RetryStrategy,
};
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;

use super::error::{find, is_bad_credentials, is_throttle, service_error};
use crate::catalogue;
use crate::domain::{BatchJobId, Resources};
use crate::ports::{FailureKind, ServiceError, SubmitError};
use crate::run::SubmitRequest;

const OPERATION: &str = "SubmitJob";

/// Sends exactly one request.
pub(super) async fn submit(
    client: &Client,
    request: &SubmitRequest,
) -> Result<BatchJobId, SubmitError> {
    let handed_over = HandedOver::default();
    let answer = call_of(client, request)
        .customize()
        .config_override(Config::builder().retry_config(RetryConfig::disabled()))
        .interceptor(handed_over.clone())
        .send()
        .await
        .map_err(|failure| submit_error(&failure, handed_over.is_set()))?;
    match answer.job_id() {
        // The SDK fills a missing id with "".
        Some(id) if !id.is_empty() => Ok(BatchJobId::from(id)),
        _ => Err(SubmitError::OutcomeUnknown(ServiceError::new(
            OPERATION,
            FailureKind::BadResponse,
            "the answer names no job id",
        ))),
    }
}

/// What a failed SubmitJob says about whether a job exists. In doubt: unknown.
fn submit_error<E>(failure: &SdkError<E, HttpResponse>, handed_over: bool) -> SubmitError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let error = service_error(OPERATION, failure);
    if !handed_over {
        // No credentials, no endpoint, an impossible request: it ended before the network.
        return match failure {
            SdkError::ConstructionFailure(_) => SubmitError::Rejected(error),
            _ => SubmitError::NotAccepted(error),
        };
    }
    match failure {
        SdkError::ServiceError(context) => {
            let (status, code) = (context.raw().status().as_u16(), context.err().code());
            // A permission that is missing may be given; it says nothing of the request.
            let denied = error.kind == FailureKind::Denied && code.is_some();
            if is_throttle(status, code) || is_bad_credentials(code) || denied {
                SubmitError::NotAccepted(error)
            } else if error.kind == FailureKind::Unavailable || !(400..500).contains(&status) {
                SubmitError::OutcomeUnknown(error)
            } else if code.is_none() {
                // Something in between answered; nobody knows what it did with the request.
                SubmitError::OutcomeUnknown(error)
            } else {
                SubmitError::Rejected(error)
            }
        }
        SdkError::DispatchFailure(_) if never_connected(failure) => SubmitError::NotAccepted(error),
        _ => SubmitError::OutcomeUnknown(error),
    }
}

/// Whether the connector gave up before there was a connection: name look-up, refused or timed-out
/// connect, failed TLS handshake.
fn never_connected(failure: &(dyn Error + 'static)) -> bool {
    find::<hyper_util::client::legacy::Error>(failure).is_some_and(|error| error.is_connect())
}

/// Set when the request is handed to the connector: before that, certainly nothing was sent.
#[derive(Clone, Default)]
struct HandedOver(Arc<AtomicBool>);

impl HandedOver {
    fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl fmt::Debug for HandedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandedOver")
    }
}

#[dyn_dispatch_hint]
impl Intercept for HandedOver {
    fn name(&self) -> &'static str {
        "HandedOver"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.store(true, Ordering::SeqCst);
        Ok(())
    }
}

fn call_of(client: &Client, request: &SubmitRequest) -> SubmitJobFluentBuilder {
    let mut call = client
        .submit_job()
        .job_name(request.name.as_str())
        .job_queue(&request.queue)
        .job_definition(&request.definition)
        .set_container_overrides(overrides_of(request))
        .set_share_identifier(request.share_identifier.clone())
        .set_scheduling_priority_override(request.scheduling_priority.map(i32::from))
        // Puts the tags on the split-cost lines of the bill.
        .propagate_tags(true);
    for (key, value) in &request.parameters {
        call = call.parameters(key, value.expose());
    }
    for (key, value) in &request.tags {
        call = call.tags(key, value);
    }
    if let Some(size) = request.array_size {
        call = call.array_properties(ArrayProperties::builder().size(size.into()).build());
    }
    if let Some(timeout) = request.timeout {
        let seconds = i32::try_from(timeout.as_secs()).unwrap_or(i32::MAX);
        call = call.timeout(JobTimeout::builder().attempt_duration_seconds(seconds).build());
    }
    if let Some(strategy) = &request.retry_strategy {
        call = call.retry_strategy(retry_strategy_of(strategy));
    }
    call
}

fn overrides_of(request: &SubmitRequest) -> Option<ContainerOverrides> {
    let mut overrides = ContainerOverrides::builder().set_command(request.command.clone());
    for (name, value) in &request.environment {
        let pair = KeyValuePair::builder().name(name).value(value.expose()).build();
        overrides = overrides.environment(pair);
    }
    let resources = request.resources.iter().flat_map(requirements_of);
    for (kind, value) in resources {
        let requirement = ResourceRequirement::builder().r#type(kind).value(value).build();
        overrides = overrides.resource_requirements(requirement);
    }
    let overrides = overrides.build();
    (overrides != ContainerOverrides::builder().build()).then_some(overrides)
}

fn requirements_of(resources: &Resources) -> Vec<(ResourceType, String)> {
    let mut all = vec![
        (ResourceType::Vcpu, vcpus_text(resources.vcpu_millis)),
        (ResourceType::Memory, resources.memory_mib.to_string()),
    ];
    if resources.gpus > 0 {
        all.push((ResourceType::Gpu, resources.gpus.to_string()));
    }
    all
}

/// `0.25`, `2`: as Batch compares them with its list of Fargate sizes.
fn vcpus_text(millis: u32) -> String {
    let text = format!("{}.{:03}", millis / 1000, millis % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn retry_strategy_of(strategy: &catalogue::RetryStrategy) -> RetryStrategy {
    let mut built = RetryStrategy::builder().attempts(strategy.attempts.into());
    for entry in &strategy.evaluate_on_exit {
        let action = if entry.retry { RetryAction::Retry } else { RetryAction::Exit };
        built = built.evaluate_on_exit(
            EvaluateOnExit::builder()
                .set_on_exit_code(entry.on_exit_code.clone())
                .set_on_reason(entry.on_reason.clone())
                .set_on_status_reason(entry.on_status_reason.clone())
                .action(action)
                .build(),
        );
    }
    built.build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_credential_types::provider::error::CredentialsError;
    use aws_sdk_batch::config::{BehaviorVersion, ProvideCredentials, Region};
    use std::collections::BTreeMap;

    #[test]
    fn vcpus_are_spelled_as_batch_lists_them() {
        for (millis, text) in [(250, "0.25"), (1000, "1"), (1500, "1.5"), (16_000, "16")] {
            assert_eq!(vcpus_text(millis), text);
        }
    }

    #[derive(Debug)]
    struct NoCredentials;

    impl ProvideCredentials for NoCredentials {
        fn provide_credentials<'a>(
            &'a self,
        ) -> aws_credential_types::provider::future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let none = CredentialsError::not_loaded("nobody is logged in");
            aws_credential_types::provider::future::ProvideCredentials::ready(Err(none))
        }
    }

    #[tokio::test]
    async fn without_credentials_nothing_is_sent_and_it_may_be_tried_again() {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("us-east-1"))
            .credentials_provider(NoCredentials)
            // The discard port: a request that did go out would be refused, and say so.
            .endpoint_url("http://127.0.0.1:9")
            .build();
        let request = SubmitRequest {
            site: "us-east-1".into(),
            name: "n".into(),
            queue: "q".to_owned(),
            definition: "d".to_owned(),
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
        };
        let error = submit(&Client::from_conf(config), &request).await.unwrap_err();
        let SubmitError::NotAccepted(error) = error else { panic!("{error:?}") };
        assert_eq!(error.kind, FailureKind::Denied, "{error}");
        assert!(error.message.contains("no usable AWS credentials"), "{error}");
    }
}
