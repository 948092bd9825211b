//! From a seed to a story: what has to be done, on what, and what goes wrong.

use jiff::{SignedDuration, Timestamp};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use spotcron::domain::Capacity;
use spotcron::sim::Scenario;

use super::client::Ask;
use super::fate::Rates;
use super::jobs::{Freeze, Job, Rule, job_name};
use super::shape::Shape;
use crate::samples::at;

/// Whether AWS keeps to the bound L (docs/concepts/exactly-once.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// What was accepted is listed within L after its caller gave up.
    Within,
    /// It may take longer: then a run may be sent twice, and that must be noticed.
    Beyond,
}

impl Suite {
    pub const fn label(self) -> &'static str {
        match self {
            Suite::Within => "within",
            Suite::Beyond => "beyond",
        }
    }
}

/// What happens besides the faults of single steps.
#[derive(Debug, Clone, Copy)]
pub enum Event {
    /// The process ends between two steps.
    Restart,
    /// The machine's clock is set by so many seconds.
    SetClock(i64),
    /// The catalogue is edited without touching a schedule.
    Touch,
    /// An environment gets another name.
    Rename,
    /// The job of this index gets another rule.
    Reschedule(usize),
    /// Spot capacity is gone for so many minutes.
    Crunch(i64),
    /// Another process takes the store over.
    Depose,
    /// Somebody gives a command.
    Ask(Ask),
}

#[derive(Debug, Clone)]
pub struct Story {
    pub seed: u64,
    pub suite: Suite,
    pub begin: Timestamp,
    /// When the faults end ...
    pub calm_from: Timestamp,
    /// ... and how long everything then has to come to rest.
    pub rest: SignedDuration,
    pub jobs: Vec<Job>,
    /// What a rescheduled job's rule becomes.
    pub other_rule: Rule,
    pub freeze: Freeze,
    pub scenario: Scenario,
    pub rates: Rates,
    pub events: Vec<(Timestamp, Event)>,
    pub on_files: bool,
    /// One absence is longer than `submission.unknown_after`.
    pub long_absence: bool,
    pub catch_up_limit: usize,
    pub catch_up_window: SignedDuration,
}

/// Evenings before and after which clocks change, and one on which they do not.
const BEGINS: [(&str, &[&str]); 4] = [
    ("2026-06-01T00:00:00Z", &["UTC", "Asia/Kolkata", "Europe/Berlin"]),
    ("2026-03-28T23:00:00Z", &["Europe/Berlin", "Europe/Lisbon", "UTC"]),
    ("2026-10-24T22:00:00Z", &["Europe/Berlin", "Europe/London", "UTC"]),
    ("2026-10-03T13:00:00Z", &["Australia/Lord_Howe", "Australia/Sydney", "UTC"]),
];

