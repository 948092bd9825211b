//! What every store must do with how long jobs took.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use spotcron::domain::InputSize;
use spotcron::experience::durations::{JobDurations, Worked};
use spotcron::ports::{Store, Write};

use super::samples::at;

pub async fn durations_are_replaced_by_job_and_forgotten(store: &dyn Store) {
    assert_eq!(store.durations().await.unwrap(), BTreeMap::new());
    let mut seen = JobDurations::default();
    seen.record(Worked::Whole(SignedDuration::from_mins(42)), InputSize::parse("12.7"), at(7));
    seen.record(Worked::LongerThan(SignedDuration::from_mins(50)), None, at(9));
    let writes = ["a", "b"].map(|job| Write::Durations(job.into(), Some(seen.clone())));
    store.commit(writes.to_vec()).await.unwrap();
    let mut more = seen.clone();
    more.record(Worked::Whole(SignedDuration::from_secs(1)), None, at(10));
    store.commit(vec![Write::Durations("b".into(), Some(more.clone()))]).await.unwrap();
    let expected = BTreeMap::from([("a".into(), seen), ("b".into(), more.clone())]);
    assert_eq!(store.durations().await.unwrap(), expected);
    store.commit(vec![Write::Durations("a".into(), None)]).await.unwrap();
    store.commit(vec![Write::Durations("never".into(), None)]).await.unwrap();
    assert_eq!(store.durations().await.unwrap(), BTreeMap::from([("b".into(), more)]));
}

/// What a version that kept less has written is read as far as it goes.
#[test]
fn fields_that_are_not_there_are_empty() {
    let read: JobDurations = serde_json::from_str(r#"{"kept":[[60,true]]}"#).unwrap();
    let lengths = read.lengths(SignedDuration::from_mins(1), 95, SignedDuration::ZERO);
    assert_eq!((lengths.finished, lengths.unfinished), (1, 0));
}
