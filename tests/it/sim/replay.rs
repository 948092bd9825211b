//! Recorded prices: any bytes are answered, real history is replayed point by point.

use jiff::SignedDuration;
use proptest::prelude::*;
use spotcron::domain::{BatchStatus, Window};
use spotcron::market::PricePoint;
use spotcron::market::history;
use spotcron::ports::SpotPriceSource;
use spotcron::sim::{Scenario, ScenarioError};

use super::account::*;
use crate::samples;

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = history::parse(&bytes);
    }

    #[test]
    fn any_values_in_the_right_shape_are_answered(
        zone in ".{0,12}", kind in ".{0,12}", price in "[0-9.eE+-]{0,24}", at in "[0-9TZ:+.-]{0,30}",
        product in prop_oneof!["Linux/UNIX", ".{0,10}"],
    ) {
        let json = serde_json::json!({"SpotPriceHistory": [{
            "AvailabilityZone": zone, "InstanceType": kind, "ProductDescription": product,
            "SpotPrice": price, "Timestamp": at,
        }]});
        let _ = history::parse(json.to_string().as_bytes());
    }
}

fn recorded() -> Option<Vec<PricePoint>> {
    Some(history::parse(&samples::recorded_history()?).unwrap())
}

#[test]
fn real_history_is_replayed_point_by_point() {
    let Some(points) = recorded() else { return };
    let span = history::span(&points).unwrap();
    let mut scenario = Scenario::demo().unwrap();
    // What is asked for are the prices: capacity is always there.
    for environment in &mut scenario.compute_environments {
        environment.reclaim_scale = Some(0.0);
    }
    let summary = scenario.for_replay(points.clone()).unwrap();
    assert_eq!((summary.region.as_str(), summary.pools), ("us-east-1", 29));
    assert_eq!(summary.unknown_types, []);
    assert_eq!(summary.other_zones.len(), 13);
    let start = span.start + SignedDuration::from_hours(24 * 7);
    let account = Account::at(&start.to_string(), scenario, 1);
    let id = account.start("demo-spot-general", "demo-report", "replayed");
    let job = account.until(&id, BatchStatus::Succeeded);
    assert!(account.host(&job).instance_type.as_str().starts_with('p'));
    account.pass(3600);
    let now = account.now();
    for quote in account.cloud.market_quotes() {
        let known = points.iter().filter(|p| p.pool == quote.pool && p.effective_from <= now);
        let expected = known.max_by_key(|point| point.effective_from).map(|point| point.price);
        assert_eq!(quote.spot, expected, "{}", quote.pool);
    }
    let window = Window::new(span.start, span.end);
    let types = ["p3.2xlarge".into()];
    let shown = ready(account.cloud.spot_prices(&account.site, &types, window)).unwrap();
    assert!(shown.iter().all(|point| point.effective_from <= now && points.contains(point)));
    let line = &account.cloud.bill(now).lines[0];
    assert!(!line.charge.is_negative() && line.charge.nanos() > 0);
}

#[test]
fn a_replay_names_what_it_leaves_out() {
    let point = |zone: &str, kind: &str| PricePoint {
        pool: spotcron::domain::Pool { zone: zone.into(), instance_type: kind.into() },
        price: "0.05".parse().unwrap(),
        effective_from: "2026-07-01T00:00:00Z".parse().unwrap(),
    };
    let mut scenario = Scenario::demo().unwrap();
    let points = vec![
        point("eu-west-1a", "m6i.large"),
        point("eu-west-1b", "m6i.large"),
        point("eu-west-1b", "x99.large"),
        point("eu-north-1a", "m6i.large"),
    ];
    let summary = scenario.for_replay(points).unwrap();
    assert_eq!((summary.region.as_str(), summary.pools), ("eu-west-1", 2));
    assert_eq!(summary.unknown_types, ["x99.large".into()]);
    assert_eq!(summary.other_zones, ["eu-north-1a".into()]);
    let account = Account::new(scenario.clone(), 1);
    account
        .submit(&{
            let mut job = request("demo-spot-memory", "demo-import", "x");
            job.site = "eu-west-1".into();
            job
        })
        .unwrap();
    let unknown = scenario.for_replay(vec![point("eu-west-1a", "x99.large")]).unwrap_err();
    assert!(matches!(&unknown, ScenarioError::Invalid(_)));
    assert!(unknown.to_string().contains("x99.large"), "{unknown}");
}
