//! The checks that any implementation must pass (see docs/concepts/ledger.md), each by its name, and
//! what cannot be priced.

use std::collections::BTreeMap;

use proptest::prelude::*;
use spotcron::cost::PriceMode;
use spotcron::domain::{
    AttemptEnd, Capacity, InstanceEnd, InstanceFacts, Lifecycle, Pool, Ppm, Share, Usd, Window,
};
use spotcron::ledger::{Entry, EntryState, Evidence, Summary, Unpriced, settle};
use spotcron::market::FargatePrice;
use spotcron::run::AttemptRecord;

use super::fixture::{
    Facts, after, after_millis, attempt, between, ended, final_amounts, host, instance, price,
    resources, series, shape,
};

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

fn cost(facts: &Facts, attempt: &AttemptRecord) -> Usd {
    final_amounts(&facts.settle(attempt)).cost
}

fn unpriced(facts: &Facts, attempt: &AttemptRecord) -> Option<Unpriced> {
    facts.settle(attempt).unpriced()
}

#[test]
fn a_zero_length_attempt_costs_nothing() {
    let zero = attempt(between(100, 100), AttemptEnd::Failed);
    assert_eq!(cost(&Facts::spot(), &zero), Usd::ZERO);
}

#[test]
fn an_attempt_that_ran_where_nobody_knows_is_unpriced_however_short() {
    let mut lost = attempt(between(100, 100), AttemptEnd::Succeeded);
    lost.host = None;
    let entry = settle(&lost, &Evidence::default()).unwrap();
    assert_eq!(entry.unpriced(), Some(Unpriced::HostUnknown));
}

#[test]
fn an_attempt_that_never_started_costs_nothing_and_is_final_whatever_is_unknown() {
    let mut never = attempt(between(100, 100), AttemptEnd::Infrastructure);
    never.started_at = None;
    never.resources = None;
    let entry = settle(&never, &Evidence::default()).unwrap();
    assert_eq!(final_amounts(&entry).cost, Usd::ZERO);
    assert_eq!(final_amounts(&entry).on_demand, Usd::ZERO);
}

#[test]
fn a_running_attempt_has_no_line() {
    let mut running = attempt(between(0, 100), AttemptEnd::Succeeded);
    running.stopped_at = None;
    running.end = None;
    assert_eq!(settle(&running, &Facts::spot().evidence()), None);
}

#[test]
fn a_price_change_inside_the_window_counts_from_its_second() {
    let spot = Some(series(&[(0, "0.10"), (1800, "0.30")]));
    let facts = Facts { spot, mode: PriceMode::Continuous, ..Facts::spot() };
    let hour = attempt(between(0, 3600), AttemptEnd::Succeeded);
    // Half of (0.10 + 0.30) / 2.
    assert_eq!(cost(&facts, &hour), usd("0.1"));
}

#[test]
fn a_price_change_inside_the_window_waits_for_the_next_instance_hour() {
    let facts = Facts { spot: Some(series(&[(0, "0.10"), (1800, "0.30")])), ..Facts::spot() };
    assert_eq!(cost(&facts, &attempt(between(0, 3600), AttemptEnd::Succeeded)), usd("0.05"));
    assert_eq!(cost(&facts, &attempt(between(0, 7200), AttemptEnd::Succeeded)), usd("0.20"));
}

#[test]
fn a_window_before_the_first_known_price_uses_the_carried_in_one_or_is_unpriced() {
    let carried_in = Facts { spot: Some(series(&[(-86_400, "0.10")])), ..Facts::spot() };
    let early = attempt(between(0, 3600), AttemptEnd::Succeeded);
    assert_eq!(cost(&carried_in, &early), usd("0.05"));
    let unknown = Facts { spot: Some(series(&[(10, "0.10")])), ..Facts::spot() };
    assert_eq!(unpriced(&unknown, &early), Some(Unpriced::SpotPriceUnknown));
}

