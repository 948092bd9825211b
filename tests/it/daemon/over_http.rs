//! The daemon through the real AWS SDKs, over HTTP, against the simulated account: on virtual time,
//! since only the signatures keep to the machine's clock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::SignedDuration;
use spotcron::aws::{ApiCall, AwsCloud, CallObserver};
use spotcron::clock::{Clock, WallClock};
use spotcron::daemon::{CallLog, Cloud, metrics_text};
use spotcron::domain::{
    AttemptEnd, BatchJobId, Capacity, InstanceType, LegCause, RunOutcome, Usd, Window,
};
use spotcron::ledger::Counter;
use spotcron::market::{FargatePrice, ListPrice, PricePoint};
use spotcron::ports::{
    BatchService, InstanceDirectory, ListPriceSource, PriceProblem, SpotPriceSource,
};
use spotcron::run::{Run, RunEventKind, RunState};
use spotcron::settings::{AwsSettings, Limits, Settings};
use spotcron::sim::wire::{Keys, Mishap, MishapRule, Wire, serve};
use spotcron::sim::{Scenario, SimCloud};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::http::total;
use super::rough_night;
use super::world::{BEGIN, CATALOGUE, World, check, scenario};
use crate::samples::{self, at, mins};

/// Serves `cloud` until the sender is dropped or says so.
async fn served(cloud: &SimCloud) -> (AwsCloud, Wire, watch::Sender<bool>) {
    served_by(cloud, Arc::new(WallClock)).await
}

/// The same, by another clock for signatures and dates.
pub async fn served_by(
    cloud: &SimCloud,
    clock: Arc<dyn Clock>,
) -> (AwsCloud, Wire, watch::Sender<bool>) {
    served_to(cloud, clock, nobody()).await
}

/// The same, with somebody who is told of every call.
async fn served_to(
    cloud: &SimCloud,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn CallObserver>,
) -> (AwsCloud, Wire, watch::Sender<bool>) {
    let wire = Wire::new(cloud.clone(), clock, Keys::one("emulated", "emulated"));
    let (aws, stop) = serving_to(&wire, observer).await;
    (aws, wire, stop)
}

