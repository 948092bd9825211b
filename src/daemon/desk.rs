//! The price desk: what is known of environments and prices, from which the market is put together.
//! Last known prices stay when a refresh fails; their age tells.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};

use super::Shared;
use super::shared::lock;
use crate::catalogue::{Catalogue, Environment};
use crate::domain::{
    AccountRegion, Architecture, Capacity, EnvironmentName, InstanceShape, InstanceType, Pool,
    Region, Site, UsdPerHour, Zone,
};
use crate::market::{
    EnvironmentMarket, FargatePrice, FargateQuote, KnownSpot, ListPrice, Market, PoolQuote,
    PriceCoverage, PricePoint,
};
use crate::ports::StoreError;

/// What is behind an environment's queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Discovered {
    pub types: BTreeMap<InstanceType, Arc<InstanceShape>>,
    /// Empty when they could not be read: then every zone with a price counts.
    pub zones: Vec<Zone>,
    pub unusable: Option<String>,
}

#[derive(Debug)]
struct List {
    price: UsdPerHour,
    effective_from: Timestamp,
    seen_at: Timestamp,
}

#[derive(Debug, Default)]
struct Drawers {
    discovered: BTreeMap<EnvironmentName, Discovered>,
    /// Every type that was ever looked up, also those that no environment has any more.
    shapes: BTreeMap<InstanceType, Arc<InstanceShape>>,
    spot: BTreeMap<AccountRegion, BTreeMap<Pool, KnownSpot>>,
    /// Up to when the archive of each type's spot prices is complete.
    spot_until: BTreeMap<(AccountRegion, InstanceType), Timestamp>,
    list: BTreeMap<(Region, InstanceType), List>,
    fargate: BTreeMap<Region, (Vec<FargatePrice>, Timestamp)>,
    /// Raised when something becomes known that an attempt may have lacked for its price.
    evidence: u64,
}

#[derive(Debug, Default)]
pub struct Desk {
    drawers: Mutex<Drawers>,
}

impl Desk {
    /// The last known prices, as the store kept them.
    pub(super) async fn restore(&self, shared: &Shared) -> Result<(), StoreError> {
        let store = shared.book.store();
        let now = shared.clock.now();
        let catalogue = shared.catalogue.load_full();
        // How long ago prices were seen is not kept. When they changed is a lawful lower bound, for
        // list prices as well: they look too old rather than too new, until a refresh.
        let places = sites(&catalogue).into_iter().map(|site| site.account_region());
        for place in places.collect::<BTreeSet<_>>() {
            let points = store.latest_prices(&place).await?;
            let seen = points.iter().map(|point| point.effective_from).max();
            self.take_spot(&place, points, seen.unwrap_or(Timestamp::MIN));
        }
        for region in regions(&catalogue) {
            for price in store.list_prices(&region, now).await? {
                let since = price.effective_from;
                self.take_list(vec![price], since);
            }
            let fargate = store.fargate_prices(&region).await?;
            let since = fargate.iter().map(|price| price.effective_from).max();
            self.take_fargate(&region, fargate, since.unwrap_or(Timestamp::MIN));
        }
        for coverage in store.price_coverage().await? {
            self.note_coverage(&coverage);
        }
        let shapes = store.shapes().await?;
        let shapes = shapes.into_iter().map(|(name, shape)| (name, Arc::new(shape)));
        lock(&self.drawers).shapes.extend(shapes);
        Ok(())
    }

    /// `true` when its types or zones are others than before.
    pub fn take_discovered(&self, environment: EnvironmentName, discovered: Discovered) -> bool {
        let mut drawers = lock(&self.drawers);
        let same = drawers.discovered.get(&environment).is_some_and(|known| {
            known.types.keys().eq(discovered.types.keys()) && known.zones == discovered.zones
        });
        let types = discovered.types.iter().map(|(name, shape)| (name.clone(), Arc::clone(shape)));
        drawers.shapes.extend(types);
        drawers.discovered.insert(environment, discovered);
        drawers.evidence += u64::from(!same);
        !same
    }

    /// Nothing behind the environment's queue can be reached: decisions leave it alone until it is
    /// discovered again. What was known of it stays.
    pub fn note_unreachable(&self, environment: &EnvironmentName, why: String) {
        let mut drawers = lock(&self.drawers);
        drawers.discovered.entry(environment.clone()).or_default().unusable = Some(why);
    }

    /// A number that rises when an attempt that lacked something for its price may be priced now.
    pub fn evidence(&self) -> u64 {
        lock(&self.drawers).evidence
    }

    /// Forgets what was behind the queue of an environment that now names another.
    pub fn forget_discovered(&self, environment: &EnvironmentName) {
        lock(&self.drawers).discovered.remove(environment);
    }

