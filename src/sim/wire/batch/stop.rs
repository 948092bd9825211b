//! CancelJob and TerminateJob, also of many.

use serde::Deserialize;
use serde_json::{Value, json};

use super::arns::is_job_id;
use super::input::{read, required};
use crate::domain::BatchJobId;
use crate::sim::job::JobKey;
use crate::sim::state::State;
use crate::sim::wire::protocol::{Call, Fault, Output};

/// Longest reason, in characters, and most jobs at once (API reference, CancelJobs).
const LONGEST_REASON: usize = 1_024;
const MOST_JOBS: usize = 50;

type Effect = fn(&mut State, JobKey, &str);

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Stop {
    job_id: Option<String>,
    jobs: Option<Vec<String>>,
    reason: Option<String>,
}

pub(super) fn cancel_job(state: &mut State, call: &Call) -> Result<Output, Fault> {
    one(state, call, State::cancel)
}

pub(super) fn terminate_job(state: &mut State, call: &Call) -> Result<Output, Fault> {
    one(state, call, State::terminate)
}

pub(super) fn cancel_jobs(state: &mut State, call: &Call) -> Result<Output, Fault> {
    many(state, call, State::cancel)
}

pub(super) fn terminate_jobs(state: &mut State, call: &Call) -> Result<Output, Fault> {
    many(state, call, State::terminate)
}

fn reason(reason: Option<String>) -> Result<String, Fault> {
    let reason = required("reason", reason)?;
    if reason.chars().count() > LONGEST_REASON {
        return Err(Fault::client(format!("reason is longer than {LONGEST_REASON} characters")));
    }
    Ok(reason)
}

fn one(state: &mut State, call: &Call, effect: Effect) -> Result<Output, Fault> {
    let request: Stop = read(call)?;
    let id = required("jobId", request.job_id)?;
    let reason = reason(request.reason)?;
    apply(state, &id, &reason, effect).map_err(Fault::client)?;
    Ok(Output::Json(json!({})))
}

/// Each job has its own result; the call itself succeeds.
fn many(state: &mut State, call: &Call, effect: Effect) -> Result<Output, Fault> {
    let request: Stop = read(call)?;
    let ids = request.jobs.unwrap_or_default();
    if ids.is_empty() || ids.len() > MOST_JOBS {
        return Err(Fault::client(format!("jobs must name 1 to {MOST_JOBS} jobs")));
    }
    let reason = reason(request.reason)?;
    let (mut successful, mut errors): (Vec<Value>, Vec<Value>) = (Vec::new(), Vec::new());
    for id in ids {
        match apply(state, &id, &reason, effect) {
            Ok(()) => successful.push(json!(id)),
            Err(message) => {
                errors
                    .push(json!({ "job": id, "code": "ValidationException", "message": message }));
            }
        }
    }
    Ok(Output::Json(json!({ "successful": successful, "errors": errors })))
}

/// "Jobs that can't be found are treated as successfully processed" (API reference, CancelJobs).
fn apply(state: &mut State, id: &str, reason: &str, effect: Effect) -> Result<(), String> {
    if !is_job_id(id) {
        return Err(format!("{id:?} is not a job id"));
    }
    if let Some(key) = state.jobs.find(&BatchJobId::from(id)) {
        effect(state, key, reason);
    }
    Ok(())
}
