//! `spotcron doctor`: everything that is wrong with a real set-up, each finding with its fix.

mod gather;
pub mod live;
mod local;

pub use gather::gather;
pub use local::{file_system_of, look_at_store};

use std::path::PathBuf;

use clap::Args;
#[cfg(not(feature = "aws"))]
use clap::ColorChoice;
use jiff::SignedDuration;
use serde::Serialize;

#[cfg(not(feature = "aws"))]
use super::CliError;
use super::args::{self, FormatArg};
use super::render::table::{Grid, Tone, plain, toned};
use super::render::value::count;
use super::render::{self, Page};
use crate::doctor::live::LiveWish;
use crate::doctor::{Finding, Severity};
use crate::domain::EnvironmentName;

const HELP: &str = "\
Looks at the queues, compute environments, definitions and waiting jobs that the catalogue names,
at the permissions it needs, at the clock, and at the store. Changes nothing. What each finding
means is in docs/guide/doctor.md.

With --live it does something else: it submits one tiny job to one environment, watches it to its
end, says what it ran on and what it cost, and leaves nothing behind. It says what it may cost at
most and asks before it does anything.

Examples:
  spotcron doctor                     the set-up of config/spotcron.toml
  spotcron doctor --format json       for a pipeline
  spotcron doctor --live --environment spot-general --definition spotcron-doctor:1

Exit code 2 when there is an error, 1 when there are only warnings, 0 otherwise. With --live: 2 when
a step failed, 1 when nobody agreed, 0 otherwise.";

/// Arguments of `doctor`.
#[derive(Debug, Clone, Args)]
#[command(after_help = HELP)]
pub struct DoctorArgs {
    /// Settings file [default: config/spotcron.toml where it exists]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Submit one tiny job, and see it to its end
    #[arg(long, help_heading = LIVE)]
    pub live: bool,
    /// Where the job goes [default: the catalogue's only environment]
    #[arg(long, value_name = "NAME", requires = "live", help_heading = LIVE)]
    pub environment: Option<String>,
    /// Its job definition: one that may be run at any time
    #[arg(long, value_name = "NAME:REV", requires = "live", help_heading = LIVE)]
    pub definition: Option<String>,
    /// Run the definition's own command instead of `true`
    #[arg(long, requires = "live", help_heading = LIVE)]
    pub own_command: bool,
    /// Stop the job when it is not over by then [default: 15m]
    #[arg(long, value_name = "DURATION", value_parser = args::duration, requires = "live")]
    #[arg(help_heading = LIVE)]
    pub timeout: Option<SignedDuration>,
    /// Do not ask before it is submitted
    #[arg(long, requires = "live", help_heading = LIVE)]
    pub yes: bool,
    #[command(flatten)]
    pub format: FormatArg,
}

const LIVE: &str = "One real job";
/// Batch needs some minutes for an instance; more means that there is none.
const TIMEOUT: SignedDuration = SignedDuration::from_mins(15);

impl DoctorArgs {
    /// The test job that is asked for.
    pub fn wish(&self) -> LiveWish {
        LiveWish {
            environment: self.environment.as_deref().map(EnvironmentName::from),
            definition: self.definition.clone(),
            own_command: self.own_command,
            timeout: self.timeout.unwrap_or(TIMEOUT),
        }
    }
}

/// What was found.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// That was looked at, where the credentials are of one.
    pub account: Option<String>,
    pub errors: usize,
    pub warnings: usize,
    pub notes: usize,
    /// Of one thing together, what has the worst first.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Of `findings`, sorted as [`crate::doctor::examine`] gives them.
    pub fn new(account: Option<String>, findings: Vec<Finding>) -> Self {
        let count = |severity| findings.iter().filter(|found| found.severity == severity).count();
        Report {
            account,
            errors: count(Severity::Error),
            warnings: count(Severity::Warning),
            notes: count(Severity::Note),
            findings,
        }
    }

    /// `2 errors, 1 warning`.
    fn summary(&self) -> String {
        let parts = [(self.errors, "error"), (self.warnings, "warning"), (self.notes, "note")];
        let some: Vec<String> = parts
            .into_iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, what)| count(number, what))
            .collect();
        match (&self.account, some.is_empty()) {
            (_, false) => some.join(", "),
            (Some(account), true) => {
                format!("Nothing is wrong with the set-up of account {account}.")
            }
            (None, true) => "Nothing is wrong.".to_owned(),
        }
    }
}

impl render::Report for Report {
    fn write(&self, page: &mut Page) {
        for group in self.findings.chunk_by(|one, next| one.about == next.about) {
            let Some(first) = group.first() else { continue };
            page.heading(first.about.to_string());
            let mut grid = Grid::new().name("").name("").prose("").without_header();
            for finding in group {
                let tone = match finding.severity {
                    Severity::Error => Tone::Bad,
                    Severity::Warning => Tone::Warn,
                    Severity::Note => Tone::Faint,
                };
                let severity = toned(tone, finding.severity.label());
                grid.row([
                    severity,
                    toned(Tone::Strong, finding.code.label()),
                    plain(&finding.problem),
                ]);
                grid.row([plain(""), toned(Tone::Faint, "why"), plain(finding.why)]);
                grid.row([plain(""), toned(Tone::Faint, "fix"), plain(&finding.fix)]);
            }
            page.table(2, &grid);
        }
        page.gap();
        page.line(self.summary());
    }

