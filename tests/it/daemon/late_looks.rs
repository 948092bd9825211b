//! Late looks come after what cannot wait, and never keep it waiting for long.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use spotcron::clock::{Clock, VirtualClock};
use spotcron::domain::{
    BatchJobId, BatchJobName, InstanceShape, InstanceType, JobObservation, RunId, RunOutcome, Site,
};
use spotcron::ports::{
    BatchService, FailureKind, FoundJob, QueueDescription, ServiceError, SubmitError, Write,
};
use spotcron::run::{Resend, Run, RunState, SubmitRequest, Trigger};

use super::world::{BEGIN, World};
use crate::samples::at;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Call {
    Describe,
    Look(String),
}

/// Writes calls down, and answers look-ups: nothing there, and no answer at all from Ireland.
struct Told {
    inner: Arc<dyn BatchService>,
    clock: VirtualClock,
    calls: Mutex<Vec<(Timestamp, Call)>>,
}

impl Told {
    fn note(&self, call: Call) {
        self.calls.lock().unwrap().push((self.clock.now(), call));
    }
}

#[async_trait]
impl BatchService for Told {
    async fn submit(&self, request: &SubmitRequest) -> Result<BatchJobId, SubmitError> {
        self.inner.submit(request).await
    }

    async fn describe(
        &self,
        site: &Site,
        ids: &[BatchJobId],
    ) -> Result<Vec<JobObservation>, ServiceError> {
        self.note(Call::Describe);
        self.inner.describe(site, ids).await
    }

    async fn find_by_name(
        &self,
        site: &Site,
        _: &str,
        name: &BatchJobName,
        _: Timestamp,
    ) -> Result<Vec<FoundJob>, ServiceError> {
        self.note(Call::Look(name.to_string()));
        let is_silent = site.region.as_str() == "eu-west-1";
        let timeout = || ServiceError::new("ListJobs", FailureKind::Unavailable, "timeout");
        if is_silent { Err(timeout()) } else { Ok(Vec::new()) }
    }

    async fn cancel(&self, site: &Site, id: &BatchJobId, reason: &str) -> Result<(), ServiceError> {
        self.inner.cancel(site, id, reason).await
    }

    async fn terminate(
        &self,
        site: &Site,
        id: &BatchJobId,
        reason: &str,
    ) -> Result<(), ServiceError> {
        self.inner.terminate(site, id, reason).await
    }

    async fn describe_queue(
        &self,
        site: &Site,
        queue: &str,
    ) -> Result<QueueDescription, ServiceError> {
        self.inner.describe_queue(site, queue).await
    }

    async fn expand_instance_types(
        &self,
        site: &Site,
        patterns: &[String],
    ) -> Result<BTreeMap<InstanceType, InstanceShape>, ServiceError> {
        self.inner.expand_instance_types(site, patterns).await
    }
}

/// A run that is over, and whose name was sent twice.
fn sent_twice(name: String, region: &str) -> [Write; 2] {
    let (id, begin) = (RunId::new(name.clone()), at("2026-05-31T23:00:00Z"));
    let (job, class) = ("import".into(), "flexible".into());
    let mut run = Run::new(id.clone(), job, class, Trigger::Schedule, begin, begin);
    run.state = RunState::Ended { outcome: RunOutcome::Succeeded, at: begin };
    let resend = Resend {
        name: BatchJobName::new(name),
        run: id,
        leg: 0,
        site: Site::from(region),
        queue: "spot".to_owned(),
        at: at(BEGIN),
        looks: 0,
        terminated: BTreeSet::new(),
    };
    [Write::InsertRun(run), Write::Resend(resend)]
}

#[tokio::test]
async fn late_looks_keep_nothing_waiting_and_a_place_that_is_silent_is_asked_once() {
    let mut world = World::new(1, 0.0).await;
    let silent = (0..30).map(|n| sent_twice(format!("a-{n:03}"), "eu-west-1"));
    let others = (0..120).map(|n| sent_twice(format!("b-{n:03}"), "us-east-1"));
    world.store.commit(silent.chain(others).flatten().collect()).await.unwrap();
    // Of these runs none is due again.
    let told = Arc::new(Told {
        inner: Arc::clone(&world.ports.batch),
        clock: world.clock.clone(),
        calls: Mutex::default(),
    });
    world.ports.batch = Arc::clone(&told) as Arc<dyn BatchService>;
    world.clock.advance_to(at("2026-06-01T00:18:00Z"));
    world.restart().await;
    world.run_for(SignedDuration::from_mins(12)).await;

    let mut by_moment: BTreeMap<Timestamp, Vec<Call>> = BTreeMap::new();
    for (at, call) in told.calls.lock().unwrap().drain(..) {
        by_moment.entry(at).or_default().push(call);
    }
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut both = 0;
    for calls in by_moment.values() {
        let first_look = calls.iter().position(|call| matches!(call, Call::Look(_)));
        let Some(first_look) = first_look else { continue };
        let last_describe = calls.iter().rposition(|call| *call == Call::Describe);
        both += usize::from(last_describe.is_some());
        assert!(last_describe.is_none_or(|at| at < first_look), "{calls:?}");
        let looks = calls.iter().filter_map(|call| match call {
            Call::Look(name) => Some(name.clone()),
            Call::Describe => None,
        });
        let looks: Vec<String> = looks.collect();
        assert!(looks.len() <= 50, "{} at once", looks.len());
        assert!(looks.iter().filter(|name| name.starts_with("a-")).count() <= 1, "{looks:?}");
        seen.extend(looks);
    }
    assert!(both > 0, "runs and names were looked at in one activation");
    assert_eq!(seen.iter().filter(|name| name.starts_with("b-")).count(), 120);
    let resends = world.store.resends().await.unwrap();
    let looks = |prefix: &str| {
        let of = resends.iter().filter(|resend| resend.name.as_str().starts_with(prefix));
        of.map(|resend| resend.looks).collect::<BTreeSet<u16>>()
    };
    assert_eq!((looks("a-"), looks("b-")), (BTreeSet::from([0]), BTreeSet::from([1])));
}
