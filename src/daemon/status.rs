//! What each task last did: for `/status`, readiness and metrics.

use std::collections::BTreeMap;
use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{Activation, TaskError};
use crate::telemetry;

/// One task's record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TaskStatus {
    pub activations: u64,
    pub failures: u64,
    pub last_began: Option<Timestamp>,
    pub last_elapsed_millis: i64,
    pub last_success: Option<Timestamp>,
    /// When it runs next; while it runs, when it should have.
    pub next_wake: Option<Timestamp>,
    /// The failure that is going on; `None` after a success.
    pub error: Option<String>,
    /// Since when it goes on.
    pub failing_since: Option<Timestamp>,
    /// AWS refuses what the task needs: a permission is missing, or credentials have expired.
    pub denied: bool,
    /// All that fails is of accounts whose role cannot be assumed.
    pub role_refused: bool,
}

/// All tasks' records.
#[derive(Debug, Default)]
pub struct Status {
    tasks: Mutex<BTreeMap<&'static str, TaskStatus>>,
}

impl Status {
    /// Takes down the end of an activation. A failure is logged when it begins or changes (another
    /// request id is no change), and its end is logged once.
    pub fn note(
        &self,
        task: &'static str,
        began: Timestamp,
        ended: Timestamp,
        next_wake: Timestamp,
        result: &Result<Activation, TaskError>,
    ) {
        let mut tasks = self.lock();
        let status = tasks.entry(task).or_default();
        status.activations += 1;
        status.last_began = Some(began);
        status.next_wake = Some(next_wake);
        status.last_elapsed_millis =
            ended.duration_since(began).max(SignedDuration::ZERO).as_millis() as i64;
        status.role_refused = result.as_ref().is_err_and(TaskError::is_role_refused);
        status.denied = result.as_ref().is_err_and(TaskError::is_denial);
        match result {
            Ok(_) => {
                status.failing_since = None;
                if status.error.take().is_some() {
                    tracing::info!(task, "the task works again");
                }
                status.last_success = Some(ended);
            }
            Err(error) => {
                status.failures += 1;
                status.failing_since.get_or_insert(ended);
                let text = telemetry::chain(error);
                let known = status.error.as_deref().map(without_request_ids);
                if known.as_deref() != Some(&*without_request_ids(&text)) {
                    tracing::warn!(task, error = %text, "the task failed and will run again");
                }
                status.error = Some(text);
            }
        }
    }

    /// Takes down that a task is to run at once, so that one that never comes to the end of its
    /// first activation shows as stuck.
    pub fn expect(&self, task: &'static str, at: Timestamp) {
        self.lock().entry(task).or_default().next_wake.get_or_insert(at);
    }

    pub fn snapshot(&self) -> BTreeMap<&'static str, TaskStatus> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, TaskStatus>> {
        self.tasks.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// `text` without what is another in every answer of AWS.
fn without_request_ids(text: &str) -> String {
    const BEGIN: &str = " (request id ";
    let mut parts = text.split(BEGIN);
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push_str(part.split_once(')').map_or("", |(_, rest)| rest));
    }
    kept
}
