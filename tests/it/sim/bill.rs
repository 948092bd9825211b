//! The bill, against sums made second by second from what the ports show.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use spotcron::domain::{BatchStatus, Capacity, InstanceEnd, InstanceFacts, Usd, Window};
use spotcron::market::PricePoint;
use spotcron::ports::{InstanceDirectory, SpotPriceSource};
use spotcron::sim::{PriceMode, Scenario};

use super::account::*;

/// Nano-USD of a stay, summed over its seconds, each at its own price, rounded half to even once.
fn naive(points: &[PricePoint], from: Timestamp, to: Timestamp, by_hour: bool) -> i128 {
    let mut units = 0i128;
    for second in from.as_second()..to.as_second() {
        let into = second - from.as_second();
        let priced = if by_hour { from.as_second() + into / 3600 * 3600 } else { second };
        let before = points.iter().filter(|p| p.effective_from.as_second() <= priced);
        let price = before.max_by_key(|p| p.effective_from).unwrap().price;
        units += i128::from(price.units());
    }
    let (whole, rest) = (units / 36_000, units % 36_000);
    match (rest * 2).cmp(&36_000) {
        std::cmp::Ordering::Less => whole,
        std::cmp::Ordering::Equal => whole + whole % 2,
        std::cmp::Ordering::Greater => whole + 1,
    }
}

#[test]
fn price_changes_in_a_life_are_billed_to_the_second_or_by_the_hour() {
    for mode in [PriceMode::Continuous, PriceMode::InstanceHour] {
        let mut scenario = calm();
        scenario.market.change_hours = [0.5, 0.5];
        scenario.market.volatility = 0.2;
        scenario.market.price_mode = mode;
        let account = Account::new(scenario, 1);
        let begin = account.now();
        let id = account.start(SPOT, "long", "long");
        account.until(&id, BatchStatus::Succeeded);
        account.pass(600);
        let bill = account.cloud.bill(account.now());
        let [line] = &bill.lines[..] else { panic!("{bill:?}") };
        let points = account.prices(begin, account.now());
        assert!(points.len() > 5, "{}", points.len());
        let expected = naive(&points, line.from, line.to, mode == PriceMode::InstanceHour);
        assert_eq!((line.charge.nanos(), line.open, line.free), (expected, false, false));
        assert_eq!(bill.total, line.charge);
    }
}

#[test]
fn spot_is_free_when_reclaimed_in_its_first_hour_only() {
    for (age, free) in [(3479, true), (3481, false)] {
        let mut scenario = calm();
        scenario.market.notice_share = 1.0;
        let account = Account::new(scenario, 2);
        let id = account.start(SPOT, "long", "long");
        let running = account.until(&id, BatchStatus::Running);
        let launched = account.host(&running).launched_at;
        account.clock.advance_to(launched + SignedDuration::from_secs(age));
        account.crunch(3600);
        account.pass(300);
        let bill = account.cloud.bill(account.now());
        let line = &bill.lines[0];
        let lived = line.to.duration_since(line.from);
        assert_eq!(lived.as_secs(), age + 120);
        assert_eq!((line.free, line.charge == Usd::ZERO), (free, free), "at {lived}");
    }
}

#[test]
fn on_demand_is_billed_at_list_price_and_open_lines_up_to_the_asked_time() {
    let account = Account::new(calm(), 3);
    let id = account.start(ON_DEMAND, "hour", "hour");
    let running = account.until(&id, BatchStatus::Running);
    let launched = account.host(&running).launched_at;
    let until = launched + SignedDuration::from_secs(1800);
    account.clock.advance_to(until);
    let bill = account.cloud.bill(until);
    assert_eq!(bill.total.to_string(), "0.096000");
    assert!(bill.lines[0].open);
    let sooner = account.cloud.bill(launched + SignedDuration::from_secs(1));
    // A minute at least: 0.192 / 60.
    assert_eq!(sooner.total.to_string(), "0.003200");
    account.pass(7200);
    assert_eq!(account.cloud.bill(until).total, bill.total, "a past bill stays the same");
    assert_eq!(account.cloud.bill(launched).lines, []);
}

