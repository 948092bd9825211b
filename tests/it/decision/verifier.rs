//! The verifier must object to every decision that is not lawful: each rule is broken here, in the
//! answer as it was found or in the code that finds it.

use jiff::SignedDuration;
use proptest::prelude::*;
use spotcron::catalogue::WhenPriceUnknown;
use spotcron::decision::{Candidate, Decision, Guard, Question, Reason, decide, verify};
use spotcron::domain::{Capacity, LegCause, Ppm, Usd, UsdPerHour};
use spotcron::experience::{EnvironmentExperience, Sent};
use spotcron::market::EnvironmentMarket;

use super::{Case, any_case};
use crate::samples;

type Change = fn(&mut Case);
type Falsify<T> = fn(&mut T);

/// Puts other quotes in place of the environment's.
fn requote(case: &mut Case, change: impl FnOnce(&mut EnvironmentMarket)) {
    let known = case.market.environments.get_mut("spot").unwrap();
    change(std::sync::Arc::make_mut(known));
}

/// For each guard a case in which it, and no other, speaks against `spot`.
const CASES: [(&str, Change); 12] = [
    ("unusable", |case| {
        requote(case, |market| market.unusable = Some("the job queue is disabled".to_owned()));
    }),
    ("does-not-fit", |case| {
        requote(case, |market| {
            for quote in &mut market.pools {
                std::sync::Arc::make_mut(&mut quote.shape).memory_mib = 1024;
            }
        });
    }),
    ("price-unknown", |case| {
        requote(case, |market| market.pools.iter_mut().for_each(|quote| quote.spot = None));
    }),
    ("price-absurd", |case| {
        requote(case, |market| {
            market.pools.iter_mut().for_each(|quote| quote.spot = Some(UsdPerHour::ZERO));
        });
    }),
    ("price-stale", |case| {
        let old = case.now - samples::mins(31);
        requote(case, |market| {
            market.pools.iter_mut().for_each(|quote| quote.seen_at = Some(old));
        });
    }),
    ("above-max-price", |case| case.class.max_price = Some("0.01".parse().unwrap())),
    ("saving-too-small", |case| case.class.min_saving = Ppm::from_percent(90)),
    ("deadline-too-near", |case| case.deadline = Some(samples::mins(126) - second())),
    ("cooling-down", |case| {
        let mut seen = EnvironmentExperience::default();
        seen.record_starvation(case.now, SignedDuration::ZERO);
        seen.record_starvation(case.now, SignedDuration::ZERO);
        case.experience.environments.insert("spot".into(), seen);
    }),
    ("probe-under-way", |case| {
        let mut seen = EnvironmentExperience::default();
        seen.record_starvation(case.now - samples::mins(20), SignedDuration::ZERO);
        case.experience.environments.insert("spot".into(), seen);
        let at = case.now - samples::mins(1);
        case.in_flight.add(&"spot".into(), Sent { at, started_at: None });
    }),
    ("last-leg", |case| case.legs = 5),
    ("moved-away", |case| case.cause = LegCause::Starved),
];

fn second() -> SignedDuration {
    SignedDuration::from_secs(1)
}

fn texts(question: &Question<'_>, decision: &Decision) -> Vec<String> {
    verify(question, decision).into_iter().map(|violation| violation.0).collect()
}

/// Demands an objection that has `about` in its text.
fn objects(case: &Case, decision: &Decision, about: &str) {
    let found = texts(&case.question(), decision);
    assert!(found.iter().any(|text| text.contains(about)), "{about}: {found:?}");
}

/// `decision` with `spot` chosen in the form in which a lawful decision would choose it.
fn with_spot_chosen(case: &Case, mut decision: Decision) -> Decision {
    decision.chosen = Some("spot".into());
    decision.reasons = vec![Reason::OnlyCandidate];
    decision.wait_until = Some(case.now + case.class.wait_budget);
    decision
}

fn spot(decision: &mut Decision) -> &mut Candidate {
    decision.candidates.iter_mut().find(|c| c.capacity == Capacity::Spot).unwrap()
}

#[test]
fn a_guard_that_is_not_said_is_missed() {
    for (label, change) in CASES {
        let mut case = Case::usual();
        change(&mut case);
        let mut decision = case.decide();
        assert_eq!(texts(&case.question(), &decision), [""; 0], "{label}");
        let guards = &mut spot(&mut decision).guards;
        assert_eq!(guards.iter().map(Guard::label).collect::<Vec<_>>(), [label]);
        guards.clear();
        let missed = format!("spot: {label} speaks against it");
        objects(&case, &decision, &missed);
        objects(&case, &with_spot_chosen(&case, decision), &missed);
    }
}

/// The whole decision as code would make it that does not know the guard.
#[test]
fn a_decision_made_without_a_guard_is_missed() {
    for (label, change) in CASES {
        let unaware = Case::usual().decide();
        assert_eq!(unaware.chosen.as_ref().unwrap().as_str(), "spot");
        let mut case = Case::usual();
        change(&mut case);
        // Where there is no price, the one that the decision has is the first to be missed.
        let unpriced = ["price-unknown", "price-absurd"].contains(&label);
        objects(&case, &unaware, if unpriced { "its price" } else { label });
    }
}

