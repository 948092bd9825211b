//! Why a command is refused, and what to do instead.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::answer::{by_whom, shown};
use super::{AT_MOST, Jobs, Pause};
use crate::domain::{ClassName, EnvironmentName, JobName, RunId};

/// Why nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "refusal", rename_all = "kebab-case")]
pub enum Refusal {
    #[error("there is no job {job} in the catalogue")]
    UnknownJob { job: JobName },
    #[error("there is no class {class} in the catalogue")]
    UnknownClass { class: ClassName },
    #[error("there is no run {run}")]
    UnknownRun { run: RunId },
    #[error("{} paused already, {}", jobs.with_is(), by_whom(pause))]
    AlreadyPaused { jobs: Jobs, pause: Pause },
    #[error("{} not paused", jobs.with_is())]
    NotPaused { jobs: Jobs },
    #[error("{job} is not paused by itself: all jobs are, {}", by_whom(pause))]
    AllPaused { job: JobName, pause: Pause },
    #[error("job {job} does not let its parameter `{parameter}` be overridden")]
    NotOverridable { job: JobName, parameter: String },
    #[error(
        "the value of parameter `{parameter}` is longer than {at_most} bytes or has a NUL in it"
    )]
    BadParameter { parameter: String, at_most: usize },
    #[error("the range ends before it begins")]
    EmptyRange { from: Timestamp, to: Timestamp },
    #[error("the range ends at {}, and it is {} now", shown(*to), shown(*now))]
    RangeInFuture { to: Timestamp, now: Timestamp },
    #[error("the range holds more than {AT_MOST} scheduled times of {job}")]
    RangeTooLong { job: JobName },
    #[error("the range comes to {runs} runs of {job}, and one command makes at most {at_most}")]
    TooManyRuns { job: JobName, runs: usize, at_most: usize },
    #[error("every scheduled time of {job} in the range has its run already")]
    NothingToBackfill { job: JobName, existing: usize },
    #[error("{job} has no scheduled time in the range")]
    NothingScheduled { job: JobName },
    #[error("`at_once` must be at least 1")]
    NoneAtOnce,
    #[error("{run} is still open ({state})")]
    StillOpen { run: RunId, state: String },
    #[error("{run} has ended: {state}")]
    HasEnded { run: RunId, state: String },
    #[error("{run} is being stopped already: {reason}")]
    AlreadyStopping { run: RunId, reason: String },
    #[error("{run} is on {environment}, whose capacity is not taken back")]
    AlreadyThere { run: RunId, environment: EnvironmentName },
    #[error("{run} succeeded")]
    Succeeded { run: RunId },
    #[error("{run} was only observed, never submitted")]
    OnlyObserved { run: RunId },
    #[error("nobody knows whether {run} ran: a retry may do its work twice")]
    MayRunTwice { run: RunId },
    #[error("class {class} has no environment whose capacity is not taken back")]
    NoSteadyCapacity { class: ClassName },
    #[error("class {class} is not forced on demand")]
    NotForced { class: ClassName },
    #[error("a note is at most {at_most} characters, on one line")]
    BadNote { at_most: usize },
}

/// What kind of mistake it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// What it names does not exist.
    NotFound,
    /// It does not fit what is so now; it may at another time.
    Conflict,
    /// It never fits.
    Invalid,
}

impl Refusal {
    pub const fn kind(&self) -> RefusalKind {
        match self {
            Refusal::UnknownJob { .. }
            | Refusal::UnknownClass { .. }
            | Refusal::UnknownRun { .. } => RefusalKind::NotFound,
            Refusal::AlreadyPaused { .. }
            | Refusal::NotPaused { .. }
            | Refusal::AllPaused { .. }
            | Refusal::RangeInFuture { .. }
            | Refusal::NothingToBackfill { .. }
            | Refusal::StillOpen { .. }
            | Refusal::HasEnded { .. }
            | Refusal::AlreadyStopping { .. }
            | Refusal::AlreadyThere { .. }
            | Refusal::Succeeded { .. }
            | Refusal::OnlyObserved { .. }
            | Refusal::MayRunTwice { .. }
            | Refusal::NotForced { .. } => RefusalKind::Conflict,
            Refusal::NotOverridable { .. }
            | Refusal::BadParameter { .. }
            | Refusal::EmptyRange { .. }
            | Refusal::RangeTooLong { .. }
            | Refusal::TooManyRuns { .. }
            | Refusal::NothingScheduled { .. }
            | Refusal::NoneAtOnce
            | Refusal::NoSteadyCapacity { .. }
            | Refusal::BadNote { .. } => RefusalKind::Invalid,
        }
    }

    /// What to do instead.
    pub fn hint(&self) -> &'static str {
        match self {
            Refusal::UnknownJob { .. } => "`spotcron plan` lists the catalogue's jobs",
            Refusal::UnknownClass { .. } => "classes are named in the catalogue",
            Refusal::UnknownRun { .. } => "`spotcron runs` lists runs; give the whole id",
            Refusal::AlreadyPaused { .. } => "nothing is to be done",
            Refusal::NotPaused { .. } => "`/api/v1/pauses` says what is paused",
            Refusal::AllPaused { .. } => "end that with: spotcron resume --all",
            Refusal::NotOverridable { .. } => {
                "name it in the job's `overridable_parameters`; commands and environment variables \
                 cannot be overridden"
            }
            Refusal::BadParameter { .. } => "pass the address of a file instead",
            Refusal::EmptyRange { .. } => "give `from` before `to`",
            Refusal::RangeInFuture { .. } => {
                "end it now or earlier: the schedule runs what is to come"
            }
            Refusal::RangeTooLong { .. } => "split it into several backfills",
            Refusal::TooManyRuns { .. } => {
                "each parameter set and each chunk of a scheduled time is a run: split the range into \
                 several backfills"
            }
            Refusal::NothingToBackfill { .. } => {
                "retry those that failed with `spotcron retry`; `spotcron trigger` makes another run"
            }
            Refusal::NothingScheduled { .. } => {
                "times that a calendar excludes, or outside `start` and `end`, are not scheduled"
            }
            Refusal::NoneAtOnce => "leave it out for 10",
            Refusal::StillOpen { .. } => "it goes on by itself; `spotcron explain` tells its story",
            Refusal::HasEnded { .. } => "`spotcron retry` opens one again that did not succeed",
            Refusal::AlreadyStopping { .. } => "`spotcron explain` shows how far that is",
            Refusal::AlreadyThere { .. } => "nothing is to be done",
            Refusal::Succeeded { .. } => "for another run of the job: spotcron trigger",
            Refusal::OnlyObserved { .. } => "run the daemon without --observe",
            Refusal::MayRunTwice { .. } => {
                "look for its Batch jobs by name; if twice does no harm: --even-if-unknown"
            }
            Refusal::NoSteadyCapacity { .. } => {
                "add an environment with `on-demand` or `fargate` capacity to the class"
            }
            Refusal::NotForced { .. } => "nothing is to be done",
            Refusal::BadNote { .. } => "shorten it",
        }
    }
}
