//! What a demo came to. The same seed gives the same summary, to the byte: every map is ordered and
//! nothing of the real clock is in it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Number;

use super::render::table::{Grid, Tone, plain, toned};
use super::render::{self, FAINT, Page, value};
use crate::domain::{AttemptEnd, Capacity, Ppm, RunOutcome, Usd};
use crate::ledger::{CorrectedAmount, Counter, Tally};

/// What the tally does not know.
#[derive(Debug, Clone)]
pub struct Facts {
    pub seed: u64,
    pub virtual_from: Timestamp,
    pub virtual_to: Timestamp,
    /// Cost of ledger lines that are not final yet.
    pub provisional_cost: Usd,
    pub bill: Bill,
}

/// The simulated cloud's own bill against the ledger. Everything between them is named.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Bill {
    pub total_usd: Usd,
    pub ledger_usd: Usd,
    /// Instances that ran without a job on them.
    pub idle_usd: Usd,
    /// Attempts that the ledger has no price for.
    pub unpriced_usd: Usd,
    pub rounding_usd: Usd,
    /// What is left. Anything but zero is a bug.
    pub unexplained_usd: Usd,
}

/// A demo's end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DemoSummary {
    pub seed: u64,
    pub virtual_from: Timestamp,
    pub virtual_to: Timestamp,
    /// By outcome, every outcome named.
    pub runs: BTreeMap<&'static str, i128>,
    /// By capacity, every capacity named.
    pub submissions: BTreeMap<&'static str, i128>,
    pub attempts: BTreeMap<&'static str, i128>,
    pub interruptions: i128,
    pub fallbacks: i128,
    pub deadlines: Deadlines,
    pub unpriced_attempts: i128,
    pub cost_usd: Usd,
    pub on_demand_equivalent_usd: Usd,
    pub waste_usd: Usd,
    /// Of final ledger lines.
    pub realized_savings_usd: Usd,
    /// Of the on-demand equivalent; `null` where that is zero.
    pub realized_savings_percent: Option<Number>,
    pub provisional_cost_usd: Usd,
    pub bill: Bill,
    #[serde(skip)]
    saved: Option<Ppm>,
}

/// Deadlines of runs that had one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Deadlines {
    pub met: i128,
    pub missed: i128,
}

impl DemoSummary {
    /// From the daemon's exact totals.
    pub fn of(tally: &Tally, facts: Facts) -> Self {
        let totals = Totals::of(tally);
        let by_capacity = |pick: fn(&Counter) -> Option<Capacity>| {
            let sum = |capacity| tally.sum(|counter| pick(counter) == Some(capacity));
            Capacity::ALL.map(|capacity| (capacity.label(), sum(capacity))).into()
        };
        let runs = RunOutcome::ALL.map(|outcome| {
            let same = |c: &Counter| matches!(c, Counter::Runs { outcome: o, .. } if *o == outcome);
            (outcome.label(), tally.sum(same))
        });
        DemoSummary {
            seed: facts.seed,
            virtual_from: facts.virtual_from,
            virtual_to: facts.virtual_to,
            runs: runs.into(),
            submissions: by_capacity(|counter| match counter {
                Counter::Submissions { capacity, .. } => Some(*capacity),
                _ => None,
            }),
            attempts: by_capacity(|counter| match counter {
                Counter::Attempts { capacity, .. } => Some(*capacity),
                _ => None,
            }),
            interruptions: totals.interruptions,
            fallbacks: totals.fallbacks,
            deadlines: totals.deadlines,
            unpriced_attempts: unpriced(tally),
            cost_usd: totals.cost,
            on_demand_equivalent_usd: totals.on_demand,
            waste_usd: totals.waste,
            realized_savings_usd: totals.saved(),
            realized_savings_percent: totals.saved_ratio().map(value::percent_number),
            provisional_cost_usd: facts.provisional_cost,
            bill: facts.bill,
            saved: totals.saved_ratio(),
        }
    }
}

/// The totals that the live view shows too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    pub runs: i128,
    pub submissions: i128,
    pub interruptions: i128,
    pub fallbacks: i128,
    pub deadlines: Deadlines,
    /// Final, corrections included.
    pub cost: Usd,
    pub on_demand: Usd,
    pub waste: Usd,
}

impl Totals {
    pub fn of(tally: &Tally) -> Self {
        let interrupted =
            |c: &Counter| matches!(c, Counter::Attempts { end: AttemptEnd::Interrupted, .. });
        Totals {
            runs: tally.sum(|c| matches!(c, Counter::Runs { .. })),
            submissions: tally.sum(|c| matches!(c, Counter::Submissions { .. })),
            interruptions: tally.sum(interrupted),
            fallbacks: tally.sum(|c| matches!(c, Counter::Fallbacks { .. })),
            deadlines: Deadlines {
                met: tally.sum(|c| matches!(c, Counter::DeadlinesMet { .. })),
                missed: tally.sum(|c| matches!(c, Counter::DeadlinesMissed { .. })),
            },
            cost: tally.corrected(CorrectedAmount::Cost),
            on_demand: tally.corrected(CorrectedAmount::OnDemand),
            waste: tally.corrected(CorrectedAmount::Waste),
        }
    }

