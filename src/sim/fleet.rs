//! EC2 instances and the container instances that they are in ECS.

use std::collections::{HashMap, VecDeque};

use crate::domain::{
    InstanceEnd, InstanceFacts, InstanceId, InstanceShape, Lifecycle, Region, Resources, Zone,
};
use crate::ports::ContainerHost;

use super::environment::EnvironmentIx;
use super::instance_types::InstanceOffer;
use super::instant::{Millis, timestamp};
use super::job::JobKey;
use super::market::PoolIx;
use super::openings::{Opening, Openings};

/// Index of an instance. Never used twice.
pub(crate) type InstanceKey = u64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InstanceState {
    /// Asked for, not launched: EC2 does not know it yet.
    Requested,
    Booting,
    /// In the cluster.
    Joined,
    /// Noticed: takes no more jobs and is about to be reclaimed.
    Draining,
    Ended,
}

/// Room left on an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) vcpu_millis: u32,
    pub(crate) memory_mib: u32,
    pub(crate) gpus: u32,
}

impl Room {
    pub(crate) fn of(shape: &InstanceShape) -> Self {
        let vcpu_millis = shape.vcpus.saturating_mul(1000);
        Room { vcpu_millis, memory_mib: shape.memory_mib, gpus: shape.gpus }
    }

    pub(crate) fn holds(&self, need: &Resources) -> bool {
        need.vcpu_millis <= self.vcpu_millis
            && need.memory_mib <= self.memory_mib
            && need.gpus <= self.gpus
    }

    fn take(&mut self, need: &Resources) {
        self.vcpu_millis -= need.vcpu_millis;
        self.memory_mib -= need.memory_mib;
        self.gpus -= need.gpus;
    }

    fn give_back(&mut self, need: &Resources) {
        self.vcpu_millis += need.vcpu_millis;
        self.memory_mib += need.memory_mib;
        self.gpus += need.gpus;
    }
}

#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) id: InstanceId,
    pub(crate) arn: String,
    pub(crate) environment: EnvironmentIx,
    pub(crate) offer: &'static InstanceOffer,
    pub(crate) zone: Zone,
    /// `None` on demand.
    pub(crate) pool: Option<PoolIx>,
    pub(crate) state: InstanceState,
    pub(crate) launched: Millis,
    pub(crate) ended: Option<(Millis, InstanceEnd)>,
    pub(crate) room: Room,
    /// Placed here, or with room set aside here.
    pub(crate) jobs: Vec<JobKey>,
    /// Raised whenever the instance is used, so that a planned idle end is void.
    pub(crate) uses: u32,
    /// Index of its line on the bill, once launched.
    pub(crate) usage: Option<usize>,
}

/// All instances that EC2 remembers, and those asked for.
#[derive(Debug, Default)]
pub(crate) struct Fleet {
    instances: HashMap<InstanceKey, Instance>,
    ids: HashMap<InstanceId, InstanceKey>,
    arns: HashMap<String, InstanceKey>,
    ended: VecDeque<(Millis, InstanceKey)>,
    openings: Openings,
    next_key: InstanceKey,
}

impl Instance {
    pub(crate) fn assign(&mut self, job: JobKey, need: &Resources) {
        self.room.take(need);
        self.jobs.push(job);
        self.uses += 1;
    }

    pub(crate) fn release(&mut self, job: JobKey, need: &Resources) {
        if let Some(at) = self.jobs.iter().position(|held| *held == job) {
            self.jobs.remove(at);
            self.room.give_back(need);
        }
    }

    pub(crate) fn facts(&self, region: &Region, now: Millis) -> InstanceFacts {
        let lifecycle = if self.pool.is_some() { Lifecycle::Spot } else { Lifecycle::OnDemand };
        InstanceFacts {
            id: self.id.clone(),
            site: region.clone().into(),
            instance_type: self.offer.name.clone(),
            zone: self.zone.clone(),
            lifecycle,
            launched_at: timestamp(self.launched),
            ended_at: self.ended.map(|(at, _)| timestamp(at)),
            end: self.ended.map(|(_, end)| end),
            seen_at: timestamp(self.ended.map_or(now, |(at, _)| at)),
        }
    }

