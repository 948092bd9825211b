//! Tags of jobs: TagResource, UntagResource, ListTagsForResource.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use super::input::{read, required};
use crate::domain::BatchJobId;
use crate::sim::job::JobKey;
use crate::sim::state::State;
use crate::sim::wire::protocol::{Call, Fault, Output};

/// AWS's limit of tags of one resource.
const MOST_TAGS: usize = 50;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Request {
    resource_arn: Option<String>,
    tags: Option<BTreeMap<String, String>>,
    tag_keys: Option<Vec<String>>,
}

pub(super) fn tag_resource(state: &mut State, call: &Call) -> Result<Output, Fault> {
    let request: Request = read(call)?;
    let key = state.tagged_job(request.resource_arn)?;
    let tags = request.tags.filter(|tags| !tags.is_empty());
    let tags = tags.ok_or_else(|| Fault::client("tags must be provided"))?;
    check(&tags)?;
    if let Some(job) = state.jobs.get_mut(key) {
        let mut all = job.tags().clone();
        all.extend(tags);
        if all.len() > MOST_TAGS {
            return Err(Fault::client(format!("a job can have at most {MOST_TAGS} tags")));
        }
        job.retagged = Some(all);
    }
    Ok(Output::Json(json!({})))
}

pub(super) fn untag_resource(state: &mut State, call: &Call) -> Result<Output, Fault> {
    let request: Request = read(call)?;
    let key = state.tagged_job(request.resource_arn)?;
    let keys = request.tag_keys.unwrap_or_default();
    if keys.is_empty() || keys.len() > MOST_TAGS {
        return Err(Fault::client(format!("tagKeys must name 1 to {MOST_TAGS} tags")));
    }
    if let Some(job) = state.jobs.get_mut(key) {
        let mut left = job.tags().clone();
        left.retain(|tag, _| !keys.contains(tag));
        job.retagged = Some(left);
    }
    Ok(Output::Json(json!({})))
}

pub(super) fn list_tags_for_resource(state: &State, call: &Call) -> Result<Output, Fault> {
    let key = state.tagged_job(read::<Request>(call)?.resource_arn)?;
    let tags = state.jobs.get(key).map(|job| job.tags().clone()).unwrap_or_default();
    Ok(Output::Json(json!({ "tags": tags })))
}

impl State {
    /// The job of an ARN. Those of array children are not supported (API reference, TagResource).
    fn tagged_job(&self, arn: Option<String>) -> Result<JobKey, Fault> {
        let arn = required("resourceArn", arn)?;
        let id = arn.strip_prefix(&self.job_arn("")).filter(|id| !id.contains(':'));
        let key = id.and_then(|id| self.jobs.find(&BatchJobId::from(id)));
        key.ok_or_else(|| Fault::client(format!("resource {arn} not found")))
    }
}

/// AWS's rules for tags, but for their number. Source: AWS Batch user guide, "Tag restrictions".
pub(super) fn check(tags: &BTreeMap<String, String>) -> Result<(), Fault> {
    let legal = |text: &str| {
        text.chars().all(|c| c.is_alphanumeric() || c == ' ' || "+-=._:/@".contains(c))
    };
    let reserved =
        |text: &str| text.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:"));
    for (key, value) in tags {
        let (long_key, long_value) = (key.chars().count() > 128, value.chars().count() > 256);
        let wrong = key.is_empty() || long_key || long_value || !legal(key) || !legal(value);
        if wrong || reserved(key) || reserved(value) {
            return Err(Fault::client(format!("tag {key:?} is not valid")));
        }
    }
    Ok(())
}
