//! What a task is, and the loop that runs tasks on virtual time. In that loop nothing ever waits for
//! a real timer: the earliest wake is looked up, the clock is set to it, and the task runs. So a month
//! takes a minute, and one seed always tells one story.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::Shared;
use crate::clock::{Clock, VirtualClock};
use crate::ports::{Activator, FailureKind, ServiceError, StoreError};

/// Why an activation did not do all of its work. It is idempotent and will run again.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    #[error("the store did not take the change")]
    Store(#[from] StoreError),
    #[error("a call to the cloud failed")]
    Service(#[from] ServiceError),
    #[error("{0}")]
    Other(String),
}

impl TaskError {
    /// Whether AWS refused a permission, which neither time nor a restart puts right.
    pub fn is_denial(&self) -> bool {
        matches!(self, TaskError::Service(error) if error.kind == FailureKind::Denied)
    }

    /// Which of two failures is told: one that may concern everything before one account's own.
    pub fn over(self, earlier: Option<TaskError>) -> TaskError {
        match earlier {
            Some(earlier) if self.is_role_refused() && !earlier.is_role_refused() => earlier,
            _ => self,
        }
    }

    /// Whether one account cannot be entered; the others are not concerned.
    pub fn is_role_refused(&self) -> bool {
        matches!(self, TaskError::Service(error) if error.kind == FailureKind::RoleRefused)
    }
}

/// What an activation says when it is done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Activation {
    /// When to run again, if earlier than the task's period.
    pub wake_at: Option<Timestamp>,
    /// Whether it left much memory free: in real time, the system gets that back.
    pub frees_much: bool,
}

/// A piece of the daemon's work. An activation takes no input but the time, does what there is to
/// do, and returns; it repeats nothing by itself.
#[async_trait]
pub trait Task: Send {
    fn name(&self) -> &'static str;
    /// Runs at least this often.
    fn period(&self) -> SignedDuration;
    /// Rung by other tasks when there is something to do.
    fn bell(&self) -> Activator;
    async fn activate(&mut self, now: Timestamp) -> Result<Activation, TaskError>;
}

/// What happens between two wakes of virtual time: nothing at full speed; a real sleep and a redraw
/// in the live demo.
#[async_trait]
pub trait Pace: Send {
    /// Called before the clock moves from `from` to `to`. `false` ends the run.
    async fn before(&mut self, from: Timestamp, to: Timestamp) -> bool;
}

/// As fast as the machine can.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unpaced;

#[async_trait]
impl Pace for Unpaced {
    async fn before(&mut self, _from: Timestamp, _to: Timestamp) -> bool {
        true
    }
}

/// An activation never schedules itself closer than this, or virtual time would stand still.
const LEAST_STEP: SignedDuration = SignedDuration::from_millis(100);

/// A task that failed runs again after this, doubled with every failure in a row up to its period.
const AFTER_FAILURE: SignedDuration = SignedDuration::from_secs(60);

const AFTER_CONFLICT: SignedDuration = SignedDuration::from_secs(1);

/// How often an activation in a row has failed, with `result`.
pub(super) fn failures_after(before: u32, result: &Result<Activation, TaskError>) -> u32 {
    if result.is_ok() { 0 } else { before.saturating_add(1) }
}

/// The next time of a task after an activation at `now`, the `failures`-th in a row that failed.
pub(super) fn next_wake(
    now: Timestamp,
    period: SignedDuration,
    result: &Result<Activation, TaskError>,
    failures: u32,
) -> Timestamp {
    if matches!(result, Err(TaskError::Store(StoreError::Conflict(_)))) {
        // Somebody else changed a run first, which has been read again meanwhile.
        return now.checked_add(AFTER_CONFLICT).unwrap_or(Timestamp::MAX);
    }
    let period = match failures.checked_sub(1) {
        Some(doublings) => period.min(AFTER_FAILURE * (1 << doublings.min(16))),
        None => period,
    };
    let regular = now.checked_add(period).unwrap_or(Timestamp::MAX);
    let asked = result.as_ref().ok().and_then(|activation| activation.wake_at);
    let least = now.checked_add(LEAST_STEP).unwrap_or(Timestamp::MAX);
    asked.map_or(regular, |at| at.clamp(least, regular.max(least)))
}

/// Runs `tasks` on virtual time until `until`, in order of wake time, then of position. `clock` is the
/// time that passes; the daemon's own clock may show another, and be set meanwhile, which moves no wake
/// that was set before: as sleeping does in real time.
pub async fn run_virtual(
    shared: &Shared,
    mut tasks: Vec<Box<dyn Task>>,
    clock: &VirtualClock,
    until: Timestamp,
    pace: &mut dyn Pace,
) {
    let bells: Vec<Activator> = tasks.iter().map(|task| task.bell()).collect();
    let mut wakes = vec![clock.now(); tasks.len()];
    let mut failures = vec![0; tasks.len()];
    loop {
        let now = clock.now();
        for (wake, bell) in wakes.iter_mut().zip(&bells) {
            if bell.take() {
                *wake = now.min(*wake);
            }
        }
        let Some((index, wake)) = wakes.iter().copied().enumerate().min_by_key(|(i, at)| (*at, *i))
        else {
            return;
        };
        if wake > until {
            clock.advance_to(until);
            return;
        }
        if wake > now {
            if !pace.before(now, wake).await {
                return;
            }
            clock.advance_to(wake);
        }
        let now = clock.now();
        let began = shared.clock.now();
        let task = &mut tasks[index];
        let result = task.activate(began).await;
        failures[index] = failures_after(failures[index], &result);
        let wake = next_wake(began, task.period(), &result, failures[index]);
        wakes[index] = now.checked_add(wake.duration_since(began)).unwrap_or(Timestamp::MAX);
        shared.status.note(task.name(), began, shared.clock.now(), wake, &result);
    }
}
