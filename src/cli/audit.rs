//! `spotcron audit`: who asked the daemon for what, and what came of it.

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::args::moment;
use super::error::CliError;
use super::operate::{Client, Remote};
use super::render::table::{Grid, Tone, plain, toned};
use super::render::{self, FAINT, Page, value};
use crate::control::{Outcome, Shown};

const HELP: &str = "\
Every command is on record, refused ones too, together with what it changed. The values of
parameters are not.

Examples:
  spotcron audit --limit 20
  spotcron audit --by alice --since 2026-11-01 --format json";

/// Arguments of `audit`.
#[derive(Debug, Clone, Args)]
#[command(after_help = HELP)]
pub struct AuditArgs {
    /// Only what the holder of this token asked for
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    /// Only what was asked for since: a time, or a date for its midnight in UTC
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub since: Option<Timestamp>,
    /// How many records at most
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
    #[command(flatten)]
    pub remote: Remote,
}

/// The answer of `audit`.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Newest first.
    pub commands: Vec<Shown>,
    /// Whether there may be more than `--limit` showed.
    pub limited: bool,
}

/// The records that match.
pub async fn run(args: &AuditArgs) -> Result<Report, CliError> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("limit", &args.limit.to_string());
    if let Some(by) = &args.by {
        query.append_pair("by", by);
    }
    if let Some(since) = args.since {
        query.append_pair("since", &since.to_string());
    }
    let path = format!("/api/v1/audit?{}", query.finish());
    let answer = Client::open(&args.remote)?.get(&path).await?;
    let commands: Vec<Shown> = answer.read().map_err(|refused| refused.error)?;
    Ok(Report { limited: commands.len() == args.limit as usize, commands })
}

/// The command with its own keys, in one line: `job=import parameters={"date":"***"}`.
fn arguments(command: &serde_json::Value) -> String {
    let fields = command.as_object().into_iter().flatten();
    let shown = fields.filter(|(name, value)| {
        let empty = value.is_null()
            || **value == serde_json::Value::Bool(false)
            || value.as_str().is_some_and(str::is_empty)
            || value.as_object().is_some_and(serde_json::Map::is_empty);
        !empty && !["command", "note"].contains(&name.as_str())
    });
    let pairs: Vec<String> = shown
        .map(|(name, value)| match value {
            serde_json::Value::String(text) => format!("{name}={text}"),
            // `"jobs": {"job": "import"}`
            serde_json::Value::Object(one) if name == "jobs" => {
                let only = one.values().next().and_then(|job| job.as_str());
                format!("job={}", only.unwrap_or_default())
            }
            other => format!("{name}={other}"),
        })
        .collect();
    pairs.join(" ")
}

impl render::Report for Report {
    fn write(&self, page: &mut Page) {
        if self.commands.is_empty() {
            page.line("Nobody asked for anything.");
            return;
        }
        let mut grid = Grid::new()
            .name("AT")
            .name("BY")
            .name("COMMAND")
            .name("OUTCOME")
            .prose("ABOUT")
            .prose("NOTE");
        for one in &self.commands {
            let text = |key: &str| one.command.get(key).and_then(|value| value.as_str());
            let outcome = match &one.outcome {
                Outcome::Done { .. } => toned(Tone::Good, "done"),
                Outcome::Refused { .. } => toned(Tone::Warn, "refused"),
            };
            grid.row([
                plain(value::time(one.at)),
                plain(&one.by),
                toned(Tone::Strong, text("command").unwrap_or("-")),
                outcome,
                plain(arguments(&one.command)),
                plain(text("note").unwrap_or_default()),
            ]);
        }
        page.table(0, &grid);
        if self.limited {
            page.gap();
            page.styled(FAINT, "There may be more; show them with --limit N.");
        }
    }
}
