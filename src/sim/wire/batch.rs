//! AWS Batch, REST with JSON (service model batch-2016-08-10).

mod arns;
mod describe;
mod filter;
mod input;
mod list;
mod overrides;
mod page;
mod retry;
mod snapshot;
mod stop;
mod submit;
mod tags;
#[cfg(test)]
mod tests;

use super::protocol::{Call, Fault, Output};
use crate::sim::state::State;

pub(super) fn call(state: &mut State, call: &Call) -> Result<Output, Fault> {
    match call.operation.as_str() {
        "SubmitJob" => submit::submit_job(state, call),
        "DescribeJobs" => describe::describe_jobs(state, call),
        "ListJobs" => list::list_jobs(state, call),
        "CancelJob" => stop::cancel_job(state, call),
        "TerminateJob" => stop::terminate_job(state, call),
        "CancelJobs" => stop::cancel_jobs(state, call),
        "TerminateJobs" => stop::terminate_jobs(state, call),
        "GetJobQueueSnapshot" => snapshot::get_job_queue_snapshot(state, call),
        "TagResource" => tags::tag_resource(state, call),
        "UntagResource" => tags::untag_resource(state, call),
        "ListTagsForResource" => tags::list_tags_for_resource(state, call),
        _ => Err(call.unknown()),
    }
}
