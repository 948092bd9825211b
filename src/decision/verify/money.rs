//! What a candidate is expected to cost, recomputed: covered hours minute by minute, and the sum.

use jiff::{SignedDuration, Timestamp};

use super::{Findings, billed_once};
use crate::catalogue::{Covered, Environment};
use crate::decision::{Candidate, Question};
use crate::domain::Usd;

fn environment_of<'a>(question: &Question<'a>, candidate: &Candidate) -> Option<&'a Environment> {
    question.environments.iter().copied().find(|known| known.name == candidate.environment)
}

/// By the catalogue.
pub(super) fn data_cost(question: &Question<'_>, candidate: &Candidate) -> Usd {
    environment_of(question, candidate).map_or(Usd::ZERO, |environment| environment.data_cost)
}

/// Units of 10⁻¹⁰ USD that an hour there costs on the mean, covered time at nothing.
pub(super) fn hourly(question: &Question<'_>, candidate: &Candidate) -> Option<i64> {
    let price = candidate.price?.units();
    let billed = billed_once(question).as_millis();
    let paid = billed - i128::from(candidate.covered_millis);
    let rounded = (i128::from(price) * paid * 2 + billed) / (2 * billed).max(1);
    Some(if billed > 0 { rounded as i64 } else { price })
}

pub(super) fn check(question: &Question<'_>, candidate: &Candidate, found: &mut Findings) {
    found.rule_of(
        candidate,
        candidate.data_cost == data_cost(question, candidate),
        "its data costs what the catalogue says",
    );
    found.rule_of(
        candidate,
        candidate.covered_millis == covered_millis(question, candidate, question.now),
        "its covered time is that of the hours which a commitment pays for",
    );
    let holds = match (candidate.price, candidate.expected_cost) {
        (None, cost) => cost.is_none(),
        (Some(_), None) => false,
        (Some(price), Some(cost)) => {
            let paid = billed_once(question).as_millis() - i128::from(candidate.covered_millis);
            let millis = paid * i128::from(question.containers);
            let rework = i128::from(candidate.expected_rework.0);
            // Units of 10⁻¹⁰ USD an hour times milliseconds times millionths, to the nano-dollar.
            let exact = i128::from(price.units()) * millis * (1_000_000 + rework);
            let one_nano = 10 * 3_600_000 * 1_000_000;
            // It is rounded once without the rework and once with it.
            let slack = one_nano * (2 + rework / 1_000_000);
            let capacity = cost - data_cost(question, candidate);
            (capacity.nanos() * one_nano - exact).abs() <= slack
        }
    };
    found.rule_of(
        candidate,
        holds,
        "its expected cost is price x work that is not covered x (1 + rework) x containers, and its data",
    );
}

/// Of a leg that begins at `start`, by what clocks show in each minute.
pub(super) fn covered_millis(
    question: &Question<'_>,
    candidate: &Candidate,
    start: Timestamp,
) -> i64 {
    let large_enough = large_enough(question, candidate);
    if large_enough.is_empty() {
        return 0;
    }
    let end = start + billed_once(question);
    let (mut at, mut covered) = (start, 0);
    while at < end {
        let next = next_minute(at).min(end);
        if large_enough.iter().any(|covered| shows_its_hours(covered, at)) {
            covered += next.as_millisecond() - at.as_millisecond();
        }
        at = next;
    }
    covered
}

/// The most that is covered of a leg that begins at one of the `starts` whole minutes after `now`.
pub(super) fn most_covered(
    question: &Question<'_>,
    candidate: &Candidate,
    starts: usize,
) -> Option<i64> {
    let large_enough = large_enough(question, candidate);
    if large_enough.is_empty() {
        return None;
    }
    let billed = billed_once(question).as_millis() as i64;
    let (whole, rest) = ((billed / 60_000) as usize, billed % 60_000);
    let mut at = next_minute(question.now);
    let mut covered = Vec::with_capacity(starts + whole + 1);
    let mut before = vec![0];
    for minute in 0..=starts + whole {
        let is_covered = large_enough.iter().any(|covered| shows_its_hours(covered, at));
        covered.push(is_covered);
        before.push(before[minute] + i64::from(is_covered));
        at = next_minute(at);
    }
    let of_start = |start: usize| {
        let last = if covered[start + whole] { rest } else { 0 };
        (before[start + whole] - before[start]) * 60_000 + last
    };
    (0..starts).map(of_start).max()
}

fn next_minute(at: Timestamp) -> Timestamp {
    let into_minute = at.as_millisecond().rem_euclid(60_000);
    at + SignedDuration::from_millis(60_000 - into_minute)
}

/// The entries that have room for the run beside what is there.
fn large_enough<'a>(question: &Question<'a>, candidate: &Candidate) -> Vec<&'a Covered> {
    let environment = environment_of(question, candidate);
    let Some(environment) = environment.filter(|_| !candidate.capacity.is_interruptible()) else {
        return Vec::new();
    };
    let others = question.vcpu_millis_in_use.get(&environment.name).copied().unwrap_or(0);
    let all = others + u64::from(question.resources.vcpu_millis) * u64::from(question.containers);
    environment.covered.iter().filter(|covered| all <= covered.vcpu_millis).collect()
}

/// Whether the clocks where the hours are show one of them at `at`.
fn shows_its_hours(covered: &Covered, at: Timestamp) -> bool {
    let clock = covered.time_zone.to_datetime(at);
    let minute = clock.hour() as u16 * 60 + clock.minute() as u16;
    let (from, until) = (covered.from_minute, covered.until_minute);
    let today = clock.weekday();
    if from < until {
        return covered.days.contains(&today) && (from..until).contains(&minute);
    }
    let begun_today = minute >= from && covered.days.contains(&today);
    let begun_yesterday = minute < until && covered.days.contains(&today.previous());
    begun_today || begun_yesterday
}
