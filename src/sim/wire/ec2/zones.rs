//! Availability zones. Their names mean other places in each account, their ids the same place in
//! all of them (simulated-aws.md §2).

use super::filters::Filters;
use super::{Call, Fault, invalid};
use crate::domain::{Region, Zone};
use crate::sim::network::subnets;
use crate::sim::state::State;
use crate::sim::wire::xml::Element;

/// The account's zones with their ids and subnets, in the scenario's order.
pub(super) struct Zones(Vec<Known>);

struct Known {
    zone: Zone,
    id: String,
    subnet: String,
}

impl Zones {
    pub(super) fn of(state: &State) -> Zones {
        let region = &state.scenario.region;
        let subnets = subnets(&state.scenario, state.seed);
        let code = region_code(region);
        // us-east-1 has six zones, others three or more: a small account need not be in the first.
        let least = if region.as_str() == "us-east-1" { 6 } else { 3 };
        let mut ids: Vec<String> =
            (1..=subnets.len().max(least)).map(|n| format!("{code}-az{n}")).collect();
        ids.sort_by_cached_key(|id| state.seed.hex("zone-id", id, 32));
        let known = subnets.into_iter().zip(ids);
        Zones(known.map(|((subnet, zone), id)| Known { zone, id, subnet }).collect())
    }

    pub(super) fn id(&self, zone: &Zone) -> Option<&str> {
        self.0.iter().find(|known| known.zone == *zone).map(|known| known.id.as_str())
    }

    pub(super) fn subnet(&self, zone: &Zone) -> Option<&str> {
        self.0.iter().find(|known| known.zone == *zone).map(|known| known.subnet.as_str())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Zone, &str)> {
        self.0.iter().map(|known| (&known.zone, known.id.as_str()))
    }

    /// The zone of this name.
    pub(super) fn named(&self, name: &str) -> Result<&Zone, Fault> {
        let found = self.0.iter().find(|known| known.zone.as_str() == name);
        found
            .map(|known| &known.zone)
            .ok_or_else(|| invalid(format!("Invalid availability zone: [{name}]")))
    }

    /// The zone of this id.
    pub(super) fn with_id(&self, id: &str) -> Result<&Zone, Fault> {
        let found = self.0.iter().find(|known| known.id == id);
        found
            .map(|known| &known.zone)
            .ok_or_else(|| invalid(format!("Invalid availability zone-id: [{id}]")))
    }

    /// `availabilityZone` with `availabilityZoneId`.
    pub(super) fn elements(&self, zone: &Zone) -> Vec<Element> {
        let id = self.id(zone).map(|id| Element::text("availabilityZoneId", id));
        std::iter::once(Element::text("availabilityZone", zone)).chain(id).collect()
    }
}

/// `use1` of `us-east-1`, as ids of zones and usage types of the Price List begin.
pub(in crate::sim::wire) fn region_code(region: &Region) -> String {
    let short = |word: &str| match word {
        "northeast" => "ne".to_owned(),
        "northwest" => "nw".to_owned(),
        "southeast" => "se".to_owned(),
        "southwest" => "sw".to_owned(),
        word if word.starts_with(|c: char| c.is_ascii_digit()) => word.to_owned(),
        word => word.chars().take(1).collect(),
    };
    let mut words = region.as_str().split('-');
    let place = words.next().unwrap_or_default().to_owned();
    words.fold(place, |code, word| code + &short(word))
}

const FILTERS: [&str; 8] = [
    "group-name",
    "opt-in-status",
    "region-name",
    "state",
    "zone-id",
    "zone-name",
    "zone-type",
    "message",
];

pub(super) fn describe(state: &State, call: &Call) -> Result<Vec<Element>, Fault> {
    let zones = Zones::of(state);
    let filters = Filters::of(call, &FILTERS)?;
    let (names, ids) = (call.list("ZoneName"), call.list("ZoneId"));
    for name in &names {
        zones.named(name)?;
    }
    for id in &ids {
        zones.with_id(id)?;
    }
    let region = state.scenario.region.as_str();
    let group = format!("{region}-zg-1");
    let listed = zones.iter().filter(|(zone, id)| {
        let named = names.is_empty() && ids.is_empty()
            || names.contains(&zone.as_str())
            || ids.contains(id);
        named
            && filters.admit(|filter| match filter {
                "group-name" => vec![group.clone()],
                "opt-in-status" => vec!["opt-in-not-required".to_owned()],
                "region-name" => vec![region.to_owned()],
                "state" => vec!["available".to_owned()],
                "zone-id" => vec![(*id).to_owned()],
                "zone-name" => vec![zone.to_string()],
                "zone-type" => vec!["availability-zone".to_owned()],
                _ => vec![],
            })
    });
    let items = listed.map(|(zone, id)| {
        vec![
            Element::text("optInStatus", "opt-in-not-required"),
            Element::new("messageSet"),
            Element::text("regionName", region),
            Element::text("zoneName", zone),
            Element::text("zoneId", id),
            Element::text("groupName", &group),
            Element::text("networkBorderGroup", region),
            Element::text("zoneType", "availability-zone"),
            Element::text("zoneState", "available"),
        ]
    });
    Ok(vec![Element::set("availabilityZoneInfo", items)])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::sim::scenario::Scenario;

    #[test]
    fn regions_have_their_usual_codes() {
        for (region, code) in [
            ("us-east-1", "use1"),
            ("eu-central-1", "euc1"),
            ("ap-southeast-2", "apse2"),
            ("us-gov-west-1", "usgw1"),
            ("sa-east-1", "sae1"),
        ] {
            assert_eq!(region_code(&region.into()), code);
        }
    }

    #[test]
    fn zones_and_ids_are_one_to_one_and_differ_between_accounts() {
        let ids = |seed| {
            let state = State::new(Scenario::empty("us-east-1", "abcd"), seed, 0);
            let zones = Zones::of(&state);
            let ids: Vec<String> = zones.iter().map(|(_, id)| id.to_owned()).collect();
            assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 4);
            assert!(ids.iter().all(|id| id.starts_with("use1-az")), "{ids:?}");
            ids
        };
        assert_eq!(ids(1), ids(1));
        let accounts: BTreeSet<_> = (0..8).map(ids).collect();
        assert!(accounts.len() > 4, "{accounts:?}");
    }
}
