//! Jobs: when they run, and under which class.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::names::check_name;
use super::{Known, Located, Scope, economics, shown, submission};
use crate::catalogue::aws_cron;
use crate::catalogue::raw::RawJob;
use crate::catalogue::read::Entry;
use crate::catalogue::{Class, Environment, Job};
use crate::diagnostic::Diagnostic;
use crate::document::did_you_mean;
use crate::domain::{ClassName, JobName};
use crate::schedule::{Cron, CronError};

/// The job, with every problem noted.
pub(super) fn check(
    entry: &Entry<RawJob>,
    known: &mut Known<'_>,
    findings: &mut Vec<Diagnostic>,
) -> Option<Job> {
    let raw = &entry.raw;
    let mut scope = Scope::new(&entry.source, "job", &raw.name, findings);
    let name = check_name(&raw.name, &mut scope);
    let class_name = raw.class.as_ref();
    let known_class = class_name
        .filter(|name| known.class_names.check(name, known.complete, &mut scope))
        .map(|name| name.value.as_str());
    let time_zone = check_zone(raw, known, &mut scope);
    let cron = check_cron(raw, known, &mut scope);
    let class = known_class.and_then(|name| known.classes.get(name));
    let environments = class.map_or_else(Vec::new, |class| environments_of(class, known));
    let submission = submission::check(raw, &environments, &mut scope);
    let job = Job {
        name: JobName::new(name?),
        class: ClassName::new(known_class?),
        cron: cron?,
        time_zone: time_zone?,
        enabled: raw.enabled.as_ref().is_none_or(|flag| flag.value),
        submission: submission?,
    };
    if let Some(class) = class {
        economics::warn_of_job(raw, &job, class, |code, span, problem, hint| {
            scope.warning(code, span, problem, hint);
        });
    }
    Some(job)
}

fn environments_of(class: &Class, known: &Known<'_>) -> Vec<Arc<Environment>> {
    let find = |name: &crate::domain::EnvironmentName| known.environments.get(name.as_str());
    class.environments.iter().filter_map(find).cloned().collect()
}

fn check_zone(raw: &RawJob, known: &mut Known<'_>, scope: &mut Scope<'_>) -> Option<TimeZone> {
    let Some(Located { value, span }) = &raw.time_zone else { return Some(TimeZone::UTC) };
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

fn check_cron(raw: &RawJob, known: &mut Known<'_>, scope: &mut Scope<'_>) -> Option<Cron> {
    const FIELDS: &str = "write five fields: minute, hour, day of month, month, day of week; \"0 2 * * *\" is daily at 2:00";
    let Located { value, span } = raw.cron.as_ref()?;
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
    let search = || cron.next_after(Timestamp::UNIX_EPOCH, &TimeZone::UTC).is_some();
    *known.dates.entry(dates).or_insert_with(search)
}
