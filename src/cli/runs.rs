//! `spotcron runs`: what ran, where, for how much, and where its logs are.

mod group;

pub use group::GroupLine;

use std::collections::BTreeMap;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::args::{FormatArg, Source, When, when};
use super::error::CliError;
use super::render::table::{Grid, Text, Tone, or_dash, plain, toned};
use super::render::{self, FAINT, Page, value};
use crate::domain::{
    AttemptEnd, Capacity, ClassName, EnvironmentName, JobName, RunId, RunOutcome, Usd,
};
use crate::ledger::Entry;
use crate::ports::{RunQuery, Store};
use crate::run::{AttemptRecord, Indices, Run, RunState};

const HELP: &str = "\
Times are UTC. The cost of a run is the sum over its attempts: `~` marks a provisional one (the
instance's end may still change it), `?` one of which a part has no price.

Runs of one scheduled time that differ in their parameter sets are one line with how many are in
which state; --job shows them one by one.

Examples:
  spotcron runs --open                          what is going on
  spotcron runs --job nightly-report --since 7d the last week of one job
  spotcron runs --format json | jq '.runs[] | select(.state == \"failed\") | .id'";

/// Arguments of `runs`.
#[derive(Debug, Clone, Args)]
#[command(after_help = HELP)]
pub struct RunsArgs {
    #[command(flatten)]
    pub source: Source,
    /// Only runs of this job
    #[arg(long, value_name = "NAME")]
    pub job: Option<String>,
    /// Only runs of this class
    #[arg(long, value_name = "NAME")]
    pub class: Option<String>,
    /// Only runs that have not ended
    #[arg(long)]
    pub open: bool,
    /// Only runs scheduled since: a time, a date, or a distance back
    #[arg(long, value_name = "TIME", value_parser = when)]
    pub since: Option<When>,
    /// How many runs at most
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    #[command(flatten)]
    pub format: FormatArg,
}

/// The answer of `runs`.
#[derive(Debug, Serialize)]
pub struct Report {
    pub now: Timestamp,
    /// Newest first.
    pub runs: Vec<RunLine>,
    /// Scheduled times of jobs with parameter sets, newest first; with `--job` their runs are among
    /// `runs`.
    pub groups: Vec<GroupLine>,
    /// Whether there may be more than `--limit` showed.
    pub limited: bool,
}

/// One run.
#[derive(Debug, Serialize)]
pub struct RunLine {
    pub id: RunId,
    pub job: JobName,
    pub class: ClassName,
    /// The fields of its parameter set.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, String>,
    /// With mapped indices: those of this run, and which of them are done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub indices: Option<Indices>,
    /// A stable label: `waiting`, `needs-leg`, `submitting`, `uncertain`, `watching`, `stopping`, or the outcome.
    pub state: &'static str,
    /// Of the last leg.
    pub environment: Option<EnvironmentName>,
    pub capacity: Option<Capacity>,
    pub legs: usize,
    pub interruptions: usize,
    pub scheduled_for: Timestamp,
    /// When the first attempt started.
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    /// From the scheduled time to the end, or to now.
    pub duration_secs: i64,
    pub deadline_at: Option<Timestamp>,
    pub deadline_missed: bool,
    /// Of the attempts that have a price.
    pub cost_usd: Usd,
    pub cost_provisional: bool,
    pub unpriced_attempts: usize,
    pub attempts: Vec<AttemptLine>,
}

/// One attempt.
#[derive(Debug, Serialize)]
pub struct AttemptLine {
    pub leg: u16,
    pub child: Option<u32>,
    /// With mapped indices, the one that it worked on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    pub attempt: u32,
    pub environment: EnvironmentName,
    pub capacity: Capacity,
    /// `null` while it runs.
    pub end: Option<AttemptEnd>,
    pub exit_code: Option<i32>,
    pub started_at: Option<Timestamp>,
    pub stopped_at: Option<Timestamp>,
    /// From its start to its end, or to now; `null` when it never ran.
    pub duration_secs: Option<i64>,
    pub cost_usd: Option<Usd>,
    pub log_stream: Option<String>,
}

