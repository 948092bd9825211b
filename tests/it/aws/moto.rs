//! The adapters against moto, an emulation of AWS that other people wrote: queue and environments
//! made through boto3 are discovered, a job is submitted, found by its name and seen to succeed.
//! Needs `SPOTCRON_MOTO_VENV`, which `tests/moto/prepare.py` makes.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use jiff::{SignedDuration, Timestamp};
use spotcron::aws::AwsCloud;
use spotcron::domain::{BatchStatus, Capacity, InstanceType, Redacted, Resources, Site, Window};
use spotcron::ports::{
    BatchService, FailureKind, InstanceDirectory, ListPriceSource, PriceProblem, SpotPriceSource,
    SubmitError,
};
use spotcron::run::SubmitRequest;

use super::wire::patient_cloud_at;

/// The environment's folder, or why the test must be left out.
fn environment() -> Option<PathBuf> {
    let folder = std::env::var_os("SPOTCRON_MOTO_VENV").map(PathBuf::from);
    if folder.is_none() {
        let how = "set SPOTCRON_MOTO_VENV to what `python3 tests/moto/prepare.py DIRECTORY` prints";
        assert!(std::env::var("REQUIRE_ALL").as_deref() != Ok("1"), "moto is required: {how}");
        println!("SKIPPED: moto ({how})");
    }
    folder
}

/// A moto server on a port of its own choice; gone when dropped.
struct Moto {
    process: Child,
    url: String,
}

