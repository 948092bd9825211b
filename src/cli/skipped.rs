//! `spotcron skipped`: scheduled times that have no run, and why.

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::args::{FormatArg, Source, When, when};
use super::error::CliError;
use super::render::table::{Grid, Tone, plain, toned};
use super::render::{self, FAINT, Page, value};
use crate::domain::JobName;
use crate::ports::{SkipQuery, Store};
use crate::schedule::{SkipReason, Skipped};

const HELP: &str = "\
A scheduled time either has its run, or is listed here. Times that a calendar excludes, or that lie
outside `start` and `end`, are not scheduled.

Examples:
  spotcron skipped --since 7d                   what did not run this week
  spotcron skipped --job nightly-report         what one job did not do";

/// Arguments of `skipped`.
#[derive(Debug, Clone, Args)]
#[command(after_help = HELP)]
pub struct SkippedArgs {
    #[command(flatten)]
    pub source: Source,
    /// Only times of this job
    #[arg(long, value_name = "NAME")]
    pub job: Option<String>,
    /// Only times since: a time, a date, or a distance back
    #[arg(long, value_name = "TIME", value_parser = when)]
    pub since: Option<When>,
    /// How many entries at most
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    #[command(flatten)]
    pub format: FormatArg,
}

/// The answer of `skipped`.
#[derive(Debug, Serialize)]
pub struct Report {
    pub now: Timestamp,
    /// Newest first.
    pub skipped: Vec<Skipped>,
    /// Whether there may be more than `--limit` showed.
    pub limited: bool,
}

/// The entries that match.
pub async fn run(
    args: &SkippedArgs,
    store: &dyn Store,
    now: Timestamp,
) -> Result<Report, CliError> {
    let query = SkipQuery {
        job: args.job.as_deref().map(JobName::from),
        since: args.since.map(|since| since.before(now)),
        limit: Some(args.limit),
    };
    let skipped = store.skips(&query).await?;
    Ok(Report { now, limited: skipped.len() == args.limit as usize, skipped })
}

/// Why, in a sentence's end.
const fn sentence(reason: SkipReason) -> &'static str {
    match reason {
        SkipReason::CatchUpWindow => "missed for longer than the catch-up window",
        SkipReason::CatchUpLimit => "more were missed than are started at once",
        SkipReason::CatchUpPolicy => "the job does not catch up on it",
        SkipReason::Paused => "the job was paused",
        SkipReason::Overlap => "an earlier run was still open",
    }
}

impl render::Report for Report {
    fn write(&self, page: &mut Page) {
        if self.skipped.is_empty() {
            page.line("No scheduled time was skipped.");
            return;
        }
        let mut grid =
            Grid::new().name("JOB").number("TIMES").name("FIRST").name("LAST").name("WHY");
        for skip in &self.skipped {
            grid.row([
                toned(Tone::Strong, &skip.job),
                plain(skip.count),
                plain(value::time(skip.first)),
                plain(value::time(skip.last)),
                plain(sentence(skip.reason)),
            ]);
        }
        page.table(0, &grid);
        if self.limited {
            page.gap();
            page.styled(FAINT, "There may be more; show them with --limit N.");
        }
    }
}
