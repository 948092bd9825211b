//! When each run at Batch is looked at next.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use crate::catalogue::Class;
use crate::domain::{BatchStatus, RunId};
use crate::experience::durations::Lengths;
use crate::run::{Run, RunState, must_look_at};
use crate::settings::Periods;

/// The next look at a run.
#[derive(Debug, Clone, Copy)]
struct Look {
    at: Timestamp,
    /// Something may have to be done just then: it does not wait for the task's next period.
    is_due_then: bool,
}

/// The next look at each open run; a run without one is looked at now.
#[derive(Debug, Default)]
pub(super) struct Looks {
    next: HashMap<RunId, Look>,
    /// No look is further away than this, unless the clock was put back.
    furthest: SignedDuration,
}

impl Looks {
    pub(super) fn is_due(&self, run: &RunId, now: Timestamp) -> bool {
        self.next
            .get(run)
            .is_none_or(|look| look.at <= now || look.at.duration_since(now) > self.furthest)
    }

    /// Often while something may change, seldom while a container just runs, whether its end is still
    /// far away or should have come long ago; and at the moments at which the state machine may want
    /// to move the run.
    pub(super) fn plan(
        &mut self,
        run: &Run,
        class: &Class,
        lengths: &Lengths,
        periods: &Periods,
        now: Timestamp,
    ) {
        self.furthest = periods.watch_slowest.max(periods.watch);
        let leg = run.last_leg();
        let runs = run.state == RunState::Watching
            && leg.is_some_and(|leg| leg.status == Some(BatchStatus::Running));
        let wait = match leg.and_then(|leg| leg.started_at).filter(|_| runs) {
            Some(started) => {
                let progress = SignedDuration::from_millis(run.progress_millis);
                let left = lengths.expected_after(progress) - now.duration_since(started);
                (left.abs() / 2).clamp(periods.watch, self.furthest)
            }
            None => periods.watch,
        };
        let usual = now + wait;
        let must = must_look_at(run, class, lengths, now).filter(|at| *at < usual);
        let look = Look { at: must.unwrap_or(usual), is_due_then: must.is_some() };
        self.next.insert(run.id.clone(), look);
    }

    /// Looks again after `wait`, whatever the run does.
    pub(super) fn again_after(&mut self, run: &RunId, wait: SignedDuration, now: Timestamp) {
        self.next.insert(run.clone(), Look { at: now + wait, is_due_then: false });
    }

    pub(super) fn forget(&mut self, run: &RunId) {
        self.next.remove(run);
    }

    pub(super) fn forget_all(&mut self) {
        self.next.clear();
    }

    /// The earliest look that cannot wait for the task's period.
    pub(super) fn wake_at(&self, now: Timestamp) -> Option<Timestamp> {
        let pressing = self.next.values().filter(|look| look.is_due_then && look.at > now);
        pressing.map(|look| look.at).min()
    }
}
