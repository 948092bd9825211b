//! Where prices come from.

use async_trait::async_trait;

use super::ServiceError;
use crate::domain::{InstanceType, Region, Site, Window};
use crate::market::{FargatePrice, ListPrice, PricePoint};

/// EC2 spot prices.
#[async_trait]
pub trait SpotPriceSource: Send + Sync {
    /// Every change point in `window` and, per pool, the one in effect at its start. Any order;
    /// all pages read. Fails as a whole rather than answer in part.
    async fn spot_prices(
        &self,
        site: &Site,
        types: &[InstanceType],
        window: Window,
    ) -> Result<Vec<PricePoint>, ServiceError>;
}

/// Why one type has no list price.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceProblem {
    #[error("the Price List has no on-demand Linux product for {0}")]
    NoProduct(InstanceType),
    #[error("the Price List has {1} products for {0} where exactly one was expected")]
    Ambiguous(InstanceType, usize),
    #[error("the Price List's product for {0} cannot be read: {1}")]
    Malformed(InstanceType, String),
    #[error("{0}: {1}")]
    Failed(InstanceType, ServiceError),
}

/// AWS's Price List. What it says does not depend on the account that asks.
#[async_trait]
pub trait ListPriceSource: Send + Sync {
    /// One answer per type asked for.
    async fn on_demand_prices(
        &self,
        region: &Region,
        types: &[InstanceType],
    ) -> Vec<Result<ListPrice, PriceProblem>>;

    /// Fargate's Linux prices, one per architecture that has any.
    async fn fargate_prices(&self, region: &Region) -> Result<Vec<FargatePrice>, ServiceError>;
}
