//! The bill is made here by a slow path of its own: second by second, each instance-hour a line of
//! its own rounding, as a cloud would. The ledger must explain every nano of it.

use proptest::prelude::*;
use spotcron::cost::PriceMode;
use spotcron::domain::{
    AttemptEnd, Capacity, InstanceEnd, InstanceFacts, InstanceShape, Lifecycle, Ppm, Resources,
    Usd, UsdPerHour, Window,
};
use spotcron::ledger::{
    Account, BilledResource, Entry, Hosted, InstanceRate, Reconciliation, Summary, TaskFacts,
    Unpriced, instance_account, reconcile, settle, task_account,
};
use spotcron::market::{FargatePrice, PriceSeries};

use super::fixture::{
    Facts, after, after_millis, attempt, between, ended, instance, launch, price, resources, shape,
};

const VCPUS: u32 = 8;

/// One instance with its attempts. A class's discount holds for all its attempts.
#[derive(Debug, Clone)]
struct Machine {
    spot: bool,
    points: Vec<(i64, i64)>,
    secs: i64,
    end: InstanceEnd,
    /// Start and length in ms, vCPUs, whether the record lacks its resources.
    attempts: Vec<(i64, i64, u32, bool)>,
    discount: Ppm,
    lines_by_hour: bool,
}

const LIST: i64 = 3_840_000_001;

impl Machine {
    fn facts(&self, index: usize) -> InstanceFacts {
        let lifecycle = if self.spot { Lifecycle::Spot } else { Lifecycle::OnDemand };
        let mut facts = ended(instance(lifecycle), self.secs, self.end);
        facts.id = format!("i-{index}").into();
        facts
    }

    /// Continuous prices: the price of the second.
    fn price_at(&self, second: i64) -> i128 {
        if !self.spot {
            return LIST.into();
        }
        let known = self.points.iter().filter(|(at, _)| *at <= second);
        known.max_by_key(|(at, _)| *at).map_or(1_000, |(_, units)| i128::from(*units))
    }

    /// Nanos × 36,000 a second, rounded per line.
    fn bill(&self) -> Vec<Usd> {
        if self.spot && self.end == InstanceEnd::Reclaimed && self.secs < 3600 {
            return vec![Usd::ZERO];
        }
        let step = if self.lines_by_hour { 3600 } else { i64::MAX };
        let billed = self.secs.max(60);
        let mut lines = Vec::new();
        let mut from = 0;
        while from < billed {
            let to = billed.min(from.saturating_add(step));
            let units: i128 = (from..to).map(|second| self.price_at(second)).sum();
            let (whole, rest) = (units / 36_000, units % 36_000);
            let up = rest * 2 > 36_000 || (rest * 2 == 36_000 && whole % 2 == 1);
            lines.push(Usd::from_nanos(whole + i128::from(up)));
            from = to;
        }
        lines
    }

    fn series(&self) -> PriceSeries {
        let first = (after(-100_000), UsdPerHour::from_units(1_000));
        let mut points = self.points.clone();
        points.sort_by_key(|(at, _)| *at);
        points.dedup_by_key(|(at, _)| *at);
        let points = points.into_iter().map(|(at, p)| (after(at), UsdPerHour::from_units(p)));
        PriceSeries::from_points(points.chain([first]))
    }

    fn entries(&self, index: usize) -> Vec<Entry> {
        let facts = Facts {
            instance: Some(self.facts(index)),
            shape: Some(shape(VCPUS, 32)),
            spot: Some(self.series()),
            mode: PriceMode::Continuous,
            on_demand: Some(UsdPerHour::from_units(LIST).scaled(Ppm::ONE - self.discount)),
        };
        let lines =
            self.attempts.iter().enumerate().map(|(number, (start, length, vcpus, blank))| {
                let window = Window::new(after_millis(*start), after_millis(start + length));
                let mut record = attempt(window, AttemptEnd::Succeeded);
                record.key.run = format!("run-{index}").into();
                record.key.number = number as u32;
                record.capacity = if self.spot { Capacity::Spot } else { Capacity::OnDemand };
                record.resources = (!blank).then(|| resources(*vcpus, *vcpus));
                facts.settle(&record)
            });
        lines.collect()
    }

    fn account(&self, index: usize, entries: &[Entry]) -> Account {
        let series = self.series();
        let rate = if self.spot {
            InstanceRate::Spot { series: &series, mode: PriceMode::Continuous }
        } else {
            InstanceRate::OnDemand(UsdPerHour::from_units(LIST))
        };
        let discount = if self.spot { Ppm::ZERO } else { self.discount };
        let hosted: Vec<_> =
            entries.iter().map(|entry| Hosted { entry, on_demand_discount: discount }).collect();
        instance_account(&self.facts(index), Some(rate), &hosted, 0, after(self.secs))
    }
}

