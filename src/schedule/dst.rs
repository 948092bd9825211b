//! What becomes of a cron expression's clock times on the nights when clocks change.
//!
//! The usual rule is Vixie cron's (`cron(8)`, "daylight saving time and other time changes"): a job at
//! fixed hours runs at the end of a gap that swallowed its time, and once on a repeated hour; a job
//! whose hour is a wildcard or a step follows elapsed time. croner alone keeps to it for one time
//! only: of `15,45 2 * * *` it loses both on a night without 2 o'clock.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use serde::Serialize;

use super::{Cron, CronReader};

/// Which rule holds on nights when clocks change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DstRule {
    /// Vixie cron's: nothing named is lost, nothing named runs twice.
    #[default]
    Vixie,
    /// EventBridge Scheduler's: a clock time that does not exist is left out, and one that comes
    /// twice counts the first time, for wildcards too (EventBridge Scheduler User Guide, "Daylight
    /// savings time").
    Skip,
}

/// The first moment strictly after `after` that `cron` names in `zone`.
///
/// Several clock times that one gap swallows become one moment, its end.
pub fn next_after(
    cron: &Cron,
    zone: &TimeZone,
    rule: DstRule,
    after: Timestamp,
) -> Option<Timestamp> {
    let reader = cron.reader()?;
    match rule {
        DstRule::Vixie if cron.follows_elapsed_time() => by_elapsed_time(&reader, zone, after),
        _ => by_clock(&reader, zone, rule, after),
    }
}

/// Between two changes of the offset, clock time and elapsed time go together: the search goes from
/// one such stretch to the next.
fn by_elapsed_time(cron: &CronReader, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
    let (mut from, mut inclusive) = (after, false);
    loop {
        let offset = zone.to_offset(from);
        let clock = whole_seconds(offset.to_datetime(from));
        let at = offset.to_timestamp(cron.next_civil(clock, inclusive)?).ok()?;
        match zone.following(from).next().map(|change| change.timestamp()) {
            Some(change) if at >= change => (from, inclusive) = (change, true),
            _ => return Some(at),
        }
    }
}

/// Each clock time becomes at most one moment, and later ones never an earlier moment.
fn by_clock(
    cron: &CronReader,
    zone: &TimeZone,
    rule: DstRule,
    after: Timestamp,
) -> Option<Timestamp> {
    let mut clock = whole_seconds(zone.to_datetime(after));
    loop {
        clock = cron.next_civil(clock, false)?;
        let at = match zone.to_ambiguous_timestamp(clock).offset() {
            AmbiguousOffset::Unambiguous { offset } => Some(offset.to_timestamp(clock).ok()?),
            AmbiguousOffset::Fold { before, .. } => Some(before.to_timestamp(clock).ok()?),
            AmbiguousOffset::Gap { after, .. } if rule == DstRule::Vixie => {
                end_of_gap(zone, clock, after)
            }
            AmbiguousOffset::Gap { .. } => None,
        };
        // On the second pass of a repeated hour the clock names moments of the first.
        if let Some(at) = at.filter(|at| *at > after) {
            return Some(at);
        }
    }
}

/// Read with the offset that holds after it, a clock time in a gap lies before the gap.
fn end_of_gap(zone: &TimeZone, clock: DateTime, after: Offset) -> Option<Timestamp> {
    let before_the_gap = after.to_timestamp(clock).ok()?;
    zone.following(before_the_gap).next().map(|change| change.timestamp())
}

/// Expressions name whole seconds.
fn whole_seconds(clock: DateTime) -> DateTime {
    clock.with().subsec_nanosecond(0).build().unwrap_or(clock)
}
