//! `spotcron adopt`: makes runs anew from what Batch shows, when the store was lost.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::CliError;
use super::args::{FormatArg, When, when};
use super::render::table::{Grid, Tone, or_dash, plain, toned};
use super::render::{self, Page, value};
use crate::domain::{BatchJobId, BatchStatus, EnvironmentName, JobName, RunId};
use crate::run::{Adopted, Adoption, LeftAlone, NotOurs, WhyLeft};

const HELP: &str = "\
For the day on which the store is lost. The daemon must be stopped, for two minutes at least: what
it sent last may not be listed earlier. What the store has is left as it is, so that a second time
does nothing. See docs/runbook.md, \"The store is lost\".

Examples:
  spotcron adopt --config config/spotcron.toml --dry-run
  spotcron adopt --config config/spotcron.toml --since 3d";

/// Arguments of `adopt`.
#[derive(Debug, Clone, Args)]
#[command(after_help = HELP)]
pub struct AdoptArgs {
    /// Settings file [default: config/spotcron.toml where it exists]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Jobs created since: a time, a date, or a distance back. Longer than the longest run
    #[arg(long, value_name = "TIME", value_parser = when, default_value = "1d")]
    pub since: When,
    /// Say what would be done, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub format: FormatArg,
}

/// One run that is made anew.
#[derive(Debug, Serialize)]
pub struct Line {
    pub run: RunId,
    /// `watching`, `stopping`, `needs-leg`, or `unknown` where it is not followed.
    pub state: &'static str,
    /// Of its last leg's job; `null` where Batch shows nothing of it.
    pub status: Option<BatchStatus>,
    pub legs: usize,
    pub environment: Option<EnvironmentName>,
    pub job_id: Option<BatchJobId>,
}

/// Scheduled times of one job without a trace.
#[derive(Debug, Serialize)]
pub struct Gap {
    pub job: JobName,
    pub first: Timestamp,
    pub last: Timestamp,
    pub count: usize,
}

/// The answer of `adopt`.
#[derive(Debug, Serialize)]
pub struct Report {
    pub since: Timestamp,
    pub dry_run: bool,
    /// Runs that the store had already.
    pub existing: usize,
    pub runs: Vec<Line>,
    pub gaps: Vec<Gap>,
    pub left: Vec<LeftAlone>,
}

impl Report {
    /// What `adoption` comes to, for people and programs.
    pub fn of(adoption: &Adoption, since: Timestamp, dry_run: bool) -> Report {
        let gap = |(job, times): (&JobName, &Vec<Timestamp>)| {
            let (first, last) = (*times.first()?, *times.last()?);
            Some(Gap { job: job.clone(), first, last, count: times.len() })
        };
        Report {
            since,
            dry_run,
            existing: adoption.existing,
            runs: adoption.runs.iter().map(line).collect(),
            gaps: adoption.gaps.iter().filter_map(gap).collect(),
            left: adoption.left.clone(),
        }
    }
}

fn line(adopted: &Adopted) -> Line {
    let Adopted { run, seen, .. } = adopted;
    let last = run.last_leg();
    Line {
        run: run.id.clone(),
        state: run.state.label(),
        status: *seen,
        legs: run.legs.len(),
        environment: last.map(|leg| leg.environment.clone()),
        job_id: last.and_then(|leg| leg.job_id.clone()),
    }
}

fn sentence(why: &WhyLeft) -> String {
    match why {
        WhyLeft::NotOurs { reason: NotOurs::Foreign } => "not spotcron's".to_owned(),
        WhyLeft::NotOurs { reason: NotOurs::StrangeName } => {
            "has spotcron's tags, and a name that spotcron does not give".to_owned()
        }
        WhyLeft::NotOurs { reason: NotOurs::OtherScope } => {
            "has spotcron's tags, and the name of another account, region or run".to_owned()
        }
        WhyLeft::NoSuchJob { job } => format!("the catalogue has no job {job}"),
        WhyLeft::NoSuchSet { .. } => "the job has no such parameter set now".to_owned(),
        WhyLeft::ParametersUnknown { .. } => {
            "started by hand; the values of its parameters are not shown".to_owned()
        }
        WhyLeft::IndicesUnknown { .. } => {
            "a further leg of mapped indices; which it carries is not shown".to_owned()
        }
    }
}

