//! The whole daemon in real time, with 10,000 jobs of which none is due: how soon it is ready, what
//! it keeps in memory, and what a scrape costs. Then all of them are due in the same second: how soon
//! every run has its intent in the store. One measurement a process, because memory that was used
//! before would count, too.

use std::cell::Cell;
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use spotcron::catalogue;
use spotcron::clock::{Clock, WallClock};
use spotcron::daemon::{
    Book, Cloud, CronWakeSource, Mode, Parts, Shared, all_tasks, is_ready, metrics_text,
    run_realtime,
};
use spotcron::diagnostic::Source;
use spotcron::domain::Capacity;
use spotcron::ports::{Store, StoreIdentity};
use spotcron::settings::Settings;
use spotcron::sim::{Scenario, SimCloud};
use spotcron::store::SqliteStore;

const JOBS: usize = 10_000;
const ZONES: [&str; 4] = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo"];

/// As many different cron expressions as jobs, due in the month given.
fn spread(month: i8) -> impl Fn(usize) -> String {
    move |index| {
        let (minute, hour, day) = (index % 60, index / 60 % 24, index / 1440 % 28 + 1);
        format!("{minute} {hour} {day} {month} *")
    }
}

/// All due with the next minute that is not just about to come.
fn next_minute() -> (Timestamp, impl Fn(usize) -> String) {
    let soon = WallClock.now() + SignedDuration::from_secs(5);
    let at = Timestamp::from_second((soon.as_second() / 60 + 1) * 60).expect("a time");
    let utc = at.to_zoned(TimeZone::UTC);
    let cron = utc.strftime("%-M %-H %-d %-m *").to_string();
    (at, move |_| cron.clone())
}

fn catalogue_text(cron: impl Fn(usize) -> String, zones: &[&str]) -> String {
    let mut text = String::from(
        "[[environments]]\nname = \"spot\"\nqueue = \"spot\"\ncapacity = \"spot\"\n\
         region = \"us-east-1\"\n\
         [[environments]]\nname = \"steady\"\nqueue = \"steady\"\ncapacity = \"on-demand\"\n\
         region = \"us-east-1\"\n\
         [[classes]]\nname = \"c\"\nenvironments = [\"spot\", \"steady\"]\n\
         expected_duration = \"20m\"\ndeadline = \"3h\"\n",
    );
    for index in 0..JOBS {
        let (cron, zone) = (cron(index), zones[index % zones.len()]);
        write!(
            text,
            "\n[[jobs]]\nname = \"job-{index}\"\nclass = \"c\"\n\
             cron = \"{cron}\"\ntime_zone = \"{zone}\"\ndefinition = \"twenty:1\"\nvcpus = 2\nmemory_mib = 4096\n\
             command = [\"run\", \"--index\", \"{index}\"]\n\
             environment = {{ LEVEL = \"info\", TARGET = \"s3://example/{index}\" }}\n"
        )
        .expect("a string can be written to");
    }
    text
}

/// A line of `/proc/self/status`, in KiB.
fn memory(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let found = status.lines().find_map(|l| l.strip_prefix(line));
    found.and_then(|rest| rest.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}

/// Makes all jobs due at the same time. Gives how long after that every run was in the store, and
/// how long after it every intent.
async fn burst(shared: &Shared) -> (SignedDuration, SignedDuration) {
    let (due, cron) = next_minute();
    let source = Source::new("due.toml", catalogue_text(cron, &["UTC"]));
    let loaded = catalogue::load_sources(vec![source]);
    shared.replace_catalogue(loaded.catalogue.expect("a valid catalogue"));
    let mut runs_after = None;
    loop {
        let (runs, intents) = (Cell::new(0), Cell::new(0));
        // What the book shows is durable.
        shared.book.open_where(|run| {
            runs.set(runs.get() + 1);
            intents.set(intents.get() + usize::from(!run.legs.is_empty()));
            false
        });
        let after = WallClock.now().duration_since(due);
        if runs.get() == JOBS {
            runs_after.get_or_insert(after);
        }
        if intents.get() == JOBS {
            return (runs_after.unwrap_or(after), after);
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn main() {
    let today = WallClock.now().to_zoned(TimeZone::UTC).date();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("large.toml");
    std::fs::write(&file, catalogue_text(spread((today.month() + 5) % 12 + 1), &ZONES))
        .expect("a catalogue");

    let began = Instant::now();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let loaded = catalogue::load(std::slice::from_ref(&file));
        let clock: Arc<dyn Clock> = Arc::new(WallClock);
        let scenario = Scenario::empty("us-east-1", "ab")
            .with_queue("spot", Capacity::Spot, &["m6i.xlarge", "m6i.2xlarge"], 256)
            .with_queue("steady", Capacity::OnDemand, &["m6i.xlarge"], 256)
            .with_definition("twenty", 1150);
        let cloud = SimCloud::new(scenario, 1, Arc::clone(&clock)).expect("a cloud");
        let store: Arc<dyn Store> = Arc::new(
            SqliteStore::open(
                folder.path().join("spotcron.db"),
                StoreIdentity::Simulation { seed: 1 },
            )
            .expect("a store"),
        );
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
            catalogue: loaded.catalogue.expect("a valid catalogue"),
            book: Book::load(store).await.expect("a book"),
            calls: Arc::default(),
            custom_endpoint: false,
        }));
        shared.restore().await.expect("a restored daemon");
        let wakes = CronWakeSource::start().await.expect("wakes");
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let tasks = all_tasks(&shared);
        let daemon = {
            let shared = Arc::clone(&shared);
            tokio::spawn(async move { run_realtime(shared, tasks, &wakes, stopped).await })
        };
        while !is_ready(&shared) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let ready = began.elapsed();
        let scrape = Instant::now();
        let page = metrics_text(&shared).expect("a page");
        let scraped = scrape.elapsed();
        println!("ready_ms {}", ready.as_millis());
        println!("resident_mib {}", memory("VmRSS") / 1024);
        println!("resident_peak_mib {}", memory("VmHWM") / 1024);
        println!("scrape_us {}", scraped.as_micros());
        println!("scrape_bytes {}", page.len());
        let (runs, intents) = burst(&shared).await;
        println!("runs_durable_ms {}", runs.as_millis());
        println!("intents_durable_ms {}", intents.as_millis());
        stop.send(true).expect("a daemon that listens");
        daemon.await.expect("no panic").expect("a clean end");
    });
}
