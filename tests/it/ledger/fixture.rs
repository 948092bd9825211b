//! Attempts, instances and prices to settle.

use jiff::{SignedDuration, Timestamp};
use spotcron::cost::PriceMode;
use spotcron::domain::{
    AttemptEnd, Capacity, InstanceEnd, InstanceFacts, InstanceShape, Lifecycle, Resources,
    UsdPerHour, Window,
};
use spotcron::ledger::{Entry, EntryState, Evidence, Priced, settle};
use spotcron::market::PriceSeries;
use spotcron::run::{AttemptKey, AttemptRecord, HostRecord};

/// When most instances here are launched.
pub fn launch() -> Timestamp {
    "2026-03-01T08:00:00Z".parse().unwrap()
}

/// `secs` seconds after [`launch`].
pub fn after(secs: i64) -> Timestamp {
    launch() + SignedDuration::from_secs(secs)
}

pub fn after_millis(millis: i64) -> Timestamp {
    launch() + SignedDuration::from_millis(millis)
}

pub fn price(text: &str) -> UsdPerHour {
    text.parse().unwrap()
}

pub fn series(points: &[(i64, &str)]) -> PriceSeries {
    PriceSeries::from_points(points.iter().map(|(secs, text)| (after(*secs), price(text))))
}

pub fn shape(vcpus: u32, gib: u32) -> InstanceShape {
    InstanceShape { vcpus, memory_mib: gib * 1024, gpus: 0, architecture: "x86_64".into() }
}

pub fn resources(vcpus: u32, gib: u32) -> Resources {
    Resources { vcpu_millis: vcpus * 1000, memory_mib: gib * 1024, gpus: 0 }
}

pub fn instance(lifecycle: Lifecycle) -> InstanceFacts {
    InstanceFacts {
        id: "i-1".into(),
        site: "us-east-1".into(),
        instance_type: "m6i.xlarge".into(),
        zone: "us-east-1a".into(),
        lifecycle,
        launched_at: launch(),
        ended_at: None,
        end: None,
        seen_at: launch(),
    }
}

pub fn ended(mut instance: InstanceFacts, secs: i64, end: InstanceEnd) -> InstanceFacts {
    instance.ended_at = Some(after(secs));
    instance.end = Some(end);
    instance.seen_at = after(secs);
    instance
}

/// An attempt that reserved half of a 4-vCPU, 16-GiB instance.
pub fn attempt(window: Window, end: AttemptEnd) -> AttemptRecord {
    AttemptRecord {
        key: AttemptKey { run: "extract-1".into(), leg: 0, child: None, number: 1 },
        index: None,
        job: "extract".into(),
        class: "nightly".into(),
        batch_job_id: "job-1".into(),
        environment: "spot-a".into(),
        capacity: Capacity::Spot,
        site: "us-east-1".into(),
        resources: Some(resources(2, 8)),
        started_at: Some(window.start),
        stopped_at: Some(window.end),
        end: Some(end),
        exit_code: None,
        reason: None,
        log_stream: None,
        container_instance_arn: None,
        task_arn: None,
        pull_started_at: None,
        zone: None,
        terms: None,
        host: None,
    }
}

pub fn between(start_secs: i64, end_secs: i64) -> Window {
    Window::new(after(start_secs), after(end_secs))
}

pub fn host(instance: &InstanceFacts, shape: InstanceShape) -> HostRecord {
    HostRecord {
        instance_id: instance.id.clone(),
        instance_type: instance.instance_type.clone(),
        zone: instance.zone.clone(),
        lifecycle: instance.lifecycle.clone(),
        launched_at: instance.launched_at,
        shape: Some(shape),
    }
}

/// Everything needed to price an attempt on a 4-vCPU, 16-GiB instance.
pub struct Facts {
    pub instance: Option<InstanceFacts>,
    pub shape: Option<InstanceShape>,
    pub spot: Option<PriceSeries>,
    pub mode: PriceMode,
    pub on_demand: Option<UsdPerHour>,
}

impl Facts {
    /// A spot instance that was ended on request after two hours, 0.40 on demand, 0.10 spot.
    pub fn spot() -> Self {
        Facts {
            instance: Some(ended(instance(Lifecycle::Spot), 7200, InstanceEnd::Requested)),
            shape: Some(shape(4, 16)),
            spot: Some(series(&[(0, "0.10")])),
            mode: PriceMode::InstanceHour,
            on_demand: Some(price("0.40")),
        }
    }

    pub fn on_demand() -> Self {
        Facts { instance: Some(instance(Lifecycle::OnDemand)), spot: None, ..Facts::spot() }
    }

    pub fn evidence(&self) -> Evidence<'_> {
        Evidence {
            instance: self.instance.as_ref(),
            shape: self.shape.as_ref(),
            spot: self.spot.as_ref(),
            price_mode: self.mode,
            on_demand: self.on_demand,
            ..Evidence::default()
        }
    }

    pub fn settle(&self, attempt: &AttemptRecord) -> Entry {
        settle(attempt, &self.evidence()).expect("the attempt ended")
    }
}

pub fn final_amounts(entry: &Entry) -> &Priced {
    match &entry.state {
        EntryState::Final(priced) => priced,
        other => panic!("not final: {other:?}"),
    }
}
