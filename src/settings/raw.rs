//! The configuration file's tables as they are written. Doc comments here are the reference and the
//! schema; the defaults are checked against `Settings::default()` by a test.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use toml::Spanned;
use toml::de::DeValue;

use super::LogFormat;
use crate::cost::PriceMode;
use crate::document::{DurationText, FromToml, Located, Reader, TomlTable, Whole, toml_table};

/// Calls per second.
type PerSecond = Whole<1, 10_000>;

toml_table! {
    /// The configuration of spotcron's daemon. Every key has a default.
    pub struct RawSettings {
        /// Catalogue files, or directories of `*.toml`. Relative paths start at this file's directory.
        catalogue: Vec<Located<String>>, default "[\"catalogue.toml\"]";
        /// How long a stopping daemon waits for what it is doing, HTTP connections included.
        shutdown_grace: DurationText, default "\"20s\"";
        /// Calls to AWS.
        aws: RawAws, optional "";
        /// What the daemon remembers.
        store: RawStore, optional "";
        /// Metrics, health, status and commands over HTTP.
        http: RawHttp, optional "";
        /// Logs.
        log: RawLog, optional "";
        /// How often each task runs when nothing wakes it earlier.
        periods: RawPeriods, optional "";
        /// Calls per second to AWS.
        limits: RawLimits, optional "";
        /// What happens to submissions whose outcome is not known.
        submission: RawSubmission, optional "";
        /// What happens to scheduled times that were missed.
        schedule: RawSchedule, optional "";
        /// How environments are chosen.
        decision: RawDecision, optional "";
        /// How costs are counted.
        ledger: RawLedger, optional "";
    }
}

toml_table! {
    /// Calls to AWS. Credentials come from the SDK's default chain.
    pub struct RawAws {
        /// Region of calls that belong to no environment; without it the SDK's default chain decides.
        region: String, optional "\"eu-west-1\"";
        /// Allows endpoints that are not AWS's, such as a test server named in `AWS_ENDPOINT_URL`.
        allow_custom_endpoints: bool, default "false";
        /// For connecting.
        connect_timeout: DurationText, default "\"3s\"";
        /// For one try of one call.
        attempt_timeout: DurationText, default "\"15s\"";
        /// For one call with its repetitions.
        operation_timeout: DurationText, default "\"60s\"";
    }
}

toml_table! {
    /// What the daemon remembers.
    pub struct RawStore {
        /// The SQLite file, made when it does not exist. Relative paths start at this file's
        /// directory.
        path: String, default "\"spotcron.db\"";
    }
}

toml_table! {
    /// Metrics, health, status and commands over HTTP.
    pub struct RawHttp {
        /// Address and port. Anyone who reaches it can read what runs where: keep it on loopback, or
        /// behind something that asks who is there.
        listen: String, default "\"127.0.0.1:9188\"";
        /// The file of tokens that may operate the daemon (`spotcron token new --name alice --scope operate` makes one). Without it
        /// nothing can be changed over HTTP. Relative paths start at this file's directory.
        tokens: String, optional "\"tokens.toml\"";
        /// Whether `/`, `/metrics` and `/status` ask for a token too. The health pages never do.
        protect_reads: bool, default "false";
    }
}

toml_table! {
    /// Logs, on standard error.
    pub struct RawLog {
        /// `human` or `json`.
        format: LogFormatText, default "\"human\"";
        /// `error`, `warn`, `info`, `debug` or `trace`, or directives such as `spotcron=debug,warn`.
        /// Libraries that speak with AWS stay at `info` whatever is asked for: below it they show whole
        /// requests, with environment variables and parameters.
        level: String, default "\"info\"";
    }
}

toml_table! {
    /// How often each task runs when nothing wakes it earlier.
    pub struct RawPeriods {
        /// Spot prices.
        spot_prices: DurationText, default "\"5m\"";
        /// On-demand and Fargate list prices.
        list_prices: DurationText, default "\"24h\"";
        /// Queues, compute environments and instance types.
        discovery: DurationText, default "\"15m\"";
        /// Runs that wait or start.
        watch: DurationText, default "\"15s\"";
        /// Runs that just run are looked at up to this far apart.
        watch_slowest: DurationText, default "\"60s\"";
        /// Costs of attempts that ended.
        settle: DurationText, default "\"60s\"";
    }
}

