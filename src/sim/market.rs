//! The spot market: what each pool costs and whether it has capacity. Prices wander or are
//! replayed; capacity is always simulated.

pub(crate) mod hazard;
mod open;
mod walk;

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;

use crate::domain::{InstanceType, Pool, UsdPerHour, Window, Zone};
use crate::market::PricePoint;

use super::instance_types;
use super::instant::{DAY, HOUR, Millis, millis, timestamp, whole_second};
use super::random::Seed;
use super::scenario::{EnvironmentSpec, MarketSettings, Scenario};
use hazard::{DOWN_TO_UP, UP_TO_DOWN, phase_length};
use walk::PriceWalk;

/// Index of a pool.
pub(crate) type PoolIx = usize;

/// The "type" of the pools that stand behind Fargate Spot, one a zone. They have no price.
pub(crate) const FARGATE_SPOT: &str = "fargate-spot";

/// AWS answers for this long back.
const HISTORY_LIMIT: Millis = 90 * DAY;
/// A pool that has been up for this long counts as deep.
const DEEP_AFTER: Millis = HOUR;
/// Prices react to a crunch, and for this long after it.
const CRUNCH_ECHO: Millis = 2 * HOUR;

/// A pool as an observer of the simulation sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarketQuote {
    pub pool: Pool,
    /// `None` before the first known price.
    pub spot: Option<UsdPerHour>,
    pub on_demand: UsdPerHour,
    /// Whether it has capacity now.
    pub up: bool,
    /// Since when it has, or has not.
    pub since: jiff::Timestamp,
}

#[derive(Debug)]
pub(crate) struct PoolState {
    pub(crate) pool: Pool,
    /// Units of 10⁻¹⁰ USD an hour; zero for Fargate Spot.
    on_demand: i64,
    pub(crate) up: bool,
    since: Millis,
    last_down: Option<Millis>,
    reclaim_scale: f64,
    recovery_scale: f64,
    phases: ChaCha8Rng,
    /// Raised whenever a planned end of phase is replaced.
    pub(crate) generation: u32,
    /// Simulated prices; recorded ones are all in `points` from the start.
    walk: Option<PriceWalk>,
    points: Vec<(Millis, i64)>,
}

#[derive(Debug)]
pub(crate) struct SpotMarket {
    pools: Vec<PoolState>,
    index: BTreeMap<Pool, PoolIx>,
    /// When it began.
    begin: Millis,
    /// Whether it has exactly the pools that were recorded.
    recorded: bool,
}

impl SpotMarket {
    /// The pools of every spot environment, at `start`.
    pub(crate) fn new(scenario: &Scenario, seed: Seed, start: Millis) -> Self {
        let mut scales: BTreeMap<Pool, (f64, f64)> = BTreeMap::new();
        for (pool, reclaim, recovery) in wanted_pools(scenario) {
            let scale = scales.entry(pool).or_insert((reclaim, recovery));
            *scale = (scale.0.max(reclaim), scale.1.min(recovery));
        }
        let mut recorded: BTreeMap<Pool, Vec<(Millis, i64)>> = BTreeMap::new();
        for point in scenario.recorded.iter().flatten() {
            let points = recorded.entry(point.pool.clone()).or_default();
            points.push((millis(point.effective_from), point.price.units()));
        }
        if scenario.recorded.is_some() {
            let unpriced = |pool: &Pool| pool.instance_type.as_str() == FARGATE_SPOT;
            scales.retain(|pool, _| unpriced(pool) || recorded.contains_key(pool));
        }
        let pools: Vec<_> = scales
            .into_iter()
            .map(|(pool, scale)| {
                let points = recorded.remove(&pool);
                PoolState::new(pool, scale, points, &scenario.market, seed, start)
            })
            .collect();
        let index = pools.iter().enumerate().map(|(ix, p)| (p.pool.clone(), ix)).collect();
        let recorded = scenario.recorded.is_some();
        SpotMarket { pools, index, begin: start, recorded }
    }