    fn exit_code(&self) -> u8 {
        match (self.errors, self.warnings) {
            (0, 0) => 0,
            (0, _) => 1,
            _ => 2,
        }
    }
}

/// Looks at the account of the credentials and at this machine.
#[cfg(not(feature = "aws"))]
pub fn run(_args: &DoctorArgs) -> Result<Report, CliError> {
    Err(without_aws())
}

/// Submits one job to the account of the credentials.
#[cfg(not(feature = "aws"))]
pub fn run_live(_args: &DoctorArgs, _color: ColorChoice) -> Result<live::LiveReport, CliError> {
    Err(without_aws())
}

#[cfg(not(feature = "aws"))]
fn without_aws() -> CliError {
    CliError::failed("this spotcron was built without AWS")
        .hint("build it with default features; `spotcron check` looks at the catalogue alone")
}

#[cfg(feature = "aws")]
pub use real::{run, run_live};

#[cfg(feature = "aws")]
mod real {
    use std::io::{self, IsTerminal};
    use std::sync::Arc;

    use clap::ColorChoice;
    use tokio::runtime::Runtime;

    use super::live::{LiveReport, Session, Terminal};
    use super::{DoctorArgs, Report, gather, look_at_store};
    use crate::aws::{ApiCall, AwsCloud};
    use crate::catalogue::Catalogue;
    use crate::cli::{CliError, open};
    use crate::clock::{Clock, WallClock};
    use crate::daemon::Cloud;
    use crate::doctor::examine;
    use crate::doctor::live::LivePlan;
    use crate::settings::Settings;

    /// Looks at the account of the credentials and at this machine.
    pub fn run(args: &DoctorArgs) -> Result<Report, CliError> {
        let settings = open::settings(args.config.as_deref())?;
        let catalogue = open::catalogue(&settings)?;
        runtime()?.block_on(look(&settings, &catalogue))
    }

    fn runtime() -> Result<Runtime, CliError> {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| CliError::failed("the runtime could not be started").caused_by(error))
    }

    async fn connect(settings: &Settings) -> Result<AwsCloud, CliError> {
        let observer = |_: &ApiCall<'_>| {};
        AwsCloud::connect(&settings.aws, &settings.limits, Arc::new(observer))
            .await
            .map_err(|error| CliError::input("AWS cannot be used as configured").caused_by(error))
    }

    async fn look(settings: &Settings, catalogue: &Catalogue) -> Result<Report, CliError> {
        let aws = connect(settings).await?;
        let mut local = look_at_store(&settings.store_path);
        open::add_from_store(&mut local, settings, catalogue, WallClock.now()).await;
        let facts = gather(&aws, catalogue, local).await;
        let findings = examine(&facts, catalogue, settings, WallClock.now());
        Ok(Report::new(facts.account.ok(), findings))
    }

    /// Submits one job to the account of the credentials, if whoever is asked agrees.
    pub fn run_live(args: &DoctorArgs, color: ColorChoice) -> Result<LiveReport, CliError> {
        let settings = open::settings(args.config.as_deref())?;
        let catalogue = open::catalogue(&settings)?;
        let plan = LivePlan::new(&catalogue, &args.wish(), WallClock.now()).map_err(|refusal| {
            let hint = refusal.hint();
            CliError::input("there is no test job to submit").caused_by(refusal).hint(hint)
        })?;
        if !args.yes && !io::stdin().is_terminal() {
            return Err(CliError::input("nobody can be asked: standard input is no terminal")
                .hint("nothing was submitted; to submit the job unasked, say --yes"));
        }
        runtime()?.block_on(submit(args, &settings, &plan, color))
    }

    async fn submit(
        args: &DoctorArgs,
        settings: &Settings,
        plan: &LivePlan,
        color: ColorChoice,
    ) -> Result<LiveReport, CliError> {
        let aws = connect(settings).await?;
        let account = aws.account_id().await.map_err(|error| {
            CliError::failed("the AWS account could not be found out; nothing was submitted")
                .caused_by(error)
                .hint("check the credentials with: aws sts get-caller-identity")
        })?;
        let cloud = Cloud {
            batch: Arc::new(aws.clone()),
            instances: Arc::new(aws.clone()),
            spot_prices: Arc::new(aws.clone()),
            list_prices: Arc::new(aws),
        };
        let mut terminal = Terminal::new(args.yes, color);
        let session = Session {
            cloud: &cloud,
            clock: &WallClock,
            account: &account,
            plan,
            price_mode: settings.ledger.price_mode,
            absent_after: settings.submission.absent_after,
        };
        Ok(session.conduct(&mut terminal).await)
    }
}
