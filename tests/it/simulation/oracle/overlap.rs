//! Of a job whose policy lets no two runs be under way at once, no two are at Batch at once.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::names::{Parsed, run_of};
use crate::simulation::life::Evidence;
use crate::simulation::story::Suite;

/// From its submission to its end a job of one scheduled time is alone with those of its sets, whoever
/// asked for it. Within the bound.
pub fn no_two_times_of_a_job_live_at_once(evidence: &Evidence) -> Vec<String> {
    if evidence.story.suite == Suite::Beyond {
        return Vec::new();
    }
    let mut jobs: BTreeMap<usize, Vec<(Timestamp, Timestamp, &str)>> = BTreeMap::new();
    for life in &evidence.lives {
        let Some(name) = Parsed::of(evidence, run_of(&life.name)) else { continue };
        let one_by_one = evidence.story.jobs[name.job].shape.runs_one_by_one();
        if one_by_one && !evidence.is_vague(name.group) {
            let end = life.stopped_at.unwrap_or(Timestamp::MAX);
            jobs.entry(name.job).or_default().push((life.created_at, end, name.group));
        }
    }
    let mut found = Vec::new();
    for lives in jobs.values_mut() {
        lives.sort_unstable();
        for (place, (_, end, first)) in lives.iter().enumerate() {
            let others = lives[place + 1..].iter().take_while(|(begin, ..)| begin < end);
            found.extend(others.filter(|(.., second)| second != first).map(
                |(begin, _, second)| {
                    format!("{second} was submitted at {begin}, while {first} lived to {end}")
                },
            ));
        }
    }
    found
}
