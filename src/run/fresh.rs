//! Runs that nothing was done about yet.

use jiff::Timestamp;

use super::{ByHand, Indices, Run, RunState, Trigger};
use crate::catalogue::{Job, Portion};
use crate::domain::{LegCause, RunId};

/// The run of `job` that does `portion` of the work of `scheduled_for`: it may go at once, and has no
/// deadline. `group` is its id, or what its id begins with where there are several.
pub fn run_of(
    job: &Job,
    trigger: Trigger,
    scheduled_for: Timestamp,
    group: &RunId,
    portion: Portion,
    now: Timestamp,
) -> Run {
    let Portion { set, indices } = portion;
    let of = job.submission.index_map.map_or(0, |map| map.count);
    let id = set.as_ref().map_or_else(|| group.clone(), |set| group.with_set(&set.key));
    Run {
        id,
        job: job.name.clone(),
        class: job.class.clone(),
        trigger,
        scheduled_for,
        created_at: now,
        deadline_at: None,
        deadline_missed: false,
        state: RunState::NeedsLeg { cause: LegCause::Scheduled, not_before: now },
        waits: Vec::new(),
        stop: None,
        legs: Vec::new(),
        failures: 0,
        progress_millis: 0,
        set,
        indices: indices.map(|assigned| Indices::new(of, assigned)),
        previous_success: None,
        by_hand: ByHand::default(),
        version: 0,
    }
}
