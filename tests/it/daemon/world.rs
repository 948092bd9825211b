//! A daemon with its cloud and its store; it can be stopped at any moment and started again from
//! what the store remembers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use spotcron::catalogue::{self, Catalogue};
use spotcron::cli::demo::reckoning::reckon;
use spotcron::cli::summary::Bill;
use spotcron::clock::{Clock, VirtualClock};
use spotcron::cost::PriceMode;
use spotcron::daemon::{Book, Cloud, Mode, Parts, Shared, Unpaced, all_tasks, run_virtual};
use spotcron::diagnostic::Source;
use spotcron::domain::{RunId, RunOutcome, Usd};
use spotcron::ledger::{Counter, Entry, Summary};
use spotcron::ports::{Activator, RunQuery, Store, StoreIdentity, WakeSource};
use spotcron::run::{Run, RunEventKind, RunState};
use spotcron::settings::Settings;
use spotcron::sim::{Scenario, SimCloud};
use spotcron::store::SqliteStore;

pub const BEGIN: &str = "2026-06-01T00:00:00Z";

/// Two kinds of capacity, a flexible class and jobs of different lengths.
pub const CATALOGUE: &str = r#"
[[environments]]
name = "spot"
queue = "spot"
capacity = "spot"
region = "us-east-1"

[[environments]]
name = "steady"
queue = "steady"
capacity = "on-demand"
region = "us-east-1"

[[classes]]
name = "flexible"
environments = ["spot", "steady"]
expected_duration = "20m"
deadline = "3h"

[[classes]]
name = "long"
environments = ["spot", "steady"]
expected_duration = "1h"
deadline = "5h"

[[jobs]]
name = "import"
class = "flexible"
cron = "*/20 * * * *"
time_zone = "UTC"
definition = "twenty:1"
vcpus = 1
memory_mib = 2048

[[jobs]]
name = "report"
class = "long"
cron = "10 */2 * * *"
time_zone = "Europe/Berlin"
definition = "hour:1"
vcpus = 2
memory_mib = 8192
"#;

/// The classes, and one array of so many children of an hour, every six hours from 00:20.
pub fn wide_array(children: u32) -> String {
    let classes = CATALOGUE.split("[[jobs]]").next().unwrap();
    format!(
        "{classes}\n[[jobs]]\nname = \"wide\"\nclass = \"long\"\ncron = \"20 */6 * * *\"\n\
         time_zone = \"UTC\"\ndefinition = \"hour:1\"\narray_size = {children}\nvcpus = 1\n\
         memory_mib = 2048\n"
    )
}

/// The account under it: `scale` says how often capacity is taken back.
pub fn scenario(scale: f64) -> Scenario {
    let mut scenario = Scenario::empty("us-east-1", "ab")
        .with_queue("spot", Capacity::Spot, &["m6i.xlarge", "m6i.2xlarge"], 256)
        .with_queue("steady", Capacity::OnDemand, &["m6i.xlarge"], 256)
        .with_definition("twenty", 1150)
        .with_definition("hour", 3500);
    scenario.market.reclaim_scale = scale;
    scenario
}

use spotcron::domain::Capacity;

/// Nothing rings: every task knows its own period.
pub struct NoWakes;

#[async_trait]
impl WakeSource for NoWakes {
    async fn every(
        &self,
        _task: &'static str,
        _period: SignedDuration,
        _activator: Activator,
    ) -> Result<(), String> {
        Ok(())
    }
}

pub struct World {
    pub clock: VirtualClock,
    pub cloud: SimCloud,
    pub store: Arc<dyn Store>,
    pub shared: Arc<Shared>,
    pub ports: Cloud,
    pub mode: Mode,
    pub settings: Settings,
    pub catalogue: String,
}

impl World {
    pub async fn new(seed: u64, scale: f64) -> Self {
        World::of(CATALOGUE, scenario(scale), seed).await
    }

    pub async fn of(catalogue: &str, scenario: Scenario, seed: u64) -> Self {
        let clock = VirtualClock::starting_at(BEGIN.parse().unwrap());
        let cloud = SimCloud::new(scenario, seed, Arc::new(clock.clone())).unwrap();
        let ports = Cloud {
            batch: Arc::new(cloud.clone()),
            instances: Arc::new(cloud.clone()),
            spot_prices: Arc::new(cloud.clone()),
            list_prices: Arc::new(cloud.clone()),
        };
        let store: Arc<dyn Store> =
            Arc::new(SqliteStore::in_memory(StoreIdentity::Simulation { seed }).unwrap());
        let mode = Mode::Submit;
        let mut settings = Settings::default();
        settings.ledger.price_mode = PriceMode::Continuous;
        let shared = assemble(&clock, &ports, &store, catalogue, mode, &settings).await;
        let catalogue = catalogue.to_owned();
        World { clock, cloud, store, shared, ports, mode, settings, catalogue }
    }

    /// What a process that starts now begins with. Whatever the old one had in memory is gone.
    pub async fn restart(&mut self) {
        let World { clock, ports, store, catalogue, mode, settings, .. } = &*self;
        self.shared = assemble(clock, ports, store, catalogue, *mode, settings).await;
    }

    pub async fn run_for(&mut self, length: SignedDuration) {
        let until = self.clock.now() + length;
        let tasks = all_tasks(&self.shared);
        run_virtual(&self.shared, tasks, &self.clock, until, &mut Unpaced).await;
    }

    pub async fn runs(&self) -> Vec<Run> {
        self.store.runs(&RunQuery::default()).await.unwrap()
    }

    pub async fn entries(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        for run in self.runs().await {
            entries.extend(self.store.entries(&run.id).await.unwrap());
        }
        entries
    }

