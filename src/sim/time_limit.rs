//! A queue's `jobStateTimeLimitActions`: Batch cancels the head of the queue once it has been
//! blocked for a given reason for too long (simulated-aws.md §1.2; AWS Batch user guide, "Job state time
//! limit actions").

use super::agenda::Event;
use super::environment::Blocked;
use super::instant::Millis;
use super::job::{JobKey, QueueIx};
use super::state::State;

/// One action: always CANCEL, always in RUNNABLE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TimeLimit {
    /// `CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY` and the like.
    pub(crate) reason: String,
    pub(crate) after: Millis,
}

impl TimeLimit {
    fn concerns(&self, why: Blocked) -> bool {
        why.reason().is_some_and(|text| text.starts_with(&self.reason))
    }
}

impl State {
    /// Plans the end of the patience with what blocks the queue since `since`.
    pub(crate) fn plan_time_limit(&mut self, queue: QueueIx) {
        let Some((job, why, since)) = self.queues[queue].blocked else { return };
        let limits = self.queues[queue].time_limits.iter().filter(|limit| limit.concerns(why));
        if let Some(after) = limits.map(|limit| limit.after).min() {
            let at = (since + after).max(self.now);
            self.agenda.plan(at, Event::TimeLimitReached(queue, job));
        }
    }

    /// Cancels the head, if it is still the same one, blocked for a reason whose time is over.
    pub(crate) fn time_limit_reached(&mut self, queue: QueueIx, planned_for: JobKey) {
        let Some((job, why, since)) = self.queues[queue].blocked else { return };
        let over = |limit: &&TimeLimit| limit.concerns(why) && self.now - since >= limit.after;
        let Some(limit) = self.queues[queue].time_limits.iter().find(over) else { return };
        if job == planned_for {
            let reason = &limit.reason;
            let text = format!("Canceled by JobStateTimeLimit action due to reason: {reason}");
            self.cancel(job, &text);
        }
    }
}
