//! A run: one scheduled execution of a job, over all its legs (submissions), and the state machine
//! that says what it does next.

mod adopt;
mod asked_now;
mod attempt;
mod by_hand;
mod classify;
mod deadline;
mod event;
mod fresh;
mod in_flight;
mod in_use;
mod indices;
mod input_size;
mod intent;
mod moment;
mod question;
mod records;
mod resend;
mod step;
mod terms;
mod unaccounted;
mod wait;
mod worked;

pub use adopt::{AdoptFacts, Adopted, Adoption, LeftAlone, NotOurs, Sighting, WhyLeft, adopt};
pub use asked_now::{AskedNow, NotAsked, Supposing, asked_now};
pub use attempt::{AttemptKey, AttemptRecord, HostRecord};
pub use by_hand::ByHand;
pub use classify::{STOP_PREFIX, classify, depends_on_instance_end};
pub use deadline::{note_deadline, note_unreachable};
pub use event::{RunEvent, RunEventKind};
pub use fresh::run_of;
pub use in_flight::in_flight;
pub use in_use::InUse;
pub use indices::{
    INDEX_COUNT_VARIABLE, INDEX_MAP_VARIABLE, Indices, Progress, children_for, progress,
};
pub use input_size::size_of;
pub use intent::{
    MANAGED_BY_TAG, RUN_TAG, RUN_VARIABLE, SubmitRequest, batch_job_name, filled, submit_request,
};
pub use moment::must_look_at;
pub use question::{Around, Load, NextLeg};
pub use records::{LegFacts, array_as_one, array_as_placed, attempt_records, worst_end};
pub use resend::{REMEMBERED, Resend, Standing, job_to_keep};
pub use step::{Action, Observation, Step, StepContext, is_too_risky, saved, step, useful};
pub use terms::{Checkpoints, PriceTerms};
pub use unaccounted::{Unaccounted, may_run_again, run_again};
pub use wait::{
    StopRequest, Then, Turns, Upstream, Verdict, Wait, WhySkipped, release, waits_for_place,
    waits_for_turn,
};
pub use worked::{worked_by_attempt, worked_by_run};

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::catalogue::ParameterSet;
use crate::domain::{
    BatchJobId, BatchJobName, BatchStatus, Capacity, ClassName, EnvironmentName, IndexSet, JobName,
    LegCause, RunId, RunOutcome, Site,
};
use crate::mutation::{self, Mutation};
use crate::schedule::StopKind;

/// What made a run exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    Schedule,
    /// Somebody asked for a run now.
    Manual,
    /// Somebody asked for scheduled times that have passed.
    Backfill,
}

impl Trigger {
    /// Part of the deterministic name of each of its legs: never changed once released.
    pub const fn label(self) -> &'static str {
        match self {
            Trigger::Schedule => "schedule",
            Trigger::Manual => "manual",
            Trigger::Backfill => "backfill",
        }
    }
}

/// Where a run stands. Each state has one owner: `release` owns `Waiting`, the dispatcher owns
/// `NeedsLeg` and `Submitting`, the watcher owns `Watching` and `Stopping`. What others want of a run
/// they write into its `stop`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum RunState {
    /// It was created, and what it waits for has not come about.
    Waiting {
        since: Timestamp,
    },
    /// A decision is needed, not before the given time.
    NeedsLeg {
        cause: LegCause,
        not_before: Timestamp,
    },
    /// The last leg's intent is durable; Batch has not confirmed it.
    /// `uncertain_since` is set when a call was made and its outcome is not known.
    Submitting {
        uncertain_since: Option<Timestamp>,
    },
    /// The last leg is at Batch.
    Watching,
    /// The last leg was asked to stop; the next leg waits until it is seen to have ended.
    Stopping {
        cause: LegCause,
        since: Timestamp,
    },
    Ended {
        outcome: RunOutcome,
        at: Timestamp,
    },
}

impl RunState {
    pub const fn label(&self) -> &'static str {
        match self {
            RunState::Waiting { .. } => "waiting",
            RunState::NeedsLeg { .. } => "needs-leg",
            RunState::Submitting { uncertain_since: None } => "submitting",
            RunState::Submitting { .. } => "uncertain",
            RunState::Watching => "watching",
            RunState::Stopping { .. } => "stopping",
            RunState::Ended { outcome, .. } => outcome.label(),
        }
    }

    pub const fn is_open(&self) -> bool {
        !matches!(self, RunState::Ended { .. })
    }
}

