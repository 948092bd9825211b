//! Spot prices and the Price List.

use async_trait::async_trait;

use crate::domain::{InstanceType, Region, Site, UsdPerHour, Window};
use crate::market::{FargatePrice, ListPrice, PricePoint};
use crate::ports::{FailureKind, ListPriceSource, PriceProblem, ServiceError, SpotPriceSource};
use crate::sim::SimCloud;
use crate::sim::faults::Operation;
use crate::sim::instance_types::{self, FARGATE_PRICES};
use crate::sim::instant::timestamp;

#[async_trait]
impl SpotPriceSource for SimCloud {
    async fn spot_prices(
        &self,
        site: &Site,
        types: &[InstanceType],
        window: Window,
    ) -> Result<Vec<PricePoint>, ServiceError> {
        self.call(Operation::DescribeSpotPriceHistory, |state| {
            if !state.scenario.serves(site) {
                return Ok(Vec::new());
            }
            Ok(state.market.history(types, window, state.now))
        })
    }
}

#[async_trait]
impl ListPriceSource for SimCloud {
    async fn on_demand_prices(
        &self,
        region: &Region,
        types: &[InstanceType],
    ) -> Vec<Result<ListPrice, PriceProblem>> {
        let one = |name: &InstanceType| {
            let found = self.call(Operation::GetProducts, |state| {
                let here = *region == state.scenario.region;
                let offer = instance_types::offer(name).filter(|_| here);
                Ok(offer.map(|offer| ListPrice {
                    region: region.clone(),
                    instance_type: name.clone(),
                    price: offer.on_demand,
                    effective_from: timestamp(state.list_prices_from),
                }))
            });
            match found {
                Ok(Some(price)) => Ok(price),
                Ok(None) => Err(PriceProblem::NoProduct(name.clone())),
                Err(error) => Err(PriceProblem::Failed(name.clone(), error)),
            }
        };
        types.iter().map(one).collect()
    }

    async fn fargate_prices(&self, region: &Region) -> Result<Vec<FargatePrice>, ServiceError> {
        self.call(Operation::GetProducts, |state| {
            if *region != state.scenario.region {
                return Ok(Vec::new());
            }
            let price = |text: &str| {
                text.parse::<UsdPerHour>().map_err(|error| {
                    let message = format!("Fargate price {text:?}: {error}");
                    ServiceError::new("GetProducts", FailureKind::BadResponse, message)
                })
            };
            let prices = FARGATE_PRICES.iter().map(|(architecture, vcpu, gib)| {
                Ok(FargatePrice {
                    region: region.clone(),
                    architecture: (*architecture).to_owned(),
                    vcpu_hour: price(vcpu)?,
                    gib_hour: price(gib)?,
                    effective_from: timestamp(state.list_prices_from),
                })
            });
            prices.collect()
        })
    }
}
