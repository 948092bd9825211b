//! The life of instances and tasks: launch, join, idle, reclaim; and what they are billed from and to.

use crate::domain::{Capacity, InstanceEnd, Resources};

use super::agenda::{Ending, Event};
use super::bill::{Tariff, Usage};
use super::environment::{Blocked, EnvironmentIx};
use super::fleet::{InstanceKey, InstanceState};
use super::instant::{Millis, SECOND, whole_second};
use super::job::{JobKey, Placement};
use super::random::between;
use super::state::State;
use super::tasks::{Task, TaskKey};

impl State {
    /// EC2 launches what was asked for, if the pool still has capacity.
    pub(crate) fn launch(&mut self, key: InstanceKey) {
        let Some(instance) = self.fleet.get(key) else { return };
        let bid = self.environments[instance.environment].terms.bid_percent;
        let lost = |pool| self.market.pool(pool).offers_at(self.now, bid).is_none();
        if instance.pool.is_some_and(lost) {
            let environment = instance.environment;
            self.drain(key);
            self.leave_environment(key);
            self.fleet.drop_instance(key);
            self.schedule_environment(environment);
            return;
        }
        let capacity = self.environments[instance.environment].spec.capacity;
        let usage = Usage {
            resource: instance.id.to_string(),
            instance_type: instance.offer.name.to_string(),
            zone: instance.zone.clone(),
            capacity,
            tariff: match instance.pool {
                Some(pool) => Tariff::Spot(pool),
                None => Tariff::OnDemand(instance.offer.on_demand.units()),
            },
            from: self.now,
            to: None,
            reclaimed: false,
        };
        let mut rng = self.seed.stream("boot", &key.to_string());
        let joins = self.now + between(&mut rng, self.scenario.timing.boot_secs);
        self.usages.push(usage);
        let (now, usage) = (self.now, self.usages.len() - 1);
        self.fleet.change(key, |instance| {
            instance.state = InstanceState::Booting;
            instance.launched = now;
            instance.usage = Some(usage);
        });
        self.agenda.plan(joins, Event::InstanceJoins(key));
    }

    /// The instance joins its cluster and takes the jobs that wait for it.
    pub(crate) fn join(&mut self, key: InstanceKey) {
        let Some(instance) = self.fleet.get(key) else { return };
        if instance.state != InstanceState::Booting {
            return;
        }
        let (environment, jobs) = (instance.environment, instance.jobs.clone());
        self.fleet.change(key, |instance| instance.state = InstanceState::Joined);
        for job in jobs {
            self.unreserve(job);
            self.start_on(key, job);
        }
        self.schedule_environment(environment);
        self.plan_idle_end(key);
    }

    /// Starts the clock of an instance that has nothing to do.
    pub(crate) fn plan_idle_end(&mut self, key: InstanceKey) {
        let Some(instance) = self.fleet.get(key) else { return };
        if instance.state == InstanceState::Joined && instance.jobs.is_empty() {
            let idle = Millis::from(self.scenario.timing.idle_secs) * SECOND;
            // The delay is for instances that ran a job (service model, `ComputeScalingPolicy`).
            let delay = match instance.uses {
                0 => 0,
                _ => self.environments[instance.environment].terms.scale_down_delay,
            };
            let at = whole_second(self.now + idle.max(delay));
            self.agenda.plan(at, Event::InstanceIdle(key, instance.uses));
        }
    }

    pub(crate) fn end_idle(&mut self, key: InstanceKey, uses: u32) {
        let Some(instance) = self.fleet.get(key) else { return };
        let idle = instance.jobs.is_empty() && instance.uses == uses;
        if idle && instance.state == InstanceState::Joined {
            self.end_instance(key, InstanceEnd::Requested);
        }
    }

    /// No more jobs for this instance; those that only waited for it wait again.
    pub(crate) fn drain(&mut self, key: InstanceKey) {
        let held = self.fleet.change(key, |instance| {
            instance.state = InstanceState::Draining;
            instance.jobs.clone()
        });
        for job in held.unwrap_or_default() {
            self.unreserve(job);
        }
    }

    /// EC2 takes a Spot Instance back, with everything on it.
    pub(crate) fn reclaim(&mut self, key: InstanceKey) {
        let Some(instance) = self.fleet.get(key) else { return };
        if instance.state == InstanceState::Ended {
            return;
        }
        let (environment, jobs) = (instance.environment, instance.jobs.clone());
        self.end_instance(key, InstanceEnd::Reclaimed);
        // Retries go to the head of the queue: the last one put there comes first.
        for job in jobs.into_iter().rev() {
            self.end_attempt(job, Ending::HostLost);
        }
        self.schedule_environment(environment);
    }

