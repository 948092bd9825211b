//! The pools of an environment with what an hour of useful work costs in each.

use std::collections::BTreeSet;

use super::{Seen, Work};
use crate::catalogue::Environment;
use crate::decision::candidate::expected_rework;
use crate::domain::amount::div_half_even;
use crate::domain::{InstanceType, Ppm, Share, UsdPerHour};
use crate::experience::{EnvironmentExperience, Level, Levels};
use crate::market::PoolQuote;

/// More is not told apart: long before that work goes on demand.
const MOST_REWORK: Ppm = Ppm(10_000_000);

/// One pool that the work fits into and whose price is known.
pub(super) struct PoolCost<'a> {
    pub quote: &'a PoolQuote,
    /// A vCPU, for an hour of useful work: with what is expected to be done again, by the pool's own risk.
    pub vcpu_hour: UsdPerHour,
    pub level: Level,
    /// The attempts that were placed there, and one.
    pub weight: u64,
}

/// Those of an environment.
pub(super) struct Pools<'a> {
    pub all: Vec<PoolCost<'a>>,
    /// Attempts that were placed in them.
    pub placements: u64,
}

/// Those of `environment` that count in its price; `None` where there are none.
pub(super) fn pools<'a>(
    seen: &Seen<'a>,
    environment: &Environment,
    work: &Work<'_>,
) -> Option<Pools<'a>> {
    let market = seen.market.environments.get(&environment.name)?;
    let nothing = EnvironmentExperience::default();
    let experience = seen.experience.environments.get(&environment.name).unwrap_or(&nothing);
    let mut levels = seen.experience.hazards.levels(&environment.site.account_region());
    let mut all = Vec::new();
    for quote in &market.pools {
        let Some((vcpu_hour, level)) = vcpu_hour(seen, work, quote, &mut levels) else { continue };
        let placed = experience.placements.get(&quote.pool).copied().unwrap_or(0);
        all.push(PoolCost { quote, vcpu_hour, level, weight: placed + 1 });
    }
    let placements = all.iter().map(|pool| pool.weight - 1).sum();
    (!all.is_empty()).then_some(Pools { all, placements })
}

/// What a vCPU costs in a pool, for an hour of useful work; `None` where the work does not fit, or the price
/// is not known, not believed or stale.
pub(super) fn vcpu_hour(
    seen: &Seen<'_>,
    work: &Work<'_>,
    quote: &PoolQuote,
    levels: &mut Levels<'_>,
) -> Option<(UsdPerHour, Level)> {
    let fresh = quote.age(seen.now).is_some_and(|age| age <= work.class.max_price_age);
    let price = quote.believed_spot().filter(|_| fresh && work.resources.fits(&quote.shape))?;
    let share = Share::new(1, quote.shape.vcpus.into())?;
    let level = levels.of_pool(&quote.pool);
    let rework = expected_rework(work.class, work.length, level.per_hour()).min(MOST_REWORK);
    Some((price.of_share(share).scaled(Ppm(Ppm::ONE.0 + rework.0)), level))
}

/// The mean by weight; `None` of nothing.
pub(super) fn mixture<'a>(pools: impl Iterator<Item = &'a PoolCost<'a>>) -> Option<UsdPerHour> {
    let (mut total, mut weight) = (0, 0);
    for pool in pools {
        total += i128::from(pool.vcpu_hour.units()) * i128::from(pool.weight);
        weight += i128::from(pool.weight);
    }
    (weight > 0).then(|| UsdPerHour::from_units(div_half_even(total, weight) as i64))
}

/// Instance types and zones among them.
pub(super) fn breadth<'a>(pools: impl Iterator<Item = &'a PoolCost<'a>>) -> (usize, usize) {
    let (mut types, mut zones) = (BTreeSet::<&InstanceType>::new(), BTreeSet::new());
    for pool in pools {
        types.insert(&pool.quote.pool.instance_type);
        zones.insert(&pool.quote.pool.zone);
    }
    (types.len(), zones.len())
}
