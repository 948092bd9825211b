//! The simulated account as a whole, and how it moves on in time.

use std::collections::{BTreeMap, VecDeque};

use crate::domain::{InstanceId, Zone};

use super::agenda::{Agenda, Event};
use super::bill::Usage;
use super::definitions::DefinitionBook;
use super::environment::{Environment, EnvironmentIx, Queue};
use super::faults::FaultInjector;
use super::fleet::{Fleet, InstanceState};
use super::instant::{DAY, Millis, SECOND, millis, timestamp, whole_second};
use super::job::{JobBook, QueueIx};
use super::market::{PoolIx, SpotMarket};
use super::random::{Seed, happens};
use super::scenario::Scenario;
use super::submit::SubmittedJob;
use super::tasks::TaskBook;
use super::workload::Workload;

/// From the notice to the reclaim.
const NOTICE: Millis = 120 * SECOND;

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) now: Millis,
    pub(crate) seed: Seed,
    pub(crate) scenario: Scenario,
    pub(crate) market: SpotMarket,
    pub(crate) agenda: Agenda,
    pub(crate) environments: Vec<Environment>,
    pub(crate) queues: Vec<Queue>,
    pub(crate) definitions: DefinitionBook,
    pub(crate) jobs: JobBook,
    pub(crate) fleet: Fleet,
    pub(crate) tasks: TaskBook,
    pub(crate) workload: Workload,
    pub(crate) faults: FaultInjector,
    pub(crate) usages: Vec<Usage>,
    /// What SubmitJob accepted, newest last.
    pub(crate) submitted: VecDeque<SubmittedJob>,
    pub(crate) submitted_limit: usize,
    pub(crate) submissions: u64,
    /// Since when list prices hold.
    pub(crate) list_prices_from: Millis,
    /// What placement scores were asked for, and when last.
    pub(crate) scored_configurations: BTreeMap<String, Millis>,
}

impl State {
    /// The account at `now`, its market already `history_days` old.
    pub(crate) fn new(scenario: Scenario, seed: u64, now: Millis) -> State {
        let seed = Seed(seed);
        let begin =
            now.div_euclid(SECOND) * SECOND - Millis::from(scenario.market.history_days) * DAY;
        let market = SpotMarket::new(&scenario, seed, begin);
        let environments: Vec<_> = scenario
            .compute_environments
            .iter()
            .map(|spec| Environment::new(spec, &scenario, &market, seed))
            .collect();
        let (region, account) = (&scenario.region, &scenario.account_id);
        let queue = |spec: &super::scenario::QueueSpec| {
            let arn = format!("arn:aws:batch:{region}:{account}:job-queue/{}", spec.name);
            Queue::new(spec, arn, &environments)
        };
        let queues: Vec<_> = scenario.queues.iter().map(queue).collect();
        let dated = super::instance_types::LIST_PRICE_DATE.parse().map_or(now, millis);
        let mut state = State {
            now: begin,
            seed,
            market,
            agenda: Agenda::default(),
            environments,
            queues,
            definitions: DefinitionBook::of(&scenario),
            jobs: JobBook::default(),
            fleet: Fleet::default(),
            tasks: TaskBook::default(),
            workload: Workload::new(seed),
            faults: FaultInjector::new(seed),
            usages: Vec::new(),
            submitted: VecDeque::new(),
            submitted_limit: usize::MAX,
            submissions: 0,
            // A simulation of the past must have list prices, too.
            list_prices_from: dated.min((begin - 90 * DAY).div_euclid(DAY) * DAY),
            scored_configurations: BTreeMap::new(),
            scenario,
        };
        for (ix, queue) in state.queues.iter().enumerate() {
            for environment in &queue.environments {
                state.environments[*environment].queues.push(ix);
            }
        }
        state.plan_market();
        state.advance(now);
        state
    }

    fn plan_market(&mut self) {
        for ix in self.market.indices() {
            let begin = self.now;
            let pool = self.market.pool_mut(ix);
            if let Some(at) = pool.plan_phase_end(begin) {
                self.agenda.plan(at, Event::PoolPhase(ix, 0));
            }
            if let Some(at) = pool.plan_price_change(begin) {
                self.agenda.plan(at, Event::PoolPrice(ix));
            }
            if let Some(at) = pool.first_price_after(begin) {
                self.agenda.plan(at, Event::PoolPriced(ix));
            }
        }
    }

