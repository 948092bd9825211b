//! docs/reference/cli.md is what the program says of itself.

use anstream::adapter::strip_str;
use spotcron::cli::reference::command_line;
use spotcron::cli::render::sentence;
use spotcron::decision::{ForcedOnDemand, ForcedScope, Guard, Reason, Return};
use spotcron::domain::{AttemptEnd, BatchStatus, Capacity, LegCause, RunOutcome, Usd, UsdPerHour};
use spotcron::ledger::Unpriced;
use spotcron::market::Absurdity;
use spotcron::run::{RunEventKind, RunState, Unaccounted};

use super::golden::{assert_file, assert_golden};
use super::story::at;

#[test]
fn the_reference_of_the_command_line_is_current() {
    assert_file("docs/reference/cli.md", &strip_str(&command_line()).to_string());
}

fn forced(scope: ForcedScope, until: Option<jiff::Timestamp>) -> Guard {
    Guard::ForcedOnDemand(ForcedOnDemand { by: "alice".to_owned(), scope, until })
}

fn guards() -> Vec<Guard> {
    vec![
        Guard::Unusable { reason: "job queue spot-b is DISABLED".to_owned() },
        Guard::DoesNotFit,
        Guard::PriceUnknown,
        Guard::PriceAbsurd { price: UsdPerHour::ZERO, why: Absurdity::NotPositive },
        Guard::PriceAbsurd {
            price: "3.1".parse().unwrap(),
            why: Absurdity::AboveOnDemand { on_demand: "0.3".parse().unwrap() },
        },
        Guard::PriceAbsurd {
            price: "0.001".parse().unwrap(),
            why: Absurdity::Jump { from: "0.1".parse().unwrap() },
        },
        Guard::PriceStale { age_secs: 7500, max_age_secs: 1800 },
        Guard::AboveMaxPrice { price: "0.3104".parse().unwrap(), max: "0.25".parse().unwrap() },
        Guard::SavingTooSmall {
            saving: spotcron::domain::Ppm(31_000),
            min: spotcron::domain::Ppm::from_percent(10),
        },
        Guard::DeadlineTooNear { slack_secs: 300 },
        Guard::DeadlineTooNear { slack_secs: -720 },
        Guard::CoolingDown { until: at("02:15:00") },
        Guard::AboveRunBudget {
            spent: "0.31".parse().unwrap(),
            expected_cost: Some("0.2".parse().unwrap()),
            max: "0.5".parse().unwrap(),
        },
        Guard::AboveRunBudget {
            spent: "0.51".parse().unwrap(),
            expected_cost: None,
            max: "0.5".parse().unwrap(),
        },
        Guard::ProbeUnderWay { since: at("02:15:40") },
        Guard::LastLeg,
        Guard::MovedAway,
        forced(ForcedScope::Class, None),
        forced(ForcedScope::Run, Some(at("02:15:00"))),
    ]
}

fn reasons() -> Vec<Reason> {
    let expected_cost = "0.0509".parse().unwrap();
    vec![
        Reason::Cheapest {
            expected_cost,
            second: Some(("on-demand-a".into(), "0.1602".parse().unwrap())),
        },
        Reason::Cheapest { expected_cost, second: None },
        Reason::OnlyCandidate,
        Reason::PriceUnknown,
        Reason::Fallback { guard: Guard::MovedAway },
        Reason::Kept {
            expected_cost: "0.31".parse().unwrap(),
            cheaper: ("spot-b".into(), "0.29".parse().unwrap()),
            until: at("03:00:00"),
        },
        Reason::Probe { trips: 1 },
        Reason::DeadlineCannotBeMet { late_secs: 720 },
        Reason::Probe { trips: 3 },
        Reason::Hold { until: at("02:15:00") },
        Reason::WaitsForBetter {
            until: at("02:15:00"),
            environment: "on-demand-a".into(),
            saving: expected_cost,
        },
        Reason::OverBudget {
            spent: "0.31".parse().unwrap(),
            expected_cost: Some(expected_cost),
            max: "0.35".parse().unwrap(),
        },
    ]
}