impl Moto {
    fn start(environment: &std::path::Path) -> Moto {
        let mut process = Command::new(environment.join("bin/moto_server"))
            .args(["-H", "127.0.0.1", "-p", "0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("moto_server starts");
        // It says where it listens once it does; then it logs each request, which must be read on.
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let url = lines
            .by_ref()
            .find_map(|line| {
                line.unwrap().split_once("Running on ").map(|(_, url)| url.trim().to_owned())
            })
            .expect("moto_server says where it listens");
        std::thread::spawn(move || lines.for_each(drop));
        Moto { process, url }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn set_up(environment: &std::path::Path, url: &str) -> serde_json::Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/moto/account.py");
    let output = Command::new(environment.join("bin/python")).args([script, url]).output().unwrap();
    let problem = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{problem}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn request(queue: &str, definition: &str, name: &str) -> SubmitRequest {
    SubmitRequest {
        site: "us-east-1".into(),
        name: name.into(),
        queue: queue.to_owned(),
        definition: definition.to_owned(),
        parameters: BTreeMap::new(),
        environment: [("SPOTCRON_RUN_ID".to_owned(), Redacted::new("extract-1"))].into(),
        command: None,
        resources: None,
        array_size: None,
        retry_strategy: None,
        timeout: Some(SignedDuration::from_mins(5)),
        share_identifier: None,
        scheduling_priority: None,
        tags: [("managed-by".to_owned(), "spotcron".to_owned())].into(),
    }
}

#[tokio::test]
async fn from_discovery_to_success() {
    let Some(environment) = environment() else { return };
    let (moto, account) = tokio::task::spawn_blocking(move || {
        let moto = Moto::start(&environment);
        let account = set_up(&environment, &moto.url);
        (moto, account)
    })
    .await
    .unwrap();
    let cloud = patient_cloud_at(&moto.url).await;
    assert_eq!(cloud.account_id().await.unwrap(), "123456789012");
    let types = discovers(&cloud).await;
    let definition = account["definition"].as_str().unwrap();
    for queue in ["spot", "on-demand"] {
        runs_a_job(&cloud, queue, definition).await;
    }
    knows_what_is_not_there(&cloud, definition).await;
    prices_spot_but_has_no_price_list(&cloud, &types).await;
}

fn site() -> Site {
    "us-east-1".into()
}

async fn discovers(cloud: &AwsCloud) -> Vec<InstanceType> {
    let mut patterns = Vec::new();
    for (queue, capacity) in [("spot", Capacity::Spot), ("on-demand", Capacity::OnDemand)] {
        let described = cloud.describe_queue(&site(), queue).await.unwrap();
        assert!(described.enabled);
        assert_eq!(described.valid, Ok(()));
        let [found] = described.environments.as_slice() else { panic!("{described:?}") };
        assert_eq!((found.capacity, found.enabled), (Some(capacity), true));
        let zones: Vec<&str> = found.zones.iter().map(|zone| zone.as_str()).collect();
        assert_eq!(zones, ["us-east-1a", "us-east-1b"]);
        assert!(found.ecs_cluster_arn.is_some());
        patterns.clone_from(&found.instance_types);
    }
    let shapes = cloud.expand_instance_types(&site(), &patterns).await.unwrap();
    let large = &shapes["m6i.large"];
    assert_eq!((large.vcpus, large.memory_mib, shapes.len()), (2, 8192, 2));
    let family = cloud.expand_instance_types(&site(), &["m6i".to_owned()]).await.unwrap();
    assert!(family.len() > 2 && family.keys().all(|kind| kind.as_str().starts_with("m6i.")));
    shapes.into_keys().collect()
}

async fn runs_a_job(cloud: &AwsCloud, queue: &str, definition: &str) {
    let name = format!("extract-20260329T003000Z-l0-{queue}");
    let batch_name = name.as_str().into();
    let id = cloud.submit(&request(queue, definition, &name)).await.unwrap();
    let find = async |since| cloud.find_by_name(&site(), queue, &batch_name, since).await.unwrap();
    let found = find(long_ago()).await;
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0].id, &found[0].name), (&id, &name));
    assert_eq!(find(Timestamp::MAX).await, []);

    let jobs = cloud.describe(&site(), std::slice::from_ref(&id)).await.unwrap();
    assert_eq!((jobs.len(), jobs[0].status), (1, BatchStatus::Succeeded));
    assert_eq!(jobs[0].tags["managed-by"], "spotcron");
    assert_eq!(jobs[0].resources, Some(Resources { vcpu_millis: 1000, memory_mib: 512, gpus: 0 }));
    // moto does not place jobs: there is no host to be found, and nothing can be priced.
    let attempts = jobs[0].attempts.iter();
    let hosts: Vec<String> =
        attempts.filter_map(|a| a.container.container_instance_arn.clone()).collect();
    assert_eq!(cloud.container_hosts(&site(), &hosts).await.unwrap(), []);
    cloud.terminate(&site(), &id, "already over").await.unwrap();
}

async fn knows_what_is_not_there(cloud: &AwsCloud, definition: &str) {
    let missing = cloud.describe_queue(&site(), "nowhere").await.unwrap_err();
    assert_eq!(missing.kind, FailureKind::NotFound);
    let refused = cloud.submit(&request("nowhere", definition, "x-l0-1")).await.unwrap_err();
    assert!(matches!(refused, SubmitError::Rejected(_)), "{refused:?}");
    assert_eq!(cloud.describe(&site(), &["00000000-dead".into()]).await.unwrap(), []);
    assert_eq!(cloud.instances(&site(), &["i-0123456789abcdef0".into()]).await.unwrap(), []);
}

async fn prices_spot_but_has_no_price_list(cloud: &AwsCloud, types: &[InstanceType]) {
    let window = Window::new(long_ago(), "2020-02-01T00:00:00Z".parse().unwrap());
    let points = cloud.spot_prices(&site(), types, window).await.unwrap();
    assert!(points.iter().any(|p| p.pool.zone.as_str() == "us-east-1a" && p.price.units() > 0));
    assert!(points.iter().all(|p| types.contains(&p.pool.instance_type)));
    // Loud, and no price from nowhere.
    let prices = cloud.on_demand_prices(&site().region, &types[..1]).await;
    assert!(matches!(prices.as_slice(), [Err(PriceProblem::Failed(..))]), "{prices:?}");
}

fn long_ago() -> Timestamp {
    "2020-01-01T00:00:00Z".parse().unwrap()
}