/// The runs that match.
pub async fn run(args: &RunsArgs, store: &dyn Store, now: Timestamp) -> Result<Report, CliError> {
    let query = RunQuery {
        job: args.job.as_deref().map(JobName::from),
        class: args.class.as_deref().map(ClassName::from),
        open_only: args.open,
        since: args.since.map(|since| since.before(now)),
        until: None,
        limit: Some(args.limit),
        fold_sets: args.job.is_none(),
    };
    let (mut lines, mut groups) = (Vec::new(), Vec::new());
    for run in store.runs(&query).await? {
        if query.fold_sets
            && let Some(group) = GroupLine::of(&run, store).await?
        {
            groups.push(group);
            continue;
        }
        let attempts = store.attempts(&run.id).await?;
        let entries = store.entries(&run.id).await?;
        lines.push(RunLine::of(&run, &attempts, &entries, now));
    }
    let limited = lines.len() + groups.len() == args.limit as usize;
    Ok(Report { now, limited, runs: lines, groups })
}

impl RunLine {
    fn of(run: &Run, attempts: &[AttemptRecord], entries: &[Entry], now: Timestamp) -> Self {
        let ended_at = match run.state {
            RunState::Ended { at, .. } => Some(at),
            _ => None,
        };
        let priced = || entries.iter().filter_map(Entry::priced);
        RunLine {
            id: run.id.clone(),
            job: run.job.clone(),
            class: run.class.clone(),
            set: run.set.as_ref().map(|set| set.fields.clone()).unwrap_or_default(),
            indices: run.indices.clone(),
            state: run.state.label(),
            environment: run.last_leg().map(|leg| leg.environment.clone()),
            capacity: run.last_leg().map(|leg| leg.capacity),
            legs: run.legs.len(),
            interruptions: run.interruptions(),
            scheduled_for: run.scheduled_for,
            started_at: attempts.iter().filter_map(|attempt| attempt.started_at).min(),
            ended_at,
            duration_secs: elapsed(run.wanted_since(), ended_at, now),
            deadline_at: run.deadline_at,
            deadline_missed: run.deadline_missed,
            cost_usd: priced().map(|priced| priced.cost).sum(),
            cost_provisional: entries.iter().any(Entry::is_provisional),
            unpriced_attempts: entries.iter().filter(|entry| entry.priced().is_none()).count(),
            attempts: attempts
                .iter()
                .map(|attempt| AttemptLine::of(attempt, entries, now))
                .collect(),
        }
    }

    fn cells(&self) -> [Text; 10] {
        let state = self.state_text();
        [
            toned(Tone::Strong, &self.id),
            state,
            plain(&self.class),
            or_dash(self.environment.as_ref()),
            or_dash(self.capacity),
            plain(self.legs),
            or_dash(self.started_at.map(value::time)),
            plain(value::seconds(self.duration_secs)),
            plain(self.cost_text()),
            plain(""),
        ]
    }

    fn state_text(&self) -> Text {
        let tone = match self.state {
            _ if self.deadline_missed => Tone::Bad,
            state if state == RunOutcome::Succeeded.label() => Tone::Good,
            "waiting" | "needs-leg" | "submitting" | "watching" | "stopping" | "observed" => {
                Tone::Plain
            }
            "uncertain" | "cancelled" | "skipped" => Tone::Warn,
            _ => Tone::Bad,
        };
        match self.deadline_missed {
            true => toned(tone, format!("{}, late", self.state)),
            false => toned(tone, self.state),
        }
    }

    fn cost_text(&self) -> String {
        let nothing_priced = self.cost_usd == Usd::ZERO;
        match self.unpriced_attempts {
            0 if self.cost_provisional => format!("~{}", value::usd(self.cost_usd)),
            0 if nothing_priced
                && self.attempts.iter().all(|attempt| attempt.cost_usd.is_none()) =>
            {
                "-".to_owned()
            }
            0 => value::usd(self.cost_usd),
            _ if nothing_priced => "?".to_owned(),
            _ => format!("?{}", value::usd(self.cost_usd)),
        }
    }
}

