//! One daemon, two accounts: the second is entered through a role, over HTTP and with the real SDKs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use spotcron::aws::AwsCloud;
use spotcron::cli::doctor::gather;
use spotcron::clock::{Clock, WallClock};
use spotcron::daemon::{Cloud, Pace, all_tasks, obstacles, run_virtual};
use spotcron::doctor::{Facts, Finding, Severity, examine};
use spotcron::domain::{AccountRegion, Capacity, LegCause, Pool, RunOutcome, Site, Window};
use spotcron::ledger::Counter;
use spotcron::ports::SpotPriceSource;
use spotcron::run::{Run, RunEventKind, RunState};
use spotcron::settings::Settings;
use spotcron::sim::wire::{Keys, Mishap, MishapRule, Wire};
use spotcron::sim::{AccountSpec, RoleSpec, Scenario, SimCloud};
use tokio::sync::watch;

use super::over_http::serving;
use super::over_http_doctor::local;
use super::world::{BEGIN, World, parse, scenario};
use crate::samples::{at, mins};

const OTHER: &str = "210987654321";
const ROLE: &str = "arn:aws:iam::210987654321:role/teams/spotcron";

/// `ours` runs in the own account, `theirs` in the other one, `either` where it is cheapest: on spot
/// there or on demand here.
fn catalogue() -> String {
    let environment = |name: &str, queue: &str, capacity: &str, there: bool| {
        let role = format!("assume_role = \"{ROLE}\"\nexternal_id = \"spotcron-7f3a\"\n");
        format!(
            "[[environments]]\nname = \"{name}\"\nqueue = \"{queue}\"\ncapacity = \"{capacity}\"\n\
             region = \"us-east-1\"\n{}\n",
            if there { &role } else { "" }
        )
    };
    let class = |name: &str, environments: &str| {
        format!(
            "[[classes]]\nname = \"{name}\"\nenvironments = [{environments}]\n\
             expected_duration = \"20m\"\ndeadline = \"3h\"\n\n"
        )
    };
    let job = |name: &str, minutes: &str| {
        format!(
            "[[jobs]]\nname = \"{name}\"\nclass = \"{name}\"\ncron = \"{minutes} * * * *\"\n\
             time_zone = \"UTC\"\ndefinition = \"twenty:1\"\nvcpus = 4\nmemory_mib = 8192\n\n"
        )
    };
    [
        environment("spot", "spot", "spot", false),
        environment("steady", "steady", "on-demand", false),
        environment("spot-there", "spot", "spot", true),
        environment("steady-there", "steady", "on-demand", true),
        class("ours", "\"spot\", \"steady\""),
        class("theirs", "\"spot-there\", \"steady-there\""),
        class("either", "\"spot-there\", \"steady\""),
        job("ours", "0,20,40"),
        job("theirs", "5,25,45"),
        job("either", "10,30,50"),
    ]
    .concat()
}

fn role(session_secs: Option<u32>) -> RoleSpec {
    RoleSpec {
        external_id: Some("spotcron-7f3a".to_owned()),
        session_secs,
        ..RoleSpec::named("teams/spotcron")
    }
}

fn two_accounts(scale: f64, session_secs: Option<u32>) -> Scenario {
    let other = AccountSpec {
        account_id: OTHER.to_owned(),
        compute_environments: None,
        queues: None,
        definitions: None,
        roles: vec![role(session_secs)],
    };
    Scenario { accounts: vec![other], ..scenario(scale) }
}

struct Two {
    world: World,
    other: SimCloud,
    aws: AwsCloud,
    wire: Wire,
    _stop: watch::Sender<bool>,
}

async fn two(scale: f64, session_secs: Option<u32>) -> Two {
    let mut world = World::of(&catalogue(), two_accounts(scale, session_secs), 1).await;
    let [other] = <[SimCloud; 1]>::try_from(world.cloud.further_accounts().unwrap()).ok().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(WallClock);
    let keys = Keys::one("emulated", "emulated");
    let wire = Wire::with_accounts(world.cloud.clone(), vec![other.clone()], clock, keys);
    let (aws, stop) = serving(&wire).await;
    world.ports = Cloud {
        batch: Arc::new(aws.clone()),
        instances: Arc::new(aws.clone()),
        spot_prices: Arc::new(aws.clone()),
        list_prices: Arc::new(aws.clone()),
    };
    world.restart().await;
    Two { world, other, aws, wire, _stop: stop }
}

