//! Tasks: those on Fargate, and where those on container instances ran.

use std::collections::{HashMap, VecDeque};

use crate::domain::Zone;
use crate::ports::FargateTask;

use super::environment::EnvironmentIx;
use super::fleet::InstanceKey;
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
    /// About to be reclaimed: ECS asked it to stop.
    pub(crate) noticed: bool,
    /// Index of its line on the bill.
    pub(crate) usage: usize,
}

/// A task on a container instance; how it ended is in its job's attempts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HostedTask {
    pub(crate) job: JobKey,
    pub(crate) instance: InstanceKey,
    pub(crate) placed: Millis,
}

/// All tasks that ECS remembers.
#[derive(Debug, Default)]
pub(crate) struct TaskBook {
    /// By ARN.
    hosted: HashMap<String, HostedTask>,
    hosted_ended: VecDeque<(Millis, String)>,
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

    pub(crate) fn get_mut(&mut self, key: TaskKey) -> Option<&mut Task> {
        self.tasks.get_mut(&key)
    }

    pub(crate) fn find(&self, arn: &str) -> Option<&Task> {
        self.tasks.get(self.arns.get(arn)?)
    }

    pub(crate) fn retire(&mut self, key: TaskKey, now: Millis) {
        self.ended.push_back((now, key));
    }

    pub(crate) fn host(&mut self, arn: String, task: HostedTask) {
        self.hosted.insert(arn, task);
    }

    pub(crate) fn find_hosted(&self, arn: &str) -> Option<&HostedTask> {
        self.hosted.get(arn)
    }

    pub(crate) fn retire_hosted(&mut self, arn: String, now: Millis) {
        self.hosted_ended.push_back((now, arn));
    }

    /// Forgets tasks that ended at or before `before`.
    pub(crate) fn forget(&mut self, before: Millis) {
        while self.hosted_ended.front().is_some_and(|(at, _)| *at <= before) {
            if let Some((_, arn)) = self.hosted_ended.pop_front() {
                self.hosted.remove(&arn);
            }
        }
        while let Some((_, key)) = self.ended.front().filter(|(at, _)| *at <= before).copied() {
            self.ended.pop_front();
            if let Some(task) = self.tasks.remove(&key) {
                self.arns.remove(&task.arn);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_on_instances_are_forgotten_in_the_order_of_their_end() {
        let mut book = TaskBook::default();
        for (job, arn) in ["a", "b", "c"].into_iter().enumerate() {
            book.host(arn.to_owned(), HostedTask { job: job as u64, instance: 0, placed: 0 });
        }
        book.retire_hosted("b".to_owned(), 10);
        book.retire_hosted("a".to_owned(), 20);
        book.forget(10);
        let known = |book: &TaskBook| ["a", "b", "c"].map(|arn| book.find_hosted(arn).is_some());
        assert_eq!(known(&book), [true, false, true]);
        book.forget(20);
        assert_eq!(known(&book), [false, false, true]);
    }
}
