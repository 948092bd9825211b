//! The job catalogue: environments, classes and jobs, validated and immutable. TOML comes in through
//! `load` (files), `read` (tables) and `validate`, which report every problem at once.

mod aws_cron;
mod covered;
mod economics;
mod load;
mod parameter_set;
mod parameters_file;
mod portion;
mod raw;
mod read;
mod schema;
mod secrets;
mod templates;
mod validate;

pub use covered::Covered;
pub use load::{Loaded, load, load_sources};
pub use parameter_set::ParameterSet;
pub use portion::{IndexMap, MAX_CHILDREN, Portion};
pub use schema::{reference_markdown, schema};
pub use templates::{Filled, Templates};

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::SignedDuration;
use serde::Serialize;

use crate::domain::{
    Architecture, Capacity, ClassName, Condition, EnvironmentName, InstanceType, JobName, Ppm,
    Redacted, Resources, Site, Usd, UsdPerHour, Zone,
};
use crate::schedule::{Overlap, Schedule};

/// Everything that spotcron was asked to run. Swapped whole on reload.
#[derive(Debug, Default)]
pub struct Catalogue {
    pub environments: BTreeMap<EnvironmentName, Arc<Environment>>,
    pub classes: BTreeMap<ClassName, Arc<Class>>,
    pub jobs: BTreeMap<JobName, Arc<Job>>,
    /// Files of parameter sets that belong to it.
    pub parameter_files: Vec<PathBuf>,
    /// Hex SHA-256 over the files' contents: which catalogue made a decision.
    pub fingerprint: String,
}

/// A Batch job queue with one kind of capacity: the only thing that a decision can steer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    pub name: EnvironmentName,
    /// The Batch job queue's name or ARN.
    pub queue: String,
    pub capacity: Capacity,
    /// The queue's region, and how its account is entered.
    pub site: Site,
    /// Overrides what is discovered from the queue's compute environments.
    pub instance_types: Option<Vec<InstanceType>>,
    /// Overrides the discovered zones.
    pub zones: Option<Vec<Zone>>,
    /// A job's `definition` → the definition to submit here (definitions are regional and made for
    /// one architecture).
    pub definitions: BTreeMap<String, String>,
    /// Fargate Spot has no published price: the user's own, as a discount off Fargate's list price.
    pub fargate_spot_discount: Option<Ppm>,
    /// Fargate only: the processor of its containers. EC2's instance types say their own.
    pub architecture: Architecture,
    /// What each leg there costs besides its capacity: data that crosses a region or zone.
    pub data_cost: Usd,
    /// Capacity there that a commitment pays for and that would be idle; none where it is taken back.
    pub covered: Vec<Covered>,
}

/// What survives an interruption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// An interrupted attempt starts again from nothing.
    FromZero,
    /// The job saves its progress every `interval` and needs `restore` to pick it up again.
    Checkpoint { interval: SignedDuration, restore: SignedDuration },
}

/// Who decides whether a failed attempt is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryOwner {
    /// Each submission has one attempt; spotcron decides what comes next, and where.
    Spotcron,
    /// The job's own `retry_strategy` goes to Batch, which repeats on the same queue.
    Batch,
}

/// What to do when no candidate's price is known (or none is fresh).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhenPriceUnknown {
    OnDemand,
    Spot,
    /// Wait for a price; on-demand when the deadline would otherwise be lost.
    Hold,
}

/// How it is decided whether interruptible capacity is worth trying.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// By the expected cost of the best course from here, an attempt given up in time for the deadline
    /// included (`policy`).
    Model,
    /// While an interruption at the last moment would still leave room for a full run on demand.
    FitOnly,
    /// Whenever it can be had, until the last moment at which a run on demand still meets the deadline
    /// (Wu et al., "Can't Be Late", NSDI'24, §3.1).
    Greedy,
    /// Of work with checkpoints: as long as it is as far as an even pace towards the deadline would have it,
    /// on demand while it is behind, and back once it is two changeovers ahead (ibid. §3.3).
    UniformProgress,
}

/// What becomes of a run when nobody can tell whether its last submission ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenOutcomeUnknown {
    /// It ends as unknown: at most once.
    #[default]
    NeverResend,
    /// Another leg follows: at least once.
    RunAgain,
}