impl render::Report for Report {
    fn write(&self, page: &mut Page) {
        let verb = if self.dry_run { "Would adopt" } else { "Adopted" };
        page.line(format!(
            "{verb} {} of what Batch shows since {}; the store has {} already.",
            value::count(self.runs.len(), "run"),
            value::time(self.since),
            self.existing
        ));
        if !self.runs.is_empty() {
            page.gap();
            page.table(0, &self.runs_grid());
        }
        if !self.gaps.is_empty() {
            page.heading(
                "Scheduled times without a job, or without some of their sets: skipped, waiting, or too old to tell",
            );
            let mut grid = Grid::new().name("JOB").number("TIMES").name("FIRST").name("LAST");
            for gap in &self.gaps {
                let (first, last) = (value::time(gap.first), value::time(gap.last));
                grid.row([
                    toned(Tone::Strong, &gap.job),
                    plain(gap.count),
                    plain(first),
                    plain(last),
                ]);
            }
            page.table(0, &grid);
        }
        if !self.left.is_empty() {
            page.heading("Left alone");
            let mut grid = Grid::new().name("QUEUE").name("NAME").name("ID").name("STATUS");
            grid = grid.name("WHY");
            for left in &self.left {
                grid.row([
                    plain(&left.queue),
                    plain(&left.name),
                    plain(&left.id),
                    plain(left.status.label()),
                    plain(sentence(&left.why)),
                ]);
            }
            page.table(0, &grid);
        }
        if self.dry_run {
            page.gap();
            page.line("Nothing was changed.");
        }
    }
}

impl Report {
    fn runs_grid(&self) -> Grid {
        let grid = Grid::new().name("RUN").name("STATE").name("AT BATCH").number("LEGS");
        let mut grid = grid.name("ENVIRONMENT").name("JOB ID");
        for line in &self.runs {
            grid.row([
                toned(Tone::Strong, &line.run),
                plain(line.state),
                or_dash(line.status.map(|status| status.label())),
                plain(line.legs),
                or_dash(line.environment.as_ref()),
                or_dash(line.job_id.as_ref()),
            ]);
        }
        grid
    }
}

/// The moment since which jobs are looked for.
pub fn since(args: &AdoptArgs, now: Timestamp) -> Result<Timestamp, CliError> {
    let since = args.since.before(now);
    if since <= now {
        return Ok(since);
    }
    Err(CliError::input("--since lies in the future"))
}

/// Adopts. Needs AWS.
#[cfg(not(feature = "aws"))]
pub fn run(_args: &AdoptArgs, _now: Timestamp) -> Result<Report, CliError> {
    Err(CliError::failed("this spotcron was built without AWS")
        .hint("build it with default features"))
}

#[cfg(feature = "aws")]
pub use real::run;

#[cfg(feature = "aws")]
mod real {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::{AdoptArgs, Report, since};
    use crate::aws::{ApiCall, AwsCloud};
    use crate::cli::{CliError, open};
    use crate::daemon::{AdoptTerms, Book, carry_out, plan_adoption, sight};
    use crate::ports::{Store, StoreIdentity};
    use crate::store::SqliteStore;

    /// Adopts what Batch shows into the store of the settings, which is locked meanwhile.
    pub fn run(args: &AdoptArgs, now: Timestamp) -> Result<Report, CliError> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
                CliError::failed("the runtime could not be started").caused_by(error)
            })?;
        runtime.block_on(adopted(args, now))
    }

    async fn adopted(args: &AdoptArgs, now: Timestamp) -> Result<Report, CliError> {
        let since = since(args, now)?;
        let settings = open::settings(args.config.as_deref())?;
        let catalogue = open::catalogue(&settings)?;
        let observer = |_: &ApiCall<'_>| {};
        let aws =
            AwsCloud::connect(&settings.aws, &settings.limits, Arc::new(observer)).await.map_err(
                |error| CliError::input("AWS cannot be used as configured").caused_by(error),
            )?;
        let scope = aws.account_id().await.map_err(|error| {
            CliError::failed("the AWS account could not be found out")
                .caused_by(error)
                .hint("check the credentials with: aws sts get-caller-identity")
        })?;
        let identity = StoreIdentity::Account { account_id: scope.clone() };
        let path = &settings.store_path;
        let store: Arc<dyn Store> = Arc::new(match (args.dry_run, path.exists()) {
            (true, true) => SqliteStore::open_read_only_of(path, &identity)?,
            (true, false) => SqliteStore::in_memory(identity)?,
            // Locked as by the daemon: none can start while jobs are looked for.
            (false, _) => SqliteStore::open(path, identity)?,
        });
        let book = Book::load(store).await?;
        let sightings = sight(&aws, &aws, &catalogue, since).await.map_err(|error| {
            CliError::failed("not every queue could be looked at")
                .caused_by(error)
                .hint("nothing was written; put that right and try again")
        })?;
        let terms = AdoptTerms { catalogue: &catalogue, scope: &scope, since, now };
        let adoption = plan_adoption(&book, &sightings, terms).await?;
        if !args.dry_run {
            carry_out(&book, &adoption, now).await?;
        }
        Ok(Report::of(&adoption, since, args.dry_run))
    }
}
