//! The legs of a run from its jobs.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{AdoptFacts, Sighting};
use crate::domain::{AttemptEnd, BatchStatus, LegCause};
use crate::run::{
    Leg, LegFacts, PriceTerms, Resend, Run, attempt_records, batch_job_name, worst_end,
};

/// One job of each leg, in order. Of two of one name the one that succeeded, else the oldest that lives,
/// else the oldest: as a late look has it.
pub(super) fn last_of_each_leg<'a>(
    sightings: &[(u16, &'a Sighting)],
) -> BTreeMap<u16, &'a Sighting> {
    let mut legs: BTreeMap<u16, &Sighting> = BTreeMap::new();
    let rank = |sighting: &Sighting| {
        let job = &sighting.job;
        let by_status = match job.status {
            BatchStatus::Succeeded => 0,
            BatchStatus::Failed => 2,
            _ => 1,
        };
        (by_status, job.created_at, job.id.clone())
    };
    for (leg, sighting) in sightings {
        let kept = legs.entry(*leg).or_insert(sighting);
        if rank(sighting) < rank(kept) {
            *kept = sighting;
        }
    }
    legs
}

/// Every leg up to the last that Batch shows. One that it does not show was refused, or is forgotten.
pub(super) fn legs_of(
    run: &Run,
    sightings: &BTreeMap<u16, &Sighting>,
    facts: AdoptFacts<'_>,
) -> Vec<Leg> {
    let Some((last, newest)) = sightings.last_key_value() else { return Vec::new() };
    let mut legs: Vec<Leg> = Vec::new();
    for index in 0..=*last {
        let before = index.checked_sub(1).and_then(|before| sightings.get(&before));
        let cause = match (index, before) {
            (0, _) => LegCause::Scheduled,
            (_, None) => LegCause::Refused,
            (_, Some(before)) => cause_after(run, &legs, before),
        };
        let shown = sightings.get(&index).copied();
        let mut leg = leg_of(run, index, cause, shown.unwrap_or(newest), facts);
        if shown.is_none() {
            leg.job_id = None;
            leg.submitted_at = None;
            leg.array_size = None;
            leg.ended_at = Some(leg.intended_at);
            leg.reason = Some("Batch does not show it any more".to_owned());
        }
        legs.push(leg);
    }
    legs
}

fn leg_of(
    run: &Run,
    index: u16,
    cause: LegCause,
    sighting: &Sighting,
    facts: AdoptFacts<'_>,
) -> Leg {
    let Sighting { environment, job } = sighting;
    let name = batch_job_name(facts.scope, &environment.site, &run.id, run.trigger, index);
    let created = job.created_at.unwrap_or(facts.now);
    let class = facts.catalogue.class_of_run(&run.class, &run.job);
    let mut leg = Leg::intended(index, cause, environment, name, created);
    leg.job_id = Some(job.id.clone());
    leg.submitted_at = Some(created);
    leg.ended_at = job.stopped_at.filter(|_| job.status.is_final());
    leg.started_at = job.started_at;
    leg.array_size = job.array.as_ref().and_then(|array| u16::try_from(array.size).ok());
    // The first leg carries all of them.
    leg.indices = run.indices.as_ref().filter(|_| index == 0).map(|of| of.assigned.clone());
    leg.terms = Some(PriceTerms::of(class.map(|class| &**class), Some(environment)));
    let budget = class.filter(|_| environment.capacity.is_interruptible());
    leg.wait_until = budget.and_then(|class| created.checked_add(class.wait_budget).ok());
    leg
}

/// How many legs before the last ended by the application's failure.
pub(super) fn failures_before(run: &Run, sightings: &BTreeMap<u16, &Sighting>) -> u16 {
    let legs = run.legs.iter().rev().skip(1);
    let ends = legs.filter_map(|leg| end_of(run, leg, sightings.get(&leg.index)?));
    ends.filter(|end| *end == AttemptEnd::Failed).count() as u16
}

fn end_of(run: &Run, leg: &Leg, sighting: &Sighting) -> Option<AttemptEnd> {
    let instance_ends = &BTreeMap::new();
    let facts = LegFacts { run, leg, child: None, instance_ends };
    worst_end(&attempt_records(facts, &sighting.job))?.end
}

/// Why a leg followed the one before.
fn cause_after(run: &Run, legs: &[Leg], before: &Sighting) -> LegCause {
    let stopped = before.job.status_reason.as_deref().and_then(super::cause_of_stop);
    if let Some(cause) = stopped {
        return cause;
    }
    match legs.last().and_then(|leg| end_of(run, leg, before)) {
        Some(AttemptEnd::Interrupted) => LegCause::Interrupted,
        Some(AttemptEnd::Failed) => LegCause::Failed,
        _ => LegCause::Infrastructure,
    }
}

/// A leg of which several jobs were seen, one of them besides the run's still alive: the late looks see to
/// it that only one stays.
pub(super) fn twice(run: &Run, sightings: &[(u16, &Sighting)], now: Timestamp) -> Option<Resend> {
    let leg = run.last_leg()?;
    let others = sightings.iter().filter(|(index, sighting)| {
        *index == leg.index && leg.job_id.as_ref() != Some(&sighting.job.id)
    });
    let mut others = others.filter(|(_, sighting)| !sighting.job.status.is_final());
    others.next().and_then(|_| Resend::of(run, now))
}
