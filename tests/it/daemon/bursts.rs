//! Many runs due at once: what is sent first, and who waits for whom.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use jiff::SignedDuration;
use spotcron::clock::Clock;
use spotcron::daemon::{Change, Shared, Task, all_tasks};
use spotcron::domain::{
    BatchJobId, BatchJobName, BatchStatus, InstanceShape, InstanceType, JobObservation, RunId, Site,
};
use spotcron::ports::{BatchService, FoundJob, QueueDescription, ServiceError, SubmitError};
use spotcron::run::{Run, SubmitRequest, Trigger};
use tokio::sync::{Barrier, Notify};

use super::world::{CATALOGUE, World, scenario};
use crate::samples::{at, mins};

/// What happens before a call reaches the account.
#[async_trait]
trait Gate: Send + Sync {
    async fn pass(&self, _request: &SubmitRequest) {}
    async fn look(&self) {}
    async fn stop(&self) {}
}

struct Gated {
    inner: Arc<dyn BatchService>,
    gate: Arc<dyn Gate>,
}

#[async_trait]
impl BatchService for Gated {
    async fn submit(&self, request: &SubmitRequest) -> Result<BatchJobId, SubmitError> {
        self.gate.pass(request).await;
        self.inner.submit(request).await
    }

    async fn describe(
        &self,
        site: &Site,
        ids: &[BatchJobId],
    ) -> Result<Vec<JobObservation>, ServiceError> {
        self.gate.look().await;
        self.inner.describe(site, ids).await
    }

    async fn find_by_name(
        &self,
        site: &Site,
        queue: &str,
        name: &BatchJobName,
        since: jiff::Timestamp,
    ) -> Result<Vec<FoundJob>, ServiceError> {
        self.inner.find_by_name(site, queue, name, since).await
    }

