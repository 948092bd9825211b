//! A slow, obviously right reference: it walks the instance's life millisecond by millisecond or
//! second by second, looks each price up by scanning, and adds fractions. It shares no arithmetic
//! with the product.

use jiff::Timestamp;
use proptest::prelude::*;
use spotcron::cost::PriceMode;
use spotcron::domain::{
    Accrual, AttemptEnd, InstanceEnd, InstanceFacts, Lifecycle, Resources, UsdPerHour, Window,
};
use spotcron::ledger::{EntryState, Priced};
use spotcron::market::PriceSeries;

use super::fixture::{Facts, after, after_millis, attempt, instance, launch, shape};

/// A fraction of a nano-dollar sum, never reduced: price units × milliseconds × weight, over
/// `10 · 3,600,000 · whole`.
struct Owed {
    num: i128,
    den: i128,
}

impl Owed {
    /// Half to even, by comparing twice the rest with the denominator.
    fn rounded(&self) -> i128 {
        let down = self.num / self.den;
        let twice_rest = 2 * (self.num - down * self.den);
        if twice_rest > self.den || (twice_rest == self.den && down % 2 == 1) {
            down + 1
        } else {
            down
        }
    }
}

/// Price points as seconds after launch, in any order; the last of equal times wins.
#[derive(Debug)]
struct Case {
    points: Vec<(i64, i64)>,
    mode: PriceMode,
    started_millis: i64,
    stopped_millis: i64,
    instance_secs: i64,
    resources: Resources,
    vcpus: u32,
    gib: u32,
    on_demand_units: i64,
}

impl Case {
    fn price_at(&self, secs: i64) -> Option<i64> {
        let mut best: Option<(i64, i64)> = None;
        for (at, units) in &self.points {
            if *at <= secs && best.is_none_or(|(known, _)| *at >= known) {
                best = Some((*at, *units));
            }
        }
        best.map(|(_, units)| units)
    }

    /// CPU counts nine times as much as memory; a reservation above the whole is the whole.
    fn weight(&self) -> (i128, i128) {
        let cpu = 9 * i128::from(self.resources.vcpu_millis) * 1024;
        let reserved = cpu + i128::from(self.resources.memory_mib) * 1000;
        let whole = (9 * i128::from(self.vcpus) + i128::from(self.gib)) * 1000 * 1024;
        (reserved.min(whole), whole)
    }

    /// Spot and on-demand cost, one second of the instance's life at a time.
    fn owed(&self) -> Option<(i128, i128)> {
        let (weight, whole) = self.weight();
        let (mut spot, mut on_demand) = (0i128, 0i128);
        for second in 0..self.instance_secs {
            let (from, to) = (second * 1000, second * 1000 + 1000);
            let millis = (self.stopped_millis.min(to) - self.started_millis.max(from)).max(0);
            if millis == 0 {
                continue;
            }
            let priced_at = match self.mode {
                PriceMode::Continuous => second,
                PriceMode::InstanceHour => second / 3600 * 3600,
            };
            spot += i128::from(self.price_at(priced_at)?) * i128::from(millis) * weight;
            on_demand += i128::from(self.on_demand_units) * i128::from(millis) * weight;
        }
        let den = 10 * 3_600_000 * whole;
        Some((Owed { num: spot, den }.rounded(), Owed { num: on_demand, den }.rounded()))
    }

    fn settled(&self) -> EntryState {
        let spot =
            self.points.iter().map(|(secs, units)| (after(*secs), UsdPerHour::from_units(*units)));
        let facts = Facts {
            instance: Some(InstanceFacts {
                ended_at: Some(after(self.instance_secs)),
                end: Some(InstanceEnd::Requested),
                ..instance(Lifecycle::Spot)
            }),
            shape: Some(shape(self.vcpus, self.gib)),
            spot: Some(PriceSeries::from_points(spot)),
            mode: self.mode,
            on_demand: Some(UsdPerHour::from_units(self.on_demand_units)),
        };
        let window =
            Window::new(after_millis(self.started_millis), after_millis(self.stopped_millis));
        let mut record = attempt(window, AttemptEnd::Succeeded);
        record.resources = Some(self.resources);
        facts.settle(&record).state
    }
}

prop_compose! {
    fn any_case()(
        points in proptest::collection::vec((-5000i64..9000, 1i64..40_000_000_000), 1..12),
        by_hour in any::<bool>(),
        started_millis in -60_000i64..9_000_000,
        length in 0i64..9_000_000,
        instance_secs in 1i64..9000,
        vcpu_quarters in 1u32..70,
        memory_mib in 1u32..70_000,
        vcpus in 1u32..64,
        gib in 1u32..256,
        on_demand_units in 1i64..40_000_000_000,
    ) -> Case {
        Case {
            points,
            mode: if by_hour { PriceMode::InstanceHour } else { PriceMode::Continuous },
            started_millis,
            stopped_millis: started_millis + length,
            instance_secs,
            resources: Resources { vcpu_millis: vcpu_quarters * 250, memory_mib, gpus: 0 },
            vcpus,
            gib,
            on_demand_units,
        }
    }
}

proptest! {
    #[test]
    fn settling_equals_the_reference_to_the_nano(case in any_case()) {
        match (case.settled(), case.owed()) {
            (EntryState::Final(Priced { cost, on_demand, .. }), Some(owed)) => {
                prop_assert_eq!((cost.nanos(), on_demand.nanos()), owed);
            }
            (EntryState::Unpriced { .. }, None) => {}
            (settled, owed) => prop_assert!(false, "{:?} against {:?}", settled, owed),
        }
    }

    /// However an attempt's time is cut in pieces, the unrounded sums agree.
    #[test]
    fn accruals_add_up_over_any_cut(
        points in proptest::collection::vec((-5000i64..9000, 1i64..40_000_000_000), 1..12),
        mut cuts in proptest::collection::vec(0i64..9_000_000, 2..8),
    ) {
        let series = PriceSeries::from_points(
            points
                .iter()
                .map(|(secs, units)| (after(*secs), UsdPerHour::from_units(*units)))
                .chain([(after(-6000), UsdPerHour::from_units(7))]),
        );
        cuts.sort_unstable();
        let at = |millis: &i64| -> Timestamp { after_millis(*millis) };
        let whole = Window::new(at(&cuts[0]), at(cuts.last().unwrap()));
        for mode in [PriceMode::Continuous, PriceMode::InstanceHour] {
            let accrue = |window| spotcron::cost::spot_accrual(&series, mode, window, launch());
            let pieces: Option<Vec<_>> =
                cuts.windows(2).map(|pair| accrue(Window::new(at(&pair[0]), at(&pair[1])))).collect();
            prop_assert_eq!(accrue(whole), Some(pieces.unwrap().into_iter().sum()));
            // And so do those that a person is shown, which leave nothing out and say nothing twice.
            let shown = spotcron::cost::spot_pieces(&series, mode, whole, launch()).unwrap();
            let sum = shown.iter().map(|(piece, price)| Accrual::of(*price, piece.millis())).sum();
            prop_assert_eq!(accrue(whole), Some(sum));
            let ends = shown.windows(2).all(|two| two[0].0.end == two[1].0.start && two[0].1 != two[1].1);
            prop_assert!(ends, "{:?}", shown);
        }
    }
}
