//! The simulated cloud's bill, delivered as AWS delivers bills, beside the ledger of the daemon that ran on
//! it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use spotcron::cli::args::{Format, FormatArg, Source};
use spotcron::cli::error::Blame;
use spotcron::cli::reconcile::{By, Inputs, ReconcileArgs, Report, run};
use spotcron::clock::Clock;
use spotcron::cost::PriceMode;
use spotcron::daemon::metrics_text;
use spotcron::domain::{Capacity, InstanceEnd, InstanceId, Ppm, Usd};
use spotcron::sim;

use super::gzip;
use crate::daemon::fargate;
use crate::daemon::world::{CATALOGUE, World, scenario};

fn args(files: &[PathBuf]) -> ReconcileArgs {
    ReconcileArgs {
        files: files.to_vec(),
        source: Source::default(),
        since: None,
        until: None,
        by: By::Both,
        all: true,
        keep: false,
        format: FormatArg { format: Format::Table },
    }
}

async fn reconciled(world: &World, args: &ReconcileArgs) -> Report {
    let price_mode = world.settings.ledger.price_mode;
    run(args, &*world.store, Inputs { price_mode, now: world.clock.now() }).await.unwrap()
}

/// Puts `bytes` into a file whose name says nothing.
fn file(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// What each day and environment has of drift, where it has any.
fn drifts(report: &Report) -> Vec<(Date, String, Usd)> {
    let drifting = report.groups.iter().filter(|group| group.drift_usd != Usd::ZERO);
    drifting
        .map(|group| {
            let environment = group.environment.as_ref().map(ToString::to_string);
            (group.day.unwrap(), environment.unwrap_or_default(), group.drift_usd)
        })
        .collect()
}

fn check_whole(report: &Report, bill: Usd) {
    assert_eq!(drifts(report), [], "{report:?}");
    assert_eq!(report.total.billed_usd + report.unknown.usd, bill, "every line is somewhere");
    assert!(report.total.ledger_usd > Usd::ZERO && report.total.idle_usd > Usd::ZERO);
    assert!(report.total.rounding_usd.nanos().abs() < 2_000, "{}", report.total.rounding_usd);
    assert_eq!(report.missing.count, 0, "{:?}", report.missing);
    for group in report.groups.iter().chain([&report.total]) {
        let parts = group.ledger_usd + group.idle_usd + group.unpriced_usd + group.rounding_usd;
        assert_eq!(group.billed_usd, parts + group.drift_usd);
    }
}

async fn world(seed: u64, mode: sim::PriceMode) -> World {
    let mut scenario = scenario(2.0);
    scenario.market.price_mode = mode;
    let mut world = World::of(CATALOGUE, scenario, seed).await;
    if mode == sim::PriceMode::InstanceHour {
        world.settings.ledger.price_mode = PriceMode::InstanceHour;
        world.restart().await;
    }
    world.run_for(SignedDuration::from_hours(51)).await;
    world
}

/// The bill of one kind of capacity, or of all.
fn billed(world: &World, of: impl Fn(Capacity) -> bool) -> Usd {
    let bill = world.cloud.bill(world.clock.now());
    bill.lines.iter().filter(|line| of(line.capacity)).map(|line| line.charge).sum()
}

#[tokio::test]
async fn the_data_feed_and_the_ledger_agree_on_each_day_and_environment() {
    for (seed, mode) in [(1, sim::PriceMode::Continuous), (2, sim::PriceMode::InstanceHour)] {
        let world = world(seed, mode).await;
        let folder = tempfile::tempdir().unwrap();
        let feed = world.cloud.data_feed(world.clock.now());
        let path = file(&folder, "a", &gzip(feed.as_bytes()));
        let report = reconciled(&world, &args(std::slice::from_ref(&path))).await;
        check_whole(&report, billed(&world, |capacity| capacity == Capacity::Spot));
        let days: Vec<_> = report.groups.iter().filter_map(|group| group.day).collect();
        assert_eq!(days.len(), 3, "one environment on three days");
        // The same file again adds nothing.
        let again = reconciled(&world, &args(&[path.clone(), path])).await;
        assert_eq!(again.total.billed_usd, report.total.billed_usd);
        assert_eq!(
            (again.counts.lines, again.counts.repeated),
            (report.counts.lines, report.counts.lines)
        );
    }
}

#[tokio::test]
async fn the_cost_and_usage_report_and_the_ledger_agree_on_each_day_and_environment() {
    for seed in [5, 6] {
        let world = world(seed, sim::PriceMode::Continuous).await;
        let folder = tempfile::tempdir().unwrap();
        let cur = world.cloud.cost_and_usage_report(world.clock.now());
        let path = file(&folder, "b", cur.as_bytes());
        let report = reconciled(&world, &args(std::slice::from_ref(&path))).await;
        check_whole(&report, billed(&world, |_| true));
        let mut environments: Vec<_> =
            report.groups.iter().filter_map(|group| group.environment.as_ref()).collect();
        environments.sort();
        environments.dedup();
        assert_eq!(environments.len(), 2, "spot and on demand");
        // A part of it agrees, too: lives are cut where the files' time is.
        let day = |text: &str| spotcron::cli::args::when(text).unwrap();
        let (since, until) = (Some(day("2026-06-01T07:00Z")), Some(day("2026-06-02T19:00Z")));
        let part = reconciled(&world, &ReconcileArgs { since, until, ..args(&[path]) }).await;
        assert_eq!(drifts(&part), [], "seed {seed}");
        assert!(part.total.billed_usd < report.total.billed_usd);
    }
}

/// Instances with attempts whose end somebody saw: of others a difference may be a later end.
async fn ends_known(world: &World) -> Vec<InstanceId> {
    let used: BTreeSet<InstanceId> =
        world.entries().await.into_iter().filter_map(|entry| entry.instance_id).collect();
    let all = world.store.all_instances().await.unwrap().into_iter();
    let known = all.filter(|it| it.end.is_some_and(|end| end != InstanceEnd::Unknown));
    known.map(|instance| instance.id).filter(|id| used.contains(id)).collect()
}

#[tokio::test]
async fn fargate_tasks_agree_and_a_discount_that_the_bill_lacks_is_drift() {
    let report = async |catalogue: &str| {
        let mut world = World::of(catalogue, fargate::scenario(), 1).await;
        world.run_for(SignedDuration::from_hours(30)).await;
        let folder = tempfile::tempdir().unwrap();
        let cur = world.cloud.cost_and_usage_report(world.clock.now());
        let report = reconciled(&world, &args(&[file(&folder, "1", cur.as_bytes())])).await;
        (report, billed(&world, |_| true))
    };
    // Fargate Spot, at the stated discount: no other comes off it.
    let (spot, bill) = report(fargate::CATALOGUE).await;
    check_whole(&spot, bill);
    // Fargate at a stated discount of 20 %, where the simulated bill is at the list price.
    let (from, to) = fargate::ONLY_STEADY;
    let (steady, _) = report(&fargate::CATALOGUE.replace(from, to)).await;
    let off = steady.total.billed_usd.scaled(Ppm::from_percent(20)) - steady.total.drift_usd;
    assert!(steady.total.drift_usd > Usd::ZERO);
    assert!(off.nanos().abs() < 1_000, "{off} of {}", steady.total.drift_usd);
    assert_eq!(drifts(&steady).len(), 2, "on both days");
}

/// Adds `amount` to the charge of the `n`th line of data that `of` says yes to; the line as it was.
fn altered(
    text: &str,
    amount: Usd,
    of: impl Fn(&str) -> bool,
    charge: impl Fn(&str) -> String,
) -> (String, String) {
    let chosen: Vec<&str> = text.lines().filter(|line| of(line)).collect();
    let line = chosen[chosen.len() / 2];
    let before = charge(line);
    let nanos = before.parse::<Usd>().unwrap() + amount;
    // The price of a whole hour is its charge, too, and stands before it.
    let at = line.rfind(&before).unwrap();
    let after = format!("{}{nanos}{}", &line[..at], &line[at + before.len()..]);
    assert_ne!(after, line);
    (text.replacen(line, &after, 1), line.to_owned())
}

#[tokio::test]
async fn an_altered_charge_is_found_to_the_nano_on_its_day() {
    let world = world(1, sim::PriceMode::Continuous).await;
    let folder = tempfile::tempdir().unwrap();
    let extra: Usd = "0.012345678".parse().unwrap();
    let feed = world.cloud.data_feed(world.clock.now());
    let honest = reconciled(&world, &args(&[file(&folder, "0", feed.as_bytes())])).await;
    let known = ends_known(&world).await;
    let known = |line: &str| known.iter().any(|id| line.contains(id.as_str()));
    let charge = |line: &str| line.split('\t').nth(7).unwrap().trim_end_matches(" USD").to_owned();
    let (text, line) = altered(&feed, extra, known, charge);
    let report = reconciled(&world, &args(&[file(&folder, "1", text.as_bytes())])).await;
    let day: Date = line[..10].parse().unwrap();
    let found = drifts(&report);
    let [(on, environment, drift)] = &found[..] else { panic!("{found:?}") };
    assert_eq!((*on, environment.as_str()), (day, "spot"));
    let off = *drift - extra;
    assert!(off.nanos().abs() < 100, "{drift} differs from {extra} by more than was rounded");
    // What was rounded before is in the drift now: together nothing is lost.
    let of = |report: &Report| report.total.rounding_usd + report.total.drift_usd;
    assert_eq!(of(&report) - of(&honest), extra);
}

/// Kept twice, as by somebody who is not sure: the daemon's next life shows the newest day once.
#[tokio::test]
async fn what_is_kept_is_in_the_metrics_of_the_daemons_next_life() {
    let mut world = world(1, sim::PriceMode::Continuous).await;
    let shown = |world: &World| {
        let text = metrics_text(&world.shared).unwrap();
        let lines = text.lines().filter(|line| line.starts_with("spotcron_billing"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let folder = tempfile::tempdir().unwrap();
    let feed = world.cloud.data_feed(world.clock.now());
    // Each charge of the newest day once more.
    let doubled: String = feed.lines().fold(String::new(), |all, line| {
        let Some(charge) = line.split('\t').nth(7).filter(|_| line.starts_with("2026-06-03"))
        else {
            return all + line + "\n";
        };
        let nanos: Usd = charge.trim_end_matches(" USD").trim_end_matches('0').parse().unwrap();
        let at = line.rfind(charge).unwrap();
        all + &format!("{}{} USD\t1\n", &line[..at], nanos + nanos)
    });
    let path = file(&folder, "1", doubled.as_bytes());
    let now = world.clock.now();
    for _ in 0..2 {
        let mut report = reconciled(&world, &args(std::slice::from_ref(&path))).await;
        report.keep(Ok(world.store.clone()), now).await.unwrap();
        assert_eq!((report.kept, report.not_kept), (Some(true), None));
    }
    assert_eq!(shown(&world), Vec::<String>::new(), "the daemon began before");
    world.restart().await;
    let found = world.store.reconciled().await.unwrap();
    let [newest] = &found[..] else { panic!("{found:?}") };
    assert_eq!(
        (newest.day.to_string(), newest.environment.as_str()),
        ("2026-06-03".into(), "spot")
    );
    let ratio = newest.sums.ratio().unwrap();
    // What vanished may have lived longer, and is not called drift.
    assert!(ratio > Ppm::from_percent(20) && ratio <= Ppm::from_percent(50), "{ratio}");
    let expected = [
        // The day is not over.
        "spotcron_billing_age_seconds{environment=\"spot\"} 0".to_owned(),
        format!("spotcron_billing_drift_ratio{{environment=\"spot\"}} {}", ratio.to_ratio()),
    ];
    assert_eq!(shown(&world), expected);
    // A part of that day, undoubled, does not stand for all of it.
    let honest = file(&folder, "2", feed.as_bytes());
    let cut = |since: &str| {
        let mut args = args(std::slice::from_ref(&honest));
        args.since = Some(spotcron::cli::args::when(since).unwrap());
        args
    };
    for (since, stays) in [("2026-06-03T06:00Z", true), ("2026-06-03", false)] {
        let mut report = reconciled(&world, &cut(since)).await;
        report.keep(Ok(world.store.clone()), now).await.unwrap();
        let kept = world.store.reconciled().await.unwrap();
        assert_eq!(kept == found, stays, "{since}: {kept:?}");
    }
}

#[tokio::test]
async fn a_missing_hour_is_drift_and_a_missing_instance_is_listed() {
    let world = world(3, sim::PriceMode::Continuous).await;
    let folder = tempfile::tempdir().unwrap();
    let cur = world.cloud.cost_and_usage_report(world.clock.now());
    // An instance with attempts and more than one line.
    let count = |id: &str| cur.lines().filter(|line| line.contains(id)).count();
    let used = ends_known(&world).await;
    let id = used.iter().map(|id| id.as_str()).find(|id| count(id) > 1).unwrap();
    let line = cur.lines().find(|line| line.contains(id)).unwrap();
    let without = cur.replacen(&format!("{line}\n"), "", 1);
    let report = reconciled(&world, &args(&[file(&folder, "1", without.as_bytes())])).await;
    let charge: Usd = line.split(',').nth(8).unwrap().trim_end_matches('0').parse().unwrap();
    let [(_, _, drift)] = drifts(&report)[..] else { panic!("{:?}", drifts(&report)) };
    assert!((drift + charge).nanos().abs() < 100, "{drift} and {charge}");

    let none: String = cur
        .lines()
        .filter(|line| !line.contains(id))
        .fold(String::new(), |all, line| all + line + "\n");
    let report = reconciled(&world, &args(&[file(&folder, "2", none.as_bytes())])).await;
    assert_eq!(drifts(&report), []);
    assert!(report.missing.count > 0);
    assert!(report.missing.listed.iter().all(|missing| missing.resource.to_string() == id));
    let lines = world
        .entries()
        .await
        .into_iter()
        .filter(|e| e.instance_id.as_ref().is_some_and(|it| it.as_str() == id));
    let cost: Usd = lines.filter_map(|e| e.priced().map(|priced| priced.cost)).sum();
    assert_eq!(report.missing.usd, cost);
}

#[tokio::test]
async fn a_bad_file_among_good_ones_is_the_callers_mistake_and_says_where() {
    let world = World::new(1, 1.0).await;
    let folder = tempfile::tempdir().unwrap();
    let good = file(&folder, "good", include_bytes!("feed.txt"));
    let bad = include_str!("feed.txt").replacen("0.0071000000 USD", "much USD", 1);
    let bad = file(&folder, "bad", bad.as_bytes());
    let gone = folder.path().join("gone");
    let inputs = Inputs { price_mode: PriceMode::Continuous, now: world.clock.now() };
    let files = [good, bad.clone(), gone.clone()];
    let error = run(&args(&files), &*world.store, inputs).await.unwrap_err();
    assert_eq!(error.blame, Blame::Input);
    let (bad, gone) = (bad.display(), gone.display());
    assert!(error.message.contains(&format!("{bad}, line 4, Charge: \"much\"")), "{error}");
    assert!(error.message.contains(&format!("{gone}: cannot be read: ")), "{error}");
    assert!(error.hint.unwrap().starts_with("nothing of any file was taken"));
}

#[tokio::test]
async fn a_bill_of_another_time_meets_nothing() {
    let world = world(3, sim::PriceMode::Continuous).await;
    let folder = tempfile::tempdir().unwrap();
    let feed = "#Version: 1.0\n#Fields: Timestamp InstanceID Charge\n\
                2020-01-01 00:00:00 UTC\ti-0abc\t1.5 USD\n";
    let report = reconciled(&world, &args(&[file(&folder, "1", feed.as_bytes())])).await;
    assert_eq!((report.groups.len(), report.unknown.count), (0, 1));
    assert_eq!(report.unknown.usd.to_string(), "1.500000");
    let covered = report.covered.unwrap();
    assert_eq!(covered.from, "2020-01-01T00:00:00Z".parse::<Timestamp>().unwrap());
    assert_eq!(covered.until, "2020-01-01T01:00:00Z".parse::<Timestamp>().unwrap());
}
