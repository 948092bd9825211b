//! What the simulated account is billed: per instance and per Fargate task, from their own times and
//! the market's own prices. Shares no arithmetic with the ledger, so that the two can be compared.

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::{Capacity, Usd, Zone};

use super::instance_types::FARGATE_PRICES;
use super::instant::{HOUR, MINUTE, Millis, SECOND, millis, timestamp, whole_second};
use super::market::{PoolIx, SpotMarket};
use super::scenario::PriceMode;

/// Units of 10⁻¹⁰ USD/h · s in one nano-USD.
const UNITS_PER_NANO: i128 = 10 * 3_600;

/// One instance or task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BillLine {
    /// An instance's id, or a Fargate task's ARN.
    pub resource: String,
    /// An instance type, or `fargate`.
    pub instance_type: String,
    pub zone: Zone,
    pub capacity: Capacity,
    pub from: Timestamp,
    /// The end, or for open lines the time up to which it is billed.
    pub to: Timestamp,
    /// Still running then.
    pub open: bool,
    /// Free of charge: EC2 took it back within its first hour.
    pub free: bool,
    pub charge: Usd,
}

/// The account's bill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bill {
    /// In the order of launch.
    pub lines: Vec<BillLine>,
    /// The exact sum of the lines.
    pub total: Usd,
}

/// What is billed for a resource.
#[derive(Debug, Clone)]
pub(crate) enum Tariff {
    /// Units of 10⁻¹⁰ USD an hour.
    OnDemand(i64),
    Spot(PoolIx),
    Fargate {
        vcpu_millis: u32,
        memory_mib: u32,
        percent: u32,
    },
}

/// One resource's use, as metered.
#[derive(Debug, Clone)]
pub(crate) struct Usage {
    pub(crate) resource: String,
    pub(crate) instance_type: String,
    pub(crate) zone: Zone,
    pub(crate) capacity: Capacity,
    pub(crate) tariff: Tariff,
    pub(crate) from: Millis,
    pub(crate) to: Option<Millis>,
    /// Ended by EC2.
    pub(crate) reclaimed: bool,
}

/// The bill up to `until`.
pub(crate) fn bill(
    usages: &[Usage],
    market: &SpotMarket,
    mode: PriceMode,
    until: Timestamp,
) -> Bill {
    let until = millis(until).div_euclid(SECOND) * SECOND;
    let begun = usages.iter().filter(|usage| usage.from < until);
    // A task that was stopped before its image pull is not billed.
    let billed = begun.filter(|usage| usage.to.is_none_or(|to| to > usage.from));
    let lines: Vec<_> = billed.map(|usage| line(usage, market, mode, until)).collect();
    let total = lines.iter().map(|line| line.charge.nanos()).sum();
    Bill { lines, total: Usd::from_nanos(total) }
}

fn line(usage: &Usage, market: &SpotMarket, mode: PriceMode, until: Millis) -> BillLine {
    let closed = usage.to.map(whole_second).filter(|to| *to <= until);
    let to = closed.unwrap_or(until);
    let is_spot = matches!(usage.tariff, Tariff::Spot(_));
    let free = closed.is_some() && is_spot && usage.reclaimed && to - usage.from < HOUR;
    let charge = if free { 0 } else { charge(usage, market, mode, to) };
    BillLine {
        resource: usage.resource.clone(),
        instance_type: usage.instance_type.clone(),
        zone: usage.zone.clone(),
        capacity: usage.capacity,
        from: timestamp(usage.from),
        to: timestamp(to),
        open: closed.is_none(),
        free,
        charge: Usd::from_nanos(charge),
    }
}

/// Nano-USD for `usage` up to `to`, as far as it is known at `until`; `None` where it is free. A first
/// minute that is cut costs its part of the minute.
pub(super) fn charge_until(
    usage: &Usage,
    market: &SpotMarket,
    mode: PriceMode,
    to: Millis,
    until: Millis,
) -> Option<i128> {
    let whole = line(usage, market, mode, until);
    let age = to - usage.from;
    match age < MINUTE {
        _ if whole.free => None,
        true => {
            let minute = charge(usage, market, mode, usage.from + MINUTE);
            Some(round_half_even(minute * i128::from(age), i128::from(MINUTE)))
        }
        false => Some(charge(usage, market, mode, to)),
    }
}

/// Nano-USD for `usage` up to `to`: per second, at least a minute.
fn charge(usage: &Usage, market: &SpotMarket, mode: PriceMode, to: Millis) -> i128 {
    let seconds = i128::from((to - usage.from).max(MINUTE) / SECOND);
    match usage.tariff {
        Tariff::OnDemand(price) => round_half_even(i128::from(price) * seconds, UNITS_PER_NANO),
        Tariff::Spot(pool) => {
            let pool = market.pool(pool);
            let raw = match mode {
                PriceMode::Continuous => continuous(pool.points(), usage.from, to),
                PriceMode::InstanceHour => by_instance_hour(|at| pool.price_at(at), usage.from, to),
            };
            round_half_even(raw, UNITS_PER_NANO)
        }
        Tariff::Fargate { vcpu_millis, memory_mib, percent } => {
            let (vcpu_hour, gib_hour) = fargate_prices();
            // One common denominator: thousandths of a vCPU, 1,024ths of a GiB, percents.
            let hourly = i128::from(vcpu_millis) * vcpu_hour * 1024
                + i128::from(memory_mib) * gib_hour * 1000;
            let den = UNITS_PER_NANO * 1000 * 1024 * 100;
            round_half_even(hourly * seconds * i128::from(percent), den)
        }
    }
}

