//! Catalogues of very many jobs, and a daemon in real time with one.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use spotcron::catalogue::{self, Catalogue};
use spotcron::clock::{Clock, WallClock};
use spotcron::daemon::{
    Book, Cloud, CronWakeSource, Mode, Parts, Shared, all_tasks, is_ready, run_realtime,
};
use spotcron::diagnostic::Source;
use spotcron::domain::{Capacity, RunId, RunOutcome};
use spotcron::ports::{Store, StoreIdentity, Write};
use spotcron::run::{Run, RunState, Trigger};
use spotcron::settings::Settings;
use spotcron::sim::{Scenario, SimCloud};
use spotcron::store::SqliteStore;
use tokio::sync::watch;

const HEAD: &str = "[[environments]]\nname = \"spot\"\nqueue = \"spot\"\ncapacity = \"spot\"\n\
     region = \"us-east-1\"\n\
     [[environments]]\nname = \"steady\"\nqueue = \"steady\"\ncapacity = \"on-demand\"\n\
     region = \"us-east-1\"\n\
     [[classes]]\nname = \"c\"\nenvironments = [\"spot\", \"steady\"]\n\
     expected_duration = \"20m\"\ndeadline = \"3h\"\n";

/// Half a year from now, so that nothing is due.
fn far_month() -> i8 {
    (Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date().month() + 5) % 12 + 1
}

/// The `index`-th of as many different expressions as are asked for, six fields, at `second`.
pub fn expression(index: usize, second: &str) -> String {
    let (minute, hour, day) = (index % 60, index / 60 % 24, index / 1440 % 28 + 1);
    // Beyond the minutes of a month, days of the week tell expressions apart.
    let weekdays = ["*", "1-5", "0,6", "1,3,5", "2,4,6", "1"][index / 40_320 % 6];
    format!("{second} {minute} {hour} {day} {} {weekdays}", far_month())
}

fn job(text: &mut String, index: usize, cron: &str) {
    write!(
        text,
        "\n[[jobs]]\nname = \"job-{index}\"\nclass = \"c\"\ncron = \"{cron}\"\n\
         definition = \"twenty:1\"\nvcpus = 1\nmemory_mib = 2048\n"
    )
    .expect("a string can be written to");
}

/// `jobs` jobs with expressions of their own, none of them due soon.
pub fn text(jobs: usize, second: &str) -> String {
    let mut text = HEAD.to_owned();
    (0..jobs).for_each(|index| job(&mut text, index, &expression(index, second)));
    text
}

/// `jobs` jobs that are all due at `clock`: second, minute and hour of cron's fields.
pub fn due_text(jobs: usize, clock: &str) -> String {
    let mut text = HEAD.to_owned();
    (0..jobs).for_each(|index| job(&mut text, index, &format!("{clock} * * *")));
    text
}

/// One job with `sets` parameter sets, due at `clock`.
pub fn sets_text(sets: usize, clock: &str) -> String {
    let mut text = HEAD.to_owned();
    job(&mut text, 0, &format!("{clock} * * *"));
    let values: Vec<String> = (0..sets).map(|index| format!("\"report-{index}\"")).collect();
    text.push_str("command = [\"report\", \"{{ set.report }}\"]\n");
    writeln!(text, "matrix = {{ report = [{}] }}", values.join(", ")).expect("a string");
    text
}

fn parse(text: String) -> Catalogue {
    let loaded = catalogue::load_sources(vec![Source::new("crowd.toml", text)]);
    loaded.catalogue.expect("a valid catalogue")
}

pub fn catalogue(jobs: usize, second: &str) -> Catalogue {
    parse(text(jobs, second))
}

/// Writes `count` runs that ended long ago into a new store at `path`.
pub async fn fill(path: &Path, count: usize) {
    let store = SqliteStore::open(path, identity()).expect("a store");
    let begin = Timestamp::now() - SignedDuration::from_hours(24 * 90);
    for first in (0..count).step_by(10_000) {
        let writes = (first..count.min(first + 10_000)).map(|index| {
            let at = begin + SignedDuration::from_secs((index / 10) as i64);
            Write::InsertRun(ended_run(index % 100_000, at))
        });
        store.commit(writes.collect()).await.expect("a commit");
    }
}

fn ended_run(job: usize, at: Timestamp) -> Run {
    let job = format!("job-{job}");
    Run {
        id: RunId::of(&job.as_str().into(), at),
        job: job.into(),
        class: "c".into(),
        trigger: Trigger::Schedule,
        scheduled_for: at,
        created_at: at,
        deadline_at: None,
        deadline_missed: false,
        state: RunState::Ended { outcome: RunOutcome::Succeeded, at },
        waits: Vec::new(),
        stop: None,
        legs: Vec::new(),
        failures: 0,
        progress_millis: 0,
        set: None,
        indices: None,
        previous_success: None,
        by_hand: Default::default(),
        version: 0,
    }
}

fn identity() -> StoreIdentity {
    StoreIdentity::Simulation { seed: 1 }
}

/// A daemon that runs.
pub struct Daemon {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    running: tokio::task::JoinHandle<Result<(), String>>,
    _folder: tempfile::TempDir,
}

impl Daemon {
    /// Returns when it is ready. The store is a new file, or the one given.
    pub async fn start(text: String, store: Option<PathBuf>) -> Daemon {
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
            catalogue: parse(text),
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

    /// How long after `at` the last of `count` runs was seen durable, whatever it does next.
    pub async fn created_after(&self, at: Timestamp, count: usize) -> Duration {
        let patience = at + SignedDuration::from_secs(60);
        loop {
            let created = self.shared.book.open_where(|_| true).len();
            let now = Timestamp::now();
            if created >= count || now > patience {
                return Duration::try_from(now.duration_since(at)).unwrap_or_default();
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// How long after `at` each of `count` intents was seen durable, and the first 500 of them.
    pub async fn intents_after(&self, at: Timestamp, count: usize) -> (Vec<Duration>, Duration) {
        let mut seen = Vec::new();
        let mut first_500 = Duration::ZERO;
        let patience = at + SignedDuration::from_secs(60);
        while seen.len() < count && Timestamp::now() < patience {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let intended = self.shared.book.open_where(|run| !run.legs.is_empty()).len();
            let after = Duration::try_from(Timestamp::now().duration_since(at)).unwrap_or_default();
            seen.resize(intended.max(seen.len()), after);
            if seen.len() >= 500 && first_500.is_zero() {
                first_500 = after;
            }
        }
        (seen, first_500)
    }

    pub async fn stop(self) {
        self.stop.send(true).expect("a daemon that listens");
        self.running.await.expect("no panic").expect("a clean end");
    }
}

/// Resident memory, in MiB.
pub fn memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let found = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    found.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// CPU time of this process so far, by the kernel's own count in ticks of 10 ms.
pub fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}
