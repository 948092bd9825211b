//! A decision as a table of candidates and as JSON. `plan` and `explain` show the same thing.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Number;

use super::table::{Grid, Text, Tone, or_dash, plain, toned};
use super::{Page, sentence, value};
use crate::decision::{Candidate, Decision, Outlook};
use crate::domain::{Capacity, EnvironmentName, InputSize, Ppm, Usd, UsdPerHour};
use crate::experience::Level;
use crate::experience::durations::{Lengths, Scaling};

/// A decision, ready to be shown.
#[derive(Debug, Serialize)]
pub struct DecisionView {
    pub at: Timestamp,
    /// `null` when the run is held back.
    pub chosen: Option<EnvironmentName>,
    /// The main one first.
    pub reasons: Vec<ReasonView>,
    /// In the class's order.
    pub candidates: Vec<CandidateView>,
    /// A leg that still waits for interruptible capacity after this long is moved.
    pub wait_budget_secs: Option<i64>,
    /// How long the work was taken to be; not in decisions from before that was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lengths: Option<LengthsView>,
}

/// How long a decision took the work to be.
#[derive(Debug, Serialize)]
pub struct LengthsView {
    /// What costs were reckoned with.
    pub expected_secs: i64,
    /// What the deadline was planned with.
    pub planned_secs: i64,
    /// Of the runs, those that are meant to take no longer than that.
    pub planning_percentile: u8,
    /// Whole lengths that had been seen, of the last two hundred attempts.
    pub runs_seen: u32,
    /// Attempts that had shown only that it takes longer than they ran.
    pub attempts_cut_short: u32,
    /// Whether they follow the size of its input, or why not; missing where the job names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scaling: Option<&'static str>,
    /// The size of its input, where they follow it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_size: Option<InputSize>,
    #[serde(skip)]
    text: Option<String>,
}

impl LengthsView {
    fn of(lengths: &Lengths) -> Self {
        let scaling = lengths.scaling;
        LengthsView {
            expected_secs: lengths.expected.as_secs(),
            planned_secs: lengths.planned.as_secs(),
            planning_percentile: lengths.percentile,
            runs_seen: lengths.finished,
            attempts_cut_short: lengths.unfinished,
            scaling: (!scaling.is_not_named()).then(|| scaling.label()),
            input_size: match scaling {
                Scaling::By(size) => Some(size),
                _ => None,
            },
            text: (lengths.is_learnt() || scaling == Scaling::SizeMissing)
                .then(|| sentence::lengths(lengths)),
        }
    }
}

/// A reason or a guard: a stable label and a sentence.
#[derive(Debug, Serialize)]
pub struct ReasonView {
    pub label: &'static str,
    pub text: String,
}

/// One candidate with its numbers.
#[derive(Debug, Serialize)]
pub struct CandidateView {
    pub environment: EnvironmentName,
    pub capacity: Capacity,
    pub chosen: bool,
    /// Of the job's share.
    pub price_usd_per_hour: Option<UsdPerHour>,
    pub price_age_secs: Option<i64>,
    pub on_demand_usd_per_hour: Option<UsdPerHour>,
    pub interruptions_per_hour: Number,
    /// Where that comes from, of capacity that may be taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<LevelView>,
    pub expected_rework_percent: Number,
    /// Part of the expected cost; missing where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_cost_usd: Option<Usd>,
    /// Time of the run that a commitment pays for; missing where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub covered_secs: Option<i64>,
    pub expected_cost_usd: Option<Usd>,
    pub pools: u32,
    /// Of them, those whose stale price was left out.
    pub stale_pools: u32,
    /// Of them, those whose spot price is not believed.
    #[serde(skip_serializing_if = "is_zero")]
    pub absurd_pools: u32,
    /// What the model expects, of capacity that may be taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outlook: Option<OutlookView>,
    /// `closed`, `half-open` or `open`, of capacity that may be taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaker: Option<&'static str>,
    /// What speaks against it; empty for one that may be chosen.
    pub guards: Vec<ReasonView>,
    #[serde(skip)]
    risk: String,
    #[serde(skip)]
    rework: String,
}

/// How risky an environment's pools are, with the evidence.
#[derive(Debug, Serialize)]
pub struct LevelView {
    /// They are taken back so many times as often as the prior says.
    pub times_the_prior: Number,
    /// Seen in these pools themselves.
    pub interruptions: u64,
    pub watched_secs: i64,
    /// How their types compare with their region's average one, by Spot Advisor's table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advised_times_the_average: Option<Number>,
    /// `None` where nothing was learnt yet.
    #[serde(skip)]
    text: Option<String>,
}

