//! Prices that cannot be, deadlines that cannot be met, and questions that nobody should ask.

use std::sync::Arc;

use jiff::SignedDuration;
use proptest::prelude::*;
use spotcron::catalogue::WhenPriceUnknown;
use spotcron::decision::{Decision, Guard, Reason, verify};
use spotcron::domain::UsdPerHour;
use spotcron::market::{Absurdity, PoolQuote};

use super::{Case, any_case, chosen};
use crate::samples::{self, mins};

fn price(text: &str) -> UsdPerHour {
    text.parse().unwrap()
}

/// The usual question (pools of 0.06 and 0.07, 0.192 on demand) with other quotes for some pools.
fn quoted(change: impl Fn(usize, &mut PoolQuote)) -> Case {
    let mut case = Case::usual();
    let spot = Arc::make_mut(case.market.environments.get_mut("spot").unwrap());
    spot.pools.iter_mut().enumerate().for_each(|(index, quote)| change(index, quote));
    case
}

type Change = fn(&mut PoolQuote);

const ABSURD: [(Change, Absurdity); 4] = [
    (|quote| quote.spot = Some(UsdPerHour::ZERO), Absurdity::NotPositive),
    (|quote| quote.spot = Some(UsdPerHour::from_units(-600_000_000)), Absurdity::NotPositive),
    (
        |quote| quote.spot = Some(UsdPerHour::from_units(19_200_000_001)),
        Absurdity::AboveOnDemand { on_demand: UsdPerHour::from_units(1_920_000_000) },
    ),
    (
        |quote| quote.jumped_from = Some(UsdPerHour::from_units(6_000_000)),
        Absurdity::Jump { from: UsdPerHour::from_units(6_000_000) },
    ),
];

#[test]
fn a_pool_whose_price_cannot_be_is_left_out_while_another_has_one() {
    for (change, _) in ABSURD {
        let case = quoted(|index, quote| {
            if index == 0 {
                change(quote)
            }
        });
        let decision = case.decide();
        assert_eq!(chosen(&decision), "spot");
        let spot = &decision.candidates[0];
        assert_eq!((spot.pools, spot.absurd_pools, spot.guards.len()), (2, 1, 0));
        // The share 22/52 of 0.07 alone.
        assert_eq!(spot.price, Some(price("0.0296153846")));
        let mut silent = decision.clone();
        silent.candidates[0].absurd_pools = 0;
        assert_ne!(verify(&case.question(), &silent), []);
    }
    let ten_times = quoted(|_, quote| quote.spot = Some(price("1.92")));
    assert_eq!(ten_times.decide().candidates[0].absurd_pools, 0, "exactly ten times may be");
}

#[test]
fn an_environment_without_another_price_is_as_without_one_and_says_why() {
    for (change, why) in ABSURD {
        let mut case = quoted(|_, quote| change(quote));
        let decision = case.decide();
        assert_eq!(chosen(&decision), "steady");
        assert_eq!(decision.reasons, [Reason::PriceUnknown]);
        let spot = case.market.environments["spot"].pools[0].spot.unwrap();
        assert_eq!(decision.candidates[0].guards, [Guard::PriceAbsurd { price: spot, why }]);
        assert_eq!(decision.candidates[0].price, None);
        for wrong in [
            Guard::PriceUnknown,
            Guard::PriceAbsurd { price: UsdPerHour::from_units(1), why },
            Guard::PriceAbsurd { price: spot, why: Absurdity::Jump { from: price("1") } },
        ] {
            let mut decision = decision.clone();
            decision.candidates[0].guards = vec![wrong];
            assert_ne!(verify(&case.question(), &decision), [], "{why:?}");
        }
        case.class.when_price_unknown = WhenPriceUnknown::Hold;
        assert_eq!(case.decide().chosen, None);
        case.class.when_price_unknown = WhenPriceUnknown::Spot;
        assert_eq!(chosen(&case.decide()), "spot");
    }
}

/// The verifier must not believe a candidate that reckons with such a price.
#[test]
fn a_decision_that_believes_it_is_objected_to() {
    let believed: Decision = Case::usual().decide();
    for (change, why) in ABSURD {
        let case = quoted(|_, quote| change(quote));
        assert_ne!(verify(&case.question(), &believed), [], "{why:?}");
    }
}

#[test]
fn a_list_price_of_nothing_is_none() {
    let mut case = Case::usual();
    let steady = Arc::make_mut(case.market.environments.get_mut("steady").unwrap());
    steady.pools[0].on_demand = Some(UsdPerHour::ZERO);
    let decision = case.decide();
    assert_eq!(decision.candidates[1].guards, [Guard::PriceUnknown]);
    assert_eq!(chosen(&decision), "spot");
}

