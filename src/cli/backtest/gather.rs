//! What is known of the past, from the store, the catalogue and files of prices.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::files::{self, Points};
use super::{BacktestArgs, Inputs};
use crate::backtest::{History, LeftOut, Past, from_ledger, from_schedules};
use crate::catalogue::Environment;
use crate::cli::render::value;
use crate::cli::{CliError, open};
use crate::domain::{Capacity, EnvironmentName, InstanceType, JobName, Pool, Resources, Window};
use crate::market::{EnvironmentMarket, PriceSeries};
use crate::ports::{RunQuery, Store};
use crate::run::Run;

/// Where the runs come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunsFrom {
    Ledger,
    Schedules,
}

/// Everything, and what is to be said of it.
pub struct Gathered {
    pub history: History,
    pub runs_from: RunsFrom,
    pub notes: Vec<String>,
}

type Prices = BTreeMap<EnvironmentName, BTreeMap<Pool, Arc<PriceSeries>>>;

pub async fn gather(
    args: &BacktestArgs,
    store: &dyn Store,
    inputs: &Inputs<'_>,
) -> Result<Gathered, CliError> {
    let points = files::read(&args.prices)?;
    let asked = asked_window(args, &points, inputs.now)?;
    let markets = store.environment_markets().await?;
    let mut notes = Vec::new();
    let prices = prices(store, inputs, &markets, &points, asked).await?;
    notes.extend(without_prices(inputs, &markets, &prices));
    let window = priced_window(asked, &prices, args)?;
    if window.start > asked.start {
        notes.push(format!(
            "Prices are known since {} only; nothing earlier was played.",
            value::time(window.start)
        ));
    }
    let (past, runs_from) = past(args, store, inputs, window, &mut notes).await?;
    if past.runs.is_empty() {
        return Err(no_runs(window, past.left_out));
    }
    notes.extend(left_out(past.left_out));
    let mut experience = match runs_from {
        RunsFrom::Ledger => past.experience,
        RunsFrom::Schedules => store.experience().await?,
    };
    if let Some(advice) = open::spot_advisor(inputs.settings)? {
        Arc::make_mut(&mut experience.hazards).advise(Arc::new(advice));
    }
    let history = History {
        window,
        kinds: past.kinds,
        runs: past.runs,
        markets,
        prices,
        experience,
        cooldown: inputs.settings.decision.cooldown,
        price_mode: inputs.settings.ledger.price_mode,
        free_first_hour: !args.bill_first_hour,
    };
    Ok(Gathered { history, runs_from, notes })
}

/// With files of prices it ends where they do, unless somebody says otherwise.
fn asked_window(args: &BacktestArgs, points: &Points, now: Timestamp) -> Result<Window, CliError> {
    let newest = points.values().flatten().map(|(at, _)| *at).max();
    let end = newest.map_or(now, |newest| newest.min(now));
    let window = match args.until {
        Some(until) => Window::new(args.since.before(now), until.before(now)),
        None => Window::new(args.since.before(end), end),
    };
    match window.is_empty() {
        true => Err(CliError::input("--until is not after --since")),
        false => Ok(window),
    }
}

/// The series of every pool of the catalogue's spot environments that has a price.
async fn prices(
    store: &dyn Store,
    inputs: &Inputs<'_>,
    markets: &BTreeMap<EnvironmentName, EnvironmentMarket>,
    points: &Points,
    window: Window,
) -> Result<Prices, CliError> {
    let mut prices = Prices::new();
    for environment in spot_environments(inputs) {
        let Some(market) = markets.get(&environment.name) else { continue };
        let place = environment.site.account_region();
        let known = prices.entry(environment.name.clone()).or_default();
        for quote in &market.pools {
            let series = match points.get(&quote.pool) {
                Some(points) => PriceSeries::from_points(points.iter().copied()),
                None if !points.is_empty() => continue,
                None => store.price_series(&place, &quote.pool, window).await?,
            };
            let begins = series.points().first().map(|(at, _)| *at);
            if begins.is_some_and(|begins| begins < window.end) {
                known.insert(quote.pool.clone(), Arc::new(series));
            }
        }
    }
    Ok(prices)
}

fn spot_environments<'a>(inputs: &'a Inputs<'_>) -> impl Iterator<Item = &'a Arc<Environment>> {
    inputs.catalogue.environments.values().filter(|it| it.capacity == Capacity::Spot)
}

