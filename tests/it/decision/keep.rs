//! A class that stays where it went last.

use jiff::SignedDuration;
use spotcron::decision::{Decision, Guard, Reason, verify};
use spotcron::domain::{Capacity, Ppm, Usd};

use super::{Case, chosen};
use crate::samples::{self, mins};

/// Two spot environments, of which `near` costs 6 % less than `last`, where the class went `ago`.
fn case(ago: SignedDuration) -> Case {
    let mut case = Case::usual();
    case.class = samples::class("c", &["near", "last", "steady"]);
    case.class.min_time_between_switches = mins(60);
    case.environments = vec![
        samples::environment("near", Capacity::Spot),
        samples::environment("last", Capacity::Spot),
        samples::environment("steady", Capacity::OnDemand),
    ];
    let spot = |name, price| {
        samples::quotes(name, Capacity::Spot, &[Some(price)], Some("0.192"), case.now)
    };
    case.market.environments.insert("near".into(), spot("near", "0.0564").into());
    case.market.environments.insert("last".into(), spot("last", "0.06").into());
    case.experience.note_choice(&"c".into(), &"last".into(), case.now - ago);
    case
}

#[test]
fn a_class_stays_for_its_time_unless_moving_is_worth_it() {
    let decision = case(mins(59)).decide();
    assert_eq!(chosen(&decision), "last");
    let cost = |index: usize| decision.candidates[index].expected_cost.unwrap();
    let until = case(mins(59)).now + mins(1);
    let cheaper = ("near".into(), cost(0));
    assert_eq!(decision.reasons, [Reason::Kept { expected_cost: cost(1), cheaper, until }]);
    assert_eq!(chosen(&case(mins(60)).decide()), "near", "its time is over");
    assert_eq!(chosen(&case(-mins(1)).decide()), "near", "the clock was put back");
    let mut worth_it = case(mins(59));
    worth_it.class.min_saving_to_switch = Ppm::from_percent(6);
    assert_eq!(chosen(&worth_it.decide()), "near");
    worth_it.class.min_saving_to_switch = Ppm(60_001);
    assert_eq!(chosen(&worth_it.decide()), "last");
    let mut off = case(mins(59));
    off.class.min_time_between_switches = SignedDuration::ZERO;
    assert_eq!(chosen(&off.decide()), "near");
}

#[test]
fn it_stays_with_nothing_that_a_guard_speaks_against_and_not_at_the_same_cost() {
    let mut guarded = case(mins(5));
    let seen = guarded.experience.environments.entry("last".into()).or_default();
    seen.record_starvation(guarded.now, mins(15));
    let decision = guarded.decide();
    assert!(matches!(decision.candidates[1].guards[..], [Guard::CoolingDown { .. }]));
    assert_eq!(chosen(&decision), "near");
    let mut equal = case(mins(5));
    let market = equal.market.environments["last"].as_ref().clone();
    let same = spotcron::market::EnvironmentMarket { environment: "near".into(), ..market };
    equal.market.environments.insert("near".into(), same.into());
    let decision = equal.decide();
    assert_eq!(chosen(&decision), "near", "of equals the class's first");
    assert!(matches!(decision.reasons[0], Reason::Cheapest { .. }));
    let mut gone = case(mins(5));
    gone.experience.note_choice(&"c".into(), &"elsewhere".into(), gone.now);
    assert_eq!(chosen(&gone.decide()), "near", "it left the class");
    let mut other = case(mins(5));
    let last = other.experience.choices.remove("c").unwrap();
    other.experience.choices.insert("d".into(), last);
    assert_eq!(chosen(&other.decide()), "near", "another class's choice is not this one's");
}

#[test]
fn it_does_not_stay_where_that_alone_breaks_the_budget() {
    let costs = case(mins(5)).decide();
    let cost = |index: usize| costs.candidates[index].expected_cost.unwrap();
    let mut near = case(mins(5));
    near.class.max_cost = Some(cost(0));
    let decision = near.decide();
    assert_eq!(chosen(&decision), "near");
    assert!(decision.reasons.iter().all(|reason| reason.label() != "over-budget"));
    near.class.max_cost = Some(cost(1));
    assert_eq!(chosen(&near.decide()), "last", "the budget allows it");
    near.class.max_cost = Some(cost(0) - Usd::from_nanos(1));
    assert_eq!(chosen(&near.decide()), "last", "both break it");
    let mut within = case(mins(5));
    within.class.max_cost = Some(cost(0));
    let found = verify(&within.question(), &costs);
    assert!(found.iter().any(|it| it.0.contains("where the class stays")), "{found:?}");
}

/// Prices that cross every five minutes: without the rule each crossing is a switch.
#[test]
fn prices_that_take_turns_do_not_make_the_class_take_turns() {
    let switches = |between: SignedDuration| {
        let mut case = case(mins(600));
        case.class.min_time_between_switches = between;
        let mut switches = 0;
        let mut before = String::new();
        for round in 0..48 {
            case.now += mins(5);
            let prices = if round % 2 == 0 { ["0.0564", "0.06"] } else { ["0.06", "0.0564"] };
            for (name, price) in ["near", "last"].into_iter().zip(prices) {
                let quotes =
                    samples::quotes(name, Capacity::Spot, &[Some(price)], Some("0.192"), case.now);
                case.market.environments.insert(name.into(), quotes.into());
            }
            let decision = case.decide();
            let now = chosen(&decision).to_owned();
            case.experience.note_choice(&"c".into(), &now.as_str().into(), case.now);
            switches += usize::from(round > 0 && now != before);
            before = now;
        }
        switches
    };
    assert_eq!(switches(SignedDuration::ZERO), 47);
    // Four hours, and one switch an hour at most.
    assert!((1..=3).contains(&switches(mins(60))), "{}", switches(mins(60)));
}

#[test]
fn the_verifier_objects_to_leaving_early_and_to_staying_for_nothing() {
    let stays = case(mins(59));
    let lawful = stays.decide();
    let moved = Decision {
        chosen: Some("near".into()),
        reasons: vec![Reason::OnlyCandidate],
        ..lawful.clone()
    };
    assert_ne!(verify(&stays.question(), &moved), []);
    let moves = case(mins(60));
    assert_ne!(verify(&moves.question(), &Decision { at: moves.now, ..lawful.clone() }), []);
    let Reason::Kept { expected_cost, cheaper, until } = lawful.reasons[0].clone() else {
        panic!()
    };
    for wrong in [
        Reason::Kept { expected_cost, cheaper: cheaper.clone(), until: until + mins(1) },
        Reason::Kept { expected_cost: cheaper.1, cheaper: cheaper.clone(), until },
        Reason::Kept { expected_cost, cheaper: ("steady".into(), cheaper.1), until },
    ] {
        let decision = Decision { reasons: vec![wrong], ..lawful.clone() };
        assert_ne!(verify(&stays.question(), &decision), []);
    }
}
