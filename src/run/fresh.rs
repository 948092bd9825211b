//! Runs that nothing was done about yet, and legs that are not sent yet.

use jiff::Timestamp;

use super::{ByHand, Indices, Leg, Run, RunState, Trigger};
use crate::catalogue::{Environment, Job, Portion};
use crate::domain::{BatchJobName, ClassName, JobName, LegCause, RunId};

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
        set,
        indices: indices.map(|assigned| Indices::new(of, assigned)),
        ..Run::new(id, job.name.clone(), job.class.clone(), trigger, scheduled_for, now)
    }
}

impl Run {
    /// A run that nothing was done about yet: it may go at once, waits for nothing, and has no deadline.
    pub fn new(
        id: RunId,
        job: JobName,
        class: ClassName,
        trigger: Trigger,
        scheduled_for: Timestamp,
        now: Timestamp,
    ) -> Run {
        Run {
            id,
            job,
            class,
            trigger,
            scheduled_for,
            created_at: now,
            deadline_at: None,
            deadline_missed: false,
            over_budget: false,
            put_off: None,
            deadline_unreachable: false,
            state: RunState::NeedsLeg { cause: LegCause::Scheduled, not_before: now },
            waits: Vec::new(),
            stop: None,
            legs: Vec::new(),
            failures: 0,
            progress_millis: 0,
            set: None,
            indices: None,
            previous_success: None,
            by_hand: ByHand::default(),
            version: 0,
        }
    }
}

impl Leg {
    /// A leg in `environment` that is meant to be sent, and is not yet.
    pub fn intended(
        index: u16,
        cause: LegCause,
        environment: &Environment,
        batch_name: BatchJobName,
        now: Timestamp,
    ) -> Leg {
        Leg {
            index,
            cause,
            environment: environment.name.clone(),
            capacity: environment.capacity,
            site: environment.site.clone(),
            queue: environment.queue.clone(),
            batch_name,
            intended_at: now,
            wait_until: None,
            job_id: None,
            submitted_at: None,
            status: None,
            runnable_since: None,
            started_at: None,
            ended_at: None,
            reason: None,
            missing_since: None,
            was_uncertain: false,
            array_size: None,
            indices: None,
            terms: None,
        }
    }
}
