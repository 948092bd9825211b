//! Schedules of jobs: expressions, zones, bounds, exclusions.

use std::sync::Arc;

use jiff::civil::date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::{Known, Located, Scope, shown};
use crate::catalogue::aws_cron;
use crate::catalogue::raw::RawJob;
use crate::document::{DurationText, did_you_mean};
use crate::domain::{JobName, Moment};
use crate::schedule::{Calendar, Cron, CronError, Rule, Schedule, delay_of};

/// The schedule, with every problem noted.
pub(super) fn check(
    raw: &RawJob,
    known: &mut Known<'_>,
    scope: &mut Scope<'_>,
) -> Option<Schedule> {
    let time_zone = check_zone(raw.time_zone.as_ref(), known, scope);
    let crons = check_crons(raw, known, scope);
    let every = check_every(raw, scope);
    // Clock times need the zone; UTC stands in where the zone is the mistake.
    let zone = time_zone.clone().unwrap_or(TimeZone::UTC);
    let moments = check_moments(raw, &zone, scope);
    let (start, end) = check_bounds(raw, &zone, scope);
    let exclude = check_exclude(raw, known, scope);
    // A key with a mistake in it is there.
    if !raw.written.iter().any(|key| ["cron", "every", "at", "after"].contains(key)) {
        let problem = "it has neither `cron` nor `every` nor `at` nor `after`";
        let hint = "add for example `cron = \"0 2 * * *\"`";
        scope.error("missing-key", &raw.table_span, problem, hint);
        return None;
    }
    let name = JobName::new(raw.name.as_ref().map_or("", |name| name.value.as_str()));
    let spread = raw.spread.as_ref().map_or(SignedDuration::ZERO, |spread| spread.value.0);
    Some(Schedule {
        rules: crons?.into_iter().chain(every?).chain(moments?).collect(),
        time_zone: time_zone?,
        dst: raw.dst.as_ref().map(|dst| dst.value.0).unwrap_or_default(),
        start,
        end,
        exclude: exclude?,
        delay: delay_of(&name, spread),
        catch_up: raw.catch_up.as_ref().map(|catch_up| catch_up.value.0).unwrap_or_default(),
        catch_up_window: raw.catch_up_window.as_ref().map(|window| window.value.0),
    })
}

/// The zone that is named; UTC without a name.
pub(super) fn check_zone(
    name: Option<&Located<String>>,
    known: &mut Known<'_>,
    scope: &mut Scope<'_>,
) -> Option<TimeZone> {
    let Some(Located { value, span }) = name else { return Some(TimeZone::UTC) };
    if let Some(zone) = known.zones.get(value) {
        return Some(zone.clone());
    }
    // Only names of the database: a path or an offset would be no name that follows its rules.
    let zone = if value.len() > 100 { None } else { TimeZone::get(value).ok() };
    if let Some(zone) = zone {
        known.zones.insert(value.clone(), zone.clone());
        return Some(zone);
    }
    let names: Vec<String> =
        jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
    let names = names.iter().map(String::as_str);
    // "Berlin" is like no full name, but it is the end of one.
    let city = |name: &&str| {
        name.rsplit('/')
            .next()
            .is_some_and(|city| city.eq_ignore_ascii_case(&value.replace(' ', "_")))
    };
    let like = names.clone().find(city).or_else(|| did_you_mean(value, names));
    let hint = match like {
        _ if value.starts_with(['+', '-']) => {
            "a fixed offset does not follow summer time; name the place, such as \
             \"Europe/Berlin\", or \"UTC\""
                .to_owned()
        }
        Some(like) => format!("did you mean \"{like}\"?"),
        None => "use a name of the IANA database, such as \"Europe/Berlin\" or \"UTC\"".to_owned(),
    };
    let problem = format!("there is no time zone {}", shown(value));
    scope.error("unknown-time-zone", span, &problem, &hint);
    None
}

/// The expressions; empty where none is written.
fn check_crons(raw: &RawJob, known: &mut Known<'_>, scope: &mut Scope<'_>) -> Option<Vec<Rule>> {
    let Some(list) = &raw.cron else {
        return (!raw.written.contains(&"cron")).then(Vec::new);
    };
    let read: Vec<Option<Rule>> =
        list.value.0.iter().map(|text| check_cron(text, known, scope).map(Rule::Cron)).collect();
    read.into_iter().collect()
}

