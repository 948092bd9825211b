//! Every run comes to an end that it may have.

use std::collections::BTreeSet;

use spotcron::domain::RunOutcome;
use spotcron::run::{Run, RunState};

use super::run_of;
use crate::simulation::life::Evidence;

/// A run that was due before the calm is over when the story is, and succeeded, for nothing fails by
/// itself. It may be unknown only where Batch forgot or hid its job, where nobody looked for longer
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
            _ if run.created_at >= evidence.last_wall_of_chaos() => {}
            state => found.push(format!("{} is still {} in the end", run.id, state.label())),
        }
    }
    found
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

impl Evidence {
    /// What the daemon's clock showed when the faults ended, or a little before.
    fn last_wall_of_chaos(&self) -> jiff::Timestamp {
        let calm = self.stretches.iter().rev().nth(1);
        calm.map_or(self.story.calm_from, |(from, _)| *from)
    }
}
