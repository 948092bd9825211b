//! Random batches, put into the store and into plain maps: both must say the same of every batch,
//! and hold the same afterwards.

use std::collections::BTreeMap;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use jiff::Timestamp;
use proptest::prelude::*;

use spotcron::domain::{RunId, RunOutcome, ScheduleKey, Window};
use spotcron::ledger::{Counter, Entry, EntryState};
use spotcron::ports::{RunQuery, Store, StoreError, Write};
use spotcron::run::{AttemptKey, AttemptRecord, Run};
use spotcron::store::SqliteStore;

use super::{folder, identity, in_memory, samples};

/// One step over few names, so that steps meet.
#[derive(Debug, Clone)]
enum Step {
    Insert(u8),
    /// The stored version plus one, off by `skew`.
    Update {
        run: u8,
        skew: i64,
        ends: bool,
    },
    Attempt {
        run: u8,
        number: u8,
        stopped: bool,
    },
    Entry {
        run: u8,
        number: u8,
        state: u8,
        nanos: i64,
        end: u8,
    },
    Count {
        job: u8,
        by: i64,
    },
    Handled {
        job: u8,
        secs: i64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let run = 0..4u8;
    let number = 1..3u8;
    prop_oneof![
        3 => run.clone().prop_map(Step::Insert),
        3 => (run.clone(), prop_oneof![5 => Just(0i64), 1 => -1..2i64], any::<bool>())
            .prop_map(|(run, skew, ends)| Step::Update { run, skew, ends }),
        3 => (run.clone(), number.clone(), any::<bool>())
            .prop_map(|(run, number, stopped)| Step::Attempt { run, number, stopped }),
        3 => (run.clone(), number, 0..3u8, any::<i32>(), 0..9u8).prop_map(
            |(run, number, state, nanos, end)| {
                Step::Entry { run, number, state, nanos: i64::from(nanos), end }
            }
        ),
        2 => (run.clone(), any::<i32>())
            .prop_map(|(job, by)| Step::Count { job, by: i64::from(by) }),
        1 => (run, 0..1000i64).prop_map(|(job, secs)| Step::Handled { job, secs }),
    ]
}

/// What the store should hold.
#[derive(Debug, Clone, Default, PartialEq)]
struct Model {
    runs: BTreeMap<RunId, Run>,
    attempts: BTreeMap<AttemptKey, AttemptRecord>,
    entries: BTreeMap<AttemptKey, Entry>,
    counters: BTreeMap<Counter, i128>,
    handled: BTreeMap<ScheduleKey, Timestamp>,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq)]
enum Outcome {
    Done,
    Conflict(RunId),
    Failed,
}

impl Model {
    fn write_of(&self, step: &Step) -> Write {
        let run_of = |run: u8| samples::run(&format!("job-{run}"), i64::from(run));
        match *step {
            Step::Insert(run) => Write::InsertRun(run_of(run)),
            Step::Update { run, skew, ends } => {
                let known = self.runs.get(&run_of(run).id).cloned().unwrap_or(run_of(run));
                let mut next = samples::next(&known, ends.then_some(RunOutcome::Failed));
                next.version = next.version.saturating_add_signed(skew);
                Write::UpdateRun(next)
            }
            Step::Attempt { run, number, stopped } => {
                let run = run_of(run);
                let key = samples::key(&run, 0, None, u32::from(number));
                Write::Attempt(samples::attempt(&run, key, stopped.then_some(60)))
            }
            Step::Entry { run, number, state, nanos, end } => {
                let run = run_of(run);
                let key = samples::key(&run, 0, None, u32::from(number));
                let attempt = samples::attempt(&run, key, Some(i64::from(end)));
                let priced = samples::priced(i128::from(nanos));
                Write::Entry(samples::entry(
                    &attempt,
                    match state {
                        0 => EntryState::Provisional(priced),
                        1 => EntryState::Final(priced),
                        _ => samples::unpriced(),
                    },
                ))
            }
            Step::Count { job, by } => {
                Write::Count(samples::runs_counter(&format!("job-{job}")), i128::from(by))
            }
            Step::Handled { job, secs } => {
                Write::Handled(vec![(format!("job-{job}").into(), samples::at(secs))])
            }
        }
    }

    /// The whole batch, or nothing of it. Written for clarity: runs, then attempts, then the rest.
    fn commit(&mut self, writes: &[Write]) -> Outcome {
        let before = self.clone();
        let rank = |write: &Write| match write {
            Write::InsertRun(_) | Write::UpdateRun(_) => 0,
            Write::Attempt(_) => 1,
            _ => 2,
        };
        let mut sorted: Vec<&Write> = writes.iter().collect();
        sorted.sort_by_key(|write| rank(write));
        for write in sorted {
            let outcome = self.apply(write);
            if outcome != Outcome::Done {
                *self = before;
                return outcome;
            }
        }
        Outcome::Done
    }

