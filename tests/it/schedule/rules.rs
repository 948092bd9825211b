//! Intervals, single moments, bounds and calendars.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use spotcron::schedule::{Rule, Schedule, delay_of};

use crate::daemon::world;
use crate::samples::{at, mins};

/// The next `count` times after `from`, in the schedule's zone.
fn next(schedule: &Schedule, from: &str, count: usize) -> Vec<String> {
    let step = |after: &Timestamp| schedule.next_after(*after);
    let times = std::iter::successors(step(&at(from)), step).take(count);
    times
        .map(|at| at.to_zoned(schedule.time_zone.clone()).strftime("%m-%d %H:%M").to_string())
        .collect()
}

/// The schedule that a job of this text has, read as a catalogue is.
fn read(job: &str, calendars: &str) -> Schedule {
    let text = format!(
        "{calendars}
        [[environments]]
        name = \"steady\"
        queue = \"q\"
        capacity = \"on-demand\"
        region = \"eu-west-1\"
        [[classes]]
        name = \"c\"
        environments = [\"steady\"]
        expected_duration = \"10m\"
        [[jobs]]
        name = \"job\"
        class = \"c\"
        definition = \"work:1\"
        vcpus = 1
        memory_mib = 1024
        {job}"
    );
    let catalogue = world::parse(&text);
    catalogue.jobs["job"].schedule.clone()
}

#[test]
fn several_rules_run_at_the_times_of_all_and_once_at_a_shared_one() {
    let schedule = read(
        "cron = [\"0 6 * * *\", \"0 */6 * * *\"]\nat = [\"2026-11-22T07:00\", 2026-11-22]\n",
        "",
    );
    let times = ["11-22 00:00", "11-22 06:00", "11-22 07:00", "11-22 12:00"];
    assert_eq!(next(&schedule, "2026-11-21T18:00:00Z", 4), times);
    assert_eq!(
        schedule.to_string(),
        "0 6 * * *; 0 */6 * * *; at 2026-11-22T07:00:00Z; at 2026-11-22T00:00:00Z"
    );
}

#[test]
fn intervals_are_even_across_a_change_of_the_clocks() {
    let schedule = read("every = \"90m\"\nphase = \"10m\"\ntime_zone = \"Europe/Berlin\"\n", "");
    assert_eq!(
        next(&schedule, "2026-03-28T23:00:00Z", 4),
        ["03-29 01:10", "03-29 03:40", "03-29 05:10", "03-29 06:40"]
    );
    assert_eq!(schedule.to_string(), "every 1h 30m + 10m");
}

#[test]
fn bounds_take_in_the_start_and_leave_out_the_end() {
    let schedule = read(
        "cron = \"0 * * * *\"\nstart = \"2026-11-21T10:00\"\nend = \"2026-11-21T12:00\"\n",
        "",
    );
    assert_eq!(next(&schedule, "2026-11-01T00:00:00Z", 9), ["11-21 10:00", "11-21 11:00"]);
}

#[test]
fn calendars_leave_out_days_weekdays_and_windows() {
    let calendars = "
        [[calendars]]
        name = \"holidays\"
        dates = [\"12-25\", 2026-12-24]
        weekdays = [\"sunday\"]
        [[calendars]]
        name = \"freeze\"
        windows = [{ from = \"2026-12-28T12:00\", until = \"2026-12-31T00:00+01:00\" }]
        ";
    let job = "cron = \"0 11,13 * * *\"\nexclude = [\"holidays\", \"freeze\"]\n\
               time_zone = \"Europe/Berlin\"\n";
    assert_eq!(
        next(&read(job, calendars), "2026-12-23T11:00:00Z", 6),
        ["12-23 13:00", "12-26 11:00", "12-26 13:00", "12-28 11:00", "12-31 11:00", "12-31 13:00"]
    );
}

#[test]
fn a_calendars_days_are_where_it_says_or_where_the_job_is() {
    let job = "cron = \"30 23 * * *\"\nexclude = [\"c\"]\ntime_zone = \"America/New_York\"\n";
    let here = "[[calendars]]\nname = \"c\"\ndates = [2026-12-24]\n";
    assert_eq!(next(&read(job, here), "2026-12-24T00:00:00Z", 2), ["12-23 23:30", "12-25 23:30"]);
    // 23:30 in New York is the next day in London.
    let london =
        "[[calendars]]\nname = \"c\"\ntime_zone = \"Europe/London\"\ndates = [2026-12-24]\n";
    assert_eq!(next(&read(job, london), "2026-12-23T00:00:00Z", 2), ["12-22 23:30", "12-24 23:30"]);
}

#[test]
fn a_calendar_that_excludes_everything_ends_the_search() {
    let calendars = "[[calendars]]\nname = \"never\"\nweekdays = [\"monday\", \"tuesday\", \
                     \"wednesday\", \"thursday\", \"friday\", \"saturday\", \"sunday\"]\n";
    let schedule = read("cron = \"* * * * *\"\nexclude = [\"never\"]\n", calendars);
    assert_eq!(schedule.next_after(at("2026-11-21T00:00:00Z")), None);
}

#[test]
fn a_long_exclusion_is_not_searched_second_by_second() {
    let mut schedule =
        Schedule::of_cron("* * * * * *".parse().unwrap(), TimeZone::get("UTC").unwrap());
    let calendars =
        "[[calendars]]\nname = \"c\"\nwindows = [{ from = 2026-01-01, until = 2027-01-01 }]\n";
    schedule.exclude = read("cron = \"0 0 * * *\"\nexclude = [\"c\"]\n", calendars).exclude;
    assert_eq!(schedule.next_after(at("2026-01-01T00:00:00Z")), Some(at("2027-01-01T00:00:00Z")));
}

#[test]
fn a_spread_gives_each_job_a_moment_of_its_own_and_always_the_same() {
    let spread = mins(10);
    let delays: Vec<_> =
        (0..200).map(|n| delay_of(&format!("job-{n}").as_str().into(), spread)).collect();
    assert!(delays.iter().all(|delay| *delay >= SignedDuration::ZERO && *delay < spread));
    let different: std::collections::BTreeSet<_> = delays.iter().collect();
    assert!(different.len() > 150, "{}", different.len());
    assert_eq!(delay_of(&"nightly-report".into(), spread), SignedDuration::from_secs(143));
    assert_eq!(delay_of(&"nightly-report".into(), SignedDuration::ZERO), SignedDuration::ZERO);
}

#[test]
fn a_tick_before_the_epoch_is_no_different() {
    let mut schedule = Schedule::of_cron("0 0 * * *".parse().unwrap(), TimeZone::UTC);
    schedule.rules = vec![Rule::Every { period: mins(7), phase: mins(3) }];
    assert_eq!(schedule.next_after(at("1969-12-31T23:55:00Z")), Some(at("1969-12-31T23:56:00Z")));
}
