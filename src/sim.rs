//! The simulated cloud: AWS Batch, ECS, EC2 and the Price List of one account and region, with a
//! seeded spot market. It moves only when it is called: every call first lets everything happen
//! that is due by the clock, in time order, so that the same seed and the same calls give the same
//! answers to the byte. No threads, no timers, nothing to await.

mod agenda;
mod bill;
mod bill_files;
mod change;
mod definitions;
mod dependencies;
mod echo;
mod environment;
mod faults;
mod fleet;
mod hosts;
mod iam;
mod instance_types;
mod instant;
mod job;
mod lifecycle;
mod market;
mod network;
mod openings;
mod placement;
mod places;
mod positions;
mod random;
mod retry;
mod scenario;
mod service;
mod state;
mod stops;
mod strategy;
mod submit;
mod tasks;
mod time_limit;
mod waiting;
pub mod wire;
mod workload;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::clock::Clock;
use crate::domain::{InstanceFacts, InstanceId, Pool, UsdPerHour};

pub use bill::{Bill, BillLine};
pub use faults::{Fault, Faults, Operation, ScriptedFault};
pub use instance_types::{InstanceOffer, LIST_PRICE_DATE, expand, offer, offers};
pub use job::JobLife;
pub use market::MarketQuote;
pub use market::hazard::{AGE_BUCKETS, DOWN_TO_UP, UP_TO_DOWN};
pub use scenario::{
    AccountSpec, DefinitionSpec, EnvironmentSpec, MarketSettings, PriceMode, QueueSpec,
    ReplaySummary, RoleSpec, Scenario, ScenarioError, Timing,
};
pub use submit::SubmittedJob;

use instant::{millis, timestamp};
use state::State;

/// A simulated account. Clones are the same account.
#[derive(Clone)]
pub struct SimCloud {
    state: Arc<Mutex<State>>,
    clock: Arc<dyn Clock>,
}

