//! The choice between candidates.

use jiff::{SignedDuration, Timestamp};

use super::candidate::{assess, billed_once, late_secs, time_needed};
use super::effective::cost_of;
use super::keep::stay;
use super::later::better_later;
use super::{Candidate, Decision, Guard, Question, Reason, budget, pace};
use crate::catalogue::{Environment, Policy, WhenPriceUnknown};
use crate::domain::{Ppm, Usd};
use crate::experience::Breaker;

/// How long a decision that found nothing waits before it is asked again.
pub(super) const HOLD: SignedDuration = SignedDuration::from_mins(5);

/// Where the next leg goes. Of the candidates without a guard the one with the least expected cost
/// wins, the class's order breaking ties. When interruptible capacity is ruled out, capacity that is
/// not taken back is used even where its price is not known: a deadline is worth more than a figure.
pub fn decide(question: &Question<'_>) -> Decision {
    let mut candidates = candidates(question);
    guard_savings(question, &mut candidates);
    let (chosen, reasons) = choose(question, &candidates);
    let (mut chosen, mut reasons) = stay(question, &candidates, chosen, reasons);
    if let Some(best) = chosen.map(|index| &candidates[index]) {
        match better_later(question, &candidates, best) {
            Some(later) => (chosen, reasons) = (None, vec![later]),
            None => reasons.extend(budget::reason(question, best)),
        }
    }
    reasons.extend(chosen.and_then(|index| probe(&candidates[index])));
    if let Some(late_secs) = late_secs(question) {
        // Of a run that is held, that is the main thing.
        let at = if chosen.is_some() { 0 } else { reasons.len() };
        reasons.insert(at, Reason::DeadlineCannotBeMet { late_secs });
    }
    let wait_until = chosen
        .filter(|index| candidates[*index].capacity.is_interruptible())
        .and_then(|index| wait_until(question, &candidates, &candidates[index]));
    let decision = Decision {
        at: question.now,
        chosen: chosen.map(|index| candidates[index].environment.clone()),
        reasons,
        candidates,
        wait_until,
        lengths: Some(question.lengths),
    };
    debug_assert_eq!(super::verify(question, &decision), Vec::new());
    decision
}

/// In the class's order. What interruptible capacity is worth depends on what would take over.
fn candidates(question: &Question<'_>) -> Vec<Candidate> {
    let steady: Vec<Candidate> = question
        .environments
        .iter()
        .filter(|environment| !environment.capacity.is_interruptible())
        .map(|environment| assess(question, environment, None))
        .collect();
    let usable = steady.iter().filter(|candidate| candidate.guards.is_empty());
    let billed = billed_once(question);
    let price = usable.filter_map(|candidate| candidate.marginal_price(billed)).min();
    let mut steady = steady.into_iter();
    let candidate = |environment: &&Environment| match environment.capacity.is_interruptible() {
        true => Some(assess(question, environment, price)),
        false => steady.next(),
    };
    question.environments.iter().filter_map(candidate).collect()
}

/// Interruptible capacity must beat the cheapest other candidate by the class's margin; where there
/// is none, its own pools' on-demand price.
fn guard_savings(question: &Question<'_>, candidates: &mut [Candidate]) {
    let steady = candidates
        .iter()
        .filter(|c| !c.capacity.is_interruptible() && c.guards.is_empty())
        .filter_map(|c| c.expected_cost)
        .min();
    for candidate in candidates.iter_mut().filter(|c| c.capacity.is_interruptible()) {
        let own = own_on_demand_cost(question, candidate);
        let (Some(cost), Some(reference)) = (candidate.expected_cost, steady.or(own)) else {
            continue;
        };
        let saving = (reference - cost).ratio_to(reference).unwrap_or(Ppm::ZERO);
        if saving < question.class.min_saving {
            candidate.guards.push(Guard::SavingTooSmall { saving, min: question.class.min_saving });
        }
    }
}

fn own_on_demand_cost(question: &Question<'_>, candidate: &Candidate) -> Option<Usd> {
    let billed = billed_once(question);
    let cost =
        |price| cost_of(price, billed, 0, Ppm::ZERO, question.containers, candidate.data_cost);
    candidate.on_demand.map(cost)
}

