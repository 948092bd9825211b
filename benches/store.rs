//! What a run's life costs the store: about a dozen writes in five batches, as the daemon makes
//! them. In memory this bounds the speed of simulated runs; on a file, many tasks share one sync.

use std::sync::Arc;

use divan::Bencher;
use divan::counter::ItemsCount;
use jiff::Timestamp;
use tokio::runtime::{Builder, Runtime};

use spotcron::decision::{Candidate, Decision, Reason};
use spotcron::domain::Ppm;
use spotcron::domain::{
    AttemptEnd, Capacity, InstanceFacts, LegCause, Lifecycle, RunId, RunOutcome, Share, Usd,
    UsdPerHour, Window,
};
use spotcron::ledger::{Counter, Entry, EntryState, Priced};
use spotcron::ports::{Store, StoreIdentity, Write};
use spotcron::run::{
    AttemptKey, AttemptRecord, Leg, Run, RunEvent, RunEventKind, RunState, Trigger, batch_job_name,
};
use spotcron::store::SqliteStore;

fn main() {
    divan::main();
}

fn at(secs: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(1_780_000_000 + secs)
}

fn new_run(number: i64) -> Run {
    let job = format!("job-{:02}", number % 100).into();
    let scheduled_for = at(number / 100 * 3600);
    let id = RunId::new(format!("{}-{number}", RunId::of(&job, scheduled_for)));
    Run {
        deadline_at: Some(scheduled_for),
        version: 1,
        ..Run::new(id, job, "nightly".into(), Trigger::Schedule, scheduled_for, scheduled_for)
    }
}

fn changed(run: &mut Run, state: RunState) -> Write {
    run.state = state;
    run.version += 1;
    Write::UpdateRun(run.clone())
}

fn event(run: &Run, kind: RunEventKind) -> Write {
    Write::Event(RunEvent { run: run.id.clone(), at: run.created_at, kind })
}

fn decision() -> Decision {
    let candidate = |environment: &str| Candidate {
        environment: environment.into(),
        capacity: Capacity::Spot,
        price: Some(UsdPerHour::from_units(2_526_000_000)),
        price_age_secs: Some(120),
        on_demand: Some(UsdPerHour::from_units(7_960_000_000)),
        level: None,
        hazard_per_hour: Ppm(100_000),
        expected_rework: Ppm(20_000),
        data_cost: Usd::ZERO,
        covered_millis: 0,
        expected_cost: Some(Usd::from_nanos(43_854_000)),
        pools: 12,
        stale_pools: 0,
        absurd_pools: 0,
        breaker: Default::default(),
        outlook: None,
        guards: Vec::new(),
    };
    Decision {
        at: at(0),
        chosen: Some("spot".into()),
        reasons: vec![Reason::OnlyCandidate],
        candidates: vec![candidate("spot"), candidate("spot-b"), candidate("on-demand")],
        wait_until: None,
        lengths: None,
    }
}

fn leg(run: &Run) -> Leg {
    Leg {
        index: 0,
        cause: LegCause::Scheduled,
        environment: "spot".into(),
        capacity: Capacity::Spot,
        site: "eu-west-1".into(),
        queue: "queue".into(),
        batch_name: batch_job_name("scope", &"us-east-1".into(), &run.id, Trigger::Schedule, 0),
        intended_at: run.created_at,
        wait_until: None,
        job_id: Some("0f7b3c1e-0000-4000-8000-000000000000".into()),
        submitted_at: Some(run.created_at),
        status: None,
        runnable_since: None,
        started_at: None,
        ended_at: None,
        reason: None,
        missing_since: None,
        indices: None,
        was_uncertain: false,
        array_size: None,
        terms: None,
    }
}

fn attempt(run: &Run) -> AttemptRecord {
    AttemptRecord {
        key: AttemptKey { run: run.id.clone(), leg: 0, child: None, number: 1 },
        index: None,
        job: run.job.clone(),
        class: run.class.clone(),
        batch_job_id: "0f7b3c1e-0000-4000-8000-000000000000".into(),
        environment: "spot".into(),
        capacity: Capacity::Spot,
        site: "eu-west-1".into(),
        resources: None,
        started_at: Some(run.created_at),
        stopped_at: Some(run.created_at),
        end: Some(AttemptEnd::Succeeded),
        exit_code: Some(0),
        reason: None,
        log_stream: Some("default/0f7b3c1e".into()),
        container_instance_arn: None,
        task_arn: None,
        pull_started_at: None,
        zone: None,
        terms: None,
        host: None,
    }
}

