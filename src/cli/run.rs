//! `spotcron run`: the daemon against AWS.

use std::path::PathBuf;

use clap::Args;

#[cfg(not(feature = "aws"))]
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
#[cfg(not(feature = "aws"))]
pub fn run(_args: &RunArgs) -> Result<u8, CliError> {
    Err(CliError::failed("this spotcron was built without AWS")
        .hint("build it with default features, or try it on the simulated cloud: spotcron demo"))
}

#[cfg(feature = "aws")]
pub use real::run;

#[cfg(feature = "aws")]
mod real {
    use std::sync::Arc;

    use tokio::net::TcpListener;

    use super::RunArgs;
    use crate::aws::{ApiCall, AwsCloud};
    use crate::cli::{CliError, open};
    use crate::clock::WallClock;
    use crate::daemon::{Book, CallLog, Cloud, Mode, Parts, Shared, serve};
    use crate::ports::{Store, StoreIdentity};
    use crate::settings::Settings;
    use crate::store::SqliteStore;
    use crate::telemetry;

    /// Runs the daemon until it is told to stop. Returns the exit code.
    pub fn run(args: &RunArgs) -> Result<u8, CliError> {
        let settings = open::settings(args.config.as_deref())?;
        telemetry::init(&settings.log)
            .map_err(|error| CliError::input("logs cannot be set up").caused_by(error))?;
        let runtime =
            tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
                CliError::failed("the runtime could not be started").caused_by(error)
            })?;
        let mode = if args.observe { Mode::Observe } else { Mode::Submit };
        runtime.block_on(start(settings, mode))?;
        Ok(0)
    }

    /// Everything is validated before the first thing is bound.
    async fn start(settings: Settings, mode: Mode) -> Result<(), CliError> {
        let catalogue = open::catalogue(&settings)?;
        let tokens = settings.http.tokens.as_deref().map(open::tokens).transpose()?;
        let advice = open::spot_advisor(&settings)?;
        let calls = Arc::new(CallLog::default());
        let counting = Arc::clone(&calls);
        let observer = move |call: &ApiCall<'_>| {
            counting.note(call.operation, (call.account, call.region), call.outcome)
        };
        let aws =
            AwsCloud::connect(&settings.aws, &settings.limits, Arc::new(observer)).await.map_err(
                |error| CliError::input("AWS cannot be used as configured").caused_by(error),
            )?;
        let account_id = aws.account_id().await.map_err(|error| {
            CliError::failed("the AWS account could not be found out")
                .caused_by(error)
                .hint("check the credentials with: aws sts get-caller-identity")
        })?;
        for endpoint in aws.custom_endpoints() {
            tracing::warn!(service = %endpoint.service, url = %endpoint.url,
                "an endpoint that is not AWS's own is in force");
        }
        let identity = StoreIdentity::Account { account_id: account_id.clone() };
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&settings.store_path, identity)?);
        let listen = settings.http.listen;
        let listener = TcpListener::bind(listen).await.map_err(|error| {
            CliError::failed(format!("{listen} cannot be listened on")).caused_by(error)
        })?;
        let shared = Arc::new(Shared::new(Parts {
            clock: Arc::new(WallClock),
            mode,
            scope: account_id.clone(),
            cloud: Cloud {
                batch: Arc::new(aws.clone()),
                instances: Arc::new(aws.clone()),
                spot_prices: Arc::new(aws.clone()),
                list_prices: Arc::new(aws.clone()),
            },
            book: Book::load(store).await?,
            calls,
            custom_endpoint: !aws.custom_endpoints().is_empty(),
            catalogue,
            settings,
        }));
        shared.restore().await?;
        if let Some(advice) = advice {
            shared.advise(advice);
        }
        if let Some(tokens) = tokens {
            if !listen.ip().is_loopback() {
                tracing::warn!(%listen, "tokens travel unencrypted; put TLS in front of the daemon");
            }
            shared.tokens.store(Some(Arc::new(tokens)));
        }
        tracing::info!(account = %account_id, %listen, jobs = shared.catalogue.load().jobs.len(),
            observe = mode == Mode::Observe, "spotcron runs");
        serve(shared, listener)
            .await
            .map_err(|error| CliError::failed("the daemon ended").caused_by(error))
    }
}
