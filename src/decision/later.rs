//! Whether a first leg is better sent later: when spot that is left alone may be tried again, or when
//! capacity is paid for already.

use jiff::Timestamp;

use super::candidate::{billed_once, time_needed};
use super::choose::HOLD;
use super::{Candidate, Guard, Question, Reason, effective};
use crate::catalogue::Environment;
use crate::domain::{Usd, Window};

/// What a wait is expected to end with.
struct Offer<'a> {
    cost: Usd,
    at: Timestamp,
    candidate: &'a Candidate,
}

/// Why the run is put off instead of going to `chosen` now. `None` where its class leaves it no freedom,
/// no wait would leave room for an interruption before the deadline, or none saves the class's margin.
pub(super) fn better_later(
    question: &Question<'_>,
    candidates: &[Candidate],
    chosen: &Candidate,
) -> Option<Reason> {
    let latest = latest_start(question)?;
    let now = chosen.expected_cost?;
    let spot = candidates.iter().filter_map(|it| when_tried_again(question, it, latest));
    let covered =
        question.environments.iter().zip(candidates).filter_map(|(environment, candidate)| {
            when_covered(question, environment, candidate, latest)
        });
    let best = spot.chain(covered).min_by_key(|offer| (offer.cost, offer.at))?;
    let saving = now - best.cost;
    let margin = now.nanos() * i128::from(question.class.min_saving.0);
    let pays = saving > Usd::ZERO && saving.nanos() * 1_000_000 >= margin;
    pays.then(|| Reason::WaitsForBetter {
        until: best.at,
        environment: best.candidate.environment.clone(),
        saving,
    })
}

/// The last moment at which the leg may still be sent. The deadline stays where it is.
fn latest_start(question: &Question<'_>) -> Option<Timestamp> {
    let room = time_needed(question);
    let for_deadline = match question.deadline_at {
        Some(deadline) => deadline.checked_sub(room).ok()?,
        None => Timestamp::MAX,
    };
    let latest = question.starts_by?.min(for_deadline);
    (latest > question.now).then_some(latest)
}

/// When nothing but its breaker speaks against it: the end of its cooldown, or of a probe, which is looked
/// after every few minutes.
fn when_tried_again<'a>(
    question: &Question<'_>,
    candidate: &'a Candidate,
    latest: Timestamp,
) -> Option<Offer<'a>> {
    let at = match candidate.guards[..] {
        [Guard::CoolingDown { until }] => until,
        [Guard::ProbeUnderWay { .. }] => question.now.checked_add(HOLD).ok()?,
        _ => return None,
    };
    (at <= latest).then_some(Offer { cost: candidate.expected_cost?, at, candidate })
}

/// The first of the moments at which a start is covered for the longest. What is covered changes its
/// trend only where hours begin or end, at the start of the run or at its end.
fn when_covered<'a>(
    question: &Question<'_>,
    environment: &Environment,
    candidate: &'a Candidate,
    latest: Timestamp,
) -> Option<Offer<'a>> {
    if environment.covered.is_empty() || !candidate.guards.is_empty() {
        return None;
    }
    let billed = billed_once(question);
    let ahead = Window::new(question.now, latest.checked_add(billed).ok()?);
    let needed = effective::vcpu_millis_needed(question, environment);
    let hours = environment.covered_within(ahead, needed);
    let turns = hours.iter().flat_map(|part| [Some(part.start), part.end.checked_sub(billed).ok()]);
    let starts = turns.flatten().chain([latest]).filter(|at| question.now < *at && *at <= latest);
    let offer = |at| {
        let covered_millis = environment.covered_millis(at, billed, needed);
        let cost = effective::cost_covered(question, candidate, billed, covered_millis)?;
        Some(Offer { cost, at, candidate })
    };
    starts.filter_map(offer).min_by_key(|offer| (offer.cost, offer.at))
}