#[test]
fn an_attempt_across_the_ninety_day_edge_is_priced_from_the_archive() {
    // The point before the window lies 100 days back: AWS no longer shows it, the archive does.
    let day = 86_400;
    let spot = Some(series(&[(-100 * day, "0.10"), (1800, "0.20")]));
    let facts = Facts { spot, mode: PriceMode::Continuous, ..Facts::spot() };
    let across = attempt(between(0, 3600), AttemptEnd::Succeeded);
    assert_eq!(cost(&facts, &across), usd("0.075"));
}

#[test]
fn two_jobs_on_one_instance_cost_no_more_than_the_instance() {
    let facts = Facts::spot();
    let half = attempt(between(0, 3600), AttemptEnd::Succeeded);
    let mut other = half.clone();
    other.resources = Some(resources(1, 4));
    let together = cost(&facts, &half) + cost(&facts, &other);
    assert_eq!(together, usd("0.075"));
    assert!(together <= usd("0.10"));
}

#[test]
fn a_reclaim_at_59_59_is_free_and_one_at_60_01_is_not() {
    let reclaimed = |secs| {
        let gone = ended(instance(Lifecycle::Spot), secs, InstanceEnd::Reclaimed);
        let facts = Facts { instance: Some(gone), ..Facts::spot() };
        let entry = facts.settle(&attempt(between(0, secs), AttemptEnd::Interrupted));
        final_amounts(&entry).clone()
    };
    let early = reclaimed(3599);
    assert!(early.first_hour_credit);
    assert_eq!((early.cost, early.waste, early.on_demand), (Usd::ZERO, Usd::ZERO, Usd::ZERO));
    for late in [reclaimed(3600), reclaimed(3601)] {
        assert!(!late.first_hour_credit);
        assert!(late.cost > usd("0.05") - usd("0.000000001"));
        assert_eq!(late.waste, late.cost);
    }
}

#[test]
fn the_credit_covers_attempts_that_had_succeeded_on_the_instance() {
    let gone = ended(instance(Lifecycle::Spot), 3000, InstanceEnd::Reclaimed);
    let facts = Facts { instance: Some(gone), ..Facts::spot() };
    let entry = facts.settle(&attempt(between(0, 1800), AttemptEnd::Succeeded));
    let priced = final_amounts(&entry);
    assert!(priced.first_hour_credit);
    assert_eq!((priced.cost, priced.on_demand), (Usd::ZERO, usd("0.1")));
}

#[test]
fn an_instance_that_batch_or_nobody_known_ended_in_its_first_hour_is_charged() {
    for end in [InstanceEnd::Requested, InstanceEnd::Unknown] {
        let gone = ended(instance(Lifecycle::Spot), 1800, end);
        let facts = Facts { instance: Some(gone), ..Facts::spot() };
        let done = attempt(between(0, 1800), AttemptEnd::Succeeded);
        assert_eq!(cost(&facts, &done), usd("0.025"), "{end:?}");
    }
}

#[test]
fn a_retry_on_another_type_and_zone_is_priced_by_its_own_facts() {
    let first = Facts {
        instance: Some(ended(instance(Lifecycle::Spot), 5400, InstanceEnd::Reclaimed)),
        ..Facts::spot()
    };
    let second = Facts {
        instance: Some(InstanceFacts {
            id: "i-2".into(),
            instance_type: "c6i.2xlarge".into(),
            zone: "us-east-1b".into(),
            ..ended(instance(Lifecycle::Spot), 10_800, InstanceEnd::Requested)
        }),
        shape: Some(shape(8, 16)),
        spot: Some(series(&[(0, "0.20")])),
        on_demand: Some(price("0.80")),
        ..Facts::spot()
    };
    let lost = first.settle(&attempt(between(0, 5400), AttemptEnd::Interrupted));
    let done = second.settle(&attempt(between(7200, 10_800), AttemptEnd::Succeeded));
    assert_eq!(done.zone, Some("us-east-1b".into()));
    assert_eq!(final_amounts(&done).share, Share::new(26, 88).unwrap());
    let run = Summary::of([&lost, &done]);
    assert_eq!(run.waste, usd("0.075"));
    // 0.20 × 26/88 and 0.80 × 26/88.
    assert_eq!(run.cost, usd("0.075") + usd("0.059090909"));
    assert_eq!(run.on_demand, usd("0.236363636"));
}

