//! Batch's scheduler: first in, first out per queue, the head blocks those behind it. Several jobs
//! share an instance by vCPU, memory and GPUs.

use crate::domain::{BatchStatus, Resources};

use super::agenda::Event;
use super::environment::{Blocked, Environment, EnvironmentIx, LaunchOption};
use super::fleet::{Instance, InstanceKey, InstanceState, Room};
use super::instant::{SECOND, whole_second};
use super::job::{JobKey, Placement, QueueIx};
use super::random::between;
use super::state::State;
use super::strategy::Candidate;
use super::waiting::Waiting;

/// How many waiting jobs are looked at to size the next instance.
const DEMAND_HORIZON: usize = 64;

enum Placed {
    /// It left the queue.
    Started,
    /// Room is set aside on an instance that is coming up.
    Reserved,
    Blocked(Blocked),
}

impl State {
    /// Places the waiting jobs of a queue in order, until one cannot be placed.
    pub(crate) fn schedule(&mut self, queue: QueueIx) {
        let mut from = i64::MIN;
        let mut blocked = None;
        while let Some(Waiting { order, job }) = self.next_waiting(queue, from) {
            from = order + 1;
            match self.place(queue, job) {
                Placed::Started | Placed::Reserved => {}
                Placed::Blocked(why) => {
                    blocked = Some((job, why));
                    break;
                }
            }
        }
        let now = self.now;
        let before = &mut self.queues[queue].blocked;
        let same = before.is_some_and(|(job, why, _)| Some((job, why)) == blocked);
        if !same {
            *before = blocked.map(|(job, why)| (job, why, now));
            self.plan_time_limit(queue);
        }
    }

    /// The next job that can be placed or has no place. Those between, with room set aside on an
    /// instance that is still coming up, wait for it as long as no other has room.
    fn next_waiting(&self, queue: QueueIx, from: i64) -> Option<Waiting> {
        self.queues[queue].waiting.next_placeable(from, |need| {
            let room = |environment| self.fleet.joined_room(environment, need).is_some();
            self.usable_environments(queue).any(room)
        })
    }

    /// In the queue's order.
    fn usable_environments(&self, queue: QueueIx) -> impl Iterator<Item = EnvironmentIx> {
        let usable = |ix: &EnvironmentIx| self.environments[*ix].is_usable();
        self.queues[queue].environments.iter().copied().filter(usable)
    }

    fn place(&mut self, queue: QueueIx, key: JobKey) -> Placed {
        let Some(job) = self.jobs.get(key) else { return Placed::Started };
        let (need, placement) = (job.spec.resources, job.placement);
        let usable: Vec<_> = self.usable_environments(queue).collect();
        for environment in &usable {
            if let Some(instance) = self.fleet.joined_room(*environment, &need) {
                self.unreserve(key);
                self.start_on(instance, key);
                return Placed::Started;
            }
        }
        if matches!(placement, Placement::Reserved(_)) {
            return Placed::Reserved;
        }
        let mut why = Blocked::Unusable;
        for environment in &usable {
            let tried = if self.environments[*environment].spec.capacity.is_fargate() {
                self.start_task(*environment, key, &need).map(|()| Placed::Started)
            } else {
                self.reserve(queue, *environment, key, &need).map(|()| Placed::Reserved)
            };
            match tried {
                Ok(placed) => return placed,
                // Of several environments' reasons the first one counts: Batch prefers it.
                Err(reason) if why == Blocked::Unusable => why = reason,
                Err(_) => {}
            }
        }
        Placed::Blocked(why)
    }

    /// Sets room aside on an instance that is coming up, or asks for one more.
    fn reserve(
        &mut self,
        queue: QueueIx,
        environment: EnvironmentIx,
        key: JobKey,
        need: &Resources,
    ) -> Result<(), Blocked> {
        let instance = match self.fleet.coming_room(environment, need) {
            Some(instance) => instance,
            None => self.request_instance(queue, environment, need)?,
        };
        self.fleet.change(instance, |host| host.assign(key, need));
        if let Some(job) = self.jobs.get_mut(key) {
            job.placement = Placement::Reserved(instance);
            self.queues[queue].waiting.reserve(job.order, need);
        }
        Ok(())
    }

    /// Gives a reservation back.
    pub(crate) fn unreserve(&mut self, key: JobKey) {
        let Some(job) = self.jobs.get_mut(key) else { return };
        let Placement::Reserved(instance) = job.placement else { return };
        job.placement = Placement::Nowhere;
        let need = job.spec.resources;
        self.queues[job.queue].waiting.unreserve(job.order, &need);
        self.fleet.change(instance, |host| host.release(key, &need));
    }