impl LevelView {
    fn of(name: &EnvironmentName, level: &Level) -> Self {
        let &Level { factor, interruptions, watched_secs, advised } = level;
        let seen = value::count(interruptions as usize, "interruption");
        let times = format!("risk {:.2} times the prior's", factor.to_ratio());
        let said = advised.map_or_else(String::new, |advised| {
            let times = advised.to_ratio();
            format!("; Spot Advisor: {times:.2} times its region's average type")
        });
        let learnt = interruptions > 0 || watched_secs > 0 || factor != Ppm::ONE;
        LevelView {
            times_the_prior: value::ratio_number(factor),
            interruptions,
            watched_secs,
            advised_times_the_average: advised.map(value::ratio_number),
            text: (learnt || advised.is_some()).then(|| {
                let watched = value::seconds(watched_secs);
                format!("{name}: {seen} in {watched} watched, {times}{said}.")
            }),
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// What the model knew of an environment, and expects of it.
#[derive(Debug, Serialize)]
pub struct OutlookView {
    /// That it has capacity now.
    pub capacity_chance_percent: Number,
    pub last_trouble_age_secs: Option<i64>,
    /// The price on demand, over this price.
    pub price_ratio: Number,
    /// For how long it is worth waiting for.
    pub patience_secs: i64,
    #[serde(skip)]
    doubt: Option<String>,
}

impl OutlookView {
    fn of(outlook: &Outlook) -> Self {
        let in_doubt = outlook.chance_up < Ppm::ONE;
        OutlookView {
            capacity_chance_percent: value::percent_number(outlook.chance_up),
            last_trouble_age_secs: outlook.trouble_age_secs,
            price_ratio: value::ratio_number(outlook.price_ratio),
            patience_secs: outlook.patience_secs,
            doubt: in_doubt
                .then(|| format!("it has capacity with a chance of {}", outlook.chance_up)),
        }
    }
}

impl DecisionView {
    pub fn of(decision: &Decision) -> Self {
        let chosen = decision.chosen.as_ref();
        let reasons = decision
            .reasons
            .iter()
            .map(|reason| ReasonView { label: reason.label(), text: sentence::reason(reason) });
        DecisionView {
            at: decision.at,
            chosen: chosen.cloned(),
            reasons: reasons.collect(),
            candidates: decision
                .candidates
                .iter()
                .map(|candidate| CandidateView::of(candidate, chosen))
                .collect(),
            wait_budget_secs: decision
                .wait_until
                .map(|until| until.duration_since(decision.at).as_secs()),
            lengths: decision.lengths.as_ref().map(LengthsView::of),
        }
    }

    /// The table of candidates, then what there is to say besides.
    pub fn write(&self, page: &mut Page, indent: usize) {
        let mut grid = Grid::new()
            .name("ENVIRONMENT")
            .name("CAPACITY")
            .number("$/H")
            .number("AGE")
            .number("ON DEMAND")
            .number("RISK/H")
            .number("REWORK")
            .number("EXPECTED")
            .number("POOLS")
            .name("VERDICT")
            .prose("WHY");
        for candidate in &self.candidates {
            grid.row(self.cells(candidate));
        }
        page.table(indent, &grid);
        let learnt = self.candidates.iter().filter_map(|c| c.level.as_ref()?.text.as_deref());
        learnt.for_each(|text| page.styled(super::FAINT, format!("{:indent$}{text}", "")));
        if self.chosen.is_none() {
            let held = self
                .reasons
                .iter()
                .map(|reason| format!("{:indent$}Held back: {}.", "", reason.text));
            held.for_each(|line| page.line(line));
        }
        if let Some(budget) = self.wait_budget_secs {
            let text = format!(
                "Moved on demand if it waits for capacity longer than {}.",
                value::seconds(budget)
            );
            page.styled(super::FAINT, format!("{:indent$}{text}", ""));
        }
        if let Some(text) = self.lengths.as_ref().and_then(|lengths| lengths.text.as_deref()) {
            page.styled(super::FAINT, format!("{:indent$}{text}", ""));
        }
    }

    fn cells(&self, candidate: &CandidateView) -> [Text; 11] {
        let (verdict, why) = self.verdict(candidate);
        let notes =
            [Some(why).filter(|why| !why.is_empty()), candidate.covered(), candidate.data()];
        let doubt = candidate.outlook.as_ref().and_then(|outlook| outlook.doubt.clone());
        let why: Vec<String> = notes.into_iter().chain([doubt]).flatten().collect();
        let why = why.join("; ");
        let name_tone = if candidate.chosen { Tone::Strong } else { Tone::Plain };
        [
            toned(name_tone, &candidate.environment),
            plain(candidate.capacity),
            or_dash(candidate.price_usd_per_hour.map(value::price)),
            or_dash(candidate.price_age_secs.map(value::seconds)),
            or_dash(candidate.on_demand_usd_per_hour.map(value::price)),
            plain(&candidate.risk),
            plain(&candidate.rework),
            or_dash(candidate.expected_cost_usd.map(value::usd)),
            or_dash(candidate.counted_pools()),
            verdict,
            plain(why),
        ]
    }

    /// The reasons for the choice; what rules the others out stands in their own rows.
    fn because(&self) -> String {
        let texts: Vec<&str> = self
            .reasons
            .iter()
            .map(|reason| match reason.label {
                "fallback" => "interruptible capacity is ruled out",
                _ => &*reason.text,
            })
            .collect();
        texts.join("; ")
    }

    fn verdict(&self, candidate: &CandidateView) -> (Text, String) {
        let guards = || {
            let texts: Vec<&str> = candidate.guards.iter().map(|guard| &*guard.text).collect();
            texts.join("; ")
        };
        if candidate.chosen {
            return (toned(Tone::Good, "CHOSEN"), self.because());
        }
        if !candidate.guards.is_empty() {
            return (toned(Tone::Warn, "ruled out"), guards());
        }
        let best = self.candidates.iter().find(|other| other.chosen);
        let more =
            best.and_then(|best| Some(candidate.expected_cost_usd? - best.expected_cost_usd?));
        let why = match more {
            Some(Usd::ZERO) => "expected to cost the same".to_owned(),
            Some(more) if more.is_negative() => {
                format!("expected to cost {} less", value::usd(-more))
            }
            Some(more) => format!("expected to cost {} more", value::usd(more)),
            None => String::new(),
        };
        (plain("allowed"), why)
    }
}

impl CandidateView {
    /// `4`, or `3 of 4` where one that is stale or not believed was left out.
    fn counted_pools(&self) -> Option<String> {
        match (self.pools, self.stale_pools + self.absurd_pools) {
            (0, _) => None,
            (pools, 0) => Some(pools.to_string()),
            (pools, out) => Some(format!("{} of {pools}", pools.saturating_sub(out))),
        }
    }

    fn covered(&self) -> Option<String> {
        let covered = value::seconds(self.covered_secs?);
        Some(format!("a commitment pays for {covered} of the run"))
    }

    fn data(&self) -> Option<String> {
        self.data_cost_usd.map(|cost| format!("its data costs {}", value::usd(cost)))
    }

    fn of(candidate: &Candidate, chosen: Option<&EnvironmentName>) -> Self {
        let guards = candidate
            .guards
            .iter()
            .map(|guard| ReasonView { label: guard.label(), text: sentence::guard(guard) });
        CandidateView {
            environment: candidate.environment.clone(),
            capacity: candidate.capacity,
            chosen: chosen == Some(&candidate.environment),
            price_usd_per_hour: candidate.price,
            price_age_secs: candidate.price_age_secs,
            on_demand_usd_per_hour: candidate.on_demand,
            interruptions_per_hour: value::ratio_number(candidate.hazard_per_hour),
            level: candidate
                .level
                .as_ref()
                .map(|level| LevelView::of(&candidate.environment, level)),
            expected_rework_percent: value::percent_number(candidate.expected_rework),
            data_cost_usd: Some(candidate.data_cost).filter(|cost| *cost != Usd::ZERO),
            covered_secs: Some(candidate.covered_millis / 1000).filter(|secs| *secs > 0),
            expected_cost_usd: candidate.expected_cost,
            pools: candidate.pools,
            stale_pools: candidate.stale_pools,
            absurd_pools: candidate.absurd_pools,
            outlook: candidate.outlook.as_ref().map(OutlookView::of),
            breaker: (candidate.capacity.is_interruptible()).then(|| candidate.breaker.label()),
            guards: guards.collect(),
            risk: value::per_hour(candidate.hazard_per_hour),
            rework: candidate.expected_rework.to_string(),
        }
    }
}