    /// Whether the environment's queue was looked behind, and its types have the prices that a
    /// decision compares.
    pub fn is_priced(&self, environment: &Environment) -> bool {
        let drawers = lock(&self.drawers);
        let Some(discovered) = drawers.discovered.get(&environment.name) else { return false };
        let region = &environment.site.region;
        if environment.capacity.is_fargate() {
            return drawers.fargate.contains_key(region);
        }
        let place = environment.site.account_region();
        discovered.types.keys().all(|instance_type| {
            drawers.list.contains_key(&(region.clone(), instance_type.clone()))
                && (!environment.capacity.is_interruptible()
                    || drawers.spot_until.contains_key(&(place.clone(), instance_type.clone())))
        })
    }

    /// Types behind the environments that are `wanted`.
    pub fn types_behind(
        &self,
        catalogue: &Catalogue,
        wanted: impl Fn(&Environment) -> bool,
    ) -> Vec<InstanceType> {
        let drawers = lock(&self.drawers);
        let mut types: Vec<InstanceType> = catalogue
            .environments
            .values()
            .filter(|environment| wanted(environment))
            .filter_map(|environment| drawers.discovered.get(&environment.name))
            .flat_map(|discovered| discovered.types.keys().cloned())
            .collect();
        types.sort();
        types.dedup();
        types
    }

    /// Merges the change points of one refresh: per pool the newest wins, whatever the order they come
    /// in. The pools named count as seen at `seen_at`.
    pub fn take_spot(&self, place: &AccountRegion, points: Vec<PricePoint>, seen_at: Timestamp) {
        let mut drawers = lock(&self.drawers);
        let mut news = 0;
        let pools = drawers.spot.entry(place.clone()).or_default();
        let mut shown = BTreeSet::new();
        for PricePoint { pool, price, effective_from } in points {
            match pools.get_mut(&pool) {
                Some(known) => known.take(price, effective_from, seen_at),
                None => {
                    pools.insert(pool.clone(), KnownSpot::new(price, effective_from, seen_at));
                    news += 1;
                }
            }
            shown.insert(pool);
        }
        for (_, known) in pools.iter_mut().filter(|(pool, _)| shown.contains(*pool)) {
            known.refreshed();
        }
        drawers.evidence += news;
    }

    /// The archive of a type's prices is complete so far. Never goes back.
    pub fn note_coverage(&self, coverage: &PriceCoverage) {
        let PriceCoverage { place, instance_type, complete_until } = coverage.clone();
        let mut drawers = lock(&self.drawers);
        let reached = drawers.spot_until.entry((place, instance_type)).or_insert(complete_until);
        *reached = (*reached).max(complete_until);
    }

    /// Up to when the archive of a type's spot prices is complete; `None` when it was never asked
    /// for.
    pub fn spot_complete_until(
        &self,
        place: &AccountRegion,
        instance_type: &InstanceType,
    ) -> Option<Timestamp> {
        let key = (place.clone(), instance_type.clone());
        lock(&self.drawers).spot_until.get(&key).copied()
    }

    /// The newest list prices, seen at `seen_at`.
    pub fn take_list(&self, prices: Vec<ListPrice>, seen_at: Timestamp) {
        let mut drawers = lock(&self.drawers);
        for ListPrice { region, instance_type, price, effective_from } in prices {
            let list = List { price, effective_from, seen_at };
            let is_new = drawers.list.insert((region, instance_type), list).is_none();
            drawers.evidence += u64::from(is_new);
        }
    }

    pub fn take_fargate(&self, region: &Region, prices: Vec<FargatePrice>, seen_at: Timestamp) {
        if !prices.is_empty() {
            let mut drawers = lock(&self.drawers);
            let is_new = drawers.fargate.insert(region.clone(), (prices, seen_at)).is_none();
            drawers.evidence += u64::from(is_new);
        }
    }

    pub fn shape(&self, instance_type: &InstanceType) -> Option<Arc<InstanceShape>> {
        lock(&self.drawers).shapes.get(instance_type).cloned()
    }

    /// The on-demand list price in effect at `at`; the oldest known one where `at` is earlier.
    pub async fn list_price_at(
        &self,
        shared: &Shared,
        region: &Region,
        instance_type: &InstanceType,
        at: Timestamp,
    ) -> Result<Option<UsdPerHour>, StoreError> {
        let key = (region.clone(), instance_type.clone());
        let newest =
            lock(&self.drawers).list.get(&key).map(|list| (list.price, list.effective_from));
        if let Some((price, since)) = newest
            && since <= at
        {
            return Ok(Some(price));
        }
        // Also of a region that left the catalogue: the store keeps what was ever seen.
        let store = shared.book.store();
        for at in [at, shared.clock.now()] {
            let known = store.list_prices(region, at).await?;
            let known = known.into_iter().find(|price| price.instance_type == *instance_type);
            if let Some(known) = known {
                return Ok(Some(known.price));
            }
        }
        Ok(newest.map(|(price, _)| price))
    }

