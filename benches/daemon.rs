//! The whole daemon in real time, with 10,000 jobs of which none is due: how soon it is ready, what
//! it keeps in memory, and what a scrape costs. One measurement a process, because memory that was
//! used before would count, too.

mod live;

use std::fmt::Write;
use std::time::Instant;

use jiff::tz::TimeZone;
use live::{Daemon, memory_mib};
use spotcron::catalogue;
use spotcron::clock::{Clock, WallClock};
use spotcron::daemon::metrics_text;

const JOBS: usize = 10_000;
const ZONES: [&str; 4] = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo"];

/// As many different cron expressions as jobs, due in the month given.
fn spread(month: i8) -> impl Fn(usize) -> String {
    move |index| {
        let (minute, hour, day) = (index % 60, index / 60 % 24, index / 1440 % 28 + 1);
        format!("{minute} {hour} {day} {month} *")
    }
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
        let daemon = Daemon::start(loaded.catalogue.expect("a valid catalogue"), None).await;
        let ready = began.elapsed();
        let scrape = Instant::now();
        let page = metrics_text(&daemon.shared).expect("a page");
        let scraped = scrape.elapsed();
        println!("ready_ms {}", ready.as_millis());
        println!("resident_mib {}", memory_mib("VmRSS:"));
        println!("resident_peak_mib {}", memory_mib("VmHWM:"));
        println!("scrape_us {}", scraped.as_micros());
        println!("scrape_bytes {}", page.len());
        daemon.stop().await;
    });
}