/// Start-up and run take 63 minutes.
#[test]
fn a_deadline_that_cannot_be_met_goes_on_demand_at_once_and_says_how_late_it_will_be() {
    let mut case = Case::usual();
    case.class.when_price_unknown = WhenPriceUnknown::Hold;
    let spot = samples::quotes("spot", spotcron::domain::Capacity::Spot, &[None], None, case.now);
    case.market.environments.insert("spot".into(), spot.into());
    for (left, late) in [(mins(63), None), (mins(62), Some(60)), (mins(-5), Some(68 * 60))] {
        case.deadline = Some(left);
        let decision = case.decide();
        assert_eq!(chosen(&decision), "steady", "{left}");
        assert_eq!(decision.late_secs(), late);
        let first = late.map(|late_secs| Reason::DeadlineCannotBeMet { late_secs });
        assert!(first.is_none_or(|first| decision.reasons[0] == first), "{:?}", decision.reasons);
    }
    case.deadline = Some(mins(63) - SignedDuration::from_millis(1));
    assert_eq!(case.decide().late_secs(), Some(1), "less than a second late is late");
    case.deadline = None;
    assert_eq!(case.decide().late_secs(), None);
}

#[test]
fn work_that_is_saved_counts_for_the_deadline() {
    let mut case = Case::usual();
    case.class.restart =
        spotcron::catalogue::Restart::Checkpoint { interval: mins(10), restore: mins(2) };
    case.progress = mins(50);
    // 3 to start, 2 to restore, 10 to do.
    for (left, late) in [(15, None), (14, Some(60))] {
        case.deadline = Some(mins(left));
        assert_eq!(case.decide().late_secs(), late);
    }
}

#[test]
fn the_verifier_demands_that_a_lost_deadline_is_said_truly() {
    let mut case = Case::usual();
    case.deadline = Some(mins(62));
    let lawful = case.decide();
    for reasons in [
        lawful.reasons[1..].to_vec(),
        [vec![Reason::DeadlineCannotBeMet { late_secs: 61 }], lawful.reasons[1..].to_vec()]
            .concat(),
    ] {
        assert_ne!(verify(&case.question(), &Decision { reasons, ..lawful.clone() }), []);
    }
    let calm = Case::usual();
    let mut decision = calm.decide();
    decision.reasons.push(Reason::DeadlineCannotBeMet { late_secs: 60 });
    assert_ne!(verify(&calm.question(), &decision), []);
}

fn wild_price() -> impl Strategy<Value = Option<UsdPerHour>> {
    // Up to 10,000 USD an hour, either way.
    let far = (-100_000_000_000_000i64..=100_000_000_000_000).prop_map(UsdPerHour::from_units);
    prop_oneof![
        1 => Just(None),
        2 => Just(Some(UsdPerHour::ZERO)),
        2 => (1i64..10).prop_map(|units| Some(UsdPerHour::from_units(units))),
        3 => far.prop_map(Some),
    ]
}

fn years() -> impl Strategy<Value = SignedDuration> {
    prop_oneof![
        Just(SignedDuration::ZERO),
        (0i64..100_000).prop_map(SignedDuration::from_millis),
        (0i64..10 * 366 * 86_400).prop_map(SignedDuration::from_secs),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    /// `decide` runs the verifier on each of its own answers, so that this also asks whether that copes.
    #[test]
    fn no_question_is_too_odd(
        case in any_case(),
        prices in prop::collection::vec((wild_price(), wild_price(), wild_price()), 8),
        (duration, start_up, cooldown, progress) in (years(), years(), years(), years()),
        (wait_budget, max_age) in (years(), years()),
        deadline in prop::option::of((years(), any::<bool>())),
        (interruptions, running) in (0u64..1 << 20, 0i64..1 << 50),
        (troubles, trips) in (any::<u32>(), any::<u32>()),
        forget in any::<bool>(),
    ) {
        let mut case = case;
        let mut prices = prices.into_iter().cycle();
        for known in case.market.environments.values_mut() {
            for quote in &mut Arc::make_mut(known).pools {
                (quote.spot, quote.on_demand, quote.jumped_from) = prices.next().unwrap();
            }
        }
        if forget {
            case.market.environments.remove("spot");
        }
        case.class.expected_duration = duration;
        case.class.start_up = start_up;
        case.class.wait_budget = wait_budget;
        case.class.max_price_age = max_age;
        case.cooldown = cooldown;
        case.progress = progress;
        case.deadline = deadline.map(|(span, past)| if past { -span } else { span });
        if let Some(seen) = case.experience.environments.get_mut("spot") {
            (seen.interruptions, seen.running_millis) = (interruptions, running);
            (seen.troubles_in_a_row, seen.trips.in_a_row) = (troubles, trips);
        }
        let decision = case.decide();
        prop_assert_eq!(verify(&case.question(), &decision), vec![]);
        prop_assert!(decision.candidates.iter().all(|c| c.price.is_none_or(|p| p > UsdPerHour::ZERO || p.units() == 0)));
    }
}
