//! `spotcron check`: everything that is wrong with the catalogue, in one report.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::args::FormatArg;
use super::error::{Blame, CliError};
use super::open;
use super::render::{self, Page};

const HELP: &str = "\
Examples:
  spotcron check                              the catalogue that the settings name
  spotcron check jobs.toml teams/             these files and directories of *.toml, as one
  spotcron check --format json                for an editor or a pipeline

Exit code 2 when there is an error; warnings alone leave it 0.";

/// Arguments of `check`.
#[derive(Debug, Clone, Args)]
#[command(after_help = HELP)]
pub struct CheckArgs {
    /// Catalogue files, or directories of *.toml [default: those that the settings name]
    #[arg(value_name = "FILES")]
    pub files: Vec<PathBuf>,
    /// Settings file [default: config/spotcron.toml where it exists]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    pub format: FormatArg,
}

/// What was found in the catalogue.
#[derive(Debug, Clone, Serialize)]
pub struct Findings {
    pub files: Vec<PathBuf>,
    pub errors: usize,
    pub warnings: usize,
    pub environments: usize,
    pub classes: usize,
    pub jobs: usize,
    /// One object each: severity, code, message, file, line, column, hint.
    pub diagnostics: Value,
    /// The same for people, with the lines underlined.
    #[serde(skip)]
    pub text: String,
}

impl render::Report for Findings {
    fn write(&self, page: &mut Page) {
        if !self.text.is_empty() {
            page.line(self.text.trim_end());
        }
        if self.errors == 0 {
            let counts = [
                render::value::count(self.environments, "environment"),
                format!("{} class{}", self.classes, if self.classes == 1 { "" } else { "es" }),
                render::value::count(self.jobs, "job"),
            ];
            page.gap();
            page.line(format!("The catalogue is valid: {}.", counts.join(", ")));
        }
    }

    fn exit_code(&self) -> u8 {
        if self.errors > 0 { Blame::Input.exit_code() } else { 0 }
    }
}

/// Checks the files named, or those of the settings.
pub fn run(args: &CheckArgs, color: bool) -> Result<Findings, CliError> {
    if args.files.is_empty() {
        let settings = open::settings(args.config.as_deref())?;
        return open::findings(&settings.catalogue, color);
    }
    open::findings(&args.files, color)
}
