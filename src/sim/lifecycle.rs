//! The life of a job from SUBMITTED to SUCCEEDED or FAILED.

use std::sync::Arc;

use crate::domain::{AttemptObservation, BatchJobId, BatchStatus, ContainerObservation};

use super::agenda::{Ending, Event};
use super::fleet::InstanceKey;
use super::instant::{Millis, timestamp, whole_second};
use super::job::{Job, JobKey, Placement};
use super::random::between;
use super::retry::wants_retry;
use super::state::State;
use super::tasks::HostedTask;

impl State {
    /// Batch has read the submission: RUNNABLE, or for an array PENDING with its children.
    pub(crate) fn admit(&mut self, key: JobKey) {
        let Some(job) = self.jobs.get(key) else { return };
        if job.status() != BatchStatus::Submitted {
            return;
        }
        let queue = job.queue;
        match &job.array {
            None => self.await_dependencies(key),
            Some(array) => {
                let size = array.size;
                self.jobs.set_status(key, BatchStatus::Pending);
                for index in 0..size {
                    self.add_child(key, index);
                }
            }
        }
        self.schedule(queue);
    }

    fn add_child(&mut self, parent: JobKey, index: u32) {
        let Some(job) = self.jobs.get(parent) else { return };
        let id = BatchJobId::from(format!("{}:{index}", job.id));
        let mut child = Job::new(id, job.name.clone(), Arc::clone(&job.spec), job.queue, self.now);
        child.parent = Some((parent, index));
        let key = self.jobs.insert(child);
        self.await_dependencies(key);
    }

    /// The id and ARN of the next task of a job.
    pub(crate) fn new_task(&self, environment: usize, job: JobKey) -> (String, String) {
        let attempt = self.jobs.get(job).map_or(0, |job| job.attempts.len());
        let id = self.seed.hex("task", &format!("{job}#{attempt}"), 32);
        let (region, account) = (&self.scenario.region, &self.scenario.account_id);
        let cluster = &self.environments[environment].cluster;
        let arn = format!("arn:aws:ecs:{region}:{account}:task/{cluster}/{id}");
        (id, arn)
    }

    /// Places a waiting job on an instance with room.
    pub(crate) fn start_on(&mut self, instance: InstanceKey, key: JobKey) {
        let Some(job) = self.jobs.get(key) else { return };
        let need = job.spec.resources;
        let assigned = self.fleet.change(instance, |host| {
            host.assign(key, &need);
            (host.environment, host.arn.clone())
        });
        let Some((environment, host_arn)) = assigned else { return };
        let (_, arn) = self.new_task(environment, key);
        let now = self.now;
        self.tasks.host(arn.clone(), HostedTask { job: key, instance, placed: now });
        self.begin_attempt(key, Placement::Instance(instance), Some(host_arn), arn, now);
    }

    /// STARTING: the image is pulled from `pull_from` on.
    pub(crate) fn begin_attempt(
        &mut self,
        key: JobKey,
        placement: Placement,
        container_instance_arn: Option<String>,
        task_arn: String,
        pull_from: Millis,
    ) {
        self.leave_queue(key);
        self.jobs.set_status(key, BatchStatus::Starting);
        let Some(job) = self.jobs.get_mut(key) else { return };
        job.placement = placement;
        job.status_reason = None;
        job.generation += 1;
        let container = ContainerObservation {
            container_instance_arn,
            task_arn: Some(task_arn),
            ..Default::default()
        };
        job.container = Some(container);
        let (name, attempt, generation) =
            (job.workload_name(), job.attempts.len() + 1, job.generation);
        let mut rng = self.seed.stream("image", &format!("{name}#{attempt}"));
        let at = pull_from + between(&mut rng, self.scenario.timing.pull_secs);
        let event = if self.workload.pull_fails(&job.spec.behaviour, &name, attempt) {
            Event::AttemptEnds(key, generation, Ending::PullFailed)
        } else {
            Event::ContainerStarts(key, generation)
        };
        self.agenda.plan(at_host_time(placement, at), event);
    }

    /// RUNNING, until the container exits or its time is up.
    pub(crate) fn container_starts(&mut self, key: JobKey, generation: u32) {
        let now = self.now;
        let Some(job) = self.jobs.get_mut(key) else { return };
        if job.generation != generation || job.stop_reason.is_some() {
            return;
        }
        job.started = Some(now);
        if let Some(container) = job.container.as_mut() {
            let task = container.task_arn.as_deref().and_then(|arn| arn.rsplit('/').next());
            container.log_stream =
                task.map(|task| format!("{}/default/{task}", job.spec.definition));
        }
        let attempt = job.attempts.len() + 1;
        let plan = self.workload.plan(
            &job.spec.behaviour,
            &job.workload_name(),
            attempt,
            &job.progress_key(),
        );
        let (run, ending) = match job.spec.timeout {
            Some(timeout) if timeout < plan.run => (timeout, Ending::TimedOut),
            _ => (plan.run, Ending::Exited(plan.exit_code)),
        };
        let at = at_host_time(job.placement, now + run);
        self.agenda.plan(at, Event::AttemptEnds(key, generation, ending));
        self.jobs.set_status(key, BatchStatus::Running);
    }

