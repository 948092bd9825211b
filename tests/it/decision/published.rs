//! The published rules that a class may take instead of the model.

use jiff::SignedDuration;
use spotcron::catalogue::{Policy, Restart};
use spotcron::decision::{Guard, verify};
use spotcron::domain::Ppm;

use super::{Case, chosen};
use crate::samples::{self, mins};

fn case(policy: Policy) -> Case {
    let mut case = Case::usual();
    case.class.policy = policy;
    case
}

fn paced(progress: i64) -> Case {
    let mut case = case(Policy::UniformProgress);
    case.class.expected_duration = mins(100);
    case.class.restart = Restart::Checkpoint { interval: mins(10), restore: mins(2) };
    case.class.deadline = Some(mins(300));
    case.class.wait_budget = mins(1000);
    case.deadline = Some(mins(240));
    case.progress = mins(progress);
    case
}

/// An hour of work and three minutes to start it: a minute before the last moment it may still be tried.
#[test]
fn greedy_tries_spot_until_a_run_on_demand_just_fits() {
    let mut greedy = case(Policy::Greedy);
    greedy.deadline = Some(mins(64));
    assert_eq!(chosen(&greedy.decide()), "spot");
    greedy.deadline = Some(mins(64) - SignedDuration::from_secs(1));
    let decision = greedy.decide();
    assert_eq!(chosen(&decision), "steady");
    assert_eq!(decision.candidates[0].guards, [Guard::DeadlineTooNear { slack_secs: -1 }]);
}

#[test]
fn greedy_waits_while_the_deadline_lets_it_and_knows_no_risk() {
    let mut greedy = case(Policy::Greedy);
    greedy.class.wait_budget = mins(1000);
    greedy.deadline = Some(mins(100));
    let decision = greedy.decide();
    assert_eq!(decision.wait_until, Some(greedy.now + mins(36)));
    let spot = &decision.candidates[0];
    assert_eq!((spot.expected_rework, &spot.outlook), (Ppm::ZERO, &None));
    // An hour at 22/52 of 0.065.
    assert_eq!(spot.expected_cost.unwrap().to_string(), "0.027500");
}

/// A hundred minutes in three hundred, of which sixty are gone: with forty done it is in step until 120.
#[test]
fn uniform_progress_waits_until_it_falls_behind() {
    let waits = |progress: i64| {
        let case = paced(progress);
        let decision = case.decide();
        assert_eq!(chosen(&decision), "spot");
        decision.wait_until.unwrap().duration_since(case.now)
    };
    assert_eq!(waits(40), mins(60));
    assert_eq!(waits(21), mins(3), "in step for three minutes");
    assert_eq!(waits(20), mins(3), "as long as a start takes: sooner nobody can tell");
    assert_eq!(waits(0), mins(3));
}

/// The work, two starts with their restores, and an interval.
#[test]
fn uniform_progress_has_its_safety_net() {
    let mut case = paced(40);
    case.deadline = Some(mins(60 + 2 + 2 * 5 + 10));
    assert_eq!(chosen(&case.decide()), "spot");
    case.deadline = case.deadline.map(|left| left - SignedDuration::from_secs(1));
    assert_eq!(chosen(&case.decide()), "steady");
}

#[test]
fn the_verifier_objects_to_another_pace() {
    let case = paced(40);
    let mut decision = case.decide();
    assert_eq!(verify(&case.question(), &decision), []);
    decision.wait_until = decision.wait_until.map(|at| at + SignedDuration::from_millis(1));
    let found = verify(&case.question(), &decision);
    assert!(found.iter().any(|it| it.0.contains("the policy asks for it")), "{found:?}");
}

#[test]
fn without_a_deadline_nothing_but_the_budget_ends_a_wait() {
    for policy in [Policy::Greedy, Policy::UniformProgress] {
        let mut case = Case { deadline: None, ..paced(0) };
        case.class.policy = policy;
        case.class.wait_budget = samples::mins(77);
        assert_eq!(case.decide().wait_until, Some(case.now + mins(77)));
    }
}
