//! From tables to the catalogue: names, references, limits of AWS Batch, contradictions. Every
//! problem is reported; a table with an error is left out of the (then unusable) catalogue.

mod after;
mod array;
mod aws_text;
mod calendar;
mod class;
mod covered;
mod environment;
mod fargate;
mod input_size;
mod job;
mod names;
mod role;
mod schedule;
mod sets;
mod submission;
mod templates;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use super::read::Tables;
use super::{Catalogue, Class, Environment, ParameterSet, Submission, economics};
use crate::diagnostic::{Diagnostic, Severity, Source, has_errors};
use crate::document::{Located, shown};
use crate::schedule::Calendar;
use names::Declared;

/// Where findings about one table go.
struct Scope<'a> {
    source: &'a Arc<Source>,
    /// `job \`import\``
    subject: String,
    findings: &'a mut Vec<Diagnostic>,
}

impl<'a> Scope<'a> {
    fn new(
        source: &'a Arc<Source>,
        kind: &str,
        name: &Option<Located<String>>,
        findings: &'a mut Vec<Diagnostic>,
    ) -> Self {
        let subject = match name {
            Some(name) => format!("{kind} {}", shown(&name.value)),
            None => format!("this {kind}"),
        };
        Scope { source, subject, findings }
    }

    /// Notes an error at `span`; `problem` goes on after `job \`import\`: `.
    fn error(&mut self, code: &'static str, span: &Range<usize>, problem: &str, hint: &str) {
        self.note(Severity::Error, code, span, problem, hint);
    }

    /// Notes a warning in the same way.
    fn warning(&mut self, code: &'static str, span: &Range<usize>, problem: &str, hint: &str) {
        self.note(Severity::Warning, code, span, problem, hint);
    }

    fn note(
        &mut self,
        severity: Severity,
        code: &'static str,
        span: &Range<usize>,
        problem: &str,
        hint: &str,
    ) {
        let message = format!("{}: {problem}", self.subject);
        let finding = match severity {
            Severity::Error => Diagnostic::error(code, message),
            Severity::Warning => Diagnostic::warning(code, message),
        };
        let finding = finding.at(self.source, span.clone());
        self.findings.push(if hint.is_empty() { finding } else { finding.hint(hint) });
    }
}

/// What is known of the catalogue while its tables are checked.
struct Known<'a> {
    complete: bool,
    environments: BTreeMap<&'a str, Arc<Environment>>,
    environment_names: Declared<'a>,
    classes: BTreeMap<&'a str, Arc<Class>>,
    class_names: Declared<'a>,
    calendars: BTreeMap<&'a str, Arc<Calendar>>,
    calendar_names: Declared<'a>,
    parameter_files: &'a BTreeMap<PathBuf, Option<Vec<Arc<ParameterSet>>>>,
    zones: HashMap<String, jiff::tz::TimeZone>,
    /// Whether a date ever matches, by the date fields of cron expressions.
    dates: HashMap<String, bool>,
    /// The different ones of all jobs.
    submissions: HashSet<Arc<Submission>>,
}

