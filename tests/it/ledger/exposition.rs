//! What `/metrics` says, and that its reference page says the same.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use jiff::SignedDuration;
use spotcron::domain::{AttemptEnd, Capacity, LegCause, Ppm, RunOutcome, Usd};
use spotcron::ledger::{CorrectedAmount, Counter, Direction, Summary, Tally};
use spotcron::metrics::{
    ApiCalls, BillingGauges, BreakerGauges, DESCRIPTORS, Kind, MarketGauges, OpenRuns,
    OptionalPermission, ReloadGauges, Snapshot, TaskGauges, reference_page, render,
};
use spotcron::schedule::SkipReason;

use super::fixture::{after, price};

const REFERENCE: &str = "docs/reference/metrics.md";

/// One of each counter, each with a total of its own.
fn one_of_each() -> Tally {
    let (job, class, environment) = (|| "extract".into(), || "nightly".into(), || "spot-a".into());
    let capacity = Capacity::Spot;
    let reason = || "cheapest".to_owned();
    let counters = [
        Counter::Runs {
            job: job(),
            class: class(),
            environment: Some(environment()),
            outcome: RunOutcome::Succeeded,
        },
        Counter::RunsSkipped { job: job(), reason: SkipReason::Paused },
        Counter::Submissions {
            class: class(),
            environment: environment(),
            capacity,
            cause: LegCause::Scheduled,
        },
        Counter::Attempts {
            class: class(),
            environment: environment(),
            capacity,
            end: AttemptEnd::Interrupted,
        },
        Counter::Fallbacks { class: class(), cause: LegCause::Starved },
        Counter::DeadlinesMet { class: class() },
        Counter::DeadlinesMissed { class: class() },
        Counter::BudgetsExceeded { class: class() },
        Counter::DeadlinesUnreachable { class: class() },
        Counter::Decisions { class: class(), environment: None, reason: reason() },
        Counter::DuplicatesTerminated { job: job() },
        Counter::OutcomesUnknown { job: job() },
        Counter::RunsAgain { job: job() },
        Counter::UnpricedAttempts {
            class: class(),
            environment: environment(),
            reason: "host-unknown".into(),
        },
        Counter::ResolvedUnpricedAttempts {
            class: class(),
            environment: environment(),
            reason: "host-unknown".into(),
        },
        Counter::QueueWaits { environment: environment() },
        Counter::ScheduleLags,
    ];
    let mut tally: Tally = counters.into_iter().zip(1..).collect();
    tally.add(Counter::ScheduleLagMillis, 1_250);
    tally.add(Counter::QueueWaitMillis { environment: environment() }, 90_001);
    let nanos = Usd::nanos;
    let usd = |text: &str| nanos(text.parse().unwrap());
    let (on, waste) = ("0.138194444", "0.000000001");
    tally.add(
        Counter::CostNanos { job: job(), class: class(), environment: environment(), capacity },
        usd("0.043854167"),
    );
    tally.add(
        Counter::OnDemandNanos { job: job(), class: class(), environment: environment() },
        usd(on),
    );
    tally.add(
        Counter::WasteNanos { job: job(), class: class(), environment: environment() },
        usd(waste),
    );
    let amount = CorrectedAmount::Cost;
    tally.add(
        Counter::CorrectedNanos {
            amount,
            direction: Direction::Down,
            job: job(),
            class: class(),
            environment: environment(),
            capacity,
        },
        usd("0.01"),
    );
    tally
}

fn snapshot(tally: &Tally) -> Snapshot<'_> {
    Snapshot {
        tally,
        open_runs: vec![OpenRuns { class: "nightly".into(), state: "watching", count: 3 }],
        provisional: Summary {
            attempts: 2,
            provisional: 2,
            cost: Usd::from_nanos(500_000_000),
            on_demand: Usd::from_nanos(1_500_000_000),
            ..Summary::default()
        },
        breakers: vec![BreakerGauges {
            environment: "spot-a".into(),
            states: [("closed", false), ("half-open", true), ("open", false)],
        }],
        billing: vec![BillingGauges {
            environment: "spot-a".into(),
            drift: Some(Ppm(-12_500)),
            age: SignedDuration::from_hours(30),
        }],
        markets: vec![
            MarketGauges {
                environment: "spot-a".into(),
                spot: Some(price("0.2526")),
                on_demand: Some(price("0.7960")),
                spot_age: Some(SignedDuration::from_millis(61_500)),
                on_demand_age: Some(SignedDuration::from_hours(3)),
            },
            MarketGauges {
                environment: "new".into(),
                spot: None,
                on_demand: None,
                spot_age: None,
                on_demand_age: None,
            },
        ],
        tasks: vec![
            TaskGauges { task: "spot-prices", last_success: Some(after(0)), failures: 0 },
            TaskGauges { task: "settle", last_success: None, failures: 4 },
        ],
        reload: Some(ReloadGauges { succeeded: false, at: after(60) }),
        api_calls: vec![ApiCalls { operation: "SubmitJob".into(), outcome: "ok", count: 12 }],
        optional_permissions: vec![
            OptionalPermission {
                operation: "DescribeSubnets",
                account: String::new(),
                region: "eu-central-1".into(),
                denied: true,
            },
            OptionalPermission {
                operation: "DescribeSubnets",
                account: String::new(),
                region: "us-east-1".into(),
                denied: false,
            },
        ],
        custom_endpoint: true,
        version: "0.1.0",
        paused_jobs: 3,
        forced_on_demand: vec!["nightly".into()],
        next_wake: Some(after(3600)),
        ready: true,
    }
}