fn mins(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

pub fn one_of<T: Copy>(chance: &mut ChaCha8Rng, choices: &[T]) -> T {
    choices[chance.random_range(0..choices.len())]
}

impl Story {
    pub fn of(suite: Suite, seed: u64) -> Story {
        let salt = if suite == Suite::Beyond { 0xbe } else { 0 };
        let chance = &mut ChaCha8Rng::seed_from_u64(seed << 8 | salt);
        let (begin, zones) = one_of(chance, &BEGINS);
        let begin = at(begin);
        let long_absence = suite == Suite::Within && chance.random_range(0..8) == 0;
        let chaos = if long_absence { 16 * 60 } else { chance.random_range(150..300) };
        let calm_from = begin + mins(chaos);
        // Late looks are made for two hours.
        let rest = if suite == Suite::Beyond { 170 } else { 100 };
        // Drawn apart, so that a story stays what it was when its jobs learn something new.
        let more = &mut ChaCha8Rng::seed_from_u64(seed << 8 | salt | 1 << 60);
        let mut jobs = jobs(chance, begin, zones);
        for (index, job) in jobs.iter_mut().enumerate() {
            shape(more, index, job);
        }
        let from = begin + mins(chance.random_range(20..chaos.min(200)));
        let freeze = Freeze { from, until: from + mins(chance.random_range(10..60)) };
        let on_files = seed % 8 == 7;
        let mut events = events(chance, begin, chaos, jobs.len(), on_files);
        events.extend(commands(more, begin, chaos, jobs.len()));
        events.sort_by_key(|(at, _)| *at);
        Story {
            seed,
            suite,
            begin,
            calm_from,
            rest: mins(rest),
            other_rule: Rule::Every { minutes: 20, phase: 7 },
            freeze,
            scenario: scenario(chance, suite, long_absence),
            rates: rates(chance, suite, long_absence),
            events,
            on_files,
            long_absence,
            catch_up_limit: one_of(chance, &[100, 100, 3]),
            catch_up_window: mins(one_of(chance, &[60, 60, 20])),
            jobs,
        }
    }

    /// The catalogue as it is after `edits`.
    pub fn catalogue(&self, edits: &[Event]) -> String {
        let renamed = edits.iter().any(|edit| matches!(edit, Event::Rename));
        let spot = if renamed { "cheap" } else { "spot" };
        let touched = edits.len();
        let mut text = format!(
            "[[environments]]\nname = \"{spot}\"\nqueue = \"spot\"\ncapacity = \"spot\"\n\
             region = \"us-east-1\"\n\n[[environments]]\nname = \"steady\"\nqueue = \"steady\"\n\
             capacity = \"on-demand\"\nregion = \"us-east-1\"\n\n[[calendars]]\nname = \"freeze\"\n\
             windows = [{{ from = \"{}\", until = \"{}\" }}]\n\n",
            self.freeze.from, self.freeze.until
        );
        for (name, environments, expected) in [
            ("flexible", format!("[\"{spot}\", \"steady\"]"), 6),
            ("tight", format!("[\"{spot}\", \"steady\"]"), 12),
            ("steady", "[\"steady\"]".to_owned(), 6),
        ] {
            text += &format!(
                "[[classes]]\nname = \"{name}\"\nenvironments = {environments}\n\
                 expected_duration = \"{expected}m\"\ndeadline = \"40m\"\nmax_legs = 60\n\
                 wait_budget = \"4m\"\nlabels = {{ edits = \"{touched}\" }}\n\n"
            );
        }
        for (index, job) in self.jobs.iter().enumerate() {
            let is_edited = |edit: &Event| matches!(edit, Event::Reschedule(i) if *i == index);
            let rule = match edits.iter().any(is_edited) && job.shape.after.is_empty() {
                true => self.other_rule.clone(),
                false => job.rule.clone(),
            };
            text += &Job { rule, ..job.clone() }.toml();
        }
        text
    }
}

fn jobs(chance: &mut ChaCha8Rng, begin: Timestamp, zones: &[&'static str]) -> Vec<Job> {
    let count = chance.random_range(2..=5);
    let mut jobs: Vec<Job> = Vec::new();
    for index in 0..count {
        let minute = |chance: &mut ChaCha8Rng| chance.random_range(0..60);
        let rule = match chance.random_range(0..6) {
            0 | 1 => {
                let mut minutes = vec![minute(chance), minute(chance), minute(chance)];
                minutes.sort_unstable();
                minutes.dedup();
                Rule::Cron { minutes, hours: None }
            }
            2 | 3 => {
                let mut minutes = vec![minute(chance), minute(chance)];
                minutes.sort_unstable();
                minutes.dedup();
                let hours = (0..24).filter(|_| chance.random_bool(0.6)).chain([2]);
                let hours: std::collections::BTreeSet<i8> = hours.collect();
                Rule::Cron { minutes, hours: Some(hours.into_iter().collect()) }
            }
            4 => Rule::Every {
                minutes: chance.random_range(12..40),
                phase: chance.random_range(0..12),
            },
            _ => Rule::At(begin + mins(chance.random_range(10..140))),
        };
        jobs.push(Job {
            name: job_name(index),
            class: one_of(chance, &["flexible", "flexible", "tight", "steady"]),
            definition: one_of(chance, &["short", "short", "middling"]),
            rule,
            zone: one_of(chance, zones),
            skips: chance.random_bool(0.3),
            excludes: chance.random_bool(0.3),
            catch_up: one_of(chance, &["all", "all", "all", "latest", "none"]),
            spread_mins: one_of(chance, &[0, 0, 5]),
            shape: Shape::default(),
        });
    }
    jobs
}

/// Makes more of the job of this index than a schedule.
fn shape(chance: &mut ChaCha8Rng, index: usize, job: &mut Job) {
    job.shape = Shape::draw(chance, index);
    if job.shape.is_fickle {
        job.definition = "fickle";
    }
    if !job.shape.after.is_empty() {
        // Its times are those of others.
        job.rule = Rule::Upstream;
        (job.excludes, job.skips, job.spread_mins, job.zone) = (false, false, 0, "UTC");
    }
}

fn commands(
    chance: &mut ChaCha8Rng,
    begin: Timestamp,
    chaos: i64,
    jobs: usize,
) -> Vec<(Timestamp, Event)> {
    let count = one_of(chance, &[0, 2, 4, 8]);
    let command = |_| {
        let after = SignedDuration::from_secs(chance.random_range(180..chaos * 60));
        (begin + after, Event::Ask(Ask::draw(chance, jobs)))
    };
    (0..count).map(command).collect()
}

fn events(
    chance: &mut ChaCha8Rng,
    begin: Timestamp,
    chaos: i64,
    jobs: usize,
    on_files: bool,
) -> Vec<(Timestamp, Event)> {
    let mut events = Vec::new();
    for _ in 0..chance.random_range(2..9) {
        let event = match chance.random_range(0..12) {
            0..=2 => Event::Restart,
            3 | 4 => {
                let size = one_of(chance, &[5, 100, 400, 2_000, 5_000]);
                Event::SetClock(if chance.random_bool(0.5) { size } else { -size })
            }
            5 => Event::Touch,
            6 => Event::Rename,
            7 => Event::Reschedule(chance.random_range(0..jobs)),
            8 | 9 if on_files => Event::Depose,
            _ => Event::Crunch(chance.random_range(5..240)),
        };
        let after = SignedDuration::from_secs(chance.random_range(180..chaos * 60));
        events.push((begin + after, event));
    }
    if chance.random_range(0..5) == 0 {
        events.extend(uneasy_clock(chance, begin, chaos));
    }
    events.sort_by_key(|(at, _)| *at);
    events
}

/// A clock that is set every few minutes.
fn uneasy_clock(chance: &mut ChaCha8Rng, begin: Timestamp, chaos: i64) -> Vec<(Timestamp, Event)> {
    let sets = (0..chaos / 6).map(|_| {
        let after = SignedDuration::from_secs(chance.random_range(180..chaos * 60));
        let secs = chance.random_range(-180..=200);
        (begin + after, Event::SetClock(secs))
    });
    sets.collect()
}

fn scenario(chance: &mut ChaCha8Rng, suite: Suite, long_absence: bool) -> Scenario {
    let mut scenario = Scenario::empty("us-east-1", "ab")
        .with_queue("spot", Capacity::Spot, &["m6i.xlarge"], 64)
        .with_queue("steady", Capacity::OnDemand, &["m6i.xlarge"], 64)
        .with_definition("short", 200)
        .with_definition("middling", 500)
        .with_definition("fickle", 240);
    for fickle in scenario.definitions.iter_mut().filter(|one| one.name == "fickle") {
        fickle.failure_probability = 0.3;
    }
    scenario.market.reclaim_scale = one_of(chance, &[0.0, 1.0, 8.0]);
    scenario.market.history_days = 1;
    let timing = &mut scenario.timing;
    timing.listing_lag_spread_secs = match suite {
        Suite::Within => one_of(chance, &[0, 20, 65]),
        Suite::Beyond => one_of(chance, &[200, 900, 3_000]),
    };
    timing.describing_lag_secs = one_of(chance, &[0, 20, 60]);
    // Nothing is forgotten while the oracles may still ask, except where that is the story.
    timing.job_retention_secs = if long_absence { 6 * 3600 } else { 30 * 24 * 3600 };
    scenario
}

fn rates(chance: &mut ChaCha8Rng, suite: Suite, long_absence: bool) -> Rates {
    Rates {
        death: one_of(chance, &[if long_absence { 0.01 } else { 0.0 }, 0.002, 0.006, 0.015]),
        // Who is away for long should leave something behind that nobody knows of.
        call: one_of(chance, if long_absence { &[0.3, 0.5] } else { &[0.01, 0.05, 0.15, 0.3] }),
        disk: one_of(chance, &[0.0, 0.01, 0.04]),
        vanish: one_of(chance, &[0.0, 0.0, 0.0, 0.002]),
        // Together with the listing's lag it stays below L.
        late_secs: if suite == Suite::Within { 20 } else { 600 },
    }
}
