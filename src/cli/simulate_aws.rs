//! `spotcron simulate-aws`: a local AWS Batch and spot market for AWS's own clients.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::error::CliError;
use crate::clock::WallClock;
use crate::sim::wire::{Keys, Wire, serve};
use crate::sim::{Scenario, SimCloud};

const HELP: &str = "\
It keeps to the machine's clock, needs no AWS account, and forgets everything when it ends. Point a
client at it by its endpoint, and sign with its key pair:

  export AWS_ENDPOINT_URL=http://127.0.0.1:4566 AWS_DEFAULT_REGION=us-east-1
  export AWS_ACCESS_KEY_ID=simulated AWS_SECRET_ACCESS_KEY=simulated
  aws batch describe-job-queues

What it does as AWS does, and what it does not do, is in docs/concepts/simulated-aws.md.";

/// Arguments of `simulate-aws`.
#[derive(Debug, Clone, Args)]
#[command(after_help = HELP)]
pub struct SimulateAwsArgs {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4566")]
    pub listen: SocketAddr,
    /// What the account looks like and how its market behaves; the demo's when absent
    #[arg(long, value_name = "FILE")]
    pub scenario: Option<PathBuf>,
    /// What the simulated cloud's chance is drawn from
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,
    /// The access key that requests are signed with
    #[arg(long, value_name = "KEY", default_value = "simulated")]
    pub access_key: String,
    /// The secret of that access key
    #[arg(long, value_name = "SECRET", default_value = "simulated")]
    pub secret_key: String,
}

/// Serves until it is told to end.
pub fn run(args: &SimulateAwsArgs) -> Result<u8, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::failed("the runtime could not be started").caused_by(error))?;
    runtime.block_on(start(args))?;
    Ok(0)
}

async fn start(args: &SimulateAwsArgs) -> Result<(), CliError> {
    let scenario = scenario(args)?;
    let region = scenario.region.clone();
    let clock = Arc::new(WallClock);
    let cloud = SimCloud::new(scenario, args.seed, clock.clone())
        .map_err(|error| CliError::input("the scenario cannot be simulated").caused_by(error))?;
    let further = cloud.further_accounts().map_err(|error| {
        CliError::input("the scenario's further accounts cannot be simulated").caused_by(error)
    })?;
    let cannot_listen = |error| {
        CliError::failed(format!("{} cannot be listened on", args.listen))
            .caused_by(error)
            .hint("name a free address with --listen, or port 0 for any free port")
    };
    let listener = TcpListener::bind(args.listen).await.map_err(cannot_listen)?;
    let address = listener.local_addr().map_err(cannot_listen)?;
    // On standard error, so that a script can read the endpoint from standard output.
    println!("http://{address}");
    eprintln!(
        "simulating AWS in {region} on http://{address}\n\
         sign with access key {:?}; Ctrl-C ends it",
        args.access_key
    );
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        let _ = tokio::signal::ctrl_c().await;
        stop.send_replace(true);
    });
    let wire =
        Wire::with_accounts(cloud, further, clock, Keys::one(&args.access_key, &args.secret_key));
    serve(listener, wire, stopped)
        .await
        .map_err(|error| CliError::failed("the server ended").caused_by(error))
}

fn scenario(args: &SimulateAwsArgs) -> Result<Scenario, CliError> {
    let broken = |error| CliError::input("the scenario cannot be simulated").caused_by(error);
    let Some(path) = &args.scenario else { return Scenario::demo().map_err(broken) };
    let text = std::fs::read_to_string(path).map_err(|error| {
        CliError::input(format!("{} cannot be read", path.display())).caused_by(error)
    })?;
    Scenario::parse(&text).map_err(|error| {
        CliError::input(format!("{} is no scenario", path.display())).caused_by(error)
    })
}
