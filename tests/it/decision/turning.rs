//! What is said to change a decision does change it.

use std::sync::Arc;

use jiff::SignedDuration;
use proptest::prelude::*;
use spotcron::catalogue::Policy;
use spotcron::decision::{Change, Question, TurningPoint, decide, turning_points};
use spotcron::domain::{EnvironmentName, Ppm, UsdPerHour};

use super::{Case, any_case};

/// The case with every price of an environment multiplied.
fn repriced(case: &Case, name: &EnvironmentName, factor: Ppm) -> Case {
    let mut case = case.clone();
    let known = Arc::make_mut(case.market.environments.get_mut(name).unwrap());
    for quote in &mut known.pools {
        let spot = known.capacity.is_interruptible();
        let price = if spot { &mut quote.spot } else { &mut quote.on_demand };
        *price = price.map(|price| price.scaled(factor));
    }
    case
}

/// What is chosen where the point says that it turns.
fn at_the_point(case: &Case, point: &TurningPoint) -> Option<EnvironmentName> {
    let question = case.question();
    let decision = decide(&question);
    let price_of = |name: &EnvironmentName| -> UsdPerHour {
        let candidate = decision.candidates.iter().find(|other| other.environment == *name);
        candidate.and_then(|candidate| candidate.price).unwrap()
    };
    match &point.change {
        Change::PriceAbove { environment, usd_per_hour }
        | Change::PriceBelow { environment, usd_per_hour } => {
            let factor = usd_per_hour.ratio_to(price_of(environment)).unwrap();
            // What is said is rounded to the unit of prices: a little further.
            let further = if factor > Ppm::ONE { 1_001_000 } else { 999_000 };
            let factor = Ppm(factor.0 * further / 1_000_000);
            decide(&repriced(case, environment, factor).question()).chosen
        }
        Change::Deadline { by_secs } => {
            let deadline_at =
                question.deadline_at.map(|at| at + SignedDuration::from_secs(*by_secs));
            decide(&Question { deadline_at, ..question.clone() }).chosen
        }
    }
}

#[test]
fn cheap_spot_turns_with_its_price_with_the_other_s_and_with_the_deadline() {
    let mut case = Case::usual();
    case.class.policy = Policy::Model;
    let question = case.question();
    let decision = decide(&question);
    assert_eq!(decision.chosen, Some("spot".into()));
    let points = turning_points(&question, &decision, decide);
    assert_eq!(points.len(), 3, "{points:?}");
    let steady = |point: &TurningPoint| point.then == Some("steady".into());
    assert!(points.iter().all(steady), "{points:?}");
    assert!(points.iter().any(|point| matches!(&point.change,
        Change::Deadline { by_secs } if *by_secs < 0)));
    for point in &points {
        assert_eq!(at_the_point(&case, point), point.then, "{point:?}");
    }
}

#[test]
fn where_nothing_else_may_take_the_run_nothing_turns_it_but_its_own_price() {
    let mut case = Case::usual();
    case.environments.retain(|environment| environment.name.as_str() == "steady");
    case.class.environments = vec!["steady".into()];
    let question = case.question();
    let decision = decide(&question);
    assert_eq!(turning_points(&question, &decision, decide), Vec::new());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn every_price_and_deadline_that_is_said_to_turn_a_decision_does(
        mut case in any_case(),
        model in any::<bool>(),
    ) {
        case.class.policy = if model { Policy::Model } else { Policy::FitOnly };
        let question = case.question();
        let decision = decide(&question);
        for point in turning_points(&question, &decision, decide) {
            prop_assert_ne!(&point.then, &decision.chosen);
            let there = at_the_point(&case, &point);
            match point.change {
                Change::Deadline { .. } => prop_assert_eq!(there, point.then),
                _ => prop_assert_ne!(there, decision.chosen.clone(), "{:?}", point),
            }
        }
    }
}