    /// A planned end of an attempt, void if the job has moved on.
    pub(crate) fn attempt_ends(&mut self, key: JobKey, generation: u32, ending: Ending) {
        if self.jobs.get(key).is_some_and(|job| job.generation == generation)
            && let Some(environment) = self.end_attempt(key, ending)
        {
            self.schedule_environment(environment);
        }
    }

    /// Records the attempt, then retries or ends the job. Gives the environment that has room now.
    pub(crate) fn end_attempt(&mut self, key: JobKey, ending: Ending) -> Option<usize> {
        let now = self.now;
        let job = self.jobs.get_mut(key)?;
        if !matches!(job.status(), BatchStatus::Starting | BatchStatus::Running) {
            return None;
        }
        job.generation += 1;
        let placement = std::mem::replace(&mut job.placement, Placement::Nowhere);
        let host = match placement {
            Placement::Instance(instance) => self.fleet.get(instance).map(|host| &host.id),
            _ => None,
        };
        let host = host.map_or_else(String::new, ToString::to_string);
        job.record(ending, &host, now);
        let succeeded = ending == Ending::Exited(0);
        if let Some(started) = job.started {
            let (behaviour, key) = (&job.spec.behaviour, job.progress_key());
            self.workload.ended(behaviour, &key, now - started, succeeded, now);
        }
        let retry = !succeeded && wants_retry(job, ending);
        let need = job.spec.resources;
        let reason = job
            .stop_reason
            .clone()
            .or_else(|| job.attempts.last().and_then(|attempt| attempt.status_reason.clone()));
        if retry {
            job.started = None;
        }
        let environment = self.release_host(key, placement, &need);
        if retry {
            self.enter_queue(key, true);
        } else if succeeded {
            self.finish(key, BatchStatus::Succeeded, reason);
        } else {
            self.finish(key, BatchStatus::Failed, reason);
        }
        environment
    }

    /// The job is over. An array parent is over with its last child.
    pub(crate) fn finish(&mut self, key: JobKey, status: BatchStatus, reason: Option<String>) {
        let now = self.now;
        self.jobs.set_status(key, status);
        let Some(job) = self.jobs.get_mut(key) else { return };
        job.status_reason = reason;
        job.stopped = Some(now);
        job.generation += 1;
        let parent = job.parent;
        self.jobs.retire(key, now);
        self.tell_dependents(key);
        if let Some((parent, _)) = parent {
            self.finish_parent(parent);
        }
    }

    fn finish_parent(&mut self, parent: JobKey) {
        let Some(job) = self.jobs.get(parent) else { return };
        let Some(succeeded) = job.array.as_ref().and_then(|array| array.verdict()) else { return };
        if job.status().is_final() {
            return;
        }
        let failure =
            || Some(job.stop_reason.clone().unwrap_or_else(|| "Array Child Job failed".to_owned()));
        let (status, reason) = if succeeded {
            (BatchStatus::Succeeded, None)
        } else {
            (BatchStatus::Failed, failure())
        };
        self.finish(parent, status, reason);
    }
}

/// Fargate tasks are billed by whole seconds, so they start and stop on them.
pub(crate) fn at_host_time(placement: Placement, at: Millis) -> Millis {
    if matches!(placement, Placement::Task(_)) { whole_second(at) } else { at }
}

impl Job {
    /// Under which name its durations are drawn: children of an array have their index.
    fn workload_name(&self) -> String {
        match self.parent {
            None => self.name.clone(),
            Some((_, index)) => format!("{}:{index}", self.name),
        }
    }

    /// Adds the attempt that ends now to the finished ones, in AWS's words.
    fn record(&mut self, ending: Ending, host: &str, now: Millis) {
        const EXITED: &str = "Essential container in task exited";
        let (status_reason, exit_code, reason) = match ending {
            Ending::Exited(code) => (EXITED.to_owned(), Some(code), None),
            Ending::TimedOut => {
                ("Job attempt duration exceeded timeout".to_owned(), Some(137), None)
            }
            Ending::PullFailed => (
                "Task failed to start".to_owned(),
                None,
                Some("CannotPullContainerError: pull image manifest has been retried".to_owned()),
            ),
            Ending::Stopped => {
                let started = self.started.is_some();
                (self.stop_reason.clone().unwrap_or_default(), started.then_some(143), None)
            }
            Ending::HostLost => (format!("Host EC2 (instance {host}) terminated."), None, None),
            Ending::TaskInterrupted => ("Your Spot Task was interrupted.".to_owned(), None, None),
        };
        let container = self.container.get_or_insert_default();
        container.exit_code = exit_code;
        container.reason = reason;
        self.attempts.push(AttemptObservation {
            started_at: self.started.map(timestamp),
            stopped_at: Some(timestamp(now)),
            status_reason: Some(status_reason),
            container: container.clone(),
        });
    }
}
