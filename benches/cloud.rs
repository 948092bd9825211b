//! Policy against policy through the whole daemon, on the simulated cloud: the same jobs, the same seeds, on
//! hundreds of pools, for days of virtual time. Prices and reclaims of a seed are the same under every
//! policy; what Batch places where is not, as it depends on what was sent before.
//!
//! `cargo bench --no-default-features --bench cloud`; `DAYS` (4) and `SEEDS` (2) make it longer,
//! `ONLY` takes the market whose name begins so.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use spotcron::catalogue::{self, Catalogue};
use spotcron::clock::{Clock, VirtualClock};
use spotcron::cost::PriceMode;
use spotcron::daemon::{Book, Cloud, Mode, Parts, Shared, Unpaced, all_tasks, run_virtual};
use spotcron::diagnostic::Source;
use spotcron::domain::{Capacity, RunOutcome, Window};
use spotcron::ledger::Summary;
use spotcron::ports::{RunQuery, Store, StoreIdentity};
use spotcron::run::RunState;
use spotcron::settings::Settings;
use spotcron::sim::{DefinitionSpec, Scenario, SimCloud};
use spotcron::store::SqliteStore;

/// Name, policy of work from zero, policy of work with checkpoints; nothing for no spot at all.
const POLICIES: [(&str, Option<[&str; 2]>); 5] = [
    ("on demand", None),
    ("fit-only", Some(["fit-only", "fit-only"])),
    ("greedy", Some(["greedy", "greedy"])),
    ("uniform progress", Some(["greedy", "uniform-progress"])),
    ("model", Some(["model", "model"])),
];
/// How often capacity is taken back, and how fast it comes back, against the published traces of GPUs.
const MARKETS: [(&str, f64, f64); 3] =
    [("calm (the demo's)", 0.12, 3.0), ("busy", 0.5, 1.5), ("scarce (the traces')", 1.0, 1.0)];
/// Minutes of work, deadline as a multiple of it, whether it has checkpoints.
const KINDS: [(i64, i64, bool); 8] = [
    (20, 6, false),
    (60, 3, false),
    (60, 6, false),
    (240, 2, false),
    (240, 4, false),
    (240, 2, true),
    (720, 2, true),
    (1440, 2, true),
];
/// Jobs of each kind.
const JOBS: usize = 40;
const SPOT: [(&str, [&str; 8]); 4] = [
    ("general", ["m5", "m6i", "m7i", "m6a", "m5", "m6i", "m7i", "m6a"]),
    ("compute", ["c5", "c6i", "c7i", "c6a", "c5", "c6i", "c7i", "c6a"]),
    ("memory", ["r5", "r6i", "r7i", "r6a", "r5", "r6i", "r7i", "r6a"]),
    ("narrow", ["m6i", "m6i", "m7i", "m7i", "c6i", "c6i", "c7i", "c7i"]),
];

fn scenario(reclaim: f64, recovery: f64) -> Scenario {
    let mut scenario = Scenario::empty("us-east-1", "abcdef");
    for (name, families) in SPOT {
        let types = families.iter().enumerate();
        let sizes = ["xlarge", "2xlarge", "4xlarge"];
        let types: Vec<String> =
            types.map(|(index, family)| format!("{family}.{}", sizes[index / 4])).collect();
        let types: Vec<&str> = types.iter().map(String::as_str).collect();
        scenario = scenario.with_queue(name, Capacity::Spot, &types, 4000);
    }
    scenario = scenario.with_queue("steady", Capacity::OnDemand, &["m6i.xlarge"], 20_000);
    scenario.market.reclaim_scale = reclaim;
    scenario.market.recovery_scale = recovery;
    for (index, (minutes, _, checkpoints)) in KINDS.into_iter().enumerate() {
        scenario.definitions.push(DefinitionSpec {
            name: format!("kind-{index}"),
            median_secs: minutes as u32 * 60,
            sigma: 0.1,
            checkpoint_secs: checkpoints.then_some(600),
            restore_secs: if checkpoints { 60 } else { 0 },
            ..DefinitionSpec::default()
        });
    }
    scenario
}

fn catalogue(policies: Option<[&str; 2]>) -> Catalogue {
    let mut text = String::new();
    let queues = SPOT.map(|(name, _)| (name, "spot"));
    for (name, capacity) in queues.into_iter().chain([("steady", "on-demand")]) {
        write!(
            text,
            "[[environments]]\nname = \"{name}\"\nqueue = \"{name}\"\ncapacity = \"{capacity}\"\n\
             region = \"us-east-1\"\n"
        )
        .expect("a string");
    }
    let environments = match policies {
        None => "[\"steady\"]",
        Some(_) => "[\"general\", \"compute\", \"memory\", \"narrow\", \"steady\"]",
    };
    for (index, (minutes, ratio, checkpoints)) in KINDS.into_iter().enumerate() {
        let policy = policies.unwrap_or(["model"; 2])[usize::from(checkpoints)];
        let restart = match checkpoints {
            true => "{ checkpoint_interval = \"10m\", restore = \"1m\" }",
            false => "\"from-zero\"",
        };
        // A quarter more than the median, which few attempts exceed.
        let deadline = minutes * ratio * 5 / 4 + 20;
        write!(
            text,
            "[[classes]]\nname = \"kind-{index}\"\nenvironments = {environments}\n\
             expected_duration = \"{minutes}m\"\ndeadline = \"{deadline}m\"\nmax_legs = 30\n\
             wait_budget = \"{deadline}m\"\npolicy = \"{policy}\"\nrestart = {restart}\n"
        )
        .expect("a string");
        let every = (deadline / 60 + 1).min(24);
        for job in 0..JOBS {
            let (minute, hour) = ((job * 7) % 60, (job / 9) as i64 % every);
            write!(
                text,
                "[[jobs]]\nname = \"job-{index}-{job}\"\nclass = \"kind-{index}\"\n\
                 cron = \"{minute} {hour}-23/{every} * * *\"\ntime_zone = \"UTC\"\n\
                 definition = \"kind-{index}:1\"\nvcpus = {}\nmemory_mib = {}\n",
                job % 4 + 1,
                2048 * (job % 4 + 1)
            )
            .expect("a string");
        }
    }
    let loaded = catalogue::load_sources(vec![Source::new("cloud.toml", text)]);
    loaded.catalogue.expect("a valid catalogue")
}