#[test]
fn a_fallback_leg_after_waste_shows_a_negative_saving() {
    let reclaimed = ended(instance(Lifecycle::Spot), 7000, InstanceEnd::Reclaimed);
    let spot = Facts { instance: Some(reclaimed), ..Facts::spot() };
    let lost = spot.settle(&attempt(between(0, 7000), AttemptEnd::Interrupted));
    let mut fallback = attempt(between(8000, 11_600), AttemptEnd::Succeeded);
    fallback.capacity = Capacity::OnDemand;
    fallback.key.leg = 1;
    let done = Facts::on_demand().settle(&fallback);
    assert_eq!(final_amounts(&done).cost, final_amounts(&done).on_demand);
    let run = Summary::of([&lost, &done]);
    assert_eq!(run.savings(), -final_amounts(&lost).cost);
    assert!(run.ratio().unwrap() < Ppm::ZERO);
}

#[test]
fn an_interrupted_attempt_that_is_never_retried_is_a_loss() {
    let reclaimed = ended(instance(Lifecycle::Spot), 7200, InstanceEnd::Reclaimed);
    let facts = Facts { instance: Some(reclaimed), ..Facts::spot() };
    let run = Summary::of([&facts.settle(&attempt(between(0, 7200), AttemptEnd::Interrupted))]);
    assert_eq!((run.cost, run.waste, run.on_demand), (usd("0.1"), usd("0.1"), Usd::ZERO));
    assert_eq!(run.ratio(), None);
}

#[test]
fn every_array_child_has_its_own_line() {
    let facts = Facts::spot();
    let children: Vec<Entry> = (0..3)
        .map(|child| {
            let mut one = attempt(between(0, 1200), AttemptEnd::Succeeded);
            one.key.child = Some(child);
            facts.settle(&one)
        })
        .collect();
    assert_eq!(
        children.iter().map(|e| e.key.child).collect::<Vec<_>>(),
        [Some(0), Some(1), Some(2)]
    );
    assert_eq!(Summary::of(&children).cost, usd("0.050000001")); // 3 × 0.016666667
}

#[test]
fn attempt_times_count_to_the_millisecond() {
    let facts = Facts::spot();
    let window = Window::new(after_millis(1), after_millis(3_600_000));
    let priced = final_amounts(&facts.settle(&attempt(window, AttemptEnd::Succeeded))).clone();
    assert_eq!(priced.charged, window);
    // 0.05 less one millisecond's 0.0000000138…
    assert_eq!(priced.cost, usd("0.049999986"));
}

#[test]
fn an_attempt_is_clamped_to_its_instances_life() {
    let facts = Facts::spot();
    let early_and_late = attempt(between(-50, 9000), AttemptEnd::Interrupted);
    let priced = final_amounts(&facts.settle(&early_and_late)).clone();
    assert_eq!(priced.charged, between(0, 7200));
    let outside = attempt(between(7300, 7400), AttemptEnd::Interrupted);
    assert_eq!(cost(&facts, &outside), Usd::ZERO);
}

#[test]
fn zone_ids_are_never_taken_for_zone_names() {
    // Prices are kept by zone *name*: a host known by a zone id alone finds none, and says so.
    let pool = |zone: &str| Pool { zone: zone.into(), instance_type: "m6i.xlarge".into() };
    let archive = BTreeMap::from([(pool("us-east-1a"), series(&[(0, "0.10")]))]);
    let done = attempt(between(0, 3600), AttemptEnd::Succeeded);
    let settled_in = |zone: &str| {
        let mut facts = Facts { spot: archive.get(&pool(zone)).cloned(), ..Facts::spot() };
        facts.instance.as_mut().unwrap().zone = zone.into();
        facts.settle(&done)
    };
    assert_eq!(final_amounts(&settled_in("us-east-1a")).cost, usd("0.05"));
    assert_eq!(settled_in("use1-az1").unpriced(), Some(Unpriced::SpotPriceUnknown));
}

