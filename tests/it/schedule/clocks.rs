//! Nights when clocks change, against an oracle that walks through every second of them.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use proptest::prelude::*;
use spotcron::schedule::{Cron, DstRule, next_after};

use crate::samples::at;

fn due_between(cron: &str, zone: &str, rule: DstRule, from: &str, to: &str) -> Vec<String> {
    let zone = TimeZone::get(zone).unwrap();
    let local = |at: Timestamp| at.to_zoned(zone.clone()).strftime("%H:%M %:z").to_string();
    between(&cron.parse().unwrap(), &zone, rule, at(from), at(to)).into_iter().map(local).collect()
}

/// All moments in `(from, to]`.
fn between(
    cron: &Cron,
    zone: &TimeZone,
    rule: DstRule,
    from: Timestamp,
    to: Timestamp,
) -> Vec<Timestamp> {
    let next = |after: &Timestamp| next_after(cron, zone, rule, *after);
    std::iter::successors(next(&from), next).take_while(|at| *at <= to).collect()
}

/// 29 March 2026 in Berlin: 02:00 becomes 03:00.
fn gap(cron: &str, rule: DstRule) -> Vec<String> {
    due_between(cron, "Europe/Berlin", rule, "2026-03-28T23:30:00Z", "2026-03-29T03:00:00Z")
}

/// 25 October 2026 in Berlin: 03:00 becomes 02:00.
fn fold(cron: &str, rule: DstRule) -> Vec<String> {
    due_between(cron, "Europe/Berlin", rule, "2026-10-24T22:30:00Z", "2026-10-25T02:30:00Z")
}

#[test]
fn fixed_times_run_at_the_gaps_end_and_once_on_a_repeated_hour() {
    use DstRule::Vixie;
    assert_eq!(gap("30 2 * * *", Vixie), ["03:00 +02:00"]);
    assert_eq!(fold("30 2 * * *", Vixie), ["02:30 +02:00"]);
    // Two times of one gap are one moment; croner alone loses both.
    assert_eq!(gap("15,45 2 * * *", Vixie), ["03:00 +02:00"]);
    assert_eq!(fold("15,45 2 * * *", Vixie), ["02:15 +02:00", "02:45 +02:00"]);
    assert_eq!(gap("*/20 2 * * *", Vixie), ["03:00 +02:00"]);
    assert_eq!(gap("0 1-4 * * *", Vixie), ["01:00 +01:00", "03:00 +02:00", "04:00 +02:00"]);
}

#[test]
fn wildcard_and_step_hours_follow_elapsed_time() {
    use DstRule::Vixie;
    assert_eq!(gap("0 * * * *", Vixie)[..3], ["01:00 +01:00", "03:00 +02:00", "04:00 +02:00"]);
    assert_eq!(
        fold("30 * * * *", Vixie),
        ["01:30 +02:00", "02:30 +02:00", "02:30 +01:00", "03:30 +01:00"]
    );
    assert_eq!(gap("0 */2 * * *", Vixie), ["04:00 +02:00"]);
    assert_eq!(fold("0 */2 * * *", Vixie), ["02:00 +02:00", "02:00 +01:00"]);
}

#[test]
fn eventbridges_rule_leaves_out_what_does_not_exist_and_repeats_nothing() {
    use DstRule::Skip;
    assert!(gap("15,45 2 * * *", Skip).is_empty());
    assert_eq!(gap("0 1-4 * * *", Skip), ["01:00 +01:00", "03:00 +02:00", "04:00 +02:00"]);
    assert_eq!(fold("30 * * * *", Skip), ["01:30 +02:00", "02:30 +02:00", "03:30 +01:00"]);
}

#[test]
fn a_day_that_a_country_skipped_ends_at_its_end() {
    // Samoa went from 29 to 31 December 2011.
    let from = "2011-12-29T22:00:00Z";
    let due =
        due_between("0 6 30 12 *", "Pacific/Apia", DstRule::Vixie, from, "2011-12-31T00:00:00Z");
    assert_eq!(due, ["00:00 +14:00"]);
}

