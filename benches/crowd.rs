//! Catalogues of very many jobs, and a store with a long past.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use spotcron::catalogue::{self, Catalogue};
use spotcron::diagnostic::Source;
use spotcron::domain::{RunId, RunOutcome};
use spotcron::ports::{Store, Write};
use spotcron::run::{Run, RunState, Trigger};
use spotcron::store::SqliteStore;

use crate::live::{Daemon, identity};

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

pub fn parse(text: String) -> Catalogue {
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
    let id = RunId::of(&job.as_str().into(), at);
    Run {
        state: RunState::Ended { outcome: RunOutcome::Succeeded, at },
        ..Run::new(id, job.into(), "c".into(), Trigger::Schedule, at, at)
    }
}

/// CPU time of this process so far, by the kernel's own count in ticks of 10 ms.
pub fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

/// How long after `at` each of `count` intents was seen durable, and the first 500 of them.
pub async fn intents_after(
    daemon: &Daemon,
    at: Timestamp,
    count: usize,
) -> (Vec<Duration>, Duration) {
    let mut seen = Vec::new();
    let mut first_500 = Duration::ZERO;
    let patience = at + SignedDuration::from_secs(60);
    while seen.len() < count && Timestamp::now() < patience {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let intended = daemon.shared.book.open_where(|run| !run.legs.is_empty()).len();
        let after = Duration::try_from(Timestamp::now().duration_since(at)).unwrap_or_default();
        seen.resize(intended.max(seen.len()), after);
        if seen.len() >= 500 && first_500.is_zero() {
            first_500 = after;
        }
    }
    (seen, first_500)
}

/// How long after `at` the last of `count` runs was seen durable, whatever it does next.
pub async fn created_after(daemon: &Daemon, at: Timestamp, count: usize) -> Duration {
    let patience = at + SignedDuration::from_secs(60);
    loop {
        let created = daemon.shared.book.open_where(|_| true).len();
        let now = Timestamp::now();
        if created >= count || now > patience {
            return Duration::try_from(now.duration_since(at)).unwrap_or_default();
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
