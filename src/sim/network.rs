//! The account's network: one subnet a zone, with ids made from the seed, and one security group.

use crate::domain::Zone;

use super::random::Seed;
use super::scenario::Scenario;

/// The account's subnets, in the order of its zones.
pub(crate) fn subnets(scenario: &Scenario, seed: Seed) -> Vec<(String, Zone)> {
    let subnet = |zone: &Zone| {
        let id = format!("subnet-{}", seed.hex("subnet", zone.as_str(), 17));
        (id, zone.clone())
    };
    scenario.zones.iter().map(subnet).collect()
}

/// The account's security group.
pub(crate) fn security_group(seed: Seed) -> String {
    format!("sg-{}", seed.hex("security-group", "default", 17))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_zone_has_one_subnet_of_aws_shape() {
        let found = subnets(&Scenario::empty("us-east-1", "abc"), Seed(7));
        let zones: Vec<_> = found.iter().map(|(_, zone)| zone.as_str()).collect();
        assert_eq!(zones, ["us-east-1a", "us-east-1b", "us-east-1c"]);
        for (id, _) in &found {
            let digits = id.strip_prefix("subnet-").unwrap();
            assert!(digits.len() == 17 && digits.chars().all(|c| c.is_ascii_hexdigit()), "{id}");
        }
        assert_ne!(found[0].0, found[1].0);
        assert_eq!(found, subnets(&Scenario::empty("us-east-1", "abc"), Seed(7)));
    }
}
