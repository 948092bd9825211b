//! Capacity that a commitment pays for whether it is used or not: Savings Plans, Reserved Instances.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::Environment;
use crate::domain::Window;

const MINUTE_MILLIS: i64 = 60_000;
const DAY_MINUTES: i64 = 24 * 60;
const DAY_MILLIS: i64 = DAY_MINUTES * MINUTE_MILLIS;

/// Hours of the week in which vCPUs of an environment are paid for and would be idle: what runs on them
/// then costs nothing at the margin. A moment is covered while the clocks of `time_zone` show a time of
/// the hours, whatever they do in nights when they change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covered {
    /// How much of the environment, in thousandths of a vCPU.
    pub vcpu_millis: u64,
    /// Days on which the hours begin; never empty.
    pub days: Vec<Weekday>,
    /// The first minute of the day, 0..1440.
    pub from_minute: u16,
    /// The first minute after them, 1..=1440. At or before `from_minute` it is one of the next day.
    pub until_minute: u16,
    pub time_zone: TimeZone,
}

impl Environment {
    /// When within `window` the environment has `vcpu_millis` that are covered, by one of its entries
    /// alone: in order of time, apart from each other, to the millisecond.
    pub fn covered_within(&self, window: Window, vcpu_millis: u64) -> Vec<Window> {
        let entries = self.covered.iter().filter(|covered| covered.vcpu_millis >= vcpu_millis);
        let mut parts: Vec<Window> = entries.flat_map(|covered| covered.within(window)).collect();
        parts.sort_by_key(|part| part.start);
        let mut joined: Vec<Window> = Vec::with_capacity(parts.len());
        for part in parts {
            match joined.last_mut() {
                Some(last) if part.start <= last.end => last.end = last.end.max(part.end),
                _ => joined.push(part),
            }
        }
        joined
    }

    /// How much of the `billed` time of a run that begins at `start` is covered.
    pub fn covered_millis(
        &self,
        start: Timestamp,
        billed: SignedDuration,
        vcpu_millis: u64,
    ) -> i64 {
        // Sums over years of days are for those who have any.
        if self.covered.is_empty() {
            return 0;
        }
        let Ok(end) = start.checked_add(billed) else { return 0 };
        let parts = self.covered_within(Window::new(start, end), vcpu_millis);
        parts.iter().map(Window::millis).sum::<i64>().min(billed.as_millis() as i64)
    }
}

impl Covered {
    fn within(&self, window: Window) -> Vec<Window> {
        let mut parts = Vec::new();
        for (piece, offset_millis) in even_pieces(&self.time_zone, window) {
            // Clocks as if they were UTC: between two changes they run as time does.
            let (start, end) =
                (millis(piece.start) + offset_millis, millis(piece.end) + offset_millis);
            let (from, until) = (i64::from(self.from_minute), i64::from(self.until_minute));
            let until = if until > from { until } else { until + DAY_MINUTES };
            // The hours of the day before may reach into the first day.
            for day in start.div_euclid(DAY_MILLIS) - 1..=end.div_euclid(DAY_MILLIS) {
                if !self.days.contains(&weekday(day)) {
                    continue;
                }
                let from = (day * DAY_MILLIS + from * MINUTE_MILLIS).max(start);
                let until = (day * DAY_MILLIS + until * MINUTE_MILLIS).min(end);
                let at = |local: i64| Timestamp::from_millisecond(local - offset_millis).ok();
                if let (true, Some(from), Some(until)) = (from < until, at(from), at(until)) {
                    parts.push(Window::new(from, until));
                }
            }
        }
        parts
    }
}

fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// Of a day counted from 1970-01-01, which was a Thursday.
fn weekday(day: i64) -> Weekday {
    Weekday::Thursday.wrapping_add(day.rem_euclid(7))
}

/// `window` cut where clocks change, each part with what its clocks are ahead of UTC.
fn even_pieces(zone: &TimeZone, window: Window) -> Vec<(Window, i64)> {
    let changes = zone.following(window.start).map(|change| change.timestamp());
    let inside = changes.take_while(|at| *at < window.end);
    let mut pieces = Vec::new();
    let mut start = window.start;
    for end in inside.chain([window.end]) {
        let offset = i64::from(zone.to_offset(start).seconds()) * 1000;
        pieces.push((Window::new(start, end), offset));
        start = end;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nights(zone: &str, from_minute: u16, until_minute: u16, days: &[Weekday]) -> Covered {
        Covered {
            vcpu_millis: 8000,
            days: days.to_vec(),
            from_minute,
            until_minute,
            time_zone: TimeZone::get(zone).unwrap(),
        }
    }

    fn window(start: &str, end: &str) -> Window {
        Window::new(start.parse().unwrap(), end.parse().unwrap())
    }

    const FRIDAY: &[Weekday] = &[Weekday::Friday];

    #[test]
    fn hours_over_midnight_belong_to_the_day_on_which_they_begin() {
        // 2026-11-27 is a Friday; Berlin is one hour ahead of UTC.
        let covered = nights("Europe/Berlin", 22 * 60, 6 * 60, FRIDAY);
        let week = window("2026-11-25T12:00:00Z", "2026-12-02T12:00:00Z");
        let night = window("2026-11-27T21:00:00Z", "2026-11-28T05:00:00Z");
        assert_eq!(covered.within(week), [night]);
        let late = window("2026-11-28T04:59:59.250Z", "2026-11-28T09:00:00Z");
        assert_eq!(covered.within(late)[0].millis(), 750);
    }

    #[test]
    fn a_night_in_which_clocks_change_is_as_long_as_they_show_its_hours() {
        // Put forward on Sunday 2026-03-29 at 02:00, back on Sunday 2026-10-25 at 03:00.
        let saturday = &[Weekday::Saturday];
        let hours = |covered: &Covered, from: &str, until: &str| {
            covered.within(window(from, until)).iter().map(Window::millis).sum::<i64>()
                / MINUTE_MILLIS
        };
        let night = nights("Europe/Berlin", 22 * 60, 6 * 60, saturday);
        assert_eq!(hours(&night, "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z"), 7 * 60);
        assert_eq!(hours(&night, "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z"), 9 * 60);
        // Half past two comes twice, or not at all.
        let late = nights("Europe/Berlin", 150, 180, &[Weekday::Sunday]);
        assert_eq!(hours(&late, "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z"), 60);
        assert_eq!(hours(&late, "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z"), 0);
    }
}
