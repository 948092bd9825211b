//! `spotcron explain`: one run's story, from the decision to the cent, and what would be decided of it now.

mod asked;
mod ledger_line;
mod page;
mod spot_prices;

use std::collections::BTreeMap;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::args::{FormatArg, Source};
use super::error::CliError;
use super::render::decision::DecisionView;
use super::render::sentence;
use super::runs::AttemptLine;
use super::savings::Group;
use crate::domain::{ClassName, InstanceId, InstanceType, JobName, LegCause, RunId, Zone};
use crate::ledger::Entry;
use crate::ports::{RunQuery, Store};
use crate::run::{AttemptRecord, Indices, Run, RunEvent, RunEventKind, RunState};
pub use asked::{Asked, AskedNow, Ground, LastChoice, Refused, SecondBest};
pub use ledger_line::LedgerLine;
pub use spot_prices::PricePiece;

const HELP: &str = "\
A run's id is its job's name and its scheduled time in UTC; `spotcron runs` lists them. The
beginning of an id is enough where only one run has it. Of a run that has not ended it is also
said where it would go if that were decided now, and at which prices and deadline it would go
elsewhere; of a job, the same of its next run.

Examples:
  spotcron explain nightly-report-20261121T020000Z
  spotcron explain nightly-report-20261121 --format json
  spotcron explain nightly-report";

/// Arguments of `explain`.
#[derive(Debug, Clone, Args)]
#[command(after_help = HELP)]
pub struct ExplainArgs {
    /// The run's id, or the beginning of it; or a job's name
    #[arg(value_name = "RUN|JOB")]
    pub run: String,
    #[command(flatten)]
    pub source: Source,
    #[command(flatten)]
    pub format: FormatArg,
}

/// The answer of `explain`.
#[derive(Debug, Serialize)]
pub struct Report {
    pub id: RunId,
    pub job: JobName,
    pub class: ClassName,
    /// The fields of its parameter set.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, String>,
    /// With mapped indices: those of this run, and which of them are done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub indices: Option<Indices>,
    /// A stable label, as in `runs`.
    pub state: &'static str,
    pub state_text: String,
    pub scheduled_for: Timestamp,
    pub created_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub deadline_at: Option<Timestamp>,
    pub deadline_missed: bool,
    pub timeline: Vec<TimelineEntry>,
    pub decisions: Vec<LegDecision>,
    pub attempts: Vec<AttemptDetail>,
    /// The sums over the ledger's lines.
    pub total: Group,
    /// Of a run that has not ended: what would be chosen now, and what would change that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_now: Option<AskedNow>,
    /// Of a run that has ended, where a decision is on record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_choice: Option<LastChoice>,
}

/// One event.
#[derive(Debug, Serialize)]
pub struct TimelineEntry {
    pub at: Timestamp,
    /// A stable label.
    pub event: &'static str,
    pub text: String,
}

/// One decision, with everything that it looked at.
#[derive(Debug, Serialize)]
pub struct LegDecision {
    pub leg: u16,
    pub cause: LegCause,
    pub decision: DecisionView,
}

/// One attempt and its line in the ledger.
#[derive(Debug, Serialize)]
pub struct AttemptDetail {
    #[serde(flatten)]
    pub attempt: AttemptLine,
    pub batch_job_id: String,
    /// Batch's own words.
    pub reason: Option<String>,
    pub instance_id: Option<InstanceId>,
    pub instance_type: Option<InstanceType>,
    pub zone: Option<Zone>,
    /// `null` while it is not settled.
    pub ledger: Option<LedgerLine>,
}

/// The story of the run that `args` names; an open one is asked with what `ground` gives.
pub async fn run(
    args: &ExplainArgs,
    store: &dyn Store,
    ground: &Ground<'_>,
) -> Result<Report, CliError> {
    let run = find(&args.run, store).await?;
    let events = store.events(&run.id).await?;
    let attempts = store.attempts(&run.id).await?;
    let entries = store.entries(&run.id).await?;
    let mut report = Report::of(&run, &events, &attempts, &entries);
    for (attempt, detail) in attempts.iter().zip(&mut report.attempts) {
        let entry = entries.iter().find(|entry| entry.key == attempt.key);
        if let (Some(entry), Some(line)) = (entry, &mut detail.ledger) {
            line.spot_prices = spot_prices::of(store, attempt, entry).await?;
        }
    }
    if run.state.is_open() {
        let asked = AskedNow::of(&run, &attempts, &entries, store, ground).await?;
        report.asked_now = Some(asked);
    }
    Ok(report)
}

