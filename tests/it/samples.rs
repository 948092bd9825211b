//! Small values that several tests begin with.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use spotcron::catalogue::{
    Catalogue, Class, Environment, Job, Policy, Restart, RetryOwner, Submission, WhenPriceUnknown,
};
use spotcron::domain::{
    AccountRegion, Architecture, BatchStatus, Capacity, InstanceShape, JobObservation, Pool, Ppm,
    Resources, Site, Usd, Window,
};
use spotcron::experience::Hazards;
use spotcron::experience::durations::Lengths;
use spotcron::market::{EnvironmentMarket, Market, PoolQuote};
use spotcron::schedule::{Overlap, Schedule};

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn mins(mins: i64) -> SignedDuration {
    SignedDuration::from_mins(mins)
}

pub fn class(name: &str, environments: &[&str]) -> Class {
    Class {
        name: name.into(),
        environments: environments.iter().map(|name| (*name).into()).collect(),
        expected_duration: mins(60),
        planning_percentile: 95,
        deadline: Some(mins(360)),
        start_up: mins(3),
        restart: Restart::FromZero,
        policy: Policy::FitOnly,
        retry_owner: RetryOwner::Spotcron,
        max_legs: 6,
        failure_retries: 0,
        wait_budget: mins(15),
        max_price: None,
        max_cost: None,
        start_within: None,
        min_saving: Ppm::from_percent(10),
        min_time_between_switches: SignedDuration::ZERO,
        min_saving_to_switch: Ppm::from_percent(20),
        on_demand_discount: Ppm::ZERO,
        max_price_age: mins(30),
        when_price_unknown: WhenPriceUnknown::OnDemand,
        when_outcome_unknown: Default::default(),
        idempotent_outputs: false,
        labels: BTreeMap::new(),
    }
}

/// With nothing seen.
pub fn lengths(class: &Class) -> Lengths {
    Lengths::stated(class.expected_duration, class.planning_percentile)
}

pub fn environment(name: &str, capacity: Capacity) -> Environment {
    Environment {
        name: name.into(),
        queue: format!("queue-{name}"),
        capacity,
        site: Site::from("us-east-1"),
        instance_types: None,
        zones: None,
        definitions: BTreeMap::new(),
        fargate_spot_discount: None,
        architecture: Architecture::X86_64,
        data_cost: Usd::ZERO,
        covered: Vec::new(),
    }
}

pub fn job(name: &str, class: &str, cron: &str, zone: &str) -> Job {
    Job {
        name: name.into(),
        class: class.into(),
        schedule: Schedule::of_cron(cron.parse().unwrap(), jiff::tz::TimeZone::get(zone).unwrap()),
        after: Vec::new(),
        overlap: Overlap::AllowAll,
        enabled: true,
        input_size_parameter: None,
        sets: Vec::new(),
        submission: Arc::new(Submission {
            definition: "work:1".to_owned(),
            resources: Some(resources()),
            ..Submission::default()
        }),
    }
}

pub fn resources() -> Resources {
    Resources { vcpu_millis: 2000, memory_mib: 4096, gpus: 0 }
}

pub fn catalogue(environments: Vec<Environment>, class: Class, jobs: Vec<Job>) -> Catalogue {
    let environments = environments.into_iter().map(|e| (e.name.clone(), Arc::new(e))).collect();
    let classes = [(class.name.clone(), Arc::new(class))].into();
    let jobs: BTreeMap<_, _> = jobs.into_iter().map(|j| (j.name.clone(), Arc::new(j))).collect();
    let fingerprint = format!("{:?}", jobs.keys().collect::<Vec<_>>());
    Catalogue { environments, classes, jobs, fingerprint, parameter_files: Vec::new() }
}