    pub(crate) fn indices(&self) -> std::ops::Range<PoolIx> {
        0..self.pools.len()
    }

    pub(crate) fn find(&self, pool: &Pool) -> Option<PoolIx> {
        self.index.get(pool).copied()
    }

    pub(crate) fn pool(&self, ix: PoolIx) -> &PoolState {
        &self.pools[ix]
    }

    pub(crate) fn pool_mut(&mut self, ix: PoolIx) -> &mut PoolState {
        &mut self.pools[ix]
    }

    /// The change points of `types` in `window` and the one in effect at its start, nothing of the
    /// future, nothing that AWS would have forgotten.
    pub(crate) fn history(
        &self,
        types: &[InstanceType],
        window: Window,
        now: Millis,
    ) -> Vec<PricePoint> {
        let start = millis(window.start).max(now - HISTORY_LIMIT);
        // Asking for one moment (start = end) gives the prices in effect then.
        let end = millis(window.end).max(start + 1).min(now + 1);
        let mut found = Vec::new();
        for state in self.pools.iter().filter(|p| types.contains(&p.pool.instance_type)) {
            let first = state.points.partition_point(|(at, _)| *at <= start).saturating_sub(1);
            let points = state.points[first..].iter().take_while(|(at, _)| *at < end);
            found.extend(points.map(|(at, price)| PricePoint {
                pool: state.pool.clone(),
                price: UsdPerHour::from_units(*price),
                effective_from: timestamp(*at),
            }));
        }
        found
    }

    pub(crate) fn quotes(&self, now: Millis) -> Vec<MarketQuote> {
        let priced = self.pools.iter().filter(|state| state.on_demand > 0);
        let quote = |state: &PoolState| MarketQuote {
            pool: state.pool.clone(),
            spot: state.price_at(now).map(UsdPerHour::from_units),
            on_demand: UsdPerHour::from_units(state.on_demand),
            up: state.up,
            since: timestamp(state.since),
        };
        priced.map(quote).collect()
    }
}

/// Every pool that an environment may use, with the scales that environment asks for.
fn wanted_pools(scenario: &Scenario) -> Vec<(Pool, f64, f64)> {
    let mut wanted = Vec::new();
    let spot = scenario.compute_environments.iter().filter(|e| e.capacity.is_interruptible());
    for environment in spot {
        let reclaim = environment.reclaim_scale.unwrap_or(scenario.market.reclaim_scale);
        let recovery = environment.recovery_scale.unwrap_or(scenario.market.recovery_scale);
        let pools = pools_of(environment, &scenario.zones);
        wanted.extend(pools.into_iter().map(|pool| (pool, reclaim, recovery)));
    }
    wanted
}

/// The pools that an environment on spot may use, `zones` being the account's.
pub(crate) fn pools_of(environment: &EnvironmentSpec, zones: &[Zone]) -> Vec<Pool> {
    let types = if environment.capacity.is_fargate() {
        [InstanceType::from(FARGATE_SPOT)].into()
    } else {
        instance_types::expand(&environment.instance_types).unwrap_or_default()
    };
    let zones: &[Zone] = environment.zones.as_deref().unwrap_or(zones);
    let pools = zones.iter().flat_map(|zone| {
        types.iter().map(|name| Pool { zone: zone.clone(), instance_type: name.clone() })
    });
    pools.collect()
}