    pub async fn kinds(&self, run: &RunId) -> Vec<RunEventKind> {
        let events = self.store.events(run).await.unwrap();
        events.into_iter().map(|event| event.kind).collect()
    }

    pub fn count(&self, select: impl Fn(&Counter) -> bool) -> i128 {
        self.shared.book.tally().sum(select)
    }

    pub async fn bill(&self) -> Bill {
        reckon(&self.shared, &self.cloud, self.clock.now()).await.unwrap()
    }
}

async fn assemble(
    clock: &VirtualClock,
    ports: &Cloud,
    store: &Arc<dyn Store>,
    text: &str,
    mode: Mode,
    settings: &Settings,
) -> Arc<Shared> {
    let time: Arc<dyn Clock> = Arc::new(clock.clone());
    let shared = Shared::new(Parts {
        clock: time,
        settings: settings.clone(),
        mode,
        scope: "123456789012".to_owned(),
        cloud: ports.clone(),
        catalogue: parse(text),
        book: Book::load(Arc::clone(store)).await.unwrap(),
        calls: Arc::default(),
        custom_endpoint: false,
    });
    shared.restore().await.unwrap();
    Arc::new(shared)
}

pub fn parse(text: &str) -> Catalogue {
    let loaded = catalogue::load_sources(vec![Source::new("test.toml", text)]);
    let report = spotcron::diagnostic::render(&loaded.diagnostics, false);
    loaded.catalogue.unwrap_or_else(|| panic!("{report}"))
}

/// Every time of `*/20 * * * *` and of `10 */2 * * *` in Berlin's summer, in `(from, to]`, by
/// counting minutes: an oracle that shares nothing with the schedule.
pub fn due_runs(from: Timestamp, to: Timestamp) -> BTreeSet<String> {
    let mut due = BTreeSet::new();
    let mut minute = from.as_second() / 60 + 1;
    while minute * 60 <= to.as_second() {
        let at = Timestamp::from_second(minute * 60).unwrap();
        if minute % 20 == 0 {
            due.insert(format!("import-{}", at.strftime("%Y%m%dT%H%M%SZ")));
        }
        let (berlin_hour, in_hour) = ((minute / 60 + 2) % 24, minute % 60);
        if in_hour == 10 && berlin_hour % 2 == 0 {
            due.insert(format!("report-{}", at.strftime("%Y%m%dT%H%M%SZ")));
        }
        minute += 1;
    }
    due
}

/// What must hold whatever happened: every due run exists once, was never live twice at Batch, and
/// what was counted is what was stored.
pub async fn check(world: &World, from: Timestamp) {
    let runs = world.runs().await;
    let ids: Vec<String> = runs.iter().map(|run| run.id.to_string()).collect();
    let unique: BTreeSet<String> = ids.iter().cloned().collect();
    assert_eq!(ids.len(), unique.len(), "a run is stored twice");
    assert_eq!(unique, due_runs(from, world.clock.now()), "due runs and stored runs differ");
    // Every submission that the cloud saw belongs to a leg, and no name was accepted twice.
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    for submission in world.cloud.submissions() {
        *names.entry(submission.name.to_string()).or_default() += 1;
    }
    let doubled: Vec<_> = names.iter().filter(|(_, count)| **count > 1).collect();
    assert!(doubled.is_empty(), "submitted more than once: {doubled:?}");
    let legs: BTreeSet<String> =
        runs.iter().flat_map(|run| run.legs.iter().map(|leg| leg.batch_name.to_string())).collect();
    for name in names.keys() {
        assert!(legs.contains(name), "{name} is at Batch and in no run");
    }
    for run in &runs {
        for pair in run.legs.windows(2) {
            let ended = pair[0].ended_at;
            assert!(
                pair[0].job_id.is_none() || ended.is_some_and(|at| at <= pair[1].intended_at),
                "{}: a leg was submitted before the one before it was seen to end",
                run.id
            );
        }
    }
    check_totals(&world.shared, &runs).await;
}

/// What was counted is what was stored.
pub async fn check_totals(shared: &Shared, runs: &[Run]) {
    let tally = shared.book.tally();
    let ended = |outcome: RunOutcome| {
        let is =
            |run: &&Run| matches!(run.state, RunState::Ended { outcome: o, .. } if o == outcome);
        runs.iter().filter(is).count() as i128
    };
    for outcome in RunOutcome::ALL {
        let counted = tally.sum(|c| matches!(c, Counter::Runs { outcome: o, .. } if *o == outcome));
        assert_eq!(counted, ended(outcome), "runs {}", outcome.label());
    }
    let mut by_environment: BTreeMap<Option<String>, i128> = BTreeMap::new();
    for run in runs.iter().filter(|run| matches!(run.state, RunState::Ended { .. })) {
        let last = run.legs.last().map(|leg| leg.environment.to_string());
        *by_environment.entry(last).or_default() += 1;
    }
    for (last, ended) in by_environment {
        let name = last.as_deref();
        let counted = tally.sum(|c| {
            matches!(c, Counter::Runs { environment, .. }
                if environment.as_ref().map(|name| name.as_str()) == name)
        });
        assert_eq!(counted, ended, "runs that ended in {name:?}");
    }
    let mut entries = Vec::new();
    for run in runs {
        entries.extend(shared.book.store().entries(&run.id).await.unwrap());
    }
    let summary = Summary::of(entries.iter().filter(|entry| !entry.is_provisional()));
    let counted: Usd = tally.usd(|c| matches!(c, Counter::CostNanos { .. }));
    assert_eq!(counted, summary.cost, "counted cost and the ledger's final lines");
    assert_eq!(tally.realized_savings(), summary.savings());
}
