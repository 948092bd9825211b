//! Figures for the ledger and the metrics; results are in docs/benchmarks.md.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use jiff::{SignedDuration, Timestamp};
use spotcron::cost::PriceMode;
use spotcron::domain::{
    AttemptEnd, Capacity, InstanceEnd, InstanceFacts, InstanceShape, Lifecycle, Resources,
    RunOutcome, UsdPerHour, Window,
};
use spotcron::ledger::{Counter, Entry, Evidence, Summary, Tally, settle, summarise};
use spotcron::market::PriceSeries;
use spotcron::metrics::{Snapshot, render};
use spotcron::run::{AttemptKey, AttemptRecord};

fn main() {
    divan::main();
}

fn after(secs: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_772_352_000 + secs)
}

fn instance() -> InstanceFacts {
    InstanceFacts {
        id: "i-1".into(),
        site: "us-east-1".into(),
        instance_type: "m6i.xlarge".into(),
        zone: "us-east-1a".into(),
        lifecycle: Lifecycle::Spot,
        launched_at: after(0),
        ended_at: Some(after(10_000)),
        end: Some(InstanceEnd::Requested),
        seen_at: after(10_000),
    }
}

fn attempt(number: u32) -> AttemptRecord {
    let team = number % 100;
    AttemptRecord {
        key: AttemptKey { run: "extract-1".into(), leg: 0, child: None, number },
        index: None,
        job: format!("job-{}", number % 1000).into(),
        class: format!("team-{team}").into(),
        batch_job_id: "job-1".into(),
        environment: "spot-a".into(),
        capacity: Capacity::Spot,
        site: "us-east-1".into(),
        resources: Some(Resources { vcpu_millis: 2000, memory_mib: 8192, gpus: 0 }),
        started_at: Some(after(100)),
        stopped_at: Some(after(9_000)),
        end: Some(AttemptEnd::Succeeded),
        exit_code: Some(0),
        reason: None,
        log_stream: None,
        container_instance_arn: None,
        task_arn: None,
        pull_started_at: None,
        zone: None,
        terms: None,
        host: None,
    }
}

/// Ninety days of a price that changes every two hours.
fn series() -> PriceSeries {
    let points = (0..1080).map(|hour| {
        (after(hour * 7200 - 86 * 86_400), UsdPerHour::from_units(1_000_000_000 + hour % 7))
    });
    PriceSeries::from_points(points)
}

fn settled(count: u32) -> Vec<Entry> {
    let (instance, series) = (instance(), series());
    let shape =
        InstanceShape { vcpus: 4, memory_mib: 16_384, gpus: 0, architecture: "x86_64".into() };
    let evidence = Evidence {
        instance: Some(&instance),
        shape: Some(&shape),
        spot: Some(&series),
        price_mode: PriceMode::InstanceHour,
        on_demand: Some(UsdPerHour::from_units(4_000_000_000)),
        ..Evidence::default()
    };
    (0..count).filter_map(|number| settle(&attempt(number), &evidence)).collect()
}

#[divan::bench(args = [PriceMode::Continuous, PriceMode::InstanceHour])]
fn settle_one_attempt(bencher: Bencher<'_, '_>, mode: PriceMode) {
    let (instance, series, attempt) = (instance(), series(), attempt(1));
    let shape =
        InstanceShape { vcpus: 4, memory_mib: 16_384, gpus: 0, architecture: "x86_64".into() };
    let evidence = Evidence {
        instance: Some(&instance),
        shape: Some(&shape),
        spot: Some(&series),
        price_mode: mode,
        on_demand: Some(UsdPerHour::from_units(4_000_000_000)),
        ..Evidence::default()
    };
    bencher
        .counter(ItemsCount::new(1usize))
        .bench(|| settle(black_box(&attempt), black_box(&evidence)));
}

#[divan::bench]
fn summarise_a_hundred_thousand_lines_by_class(bencher: Bencher<'_, '_>) {
    let entries = settled(100_000);
    bencher.counter(ItemsCount::new(entries.len())).bench(|| {
        summarise(black_box(&entries), |entry| entry.class.as_str())
            .values()
            .map(Summary::savings)
            .sum::<spotcron::domain::Usd>()
    });
}

/// Every job ran with both outcomes and cost money on two environments.
#[divan::bench]
fn render_metrics_of_ten_thousand_jobs(bencher: Bencher<'_, '_>) {
    let mut tally = Tally::default();
    for index in 0..10_000 {
        let (job, class) = (format!("job-{index}"), format!("class-{}", index % 100));
        for outcome in [RunOutcome::Succeeded, RunOutcome::Failed] {
            let (job, class) = (job.as_str().into(), class.as_str().into());
            let environment = Some("spot".into());
            tally.add(Counter::Runs { job, class, environment, outcome }, 17);
        }
        for (environment, capacity) in [("spot", Capacity::Spot), ("od", Capacity::OnDemand)] {
            let (job, class) = (job.as_str().into(), class.as_str().into());
            let environment = environment.into();
            tally.add(Counter::CostNanos { job, class, environment, capacity }, 123_456_789);
        }
    }
    let snapshot = Snapshot {
        tally: &tally,
        open_runs: vec![],
        provisional: Summary::default(),
        markets: vec![],
        breakers: Vec::new(),
        billing: Vec::new(),
        tasks: vec![],
        reload: None,
        api_calls: vec![],
        optional_permissions: vec![],
        custom_endpoint: false,
        version: "0.1.0",
        paused_jobs: 3,
        forced_on_demand: vec!["nightly".into()],
        next_wake: None,
        ready: true,
    };
    bencher.bench(|| render(black_box(&snapshot)).map(|text| text.len()));
}

/// An hour-priced window by itself, without the record around it.
#[divan::bench]
fn accrue_three_hours(bencher: Bencher<'_, '_>) {
    let series = series();
    let window = Window::new(after(100), after(9_000));
    bencher.bench(|| series.accrue_by_hour(black_box(window), after(0)));
}
