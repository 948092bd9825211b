//! Every operation that spotcron calls, through the real AWS SDKs against the simulated account: all
//! rows where the answer has several pages, errors of their kind, and pages without an end. The table
//! in docs/concepts/simulated-aws.md says where else each operation is tested.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use spotcron::aws::AwsCloud;
use spotcron::clock::WallClock;
use spotcron::doctor::Unseen;
use spotcron::domain::{BatchJobId, Capacity, InstanceId, InstanceType, Resources, Site, Window};
use spotcron::ports::{
    AccountInspector, BatchService, FailureKind, InstanceDirectory, ListPriceSource, ServiceError,
    SpotPriceSource,
};
use spotcron::sim::wire::{Mishap, MishapRule, Wire};
use spotcron::sim::{DefinitionSpec, Scenario, SimCloud, offers};
use tokio::sync::watch;

use super::over_http::served_by;
use crate::samples::at;
use crate::sim::account::{Account, request};

fn site() -> Site {
    "us-east-1".into()
}

struct Stage {
    account: Account,
    aws: AwsCloud,
    wire: Wire,
    _stop: watch::Sender<bool>,
}

impl Stage {
    async fn of(scenario: Scenario) -> Self {
        let account = Account::at("2026-06-01T00:00:00Z", scenario, 1);
        let (aws, wire, stop) = served_by(&account.cloud, std::sync::Arc::new(WallClock)).await;
        Stage { account, aws, wire, _stop: stop }
    }

    fn cloud(&self) -> &SimCloud {
        &self.account.cloud
    }

    /// How many calls of an operation were made since this was last asked.
    fn calls(&self, operation: &str) -> u64 {
        let calls = self.wire.calls().get(operation).copied().unwrap_or_default();
        self.wire.set_mishaps(Vec::new());
        calls
    }
}

