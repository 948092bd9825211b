//! The catalogue and the market of the story.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, tz::TimeZone};
use spotcron::catalogue::{
    Catalogue, Class, Environment, Job, Policy, Restart, RetryOwner, Submission, WhenPriceUnknown,
};
use spotcron::domain::{
    Architecture, Capacity, EnvironmentName, InstanceShape, Pool, Ppm, Resources, Usd,
};
use spotcron::market::{EnvironmentMarket, FargateQuote, FargateRate, PoolQuote};
use spotcron::schedule::{Overlap, Schedule};

use super::at;

fn environment(name: &str, capacity: Capacity) -> (EnvironmentName, Arc<Environment>) {
    let environment = Environment {
        name: name.into(),
        queue: format!("{name}-queue"),
        capacity,
        site: "eu-west-1".into(),
        instance_types: None,
        zones: None,
        definitions: BTreeMap::new(),
        fargate_spot_discount: None,
        architecture: Architecture::X86_64,
        data_cost: Usd::ZERO,
        covered: Vec::new(),
    };
    (name.into(), Arc::new(environment))
}

fn class(name: &str, environments: &[&str], team: Option<&str>, deadline: Option<i64>) -> Class {
    Class {
        name: name.into(),
        environments: environments.iter().map(|name| EnvironmentName::from(*name)).collect(),
        expected_duration: SignedDuration::from_hours(1),
        planning_percentile: 95,
        deadline: deadline.map(SignedDuration::from_hours),
        start_up: SignedDuration::from_mins(3),
        restart: Restart::FromZero,
        policy: Policy::FitOnly,
        retry_owner: RetryOwner::Spotcron,
        max_legs: 4,
        failure_retries: 1,
        wait_budget: SignedDuration::from_mins(20),
        max_price: None,
        max_cost: None,
        start_within: None,
        min_saving: Ppm::from_percent(10),
        min_time_between_switches: SignedDuration::ZERO,
        min_saving_to_switch: Ppm::from_percent(20),
        on_demand_discount: Ppm::ZERO,
        max_price_age: SignedDuration::from_mins(30),
        when_price_unknown: WhenPriceUnknown::OnDemand,
        when_outcome_unknown: Default::default(),
        idempotent_outputs: false,
        labels: team.map(|team| ("team".to_owned(), team.to_owned())).into_iter().collect(),
    }
}

fn job(name: &str, class: &str, cron: &str, zone: &str) -> Job {
    Job {
        name: name.into(),
        class: class.into(),
        schedule: Schedule::of_cron(cron.parse().unwrap(), TimeZone::get(zone).unwrap()),
        after: Vec::new(),
        overlap: Overlap::AllowAll,
        enabled: true,
        input_size_parameter: None,
        sets: Vec::new(),
        submission: Arc::new(Submission {
            definition: format!("{name}:7"),
            resources: Some(Resources { vcpu_millis: 2000, memory_mib: 4096, gpus: 0 }),
            ..Submission::default()
        }),
    }
}

pub fn catalogue() -> Catalogue {
    let classes = [
        class("nightly", &["spot-a", "on-demand-a"], Some("data"), Some(4)),
        class("quick", &["spot-a", "on-demand-a", "fargate-a"], Some("web"), Some(1)),
        class("patient", &["spot-b"], None, None),
    ];
    let mut rebuild = job("rebuild", "patient", "5 * * * *", "UTC");
    Arc::make_mut(&mut rebuild.submission).resources = None;
    let mut retired = job("retired", "quick", "0 0 1 1 *", "UTC");
    retired.enabled = false;
    let jobs = [
        job("extract", "nightly", "0 3 * * *", "Europe/Berlin"),
        job("audit", "nightly", "45 3 * * *", "UTC"),
        job("thumbs", "quick", "0 * * * *", "UTC"),
        job("report", "quick", "30 3 * * *", "Asia/Kolkata"),
        rebuild,
        retired,
    ];
    Catalogue {
        environments: [
            environment("spot-a", Capacity::Spot),
            environment("spot-b", Capacity::Spot),
            environment("on-demand-a", Capacity::OnDemand),
            environment("fargate-a", Capacity::Fargate),
        ]
        .into(),
        classes: classes.map(|class| (class.name.clone(), Arc::new(class))).into(),
        jobs: jobs.map(|job| (job.name.clone(), Arc::new(job))).into(),
        parameter_files: Vec::new(),
        fingerprint: "f00d".to_owned(),
    }
}

fn quote(
    instance_type: &str,
    zone: &str,
    vcpus: u32,
    spot: Option<&str>,
    on_demand: &str,
) -> PoolQuote {
    PoolQuote {
        pool: Pool { zone: zone.into(), instance_type: instance_type.into() },
        shape: Arc::new(InstanceShape {
            vcpus,
            memory_mib: vcpus * 4096,
            gpus: 0,
            architecture: "x86_64".to_owned(),
        }),
        spot: spot.map(|price| price.parse().unwrap()),
        jumped_from: None,
        on_demand: Some(on_demand.parse().unwrap()),
        seen_at: spot.map(|_| at("04:06:00")),
        on_demand_seen_at: Some(at("00:10:00")),
    }
}

pub fn markets() -> BTreeMap<EnvironmentName, EnvironmentMarket> {
    let market = |name: &str, capacity, pools| EnvironmentMarket {
        environment: name.into(),
        capacity,
        pools,
        fargate: None,
        unusable: None,
    };
    let mut disabled = market("spot-b", Capacity::Spot, Vec::new());
    disabled.unusable = Some("job queue spot-b-queue is DISABLED".to_owned());
    let mut fargate = market("fargate-a", Capacity::Fargate, Vec::new());
    fargate.fargate = Some(FargateQuote {
        list: FargateRate {
            vcpu_hour: "0.04048".parse().unwrap(),
            gib_hour: "0.004445".parse().unwrap(),
        },
        spot: None,
        seen_at: at("00:10:00"),
    });
    let mut fargate_spot = market("tasks-spot", Capacity::FargateSpot, Vec::new());
    fargate_spot.fargate = fargate
        .fargate
        .clone()
        .map(|quote| FargateQuote { spot: Some(quote.list.less(Ppm::from_percent(60))), ..quote });
    let pools = vec![
        quote("m6i.xlarge", "eu-west-1b", 4, Some("0.0741"), "0.2140"),
        quote("m6i.xlarge", "eu-west-1a", 4, Some("0.0702"), "0.2140"),
        quote("m6i.2xlarge", "eu-west-1a", 8, Some("0.4301"), "0.4280"),
        quote("m5.xlarge", "eu-west-1c", 4, None, "0.2140"),
    ];
    let on_demand = vec![
        quote("m6i.xlarge", "eu-west-1a", 4, Some("0.0702"), "0.2140"),
        quote("m6i.xlarge", "eu-west-1b", 4, Some("0.0741"), "0.2140"),
    ];
    [
        market("spot-a", Capacity::Spot, pools),
        market("on-demand-a", Capacity::OnDemand, on_demand),
        disabled,
        fargate,
        fargate_spot,
    ]
    .into_iter()
    .map(|market| (market.environment.clone(), market))
    .collect()
}