    /// Lets everything happen that is due up to `to`. Time never goes back.
    pub(crate) fn advance(&mut self, to: Millis) {
        while let Some((at, event)) = self.agenda.pop_due(to) {
            self.now = self.now.max(at);
            self.happen(event);
        }
        self.now = self.now.max(to);
        self.forget();
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::PoolPhase(ix, generation) => {
                if self.market.pool(ix).generation == generation {
                    self.turn_pool(ix);
                }
            }
            Event::PoolPrice(ix) => {
                let pool = self.market.pool_mut(ix);
                pool.change_price(self.now);
                if let Some(at) = pool.plan_price_change(self.now) {
                    self.agenda.plan(at, Event::PoolPrice(ix));
                }
            }
            Event::PoolPriced(ix) => self.schedule_users_of(ix),
            Event::JobAdmitted(job) => self.admit(job),
            Event::DependencyEnded(job, awaited, succeeded) => {
                self.dependency_ended(job, awaited, succeeded);
            }
            Event::ContainerStarts(job, generation) => self.container_starts(job, generation),
            Event::AttemptEnds(job, generation, ending) => {
                self.attempt_ends(job, generation, ending);
            }
            Event::InstanceLaunches(instance) => self.launch(instance),
            Event::InstanceJoins(instance) => self.join(instance),
            Event::InstanceIdle(instance, uses) => self.end_idle(instance, uses),
            Event::InstanceReclaimed(instance) => self.reclaim(instance),
            Event::TaskReclaimed(task) => self.reclaim_task(task),
            Event::TimeLimitReached(queue, job) => self.time_limit_reached(queue, job),
            Event::EnvironmentSettles(environment) => self.environment_settles(environment),
            Event::QueueSettles(queue) => self.queue_settles(queue),
        }
    }

    /// A pool loses or regains its capacity, and the next turn is planned.
    fn turn_pool(&mut self, ix: PoolIx) {
        let now = self.now;
        let pool = self.market.pool_mut(ix);
        pool.set_up(!pool.up, now);
        pool.generation += 1;
        let (up, generation) = (pool.up, pool.generation);
        if let Some(at) = pool.plan_phase_end(now) {
            self.agenda.plan(at, Event::PoolPhase(ix, generation));
        }
        if up {
            self.schedule_users_of(ix);
        } else {
            self.strike(ix);
        }
    }

    /// Takes a pool's capacity away at the next whole second, and gives it back at `until`.
    pub(crate) fn crunch(&mut self, ix: PoolIx, until: Millis) {
        let at = whole_second(self.now);
        let pool = self.market.pool_mut(ix);
        pool.generation += 1;
        if pool.up {
            pool.set_up(false, at);
            self.strike(ix);
        }
        let generation = self.market.pool(ix).generation;
        self.agenda.plan(whole_second(until).max(at + SECOND), Event::PoolPhase(ix, generation));
    }

    /// Everything that runs in a pool without capacity is reclaimed, most of it with notice.
    fn strike(&mut self, ix: PoolIx) {
        let at = whole_second(self.now);
        let mut rng = self.seed.stream("notice", &format!("{ix}@{at}"));
        let share = self.scenario.market.notice_share;
        for environment in 0..self.environments.len() {
            for key in self.environments[environment].instances.clone() {
                if self.is_struck(key, ix) {
                    let noticed = happens(&mut rng, share);
                    self.drain(key);
                    let end = if noticed { at + NOTICE } else { at };
                    self.agenda.plan(end, Event::InstanceReclaimed(key));
                }
            }
            let tasks: Vec<_> = self.environments[environment].tasks.iter().copied().collect();
            for key in tasks {
                if let Some(task) = self.tasks.get_mut(key).filter(|task| task.pool == Some(ix)) {
                    task.noticed = true;
                    self.agenda.plan(at + NOTICE, Event::TaskReclaimed(key));
                }
            }
        }
        self.schedule_users_of(ix);
    }

    /// EC2's notice that it takes an instance back; it is gone `notice` later.
    pub(crate) fn give_notice(&mut self, id: &InstanceId, notice: Millis) -> bool {
        let Some(key) = self.fleet.find_key(id) else { return false };
        let runs = self.fleet.get(key).is_some_and(|instance| {
            let alive = matches!(instance.state, InstanceState::Booting | InstanceState::Joined);
            instance.pool.is_some() && alive
        });
        if runs {
            self.drain(key);
            self.agenda.plan(whole_second(self.now + notice), Event::InstanceReclaimed(key));
        }
        runs
    }

    fn is_struck(&self, key: super::fleet::InstanceKey, ix: PoolIx) -> bool {
        self.fleet.get(key).is_some_and(|instance| {
            let alive = matches!(instance.state, InstanceState::Booting | InstanceState::Joined);
            instance.pool == Some(ix) && alive
        })
    }

    fn schedule_users_of(&mut self, ix: PoolIx) {
        for environment in 0..self.environments.len() {
            let users = &self.environments[environment];
            let launches = |option: &super::environment::LaunchOption| {
                option.pool.as_ref().is_some_and(|(pool, _)| *pool == ix)
            };
            if users.task_pools.contains(&ix) || users.options.iter().any(launches) {
                self.schedule_environment(environment);
            }
        }
    }

    pub(crate) fn schedule_environment(&mut self, environment: EnvironmentIx) {
        for queue in self.environments[environment].queues.clone() {
            self.schedule(queue);
        }
    }

    /// What AWS no longer shows.
    fn forget(&mut self) {
        let timing = &self.scenario.timing;
        let jobs_before = self.now - Millis::from(timing.job_retention_secs) * SECOND;
        let others_before = self.now - Millis::from(timing.instance_retention_secs) * SECOND;
        while let Some(saved) = self.jobs.forget_one(jobs_before) {
            for key in saved {
                self.workload.forget(&key, jobs_before);
            }
        }
        self.fleet.forget(others_before);
        self.tasks.forget(others_before);
    }

    /// By name or ARN.
    pub(crate) fn find_queue(&self, queue: &str) -> Option<QueueIx> {
        let matches = |q: &Queue| !q.deleted && (q.spec.name == queue || q.arn == queue);
        self.queues.iter().position(matches)
    }

    pub(crate) fn zone_of(&self, environment: EnvironmentIx, zone: usize) -> Zone {
        // Validated scenarios have at least one zone.
        let zones = &self.environments[environment].zones;
        zones.get(zone).cloned().unwrap_or_else(|| Zone::from(self.scenario.region.as_str()))
    }

    pub(crate) fn now_timestamp(&self) -> jiff::Timestamp {
        timestamp(self.now)
    }
}
