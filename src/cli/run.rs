//! `spotcron run`: the daemon against AWS.

use std::path::PathBuf;

use clap::Args;

use super::CliError;

const HELP: &str = "\
Credentials and region come from the AWS SDK's default chain; the permissions needed are in
docs/guide/permissions.md. Everything is validated before anything is bound or submitted.

Examples:
  spotcron run --config config/spotcron.toml
  spotcron run --observe        decide, record and export metrics, but submit nothing

Signals: SIGTERM and SIGINT stop it in order; SIGHUP reads the catalogue again.";

/// Arguments of `run`.
#[derive(Debug, Clone, Args)]
#[command(after_help = HELP)]
pub struct RunArgs {
    /// Settings file [default: config/spotcron.toml where it exists]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Decide, record and export everything, but submit nothing
    #[arg(long)]
    pub observe: bool,
}

/// Runs the daemon until it is told to stop. Returns the exit code.
pub fn run(_args: &RunArgs) -> Result<u8, CliError> {
    Err(CliError::failed("the daemon is not built into this version yet"))
}