prop_compose! {
    fn any_machine()(
        spot in any::<bool>(),
        points in proptest::collection::btree_map(-5000i64..9000, 1i64..9_000_000_000, 0..6),
        secs in 1i64..9000,
        end in prop_oneof![Just(InstanceEnd::Reclaimed), Just(InstanceEnd::Requested)],
        attempts in proptest::collection::vec(
            (-5_000i64..9_500_000, 0i64..4_000_000, 1u32..=2, proptest::bool::weighted(0.1)), 0..=4),
        discount in prop_oneof![Just(Ppm::ZERO), (0i64..900_000).prop_map(Ppm)],
        lines_by_hour in any::<bool>(),
    ) -> Machine {
        let points = points.into_iter().collect();
        Machine { spot, points, secs, end, attempts, discount, lines_by_hour }
    }
}

fn parts(found: &Reconciliation) -> Usd {
    found.idle + found.unpriced + found.discount + found.rounding + found.unexplained
}

proptest! {
    #[test]
    fn every_nano_of_the_bill_is_listed_under_a_name(
        machines in proptest::collection::vec(any_machine(), 1..5)
    ) {
        let (mut bill, mut accounts, mut all) = (vec![], vec![], vec![]);
        for (index, machine) in machines.iter().enumerate() {
            let entries = machine.entries(index);
            let account = machine.account(index, &entries);
            let resource = BilledResource::Instance(format!("i-{index}").into());
            bill.extend(machine.bill().into_iter().map(|line| (resource.clone(), line)));
            let cost = Summary::of(&entries).cost;
            let charge = account.charge.unwrap();
            let sum = account.idle + account.unpriced + account.discount + account.rounding;
            prop_assert_eq!(charge, cost + sum);
            prop_assert!(!account.idle.is_negative());
            // Shares of one instance never add up to more than its charge, but for rounding.
            prop_assert!((cost - charge).nanos() * 2 <= i128::from(account.rounded));
            accounts.push(account);
            all.extend(entries);
        }
        let found = reconcile(&bill, &accounts, &all);
        prop_assert_eq!(found.unexplained, Usd::ZERO);
        prop_assert_eq!(found.bill, bill.iter().map(|(_, line)| *line).sum::<Usd>());
        prop_assert_eq!(found.ledger, Summary::of(&all).cost);
        prop_assert_eq!(found.bill - found.ledger, parts(&found));
        let rounded = accounts.iter().map(|account| account.rounded).sum::<u32>() as usize;
        let most = (rounded + bill.len() + accounts.len()) as i128;
        prop_assert!(found.rounding.nanos().abs() * 2 <= most);
        if !all.iter().any(|entry| entry.unpriced().is_some()) {
            prop_assert_eq!(found.unpriced, Usd::ZERO);
        }
    }

    #[test]
    fn a_bill_that_is_off_by_more_than_rounding_stands_out(machine in any_machine(), off in 4i128..1000) {
        let entries = machine.entries(0);
        let account = machine.account(0, &entries);
        let resource = BilledResource::Instance("i-0".into());
        let mut bill: Vec<_> =
            machine.bill().into_iter().map(|line| (resource.clone(), line)).collect();
        bill[0].1 += Usd::from_nanos(off);
        let found = reconcile(&bill, &[account], &entries);
        prop_assert!((found.unexplained.nanos() - off).abs() <= 3, "{:?}", found);
        prop_assert_eq!(found.bill - found.ledger, parts(&found));
    }
}

fn on_demand_machine(secs: i64, attempts: Vec<(i64, i64, u32, bool)>) -> Machine {
    Machine {
        spot: false,
        points: vec![],
        secs,
        end: InstanceEnd::Requested,
        attempts,
        discount: Ppm::ZERO,
        lines_by_hour: false,
    }
}

#[test]
fn an_instance_that_lived_ten_seconds_is_charged_a_minute_and_the_rest_is_idle() {
    let machine = on_demand_machine(10, vec![]);
    let account = machine.account(0, &[]);
    let minute = Usd::from_nanos(6_400_000);
    assert_eq!((account.charge, account.idle), (Some(minute), minute));
}

#[test]
fn attempts_without_a_price_turn_the_rest_of_their_instance_into_unpriced() {
    let machine = on_demand_machine(3600, vec![(0, 3_600_000, 2, false), (0, 60_000, 2, true)]);
    let entries = machine.entries(0);
    let account = machine.account(0, &entries);
    assert_eq!(account.idle, Usd::ZERO);
    assert_eq!(account.unpriced, account.charge.unwrap() - account.attempts);
}

#[test]
fn a_ledger_line_that_no_bill_knows_is_unexplained() {
    let machine = on_demand_machine(3600, vec![(0, 3_600_000, 2, false)]);
    let entries = machine.entries(0);
    let found = reconcile(&[], &[], &entries);
    assert_eq!(found.unexplained, -Summary::of(&entries).cost);
}

