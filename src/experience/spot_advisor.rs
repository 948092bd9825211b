//! How types compare before anything was seen of them: AWS's Spot Advisor, as a prior.
//!
//! Its table has for every region and type the share of instances that was reclaimed in the last month, in
//! ranges. How long those instances ran is not published, so that a share is no hazard. But where they ran
//! about as long, hazards are in the proportion of shares, small as these are (−ln(1 − p) is p within 15 %
//! below 25 %). So only that is taken: a type's share over the mean share of its region's types.

use std::collections::BTreeMap;

use crate::domain::{InstanceType, Region};

/// How the types of each region compare. Nothing in it changes nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SpotAdvisor(BTreeMap<Region, Relative>);

/// How the types of one region compare: 1 is the average one, also of what is not in it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Relative(BTreeMap<InstanceType, f64>);

impl SpotAdvisor {
    /// No type is expected to be safer than this times the average one of its region: ranges are wide, and
    /// the table says nothing of one's own zones and times.
    pub const LEAST: f64 = 0.25;
    /// As [`SpotAdvisor::LEAST`], of riskier.
    pub const MOST: f64 = 4.0;

    /// Of the share of each type's instances that is reclaimed in some time, the same for all.
    pub fn of_shares(shares: BTreeMap<Region, BTreeMap<InstanceType, f64>>) -> SpotAdvisor {
        let regions = shares.into_iter().filter_map(|(region, types)| {
            let mean = types.values().sum::<f64>() / types.len() as f64;
            let compared = |share: f64| (share / mean).clamp(Self::LEAST, Self::MOST);
            let types = types.into_iter().map(|(name, share)| (name, compared(share)));
            // Without types, or where nothing is ever reclaimed, there is nothing to compare with.
            (mean.is_finite() && mean > 0.0).then(|| (region, Relative(types.collect())))
        });
        SpotAdvisor(regions.collect())
    }

    /// How the types of `region` compare, where that is known.
    pub fn of(&self, region: &Region) -> Option<&Relative> {
        self.0.get(region)
    }

    /// In how many regions it compares types.
    pub fn regions(&self) -> usize {
        self.0.len()
    }
}

impl Relative {
    /// How many times as risky as the average one the type is said to be; `None` where nothing is said.
    pub fn of(&self, instance_type: &str) -> Option<f64> {
        self.0.get(instance_type).copied()
    }
}
