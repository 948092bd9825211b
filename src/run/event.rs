//! A run's story, one line an event. `explain`, the live view and the log render the same values.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{StopRequest, Unaccounted, Wait, WhySkipped};
use crate::decision::{Decision, Return};
use crate::domain::{
    AttemptEnd, BatchJobId, BatchStatus, Capacity, EnvironmentName, InstanceType, LegCause, RunId,
    RunOutcome, Usd, Zone,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunEvent {
    pub run: RunId,
    pub at: Timestamp,
    #[serde(flatten)]
    pub kind: RunEventKind,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum RunEventKind {
    /// The run was created.
    Due,
    /// Somebody started the run by hand.
    Triggered {
        by: String,
    },
    /// Somebody asked for a scheduled time that had passed.
    Backfilled {
        by: String,
    },
    /// Somebody opened the run again after it had ended.
    Retried {
        by: String,
    },
    /// The store was lost, and the run was made anew from what Batch showed. What happened before is not
    /// on record.
    Adopted {
        /// Of its last leg; `None` where Batch showed nothing of the run.
        status: Option<BatchStatus>,
    },
    /// An environment was chosen, or the run was held back.
    Decided {
        leg: u16,
        cause: LegCause,
        decision: Box<Decision>,
    },
    /// Batch has the leg.
    Submitted {
        leg: u16,
        environment: EnvironmentName,
        capacity: Capacity,
        job_id: BatchJobId,
    },
    /// The call's outcome is not known; it is being looked up.
    OutcomeUnknown {
        leg: u16,
        error: String,
    },
    /// The look-up found it (again `Submitted` follows), or settled that it never arrived.
    LookedUp {
        leg: u16,
        found: bool,
    },
    /// More than one job of the leg's name was found; the oldest stays.
    DuplicateFound {
        leg: u16,
        terminated: BatchJobId,
    },
    /// Nobody can tell what became of the leg, and its class lets the run go on with another.
    RunsAgain {
        leg: u16,
        why: Unaccounted,
    },
    /// Batch refused or throttled the call.
    SubmitFailed {
        leg: u16,
        error: String,
        will_repeat: bool,
    },
    /// The container runs.
    Started {
        leg: u16,
        instance_type: Option<InstanceType>,
        zone: Option<Zone>,
    },
    /// The leg is asked to stop.
    StopRequested {
        leg: u16,
        cause: LegCause,
    },
    /// The leg has capacity that is not taken back, and the rest is expected to cost less elsewhere.
    GoesBack {
        leg: u16,
        #[serde(flatten)]
        to: Return,
    },
    AttemptEnded {
        leg: u16,
        child: Option<u32>,
        end: AttemptEnd,
        reason: Option<String>,
        log_stream: Option<String>,
    },
    /// It was created, and waits.
    Waits {
        waits: Vec<Wait>,
    },
    /// What it waited for has come about.
    Released,
    /// It is not submitted at all.
    Skipped {
        why: WhySkipped,
    },
    /// Somebody wants it to stop.
    StopWanted {
        request: StopRequest,
    },
    DeadlineMissed,
    /// The leg is expected to bring the run above its class's budget. Told once.
    OverBudget {
        leg: u16,
        spent: Usd,
        expected_cost: Option<Usd>,
        max: Usd,
    },
    /// It cannot be met any more, as was found when a leg was decided; told once.
    DeadlineUnreachable {
        late_secs: i64,
    },
    Ended {
        outcome: RunOutcome,
    },
    /// The ledger's entry of an attempt became final.
    Settled {
        leg: u16,
        cost: Option<Usd>,
        on_demand: Option<Usd>,
    },
}
