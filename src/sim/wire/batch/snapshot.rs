//! GetJobQueueSnapshot.

use serde::Deserialize;
use serde_json::json;

use super::input::{read, required};
use crate::domain::BatchStatus;
use crate::sim::job::Job;
use crate::sim::state::State;
use crate::sim::wire::protocol::{Call, Fault, Output};

/// How much of the front of a queue is shown.
const FRONT: usize = 100;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct GetJobQueueSnapshot {
    job_queue: Option<String>,
}

pub(super) fn get_job_queue_snapshot(state: &State, call: &Call) -> Result<Output, Fault> {
    let name = required("jobQueue", read::<GetJobQueueSnapshot>(call)?.job_queue)?;
    let ix = state.find_queue(&name);
    let queue = ix.and_then(|ix| state.queues.get(ix));
    let queue = queue.ok_or_else(|| Fault::client(format!("JobQueue {name} not found")))?;
    let waiting = queue.waiting.all().iter().take(FRONT);
    let front = waiting.filter_map(|(order, key)| {
        let job = state.jobs.get(*key)?;
        Some(json!({
            "jobArn": state.job_arn(job.id.as_str()),
            "earliestTimeAtPosition": queue.positions.since(*order, job.queued),
        }))
    });
    let dispatched = |job: &&Job| {
        let placed = matches!(job.status(), BatchStatus::Starting | BatchStatus::Running);
        // An array's parent has no container of its own.
        placed && Some(job.queue) == ix && job.array.is_none()
    };
    let millis: u64 = state
        .jobs
        .all()
        .filter(dispatched)
        .map(|job| u64::from(job.spec.resources.vcpu_millis))
        .sum();
    Ok(Output::Json(json!({
        "frontOfQueue": { "jobs": front.collect::<Vec<_>>(), "lastUpdatedAt": state.now },
        "queueUtilization": {
            "totalCapacityUsage": [{ "capacityUnit": "VCPU", "quantity": millis as f64 / 1000.0 }],
            "lastUpdatedAt": state.now,
        },
    })))
}