fn nobody() -> Arc<dyn CallObserver> {
    Arc::new(|_: &ApiCall<'_>| {})
}

/// `wire` with the SDKs' clients of it.
pub async fn serving(wire: &Wire) -> (AwsCloud, watch::Sender<bool>) {
    serving_to(wire, nobody()).await
}

async fn serving_to(
    wire: &Wire,
    observer: Arc<dyn CallObserver>,
) -> (AwsCloud, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(serve(listener, wire.clone(), stopped));
    let settings = AwsSettings {
        region: Some("us-east-1".into()),
        attempt_timeout: SignedDuration::from_secs(2),
        ..Settings::default().aws
    };
    let limits =
        Limits { submit_per_second: 1000, stop_per_second: 1000, describe_per_second: 1000 };
    (AwsCloud::emulated(&url, &settings, &limits, observer).await.unwrap(), stop)
}

/// `world` with the SDKs between the daemon and its cloud.
async fn over_http(catalogue: &str, scenario: Scenario) -> (World, Wire, watch::Sender<bool>) {
    let mut world = World::of(catalogue, scenario, 1).await;
    let (aws, wire, stop) = served(&world.cloud).await;
    world.ports = cloud_of(aws);
    world.restart().await;
    (world, wire, stop)
}

/// Every port by the SDKs.
pub fn cloud_of(aws: AwsCloud) -> Cloud {
    Cloud {
        batch: Arc::new(aws.clone()),
        instances: Arc::new(aws.clone()),
        spot_prices: Arc::new(aws.clone()),
        list_prices: Arc::new(aws),
    }
}

fn rule(operation: &str, mishap: Mishap) -> MishapRule {
    MishapRule { operation: operation.to_owned(), mishap, nth: None, probability: None }
}

/// The world's environments and classes, and one with a near deadline.
fn classes() -> String {
    let tight = "\n[[classes]]\nname = \"tight\"\nenvironments = [\"spot\", \"steady\"]\n\
         expected_duration = \"20m\"\ndeadline = \"50m\"\n";
    format!("{}{tight}", CATALOGUE.split("[[jobs]]").next().unwrap())
}

fn job(name: &str, class: &str, cron: &str) -> String {
    format!(
        "\n[[jobs]]\nname = \"{name}\"\nclass = \"{class}\"\ncron = \"{cron}\"\n\
         time_zone = \"UTC\"\ndefinition = \"twenty:1\"\nvcpus = 4\nmemory_mib = 8192\n"
    )
}

/// Five flexible jobs at 00:20, a tight one a minute later, four more at 02:20, once a day.
fn ten_jobs() -> String {
    let first = (1..=5).map(|n| job(&format!("early-{n}"), "flexible", "20 0 * * *"));
    let second = (1..=4).map(|n| job(&format!("late-{n}"), "flexible", "20 2 * * *"));
    let tight = job("tight", "tight", "21 0 * * *");
    let jobs: String = first.chain([tight]).chain(second).collect();
    format!("{}{jobs}", classes())
}

async fn run_of(world: &World, job: &str) -> Run {
    let runs = world.runs().await;
    runs.into_iter().find(|run| run.job.as_str() == job).unwrap_or_else(|| panic!("no {job}"))
}

fn throttled_throughout() -> Vec<MishapRule> {
    ["SubmitJob", "DescribeJobs", "ListJobs", "CancelJob", "TerminateJob", "DescribeInstances"]
        .map(|operation| MishapRule {
            probability: Some(0.05),
            ..rule(operation, Mishap::Throttled)
        })
        .into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rough_night_over_http_is_explained_in_the_same_words() {
    let (mut world, _wire, _stop) =
        over_http(&rough_night::catalogue(), rough_night::account()).await;
    let run = rough_night::live(&mut world).await;
    rough_night::check(&world, &run).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_jobs_come_through_reclaims_starvation_deadlines_and_lost_answers() {
    // Containers take 13 minutes to start, so that the last moment of the tight job comes while it
    // runs, and spot was seen to be dangerous.
    let mut scenario = scenario(0.0);
    scenario.timing.pull_secs = [780, 780];
    // Each job fills its machine: calls under way at once arrive in any order, and who shares one
    // with whom must not depend on that.
    scenario.compute_environments[0].instance_types = vec!["m6i.xlarge".to_owned()];
    let (mut world, wire, _stop) = over_http(&ten_jobs(), scenario).await;
    // No breaker: the late ones are to go to spot after all that was taken back.
    world.settings.decision.cooldown = SignedDuration::ZERO;
    world.restart().await;
    world.shared.experience().hazards = samples::hazards(10, 20);
    let mut mishaps = vec![
        MishapRule { nth: Some(2), ..rule("SubmitJob", Mishap::DropAfter) },
        MishapRule { nth: Some(4), ..rule("SubmitJob", Mishap::DropBefore) },
    ];
    mishaps.extend(throttled_throughout());
    wire.set_mishaps(mishaps);

    world.run_for(mins(40)).await;
    let running = world.store.attempts(&run_of(&world, "early-1").await.id).await.unwrap();
    let host = running[0].host.clone().expect("early-1 runs, and its machine is known");
    assert!(world.cloud.reclaim(&host.instance_id, SignedDuration::from_secs(120)));
    world.restart().await;
    world.run_for(mins(90)).await;
    world.cloud.crunch_all(SignedDuration::from_hours(3));
    world.restart().await;
    world.run_for(SignedDuration::from_hours(4)).await;

    assert_eq!(world.runs().await.len(), 10);
    for run in world.runs().await {
        let ended = RunOutcome::Succeeded;
        assert!(
            matches!(run.state, RunState::Ended { outcome, .. } if outcome == ended),
            "{}: {:?}",
            run.id,
            run.state
        );
    }
    // The reclaimed one was told from a failure, and repeated.
    let reclaimed = run_of(&world, "early-1").await;
    assert_eq!(reclaimed.legs[1].cause, LegCause::Interrupted, "{reclaimed:?}");
    let attempts = world.store.attempts(&reclaimed.id).await.unwrap();
    assert_eq!(attempts[0].end, Some(AttemptEnd::Interrupted));
    // The tight one was moved while it ran, the late ones while they waited.
    let tight = run_of(&world, "tight").await;
    assert_eq!(tight.legs.last().unwrap().cause, LegCause::DeadlineNear, "{tight:?}");
    for n in 1..=4 {
        let late = run_of(&world, &format!("late-{n}")).await;
        assert_eq!(late.legs[0].capacity, Capacity::Spot);
        assert_eq!(late.legs[1].cause, LegCause::Starved, "{late:?}");
    }
    // Both lost answers were looked up; one was found, one was sent again; none was doubled.
    assert_eq!(world.count(|c| matches!(c, Counter::OutcomesUnknown { .. })), 2);
    let mut looked_up = Vec::new();
    for run in world.runs().await {
        looked_up.extend(world.kinds(&run.id).await.into_iter().filter_map(|kind| match kind {
            RunEventKind::LookedUp { found, .. } => Some(found),
            _ => None,
        }));
    }
    looked_up.sort_unstable();
    assert_eq!(looked_up, [false, true]);
    let mut names: Vec<String> = world.cloud.submissions().iter().map(|s| s.name.clone()).collect();
    let sent = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), sent, "no name was accepted twice");

    money_agrees(&world).await;
}

/// The bill less the ledger is what is listed, and the metrics show what the ledger has.
async fn money_agrees(world: &World) {
    let bill = world.bill().await;
    assert!(bill.ledger_usd > Usd::ZERO, "{bill:?}");
    assert_eq!(bill.unexplained_usd, Usd::ZERO, "{bill:?}");
    let listed = bill.idle_usd + bill.unpriced_usd + bill.rounding_usd;
    assert_eq!(bill.total_usd - bill.ledger_usd, listed, "{bill:?}");
    assert_eq!(world.count(|c| matches!(c, Counter::UnpricedAttempts { .. })), 0);
    let entries = world.entries().await;
    let last: Usd = entries
        .iter()
        .filter(|entry| !entry.is_provisional())
        .filter_map(|entry| entry.priced())
        .map(|priced| priced.cost)
        .sum();
    let shown = total(&metrics_text(&world.shared).unwrap(), "spotcron_cost_usd_total");
    assert!((shown - last.nanos() as f64 / 1e9).abs() < 1e-9, "{shown} and {last}");
}

/// What the adapters make of the account's answers is what the account itself says: of every job, host,
/// instance, queue and price of a day with reclaims, starvation, an array and Fargate.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_adapters_say_what_the_account_says() {
    let fargate = "\n[[environments]]\nname = \"fargate\"\nqueue = \"fargate\"\n\
         capacity = \"fargate\"\nregion = \"us-east-1\"\n\n[[classes]]\nname = \"small\"\n\
         environments = [\"fargate\"]\nexpected_duration = \"20m\"\n";
    let jobs = [
        job("import", "flexible", "*/20 * * * *"),
        job("small", "small", "5 * * * *"),
        job("wide", "flexible", "40 */6 * * *") + "array_size = 3\n",
    ];
    let catalogue = format!("{}{fargate}{}", classes(), jobs.concat());
    let mut scenario = scenario(4.0).with_queue("fargate", Capacity::Fargate, &[], 64);
    scenario.timing.instance_retention_secs = 48 * 3600;
    let mut world = World::of(&catalogue, scenario, 5).await;
    world.run_for(SignedDuration::from_hours(24)).await;
    let (aws, _wire, _stop) = served(&world.cloud).await;
    let site = "us-east-1".into();

    let mut attempts = Vec::new();
    for run in world.runs().await {
        attempts.extend(world.store.attempts(&run.id).await.unwrap());
    }
    let kinds: BTreeSet<_> = attempts.iter().filter_map(|attempt| attempt.end).collect();
    assert!(kinds.contains(&AttemptEnd::Interrupted), "the day was too quiet: {kinds:?}");

    let ids: BTreeSet<BatchJobId> = attempts.iter().map(|a| a.batch_job_id.clone()).collect();
    for chunk in ids.into_iter().collect::<Vec<_>>().chunks(100) {
        let said = BatchService::describe(&aws, &site, chunk).await.unwrap();
        assert_eq!(said, world.cloud.describe(&site, chunk).await.unwrap());
    }
    for queue in ["spot", "steady", "fargate"] {
        let said = aws.describe_queue(&site, queue).await.unwrap();
        assert_eq!(said, world.cloud.describe_queue(&site, queue).await.unwrap());
    }
    let run = &world.runs().await[0];
    let leg = &run.legs[0];
    let since = leg.intended_at;
    let said = aws.find_by_name(&site, &leg.queue, &leg.batch_name, since).await.unwrap();
    let is = world.cloud.find_by_name(&site, &leg.queue, &leg.batch_name, since).await.unwrap();
    assert_eq!(said, is);
    assert_eq!(said.len(), 1);

    let arns: BTreeSet<String> =
        attempts.iter().filter_map(|attempt| attempt.container_instance_arn.clone()).collect();
    let arns: Vec<String> = arns.into_iter().take(100).collect();
    let mut said = aws.container_hosts(&site, &arns).await.unwrap();
    let mut is = world.cloud.container_hosts(&site, &arns).await.unwrap();
    said.sort_by(|a, b| a.container_instance_arn.cmp(&b.container_instance_arn));
    is.sort_by(|a, b| a.container_instance_arn.cmp(&b.container_instance_arn));
    assert!(!is.is_empty());
    assert_eq!(said, is);

    let ids: Vec<_> = is.iter().map(|host| host.instance_id.clone()).collect();
    let mut said = aws.instances(&site, &ids).await.unwrap();
    let mut is = world.cloud.instances(&site, &ids).await.unwrap();
    said.sort_by(|a, b| a.id.cmp(&b.id));
    is.sort_by(|a, b| a.id.cmp(&b.id));
    // Who asks says when it was seen alive: by the machine's clock here, by virtual time there.
    for (said, is) in said.iter_mut().zip(&is) {
        said.seen_at = is.seen_at;
    }
    assert_eq!(said, is);

    let tasks: Vec<String> = attempts
        .iter()
        .filter(|attempt| attempt.capacity == Capacity::Fargate)
        .filter_map(|attempt| attempt.task_arn.clone())
        .take(100)
        .collect();
    let mut said = aws.fargate_tasks(&site, &tasks).await.unwrap();
    let mut is = world.cloud.fargate_tasks(&site, &tasks).await.unwrap();
    said.sort_by(|a, b| a.task_arn.cmp(&b.task_arn));
    is.sort_by(|a, b| a.task_arn.cmp(&b.task_arn));
    assert!(!is.is_empty());
    assert_eq!(said, is);
    prices_are_the_same(&world, &aws).await;
}

