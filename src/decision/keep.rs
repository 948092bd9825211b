//! A class stays where it went last for a while, unless moving is worth it: two environments of nearly the
//! same price would otherwise take turns with every change of one.

use super::{Candidate, Question, Reason, budget};

/// The choice, or where the class went last in its place. Only what could be chosen is stayed with, and
/// only instead of something cheaper that could.
pub(super) fn stay(
    question: &Question<'_>,
    candidates: &[Candidate],
    chosen: Option<usize>,
    mut reasons: Vec<Reason>,
) -> (Option<usize>, Vec<Reason>) {
    let kept = chosen.and_then(|best| kept(question, candidates, &candidates[best]));
    let Some((stays, reason)) = kept else { return (chosen, reasons) };
    match reasons.iter_mut().find(|reason| matches!(reason, Reason::Cheapest { .. })) {
        Some(cheapest) => *cheapest = reason,
        None => reasons.push(reason),
    }
    (Some(stays), reasons)
}

fn kept(
    question: &Question<'_>,
    candidates: &[Candidate],
    best: &Candidate,
) -> Option<(usize, Reason)> {
    let class = question.class;
    let last = question.experience.choices.get(&class.name)?;
    let until = last.since.checked_add(class.min_time_between_switches).ok()?;
    if !(last.since..until).contains(&question.now) {
        return None;
    }
    let stays = candidates.iter().position(|known| known.environment == last.environment)?;
    let known = &candidates[stays];
    if !(known.guards.is_empty() && best.guards.is_empty()) {
        return None;
    }
    // To stay is worth a little, and not a budget.
    if budget::reason(question, known).is_some() && budget::reason(question, best).is_none() {
        return None;
    }
    let (expected_cost, least) = (known.expected_cost?, best.expected_cost?);
    let (saves, whole) = ((expected_cost - least).nanos(), expected_cost.nanos());
    let is_worth_it = saves * 1_000_000 >= whole * i128::from(class.min_saving_to_switch.0);
    let cheaper = (best.environment.clone(), least);
    (saves > 0 && !is_worth_it).then_some((stays, Reason::Kept { expected_cost, cheaper, until }))
}
