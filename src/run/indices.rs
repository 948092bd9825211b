//! Arrays whose workload reads its indices from a map: which indices a run has, what its children
//! show of them, and so what a further leg carries.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::AttemptRecord;
use super::classify::STOP_PREFIX;
use super::records::{is_time_limit_cancel, rank_of_end};
use crate::catalogue::MAX_CHILDREN;
use crate::domain::{AttemptEnd, BatchStatus, IndexSet, JobObservation};
use crate::mutation::{self, Mutation};

/// The environment variable with the indices of a leg, `3,7-9,120`: child `n` works on the `n`-th of
/// them, counted from 0; a job that is no array on the only one.
pub const INDEX_MAP_VARIABLE: &str = "SPOTCRON_INDEX_MAP";
/// The environment variable that says how many indices the job has in all its runs.
pub const INDEX_COUNT_VARIABLE: &str = "SPOTCRON_INDEX_COUNT";

/// The indices of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Indices {
    /// How many the job has in all its runs of one scheduled time.
    pub of: u32,
    /// Those of this run.
    pub assigned: IndexSet,
    /// Of these, whose child was seen to succeed. They are never sent again.
    pub done: IndexSet,
}

impl Indices {
    pub fn new(of: u32, assigned: IndexSet) -> Self {
        Indices { of, assigned, done: IndexSet::default() }
    }

    /// What the next leg carries.
    pub fn left(&self) -> IndexSet {
        match mutation::active(Mutation::FinishedIndexAgain) {
            true => self.assigned.clone(),
            false => self.assigned.without(&self.done),
        }
    }
}

/// The children of an array that carries `indices`. `None` for a single one: Batch has no array of one.
///
/// # Errors
/// Batch has no array that carries them, in a sentence: there is none, or there are too many. A run from
/// before its job had a map has all of the job's indices; newer runs share them.
pub fn children_for(indices: &IndexSet) -> Result<Option<u16>, String> {
    match indices.len() {
        0 => Err("none of its indices is left to do".to_owned()),
        1 => Ok(None),
        count => match u16::try_from(count) {
            Ok(children) if count <= MAX_CHILDREN => Ok(Some(children)),
            _ => Err(format!(
                "{count} indices are left to do, and an array at Batch has at most {MAX_CHILDREN} \
                 children: the run is older than its job's `index_map`; `spotcron trigger` makes new \
                 runs, which share them"
            )),
        },
    }
}

/// What the children of a leg show of its indices.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    pub done: IndexSet,
    /// Children that wait to be placed, also for a repetition.
    pub waiting: u32,
    /// When each child that is placed started; `None` while it starts.
    pub placed: Vec<Option<Timestamp>>,
    /// When a child last started or ended.
    pub last_change: Option<Timestamp>,
    /// Of the children that failed, the end that decides.
    pub worst: Option<AttemptEnd>,
    /// Whether some were called off while they waited: by spotcron, or by their queue.
    pub some_called_off: bool,
    /// Whether Batch failed some without an attempt, and nobody had asked for that.
    pub some_unexplained: bool,
    /// Whether Batch does not show some.
    pub some_missing: bool,
}

/// The progress of a leg with these `indices`, from its `children` in order and the `records` of their
/// attempts.
pub fn progress(
    indices: &IndexSet,
    children: &[Option<&JobObservation>],
    records: &[AttemptRecord],
) -> Progress {
    let mut newest: BTreeMap<Option<u32>, &AttemptRecord> = BTreeMap::new();
    for record in records.iter().filter(|record| record.end.is_some()) {
        newest.insert(record.key.child, record);
    }
    let mut seen = Progress::default();
    let mut done = Vec::new();
    for ((place, index), child) in (0..).zip(indices.iter()).zip(children) {
        let Some(child) = child else {
            seen.some_missing = true;
            continue;
        };
        let attempts = child.attempts.iter().flat_map(|a| [a.started_at, a.stopped_at]);
        let changes = attempts.chain([child.started_at, child.stopped_at]).flatten();
        seen.last_change = changes.chain(seen.last_change).max();
        match child.status {
            BatchStatus::Succeeded => done.push(index),
            BatchStatus::Failed => {
                seen.note_failed(child, newest.get(&Some(place)).and_then(|record| record.end));
            }
            BatchStatus::Starting => seen.placed.push(None),
            BatchStatus::Running => seen.placed.push(child.started_at),
            status if status.is_waiting() => seen.waiting += 1,
            _ => {}
        }
    }
    seen.some_missing |= children.len() < indices.len() as usize;
    seen.done = done.into_iter().collect();
    seen
}

impl Progress {
    fn note_failed(&mut self, child: &JobObservation, end: Option<AttemptEnd>) {
        let ours = child.status_reason.as_deref().is_some_and(|r| r.starts_with(STOP_PREFIX));
        let was_placed = matches!(end, Some(AttemptEnd::Stopped));
        let end = match end {
            // Called off while it waited, for its first attempt or a repetition.
            _ if (ours || is_time_limit_cancel(child)) && !was_placed => {
                self.some_called_off = true;
                return;
            }
            None if child.stop_requested => AttemptEnd::Stopped,
            None => {
                self.some_unexplained = true;
                return;
            }
            Some(end) => end,
        };
        let worse = self.worst.is_none_or(|known| rank_of_end(end) < rank_of_end(known));
        if worse {
            self.worst = Some(end);
        }
    }
}