async fn prices_are_the_same(world: &World, aws: &AwsCloud) {
    let site = "us-east-1".into();
    let types: Vec<InstanceType> = ["m6i.2xlarge", "m6i.xlarge"].map(InstanceType::from).into();
    let now = world.clock.now();
    let window = Window::new(now - SignedDuration::from_hours(20), now);
    let key = |point: &PricePoint| (point.pool.clone(), point.effective_from);
    let mut said = aws.spot_prices(&site, &types, window).await.unwrap();
    let mut is = world.cloud.spot_prices(&site, &types, window).await.unwrap();
    said.sort_by_key(key);
    is.sort_by_key(key);
    assert!(is.len() > 10);
    assert_eq!(said, is);
    let listed = |answers: Vec<Result<ListPrice, PriceProblem>>| {
        let prices = answers.into_iter().map(|answer| answer.unwrap());
        prices.map(|p| (p.instance_type, p.price)).collect::<BTreeMap<_, _>>()
    };
    let said = listed(aws.on_demand_prices(&site.region, &types).await);
    assert_eq!(said, listed(world.cloud.on_demand_prices(&site.region, &types).await));
    assert_eq!(said.len(), 2);
    let rates = |prices: Vec<FargatePrice>| {
        prices
            .into_iter()
            .map(|price| (price.architecture, (price.vcpu_hour, price.gib_hour)))
            .collect::<BTreeMap<_, _>>()
    };
    let said = rates(aws.fargate_prices(&site.region).await.unwrap());
    assert_eq!(said, rates(world.cloud.fargate_prices(&site.region).await.unwrap()));
    let patterns = ["m6i".to_owned(), "c6i.large".to_owned(), "optimal".to_owned()];
    let said = aws.expand_instance_types(&site, &patterns).await.unwrap();
    assert_eq!(said, world.cloud.expand_instance_types(&site, &patterns).await.unwrap());
    assert!(said.len() > 5);
}

