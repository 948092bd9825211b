//! From a parsed command line to the verb's answer: opens what the verb needs, runs it, prints.

use std::future::Future;
use std::process::ExitCode;

use clap::ColorChoice;

use super::render::{self, Report};
use super::{
    Cli, CliError, Verb, adopt, args, backtest, check, demo, doctor, explain, open, plan,
    plan_diff, prices, reconcile, reference,
};
use super::{audit, operate, run, runs, savings, simulate_aws, skipped, store, token};
use crate::clock::{Clock, WallClock};
use crate::control::Command;
use crate::decision;
use crate::ledger::GroupBy;
use crate::ports::Store;
use crate::settings::Settings;

/// Runs the verb and prints its answer.
pub fn dispatch(cli: Cli) -> Result<ExitCode, CliError> {
    let show = Shower { color: cli.color };
    let code = match cli.verb {
        Verb::Run(args) => run::run(&args)?,
        Verb::Demo(args) => demo::run(&args, cli.color)?,
        Verb::SimulateAws(args) => simulate_aws::run(&args)?,
        Verb::Check(args) => show.report(&check::run(&args, true)?, args.format.format)?,
        Verb::Doctor(args) if args.live => {
            show.report(&doctor::run_live(&args, cli.color)?, args.format.format)?
        }
        Verb::Doctor(args) => show.report(&doctor::run(&args)?, args.format.format)?,
        Verb::Plan(args) => plan(&show, &args)?,
        Verb::Prices(args) => {
            let store = open::store(&args.source)?;
            let now = wait(open::time_of(&args.source, &*store))??;
            let report = wait(prices::run(&args, &*store, now))??;
            show.report(&report, args.format.format)?
        }
        Verb::Runs(args) => {
            let store = open::store(&args.source)?;
            let now = wait(open::time_of(&args.source, &*store))??;
            let report = wait(runs::run(&args, &*store, now))??;
            show.report(&report, args.format.format)?
        }
        Verb::Skipped(args) => {
            let store = open::store(&args.source)?;
            let now = wait(open::time_of(&args.source, &*store))??;
            let report = wait(skipped::run(&args, &*store, now))??;
            show.report(&report, args.format.format)?
        }
        Verb::Savings(args) => {
            let store = open::store(&args.source)?;
            show.report(&savings(&args, &*store)?, args.format.format)?
        }
        Verb::Reconcile(args) => show.report(&reconcile(&args)?, args.format.format)?,
        Verb::Explain(args) => explain(&show, &args)?,
        Verb::Backtest(args) => show.report(&backtest(&args)?, args.format.format)?,
        Verb::Pause(args) => show.sent(&args.remote, &args.key, &args.command())?,
        Verb::Resume(args) => show.sent(&args.remote, &args.key, &args.command())?,
        Verb::Trigger(args) => show.sent(&args.remote, &args.key, &args.command())?,
        Verb::Backfill(args) => show.sent(&args.remote, &args.key, &args.command())?,
        Verb::Retry(args) => show.sent(&args.remote, &args.key, &args.command())?,
        Verb::Cancel(args) => show.sent(&args.remote, &args.key, &args.command())?,
        Verb::Move(args) => show.sent(&args.remote, &args.key, &args.command())?,
        Verb::ForceOnDemand(args) => show.sent(&args.remote, &args.key, &args.command())?,
        Verb::Audit(args) => show.report(&wait(audit::run(&args))??, args.remote.format.format)?,
        Verb::Token(verb) => show.text(&token::run(&verb)?)?,
        Verb::Store(verb) => show.text(&store::run(&verb)?)?,
        Verb::Adopt(args) => {
            show.report(&adopt::run(&args, WallClock.now())?, args.format.format)?
        }
        Verb::Reference(verb) => show.text(&reference::run(&verb)?)?,
    };
    Ok(ExitCode::from(code))
}

fn plan(show: &Shower, args: &plan::PlanArgs) -> Result<u8, CliError> {
    let settings = open::settings(args.source.config.as_deref())?;
    if !args.diff.is_empty() {
        let report = plan_diff::run(args, &settings, WallClock.now())?;
        return show.report(&report, args.format.format);
    }
    let catalogue = open::catalogue(&settings)?;
    let store = open::store_if_any(&args.source)?;
    let now = match &store {
        Some(store) => {
            wait(open::belongs_to(&catalogue, &**store, &args.source))??;
            wait(open::time_of(&args.source, &**store))??
        }
        None => WallClock.now(),
    };
    let inputs = plan::Inputs {
        catalogue: &catalogue,
        cooldown: settings.decision.cooldown,
        spot_advisor: open::spot_advisor(&settings)?,
        now,
        decide: decision::decide,
    };
    let report = wait(plan::run(args, store.as_deref(), inputs))??;
    show.report(&report, args.format.format)
}