impl Two {
    async fn of_job(&self, job: &str) -> Vec<Run> {
        let mut runs = self.world.runs().await;
        runs.retain(|run| run.job.as_str() == job);
        runs.sort_by_key(|run| run.scheduled_for);
        runs
    }

    /// Every submission that an account saw belongs to a leg that was meant for it, and was made
    /// once.
    async fn each_account_has_its_own(&self) {
        let mut meant: BTreeMap<bool, BTreeSet<String>> = BTreeMap::new();
        for leg in self.world.runs().await.iter().flat_map(|run| &run.legs) {
            let there = leg.environment.as_str().ends_with("-there");
            assert_eq!(leg.site.role.is_some(), there, "{leg:?}");
            meant.entry(there).or_default().insert(leg.batch_name.to_string());
        }
        for (there, cloud) in [(false, &self.world.cloud), (true, &self.other)] {
            let sent: Vec<String> = cloud.submissions().iter().map(|s| s.name.clone()).collect();
            let names: BTreeSet<String> = sent.iter().cloned().collect();
            assert_eq!(names.len(), sent.len(), "submitted more than once");
            assert!(!names.is_empty() && names.is_subset(&meant[&there]), "{names:?}");
        }
    }

    async fn all_done(&self, before: Timestamp) {
        for run in self.world.runs().await {
            let succeeded =
                matches!(run.state, RunState::Ended { outcome: RunOutcome::Succeeded, .. });
            assert!(run.scheduled_for >= before || succeeded, "{}: {:?}", run.id, run.state);
        }
    }
}

fn there() -> Site {
    format!("us-east-1 via {ROLE} external-id spotcron-7f3a").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_account_sees_its_own_runs_and_is_priced_by_its_own_market() {
    let mut two = two(0.5, None).await;
    let lost = |operation: &str, nth| MishapRule {
        operation: operation.to_owned(),
        mishap: Mishap::DropAfter,
        nth: Some(nth),
        probability: None,
    };
    // Lost answers in both accounts: they are looked up where they were sent.
    two.wire.set_mishaps((2..6).map(|nth| lost("SubmitJob", nth)).collect());
    two.world.run_for(SignedDuration::from_hours(8)).await;
    two.all_done(at("2026-06-01T05:00:00Z")).await;
    two.each_account_has_its_own().await;
    assert_eq!(two.world.count(|c| matches!(c, Counter::OutcomesUnknown { .. })), 4);
    assert_eq!(two.world.count(|c| matches!(c, Counter::UnpricedAttempts { .. })), 0);
    assert_eq!(two.wire.calls()["AssumeRole"], 1, "one session serves them all");

    // The prices of a zone of one name are each account's own, and attempts cost what theirs say.
    let window = Window::new(at(BEGIN), two.world.clock.now());
    let pool = Pool { zone: "us-east-1a".into(), instance_type: "m6i.xlarge".into() };
    let mut archives = Vec::new();
    for (cloud, place) in [
        (&two.world.cloud, AccountRegion::from("us-east-1")),
        (&two.other, there().account_region()),
    ] {
        let types = std::slice::from_ref(&pool.instance_type);
        let told = cloud.spot_prices(&"us-east-1".into(), types, window).await.unwrap();
        let told: BTreeMap<Timestamp, _> = told
            .into_iter()
            .filter(|point| point.pool == pool && point.effective_from > window.start)
            .map(|point| (point.effective_from, point.price))
            .collect();
        let stored = two.world.store.price_series(&place, &pool, window).await.unwrap();
        let stored: BTreeMap<Timestamp, _> =
            stored.points().iter().copied().filter(|(from, _)| *from > window.start).collect();
        assert!(
            told.len() > 2
                && told
                    .iter()
                    .all(|point| stored.iter().any(|s| s == point)
                        || *point.0 > window.end - mins(30)),
            "{place}"
        );
        archives.push(stored);
    }
    assert_ne!(archives[0], archives[1]);
    for entry in two.world.entries().await {
        let there = entry.environment.as_str().ends_with("-there");
        assert_eq!(entry.site.role.is_some(), there, "{entry:?}");
        assert!(entry.priced().is_some(), "{entry:?}");
    }
}

/// A leg is watched through the role that it was submitted with, also by another process that has
/// another catalogue.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_watched_after_its_environment_left_the_catalogue() {
    let mut two = two(0.0, None).await;
    two.world.run_for(mins(7)).await;
    let [run] = <[Run; 1]>::try_from(two.of_job("theirs").await).unwrap();
    assert_eq!((&run.state, &run.legs[0].site), (&RunState::Watching, &there()));
    let whole = catalogue();
    let (ours, _) = whole.split_once("[[environments]]\nname = \"spot-there\"").unwrap();
    two.world.catalogue = format!(
        "{ours}[[classes]]\nname = \"ours\"\nenvironments = [\"spot\", \"steady\"]\n\
         expected_duration = \"20m\"\ndeadline = \"3h\"\n"
    );
    two.world.restart().await;
    two.world.run_for(mins(90)).await;
    let [run] = <[Run; 1]>::try_from(two.of_job("theirs").await).unwrap();
    assert!(
        matches!(run.state, RunState::Ended { outcome: RunOutcome::Succeeded, .. }),
        "{:?}",
        run.state
    );
    let entries = two.world.store.entries(&run.id).await.unwrap();
    assert!(entries[0].priced().is_some(), "{entries:?}");
}

