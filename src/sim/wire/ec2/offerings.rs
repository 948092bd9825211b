//! DescribeInstanceTypeOfferings: every type in every zone, as the simulated market has it.

use super::filters::Filters;
use super::zones::Zones;
use super::{Call, Fault, Page, given, invalid};
use crate::sim::instance_types::{InstanceOffer, offers};
use crate::sim::state::State;
use crate::sim::wire::xml::Element;

pub(super) fn describe(state: &State, call: &Call) -> Result<Vec<Element>, Fault> {
    let page = Page::of(call, 5..=1000)?;
    let filters = Filters::of(call, &["instance-type", "location"])?;
    let zones = Zones::of(state);
    let kind = given(call, "LocationType").unwrap_or("region");
    let locations: Vec<String> = match kind {
        "region" => vec![state.scenario.region.to_string()],
        "availability-zone" => zones.iter().map(|(zone, _)| zone.to_string()).collect(),
        "availability-zone-id" => zones.iter().map(|(_, id)| id.to_owned()).collect(),
        "outpost" => vec![],
        other => {
            let message = format!("Value ({other}) for parameter locationType is invalid.");
            return Err(invalid(message));
        }
    };
    let mut rows = Vec::new();
    for offer in offers() {
        for location in &locations {
            let admitted = filters.admit(|filter| match filter {
                "instance-type" => vec![offer.name.to_string()],
                _ => vec![location.clone()],
            });
            if admitted {
                rows.push(((0, format!("{}/{location}", offer.name)), (offer, location)));
            }
        }
    }
    let told = |(offer, location): (&InstanceOffer, &String)| {
        vec![
            Element::text("instanceType", &offer.name),
            Element::text("locationType", kind),
            Element::text("location", location),
        ]
    };
    Ok(page.set("instanceTypeOfferingSet", rows, told))
}
