//! Where kinds of run may go, and what that cost at any time.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::question::moment;
use super::{History, Kind};
use crate::catalogue::Environment;
use crate::cost::fargate_hourly;
use crate::domain::{Capacity, EnvironmentName, Pool, Share};
use crate::market::{EnvironmentMarket, Market, PriceSeries};

/// Where a container may run: a pool, or Fargate Spot as a whole.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// `None` is Fargate Spot.
    pub pool: Option<Pool>,
    /// Of a whole instance.
    pub prices: Arc<PriceSeries>,
    pub share: Share,
    /// From the first price that is known, milliseconds since 1970.
    pub usable_from: i64,
}

/// What stands for Fargate Spot, which has no pools.
pub(super) fn fargate_pool() -> Pool {
    Pool { zone: "".into(), instance_type: "".into() }
}

/// The pools of an interruptible environment that are large enough and have a price; none of any other.
pub(super) fn places_of(history: &History, kind: &Kind, environment: &Environment) -> Vec<Place> {
    let Some(market) = history.markets.get(&environment.name) else { return Vec::new() };
    match environment.capacity {
        Capacity::OnDemand | Capacity::Fargate => Vec::new(),
        Capacity::FargateSpot => {
            let rate = market.fargate.as_ref().and_then(|quote| quote.spot);
            let price = rate.and_then(|rate| fargate_hourly(rate, &kind.resources));
            let place = |price| Place {
                pool: None,
                prices: Arc::new(PriceSeries::from_points([(Timestamp::MIN, price)])),
                share: Share::WHOLE,
                usable_from: i64::MIN,
            };
            price.map(place).into_iter().collect()
        }
        Capacity::Spot => {
            let Some(prices) = history.prices.get(&environment.name) else { return Vec::new() };
            let places = market.pools.iter().filter_map(|quote| {
                let prices = prices.get(&quote.pool)?;
                let (first, _) = prices.points().first()?;
                let fits = kind.resources.fits(&quote.shape);
                Some(Place {
                    pool: Some(quote.pool.clone()),
                    prices: Arc::clone(prices),
                    share: kind.resources.share_of(&quote.shape).filter(|_| fits)?,
                    usable_from: first.as_millisecond(),
                })
            });
            places.collect()
        }
    }
}

/// The pools of each interruptible environment that is used.
pub(super) fn pools_of(history: &History) -> BTreeMap<EnvironmentName, Vec<Pool>> {
    let used = history.kinds.iter().flat_map(|kind| &kind.environments);
    let pools = |environment: &Arc<Environment>| match environment.capacity {
        Capacity::FargateSpot => Some(vec![fargate_pool()]),
        Capacity::Spot => {
            Some(history.prices.get(&environment.name)?.keys().cloned().collect::<Vec<_>>())
        }
        Capacity::OnDemand | Capacity::Fargate => None,
    };
    used.filter_map(|it| Some((it.name.clone(), pools(it)?))).collect()
}

/// The market as decisions of a step see it: prices of its beginning, confirmed until its end, because the
/// daemon would have looked often enough for none to be stale.
pub(super) fn market_of(history: &History, begins: i64, step_millis: i64) -> Market {
    let (begins, ends) = (moment(begins), moment(begins.saturating_add(step_millis)));
    let environments = history.markets.iter().map(|(name, latest)| {
        let series = history.prices.get(name);
        let mut market = EnvironmentMarket { unusable: None, ..latest.clone() };
        for quote in &mut market.pools {
            let price = series.and_then(|series| series.get(&quote.pool)?.at(begins));
            (quote.spot, quote.seen_at) = (price, price.map(|_| ends));
            // What is doubted today says nothing of that time.
            quote.jumped_from = None;
            quote.on_demand_seen_at = quote.on_demand.map(|_| ends);
        }
        if let Some(quote) = &mut market.fargate {
            quote.seen_at = ends;
        }
        (name.clone(), Arc::new(market))
    });
    Market { environments: environments.collect(), refreshed_at: Some(begins) }
}
