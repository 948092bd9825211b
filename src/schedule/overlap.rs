//! What becomes of a run that is due while earlier runs of its job are open.

use serde::{Deserialize, Serialize};

/// A job's overlap policy. The words are Temporal's; `allow-all` is the default, as in Kubernetes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overlap {
    /// Runs side by side.
    #[default]
    AllowAll,
    /// The new one is skipped.
    Skip,
    /// The new one waits; of several the first waits and the others are skipped.
    BufferOne,
    /// All wait, and run one after another.
    BufferAll,
    /// Earlier ones that have not started are cancelled; the new one waits for those that have.
    CancelOther,
    /// Earlier ones are terminated; the new one waits until they have ended.
    TerminateOther,
}

/// How an earlier run is stopped, in AWS Batch's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopKind {
    /// CancelJob: only while nothing was placed.
    Cancel,
    /// TerminateJob: in any state.
    Terminate,
}

/// A job's runs that have not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OpenRuns {
    pub open: usize,
    /// Of these, how many wait for their turn.
    pub buffered: usize,
}

/// What the new run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It starts.
    Start,
    /// It waits for its turn; if given, the earlier ones are stopped first.
    Wait { stop_others: Option<StopKind> },
    /// It is not run.
    Skip,
}

/// What `policy` says of a run that is due while `runs` are open.
pub const fn admit(policy: Overlap, runs: OpenRuns) -> Admission {
    if runs.open == 0 {
        return Admission::Start;
    }
    match policy {
        Overlap::AllowAll => Admission::Start,
        Overlap::Skip => Admission::Skip,
        Overlap::BufferOne if runs.buffered > 0 => Admission::Skip,
        Overlap::BufferOne | Overlap::BufferAll => Admission::Wait { stop_others: None },
        Overlap::CancelOther => Admission::Wait { stop_others: Some(StopKind::Cancel) },
        Overlap::TerminateOther => Admission::Wait { stop_others: Some(StopKind::Terminate) },
    }
}
