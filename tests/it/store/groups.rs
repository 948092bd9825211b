//! Runs of parameter sets, which every store must tell apart.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use spotcron::catalogue::ParameterSet;
use spotcron::domain::{RunId, RunOutcome};
use spotcron::ports::{RunQuery, Store, Write};
use spotcron::run::Run;

use super::samples;

fn of_set(hour: i64, region: &str, outcome: Option<RunOutcome>) -> (Run, Option<Run>) {
    let alone = samples::run("report", hour);
    let set = ParameterSet::of(BTreeMap::from([("region".to_owned(), region.to_owned())]));
    let id = RunId::of_set(&alone.job, alone.scheduled_for, &set.key);
    let run = Run { id, set: Some(Arc::new(set)), ..alone };
    let ended = outcome.map(|outcome| samples::next(&run, Some(outcome)));
    (run, ended)
}

async fn put(store: &dyn Store, (run, ended): (Run, Option<Run>)) -> Run {
    store.commit(vec![Write::InsertRun(run.clone())]).await.unwrap();
    let Some(ended) = ended else { return run };
    store.commit(vec![Write::UpdateRun(ended.clone())]).await.unwrap();
    ended
}

pub async fn sets_of_one_time_are_counted_and_folded(store: &dyn Store) {
    let alone = samples::run("alone", 3);
    put(store, (alone.clone(), None)).await;
    let eu = put(store, of_set(3, "eu", Some(RunOutcome::Succeeded))).await;
    put(store, of_set(3, "us", Some(RunOutcome::Succeeded))).await;
    let open = put(store, of_set(3, "asia", None)).await;
    put(store, of_set(4, "eu", Some(RunOutcome::Failed))).await;
    // Started by hand at that very moment: not one of the scheduled time's.
    let id = RunId::new(format!("{}-t1", RunId::of(&eu.job, eu.scheduled_for)));
    put(store, (Run { id, ..samples::run("report", 3) }, None)).await;

    let states = store.group_states(&eu.group(), &eu.job, eu.scheduled_for).await.unwrap();
    assert_eq!(states, BTreeMap::from([("needs-leg".into(), 1), ("succeeded".into(), 2)]));
    let states = store.group_states(&alone.id, &alone.job, alone.scheduled_for).await.unwrap();
    assert_eq!(states, BTreeMap::from([("needs-leg".into(), 1)]));
    assert!(store.group_states(&alone.id, &alone.job, eu.created_at).await.unwrap().is_empty());

    let folded = RunQuery { fold_sets: true, ..RunQuery::default() };
    let times: Vec<(String, Timestamp, bool)> = store
        .runs(&folded)
        .await
        .unwrap()
        .into_iter()
        .map(|run| (run.job.to_string(), run.scheduled_for, run.set.is_some()))
        .collect();
    let later = samples::run("report", 4).scheduled_for;
    let report = "report".to_owned();
    assert_eq!(times.len(), 4, "{times:?}");
    assert_eq!(times[0], (report.clone(), later, true));
    assert_eq!(times.iter().filter(|time| time.1 == eu.scheduled_for && time.2).count(), 1);
    let of_open = RunQuery { open_only: true, job: Some("report".into()), ..folded };
    let listed = store.runs(&of_open).await.unwrap();
    assert_eq!(listed.iter().filter(|run| run.set.is_some()).count(), 1);
    assert!(listed.iter().any(|run| run.id == open.id), "the open one stands for them");
}

pub async fn the_previous_success_is_that_of_the_same_set(store: &dyn Store) {
    let first = put(store, of_set(1, "eu", Some(RunOutcome::Succeeded))).await;
    let second = put(store, of_set(2, "eu", Some(RunOutcome::Succeeded))).await;
    put(store, of_set(3, "eu", Some(RunOutcome::Failed))).await;
    let us = put(store, of_set(1, "us", Some(RunOutcome::Succeeded))).await;
    let alone = samples::run("report", 2);
    put(store, (alone.clone(), Some(samples::next(&alone, Some(RunOutcome::Succeeded))))).await;
    let key = |run: &Run| run.set.as_ref().map_or_else(String::new, |set| set.key.clone());
    let keys = [key(&us), key(&first), "0123456789ab".to_owned(), String::new()];
    let before = async |hour| {
        let at = samples::run("report", hour).scheduled_for;
        store.previous_successes(&"report".into(), &keys, at).await.unwrap()
    };
    let (one, two) = (Some(first.scheduled_for), Some(second.scheduled_for));
    assert_eq!(before(4).await, [one, two, None, two]);
    assert_eq!(before(2).await, [one, one, None, None], "not its own time's");
    assert_eq!(before(1).await, [None, None, None, None]);
}
