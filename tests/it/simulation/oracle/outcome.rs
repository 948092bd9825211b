//! Every run comes to an end that it may have.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use spotcron::domain::RunOutcome;
use spotcron::run::{Run, RunEventKind, RunState, Trigger};

use super::names::{Parsed, run_of};
use crate::simulation::life::Evidence;
use crate::simulation::story::Suite;

/// A run that was due before the calm is over when the story is, and succeeded, unless the story has
/// another end for it. It may be unknown only where Batch forgot or hid its job, where nobody looked for longer
/// than Batch remembers, or where the clock was set while its job could not be seen.
pub fn every_run_comes_to_its_end(evidence: &Evidence) -> Vec<String> {
    let submitted: BTreeSet<&str> =
        evidence.submissions.iter().map(|job| run_of(&job.name)).collect();
    let mut found = Vec::new();
    for run in &evidence.runs {
        let at_batch = submitted.contains(run.id.as_str());
        match run.state {
            RunState::Ended { outcome: RunOutcome::Succeeded, .. } if at_batch => {}
            RunState::Ended { outcome: RunOutcome::Succeeded, .. } => {
                found.push(format!("{} succeeded and was never at Batch", run.id));
            }
            RunState::Ended { outcome: RunOutcome::Unknown, .. } => {
                if !may_be_unknown(evidence, run) {
                    found.push(format!("{} is unknown, and need not be", run.id));
                }
            }
            RunState::Ended { outcome, .. } if may_end_as(evidence, run, outcome) => {}
            RunState::Waiting { .. } if may_wait(evidence, run) => {}
            _ if run.created_at >= evidence.last_wall_of_chaos() => {}
            _ if evidence.has_just_begun(run) => {}
            state => found.push(format!("{} is still {} in the end", run.id, state.label())),
        }
    }
    found
}

/// Whether the story has a reason for this end, which is not success.
fn may_end_as(evidence: &Evidence, run: &Run, outcome: RunOutcome) -> bool {
    let Some(name) = Parsed::of(evidence, run.id.as_str()) else { return false };
    let job = &evidence.story.jobs[name.job];
    match outcome {
        RunOutcome::Failed => {
            let legs = evidence.sent_of(name.group).filter(|sent| sent.run == run.id.as_str());
            let mut newest_first = legs.collect::<Vec<_>>().into_iter().rev();
            // Of several jobs of one name the younger may have been nobody's.
            let of_interest = if evidence.story.suite == Suite::Beyond { usize::MAX } else { 1 };
            job.shape.is_fickle
                && newest_first
                    .by_ref()
                    .take(of_interest)
                    .any(|sent| sent.exited_badly() || sent.is_forgotten())
        }
        RunOutcome::Cancelled => {
            evidence.was_asked_to_end(run.id.as_str())
                || matches!(job.shape.overlap, "cancel-other" | "terminate-other")
                    && evidence.another_came_after(run, name.group)
        }
        RunOutcome::Skipped => !name.is_trigger && evidence.may_be_skipped(job, name.at),
        _ => false,
    }
}

/// What is asked for by hand may have to wait for what nobody asks for: that a pause ends, or for the
/// upstream run of a time that nobody fills in. And runs that go one by one wait for those before.
fn may_wait(evidence: &Evidence, run: &Run) -> bool {
    let Some(name) = Parsed::of(evidence, run.id.as_str()) else { return false };
    let shape = &evidence.story.jobs[name.job].shape;
    let is_backfill = run.trigger == Trigger::Backfill;
    let is_held =
        evidence.pauses().iter().any(|pause| pause.goes_on() && pause.holds(run.job.as_str()));
    let before =
        |other: &Run| other.job == run.job && other.state.is_open() && other.group() != run.group();
    is_backfill && (!shape.after.is_empty() || is_held)
        || shape.runs_one_by_one() && evidence.runs.iter().any(before)
}

fn may_be_unknown(evidence: &Evidence, run: &Run) -> bool {
    let hidden = |leg: &spotcron::run::Leg| {
        leg.job_id.as_ref().is_some_and(|id| evidence.hidden.contains(id))
    };
    run.legs.iter().any(hidden) || evidence.story.long_absence || evidence.clock_was_set
}

/// No job is at Batch that no run knows of.
pub fn what_is_at_batch_belongs_to_a_run(evidence: &Evidence) -> Vec<String> {
    let legs: BTreeSet<&str> =
        evidence.runs.iter().flat_map(|run| &run.legs).map(|leg| leg.batch_name.as_str()).collect();
    let names = evidence.by_name();
    let strange = names.keys().filter(|name| !legs.contains(**name));
    strange.map(|name| format!("{name} is at Batch and in no run")).collect()
}

/// A run that began so shortly before the end of the story may not have come to its own.
const TIME_TO_END: SignedDuration = SignedDuration::from_mins(60);

impl Evidence {
    /// Whether it waited for long, for its turn or its place, or was opened again at last.
    fn has_just_begun(&self, run: &Run) -> bool {
        let begins = |kind: &RunEventKind| {
            matches!(kind, RunEventKind::Released | RunEventKind::Retried { .. })
        };
        let (_, end) = self.stretches[self.stretches.len() - 1];
        let mut events = self.events.iter().filter(|event| event.run == run.id);
        events.any(|event| begins(&event.kind) && event.at >= end - TIME_TO_END)
    }

    /// What the daemon's clock showed when the faults ended, or a little before.
    fn last_wall_of_chaos(&self) -> jiff::Timestamp {
        let calm = self.stretches.iter().rev().nth(1);
        calm.map_or(self.story.calm_from, |(from, _)| *from)
    }
}
