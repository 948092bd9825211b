//! What is the same in every world, made once: the markets that decisions see, where each kind of run may
//! go, and how each run begins.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::SignedDuration;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use super::availability::{Availability, Launches};
use super::places::{Place, fargate_pool, market_of, places_of, pools_of};
use super::question::{Choice, Leg, choice_of};
use super::{Drawn, History, Kind, PastRun, Policy, Tally};
use crate::catalogue::{self, Class, Environment, Restart};
use crate::cost::PriceMode;
use crate::decision::Guard;
use crate::domain::{
    AccountRegion, EnvironmentName, LegCause, Pool, Resources, Usd, UsdPerHour, Window,
};
use crate::experience::{EnvironmentExperience, Experience, Level, Trips};
use crate::market::Market;
use crate::policy::Phase;
use crate::policy::lifetimes::PRIOR;

/// A kind of run, with all that its plays ask for.
#[derive(Debug)]
pub(super) struct Prepared {
    pub class: Arc<Class>,
    /// The class under the two policies of the daemon.
    pub fit_only: Class,
    pub model: Class,
    pub resources: Resources,
    pub environments: Vec<Arc<Environment>>,
    /// By environment; empty where capacity is not taken back.
    pub places: Vec<Vec<Place>>,
}

/// How a run begins, which is the same in every world.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opening {
    /// Milliseconds since 1970.
    decided_at: i64,
    /// The cheapest capacity that is not taken back.
    pub steady: Option<UsdPerHour>,
    /// That, or where the class has none, what its pools cost on demand.
    pub reference: UsdPerHour,
    /// The cheapest interruptible environment.
    pub cheapest: Option<usize>,
    pub fit_only: Choice,
    pub model: Choice,
}

/// A past that is ready to be played.
#[derive(Debug)]
pub struct Backtest {
    window: Window,
    pub(super) kinds: Vec<Prepared>,
    pub(super) runs: Vec<(PastRun, Opening)>,
    markets: Vec<Market>,
    step_millis: i64,
    pub(super) experience: Experience,
    pub(super) cooldown: SignedDuration,
    pub(super) price_mode: PriceMode,
    pub(super) free_first_hour: bool,
    /// Milliseconds since 1970; what is not done by then never is.
    pub(super) horizon: i64,
    /// Environments with pools that have a price: how to draw each.
    pools: BTreeMap<EnvironmentName, Vec<Pool>>,
    /// Whose zones they are: an account's region, by environment.
    sites: BTreeMap<EnvironmentName, AccountRegion>,
    /// Runs left out, because nothing says what they cost on demand.
    without_reference: usize,
}

/// Where launches go in one world: by kind, by environment.
#[derive(Debug, Clone)]
pub struct World(pub(super) Vec<Vec<Launches>>);

/// Decisions see the prices at the beginning of a step: an hour, or longer in long windows.
const STEP_MILLIS: i64 = 3_600_000;
const MOST_STEPS: i64 = 512;
/// Pools begin so long before the window, so that it begins in any phase.
const LEAD_MILLIS: i64 = 7 * 86_400_000;
/// How long runs may go on after the window.
const REST_MILLIS: i64 = 7 * 86_400_000;
const DAY_MILLIS: i64 = 86_400_000;

impl Backtest {
    /// Makes everything ready. Runs of which nothing says what they would cost on demand are left out and
    /// counted.
    pub fn prepare(history: History) -> Backtest {
        let (start, end) = (history.window.start, history.window.end);
        let step_millis = STEP_MILLIS.max(history.window.millis() / MOST_STEPS + 1);
        let steps = history.window.millis() / step_millis + 1;
        let markets = (0..steps)
            .map(|step| {
                market_of(&history, start.as_millisecond() + step * step_millis, step_millis)
            })
            .collect();
        let kinds = history.kinds.iter().map(|kind| prepared(&history, kind)).collect();
        let pools = pools_of(&history);
        let sites = history.kinds.iter().flat_map(|kind| &kind.environments);
        let sites =
            sites.map(|environment| (environment.name.clone(), environment.site.account_region()));
        let mut backtest = Backtest {
            window: history.window,
            kinds,
            runs: Vec::new(),
            markets,
            step_millis,
            experience: settled(history.experience),
            cooldown: history.cooldown,
            price_mode: history.price_mode,
            free_first_hour: history.free_first_hour,
            horizon: end.as_millisecond().saturating_add(REST_MILLIS),
            pools,
            sites: sites.collect(),
            without_reference: 0,
        };
        backtest.open(history.runs);
        backtest
    }

