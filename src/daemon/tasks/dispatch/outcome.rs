//! What a decision means for the run that it is about.

use jiff::Timestamp;

use crate::catalogue::{Class, Environment};
use crate::decision::{Decision, Reason};
use crate::domain::UsdPerHour;
use crate::run::{Checkpoints, PriceTerms, PutOff, Run, RunEventKind};

/// When a run that is held back is decided anew.
pub(super) fn held_until(decision: &Decision, now: Timestamp) -> Timestamp {
    decision.reasons.iter().find_map(Reason::asked_again_at).unwrap_or(now)
}

/// What a run that is held back waits for, where that is expected to cost less.
pub(super) fn put_off(decision: &Decision) -> Option<PutOff> {
    decision.reasons.iter().find_map(|reason| match reason {
        Reason::WaitsForBetter { until, environment, .. } => {
            Some(PutOff { until: *until, environment: environment.clone() })
        }
        _ => None,
    })
}

/// Whether a person has had to do with a run that is put off: what they want of it does not wait for
/// money to be saved.
pub(super) fn is_wanted_now(run: &Run) -> bool {
    run.waits_for_better().is_some() && run.has_to_do_with_people()
}

/// What an hour of a container is expected to cost where the leg goes.
pub(super) fn expected_price(decision: &Decision, chosen: &Environment) -> Option<UsdPerHour> {
    let candidate = decision.candidates.iter().find(|c| c.environment == chosen.name)?;
    candidate.price
}

/// The catalogue's part in the price of the run's next leg.
pub(super) fn leg_terms(run: &Run, class: &Class, environment: &Environment) -> PriceTerms {
    let terms = PriceTerms::of(Some(class), Some(environment));
    // Of an array each child keeps its own; the run does not know which began.
    let of_an_array = run.last_leg().is_some_and(|leg| leg.array_size.is_some());
    let restored = run.progress_millis > 0 || of_an_array;
    let checkpoints = terms.checkpoints.map(|it| Checkpoints { restored, ..it });
    PriceTerms { checkpoints, ..terms }
}

/// Marks a run that a leg brings above its budget; told once.
pub(super) fn goes_over_budget(
    run: &mut Run,
    leg: u16,
    decision: &Decision,
) -> Option<RunEventKind> {
    let over = decision.reasons.iter().find_map(|reason| match reason {
        Reason::OverBudget { spent, expected_cost, max } => Some((*spent, *expected_cost, *max)),
        _ => None,
    });
    let (spent, expected_cost, max) = over.filter(|_| !run.over_budget)?;
    run.over_budget = true;
    tracing::warn!(run = %run.id, leg, %spent, %max, "the run goes above its budget");
    Some(RunEventKind::OverBudget { leg, spent, expected_cost, max })
}
