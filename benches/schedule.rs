//! Very many jobs: what they cost while none is due, what becomes of 10,000 that are due in the same
//! second, and how soon a daemon with a long past is ready; beside tokio-cron-scheduler, which most
//! Rust programs use. One measurement a process, because memory that was used before would count, too.

mod crowd;
mod live;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crowd::{cpu_seconds, created_after, intents_after};
use jiff::{SignedDuration, Timestamp};
use live::{Daemon, memory_mib};
use spotcron::schedule::{CatchUpTerms, Timetable};
use tokio_cron_scheduler::{Job, JobScheduler};

/// How long a process is watched while nothing is due.
const WATCHED: Duration = Duration::from_secs(60);
const MANY: usize = 100_000;
const BURST: usize = 10_000;

fn main() {
    let measure = std::env::args().nth(1).filter(|arg| !arg.starts_with('-'));
    let Some(measure) = measure else {
        // Each in a process of its own.
        let program = std::env::current_exe().expect("a program");
        for measure in
            ["timetable", "idle", "idle-beside", "burst", "burst-sets", "burst-beside", "restart"]
        {
            let ended = std::process::Command::new(&program).arg(measure).status();
            assert!(ended.expect("a process").success(), "{measure} failed");
        }
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        match measure.as_str() {
            "timetable" => timetable().await,
            "idle" => idle().await,
            "idle-beside" => idle_beside().await,
            "burst" => burst().await,
            "burst-sets" => burst_sets().await,
            "burst-beside" => burst_beside().await,
            "restart" => restart().await,
            other => panic!("there is no measurement {other}"),
        }
    });
}

/// Prints what the process used of one core over [`WATCHED`], and its resident memory.
async fn watch(what: &str) {
    // What starting up left is over by then.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let before = cpu_seconds();
    tokio::time::sleep(WATCHED).await;
    let share = (cpu_seconds() - before) / WATCHED.as_secs_f64() * 100.0;
    println!("{what}_cpu_percent {share:.3}");
    println!("{what}_resident_mib {}", memory_mib("VmRSS:"));
}

async fn timetable() {
    let catalogue = Arc::new(crowd::catalogue(MANY, "0"));
    let began = Instant::now();
    let now = Timestamp::now();
    let mut timetable = Timetable::new(Arc::clone(&catalogue), &Default::default(), now);
    let window = SignedDuration::from_hours(1);
    let terms = CatchUpTerms { window, limit: 100, is_paused: &|_| false };
    assert!(timetable.due(now, terms).start.is_empty());
    println!("timetable_ms {}", began.elapsed().as_millis());
}

async fn idle() {
    let daemon = Daemon::start(crowd::parse(crowd::text(MANY, "0")), None).await;
    watch("idle").await;
    daemon.stop().await;
}

async fn idle_beside() {
    let scheduler = JobScheduler::new().await.expect("a scheduler");
    let began = Instant::now();
    for index in 0..MANY {
        let job = Job::new_async(crowd::expression(index, "0").as_str(), |_, _| Box::pin(async {}));
        scheduler.add(job.expect("a job")).await.expect("an added job");
    }
    scheduler.start().await.expect("a started scheduler");
    println!("beside_build_ms {}", began.elapsed().as_millis());
    watch("beside").await;
}

/// A second some way ahead, as the head of cron expressions that name it.
fn soon(ahead: i64) -> (Timestamp, String) {
    let at = Timestamp::from_second(Timestamp::now().as_second() + ahead).expect("a time");
    (at, at.strftime("%S %M %H").to_string())
}

async fn burst() {
    // Prices must be known by then, or decisions wait for them.
    let (at, second) = soon(25);
    let daemon = Daemon::start(crowd::parse(crowd::due_text(BURST, &second)), None).await;
    let (durable, first_500) = intents_after(&daemon, at, BURST).await;
    println!("burst_intents {}", durable.len());
    println!("burst_all_durable_ms {}", durable.last().copied().unwrap_or_default().as_millis());
    println!("burst_first_500_ms {}", first_500.as_millis());
    daemon.stop().await;

    let (at, second) = soon(25);
    let daemon = Daemon::start(crowd::parse(crowd::due_text(500, &second)), None).await;
    let (durable, _) = intents_after(&daemon, at, 500).await;
    let p99 = durable.get(durable.len() * 99 / 100).copied().unwrap_or_default();
    println!("five_hundred_p99_ms {}", p99.as_millis());
    daemon.stop().await;
}

/// One job with as many parameter sets.
async fn burst_sets() {
    let (at, second) = soon(25);
    let daemon = Daemon::start(crowd::parse(crowd::sets_text(BURST, &second)), None).await;
    let created = created_after(&daemon, at, BURST).await;
    println!("sets_all_created_ms {}", created.as_millis());
    let (durable, _) = intents_after(&daemon, at, BURST).await;
    println!("sets_intents {}", durable.len());
    println!("sets_all_intents_ms {}", durable.last().copied().unwrap_or_default().as_millis());
    daemon.stop().await;
}

async fn burst_beside() {
    let ran = Arc::new(AtomicUsize::new(0));
    let scheduler = JobScheduler::new().await.expect("a scheduler");
    let (at, second) = soon(25);
    for _ in 0..BURST {
        let ran = Arc::clone(&ran);
        let job = Job::new_async(format!("{second} * * *").as_str(), move |_, _| {
            let ran = Arc::clone(&ran);
            Box::pin(async move {
                ran.fetch_add(1, Ordering::SeqCst);
            })
        });
        scheduler.add(job.expect("a job")).await.expect("an added job");
    }
    scheduler.start().await.expect("a started scheduler");
    let wait = at.duration_since(Timestamp::now()) + SignedDuration::from_secs(10);
    tokio::time::sleep(Duration::try_from(wait).expect("a time ahead")).await;
    println!("beside_burst_ran {} of {BURST}", ran.load(Ordering::SeqCst));
}

async fn restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("spotcron.db");
    crowd::fill(&path, 1_000_000).await;
    let text = crowd::text(MANY, "0");
    let began = Instant::now();
    let daemon = Daemon::start(crowd::parse(text), Some(path)).await;
    println!("restart_ready_ms {}", began.elapsed().as_millis());
    println!("restart_resident_mib {}", memory_mib("VmRSS:"));
    daemon.stop().await;
}
