//! Reads the Price List's products, which are JSON texts inside JSON. Codes of offers and rates
//! differ from product to product, so that the maps are walked, never indexed; whatever is not
//! exactly as expected is refused rather than guessed at.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use crate::domain::{InstanceType, Region, UsdPerHour};
use crate::market::{FargatePrice, ListPrice};

#[derive(Deserialize)]
struct PricedProduct {
    product: Product,
    #[serde(default)]
    terms: Terms,
}

#[derive(Deserialize)]
struct Product {
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
struct Terms {
    #[serde(default, rename = "OnDemand")]
    on_demand: BTreeMap<String, Offer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Offer {
    effective_date: String,
    price_dimensions: BTreeMap<String, Dimension>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dimension {
    unit: String,
    price_per_unit: BTreeMap<String, String>,
}

struct Rate {
    unit: String,
    price: UsdPerHour,
    effective_from: Timestamp,
}

/// The hourly price of the one product found for `kind`, or what is wrong with it.
pub(super) fn instance_price(
    product: &str,
    region: &Region,
    kind: &InstanceType,
) -> Result<ListPrice, String> {
    let product = parse(product)?;
    for (attribute, expected) in [("instanceType", kind.as_str()), ("regionCode", region.as_str())]
    {
        match product.attribute(attribute) {
            Some(found) if found != expected => {
                return Err(format!("its {attribute} is {found} where {expected} was asked for"));
            }
            _ => {}
        }
    }
    let rate = product.rate()?;
    if rate.unit != "Hrs" {
        return Err(format!("it is priced per `{}`, not per hour (`Hrs`)", rate.unit));
    }
    Ok(ListPrice {
        region: region.clone(),
        instance_type: kind.clone(),
        price: rate.price,
        effective_from: rate.effective_from,
    })
}

/// Linux prices of each architecture that has any, among all products of Amazon ECS in a region.
pub(super) fn fargate_prices(
    products: &[String],
    region: &Region,
) -> Result<Vec<FargatePrice>, String> {
    let products: Vec<PricedProduct> =
        products.iter().map(|product| parse(product)).collect::<Result<_, _>>()?;
    let mut prices = Vec::new();
    for (architecture, vcpu_usage, gib_usage) in [
        ("x86_64", "Fargate-vCPU-Hours:perCPU", "Fargate-GB-Hours"),
        ("arm64", "Fargate-ARM-vCPU-Hours:perCPU", "Fargate-ARM-GB-Hours"),
    ] {
        let vcpu = the_rate(&products, vcpu_usage)?;
        let gib = the_rate(&products, gib_usage)?;
        let (vcpu, gib) = match (vcpu, gib) {
            (Some(vcpu), Some(gib)) => (vcpu, gib),
            (None, None) => continue,
            (Some(_), None) => {
                return Err(format!("{vcpu_usage} has a price but {gib_usage} has none"));
            }
            (None, Some(_)) => {
                return Err(format!("{gib_usage} has a price but {vcpu_usage} has none"));
            }
        };
        prices.push(FargatePrice {
            region: region.clone(),
            architecture: architecture.to_owned(),
            vcpu_hour: vcpu.price,
            gib_hour: gib.price,
            effective_from: vcpu.effective_from.max(gib.effective_from),
        });
    }
    Ok(prices)
}

/// The rate of the one product with this usage type; `None` where there is no such product.
fn the_rate(products: &[PricedProduct], usage: &str) -> Result<Option<Rate>, String> {
    let mut fitting = products.iter().filter(|product| product.is_used_as(usage));
    let Some(product) = fitting.next() else { return Ok(None) };
    let others = fitting.count();
    if others > 0 {
        return Err(format!("there are {} products for {usage}, not one", others + 1));
    }
    let rate = product.rate().map_err(|problem| format!("{usage}: {problem}"))?;
    let unit = rate.unit.to_ascii_lowercase();
    if !unit.ends_with("hours") && !unit.ends_with("hrs") {
        return Err(format!("{usage} is priced per `{}`, not per hour", rate.unit));
    }
    Ok(Some(rate))
}

fn parse(product: &str) -> Result<PricedProduct, String> {
    serde_json::from_str(product).map_err(|error| format!("it is not the JSON expected: {error}"))
}

impl PricedProduct {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.product.attributes.get(name).map(String::as_str)
    }

    /// Usage types begin with a code of the region, mostly (`USE1-`); `SpotUsage-` is another thing.
    fn is_used_as(&self, usage: &str) -> bool {
        let Some(prefix) = self.attribute("usagetype").and_then(|own| own.strip_suffix(usage))
        else {
            return false;
        };
        let code = prefix.strip_suffix('-').unwrap_or(prefix);
        code.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    }

    fn rate(&self) -> Result<Rate, String> {
        let offer = the_only("on-demand offer", &self.terms.on_demand)?;
        let dimension = the_only("price dimension", &offer.price_dimensions)?;
        let usd = dimension.price_per_unit.get("USD").ok_or_else(|| {
            let found: Vec<&str> = dimension.price_per_unit.keys().map(String::as_str).collect();
            format!("it has no price in USD (but in: {})", found.join(", "))
        })?;
        let price: UsdPerHour =
            usd.parse().map_err(|error| format!("its price `{usd}` is {error}"))?;
        if price == UsdPerHour::ZERO {
            return Err("its price is zero".to_owned());
        }
        let effective_from = offer
            .effective_date
            .parse()
            .map_err(|_| format!("its effectiveDate `{}` is no time", offer.effective_date))?;
        Ok(Rate { unit: dimension.unit.clone(), price, effective_from })
    }
}

fn the_only<'a, T>(what: &str, map: &'a BTreeMap<String, T>) -> Result<&'a T, String> {
    match map.len() {
        1 => map.values().next().ok_or_else(|| format!("it has no {what}")),
        0 => Err(format!("it has no {what}")),
        several => Err(format!("it has {several} {what}s where one was expected")),
    }
}

#[cfg(test)]
mod tests;
