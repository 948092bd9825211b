//! One decision over a spot environment of 200 pools and an on-demand one, before anything was seen
//! of them and with placements in every pool.

use std::collections::BTreeMap;
use std::sync::Arc;

use divan::Bencher;
use jiff::{SignedDuration, Timestamp};
use spotcron::catalogue::{Class, Environment, Policy, Restart, RetryOwner, WhenPriceUnknown};
use spotcron::decision::{Question, decide};
use spotcron::domain::{
    AccountRegion, Architecture, Capacity, InstanceShape, LegCause, Pool, Ppm, Resources, Usd,
    UsdPerHour, Window,
};
use spotcron::experience::durations::{JobDurations, Lengths, Worked};
use spotcron::experience::{EnvironmentExperience, Experience, Hazards, InFlight};
use spotcron::market::{EnvironmentMarket, Market, PoolQuote};

fn main() {
    divan::main();
}

const ZONES: [char; 4] = ['a', 'b', 'c', 'd'];

fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_780_000_000)
}

fn mins(mins: i64) -> SignedDuration {
    SignedDuration::from_mins(mins)
}

fn class() -> Class {
    Class {
        name: "c".into(),
        environments: vec!["spot".into(), "steady".into()],
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
        on_demand_discount: Ppm::from_percent(5),
        max_price_age: mins(30),
        when_price_unknown: WhenPriceUnknown::OnDemand,
        when_outcome_unknown: Default::default(),
        idempotent_outputs: false,
        labels: BTreeMap::new(),
    }
}

fn environment(name: &str, capacity: Capacity) -> Environment {
    Environment {
        name: name.into(),
        queue: name.to_owned(),
        capacity,
        site: "us-east-1".into(),
        instance_types: None,
        zones: None,
        definitions: BTreeMap::new(),
        fargate_spot_discount: None,
        architecture: Architecture::X86_64,
        data_cost: Usd::ZERO,
        covered: Vec::new(),
    }
}

/// Every type in every zone, in the order in which the daemon lists them.
fn quotes(name: &str, capacity: Capacity, types: u32) -> EnvironmentMarket {
    let of_type = |kind: u32| {
        let size = 1 << (kind % 5);
        let shape = Arc::new(InstanceShape {
            vcpus: 4 * size,
            memory_mib: 16_384 * size,
            gpus: 0,
            architecture: "x86_64".to_owned(),
        });
        ZONES.map(|zone| PoolQuote {
            pool: Pool {
                zone: format!("us-east-1{zone}").into(),
                instance_type: format!("m{kind}i.{size}xlarge").into(),
            },
            shape: Arc::clone(&shape),
            jumped_from: None,
            spot: (capacity == Capacity::Spot)
                .then(|| UsdPerHour::from_units(600_000_000 + i64::from(kind) * 1_000_000)),
            on_demand: Some(UsdPerHour::from_units(1_920_000_000 * i64::from(size))),
            seen_at: Some(now() - mins(2)),
            on_demand_seen_at: Some(now() - mins(60)),
        })
    };
    let pools = (0..types).flat_map(of_type);
    EnvironmentMarket {
        environment: name.into(),
        capacity,
        pools: pools.collect(),
        fargate: None,
        unusable: None,
    }
}

fn seen_everywhere(market: &Market) -> Experience {
    let of = |quotes: &EnvironmentMarket| EnvironmentExperience {
        attempts: 4000,
        running_millis: 3_600_000 * 1000,
        interruptions: 90,
        placements: quotes.pools.iter().map(|quote| quote.pool.clone()).zip(1..).collect(),
        last_trouble: None,
        starved_at: None,
        troubles_in_a_row: 0,
        lost: Default::default(),
        ..EnvironmentExperience::default()
    };
    let environments = &market.environments;
    let seen = environments.iter().map(|(name, quotes)| (name.clone(), of(quotes)));
    let mut hazards = Hazards::default();
    let place = AccountRegion::from("us-east-1");
    for quote in environments.values().flat_map(|quotes| &quotes.pools) {
        hazards.record(&place, &quote.pool, Window::new(now() - mins(600), now()), true);
    }
    let hazards = Arc::new(hazards);
    Experience { environments: seen.collect(), hazards, ..Experience::default() }
}

#[divan::bench(args = [false, true])]
fn decide_200_pools(bencher: Bencher<'_, '_>, placements_seen: bool) {
    bench(bencher, 1, placements_seen, Policy::FitOnly);
}

/// Under the model, from tables that are solved already.
#[divan::bench(args = [false, true])]
fn decide_200_pools_by_the_model(bencher: Bencher<'_, '_>, placements_seen: bool) {
    bench(bencher, 1, placements_seen, Policy::Model);
}

/// The on-demand environment has as many.
#[divan::bench(args = [false, true])]
fn decide_200_and_200_pools(bencher: Bencher<'_, '_>, placements_seen: bool) {
    bench(bencher, 50, placements_seen, Policy::FitOnly);
}

/// How long a job takes, of as many attempts as are kept: made anew for every decision and look.
#[divan::bench]
fn learnt_lengths(bencher: Bencher<'_, '_>) {
    let mut seen = JobDurations::default();
    for number in 0..200 {
        let length = mins(40 + number * 37 % 41);
        let whole = number % 5 > 0;
        let worked = if whole { Worked::Whole(length) } else { Worked::LongerThan(length) };
        seen.record(worked, None, now());
    }
    let zero = SignedDuration::ZERO;
    bencher.bench(|| divan::black_box(&seen).lengths(mins(60), 95, zero));
}

fn bench(bencher: Bencher<'_, '_>, steady_types: u32, placements_seen: bool, policy: Policy) {
    let class = Class { policy, ..class() };
    let (spot, steady) =
        (environment("spot", Capacity::Spot), environment("steady", Capacity::OnDemand));
    let environments =
        [quotes("spot", Capacity::Spot, 50), quotes("steady", Capacity::OnDemand, steady_types)];
    let environments = environments.map(|quotes| (quotes.environment.clone(), Arc::new(quotes)));
    let market = Market { environments: environments.into(), refreshed_at: Some(now()) };
    let experience = if placements_seen { seen_everywhere(&market) } else { Experience::default() };
    let question = Question {
        class: &class,
        environments: vec![&spot, &steady],
        resources: Resources { vcpu_millis: 2000, memory_mib: 4096, gpus: 0 },
        containers: 1,
        vcpu_millis_in_use: BTreeMap::new(),
        market: &market,
        experience: &experience,
        now: now(),
        deadline_at: Some(now() + mins(360)),
        starts_by: None,
        spent: Usd::ZERO,
        cause: LegCause::Scheduled,
        legs: 0,
        progress: SignedDuration::ZERO,
        lengths: Lengths::stated(class.expected_duration, class.planning_percentile),
        cooldown: mins(15),
        in_flight: &InFlight::default(),
        forced: None,
    };
    assert_eq!(decide(&question).chosen, Some("spot".into()));
    bencher.bench(|| decide(divan::black_box(&question)));
}
