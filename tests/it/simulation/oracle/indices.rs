//! Each index of an array is done once.

use std::collections::BTreeMap;

use jiff::Timestamp;
use spotcron::domain::RunOutcome;
use spotcron::run::RunState;

use super::names::Parsed;
use crate::simulation::life::Evidence;
use crate::simulation::story::Suite;

/// An index whose child succeeded is in no later submission, and a run that succeeded has done all of
/// its own. Within the bound, and of what Batch remembers.
pub fn no_index_is_done_again_and_none_forgotten(evidence: &Evidence) -> Vec<String> {
    if evidence.story.suite == Suite::Beyond {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut done: BTreeMap<(&str, u32), Timestamp> = BTreeMap::new();
    for sent in &evidence.sent {
        for index in &sent.indices {
            if let Some(at) = done.get(&(&*sent.run, *index)).filter(|at| **at <= sent.at) {
                found.push(format!("{} repeats index {index}, done at {at}", sent.name));
            }
        }
        for (index, at) in sent.succeeded() {
            if done.insert((&sent.run, index), at).is_some() {
                found.push(format!("index {index} of {} succeeded twice", sent.run));
            }
        }
    }
    let succeeded = RunOutcome::Succeeded;
    for run in &evidence.runs {
        let well = matches!(run.state, RunState::Ended { outcome, .. } if outcome == succeeded);
        let name = Parsed::of(evidence, run.id.as_str());
        let Some(name) = name.filter(|name| well && !evidence.is_vague(name.group)) else {
            continue;
        };
        let first = evidence.sent.iter().find(|sent| sent.run == run.id.as_str());
        let all = first.map(|sent| sent.indices.clone()).unwrap_or_default();
        let missing = all.iter().filter(|index| !done.contains_key(&(run.id.as_str(), **index)));
        found.extend(missing.map(|index| {
            format!("{} succeeded without index {index}; its time is {}", run.id, name.at)
        }));
    }
    found
}