#[test]
fn a_guard_that_does_not_hold_is_objected_to() {
    for (label, change) in CASES {
        let mut troubled = Case::usual();
        change(&mut troubled);
        let guard = spot(&mut troubled.decide()).guards[0].clone();
        let case = Case::usual();
        let mut decision = case.decide();
        spot(&mut decision).guards.push(guard);
        objects(&case, &decision, &format!("spot: {label} is said and does not hold"));
    }
}

#[test]
fn a_blocked_candidate_may_not_be_chosen() {
    for (label, change) in CASES {
        let mut case = Case::usual();
        change(&mut case);
        let decision = with_spot_chosen(&case, case.decide());
        let found = texts(&case.question(), &decision);
        let rules = ["overridden", "only as the class says", "only where nothing else is"];
        assert!(
            found.iter().any(|text| rules.iter().any(|rule| text.contains(rule))),
            "{label}: {found:?}"
        );
    }
}

#[test]
fn what_a_guard_says_must_be_true() {
    let now = samples::at(super::NOW);
    let wrong: [(&str, Falsify<Guard>); 5] = [
        ("unusable", |guard| *guard = Guard::Unusable { reason: "no reason".to_owned() }),
        ("price-stale", |guard| *guard = Guard::PriceStale { age_secs: 1860, max_age_secs: 60 }),
        ("saving-too-small", |guard| {
            *guard = Guard::SavingTooSmall { saving: Ppm::ONE, min: Ppm::from_percent(90) };
        }),
        ("deadline-too-near", |guard| *guard = Guard::DeadlineTooNear { slack_secs: -60 }),
        ("above-max-price", |guard| {
            let (price, max) = (UsdPerHour::from_units(2), UsdPerHour::from_units(1));
            *guard = Guard::AboveMaxPrice { price, max };
        }),
    ];
    for (label, falsify) in wrong {
        let mut case = Case::usual();
        CASES.iter().find(|(known, _)| *known == label).unwrap().1(&mut case);
        let mut decision = case.decide();
        falsify(&mut spot(&mut decision).guards[0]);
        objects(&case, &decision, &format!("{label} is said with its true figures"));
    }
    let mut case = Case::usual();
    CASES.iter().find(|(known, _)| *known == "cooling-down").unwrap().1(&mut case);
    let mut decision = case.decide();
    spot(&mut decision).guards[0] = Guard::CoolingDown { until: now + samples::mins(1) };
    objects(&case, &decision, "cooling-down is said with its true figures");
    let mut case = Case::usual();
    CASES.iter().find(|(known, _)| *known == "probe-under-way").unwrap().1(&mut case);
    let mut decision = case.decide();
    spot(&mut decision).guards[0] = Guard::ProbeUnderWay { since: now };
    objects(&case, &decision, "probe-under-way is said with its true figures");
}

#[test]
fn every_number_is_recomputed() {
    fn dearer(price: &mut Option<UsdPerHour>) {
        *price = price.map(|price| UsdPerHour::from_units(price.units() + 1));
    }
    let wrong: [(&str, Falsify<Candidate>); 12] = [
        ("its price is the mean", |c| dearer(&mut c.price)),
        ("its price is the mean", |c| c.price = None),
        ("its on-demand price is the mean", |c| dearer(&mut c.on_demand)),
        ("its risk is the prior's", |c| c.hazard_per_hour = Ppm(c.hazard_per_hour.0 + 5)),
        ("its risk is none only", |c| c.level = None),
        ("its level", |c| c.level.as_mut().unwrap().factor.0 += 50),
        ("its evidence", |c| c.level.as_mut().unwrap().interruptions += 1),
        ("its evidence", |c| c.level.as_mut().unwrap().watched_secs -= 1),
        ("its expected rework", |c| c.expected_rework = Ppm(c.expected_rework.0 - 5)),
        ("its expected cost", |c| c.expected_cost = c.expected_cost.map(|cost| cost + nanos(4))),
        ("its expected cost", |c| c.expected_cost = None),
        ("its capacity", |c| c.capacity = Capacity::FargateSpot),
    ];
    for (about, falsify) in wrong {
        let mut case = Case::usual();
        case.experience.hazards = samples::hazards(100, 12);
        let mut decision = case.decide();
        falsify(spot(&mut decision));
        objects(&case, &decision, about);
    }
}

fn nanos(nanos: i128) -> Usd {
    Usd::from_nanos(nanos)
}

