//! The most that a run may cost.

use spotcron::decision::{Decision, Guard, Reason, verify};
use spotcron::domain::Usd;

use super::{Case, chosen};

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

/// Spot is expected to cost 0.028921998, the steady environment 0.081230769.
fn case(spent: &str, max: &str) -> Case {
    let mut case = Case::usual();
    case.spent = usd(spent);
    case.class.max_cost = Some(usd(max));
    case
}

fn over_budget(decision: &Decision) -> bool {
    decision.reasons.iter().any(|reason| matches!(reason, Reason::OverBudget { .. }))
}

fn objects(case: &Case, decision: &Decision, about: &str) {
    let found = verify(&case.question(), decision);
    assert!(found.iter().any(|violation| violation.0.contains(about)), "{about}: {found:?}");
}

#[test]
fn spot_is_tried_again_while_the_budget_allows_it_and_then_no_more() {
    let decision = case("0.02", "0.048921998").decide();
    assert_eq!(chosen(&decision), "spot", "exactly as much as allowed");
    assert!(!over_budget(&decision));
    let decision = case("0.02", "0.048921997").decide();
    assert_eq!(chosen(&decision), "steady");
    let (spent, max) = (usd("0.02"), usd("0.048921997"));
    let guard = Guard::AboveRunBudget { spent, expected_cost: Some(usd("0.028921998")), max };
    assert_eq!(decision.candidates[0].guards, std::slice::from_ref(&guard));
    assert_eq!(decision.reasons[0], Reason::Fallback { guard });
    let expected_cost = decision.candidates[1].expected_cost;
    assert_eq!(decision.reasons[2..], [Reason::OverBudget { spent, expected_cost, max }]);
}

/// Nothing was spent: to rule out the cheapest way would only cost more.
#[test]
fn a_budget_that_is_too_small_from_the_start_does_not_make_a_run_dearer() {
    let decision = case("0", "0.01").decide();
    assert_eq!(chosen(&decision), "spot");
    assert!(decision.candidates[0].guards.is_empty() && over_budget(&decision));
}

#[test]
fn a_run_that_has_nothing_but_spot_goes_on_and_says_so() {
    let mut case = case("0.02", "0.04");
    case.environments.pop();
    let decision = case.decide();
    assert_eq!(chosen(&decision), "spot");
    assert!(over_budget(&decision), "{:?}", decision.reasons);
}

#[test]
fn a_budget_that_is_spent_rules_out_spot_of_unknown_price() {
    let mut case = case("0.05", "0.04");
    let known = std::sync::Arc::make_mut(case.market.environments.get_mut("spot").unwrap());
    known.pools.iter_mut().for_each(|quote| quote.spot = None);
    let decision = case.decide();
    assert_eq!(chosen(&decision), "steady");
    let labels: Vec<_> = decision.candidates[0].guards.iter().map(Guard::label).collect();
    assert_eq!(labels, ["price-unknown", "above-run-budget"]);
}

#[test]
fn the_verifier_knows_the_budget() {
    let case = case("0.02", "0.04");
    let lawful = case.decide();
    let mut unsaid = lawful.clone();
    unsaid.candidates[0].guards.clear();
    objects(&case, &unsaid, "above-run-budget speaks against it and is not said");
    let mut invented = Case::usual().decide();
    invented.candidates[0].guards = lawful.candidates[0].guards.clone();
    objects(&Case::usual(), &invented, "above-run-budget is said and does not hold");
    let mut false_figures = lawful.clone();
    false_figures.candidates[0].guards =
        vec![Guard::AboveRunBudget { spent: usd("0.03"), expected_cost: None, max: usd("0.04") }];
    objects(&case, &false_figures, "above-run-budget is said with its true figures");
    let mut silent = lawful.clone();
    silent.reasons.retain(|reason| !matches!(reason, Reason::OverBudget { .. }));
    objects(&case, &silent, "that a run goes above its budget is said");
    let mut loud = Case::usual().decide();
    let (spent, max) = (usd("0.02"), usd("0.04"));
    loud.reasons.push(Reason::OverBudget { spent, expected_cost: None, max });
    objects(&Case::usual(), &loud, "that a run goes above its budget is said");
    let mut tried_again = lawful;
    tried_again.chosen = Some("spot".into());
    objects(&case, &tried_again, "used only where nothing else is");
}
