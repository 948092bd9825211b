//! What a run waits for before its first leg, and what others want of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Run, RunState};
use crate::catalogue::Job;
use crate::domain::{Condition, JobName, RunId, RunOutcome};
use crate::schedule::StopKind;

/// One thing that a run waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "for", rename_all = "kebab-case")]
pub enum Wait {
    /// That no earlier run of its job is open.
    Turn,
    /// The end of another job's run of the same scheduled time.
    Upstream { job: JobName, run: RunId, when: Condition },
    /// A place among the runs of one backfill, which start in order of their scheduled times.
    Place {
        /// Which backfill.
        backfill: String,
        /// So many of its runs are under way at once, at most.
        at_once: u16,
    },
}

impl Wait {
    /// What `job`'s run of `scheduled_for` waits for, besides its turn: the runs that it comes after.
    pub fn upstream_of(job: &Job, scheduled_for: Timestamp) -> Vec<Wait> {
        let upstream = job.after.iter().map(|after| Wait::Upstream {
            job: after.job.clone(),
            run: RunId::of(&after.job, scheduled_for),
            when: after.when,
        });
        upstream.collect()
    }
}

/// What is to become of a run, besides what it would do by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopRequest {
    pub kind: StopKind,
    pub then: Then,
    /// For Batch's `statusReason` and the story: who wants it, and why.
    pub reason: String,
    pub at: Timestamp,
}

/// What comes after a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Then {
    /// The run ends.
    End,
    /// It goes on, on capacity that is not taken back.
    MoveOnDemand,
}

/// What is known of an upstream run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upstream {
    /// It has not ended, or its time has not been dealt with yet.
    Open,
    Ended(RunOutcome),
    /// Its scheduled time was dealt with, and has no run.
    Absent,
}

/// Why a run is not submitted at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum WhySkipped {
    /// The upstream run ended in another way than this one depends on.
    UpstreamEnded { run: RunId, outcome: RunOutcome, when: Condition },
    /// The upstream job has no run of that time: it was skipped, is paused, or has left the catalogue.
    UpstreamAbsent { run: RunId },
}

/// What a waiting run does now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Go,
    Wait,
    Skip(WhySkipped),
    /// Somebody wants it to end.
    End,
}

/// What `run`, which waits, does now. `same_job` are the open runs of its job; `has_place` says whether
/// its backfill, if it belongs to one, lets it go; `upstream` says what is known of a run that it waits
/// for.
///
/// Of runs that wait for their turn the one with the earliest scheduled time is first; runs of the job
/// that do not wait for a turn go before all of them.
pub fn release(
    run: &Run,
    same_job: &[&Run],
    has_place: bool,
    mut upstream: impl FnMut(&JobName, &RunId) -> Upstream,
) -> Verdict {
    if run.is_to_end() {
        return Verdict::End;
    }
    let mut verdict = Verdict::Go;
    for wait in &run.waits {
        match wait {
            Wait::Turn => {
                if same_job.iter().any(|other| goes_before(other, run)) {
                    verdict = Verdict::Wait;
                }
            }
            Wait::Place { .. } if has_place => {}
            Wait::Place { .. } => verdict = Verdict::Wait,
            Wait::Upstream { job, run, when } => match upstream(job, run) {
                Upstream::Open => verdict = Verdict::Wait,
                Upstream::Ended(outcome) if when.is_met_by(outcome) => {}
                Upstream::Ended(outcome) => {
                    let (run, when) = (run.clone(), *when);
                    return Verdict::Skip(WhySkipped::UpstreamEnded { run, outcome, when });
                }
                // Whatever was to become of it has not become.
                Upstream::Absent if *when == Condition::Finished => {}
                Upstream::Absent => {
                    return Verdict::Skip(WhySkipped::UpstreamAbsent { run: run.clone() });
                }
            },
        }
    }
    verdict
}

fn waits_for_turn(run: &Run) -> bool {
    matches!(run.state, RunState::Waiting { .. }) && run.waits.contains(&Wait::Turn)
}

/// Whether it belongs to a backfill and waits: until then it is in nobody's way.
pub fn waits_for_place(run: &Run) -> bool {
    let place = |wait: &Wait| matches!(wait, Wait::Place { .. });
    matches!(run.state, RunState::Waiting { .. }) && run.waits.iter().any(place)
}

fn goes_before(other: &Run, run: &Run) -> bool {
    if other.id == run.id {
        return false;
    }
    match (waits_for_place(other), waits_for_place(run)) {
        (true, false) => false,
        (false, true) => true,
        _ => {
            let is_earlier = (other.scheduled_for, &other.id) < (run.scheduled_for, &run.id);
            !waits_for_turn(other) || is_earlier
        }
    }
}
