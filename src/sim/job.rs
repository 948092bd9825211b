//! Batch jobs: what was asked, where each stands, and what DescribeJobs says of it.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::catalogue::RetryStrategy;
use crate::domain::{
    ArraySummary, AttemptObservation, BatchJobId, BatchStatus, ContainerObservation,
    JobObservation, Redacted, Resources,
};

use super::dependencies::{Awaited, Dependency};
use super::fleet::InstanceKey;
use super::instant::{Millis, timestamp};
use super::scenario::DefinitionSpec;
use super::submit::Container;
use super::tasks::TaskKey;

/// Index of a job. Never used twice.
pub(crate) type JobKey = u64;
/// Index of a queue.
pub(crate) type QueueIx = usize;

/// What a submission asked for, shared by an array's children.
#[derive(Debug)]
pub(crate) struct JobSpec {
    /// Without account, region and revision.
    pub(crate) definition: String,
    pub(crate) revision: u32,
    pub(crate) behaviour: Arc<DefinitionSpec>,
    pub(crate) resources: Resources,
    pub(crate) retry: RetryStrategy,
    pub(crate) timeout: Option<Millis>,
    /// Under which name checkpoints are saved.
    pub(crate) progress_key: String,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) propagate_tags: bool,
    pub(crate) parameters: BTreeMap<String, Redacted>,
    pub(crate) environment: BTreeMap<String, Redacted>,
    pub(crate) command: Vec<String>,
    /// Of a job of several containers (`ecsProperties`); empty for one of a single container.
    pub(crate) containers: Vec<Container>,
    pub(crate) depends_on: Vec<Dependency>,
}

/// Where a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placement {
    Nowhere,
    /// RUNNABLE, with room set aside on an instance that is still coming up.
    Reserved(InstanceKey),
    Instance(InstanceKey),
    Task(TaskKey),
}

/// The children of an array parent, and how many are in each status.
#[derive(Debug, Default)]
pub(crate) struct ArrayState {
    pub(crate) size: u32,
    pub(crate) children: Vec<JobKey>,
    /// Who waits for the child of an index (`N_TO_N`).
    pub(crate) awaited: BTreeMap<u32, Vec<JobKey>>,
    counts: [u32; STATUSES.len()],
}

#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) id: BatchJobId,
    pub(crate) name: String,
    pub(crate) spec: Arc<JobSpec>,
    pub(crate) queue: QueueIx,
    /// Its place in the queue: lower is nearer to the head.
    pub(crate) order: i64,
    /// When it entered its queue.
    pub(crate) queued: Millis,
    status: BatchStatus,
    pub(crate) status_reason: Option<String>,
    pub(crate) created: Millis,
    /// From when on ListJobs shows it.
    pub(crate) listed_from: Millis,
    /// From when on DescribeJobs shows it.
    pub(crate) described_from: Millis,
    pub(crate) started: Option<Millis>,
    pub(crate) stopped: Option<Millis>,
    pub(crate) container: Option<ContainerObservation>,
    pub(crate) attempts: Vec<AttemptObservation>,
    pub(crate) placement: Placement,
    /// Raised at each change that makes planned events of this job void.
    pub(crate) generation: u32,
    /// TerminateJob's reason, or CancelJob's where it cannot act at once: on an array parent, and on
    /// a job whose dependencies go on.
    pub(crate) stop_reason: Option<String>,
    /// CancelJob acted on it.
    pub(crate) cancelled: bool,
    /// TerminateJob acted on it.
    pub(crate) terminated: bool,
    /// What it waits for as PENDING.
    pub(crate) waits_for: Vec<Awaited>,
    pub(crate) dependency_failed: bool,
    /// Who waits for it.
    pub(crate) dependents: Vec<JobKey>,
    /// Its tags since TagResource or UntagResource changed them.
    pub(crate) retagged: Option<BTreeMap<String, String>>,
    pub(crate) array: Option<ArrayState>,
    /// The parent and this child's index.
    pub(crate) parent: Option<(JobKey, u32)>,
}

/// The statuses that an array's summary lists.
const STATUSES: [BatchStatus; 7] = [
    BatchStatus::Submitted,
    BatchStatus::Pending,
    BatchStatus::Runnable,
    BatchStatus::Starting,
    BatchStatus::Running,
    BatchStatus::Succeeded,
    BatchStatus::Failed,
];

/// From when to when a job lived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobLife {
    pub name: String,
    pub id: BatchJobId,
    pub created_at: Timestamp,
    /// `None` while it goes on.
    pub stopped_at: Option<Timestamp>,
    pub status: BatchStatus,
}

