//! What would change a decision: the price or the deadline at which the same question has another answer.
//! Found by asking again, so that it holds for every rule and guard that there is, by whatever policy.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{Decision, Question};
use crate::domain::{EnvironmentName, Ppm, UsdPerHour};
use crate::market::Market;

/// One thing that would change it, everything else staying as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TurningPoint {
    #[serde(flatten)]
    pub change: Change,
    /// What would be chosen then; `None` for a hold.
    pub then: Option<EnvironmentName>,
}

/// What would have to be different.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Change {
    /// The chosen environment costs at least this, per hour of the job's share.
    PriceAbove { environment: EnvironmentName, usd_per_hour: UsdPerHour },
    /// Another one costs at most this.
    PriceBelow { environment: EnvironmentName, usd_per_hour: UsdPerHour },
    /// The deadline is so much later, or, negative, earlier.
    Deadline { by_secs: i64 },
}

type Decide = fn(&Question<'_>) -> Decision;

/// Prices are looked for up to twenty times, and down to a twentieth, of what they are;
const FURTHEST: f64 = 20.0;
/// deadlines up to a day later.
const LATEST: SignedDuration = SignedDuration::from_hours(24);
/// Halvings of what is between the same answer and another one.
const HALVINGS: u32 = 12;
/// The model tells prices apart by 5 %: near one at which an answer turns it may turn back, and further on turn
/// again. So these parts of the way further it must still be the other one: of a price about 0.1, 0.5, 1, 2, 3,
/// 4, 5 and 10 %.
const FURTHER: [f64; 8] = [0.000_334, 0.001_67, 0.003_34, 0.006_6, 0.01, 0.013_3, 0.016_7, 0.033];
/// So often a point at which it did not stay is left behind.
const ATTEMPTS: u32 = 6;

/// Turning points of `decision`, which `decide` gave to `question`: of the price of what was
/// chosen, of each other environment's, and of the deadline. At each of them, and a little further, `decide` does
/// answer otherwise.
pub fn turning_points(
    question: &Question<'_>,
    decision: &Decision,
    decide: Decide,
) -> Vec<TurningPoint> {
    let asker = Asker { question, decision, decide };
    let mut points = Vec::new();
    for candidate in &decision.candidates {
        let Some(price) = candidate.price else { continue };
        let name = &candidate.environment;
        let is_chosen = decision.chosen.as_ref() == Some(name);
        let furthest: f64 = if is_chosen { FURTHEST } else { 1.0 / FURTHEST };
        let found = asker.search(|part| {
            let factor = Ppm::from_ratio(furthest.powf(part));
            (factor, asker.at_price(name, factor))
        });
        let Some((factor, then)) = found else { continue };
        let (environment, usd_per_hour) = (name.clone(), price.scaled(factor));
        let change = if is_chosen {
            Change::PriceAbove { environment, usd_per_hour }
        } else {
            Change::PriceBelow { environment, usd_per_hour }
        };
        points.push(TurningPoint { change, then });
    }
    points.extend(asker.deadline());
    points
}

struct Asker<'a> {
    question: &'a Question<'a>,
    decision: &'a Decision,
    decide: Decide,
}

impl Asker<'_> {
    /// The answer if every price of the environment were multiplied.
    fn at_price(&self, name: &EnvironmentName, factor: Ppm) -> Option<EnvironmentName> {
        let mut market: Market = self.question.market.clone();
        if let Some(known) = market.environments.get_mut(name) {
            let known = Arc::make_mut(known);
            let spot = known.capacity.is_interruptible();
            for quote in &mut known.pools {
                let price = if spot { &mut quote.spot } else { &mut quote.on_demand };
                *price = price.map(|price| price.scaled(factor));
            }
            if let Some(quote) = &mut known.fargate {
                match &mut quote.spot {
                    Some(rate) if spot => *rate = rate.scaled(factor),
                    _ => quote.list = quote.list.scaled(factor),
                }
            }
        }
        (self.decide)(&Question { market: &market, ..self.question.clone() }).chosen
    }

    fn at_deadline(&self, deadline: Timestamp) -> Option<EnvironmentName> {
        let deadline_at = Some(deadline);
        (self.decide)(&Question { deadline_at, ..self.question.clone() }).chosen
    }

    /// Earlier, else later.
    fn deadline(&self) -> Option<TurningPoint> {
        let deadline = self.question.deadline_at?;
        let left = deadline.duration_since(self.question.now);
        let towards = |furthest: SignedDuration| {
            let found = self.search(|part| {
                let by = SignedDuration::from_secs((furthest.as_secs() as f64 * part) as i64);
                let moved = deadline.checked_add(by).unwrap_or(Timestamp::MAX);
                (by, self.at_deadline(moved))
            });
            found.map(|(by, then)| TurningPoint {
                change: Change::Deadline { by_secs: by.as_secs() },
                then,
            })
        };
        towards(-left).or_else(|| towards(LATEST))
    }

    /// The part of the way, from 0 to 1, at which the answer becomes another and stays it, and that answer:
    /// the nearest one where it turns but once. `None` where it is the same at the end of the way, or turns
    /// back again and again.
    fn search<T>(
        &self,
        ask: impl Fn(f64) -> (T, Option<EnvironmentName>),
    ) -> Option<(T, Option<EnvironmentName>)> {
        let turned = |part| Some(ask(part)).filter(|(_, then)| *then != self.decision.chosen);
        let mut same = 0.0;
        for _ in 0..ATTEMPTS {
            let mut found = turned(1.0)?;
            let mut other = 1.0;
            for _ in 0..HALVINGS {
                let middle = (same + other) / 2.0;
                match turned(middle) {
                    Some(nearer) => (found, other) = (nearer, middle),
                    None => same = middle,
                }
            }
            let further = FURTHER.iter().map(|step| other + step);
            match further.rev().find(|part| turned(*part).is_none()) {
                None => return Some(found),
                Some(back) => same = back.min(1.0),
            }
        }
        None
    }
}
