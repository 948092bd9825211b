//! How many calls to the cloud were made and how they ended, since the process started.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::shared::lock;
use crate::metrics::ApiCalls;

/// Counts by operation and outcome.
#[derive(Debug, Default)]
pub struct CallLog {
    counts: Mutex<BTreeMap<(String, &'static str), u64>>,
}

impl CallLog {
    /// `outcome` is of a closed set: `ok`, or a kind of failure.
    pub fn count(&self, operation: &str, outcome: &'static str) {
        *lock(&self.counts).entry((operation.to_owned(), outcome)).or_default() += 1;
    }

    pub fn gauges(&self) -> Vec<ApiCalls> {
        let counts = lock(&self.counts);
        let row = |((operation, outcome), count): (&(String, &'static str), &u64)| ApiCalls {
            operation: operation.clone(),
            outcome,
            count: *count,
        };
        counts.iter().map(row).collect()
    }
}
