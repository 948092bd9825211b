//! One product and the JSON document that the Price List makes of it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::domain::{Region, UsdPerHour};
use crate::sim::instant::timestamp;
use crate::sim::random::Seed;
use crate::sim::state::State;

/// AWS's code of the on-demand offer, and of its hourly rate.
const ON_DEMAND: &str = "JRTCKXETXF";
const HOURLY: &str = "6YS6EN2CT7";
/// Of a reservation for a year without upfront payment.
const RESERVED: &str = "4NA7Y494T4";

pub(super) struct Product {
    pub(super) service: &'static str,
    pub(super) family: &'static str,
    pub(super) attributes: BTreeMap<&'static str, String>,
    pub(super) unit: &'static str,
    pub(super) description: String,
    pub(super) price: UsdPerHour,
    /// What a year's reservation costs an hour, where one is sold.
    pub(super) reserved: Option<UsdPerHour>,
}

impl Product {
    /// The same for every account: made from what the product is.
    pub(super) fn sku(&self) -> String {
        let what = format!("{} {:?}", self.service, self.attributes);
        Seed(0).hex("sku", &what, 16).to_ascii_uppercase()
    }

    /// What a filter's field names.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        match name {
            "productFamily" => Some(self.family),
            "ServiceCode" | "servicecode" => Some(self.service),
            name => self.attributes.get(name).map(String::as_str),
        }
    }

    pub(super) fn document(&self, state: &State) -> Value {
        let sku = self.sku();
        let since = timestamp(state.list_prices_from).to_string();
        let price = ten_decimals(self.price);
        let description = format!("${price} per {}", self.description);
        let terms = json!({ "OnDemand": offer(&sku, ON_DEMAND, &since, json!({}), json!({
            "unit": self.unit,
            "beginRange": "0",
            "endRange": "Inf",
            "description": description,
            "appliesTo": [],
            "pricePerUnit": { "USD": price },
        })) });
        let mut document = json!({
            "product": {
                "productFamily": self.family,
                "sku": sku,
                "attributes": self.attributes,
            },
            "serviceCode": self.service,
            "version": since.replace(['-', ':', 'T', 'Z'], ""),
            "publicationDate": since,
            "terms": terms,
        });
        if let Some(price) = self.reserved {
            let lasting = json!({
                "LeaseContractLength": "1yr",
                "OfferingClass": "standard",
                "PurchaseOption": "No Upfront",
            });
            document["terms"]["Reserved"] = offer(
                &sku,
                RESERVED,
                &since,
                lasting,
                json!({
                    "unit": "Hrs",
                    "beginRange": "0",
                    "endRange": "Inf",
                    "description": format!("{}, reserved instance applied", self.description),
                    "appliesTo": [],
                    "pricePerUnit": { "USD": ten_decimals(price) },
                }),
            );
        }
        document
    }
}

/// An offer with one rate.
fn offer(sku: &str, code: &str, since: &str, attributes: Value, mut rate: Value) -> Value {
    let key = format!("{sku}.{code}");
    let rate_code = format!("{key}.{HOURLY}");
    rate["rateCode"] = json!(rate_code);
    let offer = json!({
        "sku": sku,
        "offerTermCode": code,
        "effectiveDate": since,
        "priceDimensions": { rate_code: rate },
        "termAttributes": attributes,
    });
    json!({ key: offer })
}

/// Prices are texts with ten decimals.
pub(super) fn ten_decimals(price: UsdPerHour) -> String {
    const ONE: i64 = 10_000_000_000;
    format!("{}.{:010}", price.units() / ONE, price.units() % ONE)
}

/// Attributes that every product has.
pub(super) fn attributes(
    region: &Region,
    service: &str,
    own: &[(&'static str, &str)],
) -> BTreeMap<&'static str, String> {
    let mut attributes = BTreeMap::from([
        ("servicecode", service.to_owned()),
        ("regionCode", region.to_string()),
        ("location", location(region).to_owned()),
        ("locationType", "AWS Region".to_owned()),
    ]);
    attributes.extend(own.iter().map(|(name, value)| (*name, (*value).to_owned())));
    attributes
}

/// The long names, which differ from EC2's own (simulated-aws.md §3); regions not listed keep their code.
fn location(region: &Region) -> &str {
    match region.as_str() {
        "us-east-1" => "US East (N. Virginia)",
        "us-east-2" => "US East (Ohio)",
        "us-west-2" => "US West (Oregon)",
        "eu-central-1" => "EU (Frankfurt)",
        "eu-west-1" => "EU (Ireland)",
        "ap-south-1" => "Asia Pacific (Mumbai)",
        "ap-northeast-1" => "Asia Pacific (Tokyo)",
        "ap-southeast-2" => "Asia Pacific (Sydney)",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_have_ten_decimals() {
        assert_eq!(ten_decimals("0.17".parse().unwrap()), "0.1700000000");
        assert_eq!(ten_decimals("12.000445".parse().unwrap()), "12.0004450000");
    }
}
