//! Nothing starts before what it waits for has ended as it must.

use jiff::Timestamp;
use spotcron::domain::Condition;
use spotcron::run::Trigger;

use super::names::{Parsed, run_id};
use crate::simulation::life::Evidence;
use crate::simulation::story::Suite;

/// Judged at each submission, by what the account itself knew at that moment. Within the bound.
pub fn nothing_starts_before_what_it_waits_for(evidence: &Evidence) -> Vec<String> {
    if evidence.story.suite == Suite::Beyond {
        return Vec::new();
    }
    let mut found = Vec::new();
    for sent in &evidence.sent {
        let Some(name) = Parsed::of(evidence, &sent.run) else { continue };
        // Whoever asks for a run by hand, or for it again, wants it now.
        if name.is_trigger || evidence.was_retried(&sent.run) {
            continue;
        }
        for (upstream, when) in &evidence.story.jobs[name.job].shape.after {
            if let Some(wrong) = broken(evidence, *upstream, *when, name.at, sent.at) {
                found.push(format!("{} was submitted at {}, and {wrong}", sent.name, sent.at));
            }
        }
    }
    found
}

/// What at `now` keeps a run from starting that runs after `upstream`'s of `due`.
fn broken(
    evidence: &Evidence,
    upstream: usize,
    when: Condition,
    due: Timestamp,
    now: Timestamp,
) -> Option<String> {
    let job = &evidence.story.jobs[upstream];
    let group = run_id(&job.name, due);
    let mut runs = evidence.runs_of(&group);
    let changed =
        runs.any(|run| run.trigger == Trigger::Backfill || evidence.was_retried(run.id.as_str()));
    if evidence.is_vague(&group) || changed {
        return None;
    }
    let all_well = evidence.succeeded_by(job, &group, now);
    let to_come = evidence.sent_of(&group).find(|sent| sent.end().is_none_or(|(at, _)| at > now));
    match (when, to_come) {
        (_, Some(sent)) => Some(format!("{} had not ended", sent.name)),
        (Condition::Succeeded, None) if !all_well => Some(format!("{group} had not succeeded")),
        (Condition::Failed, None) if all_well => Some(format!("{group} had succeeded")),
        _ => None,
    }
}
