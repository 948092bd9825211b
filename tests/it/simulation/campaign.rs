//! Many stories, on all cores, and what came of them.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use spotcron::settings::{LogFormat, LogSettings};

use super::fate::Fault;
use super::life::play;
use super::oracle::judge;
use super::story::{Story, Suite};

/// Which stories are played.
pub struct Campaign {
    suite: Suite,
    first: u64,
    count: u64,
    /// So many failures are enough to stop.
    enough: usize,
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

impl Campaign {
    /// `count` stories, or what the environment asks for instead: `SIM_SEEDS` many, or just `SIM_SEED`,
    /// of the suite `SIM_SUITE`. `SIM_LOG=info` shows the daemon's log, `SIM_TELL=<run>` a run's events.
    pub fn of(suite: Suite, count: u64) -> Self {
        let other = std::env::var("SIM_SUITE")
            .is_ok_and(|asked| !asked.is_empty() && asked != suite.label());
        let (first, count) = match (number("SIM_SEED"), number("SIM_SEEDS")) {
            _ if other => (0, 0),
            (Some(seed), _) => (seed, 1),
            (None, Some(seeds)) => (0, seeds),
            (None, None) => (0, count),
        };
        if let Ok(level) = std::env::var("SIM_LOG") {
            let log = LogSettings { level, format: LogFormat::Human };
            // The other suite may have been first.
            let _ = spotcron::telemetry::init(&log);
        }
        Campaign { suite, first, count, enough: 3 }
    }

    /// Stops at the first failure.
    #[cfg(feature = "mutations")]
    pub fn until_a_failure(suite: Suite, count: u64) -> Self {
        Campaign { suite, first: 0, count, enough: 1 }
    }
}

/// What the stories came to.
#[derive(Default)]
pub struct Report {
    pub stories: u64,
    runs: u64,
    skipped: u64,
    submissions: u64,
    duplicates: u64,
    unknown: u64,
    faults: BTreeMap<Fault, u64>,
    /// By seed: what was wrong, and how to see it again.
    pub failures: Vec<(u64, String)>,
}

/// What is wrong with one story; nothing, if all is well.
pub fn verdict(suite: Suite, seed: u64, report: &mut Report) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let played = catch_unwind(AssertUnwindSafe(|| {
        let evidence = runtime.block_on(play(Story::of(suite, seed)));
        let wrong = judge(&evidence);
        (evidence, wrong)
    }));
    let (evidence, wrong) = match played {
        Ok(judged) => judged,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            return vec![format!("panicked: {}", text.unwrap_or_default())];
        }
    };
    report.stories += 1;
    report.runs += evidence.runs.len() as u64;
    report.skipped += evidence.skips.iter().map(|skipped| skipped.count).sum::<u64>();
    report.submissions += evidence.submissions.len() as u64;
    report.duplicates += evidence.duplicates_noticed() as u64;
    report.unknown += evidence.unknown() as u64;
    for (fault, count) in &evidence.faults {
        *report.faults.entry(*fault).or_default() += count;
    }
    if let Ok(run) = std::env::var("SIM_TELL") {
        evidence.tell(&run);
    }
    wrong
}

/// Plays the campaign's stories on all cores.
pub fn play_all(campaign: &Campaign) -> Report {
    let next = AtomicU64::new(0);
    let whole = Mutex::new(Report::default());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let progress = (campaign.count / 20).max(1_000);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::SeqCst);
                    let lock = || whole.lock().unwrap_or_else(PoisonError::into_inner);
                    if index >= campaign.count || lock().failures.len() >= campaign.enough {
                        return;
                    }
                    let (seed, mut mine) = (campaign.first + index, Report::default());
                    let wrong = verdict(campaign.suite, seed, &mut mine);
                    let mut report = lock();
                    report.add(mine);
                    if !wrong.is_empty() {
                        report.failures.push((seed, told(campaign.suite, seed, &wrong)));
                    }
                    if report.stories % progress == 0 {
                        println!("{} so far: {report}", campaign.suite.label());
                    }
                }
            });
        }
    });
    let mut report = whole.into_inner().unwrap_or_else(PoisonError::into_inner);
    report.failures.sort();
    if report.stories > 0 {
        println!("{}: {report}", campaign.suite.label());
    }
    report
}

fn told(suite: Suite, seed: u64, wrong: &[String]) -> String {
    format!(
        "seed {seed}:\n  {}\n  again: make sim SUITE={} SEED={seed}",
        wrong.join("\n  "),
        suite.label()
    )
}

impl Report {
    fn add(&mut self, other: Report) {
        self.stories += other.stories;
        self.runs += other.runs;
        self.skipped += other.skipped;
        self.submissions += other.submissions;
        self.duplicates += other.duplicates;
        self.unknown += other.unknown;
        for (fault, count) in other.faults {
            *self.faults.entry(fault).or_default() += count;
        }
    }

    pub fn expect_no_failure(&self) {
        let told: Vec<&str> = self.failures.iter().map(|(_, told)| told.as_str()).collect();
        assert!(told.is_empty(), "{}", told.join("\n"));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_fault = |(fault, _): &(&Fault, &u64)| **fault != Fault::Command;
        let faults: u64 = self.faults.iter().filter(is_fault).map(|(_, count)| count).sum();
        write!(
            f,
            "{} stories, {} runs, {} submissions, {} times skipped, {} unknown, {} duplicates \
             terminated, {faults} faults:",
            self.stories, self.runs, self.submissions, self.skipped, self.unknown, self.duplicates
        )?;
        self.faults.iter().try_for_each(|(fault, count)| write!(f, " {fault:?} {count}"))
    }
}