struct Outcome {
    summary: Summary,
    runs: usize,
    missed: usize,
    failed: usize,
    seconds: f64,
}

async fn play(market: (f64, f64), policies: Option<[&str; 2]>, seed: u64, days: i64) -> Outcome {
    let began = Instant::now();
    let begin: Timestamp = "2026-06-01T00:00:00Z".parse().expect("a time");
    let clock = VirtualClock::starting_at(begin);
    let time: Arc<dyn Clock> = Arc::new(clock.clone());
    let cloud = SimCloud::new(scenario(market.0, market.1), seed, Arc::clone(&time));
    let cloud = cloud.expect("a sound scenario");
    let identity = StoreIdentity::Simulation { seed };
    let store: Arc<dyn Store> = Arc::new(SqliteStore::in_memory(identity).expect("a store"));
    let mut settings = Settings::default();
    settings.ledger.price_mode = PriceMode::Continuous;
    let shared = Shared::new(Parts {
        clock: time,
        settings,
        mode: Mode::Submit,
        scope: "123456789012".to_owned(),
        cloud: Cloud {
            batch: Arc::new(cloud.clone()),
            instances: Arc::new(cloud.clone()),
            spot_prices: Arc::new(cloud.clone()),
            list_prices: Arc::new(cloud),
        },
        catalogue: catalogue(policies),
        book: Book::load(Arc::clone(&store)).await.expect("a store"),
        calls: Arc::default(),
        custom_endpoint: false,
    });
    shared.restore().await.expect("a store");
    let shared = Arc::new(shared);
    let until = begin + SignedDuration::from_hours(24 * days);
    run_virtual(&shared, all_tasks(&shared), &clock, until, &mut Unpaced).await;
    let whole = Window::new(Timestamp::MIN, Timestamp::MAX);
    let entries = store.entries_between(whole).await.expect("a store");
    // What began too late to be over counts for nobody.
    let all = store.runs(&RunQuery::default()).await.expect("a store");
    let runs: Vec<_> =
        all.iter().filter(|run| run.deadline_at.is_some_and(|at| at <= until)).collect();
    let ids: BTreeSet<_> = runs.iter().map(|run| &run.id).collect();
    let succeeded = |state| matches!(state, RunState::Ended { outcome: RunOutcome::Succeeded, .. });
    let of_runs = entries.iter().filter(|entry| ids.contains(&entry.key.run));
    Outcome {
        summary: Summary::of(of_runs),
        runs: runs.len(),
        missed: runs.iter().filter(|run| run.deadline_missed).count(),
        failed: runs.iter().filter(|run| !succeeded(run.state)).count(),
        seconds: began.elapsed().as_secs_f64(),
    }
}

fn number(name: &str, usual: i64) -> i64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

fn main() {
    let (days, seeds) = (number("DAYS", 4), number("SEEDS", 2));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    println!("{} jobs, {days} days, {seeds} seeds", KINDS.len() * JOBS);
    for (market, reclaim, recovery) in MARKETS {
        if std::env::var("ONLY").is_ok_and(|only| !market.starts_with(&only)) {
            continue;
        }
        println!("\n{market}");
        println!(
            "policy            cost/on demand  missed   runs  interrupted  waste  not done  s"
        );
        for (name, policies) in POLICIES {
            let (mut summary, mut counts, mut seconds) = (Summary::default(), [0; 3], 0.0);
            for seed in 1..=seeds {
                let played = play((reclaim, recovery), policies, seed as u64, days);
                let outcome = runtime.block_on(played);
                summary.absorb(&outcome.summary);
                let all = [outcome.runs, outcome.missed, outcome.failed];
                (0..3).for_each(|index| counts[index] += all[index]);
                seconds += outcome.seconds;
            }
            let part =
                |of: spotcron::domain::Usd| of.ratio_to(summary.on_demand).unwrap_or_default();
            println!(
                "{name:<18}{:>13.3}{:>8}{:>7}{:>13}{:>7.3}{:>10}{:>5.0}",
                part(summary.cost).to_ratio(),
                counts[1],
                counts[0],
                summary.interrupted,
                part(summary.waste).to_ratio(),
                counts[2],
                seconds
            );
        }
    }
}
