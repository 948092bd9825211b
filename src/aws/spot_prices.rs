//! EC2's spot price history.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use async_trait::async_trait;
use aws_sdk_ec2::types::SpotPrice;
use jiff::Timestamp;

use super::AwsCloud;
use super::error::service_error;
use super::moment::{from_sdk, to_sdk};
use super::pages::Tokens;
use crate::domain::{InstanceType, Pool, Site, UsdPerHour, Window, Zone};
use crate::market::PricePoint;
use crate::ports::{FailureKind, ServiceError, SpotPriceSource};

const OPERATION: &str = "DescribeSpotPriceHistory";
const TYPES_PER_CALL: usize = 50;
/// Today's accounts see the first; the second is what EC2-Classic left behind.
const PLAIN: &str = "Linux/UNIX";
const VPC: &str = "Linux/UNIX (Amazon VPC)";

#[async_trait]
impl SpotPriceSource for AwsCloud {
    async fn spot_prices(
        &self,
        site: &Site,
        types: &[InstanceType],
        window: Window,
    ) -> Result<Vec<PricePoint>, ServiceError> {
        let clients = self.inner.clients.of(site);
        let mut merged = Merged::default();
        for some in types.chunks(TYPES_PER_CALL) {
            let call = clients
                .ec2
                .describe_spot_price_history()
                .set_instance_types(Some(some.iter().map(|t| t.as_str().into()).collect()))
                .product_descriptions(PLAIN)
                .product_descriptions(VPC)
                .start_time(to_sdk(window.start))
                .end_time(to_sdk(window.end));
            // Ends at a null as well as at an empty token.
            let mut pages = call.into_paginator().send();
            let mut tokens = Tokens::of(OPERATION);
            loop {
                self.inner.clients.of(site).pacing.prices().await;
                let Some(page) = pages.next().await else { break };
                let page = page.map_err(|failure| service_error(OPERATION, &failure))?;
                tokens.follow(page.next_token())?;
                for row in page.spot_price_history() {
                    merged.add(row).map_err(|problem| {
                        ServiceError::new(OPERATION, FailureKind::BadResponse, problem)
                    })?;
                }
            }
        }
        Ok(merged.into_points())
    }
}

/// Rows of all pages, once per pool and time; the plain product goes before the VPC one.
#[derive(Default)]
struct Merged(BTreeMap<(Pool, Timestamp), (bool, UsdPerHour)>);

impl Merged {
    fn add(&mut self, row: &SpotPrice) -> Result<(), String> {
        let bad = |problem: &str| format!("{problem} in the spot price {}", shown(row));
        let plain = match row.product_description().map(|product| product.as_str()) {
            Some(PLAIN) => true,
            Some(VPC) => false,
            None | Some("") => return Err(bad("no product")),
            // Not asked for.
            Some(_) => return Ok(()),
        };
        let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        let zone = text(row.availability_zone()).ok_or_else(|| bad("no zone"))?;
        let kind = text(row.instance_type().map(|kind| kind.as_str()));
        let kind = kind.ok_or_else(|| bad("no instance type"))?;
        let at = row.timestamp().and_then(from_sdk).ok_or_else(|| bad("no time"))?;
        let price: UsdPerHour = row
            .spot_price()
            .ok_or_else(|| bad("no price"))?
            .parse()
            .map_err(|error| bad(&format!("a price that is {error}")))?;
        if price == UsdPerHour::ZERO {
            return Err(bad("a price of zero"));
        }
        let pool = Pool { zone: Zone::from(zone), instance_type: InstanceType::from(kind) };
        match self.0.entry((pool, at)) {
            Entry::Vacant(place) => {
                place.insert((plain, price));
            }
            Entry::Occupied(mut place) if plain && !place.get().0 => {
                place.insert((plain, price));
            }
            Entry::Occupied(_) => {}
        }
        Ok(())
    }

    fn into_points(self) -> Vec<PricePoint> {
        let point =
            |((pool, effective_from), (_, price))| PricePoint { pool, price, effective_from };
        self.0.into_iter().map(point).collect()
    }
}

fn shown(row: &SpotPrice) -> String {
    format!(
        "{{zone {}, type {}, product {}, price {}, time {}}}",
        row.availability_zone().unwrap_or("-"),
        row.instance_type().map_or("-", |kind| kind.as_str()),
        row.product_description().map_or("-", |product| product.as_str()),
        row.spot_price().unwrap_or("-"),
        row.timestamp().and_then(from_sdk).map_or("-".to_owned(), |at| at.to_string()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ec2::primitives::DateTime;
    use aws_sdk_ec2::types::builders::SpotPriceBuilder;

    fn row(product: &str, price: &str, second: i64) -> SpotPriceBuilder {
        SpotPrice::builder()
            .availability_zone("us-east-1a")
            .instance_type("c5.large".into())
            .product_description(product.into())
            .spot_price(price)
            .timestamp(DateTime::from_secs(second))
    }

    fn merged(
        rows: impl IntoIterator<Item = SpotPriceBuilder>,
    ) -> Result<Vec<(i64, String)>, String> {
        let mut merged = Merged::default();
        for row in rows {
            merged.add(&row.build())?;
        }
        let shown = |p: PricePoint| (p.effective_from.as_second(), p.price.to_string());
        Ok(merged.into_points().into_iter().map(shown).collect())
    }

    #[test]
    fn the_plain_product_wins_in_either_order() {
        let expected = Ok(vec![(5, "0.0340".to_owned()), (9, "0.0410".to_owned())]);
        let plain = || row(PLAIN, "0.034000", 5);
        let vpc = || row(VPC, "0.035000", 5);
        let later = || row(VPC, "0.041000", 9);
        assert_eq!(merged([plain(), vpc(), later()]), expected);
        assert_eq!(merged([later(), vpc(), plain(), plain()]), expected);
        assert_eq!(merged([plain(), later(), row("Windows", "0.1", 5)]), expected);
    }

    #[test]
    fn a_bad_row_is_named() {
        for (bad, problem) in [
            (row(PLAIN, "0.1", 5).set_availability_zone(None), "no zone"),
            (row(PLAIN, "0.1", 5).set_instance_type(None), "no instance type"),
            (row(PLAIN, "0.1", 5).set_timestamp(None), "no time"),
            (row(PLAIN, "0.1", 5).set_product_description(None), "no product"),
            (row(PLAIN, "0.1", 5).set_spot_price(None), "no price"),
            (row(PLAIN, "cheap", 5), "a price that is not a decimal number"),
            (row(PLAIN, "0.000000", 5), "a price of zero"),
            (row(PLAIN, "-0.1", 5), "a price that is not a decimal number"),
        ] {
            let error = merged([bad]).unwrap_err();
            assert!(error.starts_with(&format!("{problem} in the spot price {{zone ")), "{error}");
        }
    }
}
