//! Reasons, guards, causes and events as English. The table, the live view and `explain` all say
//! the same thing in the same words.

mod asked;
mod price;
mod turning;
mod unknown;

pub use asked::{RESOURCES_ASSUMED, not_asked, supposing};
pub use price::absurd;
pub use turning::turning_points;
use unknown::{adopted, looked_up, runs_again};

use jiff::SignedDuration;

use super::value::{clock, count, duration, price, seconds, time, usd};
use crate::decision::{Decision, ForcedScope, Guard, Reason};
use crate::domain::{AttemptEnd, LegCause, RunOutcome, Usd};
use crate::experience::durations::{Lengths, Scaling};
use crate::ledger::Unpriced;
use crate::run::{RunEventKind, RunState, StopRequest, Then, Wait, WhySkipped};
use crate::schedule::StopKind;

/// What speaks against an environment, to follow its name: "its price is not known".
pub fn guard(guard: &Guard) -> String {
    match guard {
        Guard::Unusable { reason } => format!("it cannot take jobs: {reason}"),
        Guard::DoesNotFit => "no instance type there is large enough for the job".to_owned(),
        Guard::PriceUnknown => "its price is not known".to_owned(),
        Guard::PriceAbsurd { price, why } => {
            format!("its price is not believed: {}", absurd(*price, *why))
        }
        Guard::PriceStale { age_secs, max_age_secs } => format!(
            "its price is {} old, and at most {} is allowed",
            seconds(*age_secs),
            seconds(*max_age_secs)
        ),
        Guard::AboveMaxPrice { price: now, max } => {
            format!("it costs {} an hour, above the limit of {}", price(*now), price(*max))
        }
        Guard::SavingTooSmall { saving, min } => {
            format!("it is expected to save {saving}, and at least {min} is asked for")
        }
        Guard::DeadlineTooNear { slack_secs } => format!(
            "the deadline is too near: after a late interruption a full on-demand run would be {}",
            slack(*slack_secs)
        ),
        Guard::CoolingDown { until } => {
            format!("it had trouble lately and is left alone until {}", time(*until))
        }
        Guard::AboveRunBudget { spent, expected_cost, max } => {
            format!("the run {}", above_budget(*spent, *expected_cost, *max))
        }
        Guard::ProbeUnderWay { since } => format!(
            "it had trouble, and one leg, sent at {}, tries it before others follow",
            time(*since)
        ),
        Guard::LastLeg => {
            "this is the last leg allowed, and that goes to capacity that is not taken back"
                .to_owned()
        }
        Guard::MovedAway => "the run was moved away from interruptible capacity".to_owned(),
        Guard::ForcedOnDemand(forced) => {
            let what = match forced.scope {
                ForcedScope::Class => "the class",
                ForcedScope::Run => "the run",
            };
            let until = forced.until.map_or_else(String::new, |at| format!(" until {}", time(at)));
            format!("{} keeps {what} on capacity that is not taken back{until}", forced.by)
        }
    }
}

fn above_budget(spent: Usd, expected: Option<Usd>, max: Usd) -> String {
    let cost = match expected {
        Some(expected) if spent == Usd::ZERO => format!("is expected to cost {}", usd(expected)),
        Some(expected) => {
            format!("has cost {}, and {} more is expected", usd(spent), usd(expected))
        }
        None => format!("has cost {}", usd(spent)),
    };
    format!("{cost}: above its budget of {}", usd(max))
}

fn slack(slack_secs: i64) -> String {
    match slack_secs {
        0.. => format!("in time by only {}", seconds(slack_secs)),
        _ => format!("{} late", seconds(slack_secs.saturating_neg())),
    }
}

/// Why a decision came out as it did, to follow the name of what was chosen: "spot-a: the lowest
/// expected cost".
pub fn reason(reason: &Reason) -> String {
    match reason {
        Reason::Cheapest { expected_cost, second: Some((name, cost)) } => format!(
            "the lowest expected cost, {}; next is {name} with {}",
            usd(*expected_cost),
            usd(*cost)
        ),
        Reason::Cheapest { expected_cost, second: None } => {
            format!("the lowest expected cost, {}", usd(*expected_cost))
        }
        Reason::Kept { expected_cost, cheaper: (name, cost), until } => format!(
            "the class stays where it went last until {}, for {}; {name} with {} saves too little",
            time(*until),
            usd(*expected_cost),
            usd(*cost)
        ),
        Reason::OnlyCandidate => "the only environment allowed now".to_owned(),
        Reason::DeadlineCannotBeMet { late_secs } => format!(
            "the deadline cannot be met any more: without trouble it is {} late",
            seconds(*late_secs)
        ),
        Reason::PriceUnknown => "no price is known, and the class comes here then".to_owned(),
        Reason::Fallback { guard: against } => {
            format!("interruptible capacity is ruled out ({})", guard(against))
        }
        Reason::Probe { trips: 0 | 1 } => {
            "it had trouble, and this leg tries it before others follow".to_owned()
        }
        Reason::Probe { trips } => format!(
            "it had trouble {trips} times in a row, and this leg tries it before others follow"
        ),
        Reason::Hold { until } => {
            format!("nothing is allowed now; asked again at {}", time(*until))
        }
        Reason::WaitsForBetter { until, environment, saving } => format!(
            "it may wait, and is expected to cost {} less if it goes to {environment} at {}",
            usd(*saving),
            time(*until)
        ),
        Reason::OverBudget { spent, expected_cost, max } => {
            format!("the run {}", above_budget(*spent, *expected_cost, *max))
        }
    }
}