/// All jobs that Batch remembers.
#[derive(Debug, Default)]
pub(crate) struct JobBook {
    jobs: HashMap<JobKey, Job>,
    ids: HashMap<BatchJobId, JobKey>,
    /// By queue and lower-case name: Batch's name filter ignores case. Array children are not
    /// listed.
    names: HashMap<(QueueIx, String), Vec<JobKey>>,
    /// By queue, oldest first, without array children.
    listed: BTreeSet<(QueueIx, JobKey)>,
    /// In the order of ending.
    ended: VecDeque<(Millis, JobKey)>,
    next_key: JobKey,
}

impl Job {
    pub(crate) fn new(
        id: BatchJobId,
        name: String,
        spec: Arc<JobSpec>,
        queue: QueueIx,
        now: Millis,
    ) -> Self {
        Job {
            id,
            name,
            spec,
            queue,
            order: 0,
            queued: now,
            status: BatchStatus::Submitted,
            status_reason: None,
            created: now,
            listed_from: now,
            described_from: now,
            started: None,
            stopped: None,
            container: None,
            attempts: Vec::new(),
            placement: Placement::Nowhere,
            generation: 0,
            stop_reason: None,
            cancelled: false,
            terminated: false,
            waits_for: Vec::new(),
            dependency_failed: false,
            dependents: Vec::new(),
            retagged: None,
            array: None,
            parent: None,
        }
    }

    pub(crate) fn status(&self) -> BatchStatus {
        self.status
    }

    pub(crate) fn tags(&self) -> &BTreeMap<String, String> {
        self.retagged.as_ref().unwrap_or(&self.spec.tags)
    }

    /// What DescribeJobs says; `blocked` is the reason why the head of the queue waits.
    pub(crate) fn observe(&self, blocked: Option<&str>) -> JobObservation {
        let reason = blocked.map(str::to_owned).or_else(|| self.status_reason.clone());
        JobObservation {
            id: self.id.clone(),
            name: self.name.clone(),
            status: self.status,
            status_reason: reason,
            created_at: Some(timestamp(self.created)),
            started_at: self.started.map(timestamp),
            stopped_at: self.stopped.map(timestamp),
            stop_requested: self.cancelled || self.terminated,
            container: self.container.clone(),
            attempts: self.attempts.clone(),
            array: self.array.as_ref().map(ArrayState::summary),
            resources: Some(self.spec.resources),
            tags: self.tags().clone(),
        }
    }
}

impl ArrayState {
    /// An array whose children are not there yet.
    pub(crate) fn of(size: u32) -> Self {
        ArrayState { size, ..Default::default() }
    }

    pub(crate) fn summary(&self) -> ArraySummary {
        let counts = STATUSES.iter().zip(self.counts);
        let by_status = counts.map(|(status, n)| (status.label().to_owned(), n)).collect();
        ArraySummary { size: self.size, by_status }
    }

    fn count(&self, status: BatchStatus) -> u32 {
        STATUSES.iter().zip(self.counts).find(|(s, _)| **s == status).map_or(0, |(_, n)| n)
    }

    fn moved(&mut self, from: Option<BatchStatus>, to: BatchStatus) {
        for (status, count) in STATUSES.iter().zip(&mut self.counts) {
            // A child that joins comes from nowhere.
            if from == Some(*status) {
                *count -= 1;
            }
            if to == *status {
                *count += 1;
            }
        }
    }

    /// Whether every child ended, and if so whether all succeeded.
    pub(crate) fn verdict(&self) -> Option<bool> {
        let (good, bad) = (self.count(BatchStatus::Succeeded), self.count(BatchStatus::Failed));
        (good + bad == self.size).then_some(bad == 0)
    }
}

impl JobBook {
    pub(crate) fn insert(&mut self, job: Job) -> JobKey {
        let key = self.next_key;
        self.next_key += 1;
        self.ids.insert(job.id.clone(), key);
        match job.parent {
            None => {
                let name = (job.queue, job.name.to_ascii_lowercase());
                self.names.entry(name).or_default().push(key);
                self.listed.insert((job.queue, key));
            }
            Some((parent, _)) => {
                if let Some(array) = self.get_mut(parent).and_then(|job| job.array.as_mut()) {
                    array.children.push(key);
                    array.moved(None, job.status);
                }
            }
        }
        self.jobs.insert(key, job);
        key
    }

    pub(crate) fn get(&self, key: JobKey) -> Option<&Job> {
        self.jobs.get(&key)
    }

