//! A price as a step function of time.

use jiff::Timestamp;

use crate::domain::{Accrual, UsdPerHour, Window};

/// Change points in time order; a price holds from its point until the next one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PriceSeries {
    points: Vec<(Timestamp, UsdPerHour)>,
}

impl PriceSeries {
    /// From points in any order. Of two points at one time the later in the input wins; a point
    /// that repeats the price before it is dropped.
    pub fn from_points(points: impl IntoIterator<Item = (Timestamp, UsdPerHour)>) -> Self {
        let mut sorted: Vec<_> = points.into_iter().collect();
        sorted.sort_by_key(|(at, _)| *at);
        let mut series = PriceSeries { points: Vec::with_capacity(sorted.len()) };
        for (at, price) in sorted {
            if series.points.last().is_some_and(|(last, _)| *last == at) {
                series.points.pop();
            }
            if series.points.last().is_none_or(|(_, last)| *last != price) {
                series.points.push((at, price));
            }
        }
        series
    }

    pub fn points(&self) -> &[(Timestamp, UsdPerHour)] {
        &self.points
    }

    /// The price in effect at `at`; `None` before the first known point.
    pub fn at(&self, at: Timestamp) -> Option<UsdPerHour> {
        let after = self.points.partition_point(|(from, _)| *from <= at);
        after.checked_sub(1).map(|last| self.points[last].1)
    }

    /// Price × time over `window`; `None` when the price at its start is unknown.
    pub fn accrue(&self, window: Window) -> Option<Accrual> {
        if window.is_empty() {
            return Some(Accrual::ZERO);
        }
        let mut price = self.at(window.start)?;
        let mut from = window.start;
        let mut total = Accrual::ZERO;
        let next = self.points.partition_point(|(at, _)| *at <= window.start);
        for (at, next_price) in self.points[next..].iter().take_while(|(at, _)| *at < window.end) {
            total += Accrual::of(price, Window::new(from, *at).millis());
            (from, price) = (*at, *next_price);
        }
        Some(total + Accrual::of(price, Window::new(from, window.end).millis()))
    }
}
