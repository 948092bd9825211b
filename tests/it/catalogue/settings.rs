//! The configuration file: mistakes give a report, and everything that is read arrives.

use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use spotcron::diagnostic::{self, Source};
use spotcron::settings::{self, LogFormat};

fn load(text: &str) -> (Option<settings::Settings>, String) {
    let (read, findings) = settings::load_source(Source::new("etc/spotcron.toml", text));
    (read, diagnostic::render(&findings, false))
}

#[test]
fn an_empty_file_gives_the_defaults() {
    let (read, report) = load("");
    assert_eq!(report, "");
    assert_eq!(read.unwrap().limits, settings::Settings::default().limits);
}

#[test]
fn every_key_arrives() {
    let (read, report) = load(
        r#"
        catalogue = ["jobs", "/srv/more.toml"]
        shutdown_grace = "1s"
        [aws]
        region = "eu-west-1"
        allow_custom_endpoints = true
        connect_timeout = "2s"
        attempt_timeout = "3s"
        operation_timeout = "4s"
        [store]
        path = "x.db"
        [http]
        listen = "[::1]:80"
        tokens = "who.toml"
        protect_reads = true
        [log]
        format = "json"
        level = "spotcron=debug,warn"
        [periods]
        spot_prices = "5s"
        list_prices = "6s"
        discovery = "7s"
        watch = "8s"
        watch_slowest = "9s"
        settle = "10s"
        [limits]
        submit_per_second = 11
        stop_per_second = 12
        describe_per_second = 13
        [submission]
        absent_after = "60s"
        unknown_after = "61s"
        [schedule]
        catch_up_window = "0s"
        [decision]
        cooldown = "16s"
        spot_advisor_file = "advisor.json"
        "#,
    );
    assert_eq!(report, "");
    let read = read.unwrap();
    let secs = SignedDuration::from_secs;
    assert_eq!(read.catalogue, [PathBuf::from("etc/jobs"), PathBuf::from("/srv/more.toml")]);
    assert_eq!(read.store_path, Path::new("etc/x.db"));
    assert_eq!(read.shutdown_grace, secs(1));
    assert_eq!(read.aws.region, Some("eu-west-1".into()));
    assert!(read.aws.allow_custom_endpoints);
    let timeouts = [read.aws.connect_timeout, read.aws.attempt_timeout, read.aws.operation_timeout];
    assert_eq!(timeouts, [2, 3, 4].map(secs));
    assert_eq!(read.http.listen.to_string(), "[::1]:80");
    assert_eq!(read.http.tokens, Some(PathBuf::from("etc/who.toml")));
    assert!(read.http.protect_reads);
    assert_eq!(
        (read.log.format, read.log.level.as_str()),
        (LogFormat::Json, "spotcron=debug,warn")
    );
    let p = read.periods;
    let periods = [p.spot_prices, p.list_prices, p.discovery, p.watch, p.watch_slowest, p.settle];
    assert_eq!(periods, [5, 6, 7, 8, 9, 10].map(secs));
    let l = read.limits;
    let limits = [l.submit_per_second, l.stop_per_second, l.describe_per_second];
    assert_eq!(limits, [11, 12, 13]);
    let s = read.submission;
    assert_eq!([s.absent_after, s.unknown_after], [60, 61].map(secs));
    assert_eq!(read.schedule.catch_up_window, SignedDuration::ZERO);
    assert_eq!(read.decision.cooldown, secs(16));
    assert_eq!(read.decision.spot_advisor_file, Some(PathBuf::from("etc/advisor.json")));
}

#[test]
fn mistakes_give_one_report() {
    let (read, report) = load(include_str!("settings/mistakes.toml"));
    assert!(read.is_none());
    let golden = Path::new("tests/it/catalogue/settings/mistakes.stderr");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(golden, &report).unwrap();
    }
    assert_eq!(report, std::fs::read_to_string(golden).unwrap_or_default());
}

#[test]
fn a_missing_file_is_one_finding() {
    let (read, findings) = settings::load(Path::new("no/such/spotcron.toml"));
    assert!(read.is_none());
    assert_eq!(findings.len(), 1);
    assert!(diagnostic::render(&findings, false).contains("no/such/spotcron.toml"));
}