#[test]
fn the_exposition_reads_as_agreed() {
    let tally = one_of_each();
    insta::assert_snapshot!(render(&snapshot(&tally)).unwrap());
}

#[test]
fn every_metric_appears_with_its_help_type_and_labels() {
    let tally = one_of_each();
    let text = render(&snapshot(&tally)).unwrap();
    for metric in DESCRIPTORS {
        let kind = if metric.kind == Kind::Counter { "counter" } else { "gauge" };
        assert!(text.contains(&format!("# HELP {} {}\n", metric.name, metric.help)));
        assert!(text.contains(&format!("# TYPE {} {kind}\n", metric.name)));
        let sample = |line: &&str| {
            line.strip_prefix(metric.name).is_some_and(|rest| rest.starts_with([' ', '{']))
        };
        let sample = text.lines().find(sample).unwrap_or_else(|| panic!("no {}", metric.name));
        let labels: BTreeSet<&str> = sample
            .split(['{', ',', '}'])
            .filter_map(|part| part.split_once("=\""))
            .map(|(label, _)| label)
            .collect();
        assert_eq!(labels, metric.labels.iter().copied().collect(), "{sample}");
    }
    assert_eq!(text.matches("# TYPE").count(), DESCRIPTORS.len());
}

#[test]
fn names_are_unique_and_no_label_can_carry_an_id() {
    let names: BTreeSet<&str> = DESCRIPTORS.iter().map(|metric| metric.name).collect();
    assert_eq!(names.len(), DESCRIPTORS.len());
    let bounded = [
        "amount",
        "capacity",
        "cause",
        "class",
        "direction",
        "account",
        "end",
        "environment",
        "job",
        "operation",
        "outcome",
        "price",
        "reason",
        "region",
        "state",
        "task",
        "version",
    ];
    for metric in DESCRIPTORS {
        assert!(metric.labels.iter().all(|label| bounded.contains(label)), "{}", metric.name);
    }
}

#[test]
fn a_run_that_was_never_submitted_has_no_environment() {
    let (job, class) = ("extract".into(), "nightly".into());
    let ended = Counter::Runs { job, class, environment: None, outcome: RunOutcome::Rejected };
    let tally: Tally = [(ended, 2)].into_iter().collect();
    let text = render(&snapshot(&tally)).unwrap();
    let series = r#"{job="extract",class="nightly",environment="",outcome="rejected"} 2"#;
    assert!(text.contains(&format!("spotcron_runs_total{series}\n")), "{text}");
}

#[test]
fn an_empty_snapshot_and_odd_names_render() {
    let mut tally = Tally::default();
    tally.add(Counter::RunsSkipped { job: "a\"b\\c\nd".into(), reason: SkipReason::Paused }, 1);
    // A damaged store must not take the daemon down at a scrape.
    tally.add(Counter::DeadlinesMet { class: "nightly".into() }, -5);
    let bare = Snapshot { reload: None, next_wake: None, ..snapshot(&tally) };
    let text = render(&bare).unwrap();
    assert!(text.contains(r#"spotcron_runs_skipped_total{job="a\"b\\c\nd",reason="paused"} 1"#));
    assert!(text.contains("spotcron_deadlines_met_total{class=\"nightly\"} 0\n"));
    assert!(!text.contains("spotcron_reload_success"));
}

#[test]
fn the_reference_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(REFERENCE);
    let expected = reference_page();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "{REFERENCE} differs from src/metrics/descriptors.rs; write it again with \
         UPDATE_GOLDEN=1 cargo test --no-default-features --test it the_reference_page"
    );
}

#[test]
fn promtool_finds_nothing_to_complain_about() {
    let tally = one_of_each();
    let text = render(&snapshot(&tally)).unwrap();
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut promtool = match promtool {
        Ok(process) => process,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let required = std::env::var("REQUIRE_ALL").is_ok_and(|value| value == "1");
            assert!(!required, "promtool is missing; apt-get install prometheus");
            println!("SKIPPED: promtool check metrics: apt-get install prometheus");
            return;
        }
        Err(error) => panic!("promtool: {error}"),
    };
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success() && said.trim().is_empty(), "{said}");
}