/// That a leg which goes to `chosen` is a probe.
const fn probe(chosen: &Candidate) -> Option<Reason> {
    match chosen.breaker {
        Breaker::HalfOpen { trips, .. } => Some(Reason::Probe { trips }),
        Breaker::Closed | Breaker::Open { .. } => None,
    }
}

fn choose(question: &Question<'_>, candidates: &[Candidate]) -> (Option<usize>, Vec<Reason>) {
    let mut allowed: Vec<(usize, Usd)> = candidates
        .iter()
        .enumerate()
        .filter(|(_, candidate)| candidate.guards.is_empty())
        .filter_map(|(index, candidate)| Some((index, candidate.expected_cost?)))
        .collect();
    allowed.sort_by_key(|(index, cost)| (*cost, *index));
    let ruled_out = candidates
        .iter()
        .filter(|candidate| candidate.capacity.is_interruptible())
        .find_map(|candidate| candidate.guards.first());
    let Some(&(best, expected_cost)) = allowed.first() else {
        return choose_without_prices(question, candidates);
    };
    let steady = !candidates[best].capacity.is_interruptible();
    let interruptible_allowed =
        allowed.iter().any(|(index, _)| candidates[*index].capacity.is_interruptible());
    if steady && !interruptible_allowed && ruled_out.is_some_and(is_price_guard) {
        // The class says what to do when spot cannot be compared.
        return choose_without_prices(question, candidates);
    }
    let second =
        allowed.get(1).map(|(index, cost)| (candidates[*index].environment.clone(), *cost));
    let cheapest = Reason::Cheapest { expected_cost, second };
    match ruled_out.filter(|_| steady && !interruptible_allowed) {
        Some(guard) => (Some(best), vec![Reason::Fallback { guard: guard.clone() }, cheapest]),
        None if candidates.len() == 1 => (Some(best), vec![Reason::OnlyCandidate, cheapest]),
        None => (Some(best), vec![cheapest]),
    }
}

const fn is_price_guard(guard: &Guard) -> bool {
    matches!(guard, Guard::PriceUnknown | Guard::PriceAbsurd { .. } | Guard::PriceStale { .. })
}

/// No candidate is free of guards (or spot cannot be compared): the class's rule, then what is
/// least bad.
fn choose_without_prices(
    question: &Question<'_>,
    candidates: &[Candidate],
) -> (Option<usize>, Vec<Reason>) {
    let only_prices_missing = |candidate: &Candidate| candidate.guards.iter().all(is_price_guard);
    // In the class's order, but one with a known price first.
    let steady = candidates
        .iter()
        .enumerate()
        .filter(|(_, c)| !c.capacity.is_interruptible() && only_prices_missing(c))
        .min_by_key(|(index, c)| (c.expected_cost.is_none(), c.expected_cost, *index))
        .map(|(index, _)| index);
    let unpriced_spot =
        candidates.iter().position(|c| c.capacity.is_interruptible() && only_prices_missing(c));
    let fallback_reason = candidates
        .iter()
        .filter(|c| c.capacity.is_interruptible())
        .flat_map(|c| &c.guards)
        .find(|guard| !is_price_guard(guard))
        .cloned();
    match (question.class.when_price_unknown, unpriced_spot, steady) {
        (WhenPriceUnknown::Spot, Some(spot), _) => (Some(spot), vec![Reason::PriceUnknown]),
        (WhenPriceUnknown::Hold, Some(_), _) if may_hold(question) => hold(question.now),
        (_, Some(_), Some(steady)) => (Some(steady), vec![Reason::PriceUnknown]),
        (_, Some(spot), None) => (Some(spot), vec![Reason::PriceUnknown]),
        (_, None, Some(steady)) => match fallback_reason {
            Some(guard) => (Some(steady), vec![Reason::Fallback { guard }]),
            None => (Some(steady), vec![Reason::PriceUnknown]),
        },
        (_, None, None) => least_bad_spot(question, candidates),
    }
}