/// How long the work was taken to be, as a whole sentence.
pub fn lengths(lengths: &Lengths) -> String {
    let cut_short = match lengths.unfinished {
        0 => String::new(),
        unfinished => format!("; {} cut short", count(unfinished as usize, "attempt")),
    };
    let by_size = match lengths.scaling {
        Scaling::NotNamed => String::new(),
        Scaling::By(size) => format!(", for an input of size {size}"),
        Scaling::SizeMissing => "; the size of its input is not known".to_owned(),
        Scaling::FewSeen => "; too few runs of a known size were seen to tell by it".to_owned(),
        Scaling::NotProportional => "; lengths do not follow the sizes of inputs".to_owned(),
    };
    format!(
        "Its work: expected {} ({} seen{cut_short}), planned with {} ({} %){by_size}.",
        duration(lengths.expected),
        count(lengths.finished as usize, "run"),
        duration(lengths.planned),
        lengths.percentile,
    )
}

/// All reasons of a decision, as [`reason`] says them.
pub fn reasons(decision: &Decision) -> String {
    let all: Vec<String> = decision.reasons.iter().map(reason).collect();
    all.join("; ")
}

/// Why a leg begins, to follow "because".
pub fn cause(cause: LegCause) -> &'static str {
    match cause {
        LegCause::Scheduled => "the run was due",
        LegCause::Interrupted => "AWS took the capacity back",
        LegCause::Starved => "no capacity came within the wait budget",
        LegCause::DeadlineNear => "the deadline could only be met on demand",
        LegCause::Infrastructure => "the host, the image or the task failed",
        LegCause::Failed => "the application failed and may be tried again",
        LegCause::NeverArrived => "the last submission never reached Batch",
        LegCause::OutcomeUnknown => {
            "nobody can tell what became of the last submission, and the class runs again then"
        }
        LegCause::Refused => "Batch refused the last submission",
        LegCause::Retried => "somebody asked for a retry",
        LegCause::Stopped => "it is to end",
        LegCause::Moved => "it is to go on where capacity is not taken back",
        LegCause::Returned => "the rest is expected to cost less elsewhere",
    }
}

/// How an attempt ended, to follow "the attempt".
pub fn attempt_end(end: AttemptEnd) -> &'static str {
    match end {
        AttemptEnd::Succeeded => "succeeded",
        AttemptEnd::Failed => "failed by itself",
        AttemptEnd::Interrupted => "was interrupted: AWS took the capacity back",
        AttemptEnd::Infrastructure => "was lost to its host, image or agent",
        AttemptEnd::TimedOut => "ran into its timeout",
        AttemptEnd::Stopped => "was stopped",
    }
}

/// How a run ended, as a whole sentence.
pub fn outcome(outcome: RunOutcome) -> &'static str {
    match outcome {
        RunOutcome::Succeeded => "The run succeeded.",
        RunOutcome::Failed => "The run failed; nothing more will be tried.",
        RunOutcome::Rejected => "Batch refused the submission; the run is over.",
        RunOutcome::Cancelled => "It was cancelled, here or at Batch; the run is over.",
        RunOutcome::Unknown => {
            "Nobody can tell any more what became of the run; it is never sent again by itself."
        }
        RunOutcome::Skipped => "What it waited for did not come about; it was not submitted.",
        RunOutcome::Observed => "Only observing: decided and recorded, nothing was submitted.",
    }
}

/// Where a run stands, as a whole sentence.
pub fn state(state: &RunState) -> String {
    match state {
        RunState::Waiting { since } => {
            format!("It waits since {} for what must come about first.", time(*since))
        }
        RunState::NeedsLeg { cause: why, not_before } => format!(
            "It needs a leg because {}; decided not before {}.",
            cause(*why),
            time(*not_before)
        ),
        RunState::Submitting { uncertain_since: None } => {
            "Its leg is recorded and about to be sent to Batch.".to_owned()
        }
        RunState::Submitting { uncertain_since: Some(since) } => format!(
            "A submission at {} has no known outcome; it is looked up before anything is sent again.",
            time(*since)
        ),
        RunState::Watching => "Its leg is at Batch.".to_owned(),
        RunState::Stopping { cause: why, since } => format!(
            "Its leg was asked to stop at {} because {}; the next one waits until it has ended.",
            time(*since),
            cause(*why)
        ),
        RunState::Ended { outcome: how, .. } => outcome(*how).to_owned(),
    }
}