fn entry(attempt: &AttemptRecord) -> Entry {
    let priced = Priced {
        cost: Usd::from_nanos(43_854_000),
        on_demand: Usd::from_nanos(138_194_444),
        waste: Usd::ZERO,
        share: Share::WHOLE,
        charged: Window::new(at(0), at(625)),
        kept_millis: None,
        first_hour_credit: false,
    };
    Entry {
        key: attempt.key.clone(),
        job: attempt.job.clone(),
        class: attempt.class.clone(),
        environment: attempt.environment.clone(),
        capacity: attempt.capacity,
        site: attempt.site.clone(),
        end: AttemptEnd::Succeeded,
        ended_at: at(625),
        instance_id: None,
        instance_type: None,
        zone: None,
        state: EntryState::Final(priced),
    }
}

fn instance(run: &Run) -> InstanceFacts {
    InstanceFacts {
        id: format!("i-{}", run.id).into(),
        site: "eu-west-1".into(),
        instance_type: "c4.4xlarge".into(),
        zone: "eu-west-1a".into(),
        lifecycle: Lifecycle::Spot,
        launched_at: run.created_at,
        ended_at: None,
        end: None,
        seen_at: run.created_at,
    }
}

/// The batches of one run, from due to settled.
fn life(number: i64) -> Vec<Vec<Write>> {
    let mut run = new_run(number);
    let due = vec![
        Write::InsertRun(run.clone()),
        event(&run, RunEventKind::Due),
        Write::Handled(vec![(run.job.as_str().into(), run.scheduled_for)]),
    ];
    run.legs.push(leg(&run));
    let decided = RunEventKind::Decided {
        leg: 0,
        cause: LegCause::Scheduled,
        decision: Box::new(decision()),
    };
    let intended = vec![
        event(&run, decided),
        changed(&mut run, RunState::Submitting { uncertain_since: None }),
        Write::Count(Counter::ScheduleLags, 1),
        Write::Count(Counter::ScheduleLagMillis, 12),
    ];
    let submitted = vec![changed(&mut run, RunState::Watching)];
    let attempt = attempt(&run);
    let outcome = RunOutcome::Succeeded;
    let at = run.created_at;
    let ended = vec![
        Write::Attempt(attempt.clone()),
        Write::Instance(instance(&run)),
        event(&run, RunEventKind::Ended { outcome }),
        changed(&mut run, RunState::Ended { outcome, at }),
        Write::Count(
            Counter::Runs {
                job: run.job.clone(),
                class: run.class.clone(),
                environment: run.last_leg().map(|leg| leg.environment.clone()),
                outcome,
            },
            1,
        ),
    ];
    let nanos = Counter::CostNanos {
        job: run.job.clone(),
        class: run.class.clone(),
        environment: "spot".into(),
        capacity: Capacity::Spot,
    };
    let settled = vec![Write::Entry(entry(&attempt)), Write::Count(nanos, 43_854_000)];
    vec![due, intended, submitted, ended, settled]
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).build().expect("a runtime")
}

/// Lives of runs, one after the other on one thread, into a store that keeps growing.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn lives_in_memory(bencher: Bencher<'_, '_>) {
    const RUNS: i64 = 1000;
    let identity = StoreIdentity::Simulation { seed: 1 };
    let store = SqliteStore::in_memory(identity).expect("a store in memory");
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let first = std::cell::Cell::new(0);
    bencher
        .counter(ItemsCount::new(RUNS as usize))
        .with_inputs(|| {
            let from = first.replace(first.get() + RUNS);
            (from..from + RUNS).flat_map(life).collect::<Vec<_>>()
        })
        .bench_local_values(|batches| {
            runtime.block_on(async {
                for batch in batches {
                    store.commit(batch).await.expect("a commit");
                }
            });
        });
}

/// Lives of runs on a file, each a task of its own, all at once.
#[divan::bench(sample_count = 10, sample_size = 1, args = [1, 16, 256])]
fn lives_on_a_file(bencher: Bencher<'_, '_>, tasks: i64) {
    let folder = tempfile::tempdir().expect("a folder");
    let identity = StoreIdentity::Simulation { seed: 1 };
    let path = folder.path().join("spotcron.db");
    let store = Arc::new(SqliteStore::open(path, identity).expect("a store"));
    let runtime = runtime();
    let first = std::cell::Cell::new(0);
    bencher
        .counter(ItemsCount::new(tasks as usize))
        .with_inputs(|| {
            let from = first.replace(first.get() + tasks);
            (from..from + tasks).map(life).collect::<Vec<_>>()
        })
        .bench_local_values(|lives| {
            runtime.block_on(async {
                let mut running = tokio::task::JoinSet::new();
                for batches in lives {
                    let store = Arc::clone(&store);
                    running.spawn(async move {
                        for batch in batches {
                            store.commit(batch).await.expect("a commit");
                        }
                    });
                }
                running.join_all().await;
            });
        });
}