/// Ids that are compared with one that does not exist.
const RECENT: u32 = 2_000;

async fn find(asked: &str, store: &dyn Store) -> Result<Run, CliError> {
    if let Some(run) = store.run(&RunId::from(asked)).await? {
        return Ok(run);
    }
    let recent = store.runs(&RunQuery { limit: Some(RECENT), ..RunQuery::default() }).await?;
    let mut begins: Vec<&Run> =
        recent.iter().filter(|run| run.id.as_str().starts_with(asked)).collect();
    match begins.len() {
        1 => return Ok(begins.remove(0).clone()),
        0 => {}
        several => {
            let some: Vec<&str> = begins.iter().take(5).map(|run| run.id.as_str()).collect();
            let more = if several > some.len() { ", ..." } else { "" };
            return Err(CliError::input(format!("{several} runs begin with {asked}"))
                .hint(format!("say which: {}{more}", some.join(", "))));
        }
    }
    let error = CliError::input(format!("there is no run {asked}"));
    Err(match nearest(asked, recent.iter().map(|run| run.id.as_str())) {
        Some(near) => error.hint(format!("did you mean {near}?")),
        None => error.hint("`spotcron runs` lists the runs that the store holds"),
    })
}

/// The name most like `asked`, if any is like it at all.
pub fn nearest<'a>(asked: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const ALIKE: f64 = 0.8;
    names
        .map(|name| (strsim::jaro_winkler(asked, name), name))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        // The first of equals: newest runs and alphabetical names come first.
        .reduce(|best, next| if next.0 > best.0 { next } else { best })
        .map(|(_, name)| name)
}

impl Report {
    /// The story told by what is stored of `run`.
    pub fn of(
        run: &Run,
        events: &[RunEvent],
        attempts: &[AttemptRecord],
        entries: &[Entry],
    ) -> Self {
        let ended_at = match run.state {
            RunState::Ended { at, .. } => Some(at),
            _ => None,
        };
        let decisions = events.iter().filter_map(|event| match &event.kind {
            RunEventKind::Decided { leg, cause, decision } => {
                Some(LegDecision { leg: *leg, cause: *cause, decision: DecisionView::of(decision) })
            }
            _ => None,
        });
        let timeline = events.iter().map(|event| TimelineEntry {
            at: event.at,
            event: sentence::event_label(&event.kind),
            text: sentence::event(&event.kind),
        });
        let decisions: Vec<LegDecision> = decisions.collect();
        // Nothing here counts a running attempt's time: the last event stands for now.
        let now = events.last().map_or(run.created_at, |event| event.at);
        Report {
            id: run.id.clone(),
            job: run.job.clone(),
            class: run.class.clone(),
            set: run.set.as_ref().map(|set| set.fields.clone()).unwrap_or_default(),
            indices: run.indices.clone(),
            state: run.state.label(),
            state_text: sentence::state(&run.state),
            scheduled_for: run.scheduled_for,
            created_at: run.created_at,
            ended_at,
            deadline_at: run.deadline_at,
            deadline_missed: run.deadline_missed,
            timeline: timeline.collect(),
            asked_now: None,
            last_choice: ended_at.and_then(|_| LastChoice::of(&decisions)),
            decisions,
            attempts: attempts.iter().map(|one| AttemptDetail::of(one, entries, now)).collect(),
            total: Group::of("total", &entries.iter().collect::<Vec<_>>()),
        }
    }
}

impl AttemptDetail {
    fn of(attempt: &AttemptRecord, entries: &[Entry], now: Timestamp) -> Self {
        let entry = entries.iter().find(|entry| entry.key == attempt.key);
        let host = attempt.host.as_ref();
        AttemptDetail {
            attempt: AttemptLine::of(attempt, entries, now),
            batch_job_id: attempt.batch_job_id.to_string(),
            reason: attempt.reason.clone(),
            instance_id: host.map(|host| host.instance_id.clone()),
            instance_type: host.map(|host| host.instance_type.clone()),
            zone: host.map(|host| host.zone.clone()),
            ledger: entry.map(LedgerLine::of),
        }
    }
}