/// Sessions so short that each call needs a new one: none is ever used past its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_are_renewed_before_they_end() {
    let mut two = two(0.0, Some(5)).await;
    two.world.run_for(SignedDuration::from_hours(2)).await;
    two.all_done(at("2026-06-01T01:00:00Z")).await;
    two.each_account_has_its_own().await;
    assert!(two.wire.calls()["AssumeRole"] > 10, "{:?}", two.wire.calls());
    for (task, status) in two.world.shared.status.snapshot() {
        assert_eq!(status.failures, 0, "{task}: {status:?}");
    }
}

/// Takes the trust back at a moment in the middle of a run.
struct Withdrawal<'a> {
    wire: &'a Wire,
    at: Timestamp,
}

#[async_trait]
impl Pace for Withdrawal<'_> {
    async fn before(&mut self, from: Timestamp, to: Timestamp) -> bool {
        if from < self.at && self.at <= to {
            assert!(self.wire.set_roles(OTHER, Vec::new()));
        }
        true
    }
}

/// While the role is refused its environments are left alone: what may go elsewhere goes there, what
/// may not waits, what runs there is concluded nothing of, and the own account goes on. Then all of
/// it comes through.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_is_refused_midway_stops_its_account_only() {
    let mut two = two(0.0, Some(5)).await;
    // At 01:07 `theirs` of 01:05 has begun there.
    two.world.run_for(mins(67)).await;
    let before = two.of_job("either").await;
    let is_there = |run: &Run| run.legs[0].environment.as_str() == "spot-there";
    assert!(before.len() == 3 && before.iter().all(is_there), "{before:?}");

    // Nothing but the submission itself can find it out first.
    let mut withdrawn = Withdrawal { wire: &two.wire, at: at("2026-06-01T01:09:00Z") };
    let world = &two.world;
    let (tasks, until) = (all_tasks(&world.shared), at("2026-06-01T01:37:00Z"));
    run_virtual(&world.shared, tasks, &world.clock, until, &mut withdrawn).await;
    // A process that starts now does not die of it, and does not wait for it either.
    two.world.restart().await;
    two.world.run_for(mins(83)).await;
    let during = |run: &Run| {
        let (from, to) = (at("2026-06-01T01:10:00Z"), at("2026-06-01T03:00:00Z"));
        from <= run.scheduled_for && run.scheduled_for < to
    };
    let ended =
        |run: &Run| matches!(run.state, RunState::Ended { outcome: RunOutcome::Succeeded, .. });
    let mut moved: Vec<Run> = two.of_job("either").await;
    moved.retain(during);
    assert_eq!(moved.len(), 6);
    for run in &moved {
        let last = run.legs.last().unwrap();
        assert_eq!(last.environment.as_str(), "steady", "{run:?}");
        assert!(run.scheduled_for > at("2026-06-01T02:30:00Z") || ended(run), "{run:?}");
    }
    // The first of them was on its way there, and was not sent.
    let refused = two.world.kinds(&moved[0].id).await;
    let told = refused.iter().find_map(|kind| match kind {
        RunEventKind::SubmitFailed { error, will_repeat: true, .. } => Some(error.clone()),
        _ => None,
    });
    assert_eq!(moved[0].legs.last().unwrap().cause, LegCause::Refused, "{moved:?}");
    assert!(told.as_ref().is_some_and(|error| error.contains(ROLE)), "{refused:?}");
    assert!(moved[1..].iter().all(|run| run.legs.len() == 1), "the market knows by then");
    let ours = two.of_job("ours").await;
    assert!(ours.iter().filter(|run| during(run)).filter(|run| ended(run)).count() >= 4);
    let theirs = two.of_job("theirs").await;
    let running =
        theirs.iter().find(|run| run.scheduled_for == at("2026-06-01T01:05:00Z")).unwrap();
    assert_eq!(running.state, RunState::Watching, "nobody knows what became of it");
    assert!(theirs.iter().filter(|run| during(run)).all(|run| run.state.is_open()));
    let discovery = two.world.shared.status.snapshot()["discovery"].clone();
    assert!(format!("{discovery:?}").contains(ROLE) && discovery.role_refused, "{discovery:?}");
    assert_eq!(obstacles(&two.world.shared), Vec::<String>::new(), "the own account is served");

    assert!(two.wire.set_roles(OTHER, vec![role(Some(5))]));
    two.world.run_for(SignedDuration::from_hours(4)).await;
    two.all_done(at("2026-06-01T05:30:00Z")).await;
    two.each_account_has_its_own().await;
    let late = two.of_job("either").await;
    assert!(late.last().is_some_and(|run| run.legs.last().unwrap().capacity == Capacity::Spot));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_looks_into_both_accounts_and_finds_a_refused_role() {
    let two = two(0.0, None).await;
    let (facts, errors) = looked(&two.aws, two.world.clock.now()).await;
    assert_eq!(errors, []);
    assert_eq!(facts.roles.into_values().collect::<Vec<_>>(), [Ok(OTHER.to_owned())]);
    let seen = facts.environments["spot-there"].compute_environments.clone().unwrap();
    let cluster = seen[0].ecs_cluster_arn.clone().unwrap();
    assert!(cluster.contains(OTHER), "{cluster}");

    // It asks for another external id; whoever has no session yet meets that.
    let other = RoleSpec { external_id: Some("another".to_owned()), ..role(None) };
    assert!(two.wire.set_roles(OTHER, vec![other]));
    let (aws, _stop) = serving(&two.wire).await;
    let (_, errors) = looked(&aws, two.world.clock.now()).await;
    let told: Vec<_> =
        errors.iter().map(|found| (found.about.to_string(), found.code.label())).collect();
    let refused = |name: &str| (format!("environment {name}"), "role-refused");
    assert_eq!(told, [refused("spot-there"), refused("steady-there")]);
    let problem = &errors[0].problem;
    assert!(problem.contains("AccessDenied") && problem.contains(ROLE), "{problem}");
    assert!(!problem.contains("spotcron-7f3a"), "{problem}");
    // It is said once in the log, and again only when it changes.
    assert!(!problem.contains("request id"), "{problem}");
}

async fn looked(aws: &AwsCloud, now: Timestamp) -> (Facts, Vec<Finding>) {
    let catalogue = parse(&catalogue());
    let facts = gather(aws, &catalogue, local()).await;
    let mut findings = examine(&facts, &catalogue, &Settings::default(), now);
    findings.retain(|finding| finding.severity == Severity::Error);
    (facts, findings)
}
