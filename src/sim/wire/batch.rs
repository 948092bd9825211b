//! AWS Batch, REST with JSON (service model batch-2016-08-10).

mod arns;
mod definition_retry;
mod definitions;
mod describe;
mod environment_rules;
mod environments;
mod filter;
mod input;
mod list;
mod members;
mod overrides;
mod page;
mod pages;
#[cfg(test)]
mod place_stories;
mod queues;
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
        _ => places(state, call),
    }
}

/// Environments, queues and definitions.
fn places(state: &mut State, call: &Call) -> Result<Output, Fault> {
    let input = members::Members::of(call.json());
    let answer = match call.operation.as_str() {
        "CreateComputeEnvironment" => environments::create(state, &input),
        "UpdateComputeEnvironment" => environments::update(state, &input),
        "DescribeComputeEnvironments" => environments::describe(state, &input),
        "DeleteComputeEnvironment" => environments::delete(state, &input),
        "CreateJobQueue" => queues::create(state, &input),
        "UpdateJobQueue" => queues::update(state, &input),
        "DescribeJobQueues" => queues::describe(state, &input),
        "DeleteJobQueue" => queues::delete(state, &input),
        "RegisterJobDefinition" => definitions::register(state, &input),
        "DescribeJobDefinitions" => definitions::describe(state, &input),
        "DeregisterJobDefinition" => definitions::deregister(state, &input),
        _ => Err(call.unknown()),
    };
    answer.map(Output::Json)
}
