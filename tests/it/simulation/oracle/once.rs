//! No run is started twice.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::names::run_of;
use crate::simulation::life::Evidence;
use crate::simulation::story::Suite;

/// Within the bound. Beyond it, see `duplicates`.
pub fn no_name_is_accepted_twice(evidence: &Evidence) -> Vec<String> {
    if evidence.story.suite == Suite::Beyond {
        return Vec::new();
    }
    let names = evidence.by_name();
    let doubled = names.iter().filter(|(_, jobs)| jobs.len() > 1);
    doubled
        .map(|(name, jobs)| {
            let times: Vec<String> = jobs.iter().map(|job| job.at.to_string()).collect();
            format!("{name} was accepted {} times: {}", jobs.len(), times.join(", "))
        })
        .collect()
}

/// From its submission to its end a job of a run is the only one.
pub fn no_run_lives_twice_at_once(evidence: &Evidence) -> Vec<String> {
    if evidence.story.suite == Suite::Beyond {
        return Vec::new();
    }
    let mut runs: BTreeMap<&str, Vec<(Timestamp, Timestamp, &str)>> = BTreeMap::new();
    for life in &evidence.lives {
        let end = life.stopped_at.unwrap_or(Timestamp::MAX);
        runs.entry(run_of(&life.name)).or_default().push((life.created_at, end, &life.name));
    }
    let mut found = Vec::new();
    for lives in runs.values_mut() {
        lives.sort_unstable();
        for pair in lives.windows(2) {
            let ((_, end, first), (begin, _, second)) = (pair[0], pair[1]);
            if begin < end {
                found.push(format!(
                    "{second} was submitted at {begin}, while {first} lived to {end}"
                ));
            }
        }
    }
    found
}