#[test]
fn fargate_is_billed_from_the_image_pull_by_vcpu_and_memory() {
    for (queue, percent) in [(FARGATE, 100), (FARGATE_SPOT, 30)] {
        let account = Account::new(calm(), 4);
        let id = account.start(queue, "hour", "task");
        account.until(&id, BatchStatus::Succeeded);
        let bill = account.cloud.bill(account.now());
        let line = &bill.lines[0];
        assert_eq!(line.instance_type, "fargate");
        let seconds = i128::from(line.to.duration_since(line.from).as_secs());
        assert!((3600..3700).contains(&seconds), "{seconds}");
        // 1 vCPU and 2 GiB: 0.04048 + 2 × 0.004445 USD an hour.
        let thousandths = 49_370_000i128 * seconds * percent * 10 / 3600;
        assert!((line.charge.nanos() * 1000 - thousandths).abs() <= 501, "{}", line.charge);
    }
}

/// Every instance of a busy day, as the ports showed it.
fn busy_day(account: &Account) -> BTreeMap<String, InstanceFacts> {
    let mut seen: BTreeMap<String, InstanceFacts> = BTreeMap::new();
    for step in 0..24 * 20 {
        let queue = ["demo-spot-general", "demo-spot-memory", "demo-on-demand-memory"][step % 3];
        account.start(queue, ["demo-report", "demo-urgent"][step % 2], &format!("job-{step}"));
        account.pass(180);
        for facts in account.cloud.running_instances() {
            seen.insert(facts.id.to_string(), facts);
        }
        let ids: Vec<_> = seen.values().map(|facts| facts.id.clone()).collect();
        for facts in ready(account.cloud.instances(&account.site, &ids)).unwrap() {
            seen.insert(facts.id.to_string(), facts);
        }
    }
    seen
}

#[test]
fn every_line_of_a_busy_day_follows_from_what_the_ports_show() {
    let mut scenario = Scenario::demo().unwrap();
    for environment in &mut scenario.compute_environments {
        (environment.reclaim_scale, environment.recovery_scale) = (Some(3.0), Some(3.0));
    }
    let account = Account::new(scenario, 6);
    let begin = account.now();
    let seen = busy_day(&account);
    let now = account.now();
    let bill = account.cloud.bill(now);
    assert_eq!(bill.total, bill.lines.iter().map(|line| line.charge).sum());
    let window = Window::new(begin, now);
    let (mut spot, mut free) = (0, 0);
    for line in &bill.lines {
        // An instance that lived and died between two looks was reclaimed while booting.
        let Some(facts) = seen.get(&line.resource) else {
            assert!(line.free, "{line:?}");
            continue;
        };
        assert_eq!(
            (facts.launched_at, facts.ended_at),
            (line.from, (!line.open).then_some(line.to))
        );
        let lived = line.to.duration_since(line.from).as_secs();
        let early = facts.end == Some(InstanceEnd::Reclaimed) && lived < 3600;
        assert_eq!(line.free, early);
        free += usize::from(early);
        if line.capacity != Capacity::Spot || early {
            assert_eq!(line.charge == Usd::ZERO, early);
            continue;
        }
        spot += 1;
        let types = [facts.instance_type.clone()];
        let mut points = ready(account.cloud.spot_prices(&account.site, &types, window)).unwrap();
        points.retain(|point| point.pool.zone == facts.zone);
        let to = line.to.max(line.from + SignedDuration::from_mins(1));
        assert_eq!(line.charge.nanos(), naive(&points, line.from, to, false), "{line:?}");
    }
    assert!(spot > 15 && free > 15, "{spot} {free}");
}
