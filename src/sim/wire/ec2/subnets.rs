//! Subnets: one a zone, in one VPC.

use super::filters::Filters;
use super::zones::Zones;
use super::{Call, Fault, Page, combination};
use crate::domain::Zone;
use crate::sim::network::subnets;
use crate::sim::state::State;
use crate::sim::wire::xml::Element;

const FILTERS: [&str; 9] = [
    "availability-zone",
    "availabilityZone",
    "availability-zone-id",
    "availabilityZoneId",
    "default-for-az",
    "owner-id",
    "state",
    "subnet-id",
    "vpc-id",
];

/// The account's only VPC.
pub(in crate::sim::wire) fn vpc(state: &State) -> String {
    format!("vpc-{}", state.seed.hex("vpc", &state.scenario.account_id, 17))
}

/// The subnet that instances of a zone are in.
pub(in crate::sim::wire) fn subnet_of(state: &State, zone: &Zone) -> Option<String> {
    let mut subnets = subnets(&state.scenario, state.seed).into_iter();
    subnets.find(|(_, own)| own == zone).map(|(id, _)| id)
}

pub(super) fn describe(state: &State, call: &Call) -> Result<Vec<Element>, Fault> {
    let asked = call.list("SubnetId");
    if !asked.is_empty() && call.parameter("MaxResults").is_some() {
        let message = "The parameter SubnetIds cannot be used with the parameter MaxResults";
        return Err(combination(message));
    }
    let page = Page::of(call, 5..=1000)?;
    let filters = Filters::of(call, &FILTERS)?;
    let all = subnets(&state.scenario, state.seed);
    if let Some(unknown) = asked.iter().find(|id| all.iter().all(|(own, _)| own != *id)) {
        let message = format!("The subnet ID '{unknown}' does not exist");
        return Err(Fault::new(400, "InvalidSubnetID.NotFound", message));
    }
    let (zones, vpc) = (Zones::of(state), vpc(state));
    let account = &state.scenario.account_id;
    let listed = all.iter().enumerate().filter(|(_, (id, zone))| {
        let named = asked.is_empty() || asked.contains(&id.as_str());
        named
            && filters.admit(|filter| match filter {
                "availability-zone" | "availabilityZone" => vec![zone.to_string()],
                "availability-zone-id" | "availabilityZoneId" => {
                    zones.id(zone).map(str::to_owned).into_iter().collect()
                }
                "default-for-az" => vec!["true".to_owned()],
                "owner-id" => vec![account.clone()],
                "state" => vec!["available".to_owned()],
                "subnet-id" => vec![id.clone()],
                "vpc-id" => vec![vpc.clone()],
                _ => vec![],
            })
    });
    let region = &state.scenario.region;
    let rows = listed.map(|(number, (id, zone))| ((0, id.clone()), (number, id, zone)));
    let told = |(number, id, zone): (usize, &String, &Zone)| {
        let mut subnet = zones.elements(zone);
        subnet.extend([
            Element::text("subnetId", id),
            Element::text("subnetArn", format!("arn:aws:ec2:{region}:{account}:subnet/{id}")),
            Element::text("state", "available"),
            Element::text("ownerId", account),
            Element::text("vpcId", &vpc),
            // A /20 each, as in a default VPC.
            Element::text("cidrBlock", format!("172.31.{}.0/20", number * 16 % 256)),
            Element::text("availableIpAddressCount", 4091),
            Element::text("defaultForAz", true),
            Element::text("mapPublicIpOnLaunch", true),
            Element::text("assignIpv6AddressOnCreation", false),
            Element::text("ipv6Native", false),
            Element::new("tagSet"),
        ]);
        subnet
    };
    Ok(page.set("subnetSet", rows.collect(), told))
}
