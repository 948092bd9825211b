//! Runs that have capacity which is not taken back, and go back to spot or stay.

use jiff::SignedDuration;
use proptest::prelude::*;
use spotcron::catalogue::{Policy, Restart, RetryOwner};
use spotcron::decision::{Return, Running, better_elsewhere, decide};
use spotcron::domain::{Capacity, EnvironmentName, LegCause, Ppm, Usd};
use spotcron::experience::EnvironmentExperience;

use super::money::covered;
use super::{Case, any_case};
use crate::samples::mins;

/// Ten hours of work with checkpoints every ten minutes, four of them done an hour ago on demand, due in ten.
fn case(policy: Policy) -> Case {
    let mut case = Case::usual();
    case.class.policy = policy;
    case.class.expected_duration = mins(600);
    case.class.restart = Restart::Checkpoint { interval: mins(10), restore: mins(2) };
    case.class.deadline = Some(mins(20 * 60));
    case.deadline = Some(mins(10 * 60));
    case.cause = LegCause::Returned;
    case.legs = 2;
    case.progress = mins(240);
    case
}

/// What it does, having run for so long there, with nothing to redo.
fn back_after(case: &Case, minutes: i64) -> Option<Return> {
    back(case, minutes, case.progress)
}

fn back(case: &Case, minutes: i64, done: SignedDuration) -> Option<Return> {
    let environment = EnvironmentName::from("steady");
    let started_at = case.now - mins(minutes);
    better_elsewhere(&case.question(), Running { environment: &environment, started_at, done })
}

#[test]
fn six_hours_on_demand_are_worth_a_changeover() {
    let case = case(Policy::Model);
    let back = back_after(&case, 60).unwrap();
    assert_eq!(back.environment.as_str(), "spot");
    // 360 minutes at 22/52 of 0.192.
    assert_eq!(back.staying.to_string(), "0.487384615");
    let next = case.decide();
    assert_eq!(Some(back.going), next.candidates[0].expected_cost);
    assert!(back.going < back.staying);
}

#[test]
fn a_quarter_of_an_hour_is_not_nor_is_a_saving_below_a_changeover() {
    let mut short = case(Policy::Model);
    short.progress = mins(585);
    assert_eq!(back_after(&short, 60), None);
    // A start, the restore and half an interval are 10 min on demand: 0.013538461 USD.
    let least = Usd::from_nanos(13_538_461);
    let at = |left: i64| {
        let case = Case { progress: mins(600 - left), ..case(Policy::Model) };
        let spot = case.decide().candidates[0].expected_cost.unwrap();
        let staying = "0.192".parse::<spotcron::domain::UsdPerHour>().unwrap();
        let staying =
            Usd::from_nanos(i128::from(staying.units()) * i128::from(left) * 22 / (52 * 60 * 10));
        (back_after(&case, 60).is_some(), staying - spot >= least)
    };
    let all: Vec<(bool, bool)> = (20..120).step_by(4).map(at).collect();
    assert!(all.iter().all(|(goes, pays)| goes == pays), "{all:?}");
    assert!(all.contains(&(true, true)) && all.contains(&(false, false)));
}

