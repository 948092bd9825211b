//! Compute environments and job queues that come, change and go while the account runs. Both are
//! indexed, so that a deleted one stays as a tombstone.

use crate::domain::{InstanceEnd, Pool};

use super::agenda::Event;
use super::environment::{Environment, EnvironmentIx, Queue};
use super::fleet::{Instance, InstanceState};
use super::job::{Placement, QueueIx};
use super::market::pools_of;
use super::scenario::{EnvironmentSpec, QueueSpec};
use super::state::State;

impl State {
    /// A compute environment by name or ARN.
    pub(crate) fn find_environment(&self, name: &str) -> Option<EnvironmentIx> {
        let matches = |e: &Environment| !e.deleted && (e.spec.name == name || e.arn == name);
        self.environments.iter().position(matches)
    }

    pub(crate) fn add_environment(&mut self, spec: &EnvironmentSpec) -> EnvironmentIx {
        self.open_pools_of(spec);
        let ix = self.environments.len();
        let mut made = Environment::new(spec, &self.scenario, &self.market, self.seed);
        // A name that was used before gets another cluster.
        let cluster = self.seed.uuid("cluster", &format!("{}#{ix}", spec.name));
        made.cluster = format!("AWSBatch-{}-{cluster}", spec.name);
        self.environments.push(made);
        ix
    }

    /// Takes an environment's changed `spec` and terms into account. What runs goes on; jobs that
    /// wait for an instance there wait again if the environment takes no more jobs.
    pub(crate) fn environment_changed(&mut self, ix: EnvironmentIx) {
        let spec = self.environments[ix].spec.clone();
        self.open_pools_of(&spec);
        self.environments[ix].refit(&self.scenario.zones, &self.market);
        if !self.environments[ix].is_usable() {
            for queue in self.environments[ix].queues.clone() {
                self.take_back_reservations(queue, &[ix]);
            }
        }
        self.schedule_environment(ix);
    }

    /// Deletes an environment that no queue has: idle instances end, the others when they are idle.
    pub(crate) fn delete_environment(&mut self, ix: EnvironmentIx) {
        let home = &mut self.environments[ix];
        home.deleted = true;
        home.terms.scale_down_delay = 0;
        for key in home.instances.clone() {
            let idle = |instance: &Instance| {
                instance.state == InstanceState::Joined && instance.jobs.is_empty()
            };
            if self.fleet.get(key).is_some_and(idle) {
                self.end_instance(key, InstanceEnd::Requested);
            }
        }
    }

    fn open_pools_of(&mut self, spec: &EnvironmentSpec) {
        if spec.capacity.is_interruptible() {
            self.open_pools(pools_of(spec, &self.scenario.zones));
        }
    }

    /// Makes sure that the market has these pools.
    pub(crate) fn open_pools(&mut self, pools: Vec<Pool>) {
        for pool in pools {
            let settings = &self.scenario.market;
            let Some(opened) = self.market.open(&pool, settings, self.seed, self.now) else {
                continue;
            };
            let generation = self.market.pool(opened.ix).generation;
            if let Some(at) = opened.phase_end {
                self.agenda.plan(at, Event::PoolPhase(opened.ix, generation));
            }
            if let Some(at) = opened.price_change {
                self.agenda.plan(at, Event::PoolPrice(opened.ix));
            }
        }
    }

    /// A queue that has no environments yet.
    pub(crate) fn add_queue(&mut self, spec: &QueueSpec) -> QueueIx {
        let (region, account) = (&self.scenario.region, &self.scenario.account_id);
        let arn = format!("arn:aws:batch:{region}:{account}:job-queue/{}", spec.name);
        self.queues.push(Queue::new(spec, arn, &self.environments));
        self.queues.len() - 1
    }

    /// Gives a queue its environments, and its waiting jobs another chance.
    pub(crate) fn attach(&mut self, queue: QueueIx, order: Vec<EnvironmentIx>) {
        let left: Vec<_> = self.queues[queue]
            .environments
            .iter()
            .copied()
            .filter(|ix| !order.contains(ix))
            .collect();
        self.take_back_reservations(queue, &left);
        for environment in &mut self.environments {
            environment.queues.retain(|listed| *listed != queue);
        }
        for ix in &order {
            self.environments[*ix].queues.push(queue);
        }
        self.queues[queue].environments = order;
        self.sort_queues();
        self.schedule(queue);
    }

    /// Queues of higher priority first (simulated-aws.md §1.5), of equal ones the older first.
    pub(crate) fn sort_queues(&mut self) {
        let queues = &self.queues;
        for environment in &mut self.environments {
            environment.queues.sort_by_key(|ix| (-queues[*ix].priority, *ix));
        }
    }

    /// Jobs of the queue with room set aside in one of `environments` wait again.
    fn take_back_reservations(&mut self, queue: QueueIx, environments: &[EnvironmentIx]) {
        let waiting: Vec<_> = self.queues[queue].waiting.all().values().copied().collect();
        for key in waiting {
            let Some(job) = self.jobs.get(key) else { continue };
            let Placement::Reserved(instance) = job.placement else { continue };
            let home = self.fleet.get(instance).map(|instance| instance.environment);
            if home.is_some_and(|home| environments.contains(&home)) {
                self.unreserve(key);
            }
        }
    }

    /// Ends what is left in a queue that is about to be deleted.
    /// Source: AWS Batch API reference, `DeleteJobQueue`.
    pub(crate) fn empty_queue(&mut self, queue: QueueIx) {
        for key in self.jobs.unfinished_in(queue) {
            self.terminate(key, "Job queue deleted");
        }
    }

    pub(crate) fn delete_queue(&mut self, queue: QueueIx) {
        self.attach(queue, Vec::new());
        self.queues[queue].deleted = true;
    }
}
