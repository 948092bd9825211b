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
    /// Batch refused the last submission; another environment may take it.
    Refused,
}

impl LegCause {
    /// The next leg must not go to interruptible capacity again.
    pub const fn moves_away(self) -> bool {
        matches!(self, LegCause::Starved | LegCause::DeadlineNear)
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
            LegCause::Refused => "refused",
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
    /// Someone else cancelled or terminated the job.
    Cancelled,
    /// Nobody can tell any more what became of it. Never sent again by itself.
    Unknown,
    /// `--observe`: decided and recorded, not submitted.
    Observed,
}

impl RunOutcome {
    pub const ALL: [RunOutcome; 6] = [
        RunOutcome::Succeeded,
        RunOutcome::Failed,
        RunOutcome::Rejected,
        RunOutcome::Cancelled,
        RunOutcome::Unknown,
        RunOutcome::Observed,
    ];

    pub const fn label(self) -> &'static str {
        match self {
            RunOutcome::Succeeded => "succeeded",
            RunOutcome::Failed => "failed",
            RunOutcome::Rejected => "rejected",
            RunOutcome::Cancelled => "cancelled",
            RunOutcome::Unknown => "unknown",
            RunOutcome::Observed => "observed",
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
