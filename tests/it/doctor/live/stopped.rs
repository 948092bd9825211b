//! Tests that are ended before their job is: it is stopped, and seen to be.

use jiff::SignedDuration;
use spotcron::doctor::live::{LiveStep, Verdict};
use spotcron::domain::{BatchStatus, Usd};
use spotcron::sim::{Fault, Faults, Operation, Scenario};

use super::stage::{Stage, failed, scenario, step, table};
use crate::samples::mins;

fn lasting(secs: u32) -> Scenario {
    let mut scenario = scenario();
    scenario.definitions[0].median_secs = secs;
    scenario
}

fn starved() -> Stage {
    let stage = Stage::new("spot");
    stage.cloud.crunch_all(SignedDuration::from_hours(24));
    stage
}

#[tokio::test]
async fn a_job_that_finds_no_capacity_is_cancelled() {
    let stage = starved();
    let (report, script) = stage.tested().await;
    assert_eq!(failed(&report), [LiveStep::Run]);
    let run = step(&report, LiveStep::Run);
    assert!(
        run.seen.starts_with("not over after 15m 00s: RUNNABLE: CAPACITY:INSUFFICIENT_INSTANCE"),
        "{}",
        run.seen
    );
    assert!(run.fix.as_ref().unwrap().contains("spotcron doctor"));
    let clean = step(&report, LiveStep::CleanUp);
    assert_eq!(clean.verdict, Verdict::Passed);
    assert!(clean.seen.contains("CancelJob ended it") && clean.seen.contains("its time is up"));
    assert_eq!(stage.cloud.calls().get(&Operation::TerminateJob), None);
    assert!(script.told.iter().any(|line| line.contains("CancelJob was called")));
    assert_eq!(report.cost_usd, None);
    for skipped in [LiveStep::Host, LiveStep::Cost] {
        assert_eq!(step(&report, skipped).verdict, Verdict::Skipped);
    }
}

#[tokio::test]
async fn a_job_that_runs_too_long_is_terminated_and_priced() {
    let stage = Stage::of(lasting(3600), "spot");
    let (report, _) = stage.tested().await;
    assert_eq!(failed(&report), [LiveStep::Run], "{}", table(&report, None));
    assert!(step(&report, LiveStep::Run).seen.ends_with(": RUNNING"));
    let clean = step(&report, LiveStep::CleanUp);
    assert!(clean.seen.contains("TerminateJob ended it"), "{}", clean.seen);
    assert!(report.cost_usd.unwrap() > Usd::ZERO);
    assert_eq!(report.on_demand_usd, Some(Usd::ZERO), "the test alone would not have run there");
}

#[tokio::test]
async fn an_interruption_stops_the_job_in_whatever_status_it_is() {
    for (waits, call) in [(2, "CancelJob ended it"), (60, "TerminateJob ended it")] {
        let stage = Stage::of(lasting(3600), "spot");
        let mut script = stage.script();
        script.interrupts = vec![waits];
        let report = stage.conduct(&mut script).await;
        stage.assert_nothing_is_left().await;
        assert_eq!(failed(&report), [LiveStep::Run]);
        assert!(step(&report, LiveStep::Run).seen.starts_with("the test was interrupted"));
        let clean = step(&report, LiveStep::CleanUp);
        assert!(clean.seen.contains(call), "{waits}: {}", clean.seen);
        assert!(
            clean.seen.contains("spotcron: doctor --live ended its test job"),
            "{}",
            clean.seen
        );
    }
}

#[tokio::test]
async fn a_second_interruption_does_not_wait_and_says_what_may_be_left() {
    let mut scenario = lasting(3600);
    scenario.timing.stop_secs = 60;
    let stage = Stage::of(scenario, "spot");
    let mut script = stage.script();
    script.interrupts = vec![60, 61];
    let report = stage.conduct(&mut script).await;
    assert_eq!(failed(&report), [LiveStep::Run, LiveStep::CleanUp]);
    let clean = step(&report, LiveStep::CleanUp);
    assert!(clean.seen.contains("was not seen to end, RUNNING"), "{}", clean.seen);
    let id = report.job_id.as_ref().unwrap();
    assert!(clean.fix.as_ref().unwrap().contains(&format!("--job-id {id}")));
    // It had been told to end.
    stage.clock.advance_to(spotcron::clock::Clock::now(&stage.clock) + mins(2));
    assert_eq!(stage.status().await, BatchStatus::Failed);
}

#[tokio::test]
async fn where_cancelling_is_denied_terminating_does() {
    let stage = starved();
    stage.cloud.set_faults(Faults::default().with(Operation::CancelJob, Fault::Denied, 1.0));
    let (report, _) = stage.tested().await;
    assert_eq!(failed(&report), [LiveStep::Run]);
    assert!(step(&report, LiveStep::CleanUp).seen.contains("TerminateJob ended it"));
}

#[tokio::test]
async fn a_job_that_nobody_may_stop_is_named_with_the_command_that_would() {
    let stage = starved();
    let faults = [Operation::CancelJob, Operation::TerminateJob]
        .into_iter()
        .fold(Faults::default(), |all, one| all.with(one, Fault::Denied, 1.0));
    stage.cloud.set_faults(faults);
    let mut script = stage.script();
    let report = stage.conduct(&mut script).await;
    assert_eq!(failed(&report), [LiveStep::Run, LiveStep::CleanUp]);
    let clean = step(&report, LiveStep::CleanUp);
    assert!(clean.seen.contains("is still there, RUNNABLE"), "{}", clean.seen);
    assert!(clean.seen.contains("AccessDeniedException"), "{}", clean.seen);
    assert!(clean.fix.as_ref().unwrap().contains("terminate-job --region us-east-1 --job-id"));
    assert_eq!(stage.status().await, BatchStatus::Runnable);
}

#[tokio::test]
async fn a_job_that_cannot_be_described_is_stopped_by_what_the_list_says() {
    let stage = Stage::of(lasting(3600), "spot");
    stage.cloud.set_faults(Faults::default().with(Operation::DescribeJobs, Fault::Denied, 1.0));
    let (report, _) = stage.tested().await;
    assert!(failed(&report).starts_with(&[LiveStep::Run]), "{:?}", failed(&report));
    let run = step(&report, LiveStep::Run);
    assert!(run.fix.as_ref().unwrap().contains("batch:DescribeJobs"), "{run:?}");
    assert_eq!(step(&report, LiveStep::CleanUp).verdict, Verdict::Passed);
}