    /// Fargate's list price in effect at `at`; the oldest known one where `at` is earlier.
    pub async fn fargate_price_at(
        &self,
        shared: &Shared,
        region: &Region,
        architecture: Architecture,
        at: Timestamp,
    ) -> Result<Option<FargatePrice>, StoreError> {
        let newest = newest_fargate(&lock(&self.drawers), region, architecture).cloned();
        if newest.as_ref().is_some_and(|price| price.effective_from <= at) {
            return Ok(newest);
        }
        let mut known = shared.book.store().fargate_prices(region).await?;
        known.retain(|price| price.architecture == architecture.label());
        // They come newest first.
        let then = known.iter().find(|price| price.effective_from <= at).or(known.last());
        Ok(then.cloned().or(newest))
    }

    /// The market as known now.
    pub fn market(&self, catalogue: &Catalogue, refreshed_at: Timestamp) -> Market {
        let drawers = lock(&self.drawers);
        let environments = catalogue
            .environments
            .values()
            .map(|environment| {
                let market = environment_market(&drawers, environment);
                (environment.name.clone(), Arc::new(market))
            })
            .collect();
        Market { environments, refreshed_at: Some(refreshed_at) }
    }
}

/// Every region of an account that the catalogue names.
pub fn sites(catalogue: &Catalogue) -> BTreeSet<Site> {
    catalogue.environments.values().map(|environment| environment.site.clone()).collect()
}

/// Every region that the catalogue names, in whichever account.
pub fn regions(catalogue: &Catalogue) -> BTreeSet<Region> {
    catalogue.environments.values().map(|environment| environment.site.region.clone()).collect()
}

fn environment_market(drawers: &Drawers, environment: &Environment) -> EnvironmentMarket {
    let mut market = EnvironmentMarket {
        environment: environment.name.clone(),
        capacity: environment.capacity,
        pools: Vec::new(),
        fargate: None,
        unusable: None,
    };
    if environment.capacity.is_fargate() {
        market.fargate = fargate_quote(drawers, environment);
    }
    let Some(discovered) = drawers.discovered.get(&environment.name) else {
        if !environment.capacity.is_fargate() {
            market.unusable = Some("not discovered yet".to_owned());
        }
        return market;
    };
    market.unusable = discovered.unusable.clone();
    let spot = drawers.spot.get(&environment.site.account_region());
    for (instance_type, shape) in &discovered.types {
        let list_key = (environment.site.region.clone(), instance_type.clone());
        let list = drawers.list.get(&list_key);
        for zone in zones_of(discovered, spot, instance_type) {
            let pool = Pool { zone, instance_type: instance_type.clone() };
            let quote = spot.and_then(|pools| pools.get(&pool));
            market.pools.push(PoolQuote {
                spot: quote.map(|quote| quote.price),
                jumped_from: quote.and_then(KnownSpot::jumped_from),
                seen_at: quote.map(|quote| quote.seen_at),
                on_demand: list.map(|list| list.price),
                on_demand_seen_at: list.map(|list| list.seen_at),
                shape: Arc::clone(shape),
                pool,
            });
        }
    }
    market
}

fn zones_of(
    discovered: &Discovered,
    spot: Option<&BTreeMap<Pool, KnownSpot>>,
    instance_type: &InstanceType,
) -> Vec<Zone> {
    if !discovered.zones.is_empty() {
        return discovered.zones.clone();
    }
    spot.into_iter()
        .flat_map(BTreeMap::keys)
        .filter(|pool| pool.instance_type == *instance_type)
        .map(|pool| pool.zone.clone())
        .collect()
}

fn newest_fargate<'a>(
    drawers: &'a Drawers,
    region: &Region,
    architecture: Architecture,
) -> Option<&'a FargatePrice> {
    let (prices, _) = drawers.fargate.get(region)?;
    prices
        .iter()
        .filter(|price| price.architecture == architecture.label())
        .max_by_key(|price| price.effective_from)
}

/// What a task costs on demand, and on Fargate Spot where the user has stated that.
fn fargate_quote(drawers: &Drawers, environment: &Environment) -> Option<FargateQuote> {
    let Environment { site: Site { region, .. }, architecture, .. } = environment;
    let list = newest_fargate(drawers, region, *architecture)?.rate();
    let (_, seen_at) = drawers.fargate.get(region)?;
    let spot = match environment.capacity {
        Capacity::FargateSpot => {
            environment.fargate_spot_discount.map(|discount| list.less(discount))
        }
        _ => None,
    };
    Some(FargateQuote { list, spot, seen_at: *seen_at })
}

/// Older than AWS can answer for: `DescribeSpotPriceHistory` reaches back 90 days.
pub const HISTORY_REACH: SignedDuration = SignedDuration::from_hours(89 * 24);
