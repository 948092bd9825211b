//! What 10,000 running jobs cost in calls, on virtual time: while they run as long as expected, and
//! while all of them run longer. Ends with an error when a promise is broken.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Instant;

use jiff::SignedDuration;
use spotcron::catalogue;
use spotcron::clock::{Clock, VirtualClock};
use spotcron::daemon::{Book, Cloud, Mode, Parts, Shared, Unpaced, all_tasks, run_virtual};
use spotcron::diagnostic::Source;
use spotcron::domain::Capacity;
use spotcron::ports::{Store, StoreIdentity};
use spotcron::settings::Settings;
use spotcron::sim::{Faults, Operation, Scenario, SimCloud};
use spotcron::store::SqliteStore;

const JOBS: usize = 10_000;
/// How long is counted.
const WATCHED: SignedDuration = SignedDuration::from_mins(30);

fn catalogue_text(expected: &str) -> String {
    let mut text = format!(
        "[[environments]]\nname = \"spot\"\nqueue = \"spot\"\ncapacity = \"spot\"\n\
         region = \"us-east-1\"\n\
         [[environments]]\nname = \"steady\"\nqueue = \"steady\"\ncapacity = \"on-demand\"\n\
         region = \"us-east-1\"\n\
         [[classes]]\nname = \"c\"\nenvironments = [\"spot\", \"steady\"]\n\
         expected_duration = \"{expected}\"\ndeadline = \"20h\"\n",
    );
    for index in 0..JOBS {
        write!(
            text,
            "\n[[jobs]]\nname = \"job-{index}\"\nclass = \"c\"\ncron = \"10 0 * * *\"\n\
             time_zone = \"UTC\"\ndefinition = \"hours:1\"\nvcpus = 1\nmemory_mib = 2048\n"
        )
        .expect("a string can be written to");
    }
    text
}

async fn watch(label: &str, expected: &str) {
    let clock = VirtualClock::starting_at("2026-06-01T00:00:00Z".parse().expect("a time"));
    let time: Arc<dyn Clock> = Arc::new(clock.clone());
    let mut scenario = Scenario::empty("us-east-1", "ab")
        .with_queue("spot", Capacity::Spot, &["m6i.xlarge", "m6i.2xlarge"], 16_384)
        .with_queue("steady", Capacity::OnDemand, &["m6i.xlarge"], 16_384)
        .with_definition("hours", 6 * 3600);
    scenario.market.reclaim_scale = 0.0;
    let cloud = SimCloud::new(scenario, 1, Arc::clone(&time)).expect("a cloud");
    let source = Source::new("watching.toml", catalogue_text(expected));
    let store: Arc<dyn Store> =
        Arc::new(SqliteStore::in_memory(StoreIdentity::Simulation { seed: 1 }).expect("a store"));
    let shared = Arc::new(Shared::new(Parts {
        clock: time,
        settings: Settings::default(),
        mode: Mode::Submit,
        scope: "123456789012".to_owned(),
        cloud: Cloud {
            batch: Arc::new(cloud.clone()),
            instances: Arc::new(cloud.clone()),
            spot_prices: Arc::new(cloud.clone()),
            list_prices: Arc::new(cloud.clone()),
        },
        catalogue: catalogue::load_sources(vec![source]).catalogue.expect("a valid catalogue"),
        book: Book::load(store).await.expect("a book"),
        calls: Arc::default(),
        custom_endpoint: false,
    }));
    shared.restore().await.expect("a restored daemon");
    let until = clock.now() + SignedDuration::from_mins(60);
    run_virtual(&shared, all_tasks(&shared), &clock, until, &mut Unpaced).await;

    cloud.set_faults(Faults::default());
    let began = Instant::now();
    let tasks = all_tasks(&shared);
    run_virtual(&shared, tasks, &clock, until + WATCHED, &mut Unpaced).await;
    let took = began.elapsed();
    let watching = shared.book.open_where(|run| run.state.label() == "watching").len();
    assert_eq!(watching, JOBS, "every job still runs");
    let calls = cloud.calls();
    let describes = calls[&Operation::DescribeJobs] as f64;
    // The look at the very beginning is a new process's.
    let looks = WATCHED.as_secs() as f64 / 60.0 + 1.0;
    let a_hundred = describes / looks / (JOBS as f64 / 100.0);
    let a_second = calls.values().sum::<u64>() as f64 / WATCHED.as_secs() as f64;
    println!("{label}_describes_a_hundred_and_minute {a_hundred:.3}");
    println!("{label}_calls_a_second {a_second:.2}");
    println!("{label}_us_a_look {:.1}", took.as_micros() as f64 / (describes * 100.0));
    assert!(a_hundred <= 1.0, "one call of DescribeJobs a hundred jobs and minute is promised");
    assert!(a_second < 10.0, "less than ten calls a second are promised");
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(watch("running", "6h"));
    runtime.block_on(watch("overdue", "20m"));
}
