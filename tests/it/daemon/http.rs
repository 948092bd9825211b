//! What the daemon shows over HTTP, and that it agrees with the ledger.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use spotcron::daemon::{ailments, http, is_ready, metrics_text, status_page};
use spotcron::ledger::Summary;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::world::World;

/// The sum of a metric's samples over all labels.
pub fn total(text: &str, name: &str) -> f64 {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            (series.split('{').next() == Some(name)).then(|| value.parse::<f64>().unwrap())
        })
        .sum()
}

#[tokio::test]
async fn metrics_equal_the_ledger() {
    let mut world = World::new(8, 1.0).await;
    assert!(!is_ready(&world.shared), "nothing was looked at yet");
    world.run_for(SignedDuration::from_hours(30)).await;
    assert!(is_ready(&world.shared));
    let text = metrics_text(&world.shared).unwrap();
    let entries = world.entries().await;
    let summary = Summary::of(entries.iter().filter(|entry| !entry.is_provisional()));
    let dollars = |usd: spotcron::domain::Usd| usd.nanos() as f64 / 1e9;
    let close = |a: f64, b: f64| (a - b).abs() < 1e-9 * a.abs().max(1.0);
    assert!(close(total(&text, "spotcron_cost_usd_total"), dollars(summary.cost)));
    let equivalent = total(&text, "spotcron_on_demand_equivalent_usd_total");
    assert!(close(equivalent, dollars(summary.on_demand)));
    assert!(close(total(&text, "spotcron_realized_savings_usd"), dollars(summary.savings())));
    let submissions = total(&text, "spotcron_submissions_total");
    assert_eq!(submissions, world.cloud.submission_count() as f64);
    assert!(!text.contains("20260601T"), "no id may be a label");
}

async fn get(address: std::net::SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[tokio::test]
async fn pages_say_how_the_daemon_is() {
    let mut world = World::new(8, 1.0).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = watch::channel(false);
    let served = tokio::spawn(http::serve(listener, Arc::clone(&world.shared), stopped));
    assert_eq!(get(address, "/readyz").await.0, 503);
    world.run_for(SignedDuration::from_hours(3)).await;
    assert_eq!(get(address, "/readyz").await, (200, "ready\n".to_owned()));
    assert_eq!(get(address, "/healthz").await.0, 200);
    let (code, text) = get(address, "/metrics").await;
    assert_eq!(code, 200);
    assert!(text.contains("spotcron_build_info"));
    let (_, status) = get(address, "/status").await;
    let status: BTreeMap<String, serde_json::Value> = serde_json::from_str(&status).unwrap();
    assert_eq!(status["jobs"], 2);
    assert_eq!(status["submits"], true);
    // Time passes and no task runs any more: healthy is over.
    let late = status_page(&world.shared).now + SignedDuration::from_hours(1);
    world.clock.advance_to(late);
    assert!(!ailments(&world.shared).is_empty());
    assert_eq!(get(address, "/healthz").await.0, 503);
    world.shared.announce_stop();
    assert_eq!(get(address, "/readyz").await, (503, "stopping\n".to_owned()));
    stop.send(true).unwrap();
    served.await.unwrap().unwrap();
}
