//! What is said on the command line, as commands.

use clap::{Args, ValueEnum};
use jiff::{SignedDuration, Timestamp};

use super::Remote;
use crate::cli::CliError;
use crate::cli::args::{duration, moment};
use crate::control::{Command, Jobs, MoveTo};
use crate::domain::{ClassName, JobName, Redacted, RunId};

const PAUSE_HELP: &str = "\
Nothing of the job starts any more; what runs goes on. Scheduled times that pass are recorded as
skipped (`spotcron skipped`) and are not made up for; `spotcron backfill` runs them later.

Examples:
  spotcron pause nightly-report --note \"the warehouse is being moved\"
  spotcron pause --all --note \"incident 4711\"";

const TRIGGER_HELP: &str = "\
The run has an id of its own, and its deadline counts from now. A paused or disabled job starts
all the same. Parameters can be overridden where the job lists them in `overridable_parameters`.

Examples:
  spotcron trigger nightly-report
  spotcron trigger nightly-report --parameter date=2026-11-01 --note \"late figures\"";

const BACKFILL_HELP: &str = "\
Scheduled times of the range that have no run yet get one, oldest first; one that has its run is
left alone. Each run's deadline counts from its turn. At most 1000 at a time.

Examples:
  spotcron backfill nightly-report --from 2026-11-01 --to 2026-11-08 --dry-run
  spotcron backfill nightly-report --from 2026-11-01 --to 2026-11-08 --at-once 2";

const RETRY_HELP: &str = "\
The run keeps its id and its story, and has as many submissions and retries as a new one.

Example:
  spotcron retry nightly-report-20261121T020000Z";

const CANCEL_HELP: &str = "\
What of the run is at Batch is terminated, and nothing more of it is sent.

Example:
  spotcron cancel nightly-report-20261121T020000Z --note \"wrong input\"";

const MOVE_HELP: &str = "\
What of the run is at Batch is terminated; its further submissions take only capacity that is not
taken back. Work that was not checkpointed is done again.

Example:
  spotcron move nightly-report-20261121T020000Z --to on-demand";

const FORCE_HELP: &str = "\
Decisions of the class take only capacity that is not taken back. What runs on spot goes on there.

Examples:
  spotcron force-on-demand --class nightly-report --for 6h --note \"quarter's end\"
  spotcron force-on-demand --class nightly-report --off";

/// The client's own name of a request.
#[derive(Debug, Clone, Args)]
pub struct Key {
    /// The name of this request: one that was made before under it is not carried out again
    /// [default: a random one]
    #[arg(long, value_name = "KEY", help_heading = "Daemon")]
    pub key: Option<String>,
}

impl Key {
    pub(super) fn or_random(&self) -> Result<String, CliError> {
        if let Some(key) = &self.key {
            return Ok(key.clone());
        }
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| {
            CliError::failed("the system has no random numbers").caused_by(error)
        })?;
        Ok(hex::encode(random))
    }
}

/// Which jobs.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub struct WhichJobs {
    /// One job
    #[arg(value_name = "JOB")]
    pub job: Option<String>,
    /// Every job, also those that a later catalogue brings
    #[arg(long)]
    pub all: bool,
}

impl WhichJobs {
    fn jobs(&self) -> Jobs {
        match &self.job {
            Some(job) => Jobs::Job(JobName::from(job.as_str())),
            None => Jobs::All,
        }
    }
}

/// Why, for those who come later.
#[derive(Debug, Clone, Args)]
pub struct Note {
    /// Why; it is shown with what it is about, and stands in the audit
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub note: String,
}

/// Arguments of `pause`.
#[derive(Debug, Clone, Args)]
#[command(after_help = PAUSE_HELP)]
pub struct PauseArgs {
    #[command(flatten)]
    pub jobs: WhichJobs,
    #[command(flatten)]
    pub note: Note,
    #[command(flatten)]
    pub key: Key,
    #[command(flatten)]
    pub remote: Remote,
}

impl PauseArgs {
    pub fn command(&self) -> Command {
        Command::Pause { jobs: self.jobs.jobs(), note: self.note.note.clone() }
    }
}

/// Arguments of `resume`.
#[derive(Debug, Clone, Args)]
pub struct ResumeArgs {
    #[command(flatten)]
    pub jobs: WhichJobs,
    #[command(flatten)]
    pub note: Note,
    #[command(flatten)]
    pub key: Key,
    #[command(flatten)]
    pub remote: Remote,
}

impl ResumeArgs {
    pub fn command(&self) -> Command {
        Command::Resume { jobs: self.jobs.jobs(), note: self.note.note.clone() }
    }
}

