//! What the runs of one scheduled time share between them.

use std::sync::Arc;

use super::{Job, ParameterSet};
use crate::domain::IndexSet;

/// Batch's own limit on the children of an array.
pub const MAX_CHILDREN: u32 = 10_000;

/// The work of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Portion {
    /// `None` where the job has one run a scheduled time.
    pub set: Option<Arc<ParameterSet>>,
    /// For a job with `index_map`: which of its indices.
    pub indices: Option<IndexSet>,
}

/// An array whose workload reads its indices from a map, so that they may be spread over runs and
/// legs in any way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IndexMap {
    /// Indices go from 0 to one less.
    pub count: u32,
    /// A run has at most so many of them.
    pub chunk: u16,
}

impl IndexMap {
    pub fn all(self) -> IndexSet {
        IndexSet::range(0, self.count.saturating_sub(1))
    }

    fn chunks(self) -> impl Iterator<Item = IndexSet> {
        let step = u32::from(self.chunk.max(1));
        let last = self.count.saturating_sub(1);
        let firsts = (0..self.count).step_by(step as usize);
        firsts.map(move |first| IndexSet::range(first, last.min(first.saturating_add(step - 1))))
    }

    pub fn chunk_count(self) -> usize {
        self.count.div_ceil(u32::from(self.chunk.max(1))) as usize
    }
}

impl Job {
    /// How many containers a run of it begins with.
    pub fn containers(&self) -> u32 {
        let of_map = |map: IndexMap| map.count.min(map.chunk.into());
        let mapped = self.submission.index_map.map(of_map);
        mapped.or(self.submission.array_size.map(u32::from)).unwrap_or(1)
    }

    /// One for each run of a scheduled time: each parameter set with each chunk of its indices.
    pub fn portions(&self) -> Vec<Portion> {
        let sets = self.sets.iter().map(|set| Some(Arc::clone(set)));
        let sets: Vec<_> = if self.sets.is_empty() { vec![None] } else { sets.collect() };
        let Some(map) = self.submission.index_map else {
            return sets.into_iter().map(|set| Portion { set, indices: None }).collect();
        };
        if map.chunk_count() == 1 {
            let indices = map.chunks().next();
            let portion = |set| Portion { set, indices: indices.clone() };
            return sets.into_iter().map(portion).collect();
        }
        let mut portions = Vec::with_capacity(self.runs_each_time());
        for set in sets {
            let whole = set.unwrap_or_default();
            portions.extend(map.chunks().map(|indices| Portion {
                set: Some(Arc::new(whole.chunk(&indices))),
                indices: Some(indices),
            }));
        }
        portions
    }

    /// How many runs a scheduled time has.
    pub fn runs_each_time(&self) -> usize {
        self.sets.len().max(1) * self.submission.index_map.map_or(1, IndexMap::chunk_count)
    }
}
