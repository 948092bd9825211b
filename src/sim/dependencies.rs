//! `dependsOn`: a job is PENDING until what it waits for has succeeded, and fails with it. Source:
//! AWS Batch user guide, "Job dependencies" and "Array jobs"; simulated-aws.md §1.1, §1.2.

use crate::domain::{BatchJobId, BatchStatus};

use super::agenda::Event;
use super::job::{Job, JobKey};
use super::state::State;
use super::submit::Asked;

/// Batch's limit of dependencies of one job.
const MOST_DEPENDENCIES: usize = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DependencyKind {
    /// On the whole of another job.
    Plain,
    /// Each child on the child of the same index.
    NToN,
    /// Each child on the child before it.
    Sequential,
}

/// One entry of `dependsOn`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dependency {
    /// `None` for `SEQUENTIAL`.
    pub(crate) job: Option<BatchJobId>,
    pub(crate) kind: DependencyKind,
}

/// A job whose end another waits for, or the child of an index that may not be there yet.
pub(crate) type Awaited = (JobKey, Option<u32>);

impl State {
    /// AWS's rules for `dependsOn`.
    pub(crate) fn check_dependencies(
        &self,
        asked: &Asked,
        size: Option<u16>,
    ) -> Result<(), String> {
        if asked.depends_on.len() > MOST_DEPENDENCIES {
            return Err(format!("a job can depend on at most {MOST_DEPENDENCIES} jobs"));
        }
        for Dependency { job, kind } in &asked.depends_on {
            if *kind == DependencyKind::Sequential {
                if size.is_none() || job.is_some() {
                    return Err("a SEQUENTIAL dependency is for array jobs and names no job".into());
                }
                continue;
            }
            let id = job.as_ref().ok_or("a dependency needs a jobId")?;
            let found = self.jobs.find(id).and_then(|key| self.jobs.get(key));
            let other = found.ok_or_else(|| format!("Job {id} in dependsOn not found"))?;
            let other_size = other.array.as_ref().map(|array| array.size);
            if *kind == DependencyKind::NToN
                && (size.is_none() || size.map(u32::from) != other_size)
            {
                return Err(format!("N_TO_N needs array jobs of the same size, unlike job {id}"));
            }
        }
        Ok(())
    }

    /// RUNNABLE if nothing keeps it, otherwise PENDING.
    pub(crate) fn await_dependencies(&mut self, key: JobKey) {
        let Some(job) = self.jobs.get(key) else { return };
        if job.spec.depends_on.is_empty() {
            self.enter_queue(key, false);
            return;
        }
        let (mut waits_for, mut failed) = (Vec::new(), false);
        for awaited in self.awaited_by(job) {
            match awaited.and_then(|awaited| Some((awaited, self.awaited_outcome(awaited)?))) {
                Some((awaited, None)) => waits_for.push(awaited),
                Some((_, Some(succeeded))) => failed |= !succeeded,
                // It ended and was forgotten between SubmitJob and now; nobody knows how.
                None => failed = true,
            }
        }
        for (other, index) in &waits_for {
            let Some(other) = self.jobs.get_mut(*other) else { continue };
            match (index, &mut other.array) {
                (Some(index), Some(array)) => array.awaited.entry(*index).or_default().push(key),
                _ => other.dependents.push(key),
            }
        }
        self.jobs.set_status(key, BatchStatus::Pending);
        if let Some(job) = self.jobs.get_mut(key) {
            (job.waits_for, job.dependency_failed) = (waits_for, failed);
        }
        self.follow_dependencies(key);
    }

    /// What a job waits for; `None` for what is unknown.
    fn awaited_by(&self, job: &Job) -> Vec<Option<Awaited>> {
        let mut all = Vec::new();
        for Dependency { job: other, kind } in &job.spec.depends_on {
            let other = other.as_ref().and_then(|id| self.jobs.find(id));
            match (kind, job.parent) {
                (DependencyKind::NToN, Some((_, index))) => {
                    all.push(other.map(|key| (key, Some(index))));
                }
                (DependencyKind::Sequential, Some((parent, index))) => {
                    if let Some(before) = index.checked_sub(1) {
                        all.push(Some((parent, Some(before))));
                    }
                }
                _ => all.push(other.map(|key| (key, None))),
            }
        }
        all
    }

    /// Whether it succeeded; `Some(None)` while it goes on, `None` if it is unknown.
    fn awaited_outcome(&self, (key, index): Awaited) -> Option<Option<bool>> {
        let job = self.jobs.get(key)?;
        let child = index.zip(job.array.as_ref()).and_then(|(index, array)| {
            array.children.get(usize::try_from(index).ok()?).and_then(|key| self.jobs.get(*key))
        });
        let status = child.unwrap_or(job).status();
        Some(status.is_final().then_some(status == BatchStatus::Succeeded))
    }

    /// Something that `key` waits for is over.
    pub(crate) fn dependency_ended(&mut self, key: JobKey, awaited: Awaited, succeeded: bool) {
        let Some(job) = self.jobs.get_mut(key) else { return };
        if job.status() != BatchStatus::Pending {
            return;
        }
        job.waits_for.retain(|other| *other != awaited);
        job.dependency_failed |= !succeeded;
        let queue = job.queue;
        self.follow_dependencies(key);
        self.schedule(queue);
    }

    /// Lets a PENDING job go on, or end, if what it waits for allows it.
    fn follow_dependencies(&mut self, key: JobKey) {
        let Some(job) = self.jobs.get(key) else { return };
        let cancelled = job.stop_reason.clone();
        if job.dependency_failed {
            let reason = cancelled.unwrap_or_else(|| "Dependent Job failed".to_owned());
            self.finish(key, BatchStatus::Failed, Some(reason));
        } else if job.waits_for.is_empty() {
            match cancelled {
                None => self.enter_queue(key, false),
                reason => self.finish(key, BatchStatus::Failed, reason),
            }
        }
    }

    /// Plans what follows for those who waited for a job that has just ended. Events, because a
    /// chain of dependents can be as long as an array, longer than a stack is deep.
    pub(crate) fn tell_dependents(&mut self, key: JobKey) {
        let now = self.now;
        let Some(job) = self.jobs.get_mut(key) else { return };
        let (succeeded, parent) = (job.status() == BatchStatus::Succeeded, job.parent);
        let dependents = std::mem::take(&mut job.dependents);
        // Those of children that never came to be.
        let orphans = job.array.as_mut().map(|array| std::mem::take(&mut array.awaited));
        for dependent in dependents {
            self.agenda.plan(now, Event::DependencyEnded(dependent, (key, None), succeeded));
        }
        for (index, dependents) in orphans.into_iter().flatten() {
            for dependent in dependents {
                let awaited = (key, Some(index));
                self.agenda.plan(now, Event::DependencyEnded(dependent, awaited, succeeded));
            }
        }
        let Some((parent, index)) = parent else { return };
        let array = self.jobs.get_mut(parent).and_then(|job| job.array.as_mut());
        for dependent in array.and_then(|array| array.awaited.remove(&index)).into_iter().flatten()
        {
            let awaited = (parent, Some(index));
            self.agenda.plan(now, Event::DependencyEnded(dependent, awaited, succeeded));
        }
    }
}
