//! What a run waits for before its first leg, and what others want of it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Run, RunState};
use crate::catalogue::Job;
use crate::domain::{Condition, JobName, RunId, RunOutcome};
use crate::mutation::{self, Mutation};
use crate::schedule::StopKind;

/// One thing that a run waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "for", rename_all = "kebab-case")]
pub enum Wait {
    /// That no earlier run of its job is open.
    Turn,
    /// The end of another job's run of the same scheduled time, or of all its runs of that time where
    /// it has parameter sets; their ids begin with `run` then.
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

impl Upstream {
    /// From how many runs of the scheduled time are in each state. Of several that ended the worst end
    /// counts. `None` where there is no run.
    pub fn of_states(states: &BTreeMap<String, u64>) -> Option<Self> {
        if states.is_empty() {
            return None;
        }
        let mut worst = 0;
        for state in states.keys() {
            match WORST_LAST.iter().position(|outcome| outcome.label() == state) {
                Some(rank) => worst = worst.max(rank),
                None => return Some(Upstream::Open),
            }
        }
        Some(Upstream::Ended(WORST_LAST[worst]))
    }
}

/// Ends of a run, the worst last. What failed counts before what only did not come about, so that a
/// job that runs after failures sees them.
const WORST_LAST: [RunOutcome; 7] = [
    RunOutcome::Succeeded,
    RunOutcome::Observed,
    RunOutcome::Skipped,
    RunOutcome::Cancelled,
    RunOutcome::Unknown,
    RunOutcome::Rejected,
    RunOutcome::Failed,
];

/// The open runs of one job, as far as the turn of one of them depends on them. Runs of one scheduled
/// time that differ in their parameter sets are one: none waits for another. What waits for its place in a backfill lets all others go
/// first.
#[derive(Debug, Default)]
pub struct Turns {
    scheduled: Line,
    backfilled: Line,
}

/// Runs that go one after another.
#[derive(Debug, Default)]
struct Line {
    /// Those that do not wait for their turn, which go before all that do.
    going: BTreeSet<Place>,
    /// The first of those that wait.
    next: Option<Place>,
}

/// A run's place in its line: its scheduled time and its group, since triggers of one second are no
/// group.
type Place = (Timestamp, RunId);

fn place_of(run: &Run) -> Place {
    (run.scheduled_for, run.group())
}

impl Line {
    fn add(&mut self, run: &Run) {
        let place = place_of(run);
        if !waits_for_turn(run) {
            self.going.insert(place);
        } else if self.next.as_ref().is_none_or(|next| place < *next) {
            self.next = Some(place);
        }
    }

    fn goes_before(&self, place: &Place) -> bool {
        self.going.iter().any(|other| other != place)
            || self.next.as_ref().is_some_and(|next| next < place)
    }

    fn has_other_than(&self, place: &Place) -> bool {
        self.going.iter().chain(&self.next).any(|other| other != place)
    }
}

impl Turns {
    pub fn of<'a>(open: impl Iterator<Item = &'a Run>) -> Self {
        let mut turns = Turns::default();
        for run in open {
            match waits_for_place(run) {
                true => turns.backfilled.add(run),
                false => turns.scheduled.add(run),
            }
        }
        turns
    }

    /// Whether some other run goes before `run`.
    fn block(&self, run: &Run) -> bool {
        let place = place_of(run);
        match waits_for_place(run) {
            true => self.scheduled.has_other_than(&place) || self.backfilled.goes_before(&place),
            false => self.scheduled.goes_before(&place),
        }
    }
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

/// What `run`, which waits, does now. `turns` is of the open runs of its job; `has_place` says whether its
/// backfill, if it belongs to one, lets it go; `upstream` says what is known of what it waits for.
///
/// Of runs that wait for their turn the one with the earliest scheduled time is first; runs of the job
/// that do not wait for a turn go before all of them.
pub fn release(
    run: &Run,
    turns: &Turns,
    has_place: bool,
    mut upstream: impl FnMut(&JobName, &RunId) -> Upstream,
) -> Verdict {
    if run.is_to_end() {
        return Verdict::End;
    }
    let is_backfill = run.waits.iter().any(|wait| matches!(wait, Wait::Place { .. }));
    if is_backfill && !has_place {
        return Verdict::Wait;
    }
    let mut verdict = Verdict::Go;
    for wait in &run.waits {
        match wait {
            Wait::Turn => {
                if turns.block(run) {
                    verdict = Verdict::Wait;
                }
            }
            Wait::Place { .. } => {}
            Wait::Upstream { job, run, when } => match upstream(job, run) {
                Upstream::Open if mutation::active(Mutation::AfterIgnored) => {}
                Upstream::Open => verdict = Verdict::Wait,
                Upstream::Ended(outcome) if when.is_met_by(outcome) => {}
                Upstream::Ended(outcome) => {
                    let (run, when) = (run.clone(), *when);
                    return Verdict::Skip(WhySkipped::UpstreamEnded { run, outcome, when });
                }
                // Whatever was to become of it has not become.
                Upstream::Absent if *when == Condition::Finished => {}
                // The past is being filled in, and the upstream job's may be next.
                Upstream::Absent if is_backfill => verdict = Verdict::Wait,
                Upstream::Absent => {
                    return Verdict::Skip(WhySkipped::UpstreamAbsent { run: run.clone() });
                }
            },
        }
    }
    verdict
}

/// Whether it waits until no earlier run of its job is open.
pub fn waits_for_turn(run: &Run) -> bool {
    matches!(run.state, RunState::Waiting { .. }) && run.waits.contains(&Wait::Turn)
}

/// Whether it belongs to a backfill and waits: until then it is in nobody's way.
pub fn waits_for_place(run: &Run) -> bool {
    let place = |wait: &Wait| matches!(wait, Wait::Place { .. });
    matches!(run.state, RunState::Waiting { .. }) && run.waits.iter().any(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream(states: &[(&str, u64)]) -> Option<Upstream> {
        let states = states.iter().map(|(state, count)| ((*state).to_owned(), *count));
        Upstream::of_states(&states.collect())
    }

    #[test]
    fn a_group_is_open_until_its_last_run_ended_and_then_as_bad_as_its_worst() {
        let ended = |outcome| Some(Upstream::Ended(outcome));
        assert_eq!(upstream(&[]), None);
        assert_eq!(upstream(&[("succeeded", 9_999), ("watching", 1)]), Some(Upstream::Open));
        assert_eq!(upstream(&[("failed", 9_999), ("uncertain", 1)]), Some(Upstream::Open));
        assert_eq!(upstream(&[("succeeded", 10_000)]), ended(RunOutcome::Succeeded));
        assert_eq!(upstream(&[("succeeded", 9), ("failed", 1)]), ended(RunOutcome::Failed));
        assert_eq!(upstream(&[("skipped", 9), ("cancelled", 1)]), ended(RunOutcome::Cancelled));
        assert_eq!(RunOutcome::ALL.len(), WORST_LAST.len());
    }
}
