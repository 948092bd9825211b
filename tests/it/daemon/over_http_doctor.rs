//! `doctor` through the real AWS SDKs, over HTTP, against simulated accounts in which something is
//! wrong.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use spotcron::cli::doctor::gather;
use spotcron::clock::{Clock, VirtualClock, WallClock};
use spotcron::doctor::live::LiveStep;
use spotcron::doctor::{LocalFacts, Severity, StoreFacts, examine};
use spotcron::domain::Capacity;
use spotcron::ports::BatchService;
use spotcron::settings::Settings;
use spotcron::sim::wire::{Mishap, MishapRule};
use spotcron::sim::{Scenario, SimCloud};
use tokio::sync::watch;

use super::over_http::{cloud_of, served_by};
use super::world::{BEGIN, CATALOGUE, parse, scenario};
use crate::doctor::live::{Stage, failed, step, table};
use crate::samples::at;

fn healthy() -> Scenario {
    let mut scenario = scenario(0.0);
    scenario.compute_environments.clear();
    scenario.queues.clear();
    let types = ["m6i.large", "m6i.xlarge", "m6i.2xlarge"];
    scenario.with_queue("spot", Capacity::Spot, &types, 64).with_queue(
        "steady",
        Capacity::OnDemand,
        &types,
        64,
    )
}

pub fn local() -> LocalFacts {
    LocalFacts {
        store: StoreFacts::None,
        folder_exists: true,
        file_system: None,
        free_bytes: Some(1 << 40),
        breakers: Default::default(),
        advice: Default::default(),
    }
}

struct Clocks {
    /// Of the account's events.
    account: VirtualClock,
    /// Of its signatures and of the dates of its answers.
    wire: Arc<dyn Clock>,
}

impl Default for Clocks {
    fn default() -> Self {
        Clocks { account: VirtualClock::starting_at(at(BEGIN)), wire: Arc::new(WallClock) }
    }
}

/// Codes of the errors and warnings that doctor finds, and of nothing else.
async fn found(
    scenario: Scenario,
    clocks: Clocks,
    prepare: impl AsyncFnOnce(&SimCloud),
    mishaps: Vec<MishapRule>,
) -> BTreeSet<&'static str> {
    let cloud = SimCloud::new(scenario, 1, Arc::new(clocks.account.clone())).unwrap();
    prepare(&cloud).await;
    let (aws, wire, _stop) = served_by(&cloud, clocks.wire).await;
    wire.set_mishaps(mishaps);
    // The first of the world's jobs: the other's class lasts too long for what is asked here.
    let catalogue = parse(CATALOGUE.split("\n[[jobs]]\nname = \"report\"").next().unwrap());
    let facts = gather(&aws, &catalogue, local()).await;
    assert_eq!(facts.account.as_deref(), Ok("123456789012"));
    let findings = examine(&facts, &catalogue, &Settings::default(), clocks.account.now());
    let serious = findings.iter().filter(|finding| finding.severity != Severity::Note);
    serious.map(|finding| finding.code.label()).collect()
}

