//! Where there is room: the instances that may take a job, so that placing one does not look at all.

use std::collections::BTreeSet;

use crate::domain::Resources;

use super::environment::EnvironmentIx;
use super::fleet::{Instance, InstanceKey, InstanceState, Room};

/// What an instance is found by, if it may take a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    /// In the cluster, with some room.
    Joined(EnvironmentIx, Room),
    /// On its way, with some room.
    Coming(EnvironmentIx),
}

#[derive(Debug, Default)]
pub(crate) struct Openings {
    /// By free vCPUs, then free memory: the fullest come first.
    joined: BTreeSet<(EnvironmentIx, u32, u32, InstanceKey)>,
    /// The oldest come first.
    coming: BTreeSet<(EnvironmentIx, InstanceKey)>,
}

impl Opening {
    pub(crate) fn of(instance: &Instance) -> Option<Opening> {
        let (environment, room) = (instance.environment, instance.room);
        if room.vcpu_millis == 0 || room.memory_mib == 0 {
            return None;
        }
        match instance.state {
            InstanceState::Joined => Some(Opening::Joined(environment, room)),
            InstanceState::Requested | InstanceState::Booting => Some(Opening::Coming(environment)),
            InstanceState::Draining | InstanceState::Ended => None,
        }
    }
}

impl Openings {
    /// An instance that offered `before` offers `after` now.
    pub(crate) fn moved(
        &mut self,
        key: InstanceKey,
        before: Option<Opening>,
        after: Option<Opening>,
    ) {
        if before == after {
            return;
        }
        match before {
            Some(Opening::Joined(environment, room)) => {
                self.joined.remove(&(environment, room.vcpu_millis, room.memory_mib, key));
            }
            Some(Opening::Coming(environment)) => {
                self.coming.remove(&(environment, key));
            }
            None => {}
        }
        match after {
            Some(Opening::Joined(environment, room)) => {
                self.joined.insert((environment, room.vcpu_millis, room.memory_mib, key));
            }
            Some(Opening::Coming(environment)) => {
                self.coming.insert((environment, key));
            }
            None => {}
        }
    }

    /// Instances in the cluster that have the vCPUs and the memory, the fullest first.
    pub(crate) fn joined(
        &self,
        environment: EnvironmentIx,
        need: &Resources,
    ) -> impl Iterator<Item = InstanceKey> {
        let memory = need.memory_mib;
        let from = (environment, need.vcpu_millis, 0, 0);
        self.joined
            .range(from..(environment + 1, 0, 0, 0))
            .filter(move |(_, _, free, _)| *free >= memory)
            .map(|(.., key)| *key)
    }

    /// Instances on their way that have some room, the oldest first.
    pub(crate) fn coming(&self, environment: EnvironmentIx) -> impl Iterator<Item = InstanceKey> {
        self.coming.range((environment, 0)..(environment + 1, 0)).map(|(_, key)| *key)
    }
}
