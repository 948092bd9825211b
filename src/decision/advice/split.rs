//! Types that an environment would be better off without.

use std::collections::BTreeSet;

use serde::Serialize;

use super::pools::{PoolCost, Pools, breadth, mixture};
use super::{MARGIN_PERCENT, PLACEMENTS, TYPES, ZONES};
use crate::domain::{InstanceType, UsdPerHour};

/// Types to leave out, with what that is expected to change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Split {
    /// The dearest first.
    pub leave_out: Vec<InstanceType>,
    pub types_left: usize,
    pub zones_left: usize,
    pub pools_left: usize,
    pub pools: usize,
    /// The attempts that tell what Batch picks.
    pub placements: u64,
    /// What a vCPU costs for an hour of useful work, work that is done again included.
    pub vcpu_hour_usd: UsdPerHour,
    /// The same without those types.
    pub vcpu_hour_left_usd: UsdPerHour,
}

/// As few types as will do: what is left has half of the pools at least, and breadth enough.
pub(super) fn split(pools: &Pools<'_>) -> Option<Split> {
    if pools.placements < PLACEMENTS {
        return None;
    }
    let vcpu_hour_usd = mixture(pools.all.iter())?;
    let mut leave_out = Vec::new();
    for instance_type in dearest_first(pools) {
        leave_out.push(instance_type.clone());
        let left: Vec<&PoolCost<'_>> = pools
            .all
            .iter()
            .filter(|pool| !leave_out.contains(&pool.quote.pool.instance_type))
            .collect();
        let (types_left, zones_left) = breadth(left.iter().copied());
        if types_left < TYPES || zones_left < ZONES || left.len() * 2 < pools.all.len() {
            return None;
        }
        let vcpu_hour_left_usd = mixture(left.iter().copied())?;
        if is_dearer(vcpu_hour_usd, vcpu_hour_left_usd) {
            return Some(Split {
                leave_out,
                types_left,
                zones_left,
                pools_left: left.len(),
                pools: pools.all.len(),
                placements: pools.placements,
                vcpu_hour_usd,
                vcpu_hour_left_usd,
            });
        }
    }
    None
}

/// By more than the margin.
pub(super) fn is_dearer(one: UsdPerHour, other: UsdPerHour) -> bool {
    i128::from(one.units()) * 100 > i128::from(other.units()) * (100 + MARGIN_PERCENT)
}

fn dearest_first<'a>(pools: &Pools<'a>) -> Vec<&'a InstanceType> {
    let types: BTreeSet<&InstanceType> =
        pools.all.iter().map(|pool| &pool.quote.pool.instance_type).collect();
    let mut priced: Vec<(Option<UsdPerHour>, &InstanceType)> = types
        .into_iter()
        .map(|of| {
            let same = pools.all.iter().filter(|pool| pool.quote.pool.instance_type == *of);
            (mixture(same), of)
        })
        .collect();
    priced.sort_by(|a, b| b.cmp(a));
    priced.into_iter().map(|(_, of)| of).collect()
}