/// Types and environments that no price is known of.
fn without_prices(
    inputs: &Inputs<'_>,
    markets: &BTreeMap<EnvironmentName, EnvironmentMarket>,
    prices: &Prices,
) -> Vec<String> {
    let (mut types, mut unknown) = (BTreeSet::<&InstanceType>::new(), BTreeSet::new());
    for environment in spot_environments(inputs) {
        let Some(market) = markets.get(&environment.name).filter(|it| !it.pools.is_empty()) else {
            unknown.insert(environment.name.as_str());
            continue;
        };
        let priced: BTreeSet<&InstanceType> = prices
            .get(&environment.name)
            .into_iter()
            .flat_map(|known| known.keys().map(|pool| &pool.instance_type))
            .collect();
        let all = market.pools.iter().map(|quote| &quote.pool.instance_type);
        types.extend(all.filter(|it| !priced.contains(it)));
    }
    let mut notes = Vec::new();
    if !types.is_empty() {
        let types: Vec<&str> = types.iter().map(|it| it.as_str()).collect();
        notes.push(format!(
            "No spot price is known of {}: pools of these types were never used. The daemon keeps prices of \
             what it uses; --prices FILE brings others.",
            types.join(", ")
        ));
    }
    if !unknown.is_empty() {
        let names: Vec<&str> = unknown.into_iter().collect();
        notes.push(format!(
            "The store does not know what is behind {}: never used. `spotcron run --observe` looks, and \
             submits nothing.",
            names.join(", ")
        ));
    }
    notes
}

/// The part of the window of which there are prices.
fn priced_window(asked: Window, prices: &Prices, args: &BacktestArgs) -> Result<Window, CliError> {
    let series = prices.values().flat_map(BTreeMap::values);
    let begins = series.filter_map(|series| Some(series.points().first()?.0)).min();
    let Some(begins) = begins else {
        let (start, end) = (value::time(asked.start), value::time(asked.end));
        let error = CliError::input(format!("no spot price is known from {start} to {end}"));
        return Err(match args.prices.is_empty() {
            true => error.hint(
                "the daemon keeps prices while it runs, also with --observe; or record those of the last \
                 90 days with `aws ec2 describe-spot-price-history --product-descriptions Linux/UNIX \
                 --output json > FILE` and name the file with --prices",
            ),
            false => error.hint(
                "the files have none of the pools that the store knows behind the catalogue's environments \
                 (`spotcron prices` shows those), or none so early",
            ),
        });
    };
    Ok(Window::new(asked.start.max(begins), asked.end))
}

async fn past(
    args: &BacktestArgs,
    store: &dyn Store,
    inputs: &Inputs<'_>,
    window: Window,
    notes: &mut Vec<String>,
) -> Result<(Past, RunsFrom), CliError> {
    let mut known = BTreeMap::new();
    for job in inputs.catalogue.jobs.values() {
        if let Some(resources) = job.submission.resources {
            known.insert(job.name.clone(), resources);
        }
    }
    if args.catalogue.is_empty() {
        let query =
            RunQuery { since: Some(window.start), until: Some(window.end), ..RunQuery::default() };
        let runs = store.runs(&query).await?;
        let entries = store.entries_between(Window::new(window.start, Timestamp::MAX)).await?;
        look_up(store, &runs, &mut known).await?;
        let ledger = from_ledger(&runs, &entries, inputs.catalogue, &reserved(&known));
        if !ledger.runs.is_empty() {
            return Ok((ledger, RunsFrom::Ledger));
        }
        notes.push(
            "The ledger has no run of that time that succeeded: played are the schedules."
                .to_owned(),
        );
    }
    let schedules = from_schedules(inputs.catalogue, window, &reserved(&known));
    Ok((schedules, RunsFrom::Schedules))
}

fn reserved(known: &BTreeMap<JobName, Resources>) -> impl Fn(&JobName) -> Resources {
    |job| known.get(job).copied().unwrap_or(Resources::ASSUMED)
}

/// What jobs reserved of which the catalogue does not say it, from a run of each.
async fn look_up(
    store: &dyn Store,
    runs: &[Run],
    known: &mut BTreeMap<JobName, Resources>,
) -> Result<(), CliError> {
    let mut asked = BTreeSet::new();
    for run in runs {
        if known.contains_key(&run.job) || !asked.insert(&run.job) {
            continue;
        }
        let attempts = store.attempts(&run.id).await?;
        if let Some(resources) = attempts.iter().find_map(|attempt| attempt.resources) {
            known.insert(run.job.clone(), resources);
        }
    }
    Ok(())
}

fn left_out(left_out: LeftOut) -> Vec<String> {
    let LeftOut { without_success, unpriced, unknown_class } = left_out;
    let reasons = [
        (without_success, "did not succeed, so that nothing says how long it would have taken"),
        (unpriced, "has an attempt without a price"),
        (unknown_class, "is of a class that the catalogue does not have"),
    ];
    let told = reasons.into_iter().filter(|(count, _)| *count > 0);
    told.map(|(count, reason)| format!("{} left out: each {reason}.", value::count(count, "run")))
        .collect()
}

fn no_runs(window: Window, left_out: LeftOut) -> CliError {
    let (start, end) = (value::time(window.start), value::time(window.end));
    let error = CliError::input(format!("there is no run to play from {start} to {end}"));
    let counts = left_out.without_success + left_out.unpriced + left_out.unknown_class;
    error.hint(match counts {
        0 => "the ledger has none, and the catalogue's schedules have no time in it; look further back \
              with --since"
            .to_owned(),
        _ => format!(
            "{} were left out ({} without success, {} without a price, {} of unknown classes)",
            value::count(counts, "run"),
            left_out.without_success,
            left_out.unpriced,
            left_out.unknown_class
        ),
    })
}
