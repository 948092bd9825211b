//! Decisions under `policy = "model"`: what was seen of an environment, and when, is what counts.

use jiff::SignedDuration;
use spotcron::catalogue::{Policy, Restart};
use spotcron::decision::{Candidate, Decision, Guard, Outlook, Reason, decide, verify};
use spotcron::domain::{Pool, Ppm};
use spotcron::experience::EnvironmentExperience;

use super::{Case, NOW, chosen};
use crate::samples;

fn usual() -> Case {
    let mut case = Case::usual();
    case.class.policy = Policy::Model;
    case
}

fn checkpointed() -> Case {
    let mut case = usual();
    case.class.restart =
        Restart::Checkpoint { interval: samples::mins(10), restore: samples::mins(2) };
    case
}

fn spot(decision: &Decision) -> &Candidate {
    decision.candidates.iter().find(|candidate| candidate.environment.as_str() == "spot").unwrap()
}

/// The decision of `case` so long after its spot environment had no capacity.
fn starved(mut case: Case, ago: SignedDuration) -> Decision {
    let mut seen = EnvironmentExperience::default();
    seen.record_starvation(case.now - ago, SignedDuration::ZERO);
    case.experience.environments.insert("spot".into(), seen);
    case.decide()
}

#[test]
fn an_environment_that_starved_is_dearer_at_first_and_as_ever_a_day_later() {
    for make in [usual as fn() -> Case, checkpointed] {
        let settled = make().decide();
        assert_eq!(chosen(&settled), "spot");
        let [fresh, later, forgotten] =
            [0, 6 * 60, 24 * 60].map(|mins| starved(make(), samples::mins(mins)));
        let cost = |decision: &Decision| spot(decision).expected_cost.unwrap();
        assert!(cost(&fresh) > cost(&later), "{:?}", spot(&fresh).outlook);
        assert!(cost(&later) > cost(&settled), "{:?}", spot(&later).outlook);
        assert_eq!(cost(&forgotten), cost(&settled));
        let up = |decision: &Decision| spot(decision).outlook.as_ref().unwrap().chance_up;
        assert_eq!((up(&fresh), up(&settled)), (Ppm::ZERO, Ppm::from_percent(100)));
        assert_eq!(up(&forgotten), Ppm::from_percent(100));
    }
}

/// A run that needs all of its time: right after a starvation nothing is left to wait with.
#[test]
fn a_starvation_sends_a_run_without_time_to_wait_on_demand() {
    let mut case = usual();
    case.deadline = Some(samples::mins(68));
    let fresh = starved(case, SignedDuration::ZERO);
    assert_eq!(chosen(&fresh), "steady");
    let guards = &spot(&fresh).guards;
    assert!(guards.iter().any(|guard| matches!(guard, Guard::SavingTooSmall { .. })), "{guards:?}");
}

#[test]
fn a_very_dangerous_environment_loses_to_on_demand() {
    for make in [usual as fn() -> Case, checkpointed] {
        let mut case = make();
        case.class.expected_duration = samples::mins(8 * 60);
        case.deadline = Some(samples::mins(20 * 60));
        assert_eq!(chosen(&case.decide()), "spot");
        let seen = EnvironmentExperience {
            troubles_in_a_row: 1,
            last_trouble: Some(case.now),
            ..EnvironmentExperience::default()
        };
        case.experience.environments.insert("spot".into(), seen);
        case.experience.hazards = samples::hazards(100, 300);
        let decision = case.decide();
        assert_eq!(chosen(&decision), "steady", "{:?}", spot(&decision).outlook);
        let calm = make();
        let rework = |decision: &Decision| spot(decision).expected_rework;
        assert!(rework(&decision) > rework(&calm.decide()));
    }
}

/// 63 minutes of start and work are 32 ticks of two minutes: with one more, 66 minutes.
#[test]
fn an_attempt_may_begin_while_a_full_run_and_a_tick_still_fit() {
    let mut case = usual();
    case.deadline = Some(samples::mins(66) - SignedDuration::from_secs(1));
    let decision = case.decide();
    assert_eq!(chosen(&decision), "steady");
    assert_eq!(
        decision.reasons[0],
        Reason::Fallback { guard: Guard::DeadlineTooNear { slack_secs: -1 } }
    );
    case.deadline = Some(samples::mins(66));
    let guards = spot(&case.decide()).guards.clone();
    assert!(
        !guards.iter().any(|guard| matches!(guard, Guard::DeadlineTooNear { .. })),
        "{guards:?}"
    );
    case.class.policy = Policy::FitOnly;
    let guards = spot(&case.decide()).guards.clone();
    assert!(matches!(guards[..], [Guard::DeadlineTooNear { slack_secs: -3600 }]), "{guards:?}");
}