/// Why an attempt has no price, to follow "because".
pub fn unpriced(why: Unpriced) -> &'static str {
    match why {
        Unpriced::HostUnknown => "the instance behind it could not be found out",
        Unpriced::ShareUnknown => "what it reserved, or what the instance offers, is not known",
        Unpriced::SpotPriceUnknown => "no spot price is known for its pool at that time",
        Unpriced::OnDemandPriceUnknown => "no on-demand price is known for its instance type",
        Unpriced::FargatePriceUnknown => "no Fargate price is known for it",
        Unpriced::FargateSpotDiscountUnknown => {
            "nobody stated the discount of Fargate Spot, which AWS publishes nowhere"
        }
        Unpriced::UnsupportedLifecycle => "the instance was bought in a way that has no price here",
    }
}

/// What a run waits for, to follow "until".
pub fn wait(wait: &Wait) -> String {
    match wait {
        Wait::Turn => "no earlier run of its job is open".to_owned(),
        Wait::Upstream { run, when, .. } => format!("{run} has {}", when.label()),
        Wait::Place { at_once, .. } => {
            format!("its backfill, of which {at_once} may be under way at once, has a place for it")
        }
    }
}

/// Why a run was not submitted at all, as a whole sentence.
pub fn why_skipped(why: &WhySkipped) -> String {
    match why {
        WhySkipped::UpstreamEnded { run, outcome, when } => format!(
            "It is skipped: {run} ended as {}, and this run wants it to have {}.",
            outcome.label(),
            when.label()
        ),
        WhySkipped::UpstreamAbsent { run } => format!(
            "It is skipped: there is no {run} (its time was skipped, or the job left the catalogue)."
        ),
    }
}

fn stop_wanted(request: &StopRequest) -> String {
    let how = match request.kind {
        StopKind::Cancel => "cancelled if it has not started",
        StopKind::Terminate => "terminated",
    };
    let then = match request.then {
        Then::End => "",
        Then::MoveOnDemand => " and to go on where capacity is not taken back",
    };
    format!("It is to be {how}{then}: {}.", request.reason)
}

/// An event's kind, as it is stored.
pub const fn event_label(kind: &RunEventKind) -> &'static str {
    match kind {
        RunEventKind::Due => "due",
        RunEventKind::Adopted { .. } => "adopted",
        RunEventKind::Triggered { .. } => "triggered",
        RunEventKind::Backfilled { .. } => "backfilled",
        RunEventKind::Retried { .. } => "retried",
        RunEventKind::Waits { .. } => "waits",
        RunEventKind::Released => "released",
        RunEventKind::Skipped { .. } => "skipped",
        RunEventKind::StopWanted { .. } => "stop-wanted",
        RunEventKind::Decided { .. } => "decided",
        RunEventKind::Submitted { .. } => "submitted",
        RunEventKind::OutcomeUnknown { .. } => "outcome-unknown",
        RunEventKind::LookedUp { .. } => "looked-up",
        RunEventKind::DuplicateFound { .. } => "duplicate-found",
        RunEventKind::RunsAgain { .. } => "runs-again",
        RunEventKind::SubmitFailed { .. } => "submit-failed",
        RunEventKind::Started { .. } => "started",
        RunEventKind::StopRequested { .. } => "stop-requested",
        RunEventKind::GoesBack { .. } => "goes-back",
        RunEventKind::AttemptEnded { .. } => "attempt-ended",
        RunEventKind::DeadlineMissed => "deadline-missed",
        RunEventKind::OverBudget { .. } => "over-budget",
        RunEventKind::DeadlineUnreachable { .. } => "deadline-unreachable",
        RunEventKind::Ended { .. } => "ended",
        RunEventKind::Settled { .. } => "settled",
    }
}

