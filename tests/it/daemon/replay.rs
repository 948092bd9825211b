//! The demo on recorded prices: the metrics, `savings` and the simulated bill agree.

use clap::Parser;
use jiff::SignedDuration;
use spotcron::cli::demo::Session;
use spotcron::cli::{Cli, Verb};
use spotcron::clock::Clock;
use spotcron::daemon::{Unpaced, metrics_text};
use spotcron::domain::Usd;
use std::process::Command;

use super::http::total;
use crate::samples;

fn usd(value: &serde_json::Value) -> Usd {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn recorded_prices_bill_metrics_and_savings_agree() {
    let Some(history) = samples::recorded_history() else { return };
    let folder = tempfile::tempdir().unwrap();
    let prices = folder.path().join("history.json");
    let store = folder.path().join("demo.db");
    std::fs::write(&prices, history).unwrap();
    let words = ["spotcron", "demo", "--seed", "3", "--prices"].map(std::ffi::OsString::from);
    let words = words.into_iter().chain([
        prices.into_os_string(),
        "--store".into(),
        store.clone().into_os_string(),
    ]);
    let Verb::Demo(args) = Cli::try_parse_from(words).unwrap().verb else { panic!("not the demo") };
    let session = Session::open(&args).await.unwrap();
    let until = session.clock.now() + SignedDuration::from_hours(30);
    session.drive(until, &mut Unpaced).await;
    let summary = session.summary().await.unwrap();
    let bill = &summary.bill;
    assert!(summary.cost_usd > Usd::ZERO && summary.realized_savings_usd > Usd::ZERO);
    assert_eq!(bill.unexplained_usd, Usd::ZERO, "{bill:?}");
    assert_eq!(
        bill.total_usd - bill.ledger_usd,
        bill.idle_usd + bill.unpriced_usd + bill.rounding_usd
    );
    let metrics = metrics_text(&session.shared).unwrap();
    let dollars = |usd: Usd| usd.nanos() as f64 / 1e9;
    let shown = total(&metrics, "spotcron_cost_usd_total");
    assert!((shown - dollars(summary.cost_usd)).abs() < 1e-9);
    let shown = total(&metrics, "spotcron_realized_savings_usd");
    assert!((shown - dollars(summary.realized_savings_usd)).abs() < 1e-9);
    drop(session);
    let savings = Command::new(env!("CARGO_BIN_EXE_spotcron"))
        .args(["savings", "--format", "json", "--store"])
        .arg(&store)
        .output()
        .unwrap();
    assert!(savings.status.success(), "{}", String::from_utf8_lossy(&savings.stderr));
    let page: serde_json::Value = serde_json::from_slice(&savings.stdout).unwrap();
    let total = &page["total"];
    // The verb shows provisional lines too; the ledger of the bill counts the same ones.
    assert_eq!(usd(&total["cost_usd"]), bill.ledger_usd);
    let last = usd(&total["cost_usd"]) - usd(&total["provisional_cost_usd"]);
    assert_eq!(last, summary.cost_usd);
}
