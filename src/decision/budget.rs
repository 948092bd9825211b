//! The most that a run may cost: a promise to whoever pays, beside the deadline's to whoever waits.

use super::{Candidate, Guard, Question, Reason};
use crate::domain::{Capacity, Usd};

/// Speaks against another try on capacity that may be taken back once it would bring the run above its
/// budget. Before anything was spent it would rule out the cheapest way in favour of a dearer one.
pub(super) fn guard(
    question: &Question<'_>,
    capacity: Capacity,
    expected_cost: Option<Usd>,
) -> Option<Guard> {
    let (max, spent) = (question.class.max_cost?, question.spent);
    let goes_on = capacity.is_interruptible() && spent > Usd::ZERO;
    let above = spent + expected_cost.unwrap_or(Usd::ZERO) > max;
    (goes_on && above).then_some(Guard::AboveRunBudget { spent, expected_cost, max })
}

/// Said of what is chosen although it brings the run above its budget.
pub(super) fn reason(question: &Question<'_>, chosen: &Candidate) -> Option<Reason> {
    let (max, spent) = (question.class.max_cost?, question.spent);
    let expected_cost = chosen.expected_cost;
    let above = spent + expected_cost.unwrap_or(Usd::ZERO) > max;
    above.then_some(Reason::OverBudget { spent, expected_cost, max })
}