    /// Decides how each run begins, once for all that a decision cannot tell apart.
    fn open(&mut self, runs: Vec<PastRun>) {
        let mut known: HashMap<(usize, i64, Option<i64>), Option<Opening>> = HashMap::new();
        for run in runs {
            let at = run.at.as_millisecond();
            let step = self.step_of(at);
            let left = run.deadline_at.map(|deadline| deadline.as_millisecond() - at);
            let opening = *known
                .entry((run.kind, step, left))
                .or_insert_with(|| self.opening(&self.kinds[run.kind], at, &run));
            match opening {
                Some(opening) => self.runs.push((run, opening.moved(at))),
                None => self.without_reference += 1,
            }
        }
    }

    fn opening(&self, kind: &Prepared, at: i64, run: &PastRun) -> Option<Opening> {
        let ask = |class| {
            let leg = Leg {
                class,
                at,
                deadline: run.deadline_at.map(|deadline| deadline.as_millisecond()),
                cause: LegCause::Scheduled,
                legs: 0,
                progress_millis: 0,
                experience: &self.experience,
            };
            self.decision(kind, &leg)
        };
        let (fit_only, model) = (ask(&kind.fit_only), ask(&kind.model));
        let usable = |guard: &Guard| !matches!(guard, Guard::Unusable { .. } | Guard::DoesNotFit);
        let candidates = || model.candidates.iter().filter(|it| it.guards.iter().all(usable));
        let steady = candidates().filter(|it| !it.capacity.is_interruptible());
        let steady = steady.filter_map(|it| it.price).min();
        let reference = steady.or_else(|| candidates().filter_map(|it| it.on_demand).min())?;
        let spot =
            model.candidates.iter().enumerate().filter(|(index, it)| {
                it.guards.iter().all(usable) && !kind.places[*index].is_empty()
            });
        let cheapest = spot.filter_map(|(index, it)| Some((it.price?, index))).min();
        Some(Opening {
            decided_at: at,
            steady,
            reference,
            cheapest: cheapest.map(|(_, index)| index),
            fit_only: choice_of(kind, &fit_only, reference),
            model: choice_of(kind, &model, reference),
        })
    }

    /// The policies that are played: Uniform Progress only where some work is checkpointed, and what was done
    /// only where it is known of every run.
    pub fn policies(&self) -> Vec<Policy> {
        let lasting = |kind: &Prepared| kind.class.restart != Restart::FromZero;
        let mut policies = vec![
            Policy::OnDemand,
            Policy::SpotWithRetries,
            Policy::FitOnly,
            Policy::GreedyWithNet,
            Policy::UniformProgress,
            Policy::Model,
        ];
        policies
            .retain(|policy| *policy != Policy::UniformProgress || self.kinds.iter().any(lasting));
        if !self.runs.is_empty() && self.runs.iter().all(|(run, _)| run.done.is_some()) {
            policies.push(Policy::WhatWasDone);
        }
        policies
    }

    /// How many runs are played.
    pub fn runs(&self) -> usize {
        self.runs.len()
    }

    /// Runs left out, because nothing says what they cost on demand.
    pub fn without_reference(&self) -> usize {
        self.without_reference
    }

    /// Days of the window, a part of one counted whole.
    pub fn days(&self) -> usize {
        (self.window.millis().max(1) as usize).div_ceil(DAY_MILLIS as usize)
    }

    /// Of each interruptible environment: interruptions as a multiple of the prior's.
    pub fn risk_factors(&self) -> BTreeMap<EnvironmentName, f64> {
        self.pools.keys().map(|name| (name.clone(), self.risk_factor(name))).collect()
    }

    /// The mean over its pools.
    fn risk_factor(&self, environment: &EnvironmentName) -> f64 {
        let pools = self.pools.get(environment).map_or(&[][..], Vec::as_slice);
        let factors = pools.iter().map(|pool| self.level(environment, pool).factor.to_ratio());
        factors.sum::<f64>() / pools.len().max(1) as f64
    }

    /// How risky a pool is, as decisions reckon it.
    pub(super) fn level(&self, environment: &EnvironmentName, pool: &Pool) -> Level {
        let place = self.sites.get(environment).cloned();
        let place = place.unwrap_or_else(|| AccountRegion::from(""));
        self.experience.hazards.levels(&place).of_pool(pool)
    }

    /// World number `number` of this seed.
    pub fn draw(&self, seed: u64, number: u64) -> World {
        let from = self.window.start.as_millisecond() - LEAD_MILLIS;
        self.world(|environment, pool| {
            let factor = self.level(environment, pool).factor.to_ratio();
            let lifetimes = PRIOR.riskier(factor);
            let place = self.sites.get(environment).map(AccountRegion::to_string);
            let mut dice = stream(seed, number, &place.unwrap_or_default(), pool);
            Availability::drawn(&lifetimes, Phase::Up, from, self.horizon, &mut dice)
        })
    }