/// One submission of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    /// From 0.
    pub index: u16,
    pub cause: LegCause,
    pub environment: EnvironmentName,
    pub capacity: Capacity,
    /// Where it goes and is looked up, whatever becomes of its environment. Stored under the name
    /// that it had before there were roles.
    #[serde(rename = "region")]
    pub site: Site,
    pub queue: String,
    pub batch_name: BatchJobName,
    /// When its intent was made durable.
    pub intended_at: Timestamp,
    /// Past this, a leg that still waits for capacity is moved.
    pub wait_until: Option<Timestamp>,
    pub job_id: Option<BatchJobId>,
    pub submitted_at: Option<Timestamp>,
    pub status: Option<BatchStatus>,
    /// When it was first seen waiting in RUNNABLE.
    pub runnable_since: Option<Timestamp>,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    /// Batch's `statusReason`, as last seen.
    pub reason: Option<String>,
    /// Since when Batch has not shown the job; one odd answer proves nothing.
    #[serde(default)]
    pub missing_since: Option<Timestamp>,
    /// Children of an array job, as it was submitted.
    #[serde(default)]
    pub array_size: Option<u16>,
    /// With mapped indices, those that it carries: child `n` has the `n`-th. Of a single one it is no
    /// array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indices: Option<IndexSet>,
    /// Whether a call for it was ever made without its outcome being known.
    #[serde(default)]
    pub was_uncertain: bool,
    /// What its price depended on besides the market when it was decided. `None` for legs from before
    /// that was kept.
    #[serde(default)]
    pub terms: Option<PriceTerms>,
}

impl Leg {
    /// Whether it ended without ever being at Batch.
    pub const fn never_was_at_batch(&self) -> bool {
        self.job_id.is_none() && self.ended_at.is_some()
    }
}

/// What a run waits for that is expected to cost less.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutOff {
    pub until: Timestamp,
    pub environment: EnvironmentName,
}

const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// One run, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub id: RunId,
    pub job: JobName,
    pub class: ClassName,
    pub trigger: Trigger,
    pub scheduled_for: Timestamp,
    pub created_at: Timestamp,
    pub deadline_at: Option<Timestamp>,
    /// Set once, when the deadline passed before the run had succeeded.
    #[serde(default)]
    pub deadline_missed: bool,
    /// Set once, when a leg was decided that brings it above its class's budget.
    #[serde(default, skip_serializing_if = "is_false")]
    pub over_budget: bool,
    /// Until when, and for what, its first leg was last put off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub put_off: Option<PutOff>,
    /// Set once, when it was found that the deadline cannot be met any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deadline_unreachable: bool,
    pub state: RunState,
    /// What had, or has, to come about before its first leg.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits: Vec<Wait>,
    /// What somebody wants to become of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<StopRequest>,
    pub legs: Vec<Leg>,
    /// Application failures so far.
    #[serde(default)]
    pub failures: u16,
    /// What tells it apart from the other runs of its scheduled time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<Arc<ParameterSet>>,
    /// With mapped indices: which it has to do, and which are done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indices: Option<Indices>,
    /// The scheduled time of the last run of the job (with the same set) before this one that had
    /// succeeded when this one was let go. Only looked up where a template names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_success: Option<Timestamp>,
    /// Work saved by checkpoints so far, in milliseconds of the expected duration.
    #[serde(default)]
    pub progress_millis: i64,
    /// What people asked of it.
    #[serde(default, skip_serializing_if = "ByHand::is_untouched")]
    pub by_hand: ByHand,
    /// Raised by one with every change; a write that expected another version is refused.
    pub version: u64,
}

impl Run {
    /// What its first leg waits for that is expected to cost less, while it does.
    pub fn waits_for_better(&self) -> Option<&PutOff> {
        let RunState::NeedsLeg { not_before, .. } = self.state else { return None };
        self.put_off.as_ref().filter(|put_off| self.legs.is_empty() && put_off.until == not_before)
    }

    /// What somebody wants of it, as far as that still holds: what has ever started is past cancelling,
    /// also while it waits for a further leg.
    pub fn stop_in_force(&self) -> Option<&StopRequest> {
        let started = || self.legs.iter().any(|leg| leg.started_at.is_some());
        self.stop.as_ref().filter(|stop| stop.kind == StopKind::Terminate || !started())
    }

    /// Whether somebody wants it to end.
    pub fn is_to_end(&self) -> bool {
        self.stop_in_force().is_some_and(|stop| stop.then == Then::End)
            && !mutation::active(Mutation::CancelForgotten)
    }

    /// Its id, or what it begins with where the run is one of several with parameter sets.
    pub fn group(&self) -> RunId {
        let id = self.id.as_str();
        let key = self.set.as_ref().map_or(0, |set| set.key.len() + 1);
        RunId::new(&id[..id.len().saturating_sub(key)])
    }

    pub fn last_leg(&self) -> Option<&Leg> {
        self.legs.last()
    }

    /// The legs that count against `max_legs`: those since somebody last asked for a retry.
    pub fn counted_legs(&self) -> &[Leg] {
        self.legs.get(usize::from(self.by_hand.legs_before)..).unwrap_or_default()
    }

    /// Since when somebody wants it: its scheduled time, or when it was last opened by hand.
    pub fn wanted_since(&self) -> Timestamp {
        self.by_hand.opened_at.unwrap_or(self.scheduled_for)
    }

    /// Whether Batch refused the run for this environment since a leg of it was last at Batch. A
    /// refusal hours ago says nothing of the queue now, and one before a retry is what that is for.
    pub fn was_refused_by(&self, environment: &EnvironmentName) -> bool {
        let refused = self.counted_legs().iter().rev().take_while(|leg| leg.never_was_at_batch());
        refused.into_iter().any(|leg| leg.environment == *environment)
    }

    pub fn interruptions(&self) -> usize {
        self.legs.iter().skip(1).filter(|leg| leg.cause == LegCause::Interrupted).count()
    }
}
