//! Calendars of times at which nothing is scheduled: holidays, freezes.

use std::collections::BTreeSet;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::domain::{CalendarName, Moment};

/// A stretch of time, from `from` until just before `until`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedWindow {
    pub from: Moment,
    pub until: Moment,
}

/// Times that jobs which name it in `exclude` leave out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    pub name: CalendarName,
    /// Where its days and clock times are; without one, where each job is.
    pub time_zone: Option<TimeZone>,
    pub dates: BTreeSet<Date>,
    /// Days of every year: month and day.
    pub yearly: BTreeSet<(i8, i8)>,
    pub weekdays: Vec<Weekday>,
    pub windows: Vec<ClosedWindow>,
}

impl Calendar {
    /// Until when `at` is excluded, if it is. That moment itself may be excluded by another rule.
    pub fn excluded_until(&self, at: Timestamp, job_zone: &TimeZone) -> Option<Timestamp> {
        let zone = self.time_zone.as_ref().unwrap_or(job_zone);
        let day = zone.to_datetime(at).date();
        let named = self.dates.contains(&day)
            || self.yearly.contains(&(day.month(), day.day()))
            || self.weekdays.contains(&day.weekday());
        let end_of_day = || {
            let next = day.checked_add(1.day()).ok()?;
            zone.to_timestamp(next.to_datetime(Time::midnight())).ok()
        };
        let by_day = named.then(end_of_day).flatten();
        let by_window = self.windows.iter().filter_map(|window| {
            let (from, until) = (window.from.in_zone(zone)?, window.until.in_zone(zone)?);
            (from <= at && at < until).then_some(until)
        });
        by_day.into_iter().chain(by_window).max()
    }
}
