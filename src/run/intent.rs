//! From a chosen environment to the one SubmitJob call of a leg, with a name that can be looked up.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use sha2::{Digest, Sha256};

use crate::catalogue::{
    Class, Environment, EvaluateOnExit, Filled, Job, RetryOwner, RetryStrategy,
};
use crate::domain::{BatchJobName, Redacted, Resources, RunId, Site};
use crate::template::{Facts, FillError};

use super::{INDEX_COUNT_VARIABLE, INDEX_MAP_VARIABLE, Leg, Run, Trigger};

/// One SubmitJob call.
#[derive(Debug, Clone)]
pub struct SubmitRequest {
    pub site: Site,
    pub name: BatchJobName,
    /// Name or ARN.
    pub queue: String,
    pub definition: String,
    pub parameters: BTreeMap<String, Redacted>,
    pub environment: BTreeMap<String, Redacted>,
    pub command: Option<Vec<String>>,
    pub resources: Option<Resources>,
    pub array_size: Option<u16>,
    /// Always sent: one attempt where spotcron owns the retries.
    pub retry_strategy: Option<RetryStrategy>,
    pub timeout: Option<SignedDuration>,
    pub share_identifier: Option<String>,
    pub scheduling_priority: Option<u16>,
    pub tags: BTreeMap<String, String>,
}

/// Tag on every job that spotcron submits.
pub const MANAGED_BY_TAG: (&str, &str) = ("managed-by", "spotcron");
/// Tag, and environment variable, that carry the run's id to the workload.
pub const RUN_TAG: &str = "spotcron-run";
pub const RUN_VARIABLE: &str = "SPOTCRON_RUN_ID";

/// Batch allows 128 characters; the name ends with `-l<leg>-<8 hex>`.
const MAX_NAME: usize = 128;

/// The deterministic name of a leg: `<run>-l<leg>-<hash>`. The hash covers the account that the job
/// is in (`scope`, or that of the site's role), the region, the run (job and scheduled time), what triggered it, and the leg, so that no two
/// catalogues or triggers can collide in a shared queue.
/// Comparable in any case: Batch's name filter ignores case.
pub fn batch_job_name(
    scope: &str,
    site: &Site,
    run: &RunId,
    trigger: Trigger,
    leg: u16,
) -> BatchJobName {
    let account = site.role.as_ref().map_or(scope, |role| role.arn.account());
    let (region, trigger) = (&site.region, trigger.label());
    let digest = Sha256::digest(format!("{account}\n{region}\n{run}\n{trigger}\n{leg}"));
    let hash: String = digest[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    let tail = format!("-l{leg}-{hash}");
    let head: String = run.as_str().chars().take(MAX_NAME - tail.len()).collect();
    BatchJobName::new(format!("{head}{tail}"))
}

/// The values that the job's submission has for this run: the same in each of its legs, as long as
/// nobody edits the job.
///
/// # Errors
/// A template names what the run does not have, because the job was edited since.
pub fn filled(run: &Run, job: &Job) -> Result<Filled, FillError> {
    job.submission.filled(facts(run, job))
}

/// What its templates are filled with.
pub(super) fn facts<'a>(run: &'a Run, job: &'a Job) -> Facts<'a> {
    static NONE: BTreeMap<String, String> = BTreeMap::new();
    Facts {
        run: &run.id,
        job: &run.job,
        scheduled_for: run.scheduled_for,
        zone: &job.schedule.time_zone,
        previous_success: run.previous_success,
        set: run.set.as_ref().map_or(&NONE, |set| &set.fields),
    }
}

/// The call that submits `leg`.
///
/// # Errors
/// As [`filled`].
pub fn submit_request(
    run: &Run,
    leg: &Leg,
    job: &Job,
    class: &Class,
    environment: &Environment,
) -> Result<SubmitRequest, FillError> {
    let template = &job.submission;
    let Filled { mut parameters, environment: mut variables, command, mut tags } =
        filled(run, job)?;
    parameters.extend(run.by_hand.parameters.clone());
    variables.insert(RUN_VARIABLE.to_owned(), Redacted::new(run.id.as_str()));
    tags.insert(MANAGED_BY_TAG.0.to_owned(), MANAGED_BY_TAG.1.to_owned());
    tags.insert(RUN_TAG.to_owned(), run.id.to_string());
    if let (Some(carried), Some(indices)) = (&leg.indices, &run.indices) {
        let count = Redacted::new(indices.of.to_string());
        variables.insert(INDEX_MAP_VARIABLE.to_owned(), Redacted::new(carried.to_string()));
        variables.insert(INDEX_COUNT_VARIABLE.to_owned(), count);
    }
    // As the intent says, which is how the leg is watched: the job may have been edited since.
    let array_size = leg.array_size;
    let retry_strategy = match class.retry_owner {
        RetryOwner::Spotcron if array_size.is_some() => Some(repeat_lost_children(class.max_legs)),
        RetryOwner::Spotcron => Some(RetryStrategy { attempts: 1, evaluate_on_exit: Vec::new() }),
        RetryOwner::Batch => template.retry_strategy.clone(),
    };
    let definition = environment.definitions.get(&template.definition);
    Ok(SubmitRequest {
        // As the intent says, which is where a look-up goes: a reload may have moved the environment.
        site: leg.site.clone(),
        name: leg.batch_name.clone(),
        queue: leg.queue.clone(),
        definition: definition.unwrap_or(&template.definition).clone(),
        parameters,
        environment: variables,
        command,
        resources: template.resources,
        array_size,
        retry_strategy,
        timeout: template.timeout,
        share_identifier: template.share_identifier.clone(),
        scheduling_priority: template.scheduling_priority,
        tags,
    })
}

/// Children of an array that lose their host are repeated by Batch, on the same queue: sending the
/// whole array again would repeat the children that succeeded. Everything else exits.
/// A pattern may only end in `*`, and no match means RETRY, so the last entry catches the rest.
fn repeat_lost_children(max_legs: u16) -> RetryStrategy {
    let retry_on_status = |pattern: &str| EvaluateOnExit {
        on_status_reason: Some(pattern.to_owned()),
        retry: true,
        ..EvaluateOnExit::default()
    };
    RetryStrategy {
        attempts: max_legs.clamp(1, 10) as u8,
        evaluate_on_exit: vec![
            retry_on_status("Host EC2*"),
            retry_on_status("Your Spot Task was interrupted*"),
            EvaluateOnExit { on_reason: Some("*".to_owned()), ..EvaluateOnExit::default() },
        ],
    }
}
