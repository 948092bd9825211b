//! `spotcron savings`: what was spent, what on-demand capacity would have cost, and what was saved.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Number;

use super::args::{FormatArg, Source, When, when};
use super::error::CliError;
use super::explain::nearest;
use super::render::table::{Grid, Text, Tone, or_dash, plain, toned};
use super::render::{self, FAINT, Page, value};
use crate::catalogue::Catalogue;
use crate::domain::{Ppm, RunId, Usd, Window};
use crate::ledger::{Entry, GroupBy, Summary};
use crate::ports::Store;

const HELP: &str = "\
Examples:
  spotcron savings                                    by class, everything in the ledger
  spotcron savings --by label:team --since 30d        what each team saved in thirty days
  spotcron savings --by month,label:team              and month by month
  spotcron savings --by job --since 2026-11-01 --until 2026-12-01 --format json";

/// What the figures mean; printed with them, because they are estimates.
const ASSUMPTIONS: &str = "\
Costs are estimates: seconds run x price at that time x the job's share of its instance. Idle
instances, disks, traffic and tax are not in them. On demand counts the attempts that would have
run there too, at the list price less the class's discount; interrupted and moved attempts count
as waste only. Saved is on demand less cost, provisional lines included; it can be negative.";

/// Arguments of `savings`.
#[derive(Debug, Clone, Args)]
#[command(after_help = HELP)]
pub struct SavingsArgs {
    #[command(flatten)]
    pub source: Source,
    /// One line for each: job, class, environment, capacity, day, month, label:KEY, or several of these
    #[arg(long, value_name = "WHAT", default_value = "class", value_delimiter = ',')]
    pub by: Vec<GroupBy>,
    /// Only attempts that ended since: a time, a date, or a distance back
    #[arg(long, value_name = "TIME", value_parser = when)]
    pub since: Option<When>,
    /// Only attempts that ended before: a time, a date, or a distance back
    #[arg(long, value_name = "TIME", value_parser = when)]
    pub until: Option<When>,
    #[command(flatten)]
    pub format: FormatArg,
}

fn title(by: &GroupBy) -> &'static str {
    match by {
        GroupBy::Job => "JOB",
        GroupBy::Class => "CLASS",
        GroupBy::Environment => "ENVIRONMENT",
        GroupBy::Capacity => "CAPACITY",
        GroupBy::Day => "DAY",
        GroupBy::Month => "MONTH",
        GroupBy::Label(_) => "LABEL",
    }
}

fn name(by: &GroupBy) -> String {
    match by {
        GroupBy::Label(key) => format!("label:{key}"),
        other => title(other).to_ascii_lowercase(),
    }
}

/// The answer of `savings`.
#[derive(Debug, Serialize)]
pub struct Report {
    pub by: String,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// In order of name.
    pub groups: Vec<Group>,
    pub total: Group,
    pub assumptions: &'static str,
    #[serde(skip)]
    titles: Vec<&'static str>,
}

/// One line of the table.
#[derive(Debug, Default, Serialize)]
pub struct Group {
    /// By one thing what it is called, by several all of it.
    pub group: String,
    /// By several things, each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    pub runs: usize,
    pub attempts: u64,
    pub interruptions: u64,
    /// Provisional cost included.
    pub cost_usd: Usd,
    pub on_demand_equivalent_usd: Usd,
    pub saved_usd: Usd,
    /// Of the on-demand equivalent; `null` where that is zero.
    pub saved_percent: Option<Number>,
    /// The part of the cost that bought nothing.
    pub waste_usd: Usd,
    pub unpriced_attempts: u64,
    /// The part of the cost that may still change.
    pub provisional_cost_usd: Usd,
    #[serde(skip)]
    saved: Option<Ppm>,
}

/// Why there is no answer by label, when the catalogue cannot be had for the reason given.
pub fn needs_catalogue(key: &str, why: CliError) -> CliError {
    CliError::input(format!(
        "--by label:{key} needs the catalogue, because labels belong to its classes and are not in \
         the store; {}",
        why.message
    ))
    .hint(
        "name the settings that name the catalogue with --config FILE (for a demo's store the \
         demo's own, config/demo/spotcron.toml), or group by class, job, environment or capacity, \
         which need no catalogue",
    )
}

/// The classes' labels must have the key, or every line would be one of nobody.
fn check_label(key: &str, catalogue: &Catalogue) -> Result<(), CliError> {
    let labels = || catalogue.classes.values().flat_map(|class| class.labels.keys());
    if labels().any(|known| known == key) {
        return Ok(());
    }
    let known: BTreeSet<&str> = labels().map(String::as_str).collect();
    let error = CliError::input(format!("no class of the catalogue has a label named {key}"));
    let listed = || known.iter().copied().collect::<Vec<_>>().join(", ");
    Err(match nearest(key, known.iter().copied()) {
        Some(near) => error.hint(format!("did you mean label:{near}?")),
        None if known.is_empty() => error
            .hint("its classes have no labels; add some, such as `labels = { team = \"data\" }`"),
        None => error.hint(format!("its labels are {}", listed())),
    })
}

