//! `spotcron doctor`: everything that is wrong with a real set-up, each finding with its fix.

mod gather;
mod local;

pub use gather::gather;
pub use local::{file_system_of, look_at_store};

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

#[cfg(not(feature = "aws"))]
use super::CliError;
use super::args::FormatArg;
use super::render::table::{Grid, Tone, plain, toned};
use super::render::value::count;
use super::render::{self, Page};
use crate::doctor::{Finding, Severity};

const HELP: &str = "\
Looks at the queues, compute environments, definitions and waiting jobs that the catalogue names,
at the permissions it needs, at the clock, and at the store. Changes nothing. What each finding
means is in docs/guide/doctor.md.

Examples:
  spotcron doctor                     the set-up of config/spotcron.toml
  spotcron doctor --format json       for a pipeline

Exit code 2 when there is an error, 1 when there are only warnings, 0 otherwise.";

/// Arguments of `doctor`.
#[derive(Debug, Clone, Args)]
#[command(after_help = HELP)]
pub struct DoctorArgs {
    /// Settings file [default: config/spotcron.toml where it exists]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    pub format: FormatArg,
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
    Err(CliError::failed("this spotcron was built without AWS")
        .hint("build it with default features; `spotcron check` looks at the catalogue alone"))
}

#[cfg(feature = "aws")]
pub use real::run;

#[cfg(feature = "aws")]
mod real {
    use std::sync::Arc;

    use super::{DoctorArgs, Report, gather, look_at_store};
    use crate::aws::{ApiCall, AwsCloud};
    use crate::catalogue::Catalogue;
    use crate::cli::{CliError, open};
    use crate::clock::{Clock, WallClock};
    use crate::doctor::examine;
    use crate::settings::Settings;

    /// Looks at the account of the credentials and at this machine.
    pub fn run(args: &DoctorArgs) -> Result<Report, CliError> {
        let settings = open::settings(args.config.as_deref())?;
        let catalogue = open::catalogue(&settings)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(
            |error| CliError::failed("the runtime could not be started").caused_by(error),
        )?;
        runtime.block_on(look(&settings, &catalogue))
    }

    async fn look(settings: &Settings, catalogue: &Catalogue) -> Result<Report, CliError> {
        let observer = |_: &ApiCall<'_>| {};
        let aws =
            AwsCloud::connect(&settings.aws, &settings.limits, Arc::new(observer)).await.map_err(
                |error| CliError::input("AWS cannot be used as configured").caused_by(error),
            )?;
        let local = look_at_store(&settings.store_path);
        let facts = gather(&aws, catalogue, local).await;
        let findings = examine(&facts, catalogue, settings, WallClock.now());
        Ok(Report::new(facts.account.ok(), findings))
    }
}