const OPERATIONS: [&str; 12] = [
    "DescribeJobQueues",
    "DescribeComputeEnvironments",
    "DescribeInstanceTypes",
    "DescribeSubnets",
    "DescribeSpotPriceHistory",
    "GetProducts",
    "SubmitJob",
    "ListJobs",
    "DescribeJobs",
    "DescribeContainerInstances",
    "DescribeInstances",
    "TerminateJob",
];

fn every_mishap() -> Vec<Mishap> {
    let named = |members: &[&str]| members.iter().map(|member| (*member).to_owned()).collect();
    let lacking = [
        "jobId",
        "jobs",
        "status",
        "createdAt",
        "container",
        "attempts",
        "computeEnvironments",
        "computeResources",
        "ec2InstanceId",
        "instanceId",
        "launchTime",
        "spotPrice",
        "vCpuInfo",
        "PriceList",
    ];
    let strange =
        ["status", "state", "type", "instanceLifecycle", "name", "statusReason", "reason"];
    vec![
        Mishap::Throttled,
        Mishap::ErrorBefore,
        Mishap::ErrorAfter,
        Mishap::DropBefore,
        Mishap::DropAfter,
        Mishap::Hang,
        Mishap::Slow { secs: 1 },
        Mishap::Truncated,
        Mishap::Malformed,
        Mishap::Without { members: named(&lacking) },
        Mishap::Unknown { members: named(&strange) },
        Mishap::Expired,
        Mishap::Denied,
        Mishap::Skewed,
        Mishap::HalfPage,
        Mishap::TokenLoop,
    ]
}

