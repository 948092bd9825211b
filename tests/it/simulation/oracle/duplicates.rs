//! Beyond the bound a run may be sent twice. Then that is noticed, told once, and ended.

use std::collections::{BTreeMap, BTreeSet};

use spotcron::run::RunEventKind;

use crate::simulation::life::Evidence;

pub fn every_duplicate_is_noticed_and_terminated(evidence: &Evidence) -> Vec<String> {
    let mut told: BTreeMap<&str, usize> = BTreeMap::new();
    for event in &evidence.events {
        if let RunEventKind::DuplicateFound { terminated, .. } = &event.kind {
            *told.entry(terminated.as_str()).or_default() += 1;
        }
    }
    let live: BTreeSet<&str> = evidence
        .lives
        .iter()
        .filter(|life| life.stopped_at.is_none())
        .map(|life| life.id.as_str())
        .collect();
    let mut found = Vec::new();
    for (name, jobs) in evidence.by_name().into_iter().filter(|(_, jobs)| jobs.len() > 1) {
        let untold: Vec<&str> =
            jobs.iter().map(|job| job.id.as_str()).filter(|id| !told.contains_key(id)).collect();
        if untold.len() > 1 {
            found.push(format!("{name} is there {} times; nobody noticed {untold:?}", jobs.len()));
        }
        let told_live = jobs.iter().filter(|job| told.contains_key(job.id.as_str()));
        found.extend(
            told_live
                .filter(|job| live.contains(job.id.as_str()))
                .map(|job| format!("the duplicate {} of {name} still lives", job.id)),
        );
    }
    let repeated = told.iter().filter(|(_, times)| **times > 1);
    found.extend(repeated.map(|(id, times)| format!("the duplicate {id} was told {times} times")));
    found
}