    pub(crate) fn end_instance(&mut self, key: InstanceKey, end: InstanceEnd) {
        self.leave_environment(key);
        let now = self.now;
        let ended = self.fleet.change(key, |instance| {
            instance.state = InstanceState::Ended;
            instance.ended = Some((now, end));
            instance.usage
        });
        let Some(usage) = ended else { return };
        if let Some(usage) = usage.and_then(|ix| self.usages.get_mut(ix)) {
            usage.to = Some(now);
            usage.reclaimed = end == InstanceEnd::Reclaimed;
        }
        self.fleet.retire(key, now);
        // Room for another instance under the maximum.
        if let Some(instance) = self.fleet.get(key) {
            let environment = instance.environment;
            if end == InstanceEnd::Requested {
                self.schedule_environment(environment);
            }
        }
    }

    fn leave_environment(&mut self, key: InstanceKey) {
        let Some(instance) = self.fleet.get(key) else { return };
        let home = &mut self.environments[instance.environment];
        home.instances.retain(|listed| *listed != key);
        home.vcpu_millis -= u64::from(instance.offer.shape.vcpus) * 1000;
    }

    /// Starts a job as a Fargate task.
    pub(crate) fn start_task(
        &mut self,
        environment: EnvironmentIx,
        key: JobKey,
        need: &Resources,
    ) -> Result<(), Blocked> {
        let home = &mut self.environments[environment];
        if u64::from(need.vcpu_millis) > home.max_vcpu_millis() {
            return Err(Blocked::OverMaximum);
        }
        if home.vcpu_millis + u64::from(need.vcpu_millis) > home.max_vcpu_millis() {
            return Err(Blocked::Full);
        }
        let capacity = home.spec.capacity;
        let first = home.take_zone();
        let pools = &home.task_pools;
        let pool = (0..pools.len())
            .map(|turn| pools[(first + turn) % pools.len()])
            .find(|pool| self.market.pool(*pool).up);
        if capacity == Capacity::FargateSpot && pool.is_none() {
            return Err(Blocked::NoCapacity);
        }
        let zone = match pool {
            Some(pool) => self.market.pool(pool).pool.zone.clone(),
            None => self.zone_of(environment, first),
        };
        let (id, arn) = self.new_task(environment, key);
        let mut rng = self.seed.stream("provision", &id);
        let provision = between(&mut rng, self.scenario.timing.fargate_provision_secs);
        let pull_started = whole_second(self.now + provision);
        let off = self.scenario.market.fargate_spot_discount_percent;
        self.usages.push(Usage {
            resource: arn.clone(),
            instance_type: "fargate".to_owned(),
            zone: zone.clone(),
            capacity,
            tariff: Tariff::Fargate {
                vcpu_millis: need.vcpu_millis,
                memory_mib: need.memory_mib,
                percent: if capacity == Capacity::FargateSpot { 100 - off } else { 100 },
            },
            from: pull_started,
            to: None,
            reclaimed: false,
        });
        let task = self.tasks.insert(Task {
            arn: arn.clone(),
            job: key,
            environment,
            zone,
            pool,
            pull_started,
            stopped: None,
            interrupted: false,
            noticed: false,
            usage: self.usages.len() - 1,
        });
        let home = &mut self.environments[environment];
        home.tasks.insert(task);
        home.vcpu_millis += u64::from(need.vcpu_millis);
        self.begin_attempt(key, Placement::Task(task), None, arn, pull_started);
        Ok(())
    }

    /// Fargate Spot takes a task back.
    pub(crate) fn reclaim_task(&mut self, key: TaskKey) {
        let Some(task) = self.tasks.get_mut(key) else { return };
        if task.stopped.is_some() {
            return;
        }
        task.interrupted = true;
        let (job, environment) = (task.job, task.environment);
        self.end_attempt(job, Ending::TaskInterrupted);
        self.schedule_environment(environment);
    }

    fn task_arn(&self, job: JobKey) -> Option<String> {
        self.jobs.get(job)?.container.as_ref()?.task_arn.clone()
    }

    /// Gives back what an attempt held, and says which environment that was.
    pub(crate) fn release_host(
        &mut self,
        job: JobKey,
        placement: Placement,
        need: &Resources,
    ) -> Option<EnvironmentIx> {
        match placement {
            Placement::Nowhere => None,
            Placement::Reserved(key) | Placement::Instance(key) => {
                if let Some(arn) = self.task_arn(job) {
                    self.tasks.retire_hosted(arn, self.now);
                }
                let environment = self.fleet.change(key, |instance| {
                    instance.release(job, need);
                    instance.environment
                })?;
                self.plan_idle_end(key);
                Some(environment)
            }
            Placement::Task(key) => {
                let now = self.now;
                let task = self.tasks.get_mut(key)?;
                task.stopped = Some(now);
                let (environment, usage) = (task.environment, task.usage);
                if let Some(usage) = self.usages.get_mut(usage) {
                    usage.to = Some(now);
                }
                let home = &mut self.environments[environment];
                home.tasks.remove(&key);
                home.vcpu_millis -= u64::from(need.vcpu_millis);
                self.tasks.retire(key, now);
                Some(environment)
            }
        }
    }
}
