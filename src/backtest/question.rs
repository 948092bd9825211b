//! What the daemon would be asked: its own decision, on the market of that time.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::prepare::{Backtest, Prepared};
use crate::catalogue::{Class, Environment};
use crate::decision::{Decision, Question, Reason, decide};
use crate::domain::{LegCause, Usd, UsdPerHour};
use crate::experience::durations::Lengths;
use crate::experience::{Experience, InFlight};

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// Nothing, until then.
    Wait { until: i64 },
    /// A leg on interruptible capacity.
    Spot(Spot),
    /// Capacity that is not taken back, to the end or to be asked again.
    Steady { price: UsdPerHour, until: Option<i64> },
}

/// A leg on interruptible capacity. Times are milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spot {
    /// Which of the kind's environments.
    pub environment: usize,
    /// It is given up if it has not started by then.
    pub wait_until: Option<i64>,
    /// It is given up then, even while it runs.
    pub stop_at: Option<i64>,
}

impl Choice {
    /// The same choice, so much later.
    pub fn moved(self, by: i64) -> Choice {
        match self {
            Choice::Wait { until } => Choice::Wait { until: until.saturating_add(by) },
            Choice::Spot(spot) => Choice::Spot(Spot {
                wait_until: spot.wait_until.map(|at| at.saturating_add(by)),
                stop_at: spot.stop_at.map(|at| at.saturating_add(by)),
                ..spot
            }),
            Choice::Steady { price, until } => {
                Choice::Steady { price, until: until.map(|at| at.saturating_add(by)) }
            }
        }
    }
}

/// A leg to be decided.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leg<'a> {
    pub class: &'a Class,
    pub at: i64,
    pub deadline: Option<i64>,
    pub cause: LegCause,
    pub legs: u16,
    pub progress_millis: i64,
    pub experience: &'a Experience,
}

pub(super) fn moment(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
}

impl Backtest {
    /// What the daemon decides.
    pub(super) fn decision(&self, kind: &Prepared, leg: &Leg<'_>) -> Decision {
        self.ask(kind, leg, decide)
    }

    /// What `answer` says to what the daemon asks of the leg.
    pub(super) fn ask<T>(
        &self,
        kind: &Prepared,
        leg: &Leg<'_>,
        answer: impl FnOnce(&Question<'_>) -> T,
    ) -> T {
        let environments: Vec<&Environment> =
            kind.environments.iter().map(|environment| &**environment).collect();
        answer(&Question {
            class: leg.class,
            environments,
            resources: kind.resources,
            market: self.market_at(leg.at),
            experience: leg.experience,
            now: moment(leg.at),
            deadline_at: leg.deadline.map(moment),
            cause: leg.cause,
            legs: leg.legs,
            progress: SignedDuration::from_millis(leg.progress_millis),
            cooldown: self.cooldown,
            lengths: Lengths::stated(leg.class.expected_duration, leg.class.planning_percentile),
            containers: 1,
            vcpu_millis_in_use: BTreeMap::new(),
            starts_by: None,
            spent: Usd::ZERO,
            in_flight: &InFlight::default(),
            forced: None,
        })
    }
}

/// A decision as what to do next. Steady capacity whose price is not known costs `reference`.
pub(super) fn choice_of(kind: &Prepared, decision: &Decision, reference: UsdPerHour) -> Choice {
    let index = decision.chosen.as_ref().and_then(|name| {
        kind.environments.iter().position(|environment| environment.name == *name)
    });
    let Some(environment) = index else {
        let until = decision.reasons.iter().find_map(Reason::asked_again_at);
        return Choice::Wait { until: until.unwrap_or(decision.at).as_millisecond() };
    };
    if kind.environments[environment].capacity.is_interruptible() {
        let wait_until = decision.wait_until.map(|at| at.as_millisecond());
        return Choice::Spot(Spot { environment, wait_until, stop_at: None });
    }
    let price = decision.candidates.get(environment).and_then(|candidate| candidate.price);
    Choice::Steady { price: price.unwrap_or(reference), until: None }
}