#[test]
fn a_ledger_priced_by_other_facts_than_the_account_is_unexplained() {
    let mut machine = on_demand_machine(3600, vec![(0, 3_600_000, 2, false)]);
    let entries = machine.entries(0);
    machine.spot = true;
    assert_ne!(machine.account(0, &entries).unexplained, Usd::ZERO);
}

#[test]
fn strangers_are_idle_unless_attempts_with_an_unknown_host_may_have_run_there() {
    let bill = [(BilledResource::Instance("i-strange".into()), Usd::from_nanos(77))];
    assert_eq!(reconcile(&bill, &[], &[]).idle, Usd::from_nanos(77));
    let lost = Facts { instance: None, ..Facts::spot() };
    let entry = lost.settle(&attempt(between(0, 60), AttemptEnd::Succeeded));
    assert_eq!(entry.unpriced(), Some(Unpriced::HostUnknown));
    let found = reconcile(&bill, &[], &[entry]);
    assert_eq!((found.idle, found.unpriced), (Usd::ZERO, Usd::from_nanos(77)));
}

#[test]
fn a_vanished_instance_that_the_bill_knows_better_is_listed_as_unpriced() {
    let mut machine = on_demand_machine(1800, vec![]);
    machine.spot = true;
    machine.end = InstanceEnd::Unknown;
    let account = machine.account(0, &[]);
    let bill = [(account.resource.clone(), Usd::ZERO)];
    let found = reconcile(&bill, std::slice::from_ref(&account), &[]);
    assert_eq!((found.unexplained, found.unpriced), (Usd::ZERO, -account.charge.unwrap()));
}

/// It was last seen before an attempt on it ended, while nobody looked.
#[test]
fn a_vanished_instance_lived_as_long_as_what_ran_on_it() {
    let mut machine = on_demand_machine(60, vec![(0, 3_600_000, 2, false)]);
    machine.end = InstanceEnd::Unknown;
    let entries = machine.entries(0);
    let account = machine.account(0, &entries);
    assert_eq!(account.unexplained, Usd::ZERO, "{account:?}");
    assert!(account.charge.unwrap() > account.attempts);
}

#[test]
fn pulling_the_image_and_the_minimum_minute_of_a_fargate_task_are_idle() {
    let list = FargatePrice {
        region: "us-east-1".into(),
        architecture: "x86_64".into(),
        vcpu_hour: price("0.0360000000"),
        gib_hour: price("0.0036000000"),
        effective_from: launch(),
    };
    let one = Resources { vcpu_millis: 1000, memory_mib: 1024, gpus: 0 };
    let mut record = attempt(between(20, 45), AttemptEnd::Succeeded);
    record.capacity = Capacity::Fargate;
    record.resources = Some(one);
    let evidence = spotcron::ledger::Evidence { fargate: Some(&list), ..Default::default() };
    let entry = settle(&record, &evidence).unwrap();
    let mut task = TaskFacts {
        task_arn: "task/1".into(),
        pull_started_at: Some(after(0)),
        stopped_at: after(46),
        resources: one,
    };
    // 0.0000110 a second: 60 s billed, 25 s of them the attempt's.
    let hosted = Hosted { entry: &entry, on_demand_discount: Ppm::ZERO };
    let account = task_account(&task, Some(list.rate()), Some(hosted));
    assert_eq!(account.charge, Some(Usd::from_nanos(660_000)));
    assert_eq!(account.attempts, Usd::from_nanos(275_000));
    assert_eq!(account.idle, Usd::from_nanos(385_000));
    assert_eq!((account.rounding, account.unexplained), (Usd::ZERO, Usd::ZERO));
    task.pull_started_at = None;
    let unknown = task_account(&task, Some(list.rate()), Some(hosted));
    let bill = [(unknown.resource.clone(), Usd::from_nanos(660_000))];
    let found = reconcile(&bill, &[unknown], &[entry]);
    assert_eq!((found.unpriced, found.unexplained), (Usd::from_nanos(385_000), Usd::ZERO));
}

#[test]
fn a_container_with_all_gpus_pays_for_the_whole_and_leaves_negative_idle_to_its_neighbour() {
    let gpu_shape = InstanceShape { gpus: 1, ..shape(VCPUS, 32) };
    let facts = Facts { shape: Some(gpu_shape), ..Facts::on_demand() };
    let on = |gpus| {
        let mut record = attempt(between(0, 3600), AttemptEnd::Succeeded);
        record.resources = Some(Resources { gpus, ..resources(2, 8) });
        facts.settle(&record)
    };
    let entries = [on(1), on(0)];
    let hosted = entries.each_ref().map(|entry| Hosted { entry, on_demand_discount: Ppm::ZERO });
    let gone = ended(instance(Lifecycle::OnDemand), 3600, InstanceEnd::Requested);
    let rate = InstanceRate::OnDemand(price("0.40"));
    let account = instance_account(&gone, Some(rate), &hosted, 0, after(3600));
    assert!(account.idle.is_negative());
    assert_eq!(account.unexplained, Usd::ZERO);
}
