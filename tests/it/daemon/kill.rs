//! The process dies at any await: in the middle of a call, before or after its effect, before or
//! after a commit. A new one begins from the store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use spotcron::daemon::{Unpaced, all_tasks, run_virtual};
use spotcron::domain::{
    AttemptEnd, BatchJobId, BatchJobName, BatchStatus, InstanceShape, InstanceType, JobObservation,
    RunOutcome, Site,
};
use spotcron::ports::{BatchService, FoundJob, QueueDescription, ServiceError, SubmitError};
use spotcron::run::{RunState, SubmitRequest};
use spotcron::sim::{Fault, Faults, Operation};
use tokio::sync::Notify;

use super::world::{BEGIN, CATALOGUE, World, check, scenario};
use crate::samples::at;
use spotcron::clock::Clock;

/// Counts calls down; at zero the process dies, before or after the call's effect.
struct Trap {
    left: AtomicI64,
    after_effect: std::sync::atomic::AtomicBool,
    died: Notify,
}

impl Trap {
    fn arm(&self, calls: i64, after_effect: bool) {
        self.left.store(calls, Ordering::SeqCst);
        self.after_effect.store(after_effect, Ordering::SeqCst);
    }

    /// Never returns once the process is dead.
    async fn pass(&self, effect_is_done: bool) {
        if effect_is_done == self.after_effect.load(Ordering::SeqCst)
            && self.left.fetch_sub(1, Ordering::SeqCst) == 0
        {
            self.died.notify_one();
            std::future::pending::<()>().await;
        }
    }
}

struct Trapped {
    inner: Arc<dyn BatchService>,
    trap: Arc<Trap>,
}

#[async_trait]
impl BatchService for Trapped {
    async fn submit(&self, request: &SubmitRequest) -> Result<BatchJobId, SubmitError> {
        self.trap.pass(false).await;
        let answer = self.inner.submit(request).await;
        self.trap.pass(true).await;
        answer
    }

    async fn describe(
        &self,
        site: &Site,
        ids: &[BatchJobId],
    ) -> Result<Vec<JobObservation>, ServiceError> {
        self.trap.pass(false).await;
        self.inner.describe(site, ids).await
    }

    async fn find_by_name(
        &self,
        site: &Site,
        queue: &str,
        name: &BatchJobName,
        since: Timestamp,
    ) -> Result<Vec<FoundJob>, ServiceError> {
        self.trap.pass(false).await;
        self.inner.find_by_name(site, queue, name, since).await
    }

    async fn cancel(&self, site: &Site, id: &BatchJobId, reason: &str) -> Result<(), ServiceError> {
        self.trap.pass(false).await;
        let answer = self.inner.cancel(site, id, reason).await;
        self.trap.pass(true).await;
        answer
    }