async fn found_in(scenario: Scenario) -> BTreeSet<&'static str> {
    found(scenario, Clocks::default(), async |_: &SimCloud| {}, Vec::new()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_healthy_account_is_found_healthy() {
    assert_eq!(found_in(healthy()).await, BTreeSet::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_queues_environments_and_definitions_is_found() {
    let mut disabled = healthy();
    disabled.queues[1].enabled = false;
    assert_eq!(found_in(disabled).await, ["queue-disabled"].into());

    let mut missing = healthy();
    missing.queues[0].name = "other".to_owned();
    assert_eq!(found_in(missing).await, ["queue-missing"].into());

    let mut stopped = healthy();
    stopped.compute_environments[0].enabled = false;
    assert_eq!(found_in(stopped).await, ["compute-environment-disabled"].into());

    let mut invalid = healthy();
    let reason = "CLIENT_ERROR - Not authorized to perform sts:AssumeRole (Service: Sts)";
    invalid.compute_environments[0].invalid_reason = Some(reason.to_owned());
    assert_eq!(found_in(invalid).await, ["role-not-assumable"].into());

    let mut narrow = healthy();
    narrow.compute_environments[0].instance_types.truncate(1);
    narrow.compute_environments[0].zones = Some(vec!["us-east-1a".into()]);
    assert_eq!(found_in(narrow).await, ["few-types", "few-zones"].into());

    let mut undefined = healthy();
    undefined.definitions.retain(|definition| definition.name != "twenty");
    assert_eq!(found_in(undefined).await, ["definition-missing"].into());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_waits_all_night_is_found_with_its_cause() {
    let clocks = Clocks::default();
    let time = clocks.account.clone();
    let starve = async |cloud: &SimCloud| {
        cloud.crunch_all(SignedDuration::from_hours(24));
        let request = crate::sim::account::request("spot", "twenty:1", "all-night");
        cloud.submit(&request).await.unwrap();
        time.advance_to(at("2026-06-01T02:00:00Z"));
    };
    assert_eq!(found(healthy(), clocks, starve, Vec::new()).await, ["stuck-for-capacity"].into());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_permissions_and_a_wrong_clock_are_found() {
    let denied = |operation: &str| MishapRule {
        operation: operation.to_owned(),
        mishap: Mishap::Denied,
        nth: None,
        probability: None,
    };
    let nothing = async |_: &SimCloud| {};
    let rules = vec![denied("GetProducts"), denied("DescribeContainerInstances")];
    let codes = found(healthy(), Clocks::default(), nothing, rules).await;
    assert_eq!(codes, ["permission-denied", "permission-denied-for-costs"].into());

    /// Two minutes ahead of the machine: not so much that signatures are refused.
    struct Ahead;
    impl Clock for Ahead {
        fn now(&self) -> Timestamp {
            WallClock.now() + SignedDuration::from_mins(2)
        }
        fn elapsed(&self) -> SignedDuration {
            WallClock.elapsed()
        }
    }
    let clocks = Clocks { wire: Arc::new(Ahead), ..Clocks::default() };
    assert_eq!(found(healthy(), clocks, nothing, Vec::new()).await, ["clock-off"].into());
}

/// `stage` with the SDKs between the test and its cloud.
async fn over_http(mut stage: Stage, mishaps: Vec<MishapRule>) -> (Stage, watch::Sender<bool>) {
    let (aws, wire, stop) = served_by(&stage.cloud, Arc::new(WallClock)).await;
    wire.set_mishaps(mishaps);
    stage.ports = cloud_of(aws);
    (stage, stop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_job_shows_over_http_what_it_shows_without() {
    for environment in ["spot", "steady", "fargate", "fargate-spot"] {
        let (direct, _) = Stage::new(environment).tested().await;
        let (stage, _stop) = over_http(Stage::new(environment), Vec::new()).await;
        let (report, _) = stage.tested().await;
        assert_eq!(failed(&report), [], "{environment}");
        // One account and one time: the same job, machine and nano-dollars. Only that the adapter sees
        // instances by the machine's clock, which is long past their first hour.
        let provisional = "; free should EC2 take the instance back in its first hour";
        let expected = table(&direct, None).replace(provisional, "");
        assert_eq!(table(&report, None), expected, "{environment}");
        assert!(report.cost_usd.is_some() && report.cost_usd == direct.cost_usd);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_job_whose_answer_breaks_off_is_found_and_sent_once() {
    let lost = MishapRule {
        operation: "SubmitJob".to_owned(),
        mishap: Mishap::DropAfter,
        nth: Some(1),
        probability: None,
    };
    let (stage, _stop) = over_http(Stage::new("spot"), vec![lost]).await;
    let (report, _) = stage.tested().await;
    assert_eq!(failed(&report), []);
    assert!(step(&report, LiveStep::Submit).seen.contains("its answer was lost"));
    assert_eq!(stage.cloud.submission_count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_job_that_starves_or_is_refused_leaves_nothing_behind() {
    let (stage, _stop) = over_http(Stage::new("spot"), Vec::new()).await;
    stage.cloud.crunch_all(SignedDuration::from_hours(24));
    let (report, _) = stage.tested().await;
    assert_eq!(failed(&report), [LiveStep::Run]);
    assert!(step(&report, LiveStep::CleanUp).seen.contains("CancelJob ended it"));

    let mut refused = Stage::new("spot");
    refused.wish.definition = Some("no-such:1".to_owned());
    let (stage, _stop) = over_http(refused, Vec::new()).await;
    let (report, _) = stage.tested().await;
    assert_eq!(failed(&report), [LiveStep::Submit]);
    assert_eq!(stage.cloud.submission_count(), 0);
}
