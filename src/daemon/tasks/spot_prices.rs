//! Spot prices: every few minutes the change points since the last look, merged into the desk and
//! archived beyond AWS's 90 days.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::daemon::desk::{HISTORY_REACH, regions};
use crate::daemon::{Activation, FirstLook, Shared, Task, TaskError};
use crate::domain::{EnvironmentName, InstanceType, Region, Window};
use crate::market::EnvironmentMarket;
use crate::ports::{Activator, Write};

/// AWS publishes change points a little late: each look reaches back so far behind the last.
const OVERLAP: SignedDuration = SignedDuration::from_mins(30);
/// The first look of a new archive.
const FIRST_REACH: SignedDuration = SignedDuration::from_hours(24);
/// Quotes are written for the verbs that read when they change, and at least so often.
const WRITE_AT_LEAST: SignedDuration = SignedDuration::from_mins(15);

pub struct SpotPrices {
    shared: Arc<Shared>,
    /// Types of the last look: new ones need the longer reach.
    asked: BTreeMap<Region, Vec<InstanceType>>,
    written: BTreeMap<EnvironmentName, (EnvironmentMarket, Timestamp)>,
}

impl SpotPrices {
    pub fn new(shared: Arc<Shared>) -> Self {
        SpotPrices { shared, asked: BTreeMap::new(), written: BTreeMap::new() }
    }

    async fn refresh(&mut self, region: &Region, now: Timestamp) -> Result<bool, TaskError> {
        let shared = &self.shared;
        let catalogue = shared.catalogue.load_full();
        let types = shared.desk.types_in(&catalogue, region, true);
        if types.is_empty() {
            return Ok(false);
        }
        let same_types = self.asked.get(region) == Some(&types);
        let earliest = now - HISTORY_REACH;
        let since = match shared.desk.spot_complete_until(region) {
            Some(until) if same_types => until - OVERLAP,
            _ => now - FIRST_REACH,
        };
        let window = Window::new(since.max(earliest), now);
        let points = shared.cloud.spot_prices.spot_prices(region, &types, window).await?;
        shared.book.store().commit(vec![Write::PricePoints(points.clone())]).await?;
        self.asked.insert(region.clone(), types);
        Ok(shared.desk.take_spot(region, points, now, now))
    }

    /// Leaves the environments' quotes for the verbs that read.
    async fn write_quotes(&mut self, now: Timestamp) -> Result<(), TaskError> {
        let market = self.shared.market.load_full();
        let mut writes = Vec::new();
        for (name, quotes) in &market.environments {
            let fresh = self.written.get(name).is_some_and(|(before, at)| {
                now.duration_since(*at) < WRITE_AT_LEAST && same_prices(before, quotes)
            });
            if !fresh {
                let quotes = EnvironmentMarket::clone(quotes);
                self.written.insert(name.clone(), (quotes.clone(), now));
                writes.push(Write::EnvironmentMarket(quotes));
            }
        }
        if !writes.is_empty() {
            self.shared.book.store().commit(writes).await?;
        }
        Ok(())
    }
}

fn same_prices(a: &EnvironmentMarket, b: &EnvironmentMarket) -> bool {
    a.unusable == b.unusable
        && a.pools.len() == b.pools.len()
        && a.pools
            .iter()
            .zip(&b.pools)
            .all(|(a, b)| a.pool == b.pool && a.spot == b.spot && a.on_demand == b.on_demand)
}

#[async_trait]
impl Task for SpotPrices {
    fn name(&self) -> &'static str {
        "spot-prices"
    }

    fn period(&self) -> SignedDuration {
        self.shared.settings.periods.spot_prices
    }

    fn bell(&self) -> Activator {
        self.shared.bells.spot_prices.clone()
    }

    async fn activate(&mut self, now: Timestamp) -> Result<Activation, TaskError> {
        let complete = self.shared.environments_are_known();
        let mut failure = None;
        for region in regions(&self.shared.catalogue.load_full()) {
            if let Err(error) = self.refresh(&region, now).await {
                failure = Some(error);
            }
        }
        self.shared.refresh_market(now);
        if complete && failure.is_none() {
            self.shared.note_look(FirstLook::SpotPrices);
        }
        self.write_quotes(now).await?;
        self.shared.bells.settle.ring();
        match failure {
            Some(error) => Err(error),
            None => Ok(Activation::default()),
        }
    }
}
