//! The answer of `backtest`.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Number;

use super::BacktestArgs;
use super::chart;
use super::gather::RunsFrom;
use crate::backtest::{Backtest, Band, Outcomes, Policy, PolicyOutcome};
use crate::cli::render::table::{Grid, Text, Tone, plain, toned};
use crate::cli::render::{self, FAINT, Page, value};
use crate::domain::{EnvironmentName, Ppm, Usd, Window};

/// What each policy would have cost.
#[derive(Debug, Serialize)]
pub struct Report {
    pub since: Timestamp,
    pub until: Timestamp,
    pub runs: usize,
    pub runs_from: RunsFrom,
    pub draws: u16,
    pub seed: u64,
    /// What the figures stand on, in one line.
    pub assumption: String,
    /// Of each interruptible environment: how often interruptions were drawn, as a multiple of the prior.
    pub risk: Vec<Risk>,
    pub policies: Vec<Row>,
    /// What was left out or cut, and what to do about it.
    pub notes: Vec<String>,
    #[serde(skip)]
    saved: Vec<(Policy, Band<Ppm>)>,
}

/// How risky an environment was drawn.
#[derive(Debug, Serialize)]
pub struct Risk {
    pub environment: EnvironmentName,
    pub times_prior: Number,
}

/// One policy. Each band is the value below which 5 %, 50 % and 95 % of the worlds are.
#[derive(Debug, Serialize)]
pub struct Row {
    pub policy: Policy,
    pub cost_usd: Band<Usd>,
    /// Against on demand in the same world; negative where it was dearer.
    pub saved_usd: Band<Usd>,
    pub saved_percent: Band<Number>,
    /// Runs that were late, or never done.
    pub deadlines_missed: Band<u64>,
    pub interruptions: Band<u64>,
}

impl Row {
    fn of(outcome: &PolicyOutcome) -> Self {
        Row {
            policy: outcome.policy,
            cost_usd: outcome.cost,
            saved_usd: outcome.saved,
            saved_percent: outcome.saved_part.map(value::percent_number),
            deadlines_missed: outcome.misses,
            interruptions: outcome.interruptions,
        }
    }
}

impl Report {
    pub(super) fn of(
        args: &BacktestArgs,
        window: Window,
        runs_from: RunsFrom,
        backtest: &Backtest,
        outcomes: &Outcomes,
        mut notes: Vec<String>,
    ) -> Self {
        if backtest.without_reference() > 0 {
            notes.push(format!(
                "{} left out: nothing says what they cost on demand.",
                value::count(backtest.without_reference(), "run")
            ));
        }
        let factors = backtest.risk_factors();
        Report {
            since: window.start,
            until: window.end,
            runs: backtest.runs(),
            runs_from,
            draws: args.draws,
            seed: args.seed,
            assumption: assumption(args, factors.values().copied()),
            risk: factors
                .iter()
                .map(|(name, factor)| Risk {
                    environment: name.clone(),
                    times_prior: value::ratio_number(Ppm::from_ratio(
                        (factor * 100.0).round() / 100.0,
                    )),
                })
                .collect(),
            policies: outcomes.policies.iter().map(Row::of).collect(),
            saved: outcomes.policies.iter().map(|it| (it.policy, it.saved_part)).collect(),
            notes,
        }
    }
}

fn assumption(args: &BacktestArgs, factors: impl Iterator<Item = f64>) -> String {
    let factors: Vec<f64> = factors.collect();
    let least = factors.iter().copied().fold(f64::INFINITY, f64::min);
    let most = factors.iter().copied().fold(0.0, f64::max);
    let risk = match (format!("{least:.2}"), format!("{most:.2}")) {
        _ if factors.is_empty() => "no environment can be interrupted".to_owned(),
        (least, most) if least == most => format!("hazards by age {least} times the prior's"),
        (least, most) => format!("hazards by age {least} to {most} times the prior's"),
    };
    let first_hour = match args.bill_first_hour {
        true => "interrupted first hours are billed",
        false => "interrupted first hours are free",
    };
    format!(
        "Assumed, not observed: when pools had capacity ({} worlds of seed {}; {risk}; {first_hour}).",
        args.draws, args.seed
    )
}

impl render::Report for Report {
    fn write(&self, page: &mut Page) {
        let from = match self.runs_from {
            RunsFrom::Ledger => "of the ledger",
            RunsFrom::Schedules => "of the schedules",
        };
        page.line(format!(
            "{} {from} from {} to {}, under each policy. Bands are 5 % to 95 % of the worlds.",
            value::count(self.runs, "run"),
            value::time(self.since),
            value::time(self.until)
        ));
        page.gap();
        let mut grid = Grid::new()
            .name("POLICY")
            .number("COST")
            .number("5 % TO 95 %")
            .number("SAVED")
            .number("%")
            .number("5 % TO 95 %")
            .number("MISSED")
            .number("INTERRUPTIONS");
        for (row, (policy, part)) in self.policies.iter().zip(&self.saved) {
            grid.row(cells(row, *policy, part));
        }
        page.table(0, &grid);
        page.gap();
        page.line("Saved against on demand");
        chart::bars(&self.saved).iter().for_each(|line| page.line(line));
        page.gap();
        page.styled(FAINT, &self.assumption);
        self.notes.iter().for_each(|note| page.styled(FAINT, note));
    }
}

fn cells(row: &Row, policy: Policy, part: &Band<Ppm>) -> [Text; 8] {
    let tone = match policy {
        Policy::Model => Tone::Strong,
        _ => Tone::Plain,
    };
    let saved = if row.saved_usd.median.is_negative() { Tone::Bad } else { Tone::Good };
    let missed = if row.deadlines_missed.high > 0 { Tone::Warn } else { Tone::Plain };
    [
        toned(tone, policy.label()),
        plain(value::usd(row.cost_usd.median)),
        plain(range(row.cost_usd.map(value::usd))),
        toned(saved, value::usd(row.saved_usd.median)),
        plain(part.median),
        plain(range(part.map(|part| part.to_string()))),
        toned(missed, counts(row.deadlines_missed)),
        plain(counts(row.interruptions)),
    ]
}

fn range(band: Band<String>) -> String {
    match band.low == band.high {
        true => "-".to_owned(),
        false => format!("{} to {}", band.low, band.high),
    }
}

fn counts(band: Band<u64>) -> String {
    match band.low == band.high {
        true => band.median.to_string(),
        false => format!("{} ({} to {})", band.median, band.low, band.high),
    }
}