#[test]
fn an_on_demand_price_holds_for_an_attempt_from_its_start_to_its_end() {
    // 0.40 until noon, 0.36 after; the price is looked up for the attempt's start.
    let noon = 4 * 3600;
    let list = series(&[(-86_400, "0.40"), (noon, "0.36")]);
    let started_at = |secs: i64| {
        let mut record = attempt(between(secs, secs + 3600), AttemptEnd::Succeeded);
        record.capacity = Capacity::OnDemand;
        let on_demand = list.at(record.started_at.unwrap());
        cost(&Facts { on_demand, ..Facts::on_demand() }, &record)
    };
    assert_eq!(started_at(noon - 1), usd("0.20"));
    assert_eq!(started_at(noon), usd("0.18"));
}

#[test]
fn unknown_facts_leave_an_attempt_unpriced_with_the_reason() {
    let done = attempt(between(0, 600), AttemptEnd::Succeeded);
    let mut no_resources = done.clone();
    no_resources.resources = None;
    let odd = instance(Lifecycle::Other("capacity-block".into()));
    let cases = [
        (Facts { instance: None, ..Facts::spot() }, &done, Unpriced::HostUnknown),
        (Facts { shape: None, ..Facts::spot() }, &done, Unpriced::ShareUnknown),
        (Facts::spot(), &no_resources, Unpriced::ShareUnknown),
        (Facts { spot: None, ..Facts::spot() }, &done, Unpriced::SpotPriceUnknown),
        (Facts { on_demand: None, ..Facts::spot() }, &done, Unpriced::OnDemandPriceUnknown),
        (Facts { on_demand: None, ..Facts::on_demand() }, &done, Unpriced::OnDemandPriceUnknown),
        (Facts { instance: Some(odd), ..Facts::spot() }, &done, Unpriced::UnsupportedLifecycle),
    ];
    for (facts, attempt, why) in cases {
        let entry = facts.settle(attempt);
        assert_eq!(entry.unpriced(), Some(why));
        let summary = Summary::of([&entry]);
        assert_eq!((summary.unpriced, summary.cost, summary.on_demand), (1, Usd::ZERO, Usd::ZERO));
    }
}

#[test]
fn a_spot_attempt_stays_provisional_until_the_credit_is_ruled_out() {
    let done = attempt(between(0, 1800), AttemptEnd::Succeeded);
    let state = |instance: InstanceFacts| {
        Facts { instance: Some(instance), ..Facts::spot() }.settle(&done).state
    };
    let alive = |secs| InstanceFacts { seen_at: after(secs), ..instance(Lifecycle::Spot) };
    let provisional = state(alive(3599));
    let EntryState::Provisional(before) = provisional else { panic!("{provisional:?}") };
    assert_eq!(before.cost, usd("0.025"));
    assert_eq!(state(alive(3600)), EntryState::Final(before.clone()));
    // Gone, and the cause is still to come: EC2's answer decides.
    let cause_open = InstanceFacts { ended_at: Some(after(3000)), ..alive(3000) };
    assert_eq!(state(cause_open), EntryState::Provisional(before));
}

#[test]
fn an_interrupted_attempt_waits_for_an_instance_end_that_may_cut_it_short() {
    let lost = attempt(between(0, 7260), AttemptEnd::Interrupted);
    let alive = InstanceFacts { seen_at: after(7000), ..instance(Lifecycle::Spot) };
    let facts = Facts { instance: Some(alive.clone()), ..Facts::spot() };
    assert!(facts.settle(&lost).is_provisional());
    let gone = ended(alive, 7200, InstanceEnd::Reclaimed);
    let facts = Facts { instance: Some(gone), ..Facts::spot() };
    assert_eq!(cost(&facts, &lost), usd("0.1"));
}