/// No deadline, and nothing to compare with: the model must still have an answer.
#[test]
fn without_a_deadline_or_an_on_demand_price_it_still_decides() {
    for make in [usual as fn() -> Case, checkpointed] {
        let mut case = make();
        case.deadline = None;
        assert_eq!(chosen(&case.decide()), "spot");
        case.class.expected_duration = SignedDuration::from_hours(24 * 365);
        assert!(case.decide().chosen.is_some());
        case.progress = SignedDuration::from_hours(24 * 366);
        assert_eq!(chosen(&case.decide()), "spot", "hardly any work is left");
    }
}

#[test]
fn what_started_after_a_starvation_ends_it_and_what_started_before_does_not() {
    let starved = samples::at(NOW);
    let mut seen = EnvironmentExperience::default();
    seen.record_starvation(starved, SignedDuration::ZERO);
    // It had started half an hour before, and ended well.
    seen.record(
        samples::ran(samples::mins(40), starved + samples::mins(10)),
        None,
        false,
        starved + samples::mins(10),
    );
    assert_eq!(seen.starved_at, Some(starved));
    seen.record(
        samples::ran(samples::mins(5), starved + samples::mins(10)),
        None,
        true,
        starved + samples::mins(10),
    );
    assert_eq!(seen.starved_at, None, "it ran, although it was taken back");
}

#[test]
fn the_verifier_objects_to_what_the_model_was_not_told_and_cannot_expect() {
    let case = usual();
    let question = case.question();
    let lawful = decide(&question);
    assert_eq!(verify(&question, &lawful), Vec::new());
    let falsify: [fn(&mut Outlook); 4] = [
        |outlook| outlook.price_ratio = Ppm(outlook.price_ratio.0 + 10_000),
        |outlook| outlook.chance_up = Ppm::from_percent(90),
        |outlook| outlook.trouble_age_secs = Some(60),
        |outlook| outlook.patience_secs = 1_000_000,
    ];
    for (index, change) in falsify.iter().enumerate() {
        let mut decision = lawful.clone();
        change(decision.candidates[0].outlook.as_mut().unwrap());
        assert_ne!(verify(&question, &decision), Vec::new(), "{index}");
    }
    // Dearer than everything on spot in vain and then all of it on demand, with the cost that follows.
    let mut decision = lawful;
    let candidate = &mut decision.candidates[0];
    let rework = Ppm::from_ratio(9.0);
    candidate.outlook.as_mut().unwrap().rework = rework;
    candidate.expected_rework = rework;
    let said: Vec<String> = verify(&question, &decision).into_iter().map(|v| v.0).collect();
    assert!(said.iter().any(|text| text.contains("no more than a run on demand")), "{said:?}");
}

/// Ten attempts that ran beside each other in one pool say no more of the others than one.
#[test]
fn what_one_pool_loses_at_once_is_one_loss() {
    let pool = |zone: &str| Some(Pool { zone: zone.into(), instance_type: "m6i.xlarge".into() });
    let cost = |lost: &[&str]| {
        let mut case = Case::usual();
        case.class.policy = Policy::Model;
        let mut seen = EnvironmentExperience::default();
        for zone in lost {
            let ran = samples::ran(samples::mins(60), case.now - samples::mins(200));
            seen.record(ran, pool(zone), true, case.now - samples::mins(200));
        }
        assert_eq!(seen.troubles_in_a_row as usize, lost.len(), "for the breaker each counts");
        // Where attempts ran decides the price.
        seen.placements.clear();
        case.experience.environments.insert("spot".into(), seen);
        case.decide().candidates[0].outlook.clone().unwrap().rework
    };
    assert_eq!(cost(&["us-east-1a"; 10]), cost(&["us-east-1a"]));
    assert!(cost(&["us-east-1a", "us-east-1b"]) > cost(&["us-east-1a"; 10]));
}
