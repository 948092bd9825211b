//! AWS's Price List: on-demand and Fargate prices.

use async_trait::async_trait;
use aws_sdk_pricing::types::{Filter, FilterType};

use super::AwsCloud;
use super::error::service_error;
use super::pages::Tokens;
use super::price_list_parse::{fargate_prices, instance_price};
use crate::domain::{InstanceType, Region};
use crate::market::{FargatePrice, ListPrice};
use crate::ports::{FailureKind, ListPriceSource, PriceProblem, ServiceError};

const OPERATION: &str = "GetProducts";
/// After so many failures in a row the Price List is taken to be away, and the other types are not
/// asked for: a hundred timeouts would hold the refresh up for an hour.
const FAILURES_IN_A_ROW: usize = 3;

#[async_trait]
impl ListPriceSource for AwsCloud {
    async fn on_demand_prices(
        &self,
        region: &Region,
        types: &[InstanceType],
    ) -> Vec<Result<ListPrice, PriceProblem>> {
        let mut answers = Vec::with_capacity(types.len());
        let mut failures = 0;
        let mut last_failure = None;
        for kind in types {
            if let Some(error) = last_failure.clone().filter(|_| failures >= FAILURES_IN_A_ROW) {
                answers.push(Err(PriceProblem::Failed(kind.clone(), error)));
                continue;
            }
            let answer = self.on_demand_price(region, kind).await;
            match &answer {
                Err(PriceProblem::Failed(_, error)) => {
                    failures += 1;
                    last_failure = Some(error.clone());
                }
                _ => failures = 0,
            }
            answers.push(answer);
        }
        answers
    }

    async fn fargate_prices(&self, region: &Region) -> Result<Vec<FargatePrice>, ServiceError> {
        let filters = [("regionCode", region.as_str())];
        let products = self.products(region, "AmazonECS", &filters).await?;
        fargate_prices(&products, region)
            .map_err(|problem| ServiceError::new(OPERATION, FailureKind::BadResponse, problem))
    }
}

impl AwsCloud {
    async fn on_demand_price(
        &self,
        region: &Region,
        kind: &InstanceType,
    ) -> Result<ListPrice, PriceProblem> {
        // Without `capacitystatus` the reserved and unused variants would answer too.
        let filters = [
            ("instanceType", kind.as_str()),
            ("regionCode", region.as_str()),
            ("operatingSystem", "Linux"),
            ("tenancy", "Shared"),
            ("preInstalledSw", "NA"),
            ("capacitystatus", "Used"),
            ("licenseModel", "No License required"),
        ];
        let products = self.products(region, "AmazonEC2", &filters).await;
        let products = products.map_err(|error| PriceProblem::Failed(kind.clone(), error))?;
        match products.as_slice() {
            [] => Err(PriceProblem::NoProduct(kind.clone())),
            [product] => instance_price(product, region, kind)
                .map_err(|problem| PriceProblem::Malformed(kind.clone(), problem)),
            several => Err(PriceProblem::Ambiguous(kind.clone(), several.len())),
        }
    }

    /// Every product that fits, each a JSON text.
    async fn products(
        &self,
        region: &Region,
        service: &str,
        filters: &[(&str, &str)],
    ) -> Result<Vec<String>, ServiceError> {
        let mut call = self.inner.clients.pricing(region).get_products().service_code(service);
        for (field, value) in filters {
            let filter =
                Filter::builder().r#type(FilterType::TermMatch).field(*field).value(*value);
            call = call.filters(filter.build().map_err(|error| {
                ServiceError::new(OPERATION, FailureKind::Rejected, error.to_string())
            })?);
        }
        let mut pages = call.max_results(100).into_paginator().send();
        let mut tokens = Tokens::of(OPERATION);
        let mut products = Vec::new();
        loop {
            self.inner.pricing_pace.prices().await;
            let Some(page) = pages.next().await else { break };
            let page = page.map_err(|failure| service_error(OPERATION, &failure))?;
            tokens.follow(page.next_token())?;
            products.extend(page.price_list.unwrap_or_default());
        }
        Ok(products)
    }
}
