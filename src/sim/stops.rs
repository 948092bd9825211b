//! CancelJob and TerminateJob.

use crate::domain::BatchStatus;

use super::agenda::{Ending, Event};
use super::instant::{Millis, SECOND};
use super::job::{Job, JobKey};
use super::lifecycle::at_host_time;
use super::state::State;

/// Which of the two operations is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Cancel,
    Terminate,
}

impl State {
    /// CancelJob: acts on jobs that are not placed yet.
    pub(crate) fn cancel(&mut self, key: JobKey, reason: &str) {
        self.call_off(key, reason, Stop::Cancel);
    }

    /// TerminateJob: cancels what is not placed, and stops what is.
    pub(crate) fn terminate(&mut self, key: JobKey, reason: &str) {
        self.call_off(key, reason, Stop::Terminate);
        let Some(job) = self.jobs.get_mut(key).filter(|job| !job.status().is_final()) else {
            return;
        };
        job.asked_to(Stop::Terminate);
        if let Some(array) = &job.array {
            for child in array.children.clone() {
                self.stop(child, reason);
            }
        } else {
            self.stop(key, reason);
        }
    }

    fn call_off(&mut self, key: JobKey, reason: &str, how: Stop) {
        let Some(job) = self.jobs.get_mut(key) else { return };
        if !job.status().is_waiting() {
            return;
        }
        let queue = job.queue;
        job.asked_to(how);
        match &job.array {
            Some(array) if !array.children.is_empty() => {
                let children = array.children.clone();
                job.stop_reason = Some(reason.to_owned());
                for child in children {
                    self.call_off_one(child, reason, how);
                }
            }
            _ => self.call_off_one(key, reason, how),
        }
        self.schedule(queue);
    }

    /// A job with unmet dependencies is cancelled when these have ended (API reference, CancelJob).
    fn call_off_one(&mut self, key: JobKey, reason: &str, how: Stop) {
        let Some(job) = self.jobs.get_mut(key).filter(|job| job.status().is_waiting()) else {
            return;
        };
        job.asked_to(how);
        if job.waits_for.is_empty() {
            self.leave_queue(key);
            self.finish(key, BatchStatus::Failed, Some(reason.to_owned()));
        } else {
            job.stop_reason.get_or_insert_with(|| reason.to_owned());
        }
    }

    fn stop(&mut self, key: JobKey, reason: &str) {
        let Some(job) = self.jobs.get_mut(key) else { return };
        let placed = matches!(job.status(), BatchStatus::Starting | BatchStatus::Running);
        if !placed || job.stop_reason.is_some() {
            return;
        }
        job.stop_reason = Some(reason.to_owned());
        job.asked_to(Stop::Terminate);
        let stop = Millis::from(self.scenario.timing.stop_secs) * SECOND;
        let at = at_host_time(job.placement, self.now + stop);
        self.agenda.plan(at, Event::AttemptEnds(key, job.generation, Ending::Stopped));
    }
}

impl Job {
    fn asked_to(&mut self, stop: Stop) {
        match stop {
            Stop::Cancel => self.cancelled = true,
            Stop::Terminate => self.terminated = true,
        }
    }
}