    /// A world whose pools are as `availability` says; Fargate Spot is a pool of no zone and type.
    pub fn world(&self, availability: impl Fn(&EnvironmentName, &Pool) -> Availability) -> World {
        let drawn: BTreeMap<&EnvironmentName, BTreeMap<&Pool, Availability>> = self
            .pools
            .iter()
            .map(|(name, pools)| {
                (name, pools.iter().map(|pool| (pool, availability(name, pool))).collect())
            })
            .collect();
        let fargate = fargate_pool();
        let launches = |kind: &Prepared| {
            let each = kind.environments.iter().zip(&kind.places);
            each.map(|(environment, places)| {
                let pools = drawn.get(&environment.name);
                let known = places.iter().filter_map(|place| {
                    let pool = place.pool.as_ref().unwrap_or(&fargate);
                    Some((pools?.get(pool)?, place.usable_from))
                });
                Launches::of(&known.collect::<Vec<_>>())
            })
            .collect()
        };
        World(self.kinds.iter().map(launches).collect())
    }

    /// Every policy in each of these worlds.
    pub fn play(&self, worlds: &[World]) -> Vec<Drawn> {
        let mut drawn = vec![Drawn(Vec::new()); worlds.len()];
        for policy in self.policies() {
            for (drawn, tally) in drawn.iter_mut().zip(self.play_under(policy, worlds)) {
                drawn.0.push(tally);
            }
        }
        drawn
    }

    /// One policy in each of these worlds. A run is played in all of them before the next one: runs of one
    /// time need the same tables of the decision model, of which few are kept.
    pub fn play_under(&self, policy: Policy, worlds: &[World]) -> Vec<Tally> {
        let start = self.window.start.as_millisecond();
        let mut tallies = vec![Tally::of_days(self.days()); worlds.len()];
        for (run, opening) in &self.runs {
            let day = ((run.at.as_millisecond() - start) / DAY_MILLIS).max(0) as usize;
            for (world, tally) in worlds.iter().zip(&mut tallies) {
                tally.add(day, self.play_run(world, run, opening, policy));
            }
        }
        tallies
    }

    fn step_of(&self, at: i64) -> i64 {
        let step = (at - self.window.start.as_millisecond()).div_euclid(self.step_millis);
        step.clamp(0, self.markets.len() as i64 - 1)
    }

    pub(super) fn market_at(&self, at: i64) -> &Market {
        &self.markets[self.step_of(at) as usize]
    }
}

impl Opening {
    /// The same for another run of its step and with as much time: its moments count from when that is due.
    fn moved(self, to: i64) -> Opening {
        let by = to - self.decided_at;
        let (fit_only, model) = (self.fit_only.moved(by), self.model.moved(by));
        Opening { decided_at: to, fit_only, model, ..self }
    }
}

/// One stream of chance for each pool of each world: the same pool of two environments has one fate.
fn stream(seed: u64, number: u64, place: &str, pool: &Pool) -> ChaCha8Rng {
    let mut hasher = Sha256::new();
    hasher.update(seed.to_be_bytes());
    hasher.update(number.to_be_bytes());
    for text in [place, pool.zone.as_str(), pool.instance_type.as_str()] {
        hasher.update(text.as_bytes());
        hasher.update([0]);
    }
    ChaCha8Rng::from_seed(hasher.finalize().into())
}

fn prepared(history: &History, kind: &Kind) -> Prepared {
    let under = |policy| Class { policy, ..Class::clone(&kind.class) };
    Prepared {
        fit_only: under(catalogue::Policy::FitOnly),
        model: under(catalogue::Policy::Model),
        class: Arc::clone(&kind.class),
        resources: kind.resources,
        places: kind.environments.iter().map(|it| places_of(history, kind, it)).collect(),
        environments: kind.environments.iter().map(|it| plain(it)).collect(),
    }
}

/// The environment without what is not played: what data cost there, and hours that are paid for.
fn plain(environment: &Environment) -> Arc<Environment> {
    Arc::new(Environment {
        covered: Vec::new(),
        data_cost: Usd::ZERO,
        ..Environment::clone(environment)
    })
}

/// What was learnt, without the troubles that were fresh at the end: each run only knows its own.
fn settled(experience: Experience) -> Experience {
    let environments = experience.environments.iter().map(|(name, seen)| {
        let seen = EnvironmentExperience {
            starved_at: None,
            last_trouble: None,
            troubles_in_a_row: 0,
            trips: Trips::default(),
            ..seen.clone()
        };
        (name.clone(), seen)
    });
    let choices = BTreeMap::new();
    Experience { environments: environments.collect(), choices, ..experience }
}
