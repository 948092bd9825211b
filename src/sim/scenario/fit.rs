//! Fitting an account to recorded prices.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::domain::{Capacity, InstanceType, Region, Window, Zone};
use crate::market::{PricePoint, history};

use super::{EnvironmentSpec, Scenario, ScenarioError};
use crate::sim::instance_types;

/// What [`Scenario::for_replay`] made of recorded prices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplaySummary {
    pub region: Region,
    /// Pools that are replayed.
    pub pools: usize,
    /// From the first to the last point that is replayed.
    pub span: Window,
    /// Types without a known shape and list price: their points are left out.
    pub unknown_types: Vec<InstanceType>,
    /// Zones of other regions: their points are left out.
    pub other_zones: Vec<Zone>,
}

impl Scenario {
    /// Fits the account to recorded prices: the region that most points are of (this scenario's,
    /// if it has any), its zones, and only the recorded pools for spot; on-demand environments get
    /// the same types. List prices stay those of us-east-1. Changes nothing when it fails for want
    /// of usable points.
    pub fn for_replay(&mut self, points: Vec<PricePoint>) -> Result<ReplaySummary, ScenarioError> {
        let mut regions: BTreeMap<Region, usize> = BTreeMap::new();
        for point in &points {
            *regions.entry(point.pool.zone.region()).or_default() += 1;
        }
        let most = regions.iter().max_by_key(|(_, count)| **count);
        let region = match most {
            None => {
                return Err(ScenarioError::Invalid(vec!["there are no recorded prices".into()]));
            }
            Some(_) if regions.contains_key(&self.region) => self.region.clone(),
            Some((region, _)) => region.clone(),
        };
        let (here, elsewhere): (Vec<_>, Vec<_>) =
            points.into_iter().partition(|point| point.pool.zone.region() == region);
        let (known, unknown): (Vec<_>, Vec<_>) = here
            .into_iter()
            .partition(|point| instance_types::offer(&point.pool.instance_type).is_some());
        let types: BTreeSet<_> = known.iter().map(|p| p.pool.instance_type.clone()).collect();
        let unknown_types: BTreeSet<_> =
            unknown.into_iter().map(|point| point.pool.instance_type).collect();
        if types.is_empty() {
            let names: Vec<_> = unknown_types.iter().map(ToString::to_string).collect();
            return Err(ScenarioError::Invalid(vec![format!(
                "none of the recorded instance types is known: {}",
                names.join(", ")
            )]));
        }
        let zones: BTreeSet<_> = known.iter().map(|point| point.pool.zone.clone()).collect();
        self.region = region.clone();
        self.zones = zones.into_iter().collect();
        self.restrict_to(&types);
        let pools: BTreeSet<_> = known.iter().map(|point| &point.pool).collect();
        let pools = pools.len();
        // There is at least one known point, because there is a known type.
        let span =
            history::span(&known).unwrap_or_else(|| Window::new(Timestamp::MIN, Timestamp::MIN));
        let other: BTreeSet<_> = elsewhere.into_iter().map(|point| point.pool.zone).collect();
        self.recorded = Some(known);
        self.validate()?;
        Ok(ReplaySummary {
            region,
            pools,
            span,
            unknown_types: unknown_types.into_iter().collect(),
            other_zones: other.into_iter().collect(),
        })
    }

    /// Environments keep those of their types that are recorded; one that has none gets them all.
    /// A type that no environment of a capacity keeps goes to the first of them.
    fn restrict_to(&mut self, types: &BTreeSet<InstanceType>) {
        for capacity in [Capacity::Spot, Capacity::OnDemand] {
            let of_capacity = |e: &&mut EnvironmentSpec| e.capacity == capacity;
            let mut left = types.clone();
            for environment in self.compute_environments.iter_mut().filter(of_capacity) {
                let own = instance_types::expand(&environment.instance_types).unwrap_or_default();
                let kept: BTreeSet<_> = own.intersection(types).cloned().collect();
                let kept = if kept.is_empty() { types.clone() } else { kept };
                left.retain(|name| !kept.contains(name));
                environment.instance_types = kept.iter().map(ToString::to_string).collect();
            }
            if let Some(first) = self.compute_environments.iter_mut().find(of_capacity) {
                first.instance_types.extend(left.iter().map(ToString::to_string));
            }
        }
        for environment in &mut self.compute_environments {
            environment.zones = None;
        }
    }
}
