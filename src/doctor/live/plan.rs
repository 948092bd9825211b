//! Which one job is submitted, and where.
//!
//! A definition has to be named: a job's own is never taken by itself. SubmitJob can replace a
//! container's command but not its image's entry point, so that an image whose entry point does the
//! work would do it, at the wrong time. The command is replaced all the same, so that naming the
//! definition of a real job by mistake does as little as possible.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::catalogue::{Catalogue, Environment, RetryStrategy};
use crate::doctor::finding::listed;
use crate::domain::{EnvironmentName, LegCause, Redacted, Resources, RunId};
use crate::run::{
    Leg, MANAGED_BY_TAG, PriceTerms, RUN_TAG, RUN_VARIABLE, Run, RunState, STOP_PREFIX,
    SubmitRequest, Trigger, batch_job_name,
};

/// Batch takes no shorter timeout of an attempt.
pub const LEAST_TIMEOUT: SignedDuration = SignedDuration::from_secs(60);

/// Job of the run ids and names, and value of its tag.
const JOB: &str = "spotcron-doctor";
/// Tag that tells test jobs from others.
const DOCTOR_TAG: (&str, &str) = ("spotcron:doctor", "live");
/// Does nothing and is in nearly every image.
const NOTHING: &str = "true";

/// On EC2: fits every instance type.
const ON_INSTANCES: Resources = Resources { vcpu_millis: 1000, memory_mib: 512, gpus: 0 };
/// The smallest that Fargate sells.
const ON_FARGATE: Resources = Resources { vcpu_millis: 250, memory_mib: 512, gpus: 0 };

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveWish {
    /// The catalogue's only one when absent.
    pub environment: Option<EnvironmentName>,
    /// `name`, `name:revision` or ARN.
    pub definition: Option<String>,
    /// Runs the definition's own command.
    pub own_command: bool,
    /// The job is stopped when it has not ended by then.
    pub timeout: SignedDuration,
}

/// Why there is nothing that could be submitted. Nothing was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoPlan {
    #[error("the catalogue has no environment `{0}`; it has {1}")]
    UnknownEnvironment(EnvironmentName, String),
    #[error("the catalogue has several environments, and the test job goes to one: {0}")]
    WhichEnvironment(String),
    #[error("no job definition is named for the test job")]
    NoDefinition,
    #[error("a timeout below a minute is shorter than Batch allows")]
    TimeoutTooShort,
}

impl NoPlan {
    /// What to do.
    pub const fn hint(&self) -> &'static str {
        match self {
            NoPlan::UnknownEnvironment(..) | NoPlan::WhichEnvironment(_) => {
                "nothing was submitted; name the environment with --environment NAME"
            }
            NoPlan::NoDefinition => {
                "nothing was submitted; name one that may be run with `true` as its command, with \
                 --definition NAME:REV. A job's own is not taken by itself: SubmitJob cannot replace \
                 the entry point of its image, which might do the job's work. docs/guide/doctor.md \
                 has a definition to register"
            }
            NoPlan::TimeoutTooShort => "nothing was submitted; name at least --timeout 1m",
        }
    }
}

/// One job, ready to be submitted.
#[derive(Debug, Clone)]
pub struct LivePlan {
    pub environment: Arc<Environment>,
    pub request: SubmitRequest,
    /// From its submission to its end.
    pub timeout: SignedDuration,
    /// The run that it is, so that its attempts are taken down and priced like any other's.
    pub run: Run,
}

impl LivePlan {
    /// The job that `wish` asks for. Its name has `now` in it, to the nanosecond, and is never used
    /// again.
    pub fn new(catalogue: &Catalogue, wish: &LiveWish, now: Timestamp) -> Result<Self, NoPlan> {
        let environment = environment(catalogue, wish)?;
        let definition = wish.definition.clone().ok_or(NoPlan::NoDefinition)?;
        if wish.timeout < LEAST_TIMEOUT {
            return Err(NoPlan::TimeoutTooShort);
        }
        let run = run(&environment, &definition, now);
        let leg = &run.legs[0];
        let capacity = environment.capacity;
        let request = SubmitRequest {
            site: leg.site.clone(),
            name: leg.batch_name.clone(),
            queue: leg.queue.clone(),
            definition,
            parameters: BTreeMap::new(),
            environment: [(RUN_VARIABLE.to_owned(), Redacted::new(run.id.as_str()))].into(),
            command: (!wish.own_command).then(|| vec![NOTHING.to_owned()]),
            resources: Some(if capacity.is_fargate() { ON_FARGATE } else { ON_INSTANCES }),
            array_size: None,
            // A failure is shown, not repeated.
            retry_strategy: Some(RetryStrategy { attempts: 1, evaluate_on_exit: Vec::new() }),
            // Batch ends the attempt by itself, also when this process does not live to see it.
            timeout: Some(wish.timeout),
            share_identifier: share_identifier(catalogue, &environment.name),
            scheduling_priority: None,
            tags: [MANAGED_BY_TAG, DOCTOR_TAG, (RUN_TAG, run.id.as_str())]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        };
        Ok(LivePlan { environment, request, timeout: wish.timeout, run })
    }

    /// The one leg of its run.
    pub fn leg(&self) -> &Leg {
        &self.run.legs[0]
    }

    /// What Batch is told when the job is stopped: it hands it back as `statusReason`.
    pub fn stop_reason(why: &str) -> String {
        format!("{STOP_PREFIX}doctor --live ended its test job: {why}")
    }
}

fn environment(catalogue: &Catalogue, wish: &LiveWish) -> Result<Arc<Environment>, NoPlan> {
    let known = || listed(catalogue.environments.keys());
    match &wish.environment {
        Some(name) => {
            let found = catalogue.environments.get(name);
            found.cloned().ok_or_else(|| NoPlan::UnknownEnvironment(name.clone(), known()))
        }
        None => {
            let mut all = catalogue.environments.values();
            match (all.next(), all.next()) {
                (Some(only), None) => Ok(Arc::clone(only)),
                _ => Err(NoPlan::WhichEnvironment(known())),
            }
        }
    }
}

/// A queue with a scheduling policy refuses jobs without a share: that of a job which goes there.
fn share_identifier(catalogue: &Catalogue, environment: &EnvironmentName) -> Option<String> {
    let goes_there = |name| {
        catalogue.classes.get(name).is_some_and(|class| class.environments.contains(environment))
    };
    let mut jobs = catalogue.jobs.values().filter(|job| job.enabled && goes_there(&job.class));
    jobs.find_map(|job| job.submission.share_identifier.clone())
}

fn run(environment: &Environment, definition: &str, now: Timestamp) -> Run {
    let id = RunId::of(&JOB.into(), now);
    // What the id does not tell apart.
    let scope = format!("{}\n{definition}\n{}", environment.queue, now.as_nanosecond());
    let name = batch_job_name(&scope, &environment.site, &id, Trigger::Schedule, 0);
    let leg = Leg {
        terms: Some(PriceTerms::of(None, Some(environment))),
        ..Leg::intended(0, LegCause::Scheduled, environment, name, now)
    };
    Run {
        state: RunState::Submitting { uncertain_since: None },
        legs: vec![leg],
        ..Run::new(id, JOB.into(), JOB.into(), Trigger::Schedule, now, now)
    }
}
