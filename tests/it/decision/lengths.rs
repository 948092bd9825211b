//! What is learnt of a job's length: costs go by the one that is expected, deadlines by the one that is
//! planned with, under every policy.

use jiff::SignedDuration;
use spotcron::catalogue::{Policy, Restart};
use spotcron::decision::{Guard, verify};
use spotcron::experience::durations::Lengths;

use super::{Case, chosen};
use crate::samples::{self, mins};

/// The class states an hour; its runs take half of that, and seldom two.
fn learnt() -> Lengths {
    let class = Case::usual().class;
    Lengths {
        expected: mins(30),
        planned: mins(120),
        finished: 40,
        unfinished: 3,
        ..samples::lengths(&class)
    }
}

fn case(policy: Policy, restart: Restart) -> Case {
    let mut case = Case::usual();
    case.class.policy = policy;
    case.class.restart = restart;
    case.lengths = Some(learnt());
    case
}

fn checkpoints() -> Restart {
    Restart::Checkpoint { interval: mins(10), restore: mins(2) }
}

fn has_room(case: &Case) -> bool {
    let guards = &case.decide().candidates[0].guards;
    !guards.iter().any(|guard| matches!(guard, Guard::DeadlineTooNear { .. }))
}

/// With a start of 3 minutes. Of the model from zero: a run of 33 minutes in ticks of 2, one tick more, and
/// the 90 minutes that are planned beyond it.
#[test]
fn a_deadline_is_planned_with_the_longer_one() {
    let cases = [
        (Policy::FitOnly, Restart::FromZero, mins(2 * 123)),
        (Policy::Model, Restart::FromZero, mins(34 + 2 + 90)),
        (Policy::FitOnly, checkpoints(), mins(120 + 2 * 5 + 10)),
        (Policy::Model, checkpoints(), mins(120 + 2 * 5 + 10)),
    ];
    for (policy, restart, room) in cases {
        let mut case = case(policy, restart);
        case.deadline = Some(room);
        assert!(has_room(&case), "{policy:?} {restart:?}");
        case.deadline = Some(room - SignedDuration::from_secs(1));
        assert!(!has_room(&case), "{policy:?} {restart:?}");
    }
}

#[test]
fn costs_are_of_the_expected_one() {
    let stated = Case { lengths: None, ..case(Policy::FitOnly, checkpoints()) }.decide();
    let decision = case(Policy::FitOnly, checkpoints()).decide();
    for (learnt, stated) in decision.candidates.iter().zip(&stated.candidates) {
        let (learnt, stated) = (learnt.expected_cost.unwrap(), stated.expected_cost.unwrap());
        assert!((learnt + learnt - stated).nanos().abs() <= 4, "{learnt} {stated}");
    }
    assert_eq!(decision.lengths, Some(learnt()));
}

/// The model keeps what may come beyond the expected length free before the deadline, so that with less
/// time spot is worth less.
#[test]
fn the_model_has_the_less_time_the_longer_a_run_may_be() {
    let rework = |planned: i64| {
        let mut case = case(Policy::Model, Restart::FromZero);
        case.deadline = Some(mins(260));
        case.lengths = Some(Lengths { planned: mins(planned), ..learnt() });
        let decision = case.decide();
        assert_eq!(chosen(&decision), "spot");
        decision.candidates[0].expected_rework
    };
    assert!(rework(210) > rework(30), "{} {}", rework(210), rework(30));
    // A deadline that is off by as much makes up for it.
    let mut longer = case(Policy::Model, Restart::FromZero);
    longer.deadline = Some(mins(260 + 90));
    let mut shorter = case(Policy::Model, Restart::FromZero);
    shorter.deadline = Some(mins(260));
    shorter.lengths = Some(Lengths { planned: mins(30), ..learnt() });
    let of = |case: &Case| case.decide().candidates[0].expected_cost;
    assert_eq!(of(&longer), of(&shorter));
}

#[test]
fn the_verifier_objects_to_other_lengths() {
    for (policy, restart) in [
        (Policy::FitOnly, Restart::FromZero),
        (Policy::Model, Restart::FromZero),
        (Policy::Model, checkpoints()),
    ] {
        let case = case(policy, restart);
        let lawful = case.decide();
        let objects = |case: &Case, decision: &_, about: &str| {
            let found = verify(&case.question(), decision);
            assert!(found.iter().any(|v| v.0.contains(about)), "{policy:?} {about}: {found:?}");
        };
        assert_eq!(verify(&case.question(), &lawful), []);
        // Decided as if nothing had been learnt, or planned with what is expected only.
        let unaware = Case { lengths: None, ..case.clone() };
        objects(&case, &unaware.decide(), "its expected cost");
        let mut tight = Case { deadline: Some(mins(124)), ..case.clone() };
        let hopeful = Lengths { planned: mins(30), ..learnt() };
        let hopeful = Case { lengths: Some(hopeful), ..tight.clone() }.decide();
        objects(&tight, &hopeful, "deadline-too-near speaks against it");
        objects(&tight, &hopeful, "how long it took the work to be");
        tight.deadline = Some(mins(5000));
        objects(&Case { lengths: None, ..tight.clone() }, &tight.decide(), "how long it took");
        // Lengths that nobody may ask with.
        for (lengths, about) in [
            (Lengths { planned: mins(29), ..learnt() }, "no less than the expected"),
            (Lengths { percentile: 90, ..learnt() }, "the class's percentile"),
            (Lengths { finished: 0, unfinished: 0, ..learnt() }, "as long as the class says"),
        ] {
            objects(&Case { lengths: Some(lengths), ..case.clone() }, &lawful, about);
        }
    }
}
