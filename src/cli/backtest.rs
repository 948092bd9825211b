//! `spotcron backtest`: what each policy would have cost over the past weeks.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use super::args::{FormatArg, Source, When, when};
use super::error::CliError;
use crate::backtest::{Backtest, Outcomes};
use crate::catalogue::Catalogue;
use crate::domain::Window;
use crate::ports::Store;
use crate::settings::Settings;

mod chart;
mod files;
mod gather;
mod page;
mod svg;
mod worlds;

pub use page::Report;

const HELP: &str = "\
Runs are those of the ledger that succeeded, each for as long as it took; with --catalogue, or
where the ledger has none, what the schedules would have run. Prices are those that the daemon kept,
or those of files. Whether a pool had capacity is in no price history: interruptions are drawn by
chance, many times over, and the answer is a band. docs/guide/backtest.md says what is assumed.

Examples:
  spotcron backtest                                  every policy over the last 90 days
  spotcron backtest --since 30d --svg savings.svg    a month, with charts in a file
  spotcron backtest --catalogue new.toml             what these schedules would have cost
  spotcron backtest --prices history.json.gz         on the prices of files, as printed by
                                                     aws ec2 describe-spot-price-history";

/// Arguments of `backtest`.
#[derive(Debug, Clone, Args)]
#[command(after_help = HELP)]
pub struct BacktestArgs {
    #[command(flatten)]
    pub source: Source,
    /// Only runs due since: a time, a date, or a distance back
    #[arg(long, value_name = "TIME", value_parser = when, default_value = "90d")]
    pub since: When,
    /// Only runs due before: a time, a date, or a distance back [default: now, or the end of --prices]
    #[arg(long, value_name = "TIME", value_parser = when)]
    pub until: Option<When>,
    /// Spot prices from this file instead of the store, plain or gzip; several times for several
    #[arg(long, value_name = "FILE")]
    pub prices: Vec<PathBuf>,
    /// The runs that this catalogue would have had, instead of those of the ledger; a file or a
    /// directory, several times for several
    #[arg(long, value_name = "FILE")]
    pub catalogue: Vec<PathBuf>,
    /// How many worlds are drawn
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub draws: u16,
    /// What they are drawn from: the same number, the same answer
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,
    /// Also bill attempts that are interrupted within their first hour, which EC2 does not
    #[arg(long)]
    pub bill_first_hour: bool,
    /// Write charts to this file
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    #[command(flatten)]
    pub format: FormatArg,
}

/// What `backtest` needs besides the store.
pub struct Inputs<'a> {
    pub catalogue: &'a Catalogue,
    pub settings: &'a Settings,
    pub now: Timestamp,
}

/// Gathers what is known, draws the worlds, plays them, and writes the charts.
pub async fn run(
    args: &BacktestArgs,
    store: &dyn Store,
    inputs: &Inputs<'_>,
) -> Result<Report, CliError> {
    let gathered = gather::gather(args, store, inputs).await?;
    let (window, runs_from) = (gathered.history.window, gathered.runs_from);
    let backtest = Backtest::prepare(gathered.history);
    if backtest.runs() == 0 {
        return Err(no_reference(window));
    }
    let drawn = worlds::play(&backtest, args.seed, u64::from(args.draws));
    let outcomes = Outcomes::of(&backtest.policies(), &drawn);
    if let Some(path) = &args.svg {
        let charts = svg::charts(&outcomes, window)
            .map_err(|why| CliError::failed(format!("the charts cannot be drawn: {why}")))?;
        std::fs::write(path, charts).map_err(|error| {
            CliError::input(format!("{} cannot be written", path.display())).caused_by(error)
        })?;
    }
    Ok(Report::of(args, window, runs_from, &backtest, &outcomes, gathered.notes))
}

fn no_reference(window: Window) -> CliError {
    let (start, end) =
        (super::render::value::time(window.start), super::render::value::time(window.end));
    CliError::input(format!(
        "nothing says what the runs from {start} to {end} would have cost on demand"
    ))
    .hint(
        "the daemon keeps list prices where it may ask for them (pricing:GetProducts, see \
         docs/guide/permissions.md); `spotcron prices` shows which are known",
    )
}
