//! The command line: what can be said to spotcron, and who answers. One file per verb; only
//! `render` prints.

pub mod adopt;
pub mod args;
pub mod audit;
pub mod backtest;
pub mod check;
pub mod demo;
mod dispatch;
pub mod doctor;
pub mod error;
pub mod explain;
mod known;
pub mod live;
pub mod open;
pub mod operate;
pub mod plan;
pub mod plan_diff;
pub mod prices;
pub mod reconcile;
pub mod reference;
pub mod render;
pub mod run;
pub mod runs;
pub mod savings;
mod simulate_aws;
pub mod skipped;
pub mod store;
pub mod summary;
pub mod token;

pub use error::CliError;

use std::process::ExitCode;

use clap::{ColorChoice, Parser, Subcommand};

const ABOUT: &str =
    "Runs batch work on AWS Batch at the lowest cost that still meets its deadlines";

const EXAMPLES: &str = "\
Examples:
  spotcron demo                          watch a simulated organisation for a while
  spotcron check                         what is wrong with the catalogue, if anything
  spotcron doctor                        what is wrong with the AWS account or this machine
  spotcron plan --count 3                the next runs, and where they would go
  spotcron run --observe                 decide and record, submit nothing
  spotcron explain nightly-20261121      why a run went where it went, and what it cost

Exit codes: 0 done, 1 something failed, 2 the input or the configuration is wrong.";

/// Everything that can be said on the command line.
#[derive(Debug, Parser)]
#[command(name = "spotcron", version, about = ABOUT, after_help = EXAMPLES)]
#[command(arg_required_else_help = true, max_term_width = 100)]
pub struct Cli {
    /// Colours in tables and messages; `auto` also respects NO_COLOR
    #[arg(long, global = true, value_name = "WHEN", default_value_t = ColorChoice::Auto)]
    #[arg(hide_possible_values = true, help_heading = "Display")]
    pub color: ColorChoice,

    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run the daemon against AWS
    Run(run::RunArgs),
    /// Run the real daemon on a simulated cloud, at an accelerated clock
    Demo(demo::DemoArgs),
    /// Check the catalogue and report every problem at once
    Check(check::CheckArgs),
    /// Look at the AWS account and this machine, and report everything that is wrong
    Doctor(doctor::DoctorArgs),
    /// Show the next runs and where each would go
    Plan(plan::PlanArgs),
    /// Show what capacity costs now, by environment and pool
    Prices(prices::PricesArgs),
    /// List runs, newest first
    Runs(runs::RunsArgs),
    /// List scheduled times that were not run, and why
    Skipped(skipped::SkippedArgs),
    /// Show what was spent and what was saved
    Savings(savings::SavingsArgs),
    /// Lay AWS's own bill beside the ledger, and show what is left over
    Reconcile(reconcile::ReconcileArgs),
    /// Show what each policy would have cost: past runs, played again on past prices
    Backtest(backtest::BacktestArgs),
    /// Tell one run's story: every decision, attempt and cent; or where a job's next run would go
    Explain(explain::ExplainArgs),
    /// Let nothing of a job start any more
    Pause(operate::PauseArgs),
    /// End a pause
    Resume(operate::ResumeArgs),
    /// Start a run of a job now
    Trigger(operate::TriggerArgs),
    /// Run scheduled times that have passed and have no run
    Backfill(operate::BackfillArgs),
    /// Open a run again that ended without success
    Retry(operate::RetryArgs),
    /// End a run, and terminate what of it is at Batch
    Cancel(operate::CancelArgs),
    /// Let a run go on elsewhere
    Move(operate::MoveArgs),
    /// Keep a class on capacity that is not taken back
    ForceOnDemand(operate::ForceArgs),
    /// List who asked the daemon for what
    Audit(audit::AuditArgs),
    /// Make a token that may operate the daemon
    #[command(subcommand)]
    Token(token::TokenVerb),
    /// Copy the store to a file, or put a copy back
    #[command(subcommand)]
    Store(store::StoreVerb),
    /// Make runs anew from what Batch shows, when the store was lost
    Adopt(adopt::AdoptArgs),
    /// Serve a simulated AWS Batch and spot market to AWS's own clients
    SimulateAws(simulate_aws::SimulateAwsArgs),
    /// Print the generated references
    #[command(hide = true, subcommand)]
    Reference(reference::ReferenceVerb),
}

/// Parses the process's arguments, runs the verb, and says how it went.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(stop) => return render::usage(&stop),
    };
    let style = cli.color;
    match dispatch::dispatch(cli) {
        Ok(code) => code,
        Err(error) => render::failure(&error, style),
    }
}
