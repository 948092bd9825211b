//! How often capacity is taken back, against the prior's hazards by age: learnt for every pool, and drawn
//! towards what its type, its region and the prior say, as little was seen of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::spot_advisor::{Relative, SpotAdvisor};
use super::watched::PoolWatch;
use crate::domain::{AccountRegion, InstanceType, Pool, Ppm, Window, Zone};
use crate::policy::Phase;
use crate::policy::lifetimes::PRIOR;
use crate::policy::outlook::RISK_FACTORS;

/// The "instance type" of what stands behind Fargate Spot: one pool a zone, or a region where the zone is
/// not known.
pub const FARGATE_SPOT: &str = "fargate-spot";

/// How many expected interruptions each level must have seen to count for as much as what it is drawn
/// towards. The factors of the levels have a gamma distribution around that with so much for its shape, so
/// a standard deviation of one over its root: regions differ by the whole, types by a half, the zones of a
/// type by a seventh. In the traces behind the prior (24 series of pools, by moments as in Clayton &
/// Kaldor, "Empirical Bayes estimates of age-standardized relative risks", Biometrics 43, 1987) it is 9 for
/// types, which were all accelerated ones there, and 50 to 140 for the zones of a type.
pub const REGION_STRENGTH: f64 = 1.0;
/// As [`REGION_STRENGTH`], of an instance type in all zones, drawn towards its region times what is advised
/// of it ([`SpotAdvisor`]).
pub const TYPE_STRENGTH: f64 = 4.0;
/// As [`REGION_STRENGTH`], of a pool, drawn towards its type.
pub const POOL_STRENGTH: f64 = 50.0;

/// How much more often capacity is taken back than the prior says, with the evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// What the prior's hazards of every age are multiplied by, in millionths.
    pub factor: Ppm,
    /// Interruptions that were seen in these pools themselves; those at one time in one pool are one.
    pub interruptions: u64,
    /// How long they were watched: attempts ran there.
    pub watched_secs: i64,
    /// How their types compare with the average type of the region by Spot Advisor's table, which is what
    /// is expected of them before anything was seen; `None` where it says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advised: Option<Ppm>,
}

/// What was seen, and what the prior expects of the same time at the same ages.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Tally {
    interruptions: u64,
    watched_secs: i64,
    expected: f64,
}

impl Tally {
    fn of(watch: &PoolWatch) -> Tally {
        let (watched_secs, interruptions) = watch.exposure().total(Phase::Up);
        let expected = PRIOR.expected_exits(Phase::Up, watch.exposure()).max(0.0);
        Tally { interruptions, watched_secs, expected }
    }

    fn plus(self, other: Tally) -> Tally {
        Tally {
            interruptions: self.interruptions.saturating_add(other.interruptions),
            watched_secs: self.watched_secs.saturating_add(other.watched_secs),
            expected: self.expected + other.expected,
        }
    }

    /// With so many times as much expected.
    fn times(self, relative: f64) -> Tally {
        Tally { expected: self.expected * relative, ..self }
    }

    /// (seen + a · factor above) / (expected + a): the mean of a gamma distribution, a its shape, after what
    /// was seen (Clayton & Kaldor 1987).
    fn factor(self, strength: f64, above: f64) -> f64 {
        let seen = self.interruptions as f64 + strength * above;
        (seen / (self.expected + strength)).clamp(*RISK_FACTORS.start(), *RISK_FACTORS.end())
    }
}

/// What was watched of the pools of every region and account.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Hazards {
    regions: BTreeMap<AccountRegion, RegionHazards>,
    advice: Arc<SpotAdvisor>,
}

#[derive(Debug, Clone, PartialEq, Default)]
struct RegionHazards {
    types: BTreeMap<InstanceType, TypeHazards>,
    /// Each type's with what is advised of it: otherwise who uses only types of which many interruptions
    /// are expected would find the region risky, and then those types twice as much.
    tally: Tally,
}