    fn apply(&mut self, write: &Write) -> Outcome {
        match write {
            Write::InsertRun(run) => {
                if self.runs.contains_key(&run.id) {
                    return Outcome::Conflict(run.id.clone());
                }
                self.runs.insert(run.id.clone(), run.clone());
            }
            Write::UpdateRun(run) => match self.runs.get_mut(&run.id) {
                Some(stored) if stored.version + 1 == run.version => *stored = run.clone(),
                _ => return Outcome::Conflict(run.id.clone()),
            },
            Write::Attempt(attempt) if !self.runs.contains_key(&attempt.key.run) => {
                return Outcome::Failed;
            }
            Write::Attempt(attempt) => {
                self.attempts.insert(attempt.key.clone(), attempt.clone());
            }
            Write::Entry(entry) if !self.attempts.contains_key(&entry.key) => {
                return Outcome::Failed;
            }
            Write::Entry(entry) => {
                self.entries.insert(entry.key.clone(), entry.clone());
            }
            Write::Count(counter, by) => *self.counters.entry(counter.clone()).or_default() += by,
            Write::Handled(schedules) => self.handled.extend(schedules.iter().cloned()),
            other => panic!("no step makes {other:?}"),
        }
        Outcome::Done
    }

    fn unsettled(&self) -> Vec<AttemptRecord> {
        let is_open = |key| self.entries.get(key).is_none_or(Entry::may_change);
        let ended = |attempt: &&AttemptRecord| attempt.stopped_at.is_some();
        self.attempts.values().filter(ended).filter(|a| is_open(&a.key)).cloned().collect()
    }
}

/// Everything the store says must be what the model says.
async fn assert_same(store: &SqliteStore, model: &Model) {
    let window = Window::new(samples::at(2), samples::at(6));
    let entries = model.entries.values();
    let between = entries.clone().filter(|entry| window.contains(entry.ended_at));
    let provisional = entries.filter(|entry| entry.is_provisional());
    let mut newest: Vec<Run> = model.runs.values().cloned().collect();
    newest.sort_by_key(|run| std::cmp::Reverse((run.scheduled_for, run.id.clone())));
    let open = model.runs.values().filter(|run| run.state.is_open());

    assert_eq!(store.runs(&RunQuery::default()).await.unwrap(), newest);
    assert_eq!(store.open_runs().await.unwrap(), open.cloned().collect::<Vec<_>>());
    let mut attempts = Vec::new();
    for run in model.runs.keys() {
        attempts.extend(store.attempts(run).await.unwrap());
    }
    assert_eq!(attempts, model.attempts.values().cloned().collect::<Vec<_>>());
    assert_eq!(store.unsettled_attempts().await.unwrap(), model.unsettled());
    let stored = store.entries_between(window).await.unwrap();
    assert_eq!(stored, between.cloned().collect::<Vec<_>>());
    let stored = store.provisional_entries().await.unwrap();
    assert_eq!(stored, provisional.cloned().collect::<Vec<_>>());
    let counters: BTreeMap<_, _> = store.counters().await.unwrap().into_iter().collect();
    assert_eq!(counters, model.counters);
    assert_eq!(store.handled().await.unwrap(), model.handled);
}

async fn play(store: &SqliteStore, model: &mut Model, batches: &[Vec<Step>]) {
    for steps in batches {
        let writes: Vec<Write> = steps.iter().map(|step| model.write_of(step)).collect();
        let expected = model.commit(&writes);
        let outcome = match store.commit(writes).await {
            Ok(()) => Outcome::Done,
            Err(StoreError::Conflict(run)) => Outcome::Conflict(run),
            Err(StoreError::Failed { .. }) => Outcome::Failed,
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(outcome, expected, "{steps:?}");
    }
    assert_same(store, model).await;
}

/// Completes a future that may never wait: what the simulated cloud relies on.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the store in memory made its caller wait"),
    }
}

fn batches() -> impl Strategy<Value = Vec<Vec<Step>>> {
    prop::collection::vec(prop::collection::vec(step(), 0..6), 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    #[test]
    fn memory_agrees_with_the_model(batches in batches()) {
        at_once(play(&in_memory(), &mut Model::default(), &batches));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_file_agrees_with_the_model_also_after_reopening(
        before in batches(),
        after in batches(),
    ) {
        let (_folder, path) = folder();
        let mut model = Model::default();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for batches in [before, after] {
            let store = SqliteStore::open(&path, identity()).unwrap();
            runtime.block_on(play(&store, &mut model, &batches));
        }
    }
}