/// Machines that take one job each, Fargate, and spot that has no capacity.
fn scenario() -> Scenario {
    let mut scenario = Scenario::empty("us-east-1", "abc")
        .with_queue("steady", Capacity::OnDemand, &["m6i.large"], 2000)
        .with_queue("fargate", Capacity::Fargate, &[], 2000)
        .with_queue("spot", Capacity::Spot, &["m6i.large", "c6i.large"], 64)
        .with_definition("hour", 3600);
    scenario.market.reclaim_scale = 0.0;
    scenario
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_is_looked_up_over_every_page_of_a_hundred() {
    let stage = Stage::of(scenario()).await;
    let mut expected = BTreeSet::new();
    for number in 0..250 {
        expected.insert(stage.account.start("steady", "hour:1", "twice"));
        // In another case, which the filter of Batch does not tell apart.
        if number % 2 == 0 {
            stage.account.start("steady", "hour:1", "TWICE");
        }
        stage.account.start("steady", "hour:1", "twice-over");
    }
    let begin = at("2026-06-01T00:00:00Z");
    let name = "twice".into();
    let found = stage.aws.find_by_name(&site(), "steady", &name, begin).await.unwrap();
    assert_eq!(found.len(), 250);
    assert_eq!(found.into_iter().map(|job| job.id).collect::<BTreeSet<_>>(), expected);
    assert_eq!(stage.calls("ListJobs"), 4, "375 rows on pages of a hundred");
    let ids: Vec<BatchJobId> = expected.iter().cloned().collect();
    let jobs = BatchService::describe(&stage.aws, &site(), &ids).await.unwrap();
    assert_eq!(jobs.into_iter().map(|job| job.id).collect::<BTreeSet<_>>(), expected);
    assert_eq!(stage.calls("DescribeJobs"), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_jobs_are_listed_over_every_page_of_a_thousand() {
    let stage = Stage::of(scenario()).await;
    stage.cloud().crunch_all(SignedDuration::from_hours(24));
    let expected: BTreeSet<String> = (0..1_250)
        .map(|number| stage.account.start("spot", "hour:1", &format!("waits-{number}")).to_string())
        .collect();
    stage.account.pass(60);
    let waiting = stage.aws.runnable_jobs(&site(), "spot").await.unwrap();
    assert_eq!(waiting.len(), 1_250);
    assert_eq!(waiting.into_iter().map(|job| job.id).collect::<BTreeSet<_>>(), expected);
    assert_eq!(stage.calls("ListJobs"), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_hosts_instances_and_tasks_are_looked_up_in_full() {
    let stage = Stage::of(scenario()).await;
    let mut jobs = Vec::new();
    for number in 0..250 {
        let mut large = request("steady", "hour:1", &format!("host-{number}"));
        large.resources = Some(Resources { vcpu_millis: 2000, memory_mib: 6144, gpus: 0 });
        jobs.push(stage.account.submit(&large).unwrap());
        jobs.push(stage.account.start("fargate", "hour:1", &format!("task-{number}")));
    }
    stage.account.pass(600);
    let (mut hosts, mut tasks) = (BTreeSet::new(), BTreeSet::new());
    for id in &jobs {
        let container = stage.account.job(id).container.unwrap();
        match container.container_instance_arn {
            Some(arn) => hosts.insert(arn),
            None => tasks.insert(container.task_arn.unwrap()),
        };
    }
    assert_eq!((hosts.len(), tasks.len()), (250, 250));

    let arns: Vec<String> = hosts.iter().cloned().collect();
    let found = stage.aws.container_hosts(&site(), &arns).await.unwrap();
    let known = found.iter().map(|host| host.container_instance_arn.clone());
    assert_eq!(known.collect::<BTreeSet<_>>(), hosts);
    assert_eq!(stage.calls("DescribeContainerInstances"), 3);

    let ids: BTreeSet<InstanceId> = found.into_iter().map(|host| host.instance_id).collect();
    let asked: Vec<InstanceId> = ids.iter().cloned().collect();
    let facts = stage.aws.instances(&site(), &asked).await.unwrap();
    assert_eq!(facts.into_iter().map(|facts| facts.id).collect::<BTreeSet<_>>(), ids);
    assert_eq!((ids.len(), stage.calls("DescribeInstances")), (250, 3));

    let arns: Vec<String> = tasks.iter().cloned().collect();
    let found = stage.aws.fargate_tasks(&site(), &arns).await.unwrap();
    assert_eq!(found.into_iter().map(|task| task.task_arn).collect::<BTreeSet<_>>(), tasks);
    assert_eq!(stage.calls("DescribeTasks"), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_price_points_come_over_every_page_of_a_thousand() {
    let mut scenario = scenario();
    scenario.market.history_days = 80;
    scenario.market.change_hours = [1.0, 2.0];
    let stage = Stage::of(scenario).await;
    let now = stage.account.now();
    let window = Window::new(now - SignedDuration::from_hours(80 * 24), now);
    let types: Vec<InstanceType> = ["m6i.large", "c6i.large"].map(InstanceType::from).into();
    let key = |point: &spotcron::market::PricePoint| (point.pool.clone(), point.effective_from);
    let mut said = stage.aws.spot_prices(&site(), &types, window).await.unwrap();
    let mut is = stage.cloud().spot_prices(&site(), &types, window).await.unwrap();
    said.sort_by_key(key);
    is.sort_by_key(key);
    assert!(is.len() > 2_000, "{} points", is.len());
    assert_eq!(said, is);
    assert!(stage.calls("DescribeSpotPriceHistory") > (is.len() / 1_000) as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_a_hundred_instance_types_are_expanded_and_priced() {
    let stage = Stage::of(scenario()).await;
    let all: BTreeSet<InstanceType> = offers().map(|offer| offer.name.clone()).collect();
    let families: BTreeSet<String> =
        all.iter().filter_map(|name| Some(name.as_str().split_once('.')?.0.to_owned())).collect();
    let patterns: Vec<String> = families.into_iter().collect();
    let said = stage.aws.expand_instance_types(&site(), &patterns).await.unwrap();
    assert!(all.len() > 100, "{} types", all.len());
    assert_eq!(said.keys().cloned().collect::<BTreeSet<_>>(), all);
    assert_eq!(stage.calls("DescribeInstanceTypes"), 2);
    let types: Vec<InstanceType> = all.into_iter().collect();
    let prices = stage.aws.on_demand_prices(&site().region, &types).await;
    let priced: BTreeMap<_, _> = prices
        .into_iter()
        .map(|price| price.unwrap())
        .map(|p| (p.instance_type, p.price))
        .collect();
    assert_eq!(priced.len(), types.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_of_more_than_a_hundred_revisions_is_found() {
    let mut scenario = scenario();
    scenario.definitions.extend((1..=150).map(|revision| DefinitionSpec {
        name: "many".to_owned(),
        revision,
        ..DefinitionSpec::default()
    }));
    let stage = Stage::of(scenario).await;
    let newest = stage.aws.inspect_definition(&site(), "many").await.unwrap();
    assert_eq!(newest.revision, Some(150));
    assert_eq!(stage.calls("DescribeJobDefinitions"), 2);
}

/// What the table below asks for, which is there in a stage that ran for a while.
struct Known {
    jobs: Vec<BatchJobId>,
    hosts: Vec<String>,
    instances: Vec<InstanceId>,
    tasks: Vec<String>,
}

/// Two of everything: a queue with two environments in two zones, jobs of one name, hosts and tasks.
async fn pairs() -> (Stage, Known) {
    let mut scenario = scenario().with_queue("second", Capacity::OnDemand, &["c6i.large"], 64);
    scenario.queues[0].compute_environments.push("second".to_owned());
    let stage = Stage::of(scenario).await;
    let mut known =
        Known { jobs: Vec::new(), hosts: Vec::new(), instances: Vec::new(), tasks: Vec::new() };
    for _ in 0..2 {
        let mut large = request("steady", "hour:1", "pair");
        large.resources = Some(Resources { vcpu_millis: 2000, memory_mib: 3072, gpus: 0 });
        known.jobs.push(stage.account.submit(&large).unwrap());
        known.jobs.push(stage.account.start("fargate", "hour:1", "pair"));
    }
    stage.account.pass(600);
    for id in &known.jobs {
        let container = stage.account.job(id).container.unwrap();
        match container.container_instance_arn {
            Some(arn) => known.hosts.push(arn),
            None => known.tasks.extend(container.task_arn),
        }
    }
    let found = stage.cloud().container_hosts(&site(), &known.hosts).await.unwrap();
    known.instances = found.into_iter().map(|host| host.instance_id).collect();
    (stage, known)
}

/// Each operation with whether AWS pages it.
const OPERATIONS: [(&str, bool); 15] = [
    ("GetCallerIdentity", false),
    ("DescribeJobQueues", true),
    ("DescribeComputeEnvironments", true),
    ("DescribeSubnets", true),
    ("DescribeJobDefinitions", true),
    ("DescribeInstanceTypes", true),
    ("DescribeSpotPriceHistory", true),
    ("GetProducts", true),
    ("ListJobs", true),
    ("DescribeJobs", false),
    ("DescribeContainerInstances", false),
    ("DescribeInstances", true),
    ("DescribeTasks", false),
    ("CancelJob", false),
    ("TerminateJob", false),
];

/// The rows that the adapter makes of an operation, in one order.
async fn ask(stage: &Stage, known: &Known, operation: &str) -> Result<Vec<String>, ServiceError> {
    let (aws, here) = (&stage.aws, site());
    let types: Vec<InstanceType> = ["c6i.large", "m6i.large"].map(InstanceType::from).into();
    match operation {
        "GetCallerIdentity" => aws.account_id().await.map(|account| vec![account]),
        "DescribeJobQueues" => aws.inspect_queue(&here, "steady").await.map(|queue| queue.order),
        "DescribeComputeEnvironments" => {
            let names = ["steady".to_owned(), "second".to_owned()];
            aws.inspect_compute_environments(&here, &names)
                .await
                .map(|found| found.into_iter().map(|environment| environment.name).collect())
        }
        "DescribeSubnets" => {
            let found = aws.inspect_compute_environments(&here, &["steady".to_owned()]).await?;
            // The adapter goes on without zones, and says why.
            match &found[0].zones {
                Ok(zones) => Ok(zones.iter().map(ToString::to_string).collect()),
                Err(Unseen::Denied) => {
                    Err(ServiceError::new("DescribeSubnets", FailureKind::Denied, "denied"))
                }
                Err(other) => {
                    let (operation, kind) = ("DescribeSubnets", FailureKind::BadResponse);
                    Err(ServiceError::new(operation, kind, format!("{other:?}")))
                }
            }
        }
        "DescribeJobDefinitions" => {
            aws.inspect_definition(&here, "hour:1").await.map(|found| vec![format!("{found:?}")])
        }
        "DescribeInstanceTypes" => {
            let patterns = ["m6i".to_owned(), "c6i".to_owned()];
            let found = aws.expand_instance_types(&here, &patterns).await;
            found.map(|types| types.into_keys().map(|name| name.to_string()).collect())
        }
        "DescribeSpotPriceHistory" => {
            let now = stage.account.now();
            let window = Window::new(now - SignedDuration::from_hours(24), now);
            rows(aws.spot_prices(&here, &types, window).await)
        }
        "GetProducts" => rows(aws.fargate_prices(&here.region).await),
        "ListJobs" => {
            let begin = at("2026-06-01T00:00:00Z");
            rows(aws.find_by_name(&here, "steady", &"pair".into(), begin).await)
        }
        "DescribeJobs" => rows(BatchService::describe(aws, &here, &known.jobs).await),
        "DescribeContainerInstances" => rows(aws.container_hosts(&here, &known.hosts).await),
        "DescribeInstances" => {
            let found = aws.instances(&here, &known.instances).await;
            rows(found.map(|all| all.into_iter().map(|facts| facts.id).collect()))
        }
        "DescribeTasks" => rows(aws.fargate_tasks(&here, &known.tasks).await),
        "CancelJob" => aws.cancel(&here, &known.jobs[0], "spotcron: test").await.map(|()| vec![]),
        _ => aws.terminate(&here, &known.jobs[0], "spotcron: test").await.map(|()| vec![]),
    }
}

fn rows<T: std::fmt::Debug>(
    found: Result<Vec<T>, ServiceError>,
) -> Result<Vec<String>, ServiceError> {
    let mut rows: Vec<String> = found?.iter().map(|row| format!("{row:?}")).collect();
    rows.sort();
    Ok(rows)
}

fn always(operation: &str, mishap: Mishap) -> Vec<MishapRule> {
    vec![MishapRule { operation: operation.to_owned(), mishap, nth: None, probability: None }]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_paged_operation_gives_all_rows_of_a_page_that_comes_in_two() {
    let (stage, known) = pairs().await;
    for (operation, _) in OPERATIONS.into_iter().filter(|(_, paged)| *paged) {
        stage.calls(operation);
        let whole = ask(&stage, &known, operation).await.unwrap();
        let calls = stage.calls(operation);
        assert!(!whole.is_empty(), "{operation}");
        // The first call only: with every page halved there is always another half.
        let half = MishapRule { nth: Some(1), ..always(operation, Mishap::HalfPage).remove(0) };
        stage.wire.set_mishaps(vec![half]);
        assert_eq!(ask(&stage, &known, operation).await.unwrap(), whole, "{operation}");
        assert_eq!(stage.calls(operation), calls + 1, "{operation}: the second page was asked for");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_paged_operation_reads_the_same_page_for_ever() {
    let (stage, known) = pairs().await;
    for (operation, paged) in OPERATIONS {
        stage.calls(operation);
        let whole = ask(&stage, &known, operation).await.unwrap();
        stage.wire.set_mishaps(always(operation, Mishap::TokenLoop));
        let answer = ask(&stage, &known, operation).await;
        let calls = stage.calls(operation);
        match (paged, operation) {
            // What was looked for is on the first page.
            (true, "DescribeJobQueues") => assert_eq!(answer.unwrap(), whole),
            // An answer in part would be taken for the whole.
            (true, _) => {
                let error = answer.unwrap_err();
                assert_eq!(error.operation, operation);
                assert!(error.to_string().contains("the answer has no end"), "{error}");
            }
            (false, _) => assert_eq!(answer.unwrap(), whole, "{operation} has no pages"),
        }
        assert!(calls <= 3, "{operation}: {calls} calls");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_tells_a_denial_and_outlasts_a_throttle() {
    let (stage, known) = pairs().await;
    for (operation, _) in OPERATIONS {
        stage.calls(operation);
        let whole = ask(&stage, &known, operation).await.unwrap();
        stage.wire.set_mishaps(always(operation, Mishap::Denied));
        let error = ask(&stage, &known, operation).await.unwrap_err();
        assert_eq!((error.operation, error.kind), (operation, FailureKind::Denied), "{error}");
        assert_eq!(stage.calls(operation), 1, "{operation}: a denial is not repeated");
        let once = MishapRule { nth: Some(1), ..always(operation, Mishap::Throttled).remove(0) };
        stage.wire.set_mishaps(vec![once]);
        assert_eq!(ask(&stage, &known, operation).await.unwrap(), whole, "{operation}");
    }
}
