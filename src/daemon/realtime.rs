//! The loop that runs tasks in real time, each on its own, woken by its bell or its own wish.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_cron_scheduler::{Job, JobScheduler};

use super::driver::{failures_after, next_wake};
use super::{Shared, Task, memory};
use crate::ports::{Activator, WakeSource};

/// Periodic bells from tokio-cron-scheduler. It is good at what these need: few, in UTC, and none
/// the worse for a lost or late ring, because every task also knows its own period.
pub struct CronWakeSource {
    scheduler: JobScheduler,
}

impl CronWakeSource {
    pub async fn start() -> Result<Self, String> {
        let scheduler = JobScheduler::new().await.map_err(|error| error.to_string())?;
        scheduler.start().await.map_err(|error| error.to_string())?;
        Ok(CronWakeSource { scheduler })
    }
}

#[async_trait]
impl WakeSource for CronWakeSource {
    async fn every(
        &self,
        _task: &'static str,
        period: SignedDuration,
        activator: Activator,
    ) -> Result<(), String> {
        let period = Duration::try_from(period).unwrap_or(Duration::from_secs(1));
        let job = Job::new_repeated(period.max(Duration::from_secs(1)), move |_, _| {
            activator.ring();
        })
        .map_err(|error| error.to_string())?;
        self.scheduler.add(job).await.map_err(|error| error.to_string())?;
        Ok(())
    }
}

/// Runs `tasks` until `stop` turns true, lets the activations that run come to their end within
/// the grace, and says whether they all did. A task that panics ends the whole: the supervisor
/// restarts the process, which is better than half a daemon.
pub async fn run_realtime(
    shared: Arc<Shared>,
    tasks: Vec<Box<dyn Task>>,
    wakes: &dyn WakeSource,
    mut stop: watch::Receiver<bool>,
) -> Result<(), String> {
    let mut running = JoinSet::new();
    for task in tasks {
        wakes.every(task.name(), task.period(), task.bell()).await?;
        shared.status.expect(task.name(), shared.clock.now());
        running.spawn(task_loop(Arc::clone(&shared), task, stop.clone()));
    }
    let ended = tokio::select! {
        // In order: once told, a task that ends does as it was told.
        biased;
        () = told_to_stop(&mut stop) => None,
        ended = running.join_next() => ended,
    };
    match ended {
        Some(Err(error)) => return Err(format!("a task died: {error}")),
        // Told to stop, a task may be quicker than this function.
        Some(Ok(name)) if !*stop.borrow() => {
            return Err(format!("the task {name} ended by itself"));
        }
        Some(Ok(_)) | None => {}
    }
    let drained = tokio::time::timeout(grace_of(&shared), async {
        while running.join_next().await.is_some() {}
    });
    drained.await.map_err(|_| {
        "activations were still running when the grace ended; their intents are durable and are \
         looked up at the next start"
            .to_owned()
    })
}

/// How long what runs may go on after the word to stop.
pub(super) fn grace_of(shared: &Shared) -> Duration {
    Duration::try_from(shared.settings.shutdown_grace).unwrap_or_default()
}

/// Returns once `stop` is true, or nobody is left who could say so.
pub(super) async fn told_to_stop(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stopped| *stopped).await;
}

async fn task_loop(
    shared: Arc<Shared>,
    mut task: Box<dyn Task>,
    mut stop: watch::Receiver<bool>,
) -> &'static str {
    let bell = task.bell();
    let mut failures = 0;
    loop {
        let began = shared.clock.now();
        let result = task.activate(began).await;
        let ended = shared.clock.now();
        failures = failures_after(failures, &result);
        let wake = next_wake(ended, task.period(), &result, failures);
        shared.status.note(task.name(), began, ended, wake, &result);
        if result.is_ok_and(|activation| activation.frees_much) {
            // It takes tens of milliseconds. If it panics, the memory stays with the allocator.
            let _ = tokio::task::spawn_blocking(memory::give_back).await;
        }
        tokio::select! {
            () = told_to_stop(&mut stop) => return task.name(),
            () = bell.rung() => {}
            () = sleep_until(&shared, wake) => {}
        }
        if *stop.borrow() {
            return task.name();
        }
    }
}

async fn sleep_until(shared: &Shared, wake: Timestamp) {
    let span = wake.duration_since(shared.clock.now());
    tokio::time::sleep(Duration::try_from(span).unwrap_or_default()).await;
}