/// One pool of m6i.xlarge a zone, at the spot prices given.
pub fn quotes(
    name: &str,
    capacity: Capacity,
    spot: &[Option<&str>],
    on_demand: Option<&str>,
    seen_at: Timestamp,
) -> EnvironmentMarket {
    let shape = Arc::new(InstanceShape {
        vcpus: 4,
        memory_mib: 16_384,
        gpus: 0,
        architecture: "x86_64".to_owned(),
    });
    let pools = spot.iter().zip('a'..).map(|(price, letter)| PoolQuote {
        pool: Pool {
            zone: format!("us-east-1{letter}").into(),
            instance_type: "m6i.xlarge".into(),
        },
        shape: Arc::clone(&shape),
        spot: price.map(|price| price.parse().unwrap()),
        jumped_from: None,
        on_demand: on_demand.map(|price| price.parse().unwrap()),
        seen_at: price.map(|_| seen_at),
        on_demand_seen_at: on_demand.map(|_| seen_at),
    });
    EnvironmentMarket {
        environment: name.into(),
        capacity,
        pools: pools.collect(),
        fargate: None,
        unusable: None,
    }
}

/// `hours` in which the pool lasted, and so many interruptions an hour apart, each as soon as it was up.
pub fn taken_back(hazards: &mut Hazards, pool: &Pool, hours: i64, interruptions: i64) {
    let place = AccountRegion::from("us-east-1");
    let from = Timestamp::UNIX_EPOCH;
    let lasted = from + SignedDuration::from_hours(hours);
    hazards.record(&place, pool, Window::new(from, lasted), false);
    for hour in 1..=interruptions {
        let at = lasted + SignedDuration::from_hours(hour);
        hazards.record(&place, pool, Window::new(at, at), true);
    }
}

/// [`taken_back`] of `m6i.xlarge` in `us-east-1a`, and nothing else.
pub fn hazards(hours: i64, interruptions: i64) -> Arc<Hazards> {
    let mut hazards = Hazards::default();
    let pool = Pool { zone: "us-east-1a".into(), instance_type: "m6i.xlarge".into() };
    taken_back(&mut hazards, &pool, hours, interruptions);
    Arc::new(hazards)
}

pub fn market(quotes: Vec<EnvironmentMarket>, now: Timestamp) -> Market {
    Market {
        environments: quotes
            .into_iter()
            .map(|quotes| (quotes.environment.clone(), Arc::new(quotes)))
            .collect(),
        refreshed_at: Some(now),
    }
}

const PRICES: &str = "prices/aws_spot_gpu_2019-12_2020-03_mit.csv.gz";

/// Recorded data: read by path (`SPOTCRON_SHARED`, or `shared` beside the checkout), never copied.
/// `None`, said aloud, where it is not at hand.
pub fn shared(what: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("SPOTCRON_SHARED").map(PathBuf::from);
    let shared =
        shared.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"));
    let path = shared.join(what);
    if !path.exists() {
        let required = std::env::var_os("REQUIRE_ALL").is_some_and(|value| value == "1");
        assert!(!required, "{} is missing; set SPOTCRON_SHARED", path.display());
        println!("SKIPPED: recorded data: set SPOTCRON_SHARED to a folder that has {what}");
        return None;
    }
    Some(path)
}

/// Real spot prices of GPU pools, as `aws ec2 describe-spot-price-history` prints them.
pub fn recorded_history() -> Option<Vec<u8>> {
    let file = shared(PRICES)?;
    let script = "import csv, gzip, json, sys
rows = csv.DictReader(gzip.open(sys.argv[1], 'rt'))
print(json.dumps({'SpotPriceHistory': [{
    'AvailabilityZone': r['az'], 'InstanceType': r['instance_type'],
    'ProductDescription': 'Linux/UNIX', 'SpotPrice': r['spot_usd_per_h'],
    'Timestamp': r['timestamp_utc'].replace('Z', '+00:00')} for r in rows]}))";
    let output = Command::new("python3").args(["-c", script]).arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}

/// What Batch shows of a job without attempts of its own.
pub fn job_seen(status: BatchStatus, started_at: Option<Timestamp>) -> JobObservation {
    JobObservation {
        id: "job-1".into(),
        name: "name".to_owned(),
        status,
        status_reason: None,
        created_at: None,
        started_at,
        stopped_at: None,
        stop_requested: false,
        container: None,
        attempts: Vec::new(),
        array: None,
        resources: None,
        tags: Default::default(),
    }
}

/// What ran for so long, until then.
pub fn ran(length: SignedDuration, until: Timestamp) -> Window {
    Window::new(until - length, until)
}