/// What a job with these minutes and hours is due at, found by looking at every second: no search,
/// no library for cron.
struct Walk<'a> {
    zone: &'a TimeZone,
    minutes: &'a [i8],
    /// `None`: every hour, a wildcard.
    hours: Option<&'a [i8]>,
}

impl Walk<'_> {
    fn names(&self, clock: DateTime) -> bool {
        clock.second() == 0
            && self.minutes.contains(&clock.minute())
            && self.hours.is_none_or(|hours| hours.contains(&clock.hour()))
    }

    fn clock(&self, at: Timestamp) -> DateTime {
        self.zone.to_datetime(at)
    }

    /// Due in `(from, to]`; both whole seconds.
    fn due(&self, rule: DstRule, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
        let second = SignedDuration::from_secs(1);
        let mut found = Vec::new();
        let mut at = from + second;
        // The latest clock time seen: what comes again on a repeated hour lies before it.
        let mut latest = (0..90_000).map(|back| self.clock(from - second * back)).max().unwrap();
        while at <= to {
            let clock = self.clock(at);
            let repeated = clock <= latest;
            let elapsed = self.hours.is_none() && rule == DstRule::Vixie;
            let mut due = self.names(clock) && (elapsed || !repeated);
            if !elapsed && rule == DstRule::Vixie && !repeated {
                // Clock times that were jumped over are made up for at once.
                let mut jumped = latest.checked_add(1.second()).unwrap();
                while jumped < clock {
                    due |= self.names(jumped);
                    jumped = jumped.checked_add(1.second()).unwrap();
                }
            }
            if due {
                found.push(at);
            }
            latest = latest.max(clock);
            at += second;
        }
        found
    }
}

/// Zones whose clocks changed since 1975.
fn zones() -> Vec<TimeZone> {
    let zones = jiff::tz::db().available();
    let zones = zones.filter_map(|name| TimeZone::get(name.as_str()).ok());
    let begin = at("1975-01-01T00:00:00Z");
    zones
        .filter(|zone| {
            zone.following(begin)
                .next()
                .is_some_and(|change| change.timestamp() < at("2037-01-01T00:00:00Z"))
        })
        .collect()
}

fn list(values: &[i8]) -> String {
    values.iter().map(i8::to_string).collect::<Vec<_>>().join(",")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Around a change of the clocks of any zone since 1975, for both rules.
    #[test]
    fn every_zone_agrees_with_a_walk_through_the_night(
        zone in any::<prop::sample::Index>(),
        change in any::<prop::sample::Index>(),
        minutes in prop::collection::btree_set(0i8..60, 1..4),
        hours in prop::option::of(prop::collection::btree_set(0i8..24, 1..8)),
        skip in any::<bool>(),
        from in 0i64..7200,
    ) {
        let zones = zones();
        let zone = zone.get(&zones);
        let begin = at("1975-01-01T00:00:00Z");
        let changes: Vec<Timestamp> = zone
            .following(begin)
            .map(|change| change.timestamp())
            .take_while(|at| *at < crate::samples::at("2037-01-01T00:00:00Z"))
            .collect();
        let change = *change.get(&changes);
        let from = change - SignedDuration::from_secs(from);
        let to = change + SignedDuration::from_hours(3);
        let minutes: Vec<i8> = minutes.into_iter().collect();
        let hours: Option<Vec<i8>> = hours.map(|hours| hours.into_iter().collect());
        let text = hours.as_deref().map_or_else(|| "*".to_owned(), list);
        let cron: Cron = format!("{} {text} * * *", list(&minutes)).parse().unwrap();
        let rule = if skip { DstRule::Skip } else { DstRule::Vixie };
        let walk = Walk { zone, minutes: &minutes, hours: hours.as_deref() };
        let found = between(&cron, zone, rule, from, to);
        prop_assert_eq!(found, walk.due(rule, from, to), "{:?} {} at {}", zone, cron, change);
    }
}
