//! ListJobs.

use serde::Deserialize;
use serde_json::{Value, json};

use super::describe::{array_properties, present};
use super::filter::{Filter, FilterInput};
use super::input::read;
use super::page;
use crate::domain::{BatchJobId, BatchStatus};
use crate::sim::job::{Job, JobKey, QueueIx};
use crate::sim::state::State;
use crate::sim::wire::protocol::{Call, Fault, Output};

/// Jobs on a page by status, and with a filter (API reference, ListJobs).
const PAGE_BY_STATUS: usize = 1_000;
const PAGE_FILTERED: usize = 100;

const STATUSES: [BatchStatus; 7] = [
    BatchStatus::Submitted,
    BatchStatus::Pending,
    BatchStatus::Runnable,
    BatchStatus::Starting,
    BatchStatus::Running,
    BatchStatus::Succeeded,
    BatchStatus::Failed,
];

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ListJobs {
    job_queue: Option<String>,
    array_job_id: Option<String>,
    multi_node_job_id: Option<String>,
    job_status: Option<String>,
    max_results: Option<i32>,
    next_token: Option<String>,
    filters: Option<Vec<FilterInput>>,
}

/// Whose jobs are listed.
enum Source {
    Queue(QueueIx),
    Children(JobKey),
    /// An id that is unknown, or not of that kind of job.
    Nothing,
}

pub(super) fn list_jobs(state: &State, call: &Call) -> Result<Output, Fault> {
    let request: ListJobs = read(call)?;
    let source = source(state, &request)?;
    let identity = identity(&request, call);
    let wanted = request.job_status.as_deref().map(status).transpose()?;
    let filter = Filter::of(request.filters)?;
    let limit = limit(request.max_results, filter.is_some())?;
    // An empty token is none: paginators pass on what they were given.
    let token = request.next_token.filter(|token| !token.is_empty());
    let position = token.map(|token| page::position(state.seed, &identity, &token)).transpose()?;
    let wanted = match filter {
        // With a filter every status is listed (simulated-aws.md §1.3).
        Some(_) => None,
        None => Some(wanted.unwrap_or(BatchStatus::Running)),
    };
    let lets_pass = |job: &Job| {
        wanted.is_none_or(|status| job.status() == status)
            && filter.as_ref().is_none_or(|filter| filter.lets_pass(state, job))
            && state.is_listed_yet(job)
    };
    let rows: Box<dyn Iterator<Item = (u64, JobKey, &Job)>> = match source {
        Source::Queue(queue) => queue_rows(state, queue, position, filter.as_ref()),
        Source::Children(_) if filter.is_some() => {
            return Err(Fault::client("filters do not apply to array children"));
        }
        Source::Children(parent) => child_rows(state, parent, position),
        Source::Nothing => Box::new(std::iter::empty()),
    };
    let mut rows = rows.filter(|(_, _, job)| lets_pass(job)).peekable();
    let mut summaries = Vec::new();
    let mut last = 0;
    while let Some((at, key, job)) = rows.next_if(|_| summaries.len() < limit) {
        summaries.push(state.summary(key, job));
        last = at;
    }
    let next = rows.peek().map(|_| page::token(state.seed, &identity, last));
    let answer = present([("jobSummaryList", json!(summaries)), ("nextToken", json!(next))]);
    Ok(Output::Json(Value::Object(answer)))
}

/// Exactly one of three says whose jobs are listed.
fn source(state: &State, request: &ListJobs) -> Result<Source, Fault> {
    let find = |id: &str| state.jobs.find(&BatchJobId::from(id));
    match (&request.job_queue, &request.array_job_id, &request.multi_node_job_id) {
        (Some(queue), None, None) => {
            let found = state.find_queue(queue).map(Source::Queue);
            found.ok_or_else(|| Fault::client(format!("JobQueue {queue} not found")))
        }
        (None, Some(id), None) => Ok(find(id).map_or(Source::Nothing, Source::Children)),
        (None, None, Some(_)) => Ok(Source::Nothing),
        _ => {
            let message = "exactly one of jobQueue, arrayJobId and multiNodeJobId must be provided";
            Err(Fault::client(message))
        }
    }
}

