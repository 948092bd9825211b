//! An independent check of a decision: it looks at the answer and the question, not at how the
//! answer was found. Tests and debug builds run it on every decision.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{Candidate, Decision, Guard, Question, Reason};
use crate::catalogue::Restart;
use crate::domain::{Capacity, EnvironmentName};

/// A rule that a decision breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation(pub String);

/// Every rule that `decision` breaks as an answer to `question`; empty for a lawful one.
pub fn verify(question: &Question<'_>, decision: &Decision) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut rule = |holds: bool, text: &str| {
        if !holds {
            found.push(Violation(text.to_owned()));
        }
    };
    let names: BTreeSet<_> = decision.candidates.iter().map(|c| &c.environment).collect();
    let asked: BTreeSet<_> = question.environments.iter().map(|e| &e.name).collect();
    rule(
        names == asked && names.len() == decision.candidates.len(),
        "every environment of the class is a candidate exactly once",
    );
    rule(!decision.reasons.is_empty(), "a decision has a reason");
    let Some(name) = &decision.chosen else {
        let held = decision
            .reasons
            .iter()
            .any(|reason| matches!(reason, Reason::Hold { until } if *until > question.now));
        rule(held, "a hold says until when, later than now");
        rule(decision.wait_until.is_none(), "a hold has no wait budget");
        return found;
    };
    let Some(chosen) = decision.candidates.iter().find(|c| c.environment == *name) else {
        rule(false, "the chosen environment is a candidate");
        return found;
    };
    rule(
        !chosen.guards.iter().any(|g| matches!(g, Guard::Unusable { .. } | Guard::DoesNotFit)),
        "the chosen environment can take the job",
    );
    rule(
        !chosen
            .guards
            .iter()
            .any(|g| matches!(g, Guard::AboveMaxPrice { .. } | Guard::CoolingDown { .. })),
        "no price cap or cooldown is overridden",
    );
    let cheaper = decision.candidates.iter().any(|other| {
        other.guards.is_empty()
            && chosen.guards.is_empty()
            && other.expected_cost.is_some()
            && other.expected_cost < chosen.expected_cost
    });
    rule(!cheaper || priced_blind(decision), "no allowed candidate is cheaper");
    let steady_exists = decision.candidates.iter().any(takes_any_job);
    if chosen.capacity.is_interruptible() && steady_exists {
        rule(deadline_is_safe(question), "an interruption leaves time to finish on demand");
        rule(!question.cause.moves_away(), "a moved run does not go back to spot");
        let in_time = decision.wait_until.is_some_and(|at| {
            at >= question.now
                && question.deadline_at.is_none_or(|deadline| at <= deadline)
                && at.duration_since(question.now) <= question.class.wait_budget
        });
        rule(in_time, "waiting for spot ends within the budget and before the deadline");
    }
    rule(
        chosen.capacity != Capacity::Spot || !chosen.guards.is_empty() || was_seen(question, name),
        "spot without a guard has a price that was confirmed lately",
    );
    if let (Some(max), Some(price)) = (question.class.max_price, chosen.price) {
        rule(
            !chosen.capacity.is_interruptible() || price <= max,
            "spot is never bought above the class's maximum",
        );
    }
    found
}

fn was_seen(question: &Question<'_>, name: &EnvironmentName) -> bool {
    let oldest = question.now.checked_sub(question.class.max_price_age).unwrap_or(Timestamp::MIN);
    let market = question.market.environments.get(name);
    market.is_some_and(|market| {
        market.pools.iter().any(|quote| {
            // Ages are compared in whole seconds.
            let late = |at: Timestamp| oldest.duration_since(at) >= SignedDuration::from_secs(1);
            quote.spot.is_some() && !quote.seen_at.is_some_and(late)
        })
    })
}

/// Chosen by the class's rule for unknown prices, not by comparing costs.
fn priced_blind(decision: &Decision) -> bool {
    decision.reasons.iter().any(|reason| matches!(reason, Reason::PriceUnknown))
}

fn takes_any_job(candidate: &Candidate) -> bool {
    !candidate.capacity.is_interruptible()
        && !candidate.guards.iter().any(|g| matches!(g, Guard::Unusable { .. } | Guard::DoesNotFit))
}

/// Worst case told forward in time: start now, run to just before the end, lose it, start again on
/// demand, finish.
fn deadline_is_safe(question: &Question<'_>) -> bool {
    let Some(deadline) = question.deadline_at else { return true };
    let class = question.class;
    let left = (class.expected_duration - question.progress).max(SignedDuration::ZERO);
    let (lost, again) = match class.restart {
        Restart::FromZero => (class.start_up + left, class.start_up + left),
        Restart::Checkpoint { interval, restore } => {
            (class.start_up + interval, class.start_up + left + restore)
        }
    };
    [lost, again]
        .into_iter()
        .try_fold(question.now, |at, span| at.checked_add(span))
        .is_ok_and(|finished| finished <= deadline)
}