    pub(crate) fn get_mut(&mut self, key: JobKey) -> Option<&mut Job> {
        self.jobs.get_mut(&key)
    }

    pub(crate) fn find(&self, id: &BatchJobId) -> Option<JobKey> {
        self.ids.get(id).copied()
    }

    pub(crate) fn named(&self, queue: QueueIx, name: &str) -> impl Iterator<Item = &Job> {
        self.keys_named(queue, name).iter().filter_map(|key| self.jobs.get(key))
    }

    pub(crate) fn lives(&self) -> Vec<JobLife> {
        let keys: BTreeSet<JobKey> = self.listed.iter().map(|(_, key)| *key).collect();
        let jobs = keys.iter().filter_map(|key| self.jobs.get(key));
        jobs.map(|job| JobLife {
            name: job.name.clone(),
            id: job.id.clone(),
            created_at: timestamp(job.created),
            stopped_at: job.stopped.map(timestamp),
            status: job.status,
        })
        .collect()
    }

    /// The keys of the jobs of a name, in whatever case, oldest first.
    pub(crate) fn keys_named(&self, queue: QueueIx, name: &str) -> &[JobKey] {
        let keys = self.names.get(&(queue, name.to_ascii_lowercase()));
        keys.map(Vec::as_slice).unwrap_or_default()
    }

    /// The jobs of a queue whose keys are below `before`, newest first, without array children.
    pub(crate) fn listed(
        &self,
        queue: QueueIx,
        before: JobKey,
    ) -> impl Iterator<Item = (JobKey, &Job)> {
        let keys = self.listed.range((queue, 0)..(queue, before)).rev();
        keys.filter_map(|(_, key)| self.jobs.get(key).map(|job| (*key, job)))
    }

    /// All jobs, also array children, in no particular order.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Job> {
        self.jobs.values()
    }

    /// The only way to change a status: keeps the parent's counts right.
    pub(crate) fn set_status(&mut self, key: JobKey, status: BatchStatus) {
        let Some(job) = self.jobs.get_mut(&key) else { return };
        let before = std::mem::replace(&mut job.status, status);
        let Some((parent, _)) = job.parent else { return };
        if let Some(array) = self.jobs.get_mut(&parent).and_then(|job| job.array.as_mut()) {
            array.moved(Some(before), status);
        }
    }

    /// Notes that a job ended now. Children are forgotten with their parent.
    pub(crate) fn retire(&mut self, key: JobKey, now: Millis) {
        if self.jobs.get(&key).is_some_and(|job| job.parent.is_none()) {
            self.ended.push_back((now, key));
        }
    }

    /// Drops the next job that ended at or before `before`, with its children, and returns the
    /// names of their checkpoints.
    pub(crate) fn forget_one(&mut self, before: Millis) -> Option<Vec<String>> {
        let (_, key) = *self.ended.front().filter(|(at, _)| *at <= before)?;
        self.ended.pop_front();
        let job = self.jobs.remove(&key)?;
        self.listed.remove(&(job.queue, key));
        let name = (job.queue, job.name.to_ascii_lowercase());
        if let Some(keys) = self.names.get_mut(&name) {
            keys.retain(|listed| *listed != key);
            if keys.is_empty() {
                self.names.remove(&name);
            }
        }
        let mut saved = vec![job.progress_key()];
        self.ids.remove(&job.id);
        for child in job.array.into_iter().flat_map(|array| array.children) {
            if let Some(child) = self.jobs.remove(&child) {
                self.ids.remove(&child.id);
                saved.push(child.progress_key());
            }
        }
        Some(saved)
    }

    /// The jobs of a queue that are not over, oldest first, without array children.
    pub(crate) fn unfinished_in(&self, queue: QueueIx) -> Vec<JobKey> {
        let open = |job: &Job| job.queue == queue && job.parent.is_none() && !job.status.is_final();
        let keys = self.jobs.iter().filter(|(_, job)| open(job)).map(|(key, _)| *key);
        let mut keys: Vec<_> = keys.collect();
        keys.sort_unstable();
        keys
    }

    /// How many jobs are remembered.
    pub(crate) fn len(&self) -> usize {
        self.jobs.len()
    }
}

impl Job {
    /// Under which name this job's checkpoints are saved; each child of an array has its own.
    pub(crate) fn progress_key(&self) -> String {
        match self.parent {
            None => self.spec.progress_key.clone(),
            Some((_, index)) => format!("{}:{index}", self.spec.progress_key),
        }
    }
}