fn events() -> Vec<RunEventKind> {
    let error = || "SubmitJob: too many requests".to_owned();
    let ended = |child, end, reason: Option<&str>| RunEventKind::AttemptEnded {
        leg: 1,
        child,
        end,
        reason: reason.map(str::to_owned),
        log_stream: None,
    };
    let mut events = vec![
        RunEventKind::Due,
        RunEventKind::Triggered { by: "alice".to_owned() },
        RunEventKind::Backfilled { by: "alice".to_owned() },
        RunEventKind::Retried { by: "alice".to_owned() },
        RunEventKind::Submitted {
            leg: 0,
            environment: "spot-a".into(),
            capacity: Capacity::Spot,
            job_id: "1f2e".into(),
        },
        RunEventKind::OutcomeUnknown { leg: 0, error: error() },
        RunEventKind::LookedUp { leg: 0, found: true },
        RunEventKind::LookedUp { leg: 0, found: false },
        RunEventKind::RunsAgain { leg: 0, why: Unaccounted::NeverShown },
        RunEventKind::RunsAgain { leg: 0, why: Unaccounted::Vanished },
        RunEventKind::Adopted { status: Some(BatchStatus::Running) },
        RunEventKind::Adopted { status: None },
        RunEventKind::DuplicateFound { leg: 0, terminated: "3d4c".into() },
        RunEventKind::SubmitFailed { leg: 0, error: error(), will_repeat: true },
        RunEventKind::SubmitFailed { leg: 0, error: error(), will_repeat: false },
        RunEventKind::Started {
            leg: 0,
            instance_type: Some("m6i.xlarge".into()),
            zone: Some("eu-west-1a".into()),
        },
        RunEventKind::Started { leg: 0, instance_type: None, zone: None },
        ended(None, AttemptEnd::Interrupted, Some("Host EC2 (instance i-0) terminated.")),
        ended(Some(3), AttemptEnd::Succeeded, None),
        RunEventKind::DeadlineUnreachable { late_secs: 90 },
        RunEventKind::DeadlineMissed,
        RunEventKind::OverBudget {
            leg: 2,
            spent: "0.31".parse().unwrap(),
            expected_cost: Some("0.2".parse().unwrap()),
            max: "0.5".parse().unwrap(),
        },
        RunEventKind::Settled {
            leg: 0,
            cost: Some("0.0509".parse().unwrap()),
            on_demand: Some("0.1602".parse().unwrap()),
        },
        RunEventKind::Settled { leg: 0, cost: None, on_demand: None },
    ];
    let causes = [
        LegCause::Scheduled,
        LegCause::Interrupted,
        LegCause::Starved,
        LegCause::DeadlineNear,
        LegCause::Infrastructure,
        LegCause::Failed,
        LegCause::NeverArrived,
        LegCause::OutcomeUnknown,
        LegCause::Refused,
        LegCause::Retried,
        LegCause::Returned,
    ];
    let usd = Usd::from_nanos;
    let to = Return {
        environment: "spot".into(),
        staying: usd(3_210_000_000),
        going: usd(1_080_000_000),
        probes: false,
    };
    events.push(RunEventKind::GoesBack { leg: 1, to });
    events.extend(causes.map(|cause| RunEventKind::StopRequested { leg: 1, cause }));
    events.extend(AttemptEnd::ALL.map(|end| ended(None, end, None)));
    events.extend(RunOutcome::ALL.map(|outcome| RunEventKind::Ended { outcome }));
    events
}

#[test]
fn every_reason_guard_and_event_reads_as_a_sentence() {
    let mut text = String::new();
    let mut section = |title: &str, lines: Vec<String>| {
        text.push_str(&format!("{title}\n"));
        lines.iter().for_each(|line| text.push_str(&format!("  {line}\n")));
    };
    section("guards", guards().iter().map(sentence::guard).collect());
    section("reasons", reasons().iter().map(sentence::reason).collect());
    section("events", events().iter().map(sentence::event).collect());
    let unpriced = [
        Unpriced::HostUnknown,
        Unpriced::ShareUnknown,
        Unpriced::SpotPriceUnknown,
        Unpriced::OnDemandPriceUnknown,
        Unpriced::FargatePriceUnknown,
        Unpriced::FargateSpotDiscountUnknown,
        Unpriced::UnsupportedLifecycle,
    ];
    section("unpriced", unpriced.map(|why| sentence::unpriced(why).to_owned()).into());
    let since = at("02:15:00");
    let states = [
        RunState::NeedsLeg { cause: LegCause::Interrupted, not_before: since },
        RunState::Submitting { uncertain_since: None },
        RunState::Submitting { uncertain_since: Some(since) },
        RunState::Watching,
        RunState::Stopping { cause: LegCause::DeadlineNear, since },
        RunState::Ended { outcome: RunOutcome::Unknown, at: since },
    ];
    section("states", states.iter().map(sentence::state).collect());
    assert_golden("sentences.txt", &text);
}