#[test]
fn it_stays_where_something_speaks_against_spot() {
    let usual = || case(Policy::Model);
    assert!(back_after(&usual(), 60).is_some());
    let mut starved = usual();
    let mut seen = EnvironmentExperience::default();
    seen.record_starvation(starved.now - mins(5), mins(10));
    starved.experience.environments.insert("spot".into(), seen);
    assert_eq!(back_after(&starved, 60), None, "its breaker is open");
    let with_legs = |max_legs, failure_retries| {
        let mut case = usual();
        (case.class.max_legs, case.class.failure_retries) = (max_legs, failure_retries);
        back_after(&case, 60).is_some()
    };
    assert!(with_legs(4, 0), "one to go there, one to come back");
    assert!(!with_legs(3, 0) && !with_legs(1, 0));
    assert!(with_legs(6, 2) && !with_legs(5, 2), "and those that failures may need");
    let mut budget = usual();
    budget.class.max_cost = Some(Usd::from_nanos(1 << 60));
    assert_eq!(back_after(&budget, 60), None, "nobody knows what the leg has cost");
    let mut batch = usual();
    batch.class.retry_owner = RetryOwner::Batch;
    assert_eq!(back_after(&batch, 60), None, "Batch would not bring it back");
    let mut late = usual();
    late.deadline = Some(mins(360 + 2 + 2 * 5 + 10) - SignedDuration::from_secs(1));
    assert_eq!(back_after(&late, 60), None, "an interruption would lose the deadline");
    let mut dear = usual();
    dear.class.min_saving = Ppm::from_percent(70);
    assert_eq!(back_after(&dear, 60), None, "it saves less than the class asks for");
    let mut switched = usual();
    switched.class.min_time_between_switches = mins(60);
    assert_eq!(back_after(&switched, 59), None, "it has just gone there");
    assert!(back_after(&switched, 60).is_some());
    let mut paid = usual();
    paid.environments[1].covered = vec![covered("UTC", 0, 1440)];
    assert_eq!(back_after(&paid, 60), None, "its hours are paid for");
    let mut gone = usual();
    gone.environments.pop();
    assert_eq!(back_after(&gone, 60), None, "nobody knows what it costs to stay");
}

#[test]
fn only_what_keeps_its_progress_and_looks_for_it_goes_back() {
    let mut from_zero = case(Policy::Model);
    from_zero.class.restart = Restart::FromZero;
    assert_eq!(back_after(&from_zero, 60), None);
    assert_eq!(back_after(&case(Policy::FitOnly), 60), None);
    assert_eq!(back_after(&case(Policy::Greedy), 60), None);
}

/// What was done since the last checkpoint is done again elsewhere, and not where it stays.
#[test]
fn what_is_not_saved_yet_counts_for_staying() {
    let case = case(Policy::Model);
    let just = back(&case, 60, mins(240)).unwrap();
    let later = back(&case, 60, mins(249)).unwrap();
    assert_eq!(later.going, just.going);
    assert!(later.staying < just.staying);
}

/// 240 of 600 minutes are done; an even pace over 20 hours is as far after 8 h. Two changeovers of
/// 3 + 2 + 5 minutes ahead of that it is before 7 h 40 min.
#[test]
fn uniform_progress_goes_back_two_changeovers_ahead_of_its_pace() {
    let after = |gone: SignedDuration| {
        let mut case = case(Policy::UniformProgress);
        case.deadline = Some(mins(20 * 60) - gone);
        back_after(&case, 60).is_some()
    };
    assert!(after(mins(460) - SignedDuration::from_secs(1)));
    assert!(!after(mins(460)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Whatever the question: what goes back goes to spot that nothing speaks against, saves something under
    /// the model, and leaves another leg.
    #[test]
    fn who_goes_back_could_be_sent_there(
        case in any_case(),
        paced in any::<bool>(),
        allowed_mins in 1i64..3000,
        ran_mins in 0i64..600,
    ) {
        let mut case = case;
        case.class.policy = if paced { Policy::UniformProgress } else { case.class.policy };
        case.class.deadline = Some(mins(allowed_mins));
        if matches!(case.cause, LegCause::Starved | LegCause::DeadlineNear) {
            case.cause = LegCause::Returned;
        }
        let done = case.progress + mins(5);
        if let Some(back) = back(&case, ran_mins, done) {
            let decision = decide(&case.question());
            let next = decision.candidates.iter().find(|c| c.environment == back.environment).unwrap();
            prop_assert_eq!(next.capacity, Capacity::Spot);
            prop_assert_eq!(&next.guards, &vec![]);
            prop_assert!(case.legs + 2 + case.class.failure_retries <= case.class.max_legs);
            prop_assert!(case.class.policy == Policy::UniformProgress || back.going < back.staying);
            prop_assert!(mins(ran_mins) >= case.class.min_time_between_switches);
        }
    }
}
