//! Why legs begin and how attempts and runs end: closed sets with stable labels.

use serde::{Deserialize, Serialize};

/// Why a run needs a (further) leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LegCause {
    /// The first one.
    Scheduled,
    /// AWS took the capacity back.
    Interrupted,
    /// It sat in RUNNABLE past its wait budget.
    Starved,
    /// It was stopped so that the deadline can still be met on demand.
    DeadlineNear,
    /// The image could not be pulled, the task could not be started, the host failed.
    Infrastructure,
    /// The application failed and the class allows a retry.
    Failed,
    /// Batch never had it: the call was looked up and not found.
    NeverArrived,
    /// Nobody can tell what became of the last submission, and the class lets the run go on.
    OutcomeUnknown,
    /// Batch refused the last submission; another environment may take it.
    Refused,
    /// Somebody asked for a retry of a run that had ended.
    Retried,
    /// Somebody asked for the run to end: a person, or a later run of its job.
    Stopped,
    /// Somebody asked for the run to go on elsewhere.
    Moved,
    /// It was stopped on capacity that is not taken back, to go on where it costs less.
    Returned,
}

impl LegCause {
    /// The next leg must not go to interruptible capacity again.
    pub const fn moves_away(self) -> bool {
        matches!(self, LegCause::Starved | LegCause::DeadlineNear | LegCause::Moved)
    }

    pub const fn label(self) -> &'static str {
        match self {
            LegCause::Scheduled => "scheduled",
            LegCause::Interrupted => "interrupted",
            LegCause::Starved => "starved",
            LegCause::DeadlineNear => "deadline-near",
            LegCause::Infrastructure => "infrastructure",
            LegCause::Failed => "failed",
            LegCause::NeverArrived => "never-arrived",
            LegCause::OutcomeUnknown => "outcome-unknown",
            LegCause::Refused => "refused",
            LegCause::Retried => "retried",
            LegCause::Stopped => "stopped",
            LegCause::Moved => "moved",
            LegCause::Returned => "returned",
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunOutcome {
    Succeeded,
    /// The application failed, or every allowed leg was used.
    Failed,
    /// Batch refused the submission.
    Rejected,
    /// Somebody cancelled it: here, or its job at Batch.
    Cancelled,
    /// Nobody can tell any more what became of it. Never sent again by itself.
    Unknown,
    /// `--observe`: decided and recorded, not submitted.
    Observed,
    /// What it waited for did not come about; it was never submitted.
    Skipped,
}

impl RunOutcome {
    pub const ALL: [RunOutcome; 7] = [
        RunOutcome::Succeeded,
        RunOutcome::Failed,
        RunOutcome::Rejected,
        RunOutcome::Cancelled,
        RunOutcome::Unknown,
        RunOutcome::Observed,
        RunOutcome::Skipped,
    ];

    pub const fn label(self) -> &'static str {
        match self {
            RunOutcome::Succeeded => "succeeded",
            RunOutcome::Failed => "failed",
            RunOutcome::Rejected => "rejected",
            RunOutcome::Cancelled => "cancelled",
            RunOutcome::Unknown => "unknown",
            RunOutcome::Observed => "observed",
            RunOutcome::Skipped => "skipped",
        }
    }
}

/// On which end of another run one depends.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    #[default]
    Succeeded,
    /// However it ended, skipped or not.
    Finished,
    /// It did not succeed: it failed, was refused or cancelled, or nobody knows.
    Failed,
}

impl Condition {
    /// Whether `outcome` fulfils it. What was only observed counts as if it had succeeded.
    pub const fn is_met_by(self, outcome: RunOutcome) -> bool {
        match self {
            Condition::Finished => true,
            Condition::Succeeded => {
                matches!(outcome, RunOutcome::Succeeded | RunOutcome::Observed)
            }
            Condition::Failed => matches!(
                outcome,
                RunOutcome::Failed
                    | RunOutcome::Rejected
                    | RunOutcome::Cancelled
                    | RunOutcome::Unknown
            ),
        }
    }

    /// To follow the upstream run's name.
    pub const fn label(self) -> &'static str {
        match self {
            Condition::Succeeded => "succeeded",
            Condition::Finished => "finished",
            Condition::Failed => "failed",
        }
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttemptEnd {
    Succeeded,
    /// The application itself failed: a non-zero exit, out of memory.
    Failed,
    /// AWS took the capacity back.
    Interrupted,
    /// Neither the application nor a reclaim: image, host, agent.
    Infrastructure,
    TimedOut,
    /// Stopped by spotcron (starved, deadline) or by a person.
    Stopped,
}

impl AttemptEnd {
    pub const ALL: [AttemptEnd; 6] = [
        AttemptEnd::Succeeded,
        AttemptEnd::Failed,
        AttemptEnd::Interrupted,
        AttemptEnd::Infrastructure,
        AttemptEnd::TimedOut,
        AttemptEnd::Stopped,
    ];

    pub const fn label(self) -> &'static str {
        match self {
            AttemptEnd::Succeeded => "succeeded",
            AttemptEnd::Failed => "failed",
            AttemptEnd::Interrupted => "interrupted",
            AttemptEnd::Infrastructure => "infrastructure",
            AttemptEnd::TimedOut => "timed-out",
            AttemptEnd::Stopped => "stopped",
        }
    }

    /// Whether it would have run just so on demand: what the on-demand equivalent counts.
    /// A reclaimed or moved attempt would not have existed there.
    pub const fn ended_by_itself(self) -> bool {
        matches!(self, AttemptEnd::Succeeded | AttemptEnd::Failed | AttemptEnd::TimedOut)
    }
}