toml_table! {
    /// Calls per second that spotcron allows itself, in each region of each account that it calls: AWS
    /// counts so too. A role in spotcron's own account counts as another account here, and not at AWS.
    pub struct RawLimits {
        /// SubmitJob. AWS allows 50 per account and region.
        submit_per_second: PerSecond, default "25";
        /// CancelJob and TerminateJob.
        stop_per_second: PerSecond, default "10";
        /// DescribeJobs and ListJobs.
        describe_per_second: PerSecond, default "10";
    }
}

toml_table! {
    /// What happens to submissions whose outcome is not known. Batch has no protection against
    /// sending one twice, so spotcron looks before it repeats.
    pub struct RawSubmission {
        /// A submission that no look-up has shown for this long was not accepted, and is sent again.
        absent_after: DurationText, default "\"90s\"";
        /// One that is older than this is given up as `unknown`, and never sent again by itself.
        unknown_after: DurationText, default "\"12h\"";
    }
}

toml_table! {
    /// What happens to scheduled times that were missed.
    pub struct RawSchedule {
        /// Times missed by at most this long are still run; older ones are skipped and recorded.
        catch_up_window: DurationText, default "\"1h\"";
        /// Of one job at most so many missed times are started at once: the newest. The others are
        /// skipped and recorded.
        catch_up_limit: Whole<1, 10_000>, default "100";
    }
}

toml_table! {
    /// How environments are chosen.
    pub struct RawDecision {
        /// How long trouble (no capacity, reclaims in a row) keeps an environment out at first. After that
        /// one leg tries it, and each time that this fails the time doubles, up to eight times as long.
        /// "0s" never keeps one out.
        cooldown: DurationText, default "\"15m\"";
        /// The table of AWS's Spot Advisor (`spot-advisor-data.json`), as you fetched it: how types compare
        /// before anything was seen of them. Without it they are expected to be alike. Relative paths
        /// start at this file's directory.
        spot_advisor_file: String, optional "\"spot-advisor-data.json\"";
    }
}

toml_table! {
    /// How costs are counted.
    pub struct RawLedger {
        /// Which spot price an instance-second is charged at: `instance-hour` (the one at the
        /// beginning of each hour since launch) or `continuous`. AWS's own pages say both.
        price_mode: PriceModeText, default "\"instance-hour\"";
    }
}

/// `instance-hour` or `continuous`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriceModeText(pub PriceMode);

impl FromToml for PriceModeText {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader) -> Option<Self> {
        let choices =
            [("instance-hour", PriceMode::InstanceHour), ("continuous", PriceMode::Continuous)];
        reader.choice(value, &choices).map(PriceModeText)
    }
}

impl JsonSchema for PriceModeText {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "price-mode".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": ["instance-hour", "continuous"] })
    }
}

/// `human` or `json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogFormatText(pub LogFormat);

impl FromToml for LogFormatText {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader) -> Option<Self> {
        let choices = [("human", LogFormat::Human), ("json", LogFormat::Json)];
        reader.choice(value, &choices).map(LogFormatText)
    }
}

impl JsonSchema for LogFormatText {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "log-format".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": ["human", "json"] })
    }
}

/// Keys by the table that they belong to, for keys that stand in the wrong one.
pub const KEYS_BY_TABLE: &[(&str, &[&str])] = &[
    ("`[aws]`", RawAws::NAMES),
    ("`[store]`", RawStore::NAMES),
    ("`[http]`", RawHttp::NAMES),
    ("`[log]`", RawLog::NAMES),
    ("`[periods]`", RawPeriods::NAMES),
    ("`[limits]`", RawLimits::NAMES),
    ("`[submission]`", RawSubmission::NAMES),
    ("`[schedule]`", RawSchedule::NAMES),
    ("`[decision]`", RawDecision::NAMES),
    ("`[ledger]`", RawLedger::NAMES),
    ("the head of the file, before any table", RawSettings::NAMES),
];
