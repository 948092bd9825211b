//! The daemon's own configuration: config/spotcron.toml. Every key has a default.

mod load;
mod raw;
mod schema;
pub mod spot_advisor;
pub mod tokens;

pub use load::{load, load_source};
pub use schema::{reference_markdown, schema};

use std::net::SocketAddr;
use std::path::PathBuf;

use jiff::SignedDuration;

use crate::cost::PriceMode;
use crate::domain::Region;

/// The validated configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Catalogue files, or directories of `*.toml`; relative to the configuration file.
    pub catalogue: Vec<PathBuf>,
    pub aws: AwsSettings,
    /// The SQLite file.
    pub store_path: PathBuf,
    pub http: HttpSettings,
    pub log: LogSettings,
    pub periods: Periods,
    pub limits: Limits,
    pub submission: SubmissionSettings,
    pub schedule: ScheduleSettings,
    pub decision: DecisionSettings,
    pub ledger: LedgerSettings,
    /// How long a stopping daemon waits for running activations.
    pub shutdown_grace: SignedDuration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsSettings {
    /// Overrides the SDK's default chain; environments name their own.
    pub region: Option<Region>,
    /// Without this, an endpoint that is not AWS's (`AWS_ENDPOINT_URL`) is refused.
    pub allow_custom_endpoints: bool,
    pub connect_timeout: SignedDuration,
    /// For one try of one call.
    pub attempt_timeout: SignedDuration,
    /// For one call with its repetitions.
    pub operation_timeout: SignedDuration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSettings {
    pub listen: SocketAddr,
    /// Who may operate the daemon; without it nobody.
    pub tokens: Option<PathBuf>,
    /// Whether pages that only show need a token too.
    pub protect_reads: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Human,
    Json,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    pub format: LogFormat,
    /// `info`, or directives such as `spotcron=debug,warn`. Libraries that speak with AWS stay at
    /// `info`, see [`crate::telemetry`].
    pub level: String,
}

/// How often each task runs when nothing wakes it earlier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Periods {
    pub spot_prices: SignedDuration,
    pub list_prices: SignedDuration,
    pub discovery: SignedDuration,
    /// Of runs that wait or start; runs that just run are looked at up to `watch_slowest` apart.
    pub watch: SignedDuration,
    pub watch_slowest: SignedDuration,
    pub settle: SignedDuration,
}

/// Calls per second that spotcron allows itself, in each region of each account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// AWS allows 50 SubmitJob calls a second per account and region.
    pub submit_per_second: u32,
    pub stop_per_second: u32,
    pub describe_per_second: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmissionSettings {
    /// A submission whose outcome is not known, and which no look-up has shown for this long, was
    /// not accepted and is sent again.
    pub absent_after: SignedDuration,
    /// An unresolved intent older than this is given up as `unknown`, never sent again.
    pub unknown_after: SignedDuration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleSettings {
    /// Scheduled times missed by at most this long are still run.
    pub catch_up_window: SignedDuration,
    /// Of one job at most so many missed times are started at once; the newest are.
    pub catch_up_limit: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionSettings {
    /// How long trouble keeps an environment out at first (`experience::Breaker`).
    pub cooldown: SignedDuration,
    /// Spot Advisor's table, where there is one ([`spot_advisor`]).
    pub spot_advisor_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerSettings {
    /// Which spot price an instance-second is charged at.
    pub price_mode: PriceMode,
}

impl Default for Settings {
    fn default() -> Self {
        let secs = SignedDuration::from_secs;
        Settings {
            catalogue: vec![PathBuf::from("catalogue.toml")],
            aws: AwsSettings {
                region: None,
                allow_custom_endpoints: false,
                connect_timeout: secs(3),
                attempt_timeout: secs(15),
                operation_timeout: secs(60),
            },
            store_path: PathBuf::from("spotcron.db"),
            http: HttpSettings {
                listen: SocketAddr::from(([127, 0, 0, 1], 9188)),
                tokens: None,
                protect_reads: false,
            },
            log: LogSettings { format: LogFormat::Human, level: "info".to_owned() },
            periods: Periods {
                spot_prices: secs(300),
                list_prices: secs(86_400),
                discovery: secs(900),
                watch: secs(15),
                watch_slowest: secs(60),
                settle: secs(60),
            },
            limits: Limits { submit_per_second: 25, stop_per_second: 10, describe_per_second: 10 },
            submission: SubmissionSettings {
                absent_after: secs(90),
                unknown_after: secs(12 * 3600),
            },
            schedule: ScheduleSettings { catch_up_window: secs(3600), catch_up_limit: 100 },
            decision: DecisionSettings { cooldown: secs(900), spot_advisor_file: None },
            ledger: LedgerSettings { price_mode: PriceMode::InstanceHour },
            shutdown_grace: secs(20),
        }
    }
}
