//! Templates in what a job submits: `{{ scheduled_time - 1d | strftime('%Y/%m/%d') }}`, in Jinja's
//! notation, over a closed set of names. Everything that can be wrong with one is found when it is
//! parsed; filling it in is arithmetic.

mod parse;
mod time;

pub(crate) use parse::is_field;
pub use parse::{NAMES, TemplateError};

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{Hash, Hasher};

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use crate::domain::{JobName, RunId};

/// A parsed value. `Debug` does not show it: values of parameters and environment variables are
/// templates too.
#[derive(Clone)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone)]
enum Part {
    Text(String),
    Value(Expression),
}

/// What stands between `{{` and `}}`.
#[derive(Clone)]
struct Expression {
    name: Name,
    /// Added to a moment before it is written.
    shift: Option<Span>,
    format: Option<String>,
    /// Instead of a previous success that there is not.
    default: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Name {
    ScheduledTime,
    LocalTime,
    Date,
    PreviousSuccess,
    PreviousSuccessLocal,
    RunId,
    Job,
    Set(String),
    /// A text in quotes, which is how a value holds `{{`.
    Literal(String),
}

/// What templates of one run are filled with: the same in each of its legs.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    pub run: &'a RunId,
    pub job: &'a JobName,
    pub scheduled_for: Timestamp,
    /// The job's own.
    pub zone: &'a TimeZone,
    /// The scheduled time of the last run of the job before this one that had succeeded when this one
    /// was let go.
    pub previous_success: Option<Timestamp>,
    /// The fields of the run's parameter set.
    pub set: &'a BTreeMap<String, String>,
}

/// Why a template cannot be filled in. Never holds a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FillError {
    #[error("the run's parameter set has no field `{0}`")]
    NoField(String),
    #[error("a moment cannot be written in the format that is asked for")]
    NoFormat,
}

impl Template {
    /// Whether `value` has to be read as a template.
    pub fn is_one(value: &str) -> bool {
        value.contains("{{")
    }

    /// Reads `value`. `{{` always begins an expression; `{{ '{{' }}` stands for itself.
    ///
    /// # Errors
    /// What is wrong, and which bytes of `value` it is about.
    pub fn parse(value: &str) -> Result<Self, TemplateError> {
        parse::template(value)
    }

    /// The value for one run.
    ///
    /// # Errors
    /// The run's parameter set lacks a field, which is possible where the catalogue was edited since
    /// the run was made.
    pub fn fill(&self, facts: Facts<'_>) -> Result<String, FillError> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Value(expression) => text.push_str(&expression.fill(facts)?),
            }
        }
        Ok(text)
    }

    /// The fields of a parameter set that it names.
    pub fn fields(&self) -> BTreeSet<&str> {
        let field = |part| match part {
            &Part::Value(Expression { name: Name::Set(ref field), .. }) => Some(field.as_str()),
            _ => None,
        };
        self.parts.iter().filter_map(field).collect()
    }

    /// Whether the previous success has to be looked up for it.
    pub fn wants_previous_success(&self) -> bool {
        self.parts.iter().any(|part| match part {
            Part::Value(expression) => {
                matches!(expression.name, Name::PreviousSuccess | Name::PreviousSuccessLocal)
            }
            Part::Text(_) => false,
        })
    }
}

impl Expression {
    fn fill(&self, facts: Facts<'_>) -> Result<String, FillError> {
        let utc = TimeZone::UTC;
        let moment = |at, zone| time::written(at, zone, self.shift, self.format.as_deref());
        let previous = |zone| match (facts.previous_success, &self.default) {
            (Some(at), _) => moment(at, zone),
            (None, default) => Ok(default.clone().unwrap_or_default()),
        };
        match &self.name {
            Name::ScheduledTime => moment(facts.scheduled_for, &utc),
            Name::LocalTime | Name::Date => moment(facts.scheduled_for, facts.zone),
            Name::PreviousSuccess => previous(&utc),
            Name::PreviousSuccessLocal => previous(facts.zone),
            Name::RunId => Ok(facts.run.to_string()),
            Name::Job => Ok(facts.job.to_string()),
            Name::Set(field) => {
                facts.set.get(field).cloned().ok_or_else(|| FillError::NoField(field.clone()))
            }
            Name::Literal(text) => Ok(text.clone()),
        }
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Template(***)")
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.parts == other.parts
    }
}

impl Eq for Template {}

/// Without the shifts, which jiff gives no hash: templates that differ in nothing else are few.
impl Hash for Template {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for part in &self.parts {
            match part {
                Part::Text(text) => text.hash(state),
                Part::Value(value) => (&value.name, &value.format, &value.default).hash(state),
            }
        }
    }
}