impl PoolState {
    fn new(
        pool: Pool,
        (reclaim_scale, recovery_scale): (f64, f64),
        recorded: Option<Vec<(Millis, i64)>>,
        settings: &MarketSettings,
        seed: Seed,
        start: Millis,
    ) -> Self {
        let key = format!("{}/{}", pool.zone, pool.instance_type);
        let offer = instance_types::offer(&pool.instance_type);
        let on_demand = offer.map_or(0, |offer| offer.on_demand.units());
        let (walk, points) = match recorded {
            Some(mut points) => {
                points.sort_by_key(|(at, _)| *at);
                points.dedup_by(|later, earlier| later.1 == earlier.1);
                (None, points)
            }
            None if on_demand == 0 => (None, Vec::new()),
            None => {
                let rng = seed.stream("price", &key);
                let walk = PriceWalk::new(rng, on_demand, reclaim_scale, settings);
                let first = (start, walk.price());
                (Some(walk), vec![first])
            }
        };
        PoolState {
            pool,
            on_demand,
            up: true,
            since: start,
            last_down: None,
            reclaim_scale,
            recovery_scale,
            phases: seed.stream("capacity", &key),
            generation: 0,
            walk,
            points,
        }
    }

    /// When the phase that begins now ends by itself.
    pub(crate) fn plan_phase_end(&mut self, now: Millis) -> Option<Millis> {
        let (hazards, scale) = if self.up {
            (&UP_TO_DOWN, self.reclaim_scale)
        } else {
            (&DOWN_TO_UP, self.recovery_scale)
        };
        phase_length(&mut self.phases, hazards, scale).map(|length| whole_second(now) + length)
    }

    pub(crate) fn set_up(&mut self, up: bool, now: Millis) {
        self.up = up;
        self.since = now;
        if !up {
            self.last_down = Some(now);
        }
    }

    /// When the price next changes; `None` where prices are recorded or do not exist.
    pub(crate) fn plan_price_change(&mut self, now: Millis) -> Option<Millis> {
        self.walk.as_mut().map(|walk| whole_second(now) + walk.gap())
    }

    /// When the first recorded price begins, if that is later than `now`.
    pub(crate) fn first_price_after(&self, now: Millis) -> Option<Millis> {
        self.points.first().map(|(at, _)| *at).filter(|at| *at > now)
    }

    /// Moves the simulated price; a price that stays the same is no change point.
    pub(crate) fn change_price(&mut self, now: Millis) {
        let crunch = !self.up || self.last_down.is_some_and(|at| now - at < CRUNCH_ECHO);
        let Some(walk) = self.walk.as_mut() else { return };
        walk.step(crunch);
        let price = walk.price();
        if self.points.last().is_none_or(|(_, last)| *last != price) {
            self.points.push((now, price));
        }
    }

    /// Sets the price from now on; `false` where a later one is recorded.
    pub(crate) fn set_price(&mut self, price: i64, now: Millis) -> bool {
        if self.points.last().is_some_and(|(at, _)| *at > now) {
            return false;
        }
        self.points.push((now, price));
        true
    }

    /// The price in effect, in units of 10⁻¹⁰ USD an hour.
    pub(crate) fn price_at(&self, at: Millis) -> Option<i64> {
        let after = self.points.partition_point(|(from, _)| *from <= at);
        after.checked_sub(1).map(|last| self.points[last].1)
    }

    /// Change points in time order.
    pub(crate) fn points(&self) -> &[(Millis, i64)] {
        &self.points
    }

    /// Whether an instance can be launched: capacity, and a price no higher than this percentage
    /// of on-demand (a compute environment's `bidPercentage`, 100 when it has none).
    pub(crate) fn offers_at(&self, now: Millis, bid_percent: u32) -> Option<i64> {
        let highest = i128::from(self.on_demand) * i128::from(bid_percent);
        self.price_at(now).filter(|price| self.up && i128::from(*price) * 100 <= highest)
    }

    /// Since when it has capacity, or has none.
    pub(crate) fn since(&self) -> Millis {
        self.since
    }

    /// Whether capacity has lasted long enough for SPOT_PRICE_CAPACITY_OPTIMIZED to trust it.
    pub(crate) fn is_deep(&self, now: Millis) -> bool {
        self.up && now - self.since >= DEEP_AFTER
    }
}