/// x86_64's prices per vCPU-hour and GiB-hour in units of 10⁻¹⁰ USD.
fn fargate_prices() -> (i128, i128) {
    let units = |text: &str| {
        let price: Result<crate::domain::UsdPerHour, _> = text.parse();
        price.map_or(0, |price| i128::from(price.units()))
    };
    let (_, vcpu, gib) = FARGATE_PRICES[0];
    (units(vcpu), units(gib))
}

/// Sum over seconds of the price in effect; a life under a minute goes on at its last price.
fn continuous(points: &[(Millis, i64)], from: Millis, to: Millis) -> i128 {
    let mut raw = 0;
    let mut at = from;
    let mut next = points.partition_point(|(begin, _)| *begin <= from);
    let price_before = |next: usize| next.checked_sub(1).map_or(0, |ix| points[ix].1);
    while at < to {
        let end = points.get(next).map_or(to, |(begin, _)| whole_second(*begin).min(to));
        raw += i128::from(price_before(next)) * i128::from((end - at) / SECOND);
        at = end;
        if at < to {
            next += 1;
        }
    }
    let missing = (MINUTE - (to - from)).max(0) / SECOND;
    raw + i128::from(price_before(next)) * i128::from(missing)
}

/// Each instance-hour at the price in effect at its beginning.
fn by_instance_hour(price_at: impl Fn(Millis) -> Option<i64>, from: Millis, to: Millis) -> i128 {
    let to = to.max(from + MINUTE);
    let mut raw = 0;
    let mut at = from;
    while at < to {
        let end = (at + HOUR).min(to);
        raw += i128::from(price_at(at).unwrap_or(0)) * i128::from((end - at) / SECOND);
        at = end;
    }
    raw
}

/// The nearest integer to `num / den` (both positive), ties to the even one.
fn round_half_even(num: i128, den: i128) -> i128 {
    let (whole, twice_rest) = (num / den, num % den * 2);
    let up = twice_rest > den || (twice_rest == den && whole % 2 == 1);
    whole + i128::from(up)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_published_example_holds() {
        let price = |text: &str| text.parse::<crate::domain::UsdPerHour>().unwrap().units();
        let on_demand = i128::from(price("0.7960")) * 625;
        assert_eq!(round_half_even(on_demand, UNITS_PER_NANO), 138_194_444);
        let spot = continuous(&[(0, price("0.2526"))], 0, 625 * SECOND);
        assert_eq!(round_half_even(spot, UNITS_PER_NANO), 43_854_167);
    }

    #[test]
    fn a_life_under_a_minute_is_billed_as_one() {
        let points = [(0, 100), (30 * SECOND, 700)];
        assert_eq!(continuous(&points, 0, 10 * SECOND), 60 * 100);
        assert_eq!(continuous(&points, 0, 40 * SECOND), 30 * 100 + 30 * 700);
        assert_eq!(by_instance_hour(|_| Some(5), 0, SECOND), 60 * 5);
    }

    #[test]
    fn an_instance_hour_keeps_the_price_of_its_beginning() {
        let price = |at| Some(if at < HOUR + SECOND { 100 } else { 1 });
        let raw = by_instance_hour(price, 0, 2 * HOUR + MINUTE);
        assert_eq!(raw, 100 * 3600 + 100 * 3600 + 60);
    }

    proptest! {
        #[test]
        fn integrating_equals_summing_every_second(
            gaps in proptest::collection::vec((1i64..900, 1i64..9_999), 1..20),
            from in 0i64..3_000,
            life in 60i64..6_000,
        ) {
            let mut at = 0;
            let mut points = vec![(0, 1_234)];
            for (gap, price) in gaps {
                at += gap * SECOND;
                points.push((at, price));
            }
            let naive: i128 = (from..from + life)
                .map(|second| {
                    let mut price = 0;
                    for (begin, p) in &points {
                        if *begin <= second * SECOND { price = *p; }
                    }
                    i128::from(price)
                })
                .sum();
            prop_assert_eq!(continuous(&points, from * SECOND, (from + life) * SECOND), naive);
        }

        #[test]
        fn rounding_is_nearest_and_even(num in 0i128..100_000, den in 1i128..500) {
            let rounded = round_half_even(num, den);
            let twice_error = (num - rounded * den).abs() * 2;
            prop_assert!(twice_error <= den);
            prop_assert!(twice_error < den || rounded % 2 == 0);
        }
    }
}
