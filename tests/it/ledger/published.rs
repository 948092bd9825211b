//! The example that AWS published: a c4.4xlarge for 625 seconds.

use spotcron::domain::{AttemptEnd, InstanceEnd, Lifecycle};
use spotcron::ledger::Summary;

use super::fixture::{
    Facts, after, attempt, between, ended, final_amounts, instance, price, resources, series, shape,
};

#[test]
fn the_published_c4_4xlarge_example_holds() {
    let facts = Facts {
        instance: Some(ended(instance(Lifecycle::Spot), 700, InstanceEnd::Requested)),
        shape: Some(shape(16, 30)),
        spot: Some(series(&[(-3600, "0.2526")])),
        on_demand: Some(price("0.7960")),
        ..Facts::spot()
    };
    let mut whole = attempt(between(10, 635), AttemptEnd::Succeeded);
    whole.resources = Some(resources(16, 30));
    let entry = facts.settle(&whole);
    let priced = final_amounts(&entry);
    assert_eq!(priced.on_demand.rounded(6), "0.138194");
    assert_eq!(priced.cost.rounded(6), "0.043854");
    let summary = Summary::of([&entry]);
    assert_eq!(summary.savings().rounded(6), "0.094340");
    assert_eq!(summary.ratio().unwrap().to_string(), "68.3 %");
    assert_eq!(entry.ended_at, after(635));
}