/// The first calls of every operation, and some later ones, meet the mishap; then it is over.
fn early_and_often(mishap: &Mishap) -> Vec<MishapRule> {
    let struck = OPERATIONS.iter().flat_map(|operation| {
        [1, 2, 4, 7].map(|nth| MishapRule { nth: Some(nth), ..rule(operation, mishap.clone()) })
    });
    struck.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_mishap_of_any_call_loses_or_doubles_a_run() {
    let mut stories = tokio::task::JoinSet::new();
    for mishap in every_mishap() {
        stories.spawn(async move {
            let (mut world, wire, stop) = over_http(CATALOGUE, scenario(0.5)).await;
            wire.set_mishaps(early_and_often(&mishap));
            world.run_for(SignedDuration::from_hours(2)).await;
            let struck = wire.calls();
            assert!(struck["SubmitJob"] >= 7, "{mishap:?}: {struck:?}");
            wire.set_mishaps(Vec::new());
            world.restart().await;
            world.run_for(SignedDuration::from_hours(4)).await;
            stop.send_replace(true);
            check(&world, at(BEGIN)).await;
            for run in world.runs().await {
                let done = run.scheduled_for < at("2026-06-01T04:00:00Z");
                let ended =
                    matches!(run.state, RunState::Ended { outcome: RunOutcome::Succeeded, .. });
                assert!(!done || ended, "{mishap:?}, {}: {:?}", run.id, run.state);
            }
        });
    }
    while let Some(story) = stories.join_next().await {
        story.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_denied_optional_operation_is_one_and_zero_again_when_it_is_allowed() {
    let mut world = World::new(1, 0.0).await;
    let calls = Arc::new(CallLog::default());
    let counting = Arc::clone(&calls);
    let observer = move |call: &ApiCall<'_>| {
        counting.note(call.operation, (call.account, call.region), call.outcome)
    };
    let (aws, wire, _stop) = served_to(&world.cloud, Arc::new(WallClock), Arc::new(observer)).await;
    world.ports = cloud_of(aws);
    world.restart().await;
    let denied = ["DescribeSubnets", "DescribeContainerInstances", "GetProducts"];
    wire.set_mishaps(denied.map(|operation| rule(operation, Mishap::Denied)).into());
    world.run_for(mins(30)).await;
    let shown = |denied: bool| -> Vec<&'static str> {
        let all = calls.optional_permissions().into_iter();
        let some = all.filter(|found| found.denied == denied && found.region == "us-east-1");
        some.map(|found| found.operation).collect()
    };
    assert_eq!(shown(true), ["DescribeContainerInstances", "DescribeSubnets", "GetProducts"]);
    assert!(shown(false).contains(&"DescribeSpotPriceHistory"));
    // Runs went on.
    assert!(!world.cloud.submissions().is_empty());
    wire.set_mishaps(Vec::new());
    world.run_for(SignedDuration::from_hours(25)).await;
    assert_eq!(shown(true), [""; 0]);
    assert!(denied.iter().all(|operation| shown(false).contains(operation)));
}
