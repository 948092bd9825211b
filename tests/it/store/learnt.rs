//! What every store must do with how long jobs took, and with what was reconciled.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use spotcron::domain::InputSize;
use spotcron::experience::durations::{JobDurations, Worked};
use spotcron::ledger::{DayDrift, Reconciled, Sums};
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

pub async fn a_day_that_is_reconciled_again_is_replaced(store: &dyn Store) {
    assert_eq!(store.reconciled().await.unwrap(), []);
    let day = |day: &str, environment: Option<&str>, drift: &str| DayDrift {
        day: day.parse().unwrap(),
        environment: environment.map(Into::into),
        sums: Sums { drift: drift.parse().unwrap(), ..Sums::default() },
    };
    let first = [
        day("2026-06-02", Some("b"), "0.2"),
        day("2026-06-01", Some("b"), "0.1"),
        day("2026-06-01", Some("a"), "-0.000000001"),
        day("2026-06-09", None, "9"),
    ];
    store.commit(vec![Write::Reconciled(at(1), first.to_vec())]).await.unwrap();
    let newest = |environment: &str, of: &DayDrift, when| Reconciled {
        environment: environment.into(),
        day: of.day,
        at: when,
        sums: of.sums,
    };
    let expected = [newest("a", &first[2], at(1)), newest("b", &first[0], at(1))];
    assert_eq!(store.reconciled().await.unwrap(), expected);
    // The same again changes nothing but when; a later look at a day replaces it.
    store.commit(vec![Write::Reconciled(at(2), first.to_vec())]).await.unwrap();
    let expected = [newest("a", &first[2], at(2)), newest("b", &first[0], at(2))];
    assert_eq!(store.reconciled().await.unwrap(), expected);
    let later = [day("2026-06-02", Some("b"), "0"), day("2026-05-31", Some("a"), "7")];
    store.commit(vec![Write::Reconciled(at(3), later.to_vec())]).await.unwrap();
    let expected = [newest("a", &first[2], at(2)), newest("b", &later[0], at(3))];
    assert_eq!(store.reconciled().await.unwrap(), expected);
}

/// What a version that kept less has written is read as far as it goes.
#[test]
fn fields_that_are_not_there_are_empty() {
    let read: JobDurations = serde_json::from_str(r#"{"kept":[[60,true]]}"#).unwrap();
    let lengths = read.lengths(SignedDuration::from_mins(1), 95, SignedDuration::ZERO);
    assert_eq!((lengths.finished, lengths.unfinished), (1, 0));
}
