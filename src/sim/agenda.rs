//! What happens next: internal events in time order, those of one moment in the order of planning.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::dependencies::Awaited;
use super::environment::EnvironmentIx;
use super::fleet::InstanceKey;
use super::instant::Millis;
use super::job::{JobKey, QueueIx};
use super::market::PoolIx;
use super::tasks::TaskKey;

/// How an attempt comes to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Exited(i32),
    TimedOut,
    /// The image could not be pulled; the container never ran.
    PullFailed,
    /// TerminateJob.
    Stopped,
    /// The instance went away.
    HostLost,
    /// Fargate Spot took the task back.
    TaskInterrupted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// A pool gains or loses its capacity, unless that was replanned meanwhile.
    PoolPhase(PoolIx, u32),
    PoolPrice(PoolIx),
    /// A recorded pool gets its first price.
    PoolPriced(PoolIx),
    JobAdmitted(JobKey),
    /// What a job waits for is over, and whether it succeeded.
    DependencyEnded(JobKey, Awaited, bool),
    /// The container starts, if the job is still in this generation.
    ContainerStarts(JobKey, u32),
    AttemptEnds(JobKey, u32, Ending),
    InstanceLaunches(InstanceKey),
    InstanceJoins(InstanceKey),
    /// It has been idle for long enough, if it was not used since.
    InstanceIdle(InstanceKey, u32),
    InstanceReclaimed(InstanceKey),
    TaskReclaimed(TaskKey),
    /// A job may have been blocked at the head of its queue for too long.
    TimeLimitReached(QueueIx, JobKey),
    /// The creation, update or deletion of an environment is done.
    EnvironmentSettles(EnvironmentIx),
    QueueSettles(QueueIx),
}

#[derive(Debug)]
struct Planned {
    at: Millis,
    sequence: u64,
    event: Event,
}

impl Ord for Planned {
    /// The heap's greatest is the earliest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.sequence).cmp(&(self.at, self.sequence))
    }
}
impl PartialOrd for Planned {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Planned {}

#[derive(Debug, Default)]
pub(crate) struct Agenda {
    heap: BinaryHeap<Planned>,
    next_sequence: u64,
}

impl Agenda {
    pub(crate) fn plan(&mut self, at: Millis, event: Event) {
        self.heap.push(Planned { at, sequence: self.next_sequence, event });
        self.next_sequence += 1;
    }

    pub(crate) fn next_at(&self) -> Option<Millis> {
        self.heap.peek().map(|planned| planned.at)
    }

    /// The next event at or before `until`.
    pub(crate) fn pop_due(&mut self, until: Millis) -> Option<(Millis, Event)> {
        self.heap.peek().filter(|planned| planned.at <= until)?;
        self.heap.pop().map(|planned| (planned.at, planned.event))
    }
}