/// The policy that a class's jobs share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    pub name: ClassName,
    /// Allowed environments, in the user's order (ties go to the earlier one). Never empty.
    pub environments: Vec<EnvironmentName>,
    /// Wall time of one uninterrupted attempt, without the wait and the start.
    pub expected_duration: SignedDuration,
    /// Deadlines are planned with a length that so many runs in a hundred do not exceed, from 50 to 99.
    pub planning_percentile: u8,
    /// How long after its scheduled time a run must have succeeded.
    pub deadline: Option<SignedDuration>,
    /// How long after its due time a scheduled run may be sent, where that is expected to save.
    pub start_within: Option<SignedDuration>,
    /// From a job's start on an instance to its container running: boot and image pull.
    pub start_up: SignedDuration,
    pub restart: Restart,
    pub policy: Policy,
    pub retry_owner: RetryOwner,
    /// Submissions of one run at most, spot retries and fallback together.
    pub max_legs: u16,
    /// How many times an application failure (non-zero exit) is repeated. Interruptions and
    /// infrastructure faults are not counted here.
    pub failure_retries: u16,
    /// How long a leg may sit in RUNNABLE on interruptible capacity before it is moved.
    pub wait_budget: SignedDuration,
    /// Interruptible capacity above this price (per hour, of the job's share) is not used.
    pub max_price: Option<UsdPerHour>,
    /// A run that has cost something does not try interruptible capacity again where it is expected to
    /// cost more than this in all.
    pub max_cost: Option<Usd>,
    /// Interruptible capacity must be expected to save at least this part of the on-demand cost.
    pub min_saving: Ppm,
    /// For so long its legs stay with the environment that they went to last; zero for not at all.
    pub min_time_between_switches: SignedDuration,
    /// Unless a cheaper one saves at least this part of the cost there.
    pub min_saving_to_switch: Ppm,
    /// Savings Plan or negotiated discount off the on-demand list price, EC2's and Fargate's.
    pub on_demand_discount: Ppm,
    /// A spot price older than this since its last successful refresh is not reckoned with.
    pub max_price_age: SignedDuration,
    pub when_price_unknown: WhenPriceUnknown,
    pub when_outcome_unknown: WhenOutcomeUnknown,
    /// Whether two attempts may run at once without harm. Nothing depends on it yet.
    pub idempotent_outputs: bool,
    /// Free labels such as `team`, used for attribution.
    pub labels: BTreeMap<String, String>,
}

/// A job: when it runs, and what is submitted.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    pub name: JobName,
    pub class: ClassName,
    pub schedule: Schedule,
    /// Runs of the same scheduled time that it waits for.
    pub after: Vec<After>,
    pub overlap: Overlap,
    pub enabled: bool,
    /// Each scheduled time has one run for each of these; one run where there are none.
    pub sets: Vec<Arc<ParameterSet>>,
    /// Which parameter, or field of its sets, says how large a run's input is.
    pub input_size_parameter: Option<Arc<str>>,
    /// One for all jobs whose submissions are equal.
    pub submission: Arc<Submission>,
}

/// A job that another one runs after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    pub job: JobName,
    pub when: Condition,
}

/// The parts of SubmitJob that a job may set.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Submission {
    /// `name`, `name:revision` or ARN.
    pub definition: String,
    pub parameters: BTreeMap<String, Redacted>,
    /// Parameters that a trigger by hand may give other values.
    pub overridable_parameters: BTreeSet<String>,
    pub environment: BTreeMap<String, Redacted>,
    pub command: Option<Vec<String>>,
    /// Overrides of the definition's resources; also what decisions use for the job's share.
    pub resources: Option<Resources>,
    /// 2..=10,000. `None` also for a job with `index_map`.
    pub array_size: Option<u16>,
    /// An array whose indices may be spread over runs and legs.
    pub index_map: Option<IndexMap>,
    /// Only sent where the class's `retry_owner` is Batch.
    pub retry_strategy: Option<RetryStrategy>,
    /// Per attempt, at least 60 s.
    pub timeout: Option<SignedDuration>,
    pub share_identifier: Option<String>,
    pub scheduling_priority: Option<u16>,
    pub tags: BTreeMap<String, String>,
    /// Those of the values above that are made anew for each run.
    pub templates: Templates,
}

/// Batch's `retryStrategy`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct RetryStrategy {
    /// 1..=10.
    pub attempts: u8,
    pub evaluate_on_exit: Vec<EvaluateOnExit>,
}

/// One entry of `evaluateOnExit`: every pattern that is set must match; no match at all retries.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct EvaluateOnExit {
    pub on_exit_code: Option<String>,
    pub on_reason: Option<String>,
    pub on_status_reason: Option<String>,
    /// `true` for RETRY, `false` for EXIT.
    pub retry: bool,
}

impl Catalogue {
    /// The class of `job`. Validation guarantees that it exists.
    pub fn class_of(&self, job: &Job) -> Option<&Arc<Class>> {
        self.classes.get(&job.class)
    }

    /// The class that a run's next step follows: the one it began with, and where that left the
    /// catalogue (a renamed class, say) the one its job has now.
    pub fn class_of_run(&self, class: &ClassName, job: &JobName) -> Option<&Arc<Class>> {
        self.classes.get(class).or_else(|| self.class_of(self.jobs.get(job)?))
    }

    /// The environments that `class` allows, in its order.
    pub fn environments_of<'a>(
        &'a self,
        class: &'a Class,
    ) -> impl Iterator<Item = &'a Arc<Environment>> {
        class.environments.iter().filter_map(|name| self.environments.get(name))
    }
}

impl Class {
    /// `list` after the class's on-demand discount.
    pub fn effective_on_demand(&self, list: UsdPerHour) -> UsdPerHour {
        list.scaled(Ppm::ONE - self.on_demand_discount)
    }
}
