//! Calendars: days and windows.

use std::collections::BTreeSet;

use super::names::check_name;
use super::schedule::check_zone;
use super::{Known, Scope};
use crate::catalogue::raw::{RawCalendar, RawWindow};
use crate::catalogue::read::Entry;
use crate::diagnostic::Diagnostic;
use crate::document::Day;
use crate::domain::CalendarName;
use crate::schedule::{Calendar, ClosedWindow};

/// The calendar, with every problem noted.
pub(super) fn check(
    entry: &Entry<RawCalendar>,
    known: &mut Known<'_>,
    findings: &mut Vec<Diagnostic>,
) -> Option<Calendar> {
    let raw = &entry.raw;
    let mut scope = Scope::new(&entry.source, "calendar", &raw.name, findings);
    let name = check_name(&raw.name, &mut scope);
    let time_zone = raw.time_zone.as_ref().map(|zone| check_zone(Some(zone), known, &mut scope));
    let (mut dates, mut yearly) = (BTreeSet::new(), BTreeSet::new());
    for day in raw.dates.iter().flat_map(|list| &list.value) {
        match day.value {
            Day::Of(date) => {
                dates.insert(date);
            }
            Day::Yearly { month, day } => {
                yearly.insert((month, day));
            }
        }
    }
    let weekdays: Vec<_> =
        raw.weekdays.iter().flat_map(|list| &list.value).map(|day| day.value.0).collect();
    let windows = raw.windows.iter().flat_map(|list| &list.value);
    let windows: Vec<_> =
        windows.filter_map(|window| check_window(&window.value, &mut scope)).collect();
    let empty = dates.is_empty() && yearly.is_empty() && weekdays.is_empty() && windows.is_empty();
    if empty && !["dates", "weekdays", "windows"].iter().any(|key| raw.written.contains(key)) {
        let hint = "add `dates`, `weekdays` or `windows`";
        scope.error("empty-calendar", &raw.table_span, "it excludes nothing", hint);
    }
    let name = CalendarName::new(name?);
    // Named, but not found: noted above.
    let time_zone = match time_zone {
        Some(found) => Some(found?),
        None => None,
    };
    Some(Calendar { name, time_zone, dates, yearly, weekdays, windows })
}

fn check_window(raw: &RawWindow, scope: &mut Scope<'_>) -> Option<ClosedWindow> {
    let (from, until) = (raw.from.as_ref()?, raw.until.as_ref()?);
    // In one zone, whichever: both are shifted alike.
    let zone = jiff::tz::TimeZone::UTC;
    if from.value.in_zone(&zone) >= until.value.in_zone(&zone) {
        let problem = "`until` is not after `from`: the window excludes nothing";
        scope.error("empty-window", &until.span, problem, "correct one of the two");
        return None;
    }
    Some(ClosedWindow { from: from.value, until: until.value })
}
