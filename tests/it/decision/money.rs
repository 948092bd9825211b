//! What is paid besides capacity, and what is paid for already: data, commitments, arrays.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use spotcron::catalogue::{Covered, Policy};
use spotcron::decision::{Decision, Guard, Reason, verify};
use spotcron::domain::{Capacity, Usd};

use super::{Case, chosen};
use crate::samples::mins;

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

/// 8 vCPUs from and until these minutes of every day.
pub(super) fn covered(zone: &str, from_minute: u16, until_minute: u16) -> Covered {
    Covered {
        vcpu_millis: 8000,
        days: Weekday::Monday.cycle_forward().take(7).collect(),
        from_minute,
        until_minute,
        time_zone: TimeZone::get(zone).unwrap(),
    }
}

fn cost(decision: &Decision, index: usize) -> String {
    decision.candidates[index].expected_cost.unwrap().to_string()
}

fn objects(case: &Case, decision: &Decision, about: &str) {
    let found = verify(&case.question(), decision);
    assert!(found.iter().any(|violation| violation.0.contains(about)), "{about}: {found:?}");
}

#[test]
fn data_is_part_of_what_a_leg_costs_and_may_tip_the_choice() {
    let mut case = Case::usual();
    let plain = case.decide();
    assert_eq!((chosen(&plain), cost(&plain, 0)), ("spot", "0.028921998".to_owned()));
    case.environments[0].data_cost = usd("0.06");
    let decision = case.decide();
    assert_eq!(cost(&decision, 0), "0.088921998");
    assert_eq!(decision.candidates[0].data_cost, usd("0.06"));
    assert_eq!(chosen(&decision), "steady", "0.0889 there against 0.0812");
    assert!(matches!(decision.candidates[0].guards[..], [Guard::SavingTooSmall { .. }]));
    // The data crosses to both: only capacity tells them apart.
    case.environments[1].data_cost = usd("0.06");
    assert_eq!(chosen(&case.decide()), "spot");
    // Where nothing else is, the same pools on demand would move the same data.
    case.environments.pop();
    assert_eq!(chosen(&case.decide()), "spot");
    assert!(case.decide().candidates[0].guards.is_empty());
}

#[test]
fn a_run_in_covered_hours_costs_nothing_on_demand() {
    let mut case = Case::usual();
    case.environments[1].covered = vec![covered("Europe/Berlin", 22 * 60, 6 * 60)];
    let decision = case.decide();
    assert_eq!((chosen(&decision), cost(&decision, 1)), ("steady", "0.000000".to_owned()));
    assert_eq!(decision.candidates[1].covered_millis, 3_600_000);
    let [Reason::Fallback { guard: Guard::SavingTooSmall { .. } }, Reason::Cheapest { .. }] =
        &decision.reasons[..]
    else {
        panic!("{:?}", decision.reasons);
    };
}

#[test]
fn the_expected_time_is_split_where_the_hours_end() {
    let mut case = Case::usual();
    // It is 03:00 in Berlin: 15 of 60 minutes are covered, and 45 cost 0.0812307692 an hour.
    case.environments[1].covered = vec![covered("Europe/Berlin", 22 * 60, 195)];
    let decision = case.decide();
    assert_eq!(decision.candidates[1].covered_millis, 900_000);
    assert_eq!(cost(&decision, 1), "0.060923077");
    assert_eq!(chosen(&decision), "spot");
    // Two that touch are one; that they overlap counts once.
    case.environments[1].covered.push(covered("UTC", 135, 150));
    case.environments[1].covered.push(covered("UTC", 60, 140));
    assert_eq!(case.decide().candidates[1].covered_millis, 1_800_000);
}

#[test]
fn a_commitment_pays_for_as_many_vcpus_as_it_has() {
    let mut case = Case::usual();
    case.environments[1].covered = vec![covered("UTC", 0, 24 * 60)];
    let expected = |case: &Case| case.decide().candidates[1].covered_millis;
    case.in_use.insert("steady".into(), 6000);
    assert_eq!(expected(&case), 3_600_000, "2 of 8 vCPUs are left for the 2 that it needs");
    case.in_use.insert("steady".into(), 6001);
    assert_eq!(expected(&case), 0);
    case.in_use.clear();
    case.containers = 4;
    assert_eq!(expected(&case), 3_600_000);
    case.containers = 5;
    assert_eq!(expected(&case), 0);
    // One entry has room for it, whatever the others have.
    let mut more = covered("UTC", 120, 150);
    more.vcpu_millis = 10_000;
    case.environments[1].covered.push(more);
    assert_eq!(expected(&case), 1_800_000);
}