/// Arguments of `trigger`.
#[derive(Debug, Clone, Args)]
#[command(after_help = TRIGGER_HELP)]
pub struct TriggerArgs {
    /// The job
    #[arg(value_name = "JOB")]
    pub job: String,
    /// Another value of a parameter for this run, several times for several
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = pair)]
    pub parameters: Vec<(String, Redacted)>,
    #[command(flatten)]
    pub note: Note,
    #[command(flatten)]
    pub key: Key,
    #[command(flatten)]
    pub remote: Remote,
}

impl TriggerArgs {
    pub fn command(&self) -> Command {
        Command::Trigger {
            job: JobName::from(self.job.as_str()),
            parameters: self.parameters.iter().cloned().collect(),
            note: self.note.note.clone(),
        }
    }
}

fn pair(text: &str) -> Result<(String, Redacted), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), Redacted::new(value))),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

/// Arguments of `backfill`.
#[derive(Debug, Clone, Args)]
#[command(after_help = BACKFILL_HELP)]
pub struct BackfillArgs {
    /// The job
    #[arg(value_name = "JOB")]
    pub job: String,
    /// The first moment: a time, or a date for its midnight in UTC
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub from: Timestamp,
    /// The last moment, itself included
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub to: Timestamp,
    /// How many of its runs are open at once
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    pub at_once: u16,
    /// Only say which runs it would make
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub note: Note,
    #[command(flatten)]
    pub key: Key,
    #[command(flatten)]
    pub remote: Remote,
}

impl BackfillArgs {
    pub fn command(&self) -> Command {
        Command::Backfill {
            job: JobName::from(self.job.as_str()),
            from: self.from,
            to: self.to,
            at_once: self.at_once,
            dry_run: self.dry_run,
            note: self.note.note.clone(),
        }
    }
}

/// Arguments of `retry`.
#[derive(Debug, Clone, Args)]
#[command(after_help = RETRY_HELP)]
pub struct RetryArgs {
    /// The run's id
    #[arg(value_name = "RUN")]
    pub run: String,
    /// Also a run of which nobody knows what became: its work may then be done twice
    #[arg(long)]
    pub even_if_unknown: bool,
    #[command(flatten)]
    pub note: Note,
    #[command(flatten)]
    pub key: Key,
    #[command(flatten)]
    pub remote: Remote,
}

impl RetryArgs {
    pub fn command(&self) -> Command {
        Command::Retry {
            run: RunId::from(self.run.as_str()),
            even_if_unknown: self.even_if_unknown,
            note: self.note.note.clone(),
        }
    }
}

/// Arguments of `cancel`.
#[derive(Debug, Clone, Args)]
#[command(after_help = CANCEL_HELP)]
pub struct CancelArgs {
    /// The run's id
    #[arg(value_name = "RUN")]
    pub run: String,
    #[command(flatten)]
    pub note: Note,
    #[command(flatten)]
    pub key: Key,
    #[command(flatten)]
    pub remote: Remote,
}

impl CancelArgs {
    pub fn command(&self) -> Command {
        Command::Cancel { run: RunId::from(self.run.as_str()), note: self.note.note.clone() }
    }
}

/// Arguments of `move`.
#[derive(Debug, Clone, Args)]
#[command(after_help = MOVE_HELP)]
pub struct MoveArgs {
    /// The run's id
    #[arg(value_name = "RUN")]
    pub run: String,
    /// Where to
    #[arg(long, value_name = "CAPACITY")]
    pub to: Destination,
    #[command(flatten)]
    pub note: Note,
    #[command(flatten)]
    pub key: Key,
    #[command(flatten)]
    pub remote: Remote,
}

/// Where a run may be moved to, on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Destination {
    /// Capacity that is not taken back
    OnDemand,
}

impl MoveArgs {
    pub fn command(&self) -> Command {
        let Destination::OnDemand = self.to;
        let run = RunId::from(self.run.as_str());
        Command::Move { run, to: MoveTo::OnDemand, note: self.note.note.clone() }
    }
}

/// Arguments of `force-on-demand`.
#[derive(Debug, Clone, Args)]
#[command(after_help = FORCE_HELP)]
pub struct ForceArgs {
    /// The class
    #[arg(long, value_name = "NAME")]
    pub class: String,
    /// For so long; without it until --off
    #[arg(long = "for", value_name = "DURATION", value_parser = duration, conflicts_with = "off")]
    pub length: Option<SignedDuration>,
    /// End it
    #[arg(long)]
    pub off: bool,
    #[command(flatten)]
    pub note: Note,
    #[command(flatten)]
    pub key: Key,
    #[command(flatten)]
    pub remote: Remote,
}

impl ForceArgs {
    pub fn command(&self) -> Command {
        let class = ClassName::from(self.class.as_str());
        let note = self.note.note.clone();
        if self.off {
            return Command::EndForceOnDemand { class, note };
        }
        let seconds = |length: SignedDuration| length.as_secs().try_into().unwrap_or(u32::MAX);
        Command::ForceOnDemand { class, for_secs: self.length.map(seconds), note }
    }
}
