//! A daemon in real time, on the simulated cloud, with its store in a file.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use spotcron::catalogue::Catalogue;
use spotcron::clock::{Clock, WallClock};
use spotcron::daemon::{
    Book, Cloud, CronWakeSource, Mode, Parts, Shared, all_tasks, is_ready, run_realtime,
};
use spotcron::domain::Capacity;
use spotcron::ports::{Store, StoreIdentity};
use spotcron::settings::Settings;
use spotcron::sim::{Scenario, SimCloud};
use spotcron::store::SqliteStore;
use tokio::sync::watch;

/// Whose data the store holds.
pub fn identity() -> StoreIdentity {
    StoreIdentity::Simulation { seed: 1 }
}

/// A daemon that runs.
pub struct Daemon {
    pub shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    running: tokio::task::JoinHandle<Result<(), String>>,
    _folder: tempfile::TempDir,
}

impl Daemon {
    /// Returns when it is ready. The store is a new file, or the one given.
    pub async fn start(catalogue: Catalogue, store: Option<PathBuf>) -> Daemon {
        let folder = tempfile::tempdir().expect("a folder");
        let path = store.unwrap_or_else(|| folder.path().join("spotcron.db"));
        let clock: Arc<dyn Clock> = Arc::new(WallClock);
        let scenario = Scenario::empty("us-east-1", "ab")
            .with_queue("spot", Capacity::Spot, &["m6i.xlarge", "m6i.2xlarge"], 256)
            .with_queue("steady", Capacity::OnDemand, &["m6i.xlarge"], 256)
            .with_definition("twenty", 1150);
        let cloud = SimCloud::new(scenario, 1, Arc::clone(&clock)).expect("a cloud");
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(path, identity()).expect("a store"));
        let shared = Arc::new(Shared::new(Parts {
            clock,
            settings: Settings::default(),
            mode: Mode::Submit,
            scope: "123456789012".to_owned(),
            cloud: Cloud {
                batch: Arc::new(cloud.clone()),
                instances: Arc::new(cloud.clone()),
                spot_prices: Arc::new(cloud.clone()),
                list_prices: Arc::new(cloud),
            },
            catalogue,
            book: Book::load(store).await.expect("a book"),
            calls: Arc::default(),
            custom_endpoint: false,
        }));
        shared.restore().await.expect("a restored daemon");
        let wakes = CronWakeSource::start().await.expect("wakes");
        let (stop, stopped) = watch::channel(false);
        let tasks = all_tasks(&shared);
        let running = {
            let shared = Arc::clone(&shared);
            tokio::spawn(async move { run_realtime(shared, tasks, &wakes, stopped).await })
        };
        while !is_ready(&shared) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Daemon { shared, stop, running, _folder: folder }
    }

    pub async fn stop(self) {
        self.stop.send(true).expect("a daemon that listens");
        self.running.await.expect("no panic").expect("a clean end");
    }
}

/// Memory in MiB, by a line of `/proc/self/status`: `VmRSS:` is what is resident, `VmHWM:` its peak.
pub fn memory_mib(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let found = status.lines().find_map(|text| text.strip_prefix(line));
    found.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}