#[test]
fn the_recorded_host_stands_in_while_the_instance_was_not_seen_again() {
    let mut done = attempt(between(0, 1800), AttemptEnd::Succeeded);
    done.host = Some(host(&instance(Lifecycle::Spot), shape(4, 16)));
    let facts = Facts { instance: None, shape: None, ..Facts::spot() };
    let entry = facts.settle(&done);
    assert!(entry.is_provisional());
    assert_eq!(entry.priced().unwrap().cost, usd("0.025"));
    // Facts of another instance are not taken for this one's.
    let other = InstanceFacts { id: "i-9".into(), ..instance(Lifecycle::OnDemand) };
    let facts = Facts { instance: Some(other), shape: None, ..Facts::spot() };
    assert_eq!(facts.settle(&done).instance_id, Some("i-1".into()));
}

#[test]
fn fargate_is_priced_by_vcpu_and_gib_and_fargate_spot_only_by_a_stated_discount() {
    let list = FargatePrice {
        region: "us-east-1".into(),
        architecture: "x86_64".into(),
        vcpu_hour: price("0.04048"),
        gib_hour: price("0.004445"),
        effective_from: after(-86_400),
    };
    let mut task = attempt(between(0, 1800), AttemptEnd::Succeeded);
    task.capacity = Capacity::Fargate;
    task.resources = Some(resources(1, 2));
    let evidence = Evidence { fargate: Some(&list), ..Evidence::default() };
    let entry = settle(&task, &evidence).unwrap();
    assert_eq!(final_amounts(&entry).cost, usd("0.024685"));
    task.capacity = Capacity::FargateSpot;
    let without = settle(&task, &evidence).unwrap();
    assert_eq!(without.unpriced(), Some(Unpriced::FargateSpotDiscountUnknown));
    let discount = Some(Ppm::from_percent(70));
    let stated = Evidence { fargate_spot_discount: discount, ..evidence };
    let entry = settle(&task, &stated).unwrap();
    let priced = final_amounts(&entry);
    assert_eq!((priced.cost, priced.on_demand), (usd("0.0074055"), usd("0.024685")));
}

proptest! {
    /// Whatever the records say, settling neither panics nor invents: amounts are never negative and
    /// waste never exceeds cost.
    #[test]
    fn any_record_settles_soundly(
        start in -20_000i64..20_000, length in -5_000i64..20_000, gone in proptest::option::of(-100i64..20_000),
        seen in -100i64..20_000, vcpus in 0u32..100_000, mib in any::<u32>(), end in 0usize..6, cause in 0usize..4,
        points in proptest::collection::vec((-30_000i64..30_000, any::<i64>()), 0..6),
    ) {
        let mut record = attempt(between(start, start + length), AttemptEnd::ALL[end]);
        record.resources.as_mut().unwrap().vcpu_millis = vcpus;
        record.resources.as_mut().unwrap().memory_mib = mib;
        let causes =
            [None, Some(InstanceEnd::Reclaimed), Some(InstanceEnd::Requested), Some(InstanceEnd::Unknown)];
        let facts = Facts {
            instance: Some(InstanceFacts {
                ended_at: gone.map(after),
                end: causes[cause],
                seen_at: after(seen),
                ..instance(Lifecycle::Spot)
            }),
            spot: Some(spotcron::market::PriceSeries::from_points(points.iter().map(|(at, units)| {
                (after(*at), spotcron::domain::UsdPerHour::from_units(units.saturating_abs()))
            }))),
            ..Facts::spot()
        };
        if let Some(priced) = facts.settle(&record).priced() {
            prop_assert!(!priced.cost.is_negative() && !priced.on_demand.is_negative());
            prop_assert!(priced.waste <= priced.cost);
            prop_assert!(!(priced.first_hour_credit && priced.cost != Usd::ZERO));
        }
    }
}

/// Written down seldom, the last sighting of an instance that vanished while nobody looked can lie
/// hours before its end.
#[test]
fn an_attempt_after_the_last_sighting_of_a_vanished_instance_is_charged() {
    let mut facts = Facts::spot();
    facts.instance = Some(ended(instance(Lifecycle::Spot), 3600, InstanceEnd::Unknown));
    let entry = facts.settle(&attempt(between(7200, 10_800), AttemptEnd::Succeeded));
    assert_eq!(final_amounts(&entry).charged, between(7200, 10_800));
    assert!(final_amounts(&entry).cost.nanos() > 0);
}