    pub(crate) fn container_host(&self) -> ContainerHost {
        ContainerHost {
            container_instance_arn: self.arn.clone(),
            instance_id: self.id.clone(),
            instance_type: Some(self.offer.name.clone()),
            zone: Some(self.zone.clone()),
        }
    }
}

impl Fleet {
    /// The key that the next instance gets: its id derives from it.
    pub(crate) fn next_key(&self) -> InstanceKey {
        self.next_key
    }

    pub(crate) fn insert(&mut self, instance: Instance) -> InstanceKey {
        let key = self.next_key;
        self.next_key += 1;
        self.ids.insert(instance.id.clone(), key);
        self.arns.insert(instance.arn.clone(), key);
        self.openings.moved(key, None, Opening::of(&instance));
        self.instances.insert(key, instance);
        key
    }

    pub(crate) fn get(&self, key: InstanceKey) -> Option<&Instance> {
        self.instances.get(&key)
    }

    /// The only way to change an instance: keeps it to be found by its room.
    pub(crate) fn change<T>(
        &mut self,
        key: InstanceKey,
        how: impl FnOnce(&mut Instance) -> T,
    ) -> Option<T> {
        let instance = self.instances.get_mut(&key)?;
        let before = Opening::of(instance);
        let outcome = how(instance);
        self.openings.moved(key, before, Opening::of(instance));
        Some(outcome)
    }

    /// An instance in the cluster with room: the fullest that holds the job, so that the others can
    /// be given back.
    pub(crate) fn joined_room(
        &self,
        environment: EnvironmentIx,
        need: &Resources,
    ) -> Option<InstanceKey> {
        let mut fitting = self.openings.joined(environment, need);
        fitting.find(|key| self.holds(*key, need))
    }

    /// The oldest instance on its way that has room.
    pub(crate) fn coming_room(
        &self,
        environment: EnvironmentIx,
        need: &Resources,
    ) -> Option<InstanceKey> {
        self.openings.coming(environment).find(|key| self.holds(*key, need))
    }

    fn holds(&self, key: InstanceKey, need: &Resources) -> bool {
        self.get(key).is_some_and(|instance| instance.room.holds(need))
    }

    /// By EC2's id, once launched.
    pub(crate) fn find(&self, id: &InstanceId) -> Option<&Instance> {
        let instance = self.instances.get(self.ids.get(id)?)?;
        (instance.state != InstanceState::Requested).then_some(instance)
    }

    /// The key of an instance, launched or not.
    pub(crate) fn find_key(&self, id: &InstanceId) -> Option<InstanceKey> {
        self.ids.get(id).copied()
    }

    /// Every instance that EC2 knows, in no order.
    pub(crate) fn launched(&self) -> impl Iterator<Item = &Instance> {
        self.instances.values().filter(|instance| instance.state != InstanceState::Requested)
    }

    /// By the container instance's ARN, once it joined.
    pub(crate) fn find_host(&self, arn: &str) -> Option<&Instance> {
        let instance = self.instances.get(self.arns.get(arn)?)?;
        let unseen = matches!(instance.state, InstanceState::Requested | InstanceState::Booting);
        (!unseen).then_some(instance)
    }

    pub(crate) fn retire(&mut self, key: InstanceKey, now: Millis) {
        self.ended.push_back((now, key));
    }

    /// Forgets instances that ended at or before `before`.
    pub(crate) fn forget(&mut self, before: Millis) {
        while let Some((_, key)) = self.ended.front().filter(|(at, _)| *at <= before).copied() {
            self.ended.pop_front();
            self.drop_instance(key);
        }
    }

    /// Removes an instance as if it had never been.
    pub(crate) fn drop_instance(&mut self, key: InstanceKey) {
        if let Some(instance) = self.instances.remove(&key) {
            self.ids.remove(&instance.id);
            self.arns.remove(&instance.arn);
            self.openings.moved(key, Opening::of(&instance), None);
        }
    }

    /// How many instances are remembered.
    pub(crate) fn len(&self) -> usize {
        self.instances.len()
    }
}