    async fn terminate(
        &self,
        site: &Site,
        id: &BatchJobId,
        reason: &str,
    ) -> Result<(), ServiceError> {
        self.trap.pass(false).await;
        let answer = self.inner.terminate(site, id, reason).await;
        self.trap.pass(true).await;
        answer
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

/// Runs until `until` or death. `true` when it died.
async fn run_or_die(world: &mut World, trap: &Trap, until: Timestamp) -> bool {
    let tasks = all_tasks(&world.shared);
    let mut pace = Unpaced;
    tokio::select! {
        biased;
        () = trap.died.notified() => true,
        () = run_virtual(&world.shared, tasks, &world.clock, until, &mut pace) => false,
    }
}

async fn survive(seed: u64, deaths: u32) {
    let world = survivor(World::new(seed, 1.5).await, seed, deaths).await;
    check(&world, at(BEGIN)).await;
}

/// A world whose process died so often, and then lived on for four hours.
async fn survivor(mut world: World, seed: u64, deaths: u32) -> World {
    let trap = Arc::new(Trap {
        left: AtomicI64::new(i64::MAX),
        after_effect: false.into(),
        died: Notify::new(),
    });
    world.ports.batch =
        Arc::new(Trapped { inner: Arc::clone(&world.ports.batch), trap: Arc::clone(&trap) });
    world.restart().await;
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    for _ in 0..deaths {
        trap.arm(chance.random_range(0..25), chance.next_u32().is_multiple_of(2));
        let until = world.clock.now() + SignedDuration::from_hours(12);
        if run_or_die(&mut world, &trap, until).await {
            let down = SignedDuration::from_secs(chance.random_range(0..1500));
            world.clock.advance_to(world.clock.now() + down);
        }
        world.restart().await;
    }
    trap.arm(i64::MAX, false);
    world.run_for(SignedDuration::from_hours(4)).await;
    world
}

/// A job with six parameter sets and one whose array is cut in two, both due every hour.
fn many() -> String {
    let classes = CATALOGUE.split("[[jobs]]").next().unwrap();
    let job = |name: &str, keys: &str| {
        format!(
            "\n[[jobs]]\nname = \"{name}\"\nclass = \"flexible\"\ncron = \"10 * * * *\"\n\
             definition = \"twenty:1\"\nvcpus = 1\nmemory_mib = 2048\n{keys}\n"
        )
    };
    let sets = "matrix = { region = [\"a\", \"b\", \"c\"], size = [1, 2] }\n\
                command = [\"{{ set.region }}\", \"{{ set.size }}\"]";
    let array = "array_size = 7\narray_chunk = 4\nindex_map = true";
    format!("{classes}{}{}", job("sets", sets), job("wide", array))
}

/// Every due hour has each set once, and each index of the array in one run; no name went out twice,
/// and no index was sent again after its success.
async fn check_many(world: &World) {
    let mut hours: BTreeMap<(String, Timestamp), Vec<String>> = BTreeMap::new();
    for run in world.runs().await {
        let what = match (&run.set, &run.indices) {
            (_, Some(indices)) => indices.assigned.to_string(),
            (Some(set), None) => set.described(),
            (None, None) => panic!("{run:?}"),
        };
        let mut done: Vec<u32> = Vec::new();
        for attempt in world.store.attempts(&run.id).await.unwrap() {
            if attempt.end == Some(AttemptEnd::Succeeded) {
                done.extend(attempt.index);
            }
        }
        let times = done.len();
        done.sort_unstable();
        done.dedup();
        assert_eq!(times, done.len(), "an index was done twice: {run:?}");
        hours.entry((run.job.to_string(), run.scheduled_for)).or_default().push(what);
    }
    let first = at(BEGIN).as_second() / 3600;
    let last = (world.clock.now().as_second() - 600) / 3600;
    assert_eq!(hours.len() as i64, 2 * (last - first + 1), "{:?}", hours.keys());
    for ((job, _), mut found) in hours {
        found.sort();
        let expected: &[&str] = match job.as_str() {
            "wide" => &["0-3", "4-6"],
            _ => &[
                "region=a size=1",
                "region=a size=2",
                "region=b size=1",
                "region=b size=2",
                "region=c size=1",
                "region=c size=2",
            ],
        };
        assert_eq!(found, expected);
    }
    let names: Vec<String> =
        world.cloud.submissions().iter().map(|submitted| submitted.name.to_string()).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "submitted twice");
}

#[tokio::test]
async fn deaths_at_any_call_lose_and_double_no_set_and_no_index() {
    for seed in 0..12 {
        let world = World::of(&many(), scenario(1.5), seed).await;
        check_many(&survivor(world, seed, 8).await).await;
    }
}

#[tokio::test]
async fn deaths_at_any_call_lose_and_double_nothing() {
    for seed in 0..40 {
        survive(seed, 8).await;
    }
}

/// Found by the simulation: the run still watched the younger job, took its end for somebody's wish, and
/// the older one was terminated as well.
#[tokio::test]
async fn a_death_after_a_duplicate_was_terminated_leaves_the_run_with_the_older_job() {
    let mut account = scenario(0.0);
    account.timing.listing_lag_secs = 200;
    let mut world = World::of(CATALOGUE, account, 1).await;
    world.cloud.set_faults(Faults::default().on_call(Operation::SubmitJob, 1, Fault::LostAfter));
    world.run_for(SignedDuration::from_mins(13)).await;
    let trap =
        Arc::new(Trap { left: AtomicI64::new(0), after_effect: true.into(), died: Notify::new() });
    world.ports.batch =
        Arc::new(Trapped { inner: Arc::clone(&world.ports.batch), trap: Arc::clone(&trap) });
    world.restart().await;
    let until = world.clock.now() + SignedDuration::from_mins(6);
    assert!(run_or_die(&mut world, &trap, until).await, "the late look terminates the younger job");
    trap.arm(i64::MAX, false);
    world.restart().await;
    world.run_for(SignedDuration::from_hours(2)).await;
    let first = world.runs().await.into_iter().min_by_key(|run| run.scheduled_for).unwrap();
    let outcome = RunOutcome::Succeeded;
    assert!(matches!(first.state, RunState::Ended { outcome: o, .. } if o == outcome), "{first:?}");
    let name = first.legs[0].batch_name.as_str();
    let ended = world.cloud.lives().into_iter().filter(|life| life.name == name);
    let ended: Vec<BatchStatus> = ended.map(|life| life.status).collect();
    assert_eq!(ended, [BatchStatus::Succeeded, BatchStatus::Failed]);
}
