//! What would be chosen of a run now, and what would change that; of one that has ended, its last choice.

use jiff::Timestamp;
use serde::Serialize;

use super::LegDecision;
use crate::cli::error::CliError;
use crate::cli::known::{AllRuns, Known};
use crate::cli::plan;
use crate::cli::render::advice::AdviceView;
use crate::cli::render::decision::DecisionView;
use crate::cli::render::{FAINT, Page, sentence, value};
use crate::decision::advice::Work;
use crate::decision::{TurningPoint, turning_points};
use crate::domain::{EnvironmentName, Usd};
use crate::ledger::{Entry, spent_by_run};
use crate::ports::Store;
use crate::run::{Around, AttemptRecord, NextLeg, NotAsked, Run, Supposing, asked_now};

/// What an open run is asked with besides the store; or why that is not at hand, in a sentence.
pub type Ground<'a> = Result<plan::Inputs<'a>, String>;

/// Of a run that has not ended.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum AskedNow {
    Asked(Box<Asked>),
    NotAsked(Refused),
}

/// Why nothing can be asked.
#[derive(Debug, Serialize)]
pub struct Refused {
    /// `None` where the settings or the catalogue could not be read.
    #[serde(flatten)]
    pub why: Option<NotAsked>,
    pub text: String,
}

/// The answer, were its next leg decided now.
#[derive(Debug, Serialize)]
pub struct Asked {
    /// What has to be supposed for that.
    #[serde(flatten)]
    pub supposing: Supposing,
    /// The leg that is decided.
    pub next_leg: u16,
    pub decision: DecisionView,
    pub second_best: Option<SecondBest>,
    /// `null` where no price is known.
    pub turning_points: Option<Vec<TurningPoint>>,
    /// What had better be changed of its environments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub advice: Vec<AdviceView>,
    /// Whether what the job reserves was assumed rather than known.
    pub resources_assumed: bool,
}

/// The allowed environment that is expected to cost least but the chosen one.
#[derive(Debug, Serialize)]
pub struct SecondBest {
    pub environment: EnvironmentName,
    pub expected_cost_usd: Usd,
    /// Than the chosen one; less than zero where that is not the cheapest.
    pub more_usd: Option<Usd>,
}

/// The last choice of a run that has ended.
#[derive(Debug, Serialize)]
pub struct LastChoice {
    pub leg: u16,
    pub at: Timestamp,
    /// `null` where it was held back.
    pub chosen: Option<EnvironmentName>,
    pub expected_cost_usd: Option<Usd>,
    pub second_best: Option<SecondBest>,
}

impl AskedNow {
    /// Of `run`, which has not ended.
    pub(super) async fn of(
        run: &Run,
        attempts: &[AttemptRecord],
        entries: &[Entry],
        store: &dyn Store,
        ground: &Ground<'_>,
    ) -> Result<Self, CliError> {
        Ok(match ground {
            Ok(inputs) => match ask(run, attempts, entries, Known::read(store).await?, inputs) {
                Ok(asked) => AskedNow::Asked(Box::new(asked)),
                Err(why) => {
                    let text = sentence::not_asked(&why);
                    AskedNow::NotAsked(Refused { why: Some(why), text })
                }
            },
            Err(text) => AskedNow::NotAsked(Refused { why: None, text: text.clone() }),
        })
    }

    pub(super) fn write(&self, page: &mut Page) {
        match self {
            AskedNow::Asked(asked) => asked.write(page),
            AskedNow::NotAsked(refused) => {
                page.heading("Where it would go now");
                page.line(format!("  {}", refused.text));
            }
        }
    }
}

fn ask(
    run: &Run,
    attempts: &[AttemptRecord],
    entries: &[Entry],
    mut known: Known,
    inputs: &plan::Inputs<'_>,
) -> Result<Asked, NotAsked> {
    let (catalogue, now) = (inputs.catalogue, inputs.now);
    known.set_spot_advisor(inputs.spot_advisor.as_ref());
    let asked = asked_now(run, catalogue, &known.durations, now)?;
    // The run stands among the others as it is supposed to.
    known.open.iter_mut().filter(|open| open.id == run.id).for_each(|open| {
        open.clone_from(&asked.run);
    });
    let all = AllRuns::of(&known.open, &known.experience, catalogue);
    let forced = known.controls.forced(&asked.class.name, now);
    let spent = match asked.class.max_cost {
        Some(_) => spent_by_run(catalogue, &asked.run, &asked.attempts(attempts, now), entries),
        None => Usd::ZERO,
    };
    let leg = NextLeg {
        catalogue,
        run: &asked.run,
        class: asked.class,
        job: asked.job,
        cause: asked.cause,
        containers: asked.containers,
    };
    let lengths = asked.run.lengths(asked.class, Some(asked.job), &known.durations);
    let around = known.around(&all, lengths, inputs.cooldown, now);
    let question = leg.question(Around { forced: forced.as_ref(), spent, ..around });
    let decision = (inputs.decide)(&question);
    let is_priced = decision.candidates.iter().any(|candidate| candidate.price.is_some());
    let turning_points = is_priced.then(|| turning_points(&question, &decision, inputs.decide));
    let decision = DecisionView::of(&decision);
    Ok(Asked {
        supposing: asked.supposing,
        next_leg: asked.run.legs.len() as u16,
        second_best: SecondBest::of(&decision),
        decision,
        turning_points,
        advice: AdviceView::of(
            &known.seen(catalogue, now),
            &Work::of(asked.job, asked.class, &known.durations),
        ),
        resources_assumed: asked.job.submission.resources.is_none(),
    })
}