impl RegionHazards {
    fn sum(&mut self, advised: Option<&Relative>) {
        // Summed in one order, so that what is read from the store is what was learnt, to the last bit.
        let types = self.types.iter().map(|(name, of_type)| {
            of_type.tally.times(advised.and_then(|all| all.of(name.as_str())).unwrap_or(1.0))
        });
        self.tally = types.fold(Tally::default(), Tally::plus);
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
struct TypeHazards {
    zones: BTreeMap<Zone, (PoolWatch, Tally)>,
    tally: Tally,
}

impl Hazards {
    /// Takes in an attempt on interruptible capacity that ended.
    pub fn record(&mut self, place: &AccountRegion, pool: &Pool, ran: Window, interrupted: bool) {
        self.change(place, pool, |watch| watch.record(ran, interrupted));
    }

    /// Every pool that was watched.
    pub fn pools(&self) -> impl Iterator<Item = (&AccountRegion, Pool, &PoolWatch)> {
        self.regions.iter().flat_map(|(place, region)| {
            region.types.iter().flat_map(move |(instance_type, of_type)| {
                of_type.zones.iter().map(move |(zone, (watch, _))| {
                    let (zone, instance_type) = (zone.clone(), instance_type.clone());
                    (place, Pool { zone, instance_type }, watch)
                })
            })
        })
    }

    /// From now on types are expected to compare as this says.
    pub fn advise(&mut self, advice: Arc<SpotAdvisor>) {
        for (place, region) in &mut self.regions {
            region.sum(advice.of(&place.region));
        }
        self.advice = advice;
    }

    /// How types are expected to compare.
    pub fn advice(&self) -> &SpotAdvisor {
        &self.advice
    }

    /// The levels of the pools of one region.
    pub fn levels(&self, place: &AccountRegion) -> Levels<'_> {
        let region = self.regions.get(place);
        let factor = region.map_or(1.0, |region| region.tally.factor(REGION_STRENGTH, 1.0));
        Levels { region, advised: self.advice.of(&place.region), factor, last: None }
    }

    fn change(&mut self, place: &AccountRegion, pool: &Pool, change: impl FnOnce(&mut PoolWatch)) {
        let region = self.regions.entry(place.clone()).or_default();
        let of_type = region.types.entry(pool.instance_type.clone()).or_default();
        let (watch, tally) = of_type.zones.entry(pool.zone.clone()).or_default();
        change(watch);
        *tally = Tally::of(watch);
        let zones = of_type.zones.values().map(|(_, tally)| *tally);
        of_type.tally = zones.fold(Tally::default(), Tally::plus);
        region.sum(self.advice.of(&place.region));
    }
}

/// What [`Hazards::pools`] gave.
impl FromIterator<(AccountRegion, Pool, PoolWatch)> for Hazards {
    fn from_iter<I: IntoIterator<Item = (AccountRegion, Pool, PoolWatch)>>(all: I) -> Self {
        let mut hazards = Hazards::default();
        for (place, pool, stored) in all {
            hazards.change(&place, &pool, |watch| *watch = stored);
        }
        hazards
    }
}

/// The levels of the pools of one region; quickest where those of a type are asked for together.
#[derive(Debug)]
pub struct Levels<'a> {
    region: Option<&'a RegionHazards>,
    advised: Option<&'a Relative>,
    factor: f64,
    last: Option<(InstanceType, OfType<'a>)>,
}

#[derive(Debug, Clone, Copy)]
struct OfType<'a> {
    seen: Option<&'a TypeHazards>,
    advised: Option<f64>,
    factor: f64,
}

impl OfType<'_> {
    fn level(&self, factor: f64, tally: Tally) -> Level {
        Level { advised: self.advised.map(Ppm::from_ratio), ..level(factor, tally) }
    }
}

impl<'a> Levels<'a> {
    /// Of a pool of which nothing is known but where it is.
    pub fn unknown(&self) -> Level {
        level(self.factor, Tally::default())
    }

    /// Of a type in all zones.
    pub fn of_type(&self, instance_type: &str) -> Level {
        let of_type = self.find(instance_type);
        of_type.level(of_type.factor, of_type.seen.map_or(Tally::default(), |seen| seen.tally))
    }

    /// Of a pool.
    pub fn of_pool(&mut self, pool: &Pool) -> Level {
        if self.region.is_none() && self.advised.is_none() {
            return self.unknown();
        }
        let of_type = match &self.last {
            Some((known, of_type)) if *known == pool.instance_type => *of_type,
            _ => {
                let found = self.find(pool.instance_type.as_str());
                self.last.insert((pool.instance_type.clone(), found)).1
            }
        };
        match of_type.seen.and_then(|seen| seen.zones.get(&pool.zone)) {
            Some((_, tally)) => of_type.level(tally.factor(POOL_STRENGTH, of_type.factor), *tally),
            None => of_type.level(of_type.factor, Tally::default()),
        }
    }

    fn find(&self, instance_type: &str) -> OfType<'a> {
        let seen = self.region.and_then(|region| region.types.get(instance_type));
        let advised = self.advised.and_then(|all| all.of(instance_type));
        let tally = seen.map_or(Tally::default(), |seen| seen.tally);
        let factor = match (seen, advised) {
            (None, None) => self.factor,
            _ => tally.factor(TYPE_STRENGTH, self.factor * advised.unwrap_or(1.0)),
        };
        OfType { seen, advised, factor }
    }
}

fn level(factor: f64, tally: Tally) -> Level {
    Level {
        factor: Ppm::from_ratio(factor),
        interruptions: tally.interruptions,
        watched_secs: tally.watched_secs,
        advised: None,
    }
}

/// The level of an environment: that of its pools, each with its weight.
#[derive(Debug, Clone, Copy, Default)]
pub struct LevelMixture {
    factors: i128,
    weight: i128,
    interruptions: u64,
    watched_secs: i64,
    advised: i128,
    is_advised: bool,
}

impl LevelMixture {
    pub fn add(&mut self, level: Level, weight: u64) {
        self.factors += i128::from(level.factor.0) * i128::from(weight);
        self.weight += i128::from(weight);
        self.interruptions = self.interruptions.saturating_add(level.interruptions);
        self.watched_secs = self.watched_secs.saturating_add(level.watched_secs);
        self.advised += i128::from(level.advised.unwrap_or(Ppm::ONE).0) * i128::from(weight);
        self.is_advised |= level.advised.is_some();
    }

    /// `None` of nothing.
    pub fn mean(&self) -> Option<Level> {
        (self.weight > 0).then(|| Level {
            factor: Ppm((self.factors / self.weight) as i64),
            interruptions: self.interruptions,
            watched_secs: self.watched_secs,
            advised: self.is_advised.then(|| Ppm((self.advised / self.weight) as i64)),
        })
    }
}
