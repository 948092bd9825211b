//! A scheduled time has one run for each parameter set and each chunk of its indices.

use std::collections::{BTreeMap, BTreeSet};

use spotcron::run::Run;

use super::names::Parsed;
use crate::simulation::life::Evidence;
use crate::simulation::shape::{Portion, told};

/// By what each run's workload was told of its set and its indices; only of a run that never came to
/// Batch by what the daemon wrote.
pub fn every_set_of_a_time_has_its_one_run(evidence: &Evidence) -> Vec<String> {
    let mut first: BTreeMap<&str, Portion> = BTreeMap::new();
    let mut found = Vec::new();
    for sent in &evidence.sent {
        let whole = (sent.set.clone(), sent.indices.clone());
        let known = first.entry(&sent.run).or_insert(whole);
        if known.0 != sent.set || sent.indices.iter().any(|index| !known.1.contains(index)) {
            found.push(format!("{} got another run's work", sent.name));
        }
    }
    let mut groups: BTreeMap<&str, (usize, BTreeMap<&str, Portion>)> = BTreeMap::new();
    let written = evidence.runs.iter().map(|run| (run.id.as_str(), portion_of(run)));
    for (run, portion) in written.chain(first) {
        let Some(name) = Parsed::of(evidence, run) else { continue };
        groups.entry(name.group).or_insert((name.job, BTreeMap::new())).1.insert(run, portion);
    }
    for (group, (job, runs)) in groups {
        let expected: BTreeSet<Portion> =
            evidence.story.jobs[job].shape.portions().into_iter().collect();
        let seen: BTreeSet<Portion> = runs.values().cloned().collect();
        if seen != expected || runs.len() != expected.len() {
            found.push(format!("{group} has {} runs with {seen:?}, not {expected:?}", runs.len()));
        }
    }
    found
}

fn portion_of(run: &Run) -> Portion {
    let set = run.set.as_ref().map(|set| told(&set.fields)).unwrap_or_default();
    let indices = run.indices.as_ref().map(|indices| indices.assigned.iter().collect());
    (set, indices.unwrap_or_default())
}