impl Asked {
    fn write(&self, page: &mut Page) {
        let (next, at) = (self.next_leg, value::clock(self.decision.at));
        page.heading(sentence::supposing(self.supposing, next, &at));
        self.decision.write(page, 2);
        if self.decision.chosen.is_some() {
            page.line(format!("  {}", second_best(self.second_best.as_ref(), "is")));
        }
        match &self.turning_points {
            Some(points) => sentence::turning_points(points)
                .iter()
                .for_each(|line| page.line(format!("  {line}"))),
            None => page.line(
                "  No price of its environments is known: at which it would be decided otherwise \
                 cannot be told.",
            ),
        }
        AdviceView::write(&self.advice, page);
        if self.resources_assumed {
            page.styled(FAINT, format!("  {}", sentence::RESOURCES_ASSUMED));
        }
    }
}

impl SecondBest {
    fn of(decision: &DecisionView) -> Option<Self> {
        let chosen = decision.candidates.iter().find(|candidate| candidate.chosen)?;
        let others = decision.candidates.iter().filter(|other| !other.chosen);
        let allowed = others.filter(|other| other.guards.is_empty());
        let priced = allowed.filter_map(|other| Some((other.expected_cost_usd?, other)));
        let (cost, best) = priced.min_by_key(|(cost, _)| *cost)?;
        Some(SecondBest {
            environment: best.environment.clone(),
            expected_cost_usd: cost,
            more_usd: chosen.expected_cost_usd.map(|chosen| cost - chosen),
        })
    }
}

/// With "is" or "was" for `verb`.
fn second_best(second: Option<&SecondBest>, verb: &str) -> String {
    let Some(SecondBest { environment, expected_cost_usd, more_usd }) = second else {
        return format!("Second best: none, as nothing else {verb} allowed.");
    };
    let cost = value::usd(*expected_cost_usd);
    match more_usd {
        None => format!("Second best: {environment}, for an expected {cost}."),
        Some(Usd::ZERO) => format!("Second best: {environment}, for the same {cost}."),
        Some(more) if more.is_negative() => {
            format!("Second best: {environment}, for {cost}, which is {} less.", value::usd(-*more))
        }
        Some(more) => {
            format!("Second best: {environment}, for {cost}, which is {} more.", value::usd(*more))
        }
    }
}

impl LastChoice {
    /// Of the last of `decisions`.
    pub(super) fn of(decisions: &[LegDecision]) -> Option<Self> {
        let LegDecision { leg, decision, .. } = decisions.last()?;
        let chosen = decision.candidates.iter().find(|candidate| candidate.chosen);
        Some(LastChoice {
            leg: *leg,
            at: decision.at,
            chosen: decision.chosen.clone(),
            expected_cost_usd: chosen.and_then(|candidate| candidate.expected_cost_usd),
            second_best: SecondBest::of(decision),
        })
    }

    pub(super) fn write(&self, page: &mut Page) {
        page.heading("The last choice");
        let (leg, at) = (self.leg, value::clock(self.at));
        match &self.chosen {
            Some(chosen) => {
                let cost = self.expected_cost_usd.map(value::usd);
                let cost =
                    cost.map_or_else(String::new, |cost| format!(", for an expected {cost}"));
                page.line(format!("  Leg {leg} went to {chosen} at {at}{cost}."));
                page.line(format!("  {}", second_best(self.second_best.as_ref(), "was")));
            }
            None => page.line(format!("  Leg {leg} was held back at {at}.")),
        }
        page.styled(
            FAINT,
            "  At which prices and deadline a choice would be another is told of runs that have not \
             ended.",
        );
    }
}
