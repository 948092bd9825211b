//! A price as a step function of time.

use jiff::Timestamp;

use crate::domain::{Accrual, UsdPerHour, Window};

const HOUR_MILLIS: i64 = 3_600_000;

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
        let mut total = Accrual::ZERO;
        self.pieces(window, |piece, price| total += Accrual::of(price, piece.millis()))?;
        Some(total)
    }

    /// As [`PriceSeries::accrue`], but the price in effect when an hour of the instance begins
    /// (`launched_at` + k·3600 s) holds for that whole hour: how AWS's spot data feed writes its
    /// lines. `None` when the price at the start of any hour that `window` touches is unknown.
    pub fn accrue_by_hour(&self, window: Window, launched_at: Timestamp) -> Option<Accrual> {
        let mut total = Accrual::ZERO;
        let add = |piece: Window, price| total += Accrual::of(price, piece.millis());
        self.pieces_by_hour(window, launched_at, add)?;
        Some(total)
    }

    /// Each part of `window` with the price that holds in it, for [`PriceSeries::accrue`].
    pub fn pieces(&self, window: Window, mut each: impl FnMut(Window, UsdPerHour)) -> Option<()> {
        if window.is_empty() {
            return Some(());
        }
        let mut price = self.at(window.start)?;
        let mut from = window.start;
        let next = self.points.partition_point(|(at, _)| *at <= window.start);
        for (at, next_price) in self.points[next..].iter().take_while(|(at, _)| *at < window.end) {
            each(Window::new(from, *at), price);
            (from, price) = (*at, *next_price);
        }
        each(Window::new(from, window.end), price);
        Some(())
    }

    /// Each part of `window` with the price that holds in it, for [`PriceSeries::accrue_by_hour`].
    pub fn pieces_by_hour(
        &self,
        window: Window,
        launched_at: Timestamp,
        mut each: impl FnMut(Window, UsdPerHour),
    ) -> Option<()> {
        let launch = launched_at.as_millisecond();
        let (mut from, end) = (window.start.as_millisecond(), window.end.as_millisecond());
        while from < end {
            let hour = (from - launch).div_euclid(HOUR_MILLIS);
            let begins = launch + hour * HOUR_MILLIS;
            let until = end.min(begins + HOUR_MILLIS);
            let at = |millis| Timestamp::from_millisecond(millis).ok();
            each(Window::new(at(from)?, at(until)?), self.at(at(begins)?)?);
            from = until;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn series(points: &[(&str, &str)]) -> PriceSeries {
        PriceSeries::from_points(points.iter().map(|(t, p)| (at(t), p.parse().unwrap())))
    }

    fn hours(price: &str, count: i64) -> Accrual {
        Accrual::of(price.parse().unwrap(), count * HOUR_MILLIS)
    }

    #[test]
    fn a_change_inside_an_instance_hour_waits_for_the_next_one() {
        let series = series(&[("2026-01-01T00:00:00Z", "1"), ("2026-01-01T10:30:00Z", "2")]);
        let launched = at("2026-01-01T10:00:00Z");
        let two_hours = Window::new(launched, at("2026-01-01T12:00:00Z"));
        assert_eq!(series.accrue_by_hour(two_hours, launched), Some(hours("1", 1) + hours("2", 1)));
        let by_second = series.accrue(two_hours).unwrap();
        assert_eq!(by_second.raw() * 2, hours("1", 1).raw() + hours("2", 3).raw());
    }

    #[test]
    fn a_window_that_begins_within_an_hour_takes_the_price_at_the_hours_start() {
        let series = series(&[("2026-01-01T10:00:00Z", "1"), ("2026-01-01T10:30:00Z", "2")]);
        let launched = at("2026-01-01T10:00:00Z");
        let late = Window::new(at("2026-01-01T10:40:00Z"), at("2026-01-01T11:00:00Z"));
        let third = hours("1", 1).raw() / 3;
        assert_eq!(series.accrue_by_hour(late, launched).map(Accrual::raw), Some(third));
    }

    #[test]
    fn an_hour_that_began_before_the_first_known_price_is_unknown() {
        let series = series(&[("2026-01-01T10:30:00Z", "2")]);
        let launched = at("2026-01-01T10:00:00Z");
        let late = Window::new(at("2026-01-01T10:40:00Z"), at("2026-01-01T11:00:00Z"));
        assert_eq!(series.accrue_by_hour(late, launched), None);
        assert!(series.accrue(late).is_some());
    }

    #[test]
    fn an_empty_window_costs_nothing_even_where_no_price_is_known() {
        let launched = at("2026-01-01T10:00:00Z");
        let empty = Window::new(launched, launched);
        let unknown = PriceSeries::default();
        assert_eq!(unknown.accrue(empty), Some(Accrual::ZERO));
        assert_eq!(unknown.accrue_by_hour(empty, launched), Some(Accrual::ZERO));
    }
}
