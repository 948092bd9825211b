//! What Batch repeats of a resource that was made over its API, and the simulation has no other use
//! for.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Of a compute environment.
#[derive(Debug, Clone, Default)]
pub(crate) struct EnvironmentEcho {
    /// `computeResources` as it was given; empty for those of the scenario.
    pub(crate) compute_resources: Map<String, Value>,
    pub(crate) service_role: Option<String>,
    pub(crate) update_policy: Option<Value>,
    pub(crate) context: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
}

/// Of a job queue.
#[derive(Debug, Clone, Default)]
pub(crate) struct QueueEcho {
    /// The numbers in `computeEnvironmentOrder`; 1, 2, 3 when there are none.
    pub(crate) orders: Vec<i64>,
    pub(crate) tags: BTreeMap<String, String>,
}