fn check_cron(
    text: &Located<String>,
    known: &mut Known<'_>,
    scope: &mut Scope<'_>,
) -> Option<Cron> {
    const FIELDS: &str = "write five fields: minute, hour, day of month, month, day of week; \"0 2 * * *\" is daily at 2:00";
    let Located { value, span } = text;
    if let Some(foreign) = aws_cron::recognise(value) {
        let problem = format!("{} is {}, not cron", shown(value), foreign.notation);
        scope.error("eventbridge-cron", span, &problem, &foreign.hint);
        return None;
    }
    match value.parse::<Cron>() {
        Ok(cron) if ever_matches(&cron, known) => Some(cron),
        Ok(_) | Err(CronError::Never) => {
            let problem = format!("no time ever matches {}", shown(value));
            let hint = "check the day against the month: 30 February does not exist";
            scope.error("cron-never", span, &problem, hint);
            None
        }
        Err(CronError::Syntax(error)) => {
            let problem = format!("{} is no cron expression: {error}", shown(value));
            scope.error("invalid-cron", span, &problem, FIELDS);
            None
        }
    }
}

/// Asked from a fixed time, so that a catalogue is as valid tomorrow as it is today. A search that
/// finds nothing takes 10 ms; the time of day always comes, so that equal dates are searched once.
fn ever_matches(cron: &Cron, known: &mut Known<'_>) -> bool {
    let fields: Vec<&str> = cron.as_str().split_whitespace().collect();
    let dates = match fields.as_slice() {
        [_, _, dates @ ..] if dates.len() == 3 => dates.join(" "),
        [_, _, _, dates @ ..] if dates.len() == 3 => dates.join(" "),
        _ => cron.as_str().to_owned(),
    };
    let epoch = date(1970, 1, 1).at(0, 0, 0, 0);
    let search = || cron.reader().and_then(|reader| reader.next_civil(epoch, true)).is_some();
    *known.dates.entry(dates).or_insert_with(search)
}

/// Intervals that are shorter than this are mistakes.
const SHORTEST: SignedDuration = SignedDuration::from_secs(1);

fn check_every(raw: &RawJob, scope: &mut Scope<'_>) -> Option<Option<Rule>> {
    let phase = raw.phase.as_ref();
    let Some(Located { value: DurationText(period), span }) = &raw.every else {
        if let Some(phase) =
            phase.filter(|phase| !phase.value.0.is_zero() && !raw.written.contains(&"every"))
        {
            let hint = "add `every`, or remove `phase`";
            scope.error(
                "key-does-not-apply",
                &phase.span,
                "`phase` shifts the intervals of `every`",
                hint,
            );
        }
        return (!raw.written.contains(&"every")).then_some(None);
    };
    if *period < SHORTEST {
        scope.error("invalid-interval", span, "`every` must be one second at least", "");
        return None;
    }
    let phase = phase.map_or(SignedDuration::ZERO, |phase| phase.value.0);
    Some(Some(Rule::Every { period: *period, phase }))
}

fn check_moments(raw: &RawJob, zone: &TimeZone, scope: &mut Scope<'_>) -> Option<Vec<Rule>> {
    let Some(list) = &raw.at else { return (!raw.written.contains(&"at")).then(Vec::new) };
    let read: Vec<Option<Rule>> =
        list.value.0.iter().map(|moment| check_moment(moment, zone, scope).map(Rule::At)).collect();
    read.into_iter().collect()
}

fn check_moment(
    moment: &Located<Moment>,
    zone: &TimeZone,
    scope: &mut Scope<'_>,
) -> Option<Timestamp> {
    let at = moment.value.in_zone(zone);
    if at.is_none() {
        scope.error("invalid-moment", &moment.span, "that moment is out of range", "");
    }
    at
}

fn check_bounds(
    raw: &RawJob,
    zone: &TimeZone,
    scope: &mut Scope<'_>,
) -> (Option<Timestamp>, Option<Timestamp>) {
    let start = raw.start.as_ref().and_then(|start| check_moment(start, zone, scope));
    let end = raw.end.as_ref().and_then(|end| check_moment(end, zone, scope));
    if let (Some(from), Some(until), Some(end)) = (start, end, &raw.end)
        && until <= from
    {
        let problem = "`end` is not after `start`: nothing would ever be due";
        scope.error("empty-schedule", &end.span, problem, "correct one of the two");
    }
    (start, end)
}

fn check_exclude(
    raw: &RawJob,
    known: &Known<'_>,
    scope: &mut Scope<'_>,
) -> Option<Vec<Arc<Calendar>>> {
    let Some(list) = &raw.exclude else { return Some(Vec::new()) };
    let mut calendars = Vec::with_capacity(list.value.len());
    let mut whole = true;
    for name in &list.value {
        if !known.calendar_names.check(name, known.complete, scope) {
            whole = false;
        }
        // One that has mistakes of its own is reported there.
        calendars.extend(known.calendars.get(name.value.as_str()).cloned());
    }
    whole.then_some(calendars)
}
