//! `spotcron backtest` over the story, at a fixed seed.

use std::io::Write;
use std::path::Path;

use anstream::adapter::strip_str;
use clap::Parser;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use spotcron::cli::backtest::{self, Inputs, Report};
use spotcron::cli::render::failure_text;
use spotcron::cli::{Cli, CliError, Verb};
use spotcron::domain::Pool;
use spotcron::market::PriceSeries;
use spotcron::settings::Settings;

use super::memory::MemoryStore;
use super::story;
use super::verbs::{golden, wait};

fn series(points: &[(&str, &str)]) -> PriceSeries {
    let point = |(at, price): &(&str, &str)| (at.parse().unwrap(), price.parse().unwrap());
    PriceSeries::from_points(points.iter().map(point))
}

/// The story, with the prices that a daemon would have kept.
fn store() -> MemoryStore {
    let mut store = story::store();
    let pool = |instance_type: &str, zone: &str| Pool {
        zone: zone.into(),
        instance_type: instance_type.into(),
    };
    store.prices = [
        (
            pool("m6i.xlarge", "eu-west-1a"),
            series(&[("2026-11-10T00:00:00Z", "0.0690"), ("2026-11-21T03:10:00Z", "0.0702")]),
        ),
        (pool("m6i.xlarge", "eu-west-1b"), series(&[("2026-11-14T00:00:00Z", "0.0741")])),
        (pool("m6i.2xlarge", "eu-west-1a"), series(&[("2026-11-20T00:00:00Z", "0.4301")])),
    ]
    .into();
    store
}

fn replayed(line: &str, store: &MemoryStore, now: Timestamp) -> Result<Report, CliError> {
    let words = line.split_whitespace();
    let cli = Cli::try_parse_from(["spotcron", "backtest"].into_iter().chain(words)).unwrap();
    let Verb::Backtest(args) = cli.verb else { panic!("{line}") };
    let (catalogue, settings) = (story::catalogue(), Settings::default());
    let inputs = Inputs { catalogue: &catalogue, settings: &settings, now };
    wait(backtest::run(&args, store, &inputs))
}

fn failure(line: &str, store: &MemoryStore) -> String {
    let error = replayed(line, store, story::now()).err().unwrap();
    strip_str(&failure_text(&error)).to_string()
}

#[test]
fn the_runs_of_the_ledger_are_played_under_every_policy() {
    golden("backtest", &replayed("--draws 100 --seed 7", &store(), story::now()).unwrap());
}

/// Without a ledger, the schedules.
#[test]
fn schedules_are_played_where_nothing_ran() {
    let (mut store, now) = (store(), story::now());
    store.runs.clear();
    store.entries.clear();
    golden("backtest-schedules", &replayed("--since 7d --draws 30", &store, now).unwrap());
}

#[test]
fn the_charts_are_xml_and_name_every_policy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("charts.svg");
    let line = format!("--draws 20 --since 7d --svg {}", path.display());
    let report = replayed(&line, &store(), story::now()).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let mut reader = quick_xml::Reader::from_str(&text);
    let mut words = String::new();
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Text(text) => {
                words.push_str(&text.decode().unwrap());
                words.push('\n');
            }
            quick_xml::events::Event::Eof => break,
            _ => {}
        }
    }
    assert!(report.policies.len() >= 6);
    for row in &report.policies {
        let name = row.policy.label();
        // Beside its bar, and in the legend of its line.
        let named = words.lines().filter(|line| line.trim() == name).count();
        assert_eq!(named, 2, "{name} in {words}");
    }
}

fn entry(zone: &str, price: &str, at: &str) -> String {
    format!(
        "{{\"AvailabilityZone\": \"{zone}\", \"InstanceType\": \"m6i.xlarge\", \
         \"ProductDescription\": \"Linux/UNIX\", \"SpotPrice\": \"{price}\", \"Timestamp\": \"{at}\"}}"
    )
}

fn write(path: &Path, entries: &[String], packed: bool) -> String {
    let text = format!("{{\"SpotPriceHistory\": [{}]}}", entries.join(","));
    if packed {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        std::fs::write(path, encoder.finish().unwrap()).unwrap();
    } else {
        std::fs::write(path, text).unwrap();
    }
    path.display().to_string()
}

/// Prices of two files, one of them packed. What is not in the files is not used, and the window ends with them.
#[test]
fn prices_come_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let dear = |zone: &str, at: &str| entry(zone, "0.2139", at);
    let first = write(
        &folder.path().join("a.json"),
        &[dear("eu-west-1a", "2026-11-20T01:00:00Z"), dear("eu-west-1a", "2026-11-21T03:55:00Z")],
        false,
    );
    let second = write(
        &folder.path().join("b.json.gz"),
        &[dear("eu-west-1b", "2026-11-20T02:00:00Z")],
        true,
    );
    let line = format!("--draws 10 --prices {first} --prices {second}");
    let report =
        replayed(&line, &MemoryStore { prices: Default::default(), ..store() }, story::now());
    let report = report.unwrap();
    assert_eq!(report.until.to_string(), "2026-11-21T03:55:00Z");
    assert_eq!(report.since.to_string(), "2026-11-20T01:00:00Z");
    let naive = &report.policies[1];
    assert!(naive.saved_usd.median < "0.01".parse().unwrap(), "spot is hardly cheaper there");
}

#[test]
fn everything_that_is_wrong_with_files_is_said_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let good = entry("eu-west-1a", "0.07", "2026-11-20T01:00:00Z");
    let entries = [
        entry("eu-west-1a", "cheap", "2026-11-20T01:00:00Z"),
        good,
        entry("eu-west-1a", "0.07", "yesterday"),
    ];
    let first = write(&folder.path().join("a.json"), &entries, true);
    let missing = folder.path().join("none.json").display().to_string();
    let said = failure(&format!("--prices {first} --prices {missing}"), &store());
    for part in [
        "error: prices cannot be read\n",
        "a.json: entry 1 of SpotPriceHistory: SpotPrice \"cheap\"",
        "; entry 3 of SpotPriceHistory: Timestamp \"yesterday\"",
        "none.json: ",
        "\nhint: record them with: aws ec2 describe-spot-price-history",
    ] {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
}

#[test]
fn what_is_missing_is_said_with_what_to_do() {
    let without_prices = MemoryStore { prices: Default::default(), ..store() };
    let said = failure("", &without_prices);
    assert!(said.starts_with("error: no spot price is known from 2026-08-23"), "{said}");
    assert!(said.contains("--prices"), "{said}");
    let said = failure("--since 2026-11-21T04:09:30Z", &store());
    assert!(said.starts_with("error: there is no run to play from "), "{said}");
    let said = failure("--since 2d --until 3d", &store());
    assert!(said.starts_with("error: --until is not after --since"), "{said}");
}
