//! A run that is put off, or is not: whether that is lawful, and worth what is said.

use jiff::{SignedDuration, Timestamp};

use super::money::{covered_millis, most_covered};
use super::{Findings, allowed, billed_once, room_for_an_interruption};
use crate::decision::{Candidate, Decision, Guard, Question, Reason};
use crate::domain::Usd;

/// Starts are looked at minute by minute so far ahead, to find a better one than was found.
const LOOKS_AHEAD: SignedDuration = SignedDuration::from_hours(24);

pub(super) fn check(question: &Question<'_>, decision: &Decision, found: &mut Findings) {
    let Some(first) = decision.reasons.first() else { return };
    let Reason::WaitsForBetter { until, environment, saving } = first else {
        let chosen = decision.chosen.as_ref();
        let chosen = decision.candidates.iter().find(|c| Some(&c.environment) == chosen);
        if let Some(cost) = chosen.and_then(|chosen| chosen.expected_cost) {
            found.rule(
                !pays(question, cost, best_saving(question, decision, cost)),
                "a run that may wait is put off for what saves the class's margin",
            );
        }
        return;
    };
    found.rule(decision.chosen.is_none(), "a run that is put off goes nowhere now");
    found.rule(
        *until > question.now && last_start(question).is_some_and(|last| *until <= last),
        "a run is put off within the freedom of its class, with room for an interruption",
    );
    let now = allowed(decision).filter_map(|candidate| candidate.expected_cost).min();
    let then = decision
        .candidates
        .iter()
        .find(|candidate| candidate.environment == *environment)
        .and_then(|candidate| cost_at(question, candidate, *until));
    let (Some(now), Some(then)) = (now, then) else {
        return found.rule(false, "a run is put off for a known cost, from another");
    };
    found.rule(
        *saving == now - then && pays(question, now, *saving),
        "a wait saves what is said, and no less than the class's margin",
    );
    found.rule(
        best_saving(question, decision, now) <= *saving,
        "a run is put off for the wait that saves most",
    );
}

fn last_start(question: &Question<'_>) -> Option<Timestamp> {
    let freedom = question.starts_by?;
    let Some(deadline) = question.deadline_at else { return Some(freedom) };
    Some(freedom.min(deadline.checked_sub(room_for_an_interruption(question)).ok()?))
}

/// What a start at `at` is expected to cost there.
fn cost_at(question: &Question<'_>, candidate: &Candidate, at: Timestamp) -> Option<Usd> {
    if let Some(tried) = tried_again(question, candidate) {
        return candidate.expected_cost.filter(|_| tried == at);
    }
    let steady = candidate.guards.is_empty() && !candidate.capacity.is_interruptible();
    steady.then(|| uncovered_cost(question, candidate, covered_millis(question, candidate, at)))?
}

/// When a breaker that alone speaks against spot is looked at again: a probe every five minutes.
fn tried_again(question: &Question<'_>, candidate: &Candidate) -> Option<Timestamp> {
    let [guard] = &candidate.guards[..] else { return None };
    match guard {
        Guard::CoolingDown { until } => Some(*until),
        Guard::ProbeUnderWay { .. } => Some(question.now + SignedDuration::from_mins(5)),
        _ => None,
    }
}

/// What is paid while `covered` of the time is not, rounded half to even.
fn uncovered_cost(question: &Question<'_>, candidate: &Candidate, covered: i64) -> Option<Usd> {
    let paid = (billed_once(question).as_millis() - i128::from(covered))
        * i128::from(question.containers)
        * i128::from(candidate.price?.units());
    let nano = 10 * 3_600_000;
    let (whole, rest) = (paid / nano, paid % nano);
    let up = rest * 2 > nano || rest * 2 == nano && whole % 2 == 1;
    Some(Usd::from_nanos(whole + i128::from(up)) + candidate.data_cost)
}

fn pays(question: &Question<'_>, now: Usd, saving: Usd) -> bool {
    saving > Usd::ZERO
        && saving.nanos() * 1_000_000 >= now.nanos() * i128::from(question.class.min_saving.0)
}

/// The most that is found to be saved against `now`: by spot once it may be tried again, or by a start at
/// one of the next whole minutes.
fn best_saving(question: &Question<'_>, decision: &Decision, now: Usd) -> Usd {
    let Some(last) = last_start(question).filter(|last| *last > question.now) else {
        return Usd::ZERO;
    };
    let spot = decision.candidates.iter().filter_map(|candidate| {
        let in_time = tried_again(question, candidate).is_some_and(|at| at <= last);
        candidate.expected_cost.filter(|_| in_time)
    });
    let ahead = last.duration_since(question.now).min(LOOKS_AHEAD);
    // One less than the minutes that end in it, so that none is beyond.
    let starts = (ahead.as_secs() / 60) as usize;
    let covered = decision.candidates.iter().filter_map(|candidate| {
        let steady = candidate.guards.is_empty() && !candidate.capacity.is_interruptible();
        let covered = most_covered(question, candidate, starts).filter(|_| steady)?;
        uncovered_cost(question, candidate, covered)
    });
    spot.chain(covered).map(|cost| now - cost).max().unwrap_or(Usd::ZERO).max(Usd::ZERO)
}