impl SimCloud {
    /// The account of `scenario` at the clock's time. Fails if the scenario does not hold together.
    pub fn new(
        scenario: Scenario,
        seed: u64,
        clock: Arc<dyn Clock>,
    ) -> Result<SimCloud, ScenarioError> {
        scenario.validate()?;
        let state = State::new(scenario, seed, millis(clock.now()));
        Ok(SimCloud { state: Arc::new(Mutex::new(state)), clock })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the scenario lets go wrong on the wire.
    fn mishaps(&self) -> Vec<wire::MishapRule> {
        self.lock().scenario.mishaps.clone()
    }

    fn account_id(&self) -> String {
        self.lock().scenario.account_id.clone()
    }

    /// Its roles that can be assumed.
    fn roles(&self) -> Vec<RoleSpec> {
        self.lock().scenario.roles.clone()
    }

    /// The accounts that its scenario puts beside it, on the same clock, each with a chance of its
    /// own.
    pub fn further_accounts(&self) -> Result<Vec<SimCloud>, ScenarioError> {
        let further = self.lock().scenario.further_accounts();
        let seeds = (1..).map(|n| self.seed().wrapping_add(n));
        let clouds = further.into_iter().zip(seeds);
        clouds.map(|(scenario, seed)| SimCloud::new(scenario, seed, self.clock.clone())).collect()
    }

    /// What its chance is drawn from.
    pub fn seed(&self) -> u64 {
        self.lock().seed.0
    }

    /// The account at the clock's time.
    fn at_now(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        state.advance(millis(self.clock.now()));
        state
    }

    /// Lets everything happen up to `to`, also past the clock: time is then `to` until the clock
    /// has caught up.
    pub fn advance_to(&self, to: Timestamp) {
        self.lock().advance(millis(to));
    }

    /// When something happens next; `None` when nothing is planned.
    pub fn next_event_at(&self) -> Option<Timestamp> {
        self.lock().agenda.next_at().map(timestamp)
    }

    /// What the account is billed up to `until`; what runs then is billed in open lines.
    pub fn bill(&self, until: Timestamp) -> Bill {
        let state = self.at_now();
        bill::bill(&state.usages, &state.market, state.scenario.market.price_mode, until)
    }

    /// The bill of its Spot Instances up to `until`, as the spot data feed tells it.
    pub fn data_feed(&self, until: Timestamp) -> String {
        bill_files::data_feed(&self.at_now(), until)
    }

    /// The bill up to `until`, an hour, as a Cost and Usage Report in CSV tells it.
    pub fn cost_and_usage_report(&self, until: Timestamp) -> String {
        bill_files::report(&self.at_now(), until)
    }

    /// Replaces the faults; calls are counted anew.
    pub fn set_faults(&self, faults: Faults) {
        self.lock().faults.set(faults);
    }

    /// SubmitJob refuses definitions that are not known from now on.
    pub(crate) fn refuse_unknown_definitions(&self) {
        self.lock().scenario.refuse_unknown_definitions = true;
    }

    /// How often each operation was called since the faults were last set.
    pub fn calls(&self) -> std::collections::BTreeMap<Operation, u64> {
        self.lock().faults.calls()
    }

    /// Everything that SubmitJob accepted, oldest first, whatever the caller was told.
    pub fn submissions(&self) -> Vec<SubmittedJob> {
        self.lock().submitted.iter().cloned().collect()
    }

    /// Every job that Batch remembers, oldest first, without array children: from when to when it
    /// lived, whatever was shown of it.
    pub fn lives(&self) -> Vec<JobLife> {
        let state = self.at_now();
        state.jobs.lives()
    }

    /// Keeps only the newest `limit` submissions in memory.
    pub fn keep_submissions(&self, limit: usize) {
        self.lock().submitted_limit = limit;
    }

    /// How many submissions were accepted in all.
    pub fn submission_count(&self) -> u64 {
        self.lock().submissions
    }

    /// Spot Instances that are launched and not ended, oldest first.
    pub fn running_spot_instances(&self) -> Vec<InstanceFacts> {
        let mut running = self.running_instances();
        running.retain(|facts| facts.lifecycle == crate::domain::Lifecycle::Spot);
        running
    }

    /// Instances that are launched and not ended, by environment, oldest first.
    pub fn running_instances(&self) -> Vec<InstanceFacts> {
        let state = self.at_now();
        let keys = state.environments.iter().flat_map(|environment| &environment.instances);
        let instances = keys.filter_map(|key| state.fleet.get(*key));
        let launched = instances.filter(|i| i.state != fleet::InstanceState::Requested);
        launched.map(|instance| instance.facts(&state.scenario.region, state.now)).collect()
    }

    /// Every spot pool with its price and whether it has capacity.
    pub fn market_quotes(&self) -> Vec<MarketQuote> {
        let state = self.at_now();
        state.market.quotes(state.now)
    }

    /// Takes a spot pool's capacity away for `duration`, and with it the instances there. `false`
    /// when no environment uses the pool.
    pub fn crunch(&self, pool: &Pool, duration: SignedDuration) -> bool {
        let mut state = self.at_now();
        let Some(ix) = state.market.find(pool) else { return false };
        let until = state.now.saturating_add(duration.as_millis() as i64);
        state.crunch(ix, until);
        true
    }

    /// Takes every spot pool's capacity away for `duration`.
    pub fn crunch_all(&self, duration: SignedDuration) {
        let mut state = self.at_now();
        let until = state.now.saturating_add(duration.as_millis() as i64);
        for ix in state.market.indices() {
            state.crunch(ix, until);
        }
    }

    /// EC2 takes one spot instance back, `notice` after having said so. `false` when it is none that
    /// runs.
    pub fn reclaim(&self, instance: &InstanceId, notice: SignedDuration) -> bool {
        let mut state = self.at_now();
        let notice = notice.as_millis().max(0) as i64;
        state.give_notice(instance, notice)
    }

    /// Sets a spot pool's price from now on. `false` when no environment uses the pool, or its
    /// prices are recorded beyond now.
    pub fn set_price(&self, pool: &Pool, price: UsdPerHour) -> bool {
        let mut state = self.at_now();
        let (Some(ix), now) = (state.market.find(pool), state.now) else { return false };
        state.market.pool_mut(ix).set_price(price.units(), now)
    }

    /// How jobs of a definition behave from now on; those that run already go on as they began.
    pub fn set_definition(&self, definition: DefinitionSpec) {
        let definitions = &mut self.lock().scenario.definitions;
        definitions.retain(|known| known.name != definition.name);
        definitions.push(definition);
    }

    /// How many jobs and instances the account remembers: bounded by AWS's retention.
    pub fn remembered(&self) -> (usize, usize) {
        let state = self.at_now();
        (state.jobs.len(), state.fleet.len())
    }
}

impl fmt::Debug for SimCloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimCloud")
            .field("now", &self.lock().now_timestamp())
            .finish_non_exhaustive()
    }
}
