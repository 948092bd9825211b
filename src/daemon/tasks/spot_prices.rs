//! Spot prices: every few minutes the change points since the last look, merged into the desk and
//! archived beyond AWS's 90 days.

mod doubts;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use self::doubts::Doubts;
use crate::catalogue::Environment;
use crate::daemon::desk::{HISTORY_REACH, sites};
use crate::daemon::{Activation, FirstLook, Shared, Task, TaskError};
use crate::domain::{EnvironmentName, InstanceType, Site, Window};
use crate::market::{EnvironmentMarket, PriceCoverage};
use crate::ports::{Activator, Write};

/// AWS publishes change points a little late: each look reaches back so far behind the last.
const OVERLAP: SignedDuration = SignedDuration::from_mins(30);
/// The first look at a type.
const FIRST_REACH: SignedDuration = SignedDuration::from_hours(24);
/// Quotes are written for the verbs that read when they change, and at least so often.
const WRITE_AT_LEAST: SignedDuration = SignedDuration::from_mins(15);

pub struct SpotPrices {
    shared: Arc<Shared>,
    doubts: Doubts,
    written: BTreeMap<EnvironmentName, (EnvironmentMarket, Timestamp)>,
}

impl SpotPrices {
    pub fn new(shared: Arc<Shared>) -> Self {
        SpotPrices { shared, doubts: Doubts::default(), written: BTreeMap::new() }
    }

    /// What to ask for in a place: types, by the time from which their prices are missing. Almost
    /// always that is one group; a new type, or one of whose prices the ledger still needs some, is
    /// in another.
    fn wanted(&self, site: &Site, now: Timestamp) -> BTreeMap<Timestamp, Vec<InstanceType>> {
        let shared = &self.shared;
        let mut needed_since: BTreeMap<InstanceType, Option<Timestamp>> = BTreeMap::new();
        for instance_type in self.types_in_use(site) {
            needed_since.insert(instance_type, None);
        }
        for ((_, instance_type), since) in
            shared.awaited_prices().iter().filter(|((there, _), _)| there == site)
        {
            needed_since.insert(instance_type.clone(), Some(*since));
        }
        let place = site.account_region();
        let earliest = now - HISTORY_REACH;
        let mut groups: BTreeMap<Timestamp, Vec<InstanceType>> = BTreeMap::new();
        for (instance_type, needed) in needed_since {
            let since = match shared.desk.spot_complete_until(&place, &instance_type) {
                Some(until) => until - OVERLAP,
                None => needed.unwrap_or(now).min(now - FIRST_REACH),
            };
            groups.entry(since.max(earliest)).or_default().push(instance_type);
        }
        groups
    }

    /// Every group, also when one fails. What only the ledger still waits for fails quietly: its
    /// attempts are counted as unpriced, and a place that nobody uses any more may well be closed.
    async fn refresh(&self, site: &Site, now: Timestamp) -> Result<(), TaskError> {
        let in_use = self.types_in_use(site);
        let mut outcome = Ok(());
        for (since, types) in self.wanted(site, now) {
            let is_used = types.iter().any(|wanted| in_use.contains(wanted));
            match self.refresh_group(site, since, types, now).await {
                Err(error) if is_used => outcome = Err(error),
                Err(error) => {
                    tracing::debug!(%site, %error, "prices that the ledger waits for failed");
                }
                Ok(()) => {}
            }
        }
        outcome
    }

    async fn refresh_group(
        &self,
        site: &Site,
        since: Timestamp,
        types: Vec<InstanceType>,
        now: Timestamp,
    ) -> Result<(), TaskError> {
        let shared = &self.shared;
        let window = Window::new(since, now);
        let points = shared.cloud.spot_prices.spot_prices(site, &types, window).await?;
        let place = site.account_region();
        let coverage: Vec<PriceCoverage> = types
            .into_iter()
            .map(|instance_type| PriceCoverage {
                place: place.clone(),
                instance_type,
                complete_until: now,
            })
            .collect();
        let mut writes = vec![Write::PricePoints(place.clone(), points.clone())];
        writes.extend(coverage.iter().cloned().map(Write::PriceCoverage));
        shared.book.store().commit(writes).await?;
        shared.desk.take_spot(&place, points, now);
        coverage.iter().for_each(|coverage| shared.desk.note_coverage(coverage));
        Ok(())
    }

    /// Every place of the catalogue, and those whose prices the ledger still waits for.
    fn sites(&self) -> BTreeSet<Site> {
        let awaited = self.shared.awaited_prices();
        let awaited = awaited.keys().map(|(site, _)| site.clone());
        sites(&self.shared.catalogue.load()).into_iter().chain(awaited).collect()
    }

    /// Types behind the place's interruptible environments.
    fn types_in_use(&self, site: &Site) -> Vec<InstanceType> {
        let here = |e: &Environment| e.site == *site && e.capacity.is_interruptible();
        self.shared.desk.types_behind(&self.shared.catalogue.load(), here)
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
        && a.pools.iter().zip(&b.pools).all(|(a, b)| {
            a.pool == b.pool
                && a.spot == b.spot
                && a.jumped_from == b.jumped_from
                && a.on_demand == b.on_demand
        })
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
        for site in self.sites() {
            if let Err(error) = self.refresh(&site, now).await {
                failure = Some(error.over(failure));
            }
        }
        self.shared.refresh_market(now);
        self.doubts.log(&self.shared.market.load());
        // Where the role is refused nothing will be seen for long, and nothing is decided meanwhile.
        if complete && failure.as_ref().is_none_or(TaskError::is_role_refused) {
            self.shared.note_look(FirstLook::SpotPrices);
        }
        self.write_quotes(now).await?;
        self.shared.bells.settle.ring();
        self.shared.bells.dispatch.ring();
        match failure {
            Some(error) => Err(error),
            None => Ok(Activation::default()),
        }
    }
}
