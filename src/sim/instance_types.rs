//! The instance types that the simulated EC2 offers, from one dated data file, and how Batch's
//! `instanceTypes` expand to them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use crate::domain::{InstanceShape, InstanceType, UsdPerHour};

/// The day of the list prices in the data file.
pub const LIST_PRICE_DATE: &str = "2026-07-20T00:00:00Z";

/// Fargate on Linux in us-east-1, per vCPU-hour and GiB-hour: x86_64, then arm64.
/// Source: AWS's Fargate pricing page, as served by the Price List.
pub(crate) const FARGATE_PRICES: [(&str, &str, &str); 2] =
    [("x86_64", "0.04048", "0.004445"), ("arm64", "0.03238", "0.00356")];

/// Since November 2025 `optimal` means the same as `default_x86_64`.
const DEFAULT_X86_64: [&str; 4] = ["m6i", "c6i", "r6i", "c7i"];
const DEFAULT_ARM64: [&str; 4] = ["m6g", "c6g", "r6g", "c7g"];

/// One type and what it costs on demand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceOffer {
    pub name: InstanceType,
    pub shape: InstanceShape,
    /// us-east-1, Linux, shared tenancy.
    pub on_demand: UsdPerHour,
}

static OFFERS: LazyLock<BTreeMap<InstanceType, InstanceOffer>> = LazyLock::new(|| {
    // Lines that cannot be read are skipped here, and counted by a test below.
    let text = include_str!("instance_types.csv");
    let offers = text.lines().filter(|line| !line.starts_with('#')).filter_map(read_line);
    offers.map(|offer| (offer.name.clone(), offer)).collect()
});

fn read_line(line: &str) -> Option<InstanceOffer> {
    let mut fields = line.split(',');
    let mut next = || fields.next();
    Some(InstanceOffer {
        name: InstanceType::from(next()?),
        shape: InstanceShape {
            vcpus: next()?.parse().ok()?,
            memory_mib: next()?.parse().ok()?,
            gpus: next()?.parse().ok()?,
            architecture: next()?.to_owned(),
        },
        on_demand: next()?.parse().ok()?,
    })
}

/// Every type that the simulation knows.
pub fn offers() -> impl Iterator<Item = &'static InstanceOffer> {
    OFFERS.values()
}

/// One type, where the simulation knows it.
pub fn offer(name: &InstanceType) -> Option<&'static InstanceOffer> {
    OFFERS.get(name)
}

fn of_families(families: &[&str]) -> BTreeSet<InstanceType> {
    let wanted = |name: &InstanceType| {
        name.as_str().split_once('.').is_some_and(|(family, _)| families.contains(&family))
    };
    OFFERS.keys().filter(|name| wanted(name)).cloned().collect()
}

/// Expands exact types, families, `optimal` and the two defaults. `Err` holds the patterns that
/// name nothing known.
pub fn expand(patterns: &[String]) -> Result<BTreeSet<InstanceType>, Vec<String>> {
    let (mut types, mut unknown) = (BTreeSet::new(), Vec::new());
    for pattern in patterns {
        let found = match pattern.as_str() {
            "optimal" | "default_x86_64" => of_families(&DEFAULT_X86_64),
            "default_arm64" => of_families(&DEFAULT_ARM64),
            exact if exact.contains('.') => {
                OFFERS.get(exact).map(|offer| offer.name.clone()).into_iter().collect()
            }
            family => of_families(&[family]),
        };
        if found.is_empty() {
            unknown.push(pattern.clone());
        }
        types.extend(found);
    }
    if unknown.is_empty() { Ok(types) } else { Err(unknown) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_data_file_is_read() {
        let lines = include_str!("instance_types.csv").lines();
        assert_eq!(offers().count(), lines.filter(|line| !line.starts_with('#')).count());
        assert!((70..=120).contains(&offers().count()));
        let c4 = offer(&"c4.4xlarge".into()).unwrap();
        assert_eq!((c4.shape.vcpus, c4.on_demand.to_string()), (16, "0.7960".to_owned()));
    }

    #[test]
    fn patterns_expand_as_batch_does() {
        let names = |patterns: &[&str]| {
            let owned: Vec<String> = patterns.iter().map(|p| (*p).to_owned()).collect();
            expand(&owned)
        };
        assert_eq!(names(&["m6i.large"]).unwrap().len(), 1);
        assert_eq!(names(&["m6i", "m6i.large"]).unwrap().len(), 5);
        assert_eq!(names(&["optimal"]), names(&["default_x86_64"]));
        assert_eq!(names(&["optimal"]).unwrap().len(), 20);
        assert!(names(&["default_arm64"]).unwrap().iter().all(|t| t.as_str().contains("g.")));
        assert_eq!(names(&["m6i", "m99", "m6i.huge"]), Err(vec!["m99".into(), "m6i.huge".into()]));
        assert!(names(&[]).unwrap().is_empty());
    }
}