/// What the ledger holds of the window.
pub async fn run(
    args: &SavingsArgs,
    store: &dyn Store,
    catalogue: Option<&Catalogue>,
    now: Timestamp,
) -> Result<Report, CliError> {
    let since = args.since.map(|since| since.before(now));
    let until = args.until.map(|until| until.before(now));
    let window = Window::new(since.unwrap_or(Timestamp::MIN), until.unwrap_or(Timestamp::MAX));
    if window.is_empty() {
        return Err(CliError::input("--until is not after --since"));
    }
    let entries = store.entries_between(window).await?;
    let mut grouped: BTreeMap<Vec<String>, Vec<&Entry>> = BTreeMap::new();
    let empty = Catalogue::default();
    for by in &args.by {
        if let (GroupBy::Label(key), Some(catalogue)) = (by, catalogue) {
            check_label(key, catalogue)?;
        }
    }
    let catalogue = catalogue.unwrap_or(&empty);
    for entry in &entries {
        let key = |by: &GroupBy| match by.key(entry, catalogue) {
            Some(key) => key.into_owned(),
            None => "(none)".to_owned(),
        };
        grouped.entry(args.by.iter().map(key).collect()).or_default().push(entry);
    }
    let names: Vec<String> = args.by.iter().map(name).collect();
    Ok(Report {
        by: names.join(","),
        since,
        until,
        groups: grouped.into_iter().map(|(keys, entries)| Group::by(keys, &entries)).collect(),
        total: Group::of("total", &entries.iter().collect::<Vec<_>>()),
        assumptions: ASSUMPTIONS,
        titles: args.by.iter().map(title).collect(),
    })
}

impl Group {
    fn by(keys: Vec<String>, entries: &[&Entry]) -> Self {
        let group = Group::of(&keys.join(", "), entries);
        Group { keys: if keys.len() > 1 { keys } else { Vec::new() }, ..group }
    }

    /// The sums over some lines of the ledger.
    pub fn of(group: &str, entries: &[&Entry]) -> Self {
        let summary = Summary::of(entries.iter().copied());
        let runs: BTreeSet<&RunId> = entries.iter().map(|entry| &entry.key.run).collect();
        let provisional = entries.iter().filter(|entry| entry.is_provisional());
        Group {
            group: group.to_owned(),
            keys: Vec::new(),
            runs: runs.len(),
            attempts: summary.attempts,
            interruptions: summary.interrupted,
            cost_usd: summary.cost,
            on_demand_equivalent_usd: summary.on_demand,
            saved_usd: summary.savings(),
            saved_percent: summary.ratio().map(value::percent_number),
            waste_usd: summary.waste,
            unpriced_attempts: summary.unpriced,
            provisional_cost_usd: provisional
                .filter_map(|entry| entry.priced())
                .map(|priced| priced.cost)
                .sum(),
            saved: summary.ratio(),
        }
    }

    /// A cell for each of so many names, and those of the figures.
    fn cells(&self, names: usize, name: Tone) -> Vec<Text> {
        let mut cells: Vec<Text> = match self.keys.is_empty() {
            true => vec![toned(name, &self.group)],
            false => self.keys.iter().map(|key| toned(name, key)).collect(),
        };
        cells.resize_with(names, || plain(""));
        cells.extend(self.figures());
        cells
    }

    fn figures(&self) -> [Text; 9] {
        let saved = if self.saved_usd.is_negative() { Tone::Bad } else { Tone::Good };
        let unpriced = if self.unpriced_attempts > 0 { Tone::Warn } else { Tone::Plain };
        [
            plain(self.runs),
            plain(self.attempts),
            plain(value::usd(self.cost_usd)),
            plain(value::usd(self.on_demand_equivalent_usd)),
            toned(saved, value::usd(self.saved_usd)),
            or_dash(self.saved),
            plain(value::usd(self.waste_usd)),
            toned(unpriced, self.unpriced_attempts),
            plain(value::usd(self.provisional_cost_usd)),
        ]
    }
}

impl render::Report for Report {
    fn write(&self, page: &mut Page) {
        let range = match (self.since, self.until) {
            (None, None) => "Every attempt in the ledger.".to_owned(),
            (Some(since), None) => format!("Attempts that ended since {}.", value::time(since)),
            (None, Some(until)) => format!("Attempts that ended before {}.", value::time(until)),
            (Some(since), Some(until)) => format!(
                "Attempts that ended from {} to {}.",
                value::time(since),
                value::time(until)
            ),
        };
        page.line(range);
        if self.groups.is_empty() {
            page.line("There are none.");
            return;
        }
        page.gap();
        let names = self.titles.iter().fold(Grid::new(), |grid, title| grid.name(title));
        let mut grid = names
            .number("RUNS")
            .number("ATTEMPTS")
            .number("COST")
            .number("ON DEMAND")
            .number("SAVED")
            .number("%")
            .number("WASTE")
            .number("UNPRICED")
            .number("PROVISIONAL");
        for group in &self.groups {
            grid.row(group.cells(self.titles.len(), Tone::Plain));
        }
        grid.row(self.total.cells(self.titles.len(), Tone::Strong));
        page.table(0, &grid);
        page.gap();
        if self.total.unpriced_attempts > 0 {
            let attempts = value::count(self.total.unpriced_attempts as usize, "attempt");
            page.line(format!("{attempts} without a price: in no sum, never guessed."));
        }
        self.assumptions.lines().for_each(|line| page.styled(FAINT, line));
    }
}