#[test]
fn the_cheapest_is_chosen_and_reasons_are_true() {
    let case = Case::usual();
    let lawful = case.decide();
    let mut dearer = lawful.clone();
    dearer.chosen = Some("steady".into());
    dearer.wait_until = None;
    objects(&case, &dearer, "the cheapest is chosen");
    let mut elsewhere = lawful.clone();
    elsewhere.chosen = Some("nowhere".into());
    objects(&case, &elsewhere, "is a candidate");
    for (reasons, about) in [
        (vec![], "has a reason"),
        (vec![Reason::Cheapest { expected_cost: nanos(1), second: None }], "is true"),
        (vec![Reason::Fallback { guard: Guard::LastLeg }], "is true"),
        (vec![Reason::Hold { until: case.now + samples::mins(5) }], "is true"),
    ] {
        objects(&case, &Decision { reasons, ..lawful.clone() }, about);
    }
    objects(&case, &Decision { at: case.now + second(), ..lawful.clone() }, "of the time");
    let mut fewer = lawful.clone();
    fewer.candidates.pop();
    objects(&case, &fewer, "exactly once");
}

#[test]
fn a_wait_for_spot_is_as_long_as_allowed() {
    let mut case = Case::usual();
    case.deadline = Some(samples::mins(130));
    let lawful = case.decide();
    assert_eq!(lawful.wait_until, Some(case.now + samples::mins(4)));
    for wait_until in [None, Some(case.now + samples::mins(15)), Some(case.now)] {
        objects(&case, &Decision { wait_until, ..lawful.clone() }, "waiting for spot ends");
    }
}

#[test]
fn a_run_is_held_only_as_the_class_says() {
    let hold = |case: &Case, mins: i64| Decision {
        chosen: None,
        reasons: vec![Reason::Hold { until: case.now + samples::mins(mins) }],
        wait_until: None,
        ..case.decide()
    };
    let case = Case::usual();
    objects(&case, &hold(&case, 5), "a run is held only");
    let unpriced = |rule: WhenPriceUnknown, deadline: i64| {
        let mut case = Case::usual();
        CASES[2].1(&mut case);
        case.class.when_price_unknown = rule;
        case.deadline = Some(samples::mins(deadline));
        case
    };
    let case = unpriced(WhenPriceUnknown::Hold, 360);
    assert_eq!(texts(&case.question(), &hold(&case, 5)), [""; 0]);
    objects(&case, &hold(&case, 0), "later than now");
    // Holding would eat the room for an interruption.
    objects(&case, &hold(&case, 300), "a run is held only");
    let steady = |case: &Case| Decision {
        chosen: Some("steady".into()),
        reasons: vec![Reason::PriceUnknown],
        wait_until: None,
        ..case.decide()
    };
    objects(&case, &steady(&case), "the class's rule for unknown prices");
    let case = unpriced(WhenPriceUnknown::OnDemand, 360);
    objects(&case, &hold(&case, 5), "a run is held only");
    assert_eq!(texts(&case.question(), &steady(&case)), [""; 0]);
    let case = unpriced(WhenPriceUnknown::Spot, 360);
    objects(&case, &steady(&case), "the class's rule for unknown prices");
}

#[test]
fn a_hold_for_a_cooldown_ends_with_it() {
    let mut case = Case::usual();
    CASES.iter().find(|(known, _)| *known == "cooling-down").unwrap().1(&mut case);
    case.environments.pop();
    case.class.environments.pop();
    let mut decision = case.decide();
    assert_eq!(texts(&case.question(), &decision), [""; 0]);
    decision.reasons = vec![Reason::Hold { until: case.now + samples::mins(16) }];
    objects(&case, &decision, "ends when the first cooldown does");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_guard_can_be_taken_away_and_no_number_changed(case in any_case()) {
        let lawful = decide(&case.question());
        for (index, candidate) in lawful.candidates.iter().enumerate() {
            for (at, guard) in candidate.guards.iter().enumerate() {
                let mut decision = lawful.clone();
                decision.candidates[index].guards.remove(at);
                // Where only some quotes are stale, and a saving of exactly the least, may go both ways.
                let open = matches!(guard, Guard::PriceStale { .. } | Guard::SavingTooSmall { .. });
                prop_assert!(open || !verify(&case.question(), &decision).is_empty(), "{guard:?}");
            }
            if let (Some(price), Some(cost)) = (candidate.price, candidate.expected_cost) {
                let mut decision = lawful.clone();
                decision.candidates[index].price = Some(UsdPerHour::from_units(price.units() + 2));
                prop_assert!(!verify(&case.question(), &decision).is_empty());
                let mut decision = lawful.clone();
                let more = cost.nanos() / 1000 + 10_000_000_000;
                decision.candidates[index].expected_cost = Some(cost + nanos(more));
                prop_assert!(!verify(&case.question(), &decision).is_empty());
            }
        }
    }

    #[test]
    fn no_blocked_candidate_can_be_chosen(case in any_case()) {
        let lawful = decide(&case.question());
        for candidate in &lawful.candidates {
            let hard = |guard: &Guard| {
                matches!(
                    guard,
                    Guard::Unusable { .. }
                        | Guard::DoesNotFit
                        | Guard::AboveMaxPrice { .. }
                        | Guard::CoolingDown { .. }
                        | Guard::ProbeUnderWay { .. }
                )
            };
            if candidate.guards.iter().any(hard) {
                let mut decision = lawful.clone();
                decision.chosen = Some(candidate.environment.clone());
                prop_assert!(!verify(&case.question(), &decision).is_empty());
            }
        }
    }
}
