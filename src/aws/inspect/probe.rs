//! Tests of permissions by calls that read nothing worth mentioning. EC2 has a dry run for it, whose
//! answer is an error either way; elsewhere things are asked for that do not exist.

use std::error::Error;

use aws_sdk_batch::error::ProvideErrorMetadata;
use aws_sdk_pricing::types::{Filter, FilterType};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;

use crate::aws::AwsCloud;
use crate::aws::error::service_error;
use crate::doctor::Operation;
use crate::domain::{Region, Site};
use crate::ports::{FailureKind, ProbeAt, ServiceError};

/// A job that no account has.
const NO_JOB: &str = "00000000-0000-0000-0000-000000000000";
/// A task or container instance that no cluster has.
const NO_ID: &str = "00000000000000000000000000000000";
/// Where no cluster is known yet: the one that ECS takes when none is named.
const DEFAULT_CLUSTER: &str = "default";

impl AwsCloud {
    pub(super) async fn test_permission(
        &self,
        site: &Site,
        operation: Operation,
        at: &ProbeAt,
    ) -> Result<(), ServiceError> {
        match operation {
            Operation::DescribeJobQueues
            | Operation::DescribeComputeEnvironments
            | Operation::DescribeJobDefinitions
            | Operation::DescribeJobs
            | Operation::ListJobs => self.test_batch(site, operation, at).await,
            Operation::DescribeInstanceTypes
            | Operation::DescribeSpotPriceHistory
            | Operation::DescribeInstances
            | Operation::DescribeSubnets => self.test_ec2(site, operation).await,
            Operation::DescribeContainerInstances | Operation::DescribeTasks => {
                self.test_ecs(site, operation, at).await
            }
            Operation::GetProducts => self.test_pricing(&site.region).await,
            Operation::SubmitJob
            | Operation::TagResource
            | Operation::CancelJob
            | Operation::TerminateJob => Err(untested(operation)),
        }
    }

    async fn test_batch(
        &self,
        site: &Site,
        operation: Operation,
        at: &ProbeAt,
    ) -> Result<(), ServiceError> {
        self.inner.clients.of(site).pacing.describe().await;
        let clients = self.inner.clients.of(site);
        let (batch, name) = (&clients.batch, operation.name());
        match operation {
            Operation::DescribeJobQueues => {
                told(name, batch.describe_job_queues().max_results(1).send().await)
            }
            Operation::DescribeComputeEnvironments => {
                told(name, batch.describe_compute_environments().max_results(1).send().await)
            }
            Operation::DescribeJobDefinitions => {
                told(name, batch.describe_job_definitions().max_results(1).send().await)
            }
            Operation::DescribeJobs => told(name, batch.describe_jobs().jobs(NO_JOB).send().await),
            Operation::ListJobs => {
                let call = batch.list_jobs().set_job_queue(at.queue.clone()).max_results(1);
                told(name, call.send().await)
            }
            _ => Err(untested(operation)),
        }
    }

    async fn test_ec2(&self, site: &Site, operation: Operation) -> Result<(), ServiceError> {
        self.inner.clients.of(site).pacing.lookup().await;
        let clients = self.inner.clients.of(site);
        let (ec2, name) = (&clients.ec2, operation.name());
        match operation {
            Operation::DescribeInstanceTypes => {
                told(name, ec2.describe_instance_types().dry_run(true).send().await)
            }
            Operation::DescribeSpotPriceHistory => {
                told(name, ec2.describe_spot_price_history().dry_run(true).send().await)
            }
            Operation::DescribeInstances => {
                told(name, ec2.describe_instances().dry_run(true).send().await)
            }
            Operation::DescribeSubnets => {
                told(name, ec2.describe_subnets().dry_run(true).send().await)
            }
            _ => Err(untested(operation)),
        }
    }

    async fn test_ecs(
        &self,
        site: &Site,
        operation: Operation,
        at: &ProbeAt,
    ) -> Result<(), ServiceError> {
        self.inner.clients.of(site).pacing.lookup().await;
        let clients = self.inner.clients.of(site);
        let (ecs, name) = (&clients.ecs, operation.name());
        let cluster = at.cluster.as_deref().unwrap_or(DEFAULT_CLUSTER);
        match operation {
            Operation::DescribeContainerInstances => {
                let call = ecs.describe_container_instances().cluster(cluster);
                told(name, call.container_instances(NO_ID).send().await)
            }
            Operation::DescribeTasks => {
                told(name, ecs.describe_tasks().cluster(cluster).tasks(NO_ID).send().await)
            }
            _ => Err(untested(operation)),
        }
    }

    async fn test_pricing(&self, region: &Region) -> Result<(), ServiceError> {
        let name = Operation::GetProducts.name();
        let here = Filter::builder().r#type(FilterType::TermMatch).field("regionCode");
        let here = here.value(region.as_str()).build().map_err(|error| {
            ServiceError::new(name, FailureKind::BadResponse, error.to_string())
        })?;
        self.inner.pricing_pace.prices().await;
        let call = self.inner.clients.pricing(region).get_products().service_code("AmazonEC2");
        told(name, call.filters(here).max_results(1).send().await)
    }
}

/// Whether there was an answer; what it says does not matter.
fn told<T, E>(
    operation: &'static str,
    answer: Result<T, SdkError<E, HttpResponse>>,
) -> Result<(), ServiceError>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    answer.map(|_| ()).map_err(|failure| service_error(operation, &failure))
}

fn untested(operation: Operation) -> ServiceError {
    let problem = "it cannot be tested without effect";
    ServiceError::new(operation.name(), FailureKind::BadResponse, problem)
}