#[test]
fn an_array_costs_what_its_children_cost_together() {
    let mut case = Case::usual();
    case.containers = 40;
    case.environments[1].data_cost = usd("0.5");
    let decision = case.decide();
    assert_eq!(cost(&decision, 0), "1.1568799", "40 x 0.0275 x 1.051709");
    assert_eq!(cost(&decision, 1), "3.749230768", "40 x 0.0812307692 and the data once");
}

/// What takes over from spot is worth less where it is paid for already.
#[test]
fn the_model_reckons_with_what_on_demand_costs_then() {
    let mut case = Case::usual();
    case.class.policy = Policy::Model;
    let ratio = |case: &Case| case.decide().candidates[0].outlook.as_ref().unwrap().price_ratio.0;
    let list = ratio(&case);
    // 63 minutes with the start, of which 21 are covered.
    case.environments[1].covered = vec![covered("UTC", 0, 141)];
    let part = ratio(&case);
    assert!((part * 3 - list * 2).abs() <= 6, "{part} is two thirds of {list}");
    case.environments[1].covered = vec![covered("UTC", 0, 24 * 60)];
    assert_eq!(ratio(&case), 0);
    assert_eq!(chosen(&case.decide()), "steady");
}

#[test]
fn the_verifier_knows_what_is_covered_and_what_data_costs() {
    let mut case = Case::usual();
    case.environments[1].covered = vec![covered("Europe/Berlin", 22 * 60, 195)];
    case.environments[1].data_cost = usd("0.01");
    let lawful = case.decide();
    let mut longer = lawful.clone();
    longer.candidates[1].covered_millis += 1;
    objects(&case, &longer, "steady: its covered time");
    let mut spot = lawful.clone();
    spot.candidates[0].covered_millis = 900_000;
    objects(&case, &spot, "spot: its covered time");
    let mut free = lawful.clone();
    free.candidates[1].data_cost = Usd::ZERO;
    objects(&case, &free, "steady: its data costs");
    let mut left_out = lawful.clone();
    left_out.candidates[1].expected_cost =
        left_out.candidates[1].expected_cost.map(|cost| cost - usd("0.01"));
    objects(&case, &left_out, "steady: its expected cost");
    let mut for_one = lawful.clone();
    case.containers = 2;
    for_one.candidates[1].covered_millis = 900_000;
    objects(&case, &for_one, "steady: its expected cost");
}

prop_compose! {
    fn any_covered()(
        zone in prop_oneof![Just("UTC"), Just("Europe/Berlin"), Just("America/St_Johns")],
        from_minute in 0u16..1440,
        length in 1u16..1440,
        vcpu_millis in 1u64..12_000,
        days in prop::sample::subsequence(Weekday::Monday.cycle_forward().take(7).collect::<Vec<_>>(), 1..=7),
    ) -> Covered {
        let until = (from_minute + length) % 1440;
        let until_minute = if until == 0 { 1440 } else { until };
        let time_zone = TimeZone::get(zone).unwrap();
        Covered { vcpu_millis, days, from_minute, until_minute, time_zone }
    }
}

/// All of it in one case.
#[derive(Debug, Clone)]
pub(super) struct Money {
    covered: Vec<Covered>,
    data_micros: (u32, u32),
    containers: u32,
    in_use: u64,
    /// What was spent, and the most that may be.
    budget: (u32, Option<u32>),
    start_within_mins: Option<i64>,
}

impl Money {
    pub(super) fn put_into(self, case: &mut Case) {
        let usd = |micros: u32| Usd::from_nanos(i128::from(micros) * 1000);
        case.containers = self.containers;
        case.in_use.insert("steady".into(), self.in_use);
        case.spent = usd(self.budget.0);
        case.class.max_cost = self.budget.1.map(usd);
        case.start_within = self.start_within_mins.map(mins);
        for environment in &mut case.environments {
            let micros = match environment.capacity {
                Capacity::Spot => self.data_micros.0,
                _ => {
                    environment.covered = self.covered.clone();
                    self.data_micros.1
                }
            };
            environment.data_cost = usd(micros);
        }
    }
}

prop_compose! {
    fn some_money()(
        covered in prop::collection::vec(any_covered(), 0..3),
        data_micros in (0u32..500_000, 0u32..500_000),
        containers in 1u32..4,
        in_use in 0u64..4000,
        spent_micros in prop_oneof![Just(0), 0u32..500_000],
        max_micros in prop::option::of(1u32..1_000_000),
        start_within_mins in prop::option::of(1i64..1500),
    ) -> Money {
        let budget = (spent_micros, max_micros);
        Money { covered, data_micros, containers, in_use, budget, start_within_mins }
    }
}

/// Half of all cases have nothing of it.
pub(super) fn any_money() -> impl Strategy<Value = Option<Money>> {
    prop::option::of(some_money())
}