    async fn cancel(&self, r: &Site, id: &BatchJobId, reason: &str) -> Result<(), ServiceError> {
        self.gate.stop().await;
        self.inner.cancel(r, id, reason).await
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

/// The world's environments and classes, and `count` jobs due at `cron`, by turns of a class with
/// a late deadline and of one with an early.
fn jobs(count: usize, cron: &str) -> String {
    let classes = CATALOGUE.split("[[jobs]]").next().unwrap();
    let job = |n| {
        let class = if n % 2 == 0 { "long" } else { "flexible" };
        job(&format!("job-{n:03}"), class, cron)
    };
    format!("{classes}{}", (0..count).map(job).collect::<String>())
}

fn job(name: &str, class: &str, cron: &str) -> String {
    format!(
        "\n[[jobs]]\nname = \"{name}\"\nclass = \"{class}\"\ncron = \"{cron}\"\n\
         time_zone = \"UTC\"\ndefinition = \"twenty:1\"\nvcpus = 1\nmemory_mib = 2048\n"
    )
}

async fn gated(catalogue: &str, gate: Arc<dyn Gate>) -> World {
    let mut world = World::of(catalogue, scenario(0.0), 1).await;
    let inner = Arc::clone(&world.ports.batch);
    world.ports.batch = Arc::new(Gated { inner, gate });
    world.restart().await;
    world
}

/// One submission is answered only after all the others.
struct SlowFirst {
    others: AtomicUsize,
    all_others_sent: Notify,
    expected: usize,
}

#[async_trait]
impl Gate for SlowFirst {
    async fn pass(&self, request: &SubmitRequest) {
        if request.name.as_str().starts_with("job-001-") {
            self.all_others_sent.notified().await;
        } else if self.others.fetch_add(1, Ordering::SeqCst) + 1 == self.expected {
            self.all_others_sent.notify_one();
        }
    }
}

/// Sixteen were sent at a time, and the next sixteen waited for the slowest of them.
#[tokio::test(start_paused = true)]
async fn a_slow_answer_holds_up_no_other_submission() {
    let jobs_due = 100;
    let gate = Arc::new(SlowFirst {
        others: AtomicUsize::new(0),
        all_others_sent: Notify::new(),
        expected: jobs_due - 1,
    });
    let mut world = gated(&jobs(jobs_due, "10 0 * * *"), gate).await;
    // With time paused this ends at once when nothing goes on any more.
    tokio::time::timeout(Duration::from_secs(60), world.run_for(mins(11)))
        .await
        .expect("every other job is sent while one answer is awaited");
    assert_eq!(world.cloud.submissions().len(), jobs_due);
}

/// Each submission takes a while; in the middle of them a run comes that is in more of a hurry.
struct Interrupted {
    shared: OnceLock<Arc<Shared>>,
    clock: OnceLock<spotcron::clock::VirtualClock>,
    sent: Mutex<Vec<String>>,
    comes_after: usize,
}

#[async_trait]
impl Gate for Interrupted {
    async fn pass(&self, request: &SubmitRequest) {
        let clock = self.clock.get().unwrap();
        clock.advance_to(clock.now() + SignedDuration::from_millis(40));
        let sent = {
            let mut sent = self.sent.lock().unwrap();
            sent.push(request.name.to_string());
            sent.len()
        };
        if sent == self.comes_after {
            let now = clock.now();
            let mut change = Change::default();
            let id = RunId::of(&"urgent".into(), now);
            let (job, class) = ("urgent".into(), "flexible".into());
            change.insert(Run {
                deadline_at: Some(now + mins(40)),
                ..Run::new(id, job, class, Trigger::Schedule, now, now)
            });
            self.shared.get().unwrap().book.commit(change).await.unwrap();
        }
    }
}

/// A run that came during a burst waited until all of it was sent, minutes later.
#[tokio::test]
async fn submissions_go_by_deadline_also_for_runs_that_come_later() {
    let (jobs_due, comes_after) = (200, 60);
    let gate = Arc::new(Interrupted {
        shared: OnceLock::new(),
        clock: OnceLock::new(),
        sent: Mutex::default(),
        comes_after,
    });
    let catalogue = jobs(jobs_due, "10 0 * * *") + &job("urgent", "flexible", "0 0 29 2 *");
    let mut world = gated(&catalogue, gate.clone()).await;
    gate.shared.set(Arc::clone(&world.shared)).ok().unwrap();
    gate.clock.set(world.clock.clone()).ok().unwrap();
    world.run_for(mins(11)).await;

    let mut sent = gate.sent.lock().unwrap().clone();
    assert_eq!(sent.len(), jobs_due + 1);
    let urgent = sent.iter().position(|name| name.starts_with("urgent-")).unwrap();
    let most = comes_after + 50;
    assert!((comes_after..most).contains(&urgent), "sent as number {urgent} of {jobs_due}");
    sent.remove(urgent);
    let number = |name: &String| name[4..7].parse::<usize>().unwrap();
    let (early, late) = sent.split_at(jobs_due / 2);
    assert!(early.iter().all(|name| number(name) % 2 == 1), "the nearer deadline first: {early:?}");
    assert!(late.iter().all(|name| number(name) % 2 == 0), "then the later: {late:?}");
}

fn task(world: &World, name: &str) -> Box<dyn Task> {
    all_tasks(&world.shared).into_iter().find(|task| task.name() == name).unwrap()
}

/// No submission is ever answered once `closed`.
#[derive(Default)]
struct Closed {
    closed: AtomicBool,
    waiting: AtomicUsize,
}

#[async_trait]
impl Gate for Closed {
    async fn pass(&self, _request: &SubmitRequest) {
        if self.closed.load(Ordering::SeqCst) {
            self.waiting.fetch_add(1, Ordering::SeqCst);
            std::future::pending::<()>().await;
        }
    }
}

/// As many submissions as may be are under way and none is answered: a job is stopped all the same.
#[tokio::test]
async fn stops_never_wait_behind_submissions() {
    let gate = Arc::new(Closed::default());
    let catalogue = jobs(100, "40 0 * * *") + &job("waits", "flexible", "20 0 * * *");
    let mut world = gated(&catalogue, gate.clone()).await;
    world.cloud.crunch_all(SignedDuration::from_hours(6));
    world.run_for(mins(30)).await;
    let waits = world.runs().await.pop().expect("a run that waits for capacity");
    assert_eq!(waits.legs[0].status, Some(BatchStatus::Runnable));

    // Its wait budget is over when the others are due.
    world.clock.advance_to(at("2026-06-01T00:40:00Z"));
    let now = world.clock.now();
    gate.closed.store(true, Ordering::SeqCst);
    let [mut schedule, mut dispatch, mut watch] =
        ["schedule", "dispatch", "watch"].map(|name| task(&world, name));
    schedule.activate(now).await.unwrap();
    let sending = tokio::spawn(async move { dispatch.activate(now).await.map(|_| ()) });
    while gate.waiting.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    watch.activate(now).await.unwrap();
    assert!(!sending.is_finished(), "the submissions are still under way");

    let job = waits.legs[0].job_id.clone().unwrap();
    let seen = world.cloud.describe(&"us-east-1".into(), &[job]).await.unwrap();
    assert_eq!(seen[0].status, BatchStatus::Failed, "the stop reached Batch: {seen:?}");
    sending.abort();
}

/// Once `closed`, each look is answered only when another is under way, and so is each stop.
struct InPairs {
    closed: AtomicBool,
    looks: Barrier,
    stops: Barrier,
}

#[async_trait]
impl Gate for InPairs {
    async fn look(&self) {
        if self.closed.load(Ordering::SeqCst) {
            self.looks.wait().await;
        }
    }

    async fn stop(&self) {
        self.stops.wait().await;
    }
}

/// They were made one by one: thousands took as long as AWS takes to answer, and with it the next look
/// at a run whose deadline is near.
#[tokio::test(start_paused = true)]
async fn neither_looks_nor_stops_wait_for_one_another() {
    let gate = Arc::new(InPairs {
        closed: AtomicBool::new(false),
        looks: Barrier::new(2),
        stops: Barrier::new(2),
    });
    let mut world = gated(&jobs(200, "10 0 * * *"), gate.clone()).await;
    world.cloud.crunch_all(SignedDuration::from_hours(6));
    world.run_for(mins(20)).await;

    world.clock.advance_to(at("2026-06-01T00:26:00Z"));
    gate.closed.store(true, Ordering::SeqCst);
    let mut watch = task(&world, "watch");
    let now = world.clock.now();
    tokio::time::timeout(Duration::from_secs(60), watch.activate(now))
        .await
        .expect("a look and a stop are answered when another is under way")
        .unwrap();
    let stopped = world.shared.book.open_where(|run| run.state.label() == "stopping").len();
    assert_eq!(stopped, 200);
}