/// The catalogue that `tables` describe. It may only be used when no finding is an error.
pub(super) fn validate(tables: &Tables, findings: &mut Vec<Diagnostic>) -> Catalogue {
    let mut known = Known {
        complete: tables.complete,
        environments: BTreeMap::new(),
        environment_names: Declared::of(&tables.environments, "environment", findings),
        classes: BTreeMap::new(),
        class_names: Declared::of(&tables.classes, "class", findings),
        calendars: BTreeMap::new(),
        calendar_names: Declared::of(&tables.calendars, "calendar", findings),
        parameter_files: &tables.parameter_files,
        zones: HashMap::new(),
        dates: HashMap::new(),
        submissions: HashSet::new(),
    };
    let job_names = Declared::of(&tables.jobs, "job", findings);
    for entry in &tables.environments {
        if let Some(environment) = environment::check(entry, &mut known, findings) {
            let name = entry.raw.name.as_ref().map_or("", |name| name.value.as_str());
            known.environments.entry(name).or_insert_with(|| Arc::new(environment));
        }
    }
    environment::check_queues(&tables.environments, findings);
    for entry in &tables.classes {
        if let Some(class) = class::check(entry, &known, findings) {
            let name = entry.raw.name.as_ref().map_or("", |name| name.value.as_str());
            known.classes.entry(name).or_insert_with(|| Arc::new(class));
        }
    }
    for entry in &tables.calendars {
        if let Some(calendar) = calendar::check(entry, &mut known, findings) {
            let name = entry.raw.name.as_ref().map_or("", |name| name.value.as_str());
            known.calendars.entry(name).or_insert_with(|| Arc::new(calendar));
        }
    }
    let mut jobs = BTreeMap::new();
    for entry in &tables.jobs {
        if let Some(job) = job::check(entry, &mut known, findings) {
            jobs.entry(job.name.clone()).or_insert_with(|| Arc::new(job));
        }
    }
    after::check(&tables.jobs, &job_names, tables.complete, &mut jobs, findings);
    job_names.report_near_duplicates(findings);
    // What a mistake elsewhere left unused is not a second finding.
    if tables.complete && !has_errors(findings) {
        check_use(tables, findings);
    }
    Catalogue {
        environments: by_name(known.environments.into_values(), |value| value.name.clone()),
        classes: by_name(known.classes.into_values(), |value| value.name.clone()),
        jobs,
        parameter_files: Vec::new(),
        fingerprint: String::new(),
    }
}

fn by_name<K: Ord, V>(values: impl Iterator<Item = V>, name: impl Fn(&V) -> K) -> BTreeMap<K, V> {
    values.map(|value| (name(&value), value)).collect()
}

/// Warns of what no one uses, and of a catalogue without jobs.
fn check_use(tables: &Tables, findings: &mut Vec<Diagnostic>) {
    let mut used_environments = HashSet::new();
    for list in tables.classes.iter().filter_map(|entry| entry.raw.environments.as_ref()) {
        used_environments.extend(list.value.iter().map(|name| name.value.as_str()));
    }
    let used_classes: HashSet<&str> = tables
        .jobs
        .iter()
        .filter_map(|entry| entry.raw.class.as_ref())
        .map(|class| class.value.as_str())
        .collect();
    let mut definitions = HashSet::new();
    for entry in &tables.jobs {
        definitions.extend(entry.raw.definition.as_ref().map(|text| text.value.as_str()));
    }
    for entry in &tables.environments {
        let mut scope = Scope::new(&entry.source, "environment", &entry.raw.name, findings);
        environment::check_use(&entry.raw, &used_environments, &definitions, &mut scope);
    }
    for entry in &tables.classes {
        let mut scope = Scope::new(&entry.source, "class", &entry.raw.name, findings);
        if let Some(name) = &entry.raw.name
            && !used_classes.contains(name.value.as_str())
        {
            let problem = "no job belongs to this class";
            scope.warning(
                "class-never-used",
                &name.span,
                problem,
                "remove it, or name it in a job",
            );
        }
    }
    let excluded = tables.jobs.iter().filter_map(|entry| entry.raw.exclude.as_ref());
    let excluded: HashSet<&str> =
        excluded.flat_map(|list| &list.value).map(|name| name.value.as_str()).collect();
    for entry in &tables.calendars {
        let mut scope = Scope::new(&entry.source, "calendar", &entry.raw.name, findings);
        if let Some(name) = &entry.raw.name
            && !excluded.contains(name.value.as_str())
        {
            let problem = "no job excludes this calendar";
            let hint = "remove it, or name it in a job's `exclude`";
            scope.warning("calendar-never-used", &name.span, problem, hint);
        }
    }
    if tables.jobs.is_empty() {
        findings.push(
            Diagnostic::warning("no-jobs", "the catalogue holds no job: nothing will ever run")
                .hint("add a table `[[jobs]]`"),
        );
    }
}
