//! AmazonEC2: each instance type as it is used, reserved and left unused, and variants that cost
//! otherwise. Only Linux on shared tenancy has AWS's prices here; the variants are there to be told
//! apart, and their prices are made from it.

use super::document::{Product, attributes};
use crate::domain::{Ppm, UsdPerHour};
use crate::sim::instance_types::{InstanceOffer, offers};
use crate::sim::state::State;
use crate::sim::wire::ec2::region_code;

/// What tells the products of one instance type apart.
struct Variant {
    system: &'static str,
    tenancy: &'static str,
    software: &'static str,
    status: &'static str,
    /// Before the type in the usage type.
    usage: &'static str,
    operation: &'static str,
    /// Parts in a hundred of the Linux price.
    percent: i64,
    words: &'static str,
}

const USED: &str = "Used";
const LINUX: Variant = Variant {
    system: "Linux",
    tenancy: "Shared",
    software: "NA",
    status: USED,
    usage: "BoxUsage",
    operation: "RunInstances",
    percent: 100,
    words: "On Demand Linux",
};

const VARIANTS: [Variant; 6] = [
    LINUX,
    // A reservation is free while something runs in it, and costs as much as that while nothing does.
    Variant {
        status: "AllocatedCapacityReservation",
        usage: "Reservation",
        percent: 0,
        words: "Reservation Linux",
        ..LINUX
    },
    Variant {
        status: "UnusedCapacityReservation",
        usage: "UnusedBox",
        words: "Unused Reservation Linux",
        ..LINUX
    },
    Variant {
        tenancy: "Dedicated",
        usage: "DedicatedUsage",
        percent: 110,
        words: "Dedicated Usage Linux",
        ..LINUX
    },
    Variant {
        system: "Windows",
        operation: "RunInstances:0002",
        percent: 196,
        words: "On Demand Windows",
        ..LINUX
    },
    Variant {
        software: "SQL Std",
        operation: "RunInstances:0004",
        percent: 600,
        words: "On Demand Linux with SQL Std",
        ..LINUX
    },
];

/// Of one type, or of all.
pub(super) fn products(state: &State, only: Option<&str>) -> Vec<Product> {
    let wanted = offers().filter(|offer| only.is_none_or(|name| offer.name.as_str() == name));
    let of_type = |offer| VARIANTS.iter().map(move |variant| product(state, offer, variant));
    wanted.flat_map(of_type).collect()
}

fn percent(price: UsdPerHour, percent: i64) -> UsdPerHour {
    price.scaled(Ppm::from_percent(percent))
}

fn product(state: &State, offer: &InstanceOffer, variant: &Variant) -> Product {
    let region = &state.scenario.region;
    let name = offer.name.as_str();
    // Usage types of us-east-1 have no prefix.
    let usage = match region.as_str() {
        "us-east-1" => format!("{}:{name}", variant.usage),
        _ => format!("{}-{}:{name}", region_code(region).to_ascii_uppercase(), variant.usage),
    };
    let shape = &offer.shape;
    let gib = shape.memory_mib / 1024;
    let quarters = shape.memory_mib % 1024 * 100 / 1024;
    let memory =
        if quarters == 0 { format!("{gib} GiB") } else { format!("{gib}.{quarters:02} GiB") };
    let own = [
        ("instanceType", name),
        ("vcpu", &shape.vcpus.to_string()),
        ("memory", &memory),
        ("operatingSystem", variant.system),
        ("tenancy", variant.tenancy),
        ("preInstalledSw", variant.software),
        ("capacitystatus", variant.status),
        ("licenseModel", "No License required"),
        ("marketoption", "OnDemand"),
        ("usagetype", &usage),
        ("operation", variant.operation),
        ("servicename", "Amazon Elastic Compute Cloud"),
    ];
    let sold_reserved = variant.status == USED && variant.percent == 100;
    Product {
        service: "AmazonEC2",
        family: "Compute Instance",
        attributes: attributes(region, "AmazonEC2", &own),
        unit: "Hrs",
        description: format!("{} {name} Instance Hour", variant.words),
        price: percent(offer.on_demand, variant.percent),
        reserved: sold_reserved.then(|| percent(offer.on_demand, 63)),
    }
}
