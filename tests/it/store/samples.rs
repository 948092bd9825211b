//! Values to store, with every optional part set somewhere.

use jiff::Timestamp;

use spotcron::decision::{Candidate, Decision, Guard, Reason};
use spotcron::domain::{
    AttemptEnd, Capacity, InstanceFacts, InstanceShape, LegCause, Lifecycle, Pool, Ppm, Resources,
    RunId, RunOutcome, Share, Usd, UsdPerHour, Window,
};
use spotcron::experience::{Breaker, Level};
use spotcron::ledger::{Counter, Entry, EntryState, Priced, Unpriced};
use spotcron::run::{
    AttemptKey, AttemptRecord, HostRecord, Leg, Resend, Run, RunEvent, RunEventKind, RunState,
    Trigger, batch_job_name,
};

/// Seconds after a fixed moment, and a nanosecond, so that a store that rounds is found out.
pub fn at(secs: i64) -> Timestamp {
    Timestamp::new(1_780_000_000 + secs, 1).unwrap()
}

pub fn run(job: &str, hour: i64) -> Run {
    let scheduled_for = at(hour * 3600);
    let id = RunId::of(&job.into(), scheduled_for);
    let (job, class) = (job.into(), format!("{job}-class").into());
    let created_at = at(hour * 3600 + 1);
    Run {
        deadline_at: Some(at(hour * 3600 + 7200)),
        state: RunState::NeedsLeg { cause: LegCause::Scheduled, not_before: scheduled_for },
        legs: vec![leg(&id)],
        failures: 1,
        progress_millis: 1500,
        version: 1,
        ..Run::new(id, job, class, Trigger::Schedule, scheduled_for, created_at)
    }
}

pub fn resend(name: &str, looks: u16) -> Resend {
    Resend {
        name: name.into(),
        run: "import-1".into(),
        leg: 2,
        site: "eu-west-1".into(),
        queue: "queue-a".into(),
        at: at(100),
        looks,
        terminated: ["job-1".into()].into(),
    }
}

fn leg(run: &RunId) -> Leg {
    Leg {
        index: 0,
        cause: LegCause::Scheduled,
        environment: "spot-a".into(),
        capacity: Capacity::Spot,
        site: "eu-west-1".into(),
        queue: "queue-a".into(),
        batch_name: batch_job_name("scope", &"us-east-1".into(), run, Trigger::Schedule, 0),
        intended_at: at(2),
        wait_until: Some(at(900)),
        job_id: Some("job-1".into()),
        submitted_at: Some(at(3)),
        status: None,
        runnable_since: None,
        started_at: None,
        ended_at: None,
        reason: Some("quote \" and \u{1F980}".into()),
        missing_since: None,
        indices: None,
        was_uncertain: false,
        array_size: None,
        terms: None,
    }
}

/// The run's next version, ended or not.
pub fn next(run: &Run, outcome: Option<RunOutcome>) -> Run {
    let state = match outcome {
        Some(outcome) => RunState::Ended { outcome, at: at(99) },
        None => RunState::Watching,
    };
    Run { state, version: run.version + 1, ..run.clone() }
}

pub fn event(run: &Run, secs: i64, kind: RunEventKind) -> RunEvent {
    RunEvent { run: run.id.clone(), at: at(secs), kind }
}

pub fn key(run: &Run, leg: u16, child: Option<u32>, number: u32) -> AttemptKey {
    AttemptKey { run: run.id.clone(), leg, child, number }
}

pub fn attempt(run: &Run, key: AttemptKey, stopped: Option<i64>) -> AttemptRecord {
    AttemptRecord {
        key,
        index: None,
        job: run.job.clone(),
        class: run.class.clone(),
        batch_job_id: "job-1".into(),
        environment: "spot-a".into(),
        capacity: Capacity::Spot,
        site: "eu-west-1".into(),
        resources: Some(Resources { vcpu_millis: 2000, memory_mib: 4096, gpus: 0 }),
        started_at: Some(at(10)),
        stopped_at: stopped.map(at),
        end: stopped.map(|_| AttemptEnd::Interrupted),
        exit_code: Some(-137),
        reason: Some("Host EC2 terminated".into()),
        log_stream: Some("default/abc".into()),
        container_instance_arn: Some("arn:ci".into()),
        task_arn: Some("arn:task".into()),
        pull_started_at: None,
        zone: None,
        terms: None,
        host: Some(HostRecord {
            instance_id: "i-1".into(),
            instance_type: "m6i.xlarge".into(),
            zone: "eu-west-1a".into(),
            lifecycle: Lifecycle::Spot,
            launched_at: at(5),
            shape: Some(shape()),
        }),
    }
}

