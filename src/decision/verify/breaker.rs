//! Breakers, reckoned again from what was seen and what is out there (docs/concepts/decision.md).

use jiff::{SignedDuration, Timestamp};

use crate::decision::{Candidate, Question};
use crate::domain::EnvironmentName;
use crate::experience::Breaker;

/// After that much running capacity that was taken back counts as settled.
const SETTLED: SignedDuration = SignedDuration::from_mins(10);

/// One that is not closed.
struct Tripped {
    opened_at: Timestamp,
    until: Timestamp,
    times: u32,
}

fn tripped(question: &Question<'_>, name: &EnvironmentName) -> Option<Tripped> {
    let trips = &question.experience.environments.get(name)?.trips;
    let opened_at = trips.opened_at.filter(|_| question.cooldown > SignedDuration::ZERO)?;
    // 1, 2, 4, 8, 8 … cooldowns.
    let cooldowns = match trips.in_a_row {
        0 | 1 => 1,
        2 => 2,
        3 => 4,
        _ => 8,
    };
    let span = question.cooldown.checked_mul(cooldowns).unwrap_or(SignedDuration::MAX);
    let until = opened_at.checked_add(span).unwrap_or(Timestamp::MAX);
    Some(Tripped { opened_at, until, times: trips.in_a_row })
}

/// Until when nobody may go there.
pub(super) fn opens_until(question: &Question<'_>, name: &EnvironmentName) -> Option<Timestamp> {
    let tripped = tripped(question, name)?;
    let lasts = tripped.opened_at <= question.now && question.now < tripped.until;
    lasts.then_some(tripped.until)
}

/// The time is over, and nothing has shown that there is capacity again.
fn unproven(question: &Question<'_>, name: &EnvironmentName) -> Option<Tripped> {
    let tripped = tripped(question, name)?;
    let starved = question.experience.environments.get(name)?.starved_at.is_some();
    let settled = |started_at: Timestamp| {
        let ran = question.now.duration_since(started_at);
        started_at > tripped.opened_at && !(ran.is_negative() || !starved && ran < SETTLED)
    };
    let mut starts = question.in_flight.of(name).iter().filter_map(|leg| leg.started_at);
    let is_open = opens_until(question, name).is_some();
    (!is_open && !starts.any(settled)).then_some(tripped)
}

/// Since when the leg is out there that tries it, of several the first. Waiting for longer than the
/// first cooldown is no trying any more.
pub(super) fn probed_since(question: &Question<'_>, name: &EnvironmentName) -> Option<Timestamp> {
    let tripped = unproven(question, name)?;
    let is_old = |at: Timestamp| {
        at <= tripped.opened_at || question.now.duration_since(at) >= question.cooldown
    };
    let legs = question.in_flight.of(name).iter();
    let since = legs.filter(|leg| match leg.started_at {
        Some(_) => leg.at > tripped.opened_at,
        None => !is_old(leg.at),
    });
    since.map(|leg| leg.at).min()
}

/// How often it opened in a row, where a leg that goes there now would be a probe.
pub(super) fn probes(question: &Question<'_>, name: &EnvironmentName) -> Option<u32> {
    let mut known = question.environments.iter().filter(|known| known.name == *name);
    let spot = known.any(|known| known.capacity.is_interruptible());
    unproven(question, name).filter(|_| spot).map(|tripped| tripped.times)
}

/// Whether the state that a candidate shows is the one that follows.
pub(super) fn is_true(question: &Question<'_>, candidate: &Candidate) -> bool {
    let name = &candidate.environment;
    let expected = if !candidate.capacity.is_interruptible() {
        None
    } else if let Some(until) = opens_until(question, name) {
        tripped(question, name).map(|tripped| Breaker::Open { until, trips: tripped.times })
    } else {
        let since = probed_since(question, name);
        unproven(question, name).map(|tripped| Breaker::HalfOpen { since, trips: tripped.times })
    };
    candidate.breaker == expected.unwrap_or(Breaker::Closed)
}