    fn request_instance(
        &mut self,
        queue: QueueIx,
        environment: EnvironmentIx,
        need: &Resources,
    ) -> Result<InstanceKey, Blocked> {
        let choice = self.choose(queue, environment, need)?;
        let timing = self.scenario.timing.scale_up_secs;
        let key = self.fleet.next_key();
        let mut rng = self.seed.stream("launch", &key.to_string());
        let launched = whole_second(self.now + between(&mut rng, timing));
        let zone = match &choice.pool {
            Some((_, zone)) => zone.clone(),
            None => {
                let zone = self.environments[environment].take_zone();
                self.zone_of(environment, zone)
            }
        };
        let (region, account) = (&self.scenario.region, &self.scenario.account_id);
        let cluster = &self.environments[environment].cluster;
        let host = self.seed.hex("container-instance", &key.to_string(), 32);
        let instance = Instance {
            id: format!("i-{}", self.seed.hex("instance", &key.to_string(), 17)).into(),
            arn: format!("arn:aws:ecs:{region}:{account}:container-instance/{cluster}/{host}"),
            environment,
            offer: choice.offer,
            zone,
            pool: choice.pool.map(|(pool, _)| pool),
            state: InstanceState::Requested,
            launched,
            ended: None,
            room: Room::of(&choice.offer.shape),
            jobs: Vec::new(),
            uses: 0,
            usage: None,
        };
        let inserted = self.fleet.insert(instance);
        let home = &mut self.environments[environment];
        home.instances.push(inserted);
        home.vcpu_millis += u64::from(choice.offer.shape.vcpus) * 1000;
        self.agenda.plan(launched.max(self.now + SECOND), Event::InstanceLaunches(inserted));
        Ok(inserted)
    }

    /// What to launch, by the environment's allocation strategy. By default for spot a pool that
    /// has had capacity for a while (if any has), then the least price per vCPU that the waiting
    /// jobs can use.
    fn choose(
        &self,
        queue: QueueIx,
        environment: EnvironmentIx,
        need: &Resources,
    ) -> Result<LaunchOption, Blocked> {
        let home = &self.environments[environment];
        let fitting = || home.options.iter().filter(|option| need.fits(&option.offer.shape));
        if fitting().next().is_none() {
            return Err(Blocked::TooLarge);
        }
        if u64::from(need.vcpu_millis) > home.max_vcpu_millis() {
            return Err(Blocked::OverMaximum);
        }
        // As Batch does, the last instance may exceed the maximum.
        if home.vcpu_millis >= home.max_vcpu_millis() {
            return Err(Blocked::Full);
        }
        let demand = self.demand(queue, need);
        let below = |option: &&LaunchOption| home.may_hold(&option.offer.shape);
        let candidates: Vec<_> = fitting()
            .filter(below)
            .filter_map(|option| self.candidate(home, option, demand))
            .collect();
        if candidates.is_empty() && fitting().find(below).is_none() {
            return Err(Blocked::Full);
        }
        home.terms.strategy.pick(&candidates).cloned().ok_or(Blocked::NoCapacity)
    }

    /// What speaks for launching `option`; `None` where it never had a price.
    fn candidate<'a>(
        &self,
        home: &Environment,
        option: &'a LaunchOption,
        demand: u64,
    ) -> Option<Candidate<'a, LaunchOption>> {
        let (price, offered, shallow, since) = match &option.pool {
            None => (option.offer.on_demand.units(), true, false, 0),
            Some((pool, _)) => {
                let pool = self.market.pool(*pool);
                let offered = pool.offers_at(self.now, home.terms.bid_percent).is_some();
                (pool.price_at(self.now)?, offered, !pool.is_deep(self.now), pool.since())
            }
        };
        let useful = demand.min(u64::from(option.offer.shape.vcpus) * 1000).max(1);
        Some(Candidate {
            option,
            instance_type: option.offer.name.as_str(),
            rank: option.rank,
            // Price per vCPU, in integers that keep the order.
            cost: i128::from(price) * 1_000_000 / i128::from(useful),
            offered,
            shallow,
            since,
        })
    }

    /// vCPUs, in thousandths, that the next waiting jobs without a place need.
    fn demand(&self, queue: QueueIx, need: &Resources) -> u64 {
        let homeless = self.queues[queue].waiting.homeless().filter_map(|key| self.jobs.get(key));
        let needs =
            homeless.take(DEMAND_HORIZON).map(|job| u64::from(job.spec.resources.vcpu_millis));
        needs.sum::<u64>().max(u64::from(need.vcpu_millis))
    }

    /// Takes a waiting job out of its queue.
    pub(crate) fn leave_queue(&mut self, key: JobKey) {
        self.unreserve(key);
        if let Some(job) = self.jobs.get(key) {
            self.queues[job.queue].leave(job.order, key, self.now);
        }
    }

    /// Puts a job into its queue as RUNNABLE: at the back, or for a retry at the front.
    pub(crate) fn enter_queue(&mut self, key: JobKey, retry: bool) {
        let Some(job) = self.jobs.get_mut(key) else { return };
        let queue = &mut self.queues[job.queue];
        job.order = if retry { queue.front() } else { queue.back() };
        job.queued = self.now;
        queue.enter(job.order, key, self.now);
        self.jobs.set_status(key, BatchStatus::Runnable);
    }
}