/// The story of a run, or where a job's next run would go. A job's name comes before the beginning of a
/// run's id, which it is as well.
fn explain(show: &Shower, args: &explain::ExplainArgs) -> Result<u8, CliError> {
    if open::is_job(&args.source, &args.run) {
        return plan(show, &plan::PlanArgs::of_job(&args.run, &args.source, &args.format));
    }
    let store = open::store(&args.source)?;
    let settings = open::settings(args.source.config.as_deref()).map_err(not_at_hand);
    let catalogue = settings.as_ref().map_err(String::clone).and_then(|settings| {
        let catalogue = open::catalogue(settings).map_err(not_at_hand)?;
        wait(open::belongs_to(&catalogue, &*store, &args.source))
            .and_then(|belongs| belongs)
            .map_err(not_at_hand)?;
        let advisor = open::spot_advisor(settings).map_err(not_at_hand)?;
        Ok((catalogue, settings.decision.cooldown, advisor))
    });
    let now = wait(open::time_of(&args.source, &*store))??;
    let ground = catalogue.as_ref().map_err(String::clone).map(|(catalogue, cooldown, advisor)| {
        let (cooldown, spot_advisor) = (*cooldown, advisor.clone());
        plan::Inputs { catalogue, cooldown, spot_advisor, now, decide: decision::decide }
    });
    show.report(&wait(explain::run(args, &*store, &ground))??, args.format.format)
}

/// What a run is told by is told all the same.
fn not_at_hand(error: CliError) -> String {
    let first = error.message.lines().next().unwrap_or_default();
    format!("What it would be decided by is not at hand: {first}.")
}

fn backtest(args: &backtest::BacktestArgs) -> Result<backtest::Report, CliError> {
    let settings = open::settings(args.source.config.as_deref())?;
    let settings = match args.catalogue.is_empty() {
        true => settings,
        false => Settings { catalogue: args.catalogue.clone(), ..settings },
    };
    let catalogue = open::catalogue(&settings)?;
    let store = open::store(&args.source)?;
    if args.catalogue.is_empty() {
        wait(open::belongs_to(&catalogue, &*store, &args.source))??;
    }
    let inputs = backtest::Inputs {
        catalogue: &catalogue,
        settings: &settings,
        now: wait(open::time_of(&args.source, &*store))??,
    };
    wait(backtest::run(args, &*store, &inputs))?
}

fn reconcile(args: &reconcile::ReconcileArgs) -> Result<reconcile::Report, CliError> {
    let settings = open::settings(args.source.config.as_deref())?;
    let store = open::store(&args.source)?;
    let inputs = reconcile::Inputs {
        price_mode: settings.ledger.price_mode,
        now: wait(open::time_of(&args.source, &*store))??,
    };
    let mut report = wait(reconcile::run(args, &*store, inputs))??;
    drop(store);
    if args.keep {
        wait(report.keep(open::store_for_writing(&args.source)?, inputs.now))??;
    }
    Ok(report)
}

fn savings(args: &savings::SavingsArgs, store: &dyn Store) -> Result<savings::Report, CliError> {
    // Labels stand in the catalogue, not in the ledger.
    let label = args.by.iter().find_map(|by| match by {
        GroupBy::Label(key) => Some(key),
        _ => None,
    });
    let catalogue = match label {
        Some(key) => {
            let catalogue = open::settings(args.source.config.as_deref())
                .and_then(|settings| open::catalogue(&settings));
            let catalogue = catalogue.map_err(|error| savings::needs_catalogue(key, error))?;
            wait(open::belongs_to(&catalogue, store, &args.source))??;
            Some(catalogue)
        }
        None => None,
    };
    let now = wait(open::time_of(&args.source, store))??;
    wait(savings::run(args, store, catalogue.as_ref(), now))?
}

/// Waits for a verb that only reads: one thread is enough.
fn wait<F: Future>(verb: F) -> Result<F::Output, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::failed("the runtime could not be started").caused_by(error))?;
    Ok(runtime.block_on(verb))
}

struct Shower {
    color: ColorChoice,
}

impl Shower {
    fn sent(
        &self,
        remote: &operate::Remote,
        key: &operate::Key,
        command: &Command,
    ) -> Result<u8, CliError> {
        self.report(&wait(operate::run(remote, key, command))??, remote.format.format)
    }

    fn report<R: Report>(&self, report: &R, format: args::Format) -> Result<u8, CliError> {
        render::show(report, format, self.color)
    }

    fn text(&self, text: &str) -> Result<u8, CliError> {
        render::print(text, self.color).map_err(|error| {
            CliError::failed("the answer could not be printed").caused_by(error)
        })?;
        Ok(0)
    }
}