/// A class of interruptible environments only: its deadline cannot be promised, so guards that
/// protect the deadline step back; those that protect money or capacity hold the run.
fn least_bad_spot(
    question: &Question<'_>,
    candidates: &[Candidate],
) -> (Option<usize>, Vec<Reason>) {
    let yields = |guard: &Guard| {
        matches!(
            guard,
            Guard::DeadlineTooNear { .. }
                | Guard::LastLeg
                | Guard::MovedAway
                | Guard::AboveRunBudget { .. }
                | Guard::SavingTooSmall { .. }
                | Guard::PriceUnknown
                | Guard::PriceAbsurd { .. }
                | Guard::PriceStale { .. }
        )
    };
    let best = candidates
        .iter()
        .enumerate()
        .filter(|(_, c)| c.capacity.is_interruptible() && c.guards.iter().all(yields))
        .min_by_key(|(index, c)| (c.expected_cost.is_none(), c.expected_cost, *index));
    if let Some((index, candidate)) = best {
        let guard = candidate.guards.first().cloned().unwrap_or(Guard::PriceUnknown);
        return (Some(index), vec![Reason::OnlyCandidate, Reason::Fallback { guard }]);
    }
    let guards = candidates.iter().flat_map(|candidate| &candidate.guards);
    // A probe may be over at any moment.
    let cooled = guards.map(|guard| match guard {
        Guard::CoolingDown { until } => Some(*until),
        Guard::ProbeUnderWay { .. } => question.now.checked_add(HOLD).ok(),
        _ => None,
    });
    // What cannot take it now, a queue that is disabled say, may at any moment; a cooldown of two hours is
    // not waited out for that.
    let may_take_over = candidates.iter().any(|candidate| {
        let has = |kind: fn(&Guard) -> bool| candidate.guards.iter().any(kind);
        let passes =
            |guard: &Guard| matches!(guard, Guard::Unusable { .. } | Guard::AboveMaxPrice { .. });
        let steady = !candidate.capacity.is_interruptible();
        !has(|guard| matches!(guard, Guard::DoesNotFit)) && (steady || has(passes))
    });
    let soon = question.now.checked_add(HOLD).unwrap_or(Timestamp::MAX);
    let until = match cooled.flatten().min() {
        Some(cooled) if may_take_over => cooled.min(soon),
        Some(cooled) => cooled,
        None => soon,
    };
    (None, vec![Reason::Hold { until }])
}

fn may_hold(question: &Question<'_>) -> bool {
    question
        .deadline_at
        .is_none_or(|deadline| deadline.duration_since(question.now) > time_needed(question) + HOLD)
}

fn hold(now: Timestamp) -> (Option<usize>, Vec<Reason>) {
    let until = now.checked_add(HOLD).unwrap_or(Timestamp::MAX);
    (None, vec![Reason::Hold { until }])
}

/// The wait budget, cut short where the deadline asks for it or the policy would wait no longer. `None` where
/// nothing could ever take over: what is unusable now may be usable by then, and whoever moves the run asks
/// again.
fn wait_until(
    question: &Question<'_>,
    candidates: &[Candidate],
    chosen: &Candidate,
) -> Option<Timestamp> {
    let takes_over = candidates.iter().any(|candidate| {
        !candidate.capacity.is_interruptible()
            && !candidate.guards.iter().any(|guard| matches!(guard, Guard::DoesNotFit))
    });
    if !takes_over {
        return None;
    }
    let budget = question.now.checked_add(question.class.wait_budget).ok();
    let latest =
        question.deadline_at.and_then(|deadline| deadline.checked_sub(time_needed(question)).ok());
    let patience = match question.class.policy {
        // Whether there is capacity is seen once it had the time to start.
        Policy::UniformProgress => pace::falls_behind_at(question).and_then(|at| {
            question.now.checked_add(question.class.start_up).ok().map(|least| at.max(least))
        }),
        _ => chosen.outlook.as_ref().and_then(|outlook| {
            question.now.checked_add(SignedDuration::from_secs(outlook.patience_secs)).ok()
        }),
    };
    [budget, latest, patience].into_iter().flatten().min().map(|at| at.max(question.now))
}
