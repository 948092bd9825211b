//! What the store knows that decisions are asked with.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::error::CliError;
use crate::catalogue::{Catalogue, Environment};
use crate::control::Controls;
use crate::decision::advice::{Seen, Work, advise};
use crate::doctor::Advised;
use crate::domain::{EnvironmentName, Usd};
use crate::experience::durations::{Durations, Lengths};
use crate::experience::{Experience, InFlight, SpotAdvisor};
use crate::market::{EnvironmentMarket, Market};
use crate::ports::Store;
use crate::run::{Around, InUse, Run, in_flight};

/// What the store knows.
#[derive(Default)]
pub(super) struct Known {
    pub market: Market,
    pub experience: Experience,
    pub durations: Durations,
    pub controls: Controls,
    /// Runs that have not ended.
    pub open: Vec<Run>,
}

impl Known {
    pub async fn read(store: &dyn Store) -> Result<Self, CliError> {
        Ok(Known {
            market: market_of(store).await?,
            experience: store.experience().await?,
            durations: Durations { jobs: store.durations().await? },
            controls: store.controls().await?,
            open: store.open_runs().await?,
        })
    }

    pub fn set_spot_advisor(&mut self, advisor: Option<&SpotAdvisor>) {
        if let Some(advisor) = advisor {
            Arc::make_mut(&mut self.experience.hazards).advise(Arc::new(advisor.clone()));
        }
    }

    /// What a question about one run is asked with, besides what it has cost and what somebody asked for.
    pub fn around<'a>(
        &'a self,
        all: &'a AllRuns,
        lengths: Lengths,
        cooldown: SignedDuration,
        now: Timestamp,
    ) -> Around<'a> {
        Around {
            market: &self.market,
            experience: &self.experience,
            in_flight: &all.in_flight,
            in_use: Some(&all.in_use),
            forced: None,
            spent: Usd::ZERO,
            lengths,
            cooldown,
            now,
        }
    }

    /// What advice looks at.
    pub fn seen<'a>(&'a self, catalogue: &'a Catalogue, now: Timestamp) -> Seen<'a> {
        Seen { catalogue, market: &self.market, experience: &self.experience, now }
    }

    /// Advice on every environment of the catalogue, for the longest work that may go there.
    pub fn advice(
        &self,
        catalogue: &Catalogue,
        now: Timestamp,
    ) -> BTreeMap<EnvironmentName, Vec<Advised>> {
        let of_one = |environment: &Environment| {
            let (job, work) = Work::longest(catalogue, environment, &self.durations)?;
            let advice = advise(&self.seen(catalogue, now), environment, &work).into_iter();
            let advised = advice.map(|advice| Advised { job: job.name.clone(), advice });
            Some((environment.name.clone(), advised.collect()))
        };
        catalogue.environments.values().filter_map(|environment| of_one(environment)).collect()
    }
}

/// What all open runs together have under way.
pub(super) struct AllRuns {
    pub in_use: InUse,
    pub in_flight: InFlight,
}

impl AllRuns {
    pub fn of(open: &[Run], experience: &Experience, catalogue: &Catalogue) -> AllRuns {
        AllRuns {
            in_use: InUse::of(catalogue, open),
            in_flight: in_flight(open, |name| experience.has_tripped(name)),
        }
    }
}

/// The market as the store last saw it; refreshed when its newest price was seen.
async fn market_of(store: &dyn Store) -> Result<Market, CliError> {
    let environments = store.environment_markets().await?;
    let refreshed_at = newest_price(&environments);
    let environments = environments.into_iter().map(|(name, market)| (name, Arc::new(market)));
    Ok(Market { environments: environments.collect(), refreshed_at })
}

/// When a price of `markets` was last seen.
pub(super) fn newest_price(
    markets: &BTreeMap<EnvironmentName, EnvironmentMarket>,
) -> Option<Timestamp> {
    let seen = markets.values().flat_map(|market| {
        let pools = market.pools.iter();
        let pools = pools.flat_map(|pool| pool.seen_at.into_iter().chain(pool.on_demand_seen_at));
        pools.chain(market.fargate.as_ref().map(|price| price.seen_at))
    });
    seen.max()
}
