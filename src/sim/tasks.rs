//! Fargate tasks.

use std::collections::{HashMap, VecDeque};

use crate::domain::Zone;
use crate::ports::FargateTask;

use super::environment::EnvironmentIx;
use super::instant::{Millis, timestamp};
use super::job::JobKey;
use super::market::PoolIx;

/// Index of a task. Never used twice.
pub(crate) type TaskKey = u64;

#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) arn: String,
    pub(crate) job: JobKey,
    pub(crate) environment: EnvironmentIx,
    pub(crate) zone: Zone,
    /// `None` unless it is Fargate Spot.
    pub(crate) pool: Option<PoolIx>,
    pub(crate) pull_started: Millis,
    pub(crate) stopped: Option<Millis>,
    pub(crate) interrupted: bool,
    /// Index of its line on the bill.
    pub(crate) usage: usize,
}

/// All tasks that ECS remembers.
#[derive(Debug, Default)]
pub(crate) struct TaskBook {
    tasks: HashMap<TaskKey, Task>,
    arns: HashMap<String, TaskKey>,
    ended: VecDeque<(Millis, TaskKey)>,
    next_key: TaskKey,
}

impl Task {
    pub(crate) fn observe(&self, now: Millis) -> FargateTask {
        // A task that stopped before its image pull never began to pull.
        let until = self.stopped.unwrap_or(now);
        FargateTask {
            task_arn: self.arn.clone(),
            zone: Some(self.zone.clone()),
            interrupted: self.interrupted,
            pull_started_at: (self.pull_started <= until).then(|| timestamp(self.pull_started)),
            stopped_at: self.stopped.map(timestamp),
        }
    }
}

impl TaskBook {
    pub(crate) fn insert(&mut self, task: Task) -> TaskKey {
        let key = self.next_key;
        self.next_key += 1;
        self.arns.insert(task.arn.clone(), key);
        self.tasks.insert(key, task);
        key
    }

    pub(crate) fn get(&self, key: TaskKey) -> Option<&Task> {
        self.tasks.get(&key)
    }

    pub(crate) fn get_mut(&mut self, key: TaskKey) -> Option<&mut Task> {
        self.tasks.get_mut(&key)
    }

    pub(crate) fn find(&self, arn: &str) -> Option<&Task> {
        self.tasks.get(self.arns.get(arn)?)
    }

    pub(crate) fn retire(&mut self, key: TaskKey, now: Millis) {
        self.ended.push_back((now, key));
    }

    /// Forgets tasks that ended at or before `before`.
    pub(crate) fn forget(&mut self, before: Millis) {
        while let Some((_, key)) = self.ended.front().filter(|(at, _)| *at <= before).copied() {
            self.ended.pop_front();
            if let Some(task) = self.tasks.remove(&key) {
                self.arns.remove(&task.arn);
            }
        }
    }
}
