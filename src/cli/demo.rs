//! `spotcron demo`: the real daemon on the simulated cloud, at an accelerated clock.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ColorChoice};
use jiff::SignedDuration;

mod delivery;
mod pace;
pub mod reckoning;
mod session;

pub use session::Session;

use super::CliError;
use super::args::{Format, duration};
use super::render;

const HELP: &str = "\
Nothing is needed but this program: no account, no network. The same seed gives the same
demo, to the byte.

Examples:
  spotcron demo                                    watch; press q to quit
  spotcron demo --for 3d --speed max --format json three days at once, then a summary
  spotcron demo --prices history.json              replay recorded spot prices, as printed by
                                                   aws ec2 describe-spot-price-history
  spotcron demo --store demo.db                    keep the store, to look into it with
                                                   spotcron runs --store demo.db";

/// Arguments of `demo`.
#[derive(Debug, Clone, Args)]
#[command(after_help = HELP)]
pub struct DemoArgs {
    /// End after this much virtual time, with a summary; without it, run until told to stop
    #[arg(long = "for", value_name = "DURATION", value_parser = duration, allow_hyphen_values = true)]
    pub length: Option<SignedDuration>,
    /// Virtual seconds a second, or `max`
    #[arg(long, value_name = "FACTOR", default_value = "600", value_parser = speed)]
    pub speed: Speed,
    /// What the simulated cloud's chance is drawn from
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,
    /// Replay recorded spot prices instead of simulating them
    #[arg(long, value_name = "FILE")]
    pub prices: Option<PathBuf>,
    /// How to print the summary
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: Format,
    /// Keep the store in this file; without it, it is held in memory
    #[arg(long, value_name = "FILE")]
    pub store: Option<PathBuf>,
    /// Where /metrics, /status and the health pages are served
    ///
    /// Without it: 127.0.0.1:9188, or any free port where that is taken; nothing at `--speed max`.
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// Let whoever has a token of this file operate the demo (see `spotcron token new`)
    #[arg(long, value_name = "FILE")]
    pub tokens: Option<PathBuf>,
    /// Write the simulated account's bill up to the last full hour into this folder, as AWS delivers
    /// bills: for `spotcron reconcile`
    #[arg(long, value_name = "FOLDER")]
    pub bill: Option<PathBuf>,
    /// Run these jobs instead of the built-in ones: a file, or a directory of *.toml
    #[arg(long, value_name = "FILE")]
    pub catalogue: Option<PathBuf>,
}

/// How fast virtual time passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speed {
    /// Virtual seconds a second.
    Times(u32),
    /// As fast as it can be computed.
    Max,
}

/// The fastest paced demo: beyond a day a second nobody can watch.
const FASTEST: u32 = 86_400;

impl Speed {
    /// Twice as fast, up to a day a second.
    pub fn faster(self) -> Self {
        match self {
            Speed::Times(times) => Speed::Times(times.saturating_mul(2).min(FASTEST)),
            Speed::Max => Speed::Max,
        }
    }

    /// Half as fast, down to real time.
    pub fn slower(self) -> Self {
        match self {
            Speed::Times(times) => Speed::Times((times / 2).max(1)),
            Speed::Max => Speed::Times(FASTEST),
        }
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Speed::Times(times) => write!(f, "{times}x"),
            Speed::Max => f.write_str("max"),
        }
    }
}

fn speed(text: &str) -> Result<Speed, String> {
    match text.strip_suffix('x').unwrap_or(text).parse() {
        _ if text == "max" => Ok(Speed::Max),
        Ok(times @ 1..=FASTEST) => Ok(Speed::Times(times)),
        _ => Err(format!("expected a whole number from 1 to {FASTEST}, or max")),
    }
}

/// Runs the demo. Returns the exit code.
pub fn run(args: &DemoArgs, color: ColorChoice) -> Result<u8, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::failed("the runtime could not be started").caused_by(error))?;
    let summary = runtime.block_on(async {
        let session = Session::open(args).await?;
        session.run(args).await
    })?;
    render::show(&summary, args.format, color)
}

/// The live view of a seeded demo after some virtual hours, for the picture in the README.
pub fn picture() -> Result<super::live::LiveModel, CliError> {
    let args = DemoArgs {
        length: Some(SignedDuration::from_hours(30)),
        speed: Speed::Max,
        seed: 7,
        prices: None,
        format: Format::Table,
        store: None,
        listen: None,
        tokens: None,
        bill: None,
        catalogue: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::failed("the runtime could not be started").caused_by(error))?;
    runtime.block_on(async { Session::open(&args).await?.picture(&args).await })
}