fn status(label: &str) -> Result<BatchStatus, Fault> {
    let found = STATUSES.into_iter().find(|status| status.label() == label);
    found.ok_or_else(|| Fault::client(format!("jobStatus {label:?} is not valid")))
}

/// What a token belongs to: everything that was asked but for the page.
fn identity(request: &ListJobs, call: &Call) -> String {
    let (queue, array) = (&request.job_queue, &request.array_job_id);
    let filters = call.json().get("filters");
    format!("{queue:?} {array:?} {:?} {filters:?}", request.job_status)
}

fn limit(asked: Option<i32>, filtered: bool) -> Result<usize, Fault> {
    let most = if filtered { PAGE_FILTERED } else { PAGE_BY_STATUS };
    match asked {
        None => Ok(most),
        Some(asked) if asked < 1 => Err(Fault::client("maxResults must be at least 1")),
        Some(asked) => Ok(usize::try_from(asked).unwrap_or(most).min(most)),
    }
}

type Rows<'a> = Box<dyn Iterator<Item = (u64, JobKey, &'a Job)> + 'a>;

/// Newest first, without array children. The position is the key of the last job before.
fn queue_rows<'a>(
    state: &'a State,
    queue: QueueIx,
    position: Option<u64>,
    filter: Option<&Filter>,
) -> Rows<'a> {
    let before = position.unwrap_or(JobKey::MAX);
    match filter.and_then(Filter::exact_name) {
        Some(name) => {
            let keys = state.jobs.keys_named(queue, name).iter().rev().copied();
            let jobs = keys.filter_map(|key| Some((key, key, state.jobs.get(key)?)));
            Box::new(jobs.filter(move |(key, _, _)| *key < before))
        }
        None => Box::new(state.jobs.listed(queue, before).map(|(key, job)| (key, key, job))),
    }
}

/// By index. The position is the index of the last child before.
fn child_rows(state: &State, parent: JobKey, position: Option<u64>) -> Rows<'_> {
    let array = state.jobs.get(parent).and_then(|job| job.array.as_ref());
    let children = array.map(|array| array.children.as_slice()).unwrap_or_default();
    let children = (0..)
        .zip(children)
        .skip_while(move |(index, _)| position.is_some_and(|position| *index <= position));
    Box::new(children.filter_map(|(index, key)| Some((index, *key, state.jobs.get(*key)?))))
}

impl State {
    /// Whether a job is old enough for the listing, which lags behind.
    fn is_listed_yet(&self, job: &Job) -> bool {
        job.listed_from <= self.now
    }

    /// `JobSummary`.
    fn summary(&self, key: JobKey, job: &Job) -> Value {
        let container = job.attempts.last().map(|attempt| {
            let container = &attempt.container;
            present([("exitCode", json!(container.exit_code)), ("reason", json!(container.reason))])
        });
        // "This field is only present when the value is true."
        let only_true = |holds: bool| json!(holds.then_some(true));
        Value::Object(present([
            ("jobArn", json!(self.job_arn(job.id.as_str()))),
            ("jobId", json!(job.id.as_str())),
            ("jobName", json!(job.name)),
            ("jobDefinition", json!(self.definition_arn(&job.spec))),
            ("status", json!(job.status().label())),
            ("statusReason", json!(self.status_reason(key, job))),
            ("createdAt", json!(job.created)),
            ("startedAt", json!(job.started)),
            ("stoppedAt", json!(job.stopped)),
            ("container", json!(container)),
            ("arrayProperties", json!(array_properties(job))),
            ("isCancelled", only_true(job.cancelled)),
            ("isTerminated", only_true(job.terminated)),
        ]))
    }
}