    pub fn saved(&self) -> Usd {
        self.on_demand - self.cost
    }

    pub fn saved_ratio(&self) -> Option<Ppm> {
        self.saved().ratio_to(self.on_demand)
    }
}

/// Attempts that are without a price still.
fn unpriced(tally: &Tally) -> i128 {
    tally.sum(|c| matches!(c, Counter::UnpricedAttempts { .. }))
        - tally.sum(|c| matches!(c, Counter::ResolvedUnpricedAttempts { .. }))
}

impl render::Report for DemoSummary {
    fn write(&self, page: &mut Page) {
        let span = value::duration(self.virtual_to.duration_since(self.virtual_from));
        page.line(format!(
            "{span} of virtual time, {} to {}, seed {}.",
            value::time(self.virtual_from),
            value::time(self.virtual_to),
            self.seed
        ));
        page.gap();
        let mut grid = Grid::new().name("").number("").name("");
        let mut row = |name: &str, figure: String, tone: Tone, note: String| {
            grid.row([plain(name), toned(tone, figure), toned(Tone::Faint, note)]);
        };
        let total = |map: &BTreeMap<&str, i128>| map.values().sum::<i128>().to_string();
        row("runs ended", total(&self.runs), Tone::Plain, parts(&self.runs));
        row("submissions", total(&self.submissions), Tone::Plain, parts(&self.submissions));
        row("attempts", total(&self.attempts), Tone::Plain, parts(&self.attempts));
        row("interruptions", self.interruptions.to_string(), Tone::Plain, String::new());
        row("fallbacks to on demand", self.fallbacks.to_string(), Tone::Plain, String::new());
        row("deadlines met", self.deadlines.met.to_string(), Tone::Plain, String::new());
        let missed = if self.deadlines.missed > 0 { Tone::Bad } else { Tone::Plain };
        row("deadlines missed", self.deadlines.missed.to_string(), missed, String::new());
        let unpriced = if self.unpriced_attempts > 0 { Tone::Warn } else { Tone::Plain };
        row(
            "attempts without a price",
            self.unpriced_attempts.to_string(),
            unpriced,
            String::new(),
        );
        row("cost", value::usd(self.cost_usd), Tone::Plain, wasted(self.waste_usd));
        let on_demand = self.on_demand_equivalent_usd;
        row("on-demand equivalent", value::usd(on_demand), Tone::Plain, String::new());
        let saved = self.realized_savings_usd;
        let tone = if saved.is_negative() { Tone::Bad } else { Tone::Good };
        let percent = self.saved.map(|ratio| ratio.to_string()).unwrap_or_default();
        row("saved", value::usd(saved), tone, percent);
        let provisional = self.provisional_cost_usd;
        row("provisional cost", value::usd(provisional), Tone::Plain, "not in the above".into());
        page.table(0, &grid.without_header());
        self.bill.write(page);
    }
}

impl Bill {
    fn write(&self, page: &mut Page) {
        page.heading("The simulated cloud's own bill");
        let mut grid = Grid::new().name("").number("");
        for (name, amount) in [
            ("ledger", self.ledger_usd),
            ("idle instances", self.idle_usd),
            ("still running, or unpriced", self.unpriced_usd),
            ("rounding", self.rounding_usd),
            ("not explained", self.unexplained_usd),
        ] {
            let wrong = name == "not explained" && amount != Usd::ZERO;
            let tone = if wrong { Tone::Bad } else { Tone::Plain };
            grid.row([plain(name), toned(tone, value::usd(amount))]);
        }
        grid.row([toned(Tone::Strong, "bill"), toned(Tone::Strong, value::usd(self.total_usd))]);
        page.table(2, &grid.without_header());
        page.gap();
        page.styled(
            FAINT,
            "Idle instances and work that is not finished are in the bill, and in no figure above it.",
        );
    }
}

fn parts(map: &BTreeMap<&'static str, i128>) -> String {
    let some: Vec<String> = map
        .iter()
        .filter(|(_, number)| **number != 0)
        .map(|(label, number)| format!("{number} {label}"))
        .collect();
    some.join(", ")
}

fn wasted(waste: Usd) -> String {
    match waste {
        Usd::ZERO => String::new(),
        waste => format!("of it {} wasted on interrupted and moved attempts", value::usd(waste)),
    }
}