pub fn shape() -> InstanceShape {
    InstanceShape { vcpus: 4, memory_mib: 16384, gpus: 1, architecture: "x86_64".into() }
}

pub fn priced(nanos: i128) -> Priced {
    Priced {
        cost: Usd::from_nanos(nanos),
        on_demand: Usd::from_nanos(nanos * 3),
        waste: Usd::from_nanos(nanos / 2),
        share: Share::new(22, 52).unwrap(),
        charged: Window::new(at(10), at(20)),
        kept_millis: None,
        first_hour_credit: true,
    }
}

pub fn entry(attempt: &AttemptRecord, state: EntryState) -> Entry {
    Entry {
        key: attempt.key.clone(),
        job: attempt.job.clone(),
        class: attempt.class.clone(),
        environment: attempt.environment.clone(),
        capacity: attempt.capacity,
        site: attempt.site.clone(),
        end: AttemptEnd::Interrupted,
        ended_at: attempt.stopped_at.unwrap(),
        instance_id: Some("i-1".into()),
        instance_type: Some("m6i.xlarge".into()),
        zone: Some("eu-west-1a".into()),
        state,
    }
}

pub fn unpriced() -> EntryState {
    EntryState::Unpriced { why: Unpriced::HostUnknown }
}

pub fn instance(id: &str, ended: Option<i64>) -> InstanceFacts {
    InstanceFacts {
        id: id.into(),
        site: "eu-west-1".into(),
        instance_type: "m6i.xlarge".into(),
        zone: "eu-west-1a".into(),
        lifecycle: Lifecycle::Other("capacity-block".into()),
        launched_at: at(0),
        ended_at: ended.map(at),
        end: ended.map(|_| spotcron::domain::InstanceEnd::Reclaimed),
        seen_at: at(50),
    }
}

pub fn pool(zone: &str, instance_type: &str) -> Pool {
    Pool { zone: zone.into(), instance_type: instance_type.into() }
}

pub fn runs_counter(job: &str) -> Counter {
    Counter::Runs {
        job: job.into(),
        class: "nightly".into(),
        environment: Some("spot".into()),
        outcome: RunOutcome::Succeeded,
    }
}

/// A decision with something of everything.
pub fn decision() -> Decision {
    Decision {
        at: at(1),
        chosen: Some("spot-a".into()),
        reasons: vec![
            Reason::Cheapest {
                expected_cost: Usd::from_nanos(43_854_000),
                second: Some(("on-demand-a".into(), Usd::from_nanos(-1))),
            },
            Reason::Fallback { guard: Guard::Unusable { reason: "DISABLED".into() } },
        ],
        candidates: vec![Candidate {
            environment: "spot-a".into(),
            capacity: Capacity::Spot,
            price: Some(UsdPerHour::from_units(1)),
            price_age_secs: Some(12),
            on_demand: None,
            level: Some(Level {
                factor: Ppm::ONE,
                interruptions: 2,
                watched_secs: 7200,
                advised: None,
            }),
            hazard_per_hour: Ppm(100_000),
            expected_rework: Ppm(1),
            data_cost: Usd::from_nanos(3),
            covered_millis: 2,
            expected_cost: Some(Usd::from_nanos(5)),
            pools: 3,
            stale_pools: 1,
            absurd_pools: 1,
            outlook: None,
            breaker: Breaker::Open { until: at(2), trips: 1 },
            guards: vec![Guard::CoolingDown { until: at(2) }],
        }],
        wait_until: Some(at(600)),
        lengths: None,
    }
}