impl PartialEq for Part {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Part::Text(a), Part::Text(b)) => a == b,
            (Part::Value(a), Part::Value(b)) => {
                let shift = |e: &Expression| e.shift.map(jiff::SpanFieldwise);
                (&a.name, &a.format, &a.default) == (&b.name, &b.format, &b.default)
                    && shift(a) == shift(b)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill_with(value: &str, previous: Option<&str>) -> String {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let set = BTreeMap::from([("region".to_owned(), "eu".to_owned())]);
        let facts = Facts {
            run: &"report-20260329T223000Z".into(),
            job: &"report".into(),
            scheduled_for: "2026-03-29T22:30:00Z".parse().unwrap(),
            zone: &zone,
            previous_success: previous.map(|at| at.parse().unwrap()),
            set: &set,
        };
        Template::parse(value).unwrap().fill(facts).unwrap()
    }

    /// At 22:30 UTC it is the next day in Berlin, and the day before that had 23 hours.
    #[test]
    fn moments_are_written_in_utc_and_in_the_zone_of_the_job() {
        for (value, expected) in [
            ("{{ scheduled_time }}", "2026-03-29T22:30:00Z"),
            ("{{scheduled_time|strftime('%s')}}", "1774823400"),
            ("{{ local_time }}", "2026-03-30T00:30:00+02:00"),
            ("{{ date }}", "2026-03-30"),
            ("{{ date - 1d }}", "2026-03-29"),
            ("{{ date - 1mo | strftime(\"%Y-%m\") }}", "2026-02"),
            ("{{ local_time - 1d }}", "2026-03-29T00:30:00+01:00"),
            ("{{ scheduled_time - 1d }}", "2026-03-28T22:30:00Z"),
            ("{{ scheduled_time + 1h 30m }}", "2026-03-30T00:00:00Z"),
            ("s3://in/{{ date - 1 day | strftime('%Y/%m/%d') }}/a", "s3://in/2026/03/29/a"),
            ("{{ date }}{{ date }}", "2026-03-302026-03-30"),
        ] {
            assert_eq!(fill_with(value, None), expected, "{value}");
        }
    }

    #[test]
    fn runs_sets_and_literals_are_written() {
        for (value, expected) in [
            ("{{ run_id }}/{{ job }}", "report-20260329T223000Z/report"),
            ("--region={{ set.region }}", "--region=eu"),
            ("{{ '{{' }} .Values }}", "{{ .Values }}"),
            ("{{ \"}}\" }}", "}}"),
            ("${VAR} Ref::day }} { }", "${VAR} Ref::day }} { }"),
        ] {
            assert_eq!(fill_with(value, None), expected, "{value}");
        }
    }

    #[test]
    fn a_previous_success_that_there_is_not_has_its_default() {
        let value = "{{ previous_success - 1h | strftime('%H') | default('all') }}";
        assert_eq!(fill_with(value, None), "all");
        assert_eq!(fill_with(value, Some("2026-03-28T22:30:00Z")), "21");
        let local = "{{ previous_success_local | default('') }}";
        assert_eq!(fill_with(local, Some("2026-03-28T22:30:00Z")), "2026-03-28T23:30:00+01:00");
        assert!(Template::parse(local).unwrap().wants_previous_success());
        assert!(!Template::parse("{{ date }}").unwrap().wants_previous_success());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (value, at, problem) in [
            ("a {{ date", 2..9, "never ends"),
            ("{{ }}", 0..5, "is empty"),
            ("{{ scheduled_tim }}", 3..16, "unknown name"),
            ("{{ set. }}", 3..7, "unknown name"),
            ("{{ date - 1 }}", 10..11, "is no span of time"),
            ("{{ date - 20y }}", 10..13, "more than ten years"),
            ("{{ job - 1d }}", 7..11, "is no moment"),
            ("{{ job | strftime('%Y') }}", 9..23, "is no moment"),
            ("{{ date | strftime('%!') }}", 10..24, "is no format"),
            ("{{ date | upper }}", 10..15, "unknown filter"),
            ("{{ date | default('x') }}", 10..22, "always has a value"),
            ("{{ previous_success }}", 3..19, "has no default"),
            ("{{ date date }}", 8..12, "cannot follow"),
            ("{{ date | strftime(%Y) }}", 10..22, "in quotes"),
        ] {
            let error = Template::parse(value).unwrap_err();
            assert!(error.problem.contains(problem), "{value}: {}", error.problem);
            assert_eq!(error.at, at, "{value}");
        }
    }

    #[test]
    fn any_text_is_read_or_refused_without_a_panic() {
        proptest::proptest!(|(value in ".{0,20}\\{\\{[ -~é]{0,30}(\\}\\})?.{0,5}")| {
            if let Err(error) = Template::parse(&value) {
                assert!(value.get(error.at.clone()).is_some(), "{value}: {:?}", error.at);
            }
        });
    }
}