/// Whole seconds from `start` to `end`, or to `now`.
fn elapsed(start: Timestamp, end: Option<Timestamp>, now: Timestamp) -> i64 {
    end.unwrap_or(now).duration_since(start).as_secs().max(0)
}

impl AttemptLine {
    pub(super) fn of(attempt: &AttemptRecord, entries: &[Entry], now: Timestamp) -> Self {
        let entry = entries.iter().find(|entry| entry.key == attempt.key);
        AttemptLine {
            leg: attempt.key.leg,
            child: attempt.key.child,
            index: attempt.index,
            attempt: attempt.key.number,
            environment: attempt.environment.clone(),
            capacity: attempt.capacity,
            end: attempt.end,
            exit_code: attempt.exit_code,
            started_at: attempt.started_at,
            stopped_at: attempt.stopped_at,
            duration_secs: attempt.started_at.map(|at| elapsed(at, attempt.stopped_at, now)),
            cost_usd: entry.and_then(Entry::priced).map(|priced| priced.cost),
            log_stream: attempt.log_stream.clone(),
        }
    }

    /// `leg 1`, `leg 1 child 3`, `leg 1 attempt 2`, `leg 1 index 120`.
    pub(super) fn name(&self) -> String {
        let child = match (self.index, self.child) {
            (Some(index), _) => format!(" index {index}"),
            (None, Some(child)) => format!(" child {child}"),
            (None, None) => String::new(),
        };
        let number = match self.attempt {
            1 => String::new(),
            number => format!(" attempt {number}"),
        };
        format!("leg {}{child}{number}", self.leg)
    }

    /// How it ended, coloured.
    pub(super) fn end_text(&self) -> Text {
        match self.end {
            None => plain("running"),
            Some(end @ AttemptEnd::Succeeded) => toned(Tone::Good, end.label()),
            Some(end @ (AttemptEnd::Failed | AttemptEnd::TimedOut)) => {
                toned(Tone::Bad, end.label())
            }
            Some(end) => toned(Tone::Warn, end.label()),
        }
    }

    fn cells(&self) -> [Text; 10] {
        [
            plain(format!("  {}", self.name())),
            self.end_text(),
            plain(""),
            plain(&self.environment),
            plain(self.capacity),
            plain(""),
            or_dash(self.started_at.map(value::time)),
            or_dash(self.duration_secs.map(value::seconds)),
            or_dash(self.cost_usd.map(value::usd)),
            toned(Tone::Faint, self.log_stream.as_deref().unwrap_or("")),
        ]
    }
}

impl render::Report for Report {
    fn write(&self, page: &mut Page) {
        if self.runs.is_empty() && self.groups.is_empty() {
            page.line("No run matches.");
            return;
        }
        let mut grid = Grid::new()
            .name("RUN")
            .name("STATE")
            .name("CLASS")
            .name("ENVIRONMENT")
            .name("CAPACITY")
            .number("LEGS")
            .name("STARTED")
            .number("TOOK")
            .number("COST")
            .name("LOG STREAM");
        let mut groups = self.groups.iter().peekable();
        for run in &self.runs {
            let key = (run.scheduled_for, &run.id);
            while let Some(group) = groups.next_if(|group| (group.scheduled_for, &group.id) > key) {
                grid.row(group.cells());
            }
            grid.row(run.cells());
            run.attempts.iter().for_each(|attempt| grid.row(attempt.cells()));
        }
        groups.for_each(|group| grid.row(group.cells()));
        page.table(0, &grid);
        if !self.groups.is_empty() {
            page.gap();
            page.styled(FAINT, "--job NAME lists the runs of a job with parameter sets.");
        }
        if self.limited {
            page.gap();
            page.styled(FAINT, "There may be more; show them with --limit N.");
        }
    }
}
