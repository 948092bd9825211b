//! Types that an environment would be better off with.

use std::collections::BTreeMap;

use serde::Serialize;

use super::pools::{PoolCost, Pools, breadth, mixture, vcpu_hour};
use super::split::is_dearer;
use super::{PLACEMENTS, Seen, TYPES, Work, ZONES};
use crate::catalogue::Environment;
use crate::domain::{Capacity, InstanceType, Ppm, UsdPerHour};
use crate::experience::{Level, LevelMixture};
use crate::market::PoolQuote;

/// Its pools are taken back so much more often than the region's, in percent of that: half as often again is
/// what types usually differ by. What is learnt is drawn towards the region's, so that it takes many
/// interruptions to be so far above it.
const TIMES_THE_REGION: i128 = 150;
/// Fewer interruptions than these prove nothing: the standard error of ten is a third.
pub const INTERRUPTIONS: u64 = 10;
/// Without capacity so many times in a row, it is no passing want.
pub const TRIPS: u32 = 3;
/// A type must have been watched for so long to count as less risky: ten interruptions are expected in it.
pub const WATCHED_SECS: i64 = 100 * 3600;
/// No more are named.
const NAMED: usize = 5;

/// What to add to an environment, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Widen {
    #[serde(flatten)]
    pub why: WhyWiden,
    pub types: usize,
    pub zones: usize,
    /// Types of its architecture and sizes that other environments of its region have, the cheapest first.
    /// May be empty where it is narrow.
    pub add: Vec<Addition>,
}

/// Why it should have more pools.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum WhyWiden {
    /// It is narrow, and its pools are taken back more often than the region's.
    Risky {
        times_the_prior: Ppm,
        region_times_the_prior: Ppm,
        interruptions: u64,
        watched_secs: i64,
    },
    /// It is narrow, and trouble opened its breaker so many times in a row.
    Starves { trips: u32 },
    /// Others are cheaper and less risky than what it has.
    BetterElsewhere { vcpu_hour_usd: UsdPerHour, times_the_prior: Ppm, placements: u64 },
}

/// A type to add.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Addition {
    pub instance_type: InstanceType,
    /// What a vCPU costs for an hour of useful work there.
    pub vcpu_hour_usd: UsdPerHour,
    pub times_the_prior: Ppm,
    pub interruptions: u64,
    pub watched_secs: i64,
}

pub(super) fn widen(
    seen: &Seen<'_>,
    environment: &Environment,
    work: &Work<'_>,
    pools: &Pools<'_>,
) -> Option<Widen> {
    let (types, zones) = breadth(pools.all.iter());
    let mut mean = LevelMixture::default();
    pools.all.iter().for_each(|pool| mean.add(pool.level, pool.weight));
    let (own, price) = (mean.mean()?, mixture(pools.all.iter())?);
    let place = environment.site.account_region();
    let region = seen.experience.hazards.levels(&place).unknown();
    let others = elsewhere(seen, environment, work, pools);
    let narrow = types < TYPES || zones < ZONES || pools.all.len() < TYPES * ZONES;
    let why = if narrow { troubled(seen, environment, own, region) } else { None };
    if let Some(why) = why {
        let calm = |other: &Addition| other.times_the_prior <= region.factor;
        let add = others.into_iter().filter(calm).take(NAMED).collect();
        return Some(Widen { why, types, zones, add });
    }
    let better = |other: &Addition| {
        is_dearer(price, other.vcpu_hour_usd)
            && other.times_the_prior < own.factor
            && other.watched_secs >= WATCHED_SECS
    };
    let add: Vec<Addition> = others.into_iter().filter(better).take(NAMED).collect();
    let why = WhyWiden::BetterElsewhere {
        vcpu_hour_usd: price,
        times_the_prior: own.factor,
        placements: pools.placements,
    };
    (!add.is_empty() && pools.placements >= PLACEMENTS).then_some(Widen { why, types, zones, add })
}

/// What speaks for more pools than these few.
fn troubled(
    seen: &Seen<'_>,
    environment: &Environment,
    own: Level,
    region: Level,
) -> Option<WhyWiden> {
    let above = i128::from(own.factor.0) * 100 >= i128::from(region.factor.0) * TIMES_THE_REGION;
    if above && own.interruptions >= INTERRUPTIONS {
        return Some(WhyWiden::Risky {
            times_the_prior: own.factor,
            region_times_the_prior: region.factor,
            interruptions: own.interruptions,
            watched_secs: own.watched_secs,
        });
    }
    let known = seen.experience.environments.get(&environment.name)?;
    let trips = known.trips.in_a_row;
    (trips >= TRIPS && known.starved_at.is_some()).then_some(WhyWiden::Starves { trips })
}

/// Types of the same architecture and sizes that other environments of the region have, the cheapest first.
fn elsewhere(
    seen: &Seen<'_>,
    environment: &Environment,
    work: &Work<'_>,
    own: &Pools<'_>,
) -> Vec<Addition> {
    let place = environment.site.account_region();
    let mut levels = seen.experience.hazards.levels(&place);
    let market = seen.market.environments.get(&environment.name);
    let known = |of: &InstanceType| {
        let pools = market.map_or(&[][..], |market| &market.pools);
        pools.iter().any(|quote| quote.pool.instance_type == *of)
    };
    let mut found: BTreeMap<&InstanceType, BTreeMap<_, PoolCost<'_>>> = BTreeMap::new();
    let others = seen.catalogue.environments.values().filter(|other| {
        other.capacity == Capacity::Spot
            && other.name != environment.name
            && other.site.account_region() == place
    });
    let quotes = others
        .filter_map(|other| seen.market.environments.get(&other.name))
        .flat_map(|market| &market.pools);
    for quote in quotes.filter(|quote| !known(&quote.pool.instance_type) && is_alike(quote, own)) {
        let Some((vcpu_hour, level)) = vcpu_hour(seen, work, quote, &mut levels) else { continue };
        let of_type = found.entry(&quote.pool.instance_type).or_default();
        of_type.insert(&quote.pool, PoolCost { quote, vcpu_hour, level, weight: 1 });
    }
    let mut additions: Vec<Addition> = found
        .into_iter()
        .filter_map(|(instance_type, of_type)| {
            let level = levels.of_type(instance_type.as_str());
            Some(Addition {
                instance_type: instance_type.clone(),
                vcpu_hour_usd: mixture(of_type.values())?,
                times_the_prior: level.factor,
                interruptions: level.interruptions,
                watched_secs: level.watched_secs,
            })
        })
        .collect();
    additions.sort_by(|a, b| {
        (a.vcpu_hour_usd, &a.instance_type).cmp(&(b.vcpu_hour_usd, &b.instance_type))
    });
    additions
}

/// Whether a job that runs in one of `own` pools runs there as well.
fn is_alike(quote: &PoolQuote, own: &Pools<'_>) -> bool {
    let shape = &quote.shape;
    own.all.iter().map(|pool| &pool.quote.shape).any(|known| {
        known.architecture == shape.architecture
            && known.vcpus == shape.vcpus
            && known.gpus == shape.gpus
            && known.memory_mib <= shape.memory_mib
    })
}
