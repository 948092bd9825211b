//! ListJobs' filters. Source: API reference, ListJobs; simulated-aws.md §1.3.

use serde::Deserialize;

use crate::sim::instant::Millis;
use crate::sim::job::Job;
use crate::sim::state::State;
use crate::sim::wire::protocol::Fault;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct FilterInput {
    name: Option<String>,
    values: Option<Vec<String>>,
}

/// What a job must be like to be listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Filter {
    /// Whatever the case; with a trailing `*` the beginnings.
    Name(Vec<String>),
    /// Names of any revision, with a trailing `*` their beginnings; or ARNs of one revision.
    Definition(Vec<String>),
    CreatedBefore(Millis),
    CreatedAfter(Millis),
    /// No queue has a fair-share policy here, so no job has a share.
    Share,
}

impl Filter {
    /// The one filter of a request, if it has one.
    pub(super) fn of(filters: Option<Vec<FilterInput>>) -> Result<Option<Filter>, Fault> {
        let mut filters = filters.unwrap_or_default().into_iter();
        let Some(FilterInput { name, values }) = filters.next() else { return Ok(None) };
        if filters.next().is_some() {
            return Err(Fault::client("only one filter can be used at a time"));
        }
        let values = values.filter(|values| !values.is_empty());
        let values = values.ok_or_else(|| Fault::client("a filter needs values"))?;
        let filter = match name.as_deref().unwrap_or_default() {
            "JOB_NAME" => Filter::Name(values),
            "JOB_DEFINITION" => Filter::Definition(values),
            "BEFORE_CREATED_AT" => Filter::CreatedBefore(time(&values)?),
            "AFTER_CREATED_AT" => Filter::CreatedAfter(time(&values)?),
            "SHARE_IDENTIFIER" => Filter::Share,
            other => return Err(Fault::client(format!("filter name {other:?} is not valid"))),
        };
        Ok(Some(filter))
    }

    pub(super) fn lets_pass(&self, state: &State, job: &Job) -> bool {
        match self {
            Filter::Name(names) => {
                let name = job.name.to_lowercase();
                names.iter().any(|wanted| matches(&wanted.to_lowercase(), &name))
            }
            Filter::Definition(definitions) => definitions.iter().any(|wanted| {
                if wanted.starts_with("arn:") {
                    *wanted == state.definition_arn(&job.spec)
                } else {
                    matches(wanted, &job.spec.definition)
                }
            }),
            Filter::CreatedBefore(time) => job.created < *time,
            Filter::CreatedAfter(time) => job.created > *time,
            Filter::Share => false,
        }
    }

    /// The one name that is asked for, so that its index can be used.
    pub(super) fn exact_name(&self) -> Option<&str> {
        match self {
            Filter::Name(names) => match names.as_slice() {
                [name] if !name.ends_with('*') => Some(name),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Only a trailing `*` is special.
fn matches(wanted: &str, text: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(prefix) => text.starts_with(prefix),
        None => text == wanted,
    }
}

/// Milliseconds since 1970, as text.
fn time(values: &[String]) -> Result<Millis, Fault> {
    match values {
        [value] => value.parse().map_err(|_| {
            Fault::client(format!("filter value {value:?} is no time in milliseconds"))
        }),
        _ => Err(Fault::client("a time filter has one value")),
    }
}
