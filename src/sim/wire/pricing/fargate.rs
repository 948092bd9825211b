//! AmazonECS: Fargate on Linux, x86 and ARM, among usage types that are not to be taken for it
//! (simulated-aws.md §3).

use super::document::{Product, attributes};
use crate::domain::{Ppm, UsdPerHour};
use crate::sim::instance_types::FARGATE_PRICES;
use crate::sim::state::State;
use crate::sim::wire::ec2::region_code;

/// Windows' prices and the others' are there to be told apart.
const OTHERS: [(&str, &str, &str); 5] = [
    ("Fargate-Windows-vCPU-Hours:perCPU", "0.046552", "hours"),
    ("Fargate-Windows-GB-Hours", "0.00511175", "hours"),
    ("Fargate-Windows-OS-Hours:perCPU", "0.046", "hours"),
    ("Fargate-EphemeralStorage-GB-Hours", "0.000111", "GB-Hours"),
    ("ECS-Anywhere-Instance-hours", "0.01025", "hours"),
];

pub(super) fn products(state: &State) -> Vec<Product> {
    let price = |text: &str| text.parse::<UsdPerHour>().unwrap_or_default();
    let off = i64::from(state.scenario.market.fargate_spot_discount_percent);
    let spot = |price: UsdPerHour| price.scaled(Ppm::from_percent(100 - off));
    let mut products = Vec::new();
    for (architecture, vcpu, gib) in FARGATE_PRICES {
        let arm = if architecture == "arm64" { "ARM-" } else { "" };
        for (usage, price) in [
            (format!("Fargate-{arm}vCPU-Hours:perCPU"), price(vcpu)),
            (format!("Fargate-{arm}GB-Hours"), price(gib)),
        ] {
            products.push(product(state, &format!("SpotUsage-{usage}"), spot(price), "hours"));
            products.push(product(state, &usage, price, "hours"));
        }
    }
    let others = OTHERS.iter().map(|(usage, text, unit)| product(state, usage, price(text), unit));
    products.extend(others);
    products
}

fn product(state: &State, usage: &str, price: UsdPerHour, unit: &'static str) -> Product {
    let region = &state.scenario.region;
    let usage = format!("{}-{usage}", region_code(region).to_ascii_uppercase());
    let own = [
        ("usagetype", usage.as_str()),
        ("operation", ""),
        ("tenancy", "Shared"),
        ("servicename", "Amazon Elastic Container Service"),
    ];
    Product {
        service: "AmazonECS",
        family: "Compute",
        attributes: attributes(region, "AmazonECS", &own),
        unit,
        description: format!("hour of {usage}"),
        price,
        reserved: None,
    }
}
