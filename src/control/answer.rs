//! What a command did, for people and programs.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Jobs, Pause};
use crate::domain::{ClassName, JobName, RunId, RunOutcome};

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "did", rename_all = "kebab-case")]
pub enum Answer {
    Paused {
        jobs: Jobs,
    },
    Resumed {
        jobs: Jobs,
        /// The pause that ended.
        pause: Pause,
        caveats: Vec<Caveat>,
    },
    Triggered {
        run: RunId,
        deadline_at: Option<Timestamp>,
        /// Names of the parameters that were overridden.
        overridden: Vec<String>,
        caveats: Vec<Caveat>,
    },
    Backfilled {
        job: JobName,
        /// Oldest first.
        runs: Vec<RunId>,
        /// Scheduled times of the range that have their run already.
        existing: usize,
        at_once: u16,
        /// Nothing was changed.
        dry_run: bool,
        caveats: Vec<Caveat>,
    },
    Retried {
        run: RunId,
        /// How it had ended.
        after: RunOutcome,
        deadline_at: Option<Timestamp>,
        caveats: Vec<Caveat>,
    },
    /// It ends as soon as what of it is at Batch has ended.
    Cancelled {
        run: RunId,
        /// How it stood.
        state: String,
    },
    /// It goes on elsewhere as soon as what of it is at Batch has ended.
    Moved {
        run: RunId,
        state: String,
    },
    Forced {
        class: ClassName,
        until: Option<Timestamp>,
    },
    ForceEnded {
        class: ClassName,
    },
}

/// What to know besides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "caveat", rename_all = "kebab-case")]
pub enum Caveat {
    /// A run by hand starts all the same.
    PausedButStarts { pause: Pause },
    /// The runs of a backfill wait.
    PausedAndWaits { pause: Pause },
    /// Other runs of the job are open, and its overlap policy lets no two run side by side.
    WaitsForTurn,
    /// All jobs are still paused.
    AllStillPaused { pause: Pause },
    /// The job is disabled in the catalogue; a run by hand starts all the same.
    Disabled,
    /// Nobody knows whether it ran.
    MayRunTwice,
}

/// A time as everywhere else in this program's texts.
pub(super) fn shown(at: Timestamp) -> impl fmt::Display {
    at.strftime("%Y-%m-%d %H:%M:%SZ")
}

/// The pause in words that follow "paused".
pub(super) fn by_whom(pause: &Pause) -> String {
    let note = if pause.note.is_empty() { String::new() } else { format!(": {}", pause.note) };
    format!("by {} since {}{note}", pause.by, shown(pause.since))
}

fn runs(count: usize) -> String {
    if count == 1 { "1 run".to_owned() } else { format!("{count} runs") }
}

impl fmt::Display for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Jobs::All => f.write_str("all jobs"),
            Jobs::Job(job) => write!(f, "{job}"),
        }
    }
}

impl Jobs {
    /// The subject of a sentence: "all jobs are", "import is".
    pub(super) fn with_is(&self) -> String {
        match self {
            Jobs::All => format!("{self} are"),
            Jobs::Job(_) => format!("{self} is"),
        }
    }
}

impl fmt::Display for Caveat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Caveat::PausedButStarts { pause } => {
                write!(f, "The job is paused {}; this run starts all the same.", by_whom(pause))
            }
            Caveat::PausedAndWaits { pause } => {
                write!(f, "The job is paused {}; its runs wait until that ends.", by_whom(pause))
            }
            Caveat::WaitsForTurn => f.write_str(
                "Another run of the job is open: its overlap policy lets this one wait until that has \
                 ended.",
            ),
            Caveat::AllStillPaused { pause } => {
                write!(f, "All jobs are still paused {}.", by_whom(pause))
            }
            Caveat::Disabled => {
                f.write_str("The job is disabled in the catalogue; what is asked for by hand runs.")
            }
            Caveat::MayRunTwice => f.write_str(
                "Nobody knows what became of its last submission: the work may be done twice.",
            ),
        }
    }
}

/// One sentence a line.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let deadline = |at: &Option<Timestamp>| match at {
            Some(at) => format!("Its deadline is {}.", shown(*at)),
            None => "It has no deadline.".to_owned(),
        };
        match self {
            Answer::Paused { jobs } => write!(
                f,
                "Paused {jobs}. Nothing new starts; what runs goes on. Times that pass are recorded \
                 as skipped."
            ),
            Answer::Resumed { jobs, pause, .. } => write!(
                f,
                "Resumed {jobs}, paused {}. What passed meanwhile is not made up for: see `spotcron \
                 skipped`, and `spotcron backfill` to run it.",
                by_whom(pause)
            ),
            Answer::Triggered { run, deadline_at, overridden, .. } => {
                write!(f, "Started {run}. {}", deadline(deadline_at))?;
                match overridden.is_empty() {
                    true => Ok(()),
                    false => write!(f, "\nParameters of its own: {}.", overridden.join(", ")),
                }
            }
            Answer::Backfilled { runs: new, existing, at_once, dry_run, .. } => {
                backfilled(f, new, *existing, *at_once, *dry_run)
            }
            Answer::Retried { run, after, deadline_at, .. } => write!(
                f,
                "Opened {run} again, which had ended as {}. {}",
                after.label(),
                deadline(deadline_at)
            ),
            Answer::Cancelled { run, state } => write!(
                f,
                "Cancels {run} ({state}): what of it is at Batch is terminated, and nothing more is sent."
            ),
            Answer::Moved { run, state } => write!(
                f,
                "Moves {run} ({state}): what of it is at Batch is terminated, and from now on it takes \
                 only capacity that is not taken back."
            ),
            Answer::Forced { class, until } => {
                let until = match until {
                    Some(until) => format!("until {}", shown(*until)),
                    None => "until somebody ends it".to_owned(),
                };
                write!(
                    f,
                    "Decisions of class {class} take only capacity that is not taken back, {until}. \
                     What runs on spot goes on there."
                )
            }
            Answer::ForceEnded { class } => {
                write!(f, "Decisions of class {class} may take spot again.")
            }
        }?;
        self.caveats().iter().try_for_each(|caveat| write!(f, "\n{caveat}"))
    }
}

fn backfilled(
    f: &mut fmt::Formatter<'_>,
    new: &[RunId],
    existing: usize,
    at_once: u16,
    dry_run: bool,
) -> fmt::Result {
    let verb = if dry_run { "Would start" } else { "Starts" };
    write!(f, "{verb} {}, oldest first, {at_once} at once.", runs(new.len()))?;
    if existing > 0 {
        let have = if existing == 1 { "time has its" } else { "times have their" };
        write!(f, " {existing} other {have} run already.")?;
    }
    let (first, last) = (new.first(), new.last());
    match (first, last) {
        (Some(first), Some(last)) if first != last => write!(f, "\n{first} to {last}"),
        (Some(only), _) => write!(f, "\n{only}"),
        _ => Ok(()),
    }?;
    if dry_run { write!(f, "\nNothing was changed.") } else { Ok(()) }
}

impl Answer {
    /// What to know besides.
    pub fn caveats(&self) -> &[Caveat] {
        match self {
            Answer::Resumed { caveats, .. }
            | Answer::Triggered { caveats, .. }
            | Answer::Backfilled { caveats, .. }
            | Answer::Retried { caveats, .. } => caveats,
            Answer::Paused { .. }
            | Answer::Cancelled { .. }
            | Answer::Moved { .. }
            | Answer::Forced { .. }
            | Answer::ForceEnded { .. } => &[],
        }
    }
}
