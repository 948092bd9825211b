//! Commands, as they are written down, sent and kept.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::{ClassName, JobName, Redacted, RunId};

/// What somebody asks for. Serialised, the values of parameters are `***`: so they are in the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Command {
    /// Nothing of these jobs starts any more; what runs goes on.
    Pause {
        jobs: Jobs,
        #[serde(default)]
        note: String,
    },
    /// Ends a pause. What passed meanwhile is not made up for.
    Resume {
        jobs: Jobs,
        #[serde(default)]
        note: String,
    },
    /// One run now.
    Trigger {
        job: JobName,
        /// Instead of the job's own, where it allows that.
        #[serde(default)]
        parameters: BTreeMap<String, Redacted>,
        #[serde(default)]
        note: String,
    },
    /// The scheduled times of a range that have no run, both ends included.
    Backfill {
        job: JobName,
        from: Timestamp,
        to: Timestamp,
        /// So many of its runs are open at once, at most.
        #[serde(default = "ten")]
        at_once: u16,
        /// Only say what it would do.
        #[serde(default)]
        dry_run: bool,
        #[serde(default)]
        note: String,
    },
    /// Opens a run again that ended without success.
    Retry {
        run: RunId,
        /// Also one of which nobody knows whether it ran: it may then run twice.
        #[serde(default)]
        even_if_unknown: bool,
        #[serde(default)]
        note: String,
    },
    /// Ends a run: what of it is at Batch is terminated.
    Cancel {
        run: RunId,
        #[serde(default)]
        note: String,
    },
    /// Lets a run go on elsewhere: what of it is at Batch is terminated, and its further submissions go
    /// where it is moved to.
    Move {
        run: RunId,
        to: MoveTo,
        #[serde(default)]
        note: String,
    },
    /// Further decisions of a class take only capacity that is not taken back.
    ForceOnDemand {
        class: ClassName,
        /// For so long; without it until somebody ends it.
        #[serde(default)]
        for_secs: Option<u32>,
        #[serde(default)]
        note: String,
    },
    /// Ends that.
    EndForceOnDemand {
        class: ClassName,
        #[serde(default)]
        note: String,
    },
}

/// Which jobs a pause is about: `"all"`, or `{"job": "name"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Jobs {
    All,
    Job(JobName),
}

/// Where a run may be moved to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MoveTo {
    /// Capacity that is not taken back.
    OnDemand,
}

const fn ten() -> u16 {
    10
}

impl Command {
    /// As JSON with the values of parameters in the open: for the daemon, and for nobody else.
    pub fn to_send(&self) -> serde_json::Value {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        if let Command::Trigger { parameters, .. } = self {
            let open = |(name, value): (&String, &Redacted)| {
                (name.clone(), serde_json::Value::from(value.expose()))
            };
            value["parameters"] = parameters.iter().map(open).collect();
        }
        value
    }

    /// Stable, for logs.
    pub const fn label(&self) -> &'static str {
        match self {
            Command::Pause { .. } => "pause",
            Command::Resume { .. } => "resume",
            Command::Trigger { .. } => "trigger",
            Command::Backfill { .. } => "backfill",
            Command::Retry { .. } => "retry",
            Command::Cancel { .. } => "cancel",
            Command::Move { .. } => "move",
            Command::ForceOnDemand { .. } => "force-on-demand",
            Command::EndForceOnDemand { .. } => "end-force-on-demand",
        }
    }

    /// Why, in the words of whoever asks.
    pub fn note(&self) -> &str {
        match self {
            Command::Pause { note, .. }
            | Command::Resume { note, .. }
            | Command::Trigger { note, .. }
            | Command::Backfill { note, .. }
            | Command::Retry { note, .. }
            | Command::Cancel { note, .. }
            | Command::Move { note, .. }
            | Command::ForceOnDemand { note, .. }
            | Command::EndForceOnDemand { note, .. } => note,
        }
    }

    /// Whether it only asks what would happen.
    pub const fn changes_nothing(&self) -> bool {
        matches!(self, Command::Backfill { dry_run: true, .. })
    }
}