/// One event of a run's story, as a whole sentence.
pub fn event(kind: &RunEventKind) -> String {
    match kind {
        RunEventKind::Due => "The run was due and was created.".to_owned(),
        RunEventKind::Adopted { status } => adopted(*status),
        RunEventKind::Triggered { by } => format!("{by} started the run by hand."),
        RunEventKind::Backfilled { by } => {
            format!("{by} asked for this time in a backfill.")
        }
        RunEventKind::Retried { by } => format!("{by} opened the run again."),
        RunEventKind::Waits { waits } => {
            let all: Vec<String> = waits.iter().map(wait).collect();
            format!("It waits until {}.", all.join(" and "))
        }
        RunEventKind::Released => "What it waited for has come about.".to_owned(),
        RunEventKind::Skipped { why } => why_skipped(why),
        RunEventKind::StopWanted { request } => stop_wanted(request),
        RunEventKind::Decided { leg, cause: why, decision } => decided(*leg, *why, decision),
        RunEventKind::Submitted { leg, environment, capacity, job_id } => {
            format!("Leg {leg} went to {environment} ({capacity}) as Batch job {job_id}.")
        }
        RunEventKind::OutcomeUnknown { leg, error } => format!(
            "Whether Batch took leg {leg} is not known ({error}); it is looked up by its name."
        ),
        RunEventKind::LookedUp { leg, found } => looked_up(*leg, *found),
        RunEventKind::RunsAgain { leg, why } => runs_again(*leg, *why),
        RunEventKind::DuplicateFound { leg, terminated } => format!(
            "Leg {leg} was at Batch twice; the older job stays and {terminated} was terminated."
        ),
        RunEventKind::SubmitFailed { leg, error, will_repeat: true } => {
            format!("Batch did not take leg {leg} ({error}); it will be sent again.")
        }
        RunEventKind::SubmitFailed { leg, error, will_repeat: false } => {
            format!("Batch refused leg {leg} ({error}); it will not be sent again.")
        }
        RunEventKind::Started { leg, instance_type, zone } => {
            let place = match (instance_type, zone) {
                (Some(instance_type), Some(zone)) => format!(" on {instance_type} in {zone}"),
                (Some(instance_type), None) => format!(" on {instance_type}"),
                (None, Some(zone)) => format!(" in {zone}"),
                (None, None) => String::new(),
            };
            format!("Leg {leg} started running{place}.")
        }
        RunEventKind::StopRequested { leg, cause: why } => {
            format!("Leg {leg} was asked to stop because {}.", cause(*why))
        }
        RunEventKind::GoesBack { leg, to } => format!(
            "What leg {leg} still has to do costs {} there, and is expected to cost {} in {}.",
            usd(to.staying),
            usd(to.going),
            to.environment
        ),
        RunEventKind::AttemptEnded { leg, child, end, reason, .. } => {
            ended(*leg, *child, *end, reason.as_deref())
        }
        RunEventKind::DeadlineUnreachable { late_secs } => format!(
            "The deadline cannot be met any more: without further trouble the run is {} late.",
            seconds(*late_secs)
        ),
        RunEventKind::DeadlineMissed => {
            "The deadline passed before the run had succeeded.".to_owned()
        }
        RunEventKind::OverBudget { leg, spent, expected_cost, max } => {
            format!("Leg {leg}: the run {}.", above_budget(*spent, *expected_cost, *max))
        }
        RunEventKind::Ended { outcome: how } => outcome(*how).to_owned(),
        RunEventKind::Settled { leg, cost, on_demand } => settled(*leg, *cost, *on_demand),
    }
}

fn settled(leg: u16, cost: Option<Usd>, on_demand: Option<Usd>) -> String {
    match (cost, on_demand) {
        (Some(cost), Some(on_demand)) => format!(
            "Leg {leg} cost {}; on demand it would have cost {}.",
            usd(cost),
            usd(on_demand)
        ),
        (Some(cost), None) => format!("Leg {leg} cost {}.", usd(cost)),
        (None, _) => format!("Leg {leg} was settled without a price."),
    }
}

fn decided(leg: u16, why: LegCause, decision: &Decision) -> String {
    let because = match why {
        LegCause::Scheduled => String::new(),
        why => format!(" (needed because {})", cause(why)),
    };
    let reasons = reasons(decision);
    match &decision.chosen {
        Some(chosen) => format!("Chose {chosen} for leg {leg}{because}: {reasons}."),
        None => format!("Leg {leg}{because} is held back: {reasons}."),
    }
}

fn ended(leg: u16, child: Option<u32>, end: AttemptEnd, reason: Option<&str>) -> String {
    let which = match child {
        Some(child) => format!("The attempt of leg {leg}'s child {child}"),
        None => format!("The attempt of leg {leg}"),
    };
    match reason.filter(|reason| !reason.is_empty()) {
        Some(reason) => format!("{which} {} (\"{reason}\").", attempt_end(end)),
        None => format!("{which} {}.", attempt_end(end)),
    }
}

/// How far a time lies before or after a deadline: "met with 1h 12m to spare".
pub fn against_deadline(spare: SignedDuration) -> String {
    if spare.is_negative() {
        format!("missed by {}", duration(spare.abs()))
    } else {
        format!("met with {} to spare", duration(spare))
    }
}

/// A line of the log: time of day, run, sentence.
pub fn log_line(at: jiff::Timestamp, run: &str, text: &str) -> String {
    format!("{} {run}: {text}", clock(at))
}
