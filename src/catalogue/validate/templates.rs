//! Templates in a job's values, and Batch's limits on what they become.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use jiff::Timestamp;

use super::aws_text::is_tag_text;
use super::submission::MAX_PAYLOAD_BYTES;
use super::{Located, Scope, shown};
use crate::catalogue::raw::RawJob;
use crate::catalogue::{Job, ParameterSet, Templates};
use crate::document::{Entries, SecretText, did_you_mean};
use crate::domain::{JobName, RunId};
use crate::template::{Facts, NAMES, Template};

/// A moment that is as long as any when it is written out: the names of its month and day are the
/// longest, and no number has one digit.
const LONGEST_MOMENT: &str = "2026-09-30T23:59:59Z";

/// The templates of a job, with every problem noted. `fields` are those of its parameter sets.
pub(super) fn check(raw: &RawJob, fields: &BTreeSet<&str>, scope: &mut Scope<'_>) -> Templates {
    let mut reading = Reading { fields, scope };
    let words = raw.command.iter().flat_map(|words| &words.value);
    Templates {
        parameters: reading.hidden("parameters", &raw.parameters),
        environment: reading.hidden("environment", &raw.environment),
        command: words
            .enumerate()
            .filter_map(|(place, word)| Some((place, reading.shown("command", word)?)))
            .collect(),
        tags: raw.tags.as_ref().map_or_else(BTreeMap::new, |tags| {
            let tags = tags.value.0.iter();
            tags.filter_map(|(key, value)| Some((key.value.clone(), reading.shown("tags", value)?)))
                .collect()
        }),
    }
}

struct Reading<'a, 'b> {
    fields: &'a BTreeSet<&'a str>,
    scope: &'a mut Scope<'b>,
}

impl Reading<'_, '_> {
    fn hidden(
        &mut self,
        table: &str,
        entries: &Option<Located<Entries<SecretText>>>,
    ) -> BTreeMap<String, Template> {
        let entries = entries.as_ref().map_or(&[][..], |entries| &entries.value.0);
        let mut templates = BTreeMap::new();
        for (name, Located { value, span }) in entries {
            let what = format!("`{table}` {}", shown(&name.value));
            if let Some(template) = self.read(&what, value.0.expose(), span, true) {
                templates.insert(name.value.clone(), template);
            }
        }
        templates
    }

    fn shown(&mut self, table: &str, value: &Located<String>) -> Option<Template> {
        self.read(&format!("`{table}`"), &value.value, &value.span, false)
    }

    /// `None` also where the value is no template.
    fn read(
        &mut self,
        what: &str,
        value: &str,
        span: &Range<usize>,
        is_hidden: bool,
    ) -> Option<Template> {
        if !Template::is_one(value) {
            return None;
        }
        match Template::parse(value) {
            Ok(template) => {
                self.check_fields(what, &template, span);
                Some(template)
            }
            Err(error) => {
                let place = self.place(value, span, &error.at);
                let name = value.get(error.at.clone()).unwrap_or_default();
                let field = |field: &&str| format!("set.{field}");
                let fields: Vec<String> = self.fields.iter().map(field).collect();
                let known = NAMES.into_iter().chain(fields.iter().map(String::as_str));
                let like = did_you_mean(name, known).filter(|_| error.is_unknown_name);
                let hint = like.map_or(error.hint, |like| format!("did you mean `{like}`?"));
                // What a hidden value holds is not repeated.
                let problem = match error.is_unknown_name && !is_hidden && !name.is_empty() {
                    true => format!("{what}: {} {}", error.problem, shown(name)),
                    false => format!("{what}: {}", error.problem),
                };
                self.scope.error("invalid-template", &place, &problem, &hint);
                None
            }
        }
    }

    fn check_fields(&mut self, what: &str, template: &Template, span: &Range<usize>) {
        for field in template.fields() {
            if self.fields.contains(field) {
                continue;
            }
            let problem = format!("{what}: no parameter set has a field {}", shown(field));
            let hint = match did_you_mean(field, self.fields.iter().copied()) {
                Some(like) => format!("did you mean `set.{like}`?"),
                None if self.fields.is_empty() => {
                    "fields come from the job's `matrix` or `parameters_file`".to_owned()
                }
                None => {
                    let fields: Vec<&str> = self.fields.iter().copied().take(8).collect();
                    format!("fields are, for example: {}", fields.join(", "))
                }
            };
            self.scope.error("unknown-field", span, &problem, &hint);
        }
    }

    /// Where a part of a value stands: exact where the text is written without escapes.
    fn place(&self, value: &str, span: &Range<usize>, part: &Range<usize>) -> Range<usize> {
        let written = self.scope.source.text.get(span.start + 1..span.start + 1 + value.len());
        match written == Some(value) {
            true => span.start + 1 + part.start..span.start + 1 + part.end,
            false => span.clone(),
        }
    }
}

/// Checks what the templates become, for every parameter set, against Batch's limits.
pub(super) fn check_limits(raw: &RawJob, job: &Job, scope: &mut Scope<'_>) {
    if job.submission.templates.is_empty() {
        return;
    }
    let Ok(at) = LONGEST_MOMENT.parse::<Timestamp>() else { return };
    let none = ParameterSet::default();
    let sets: Vec<&ParameterSet> = match job.sets.is_empty() {
        true => vec![&none],
        false => job.sets.iter().map(|set| &**set).collect(),
    };
    for set in sets {
        if let Some((code, span, problem)) = limit_broken(raw, job, at, set) {
            let problem = match set.fields.is_empty() {
                true => problem,
                false => format!("{problem}, with the parameter set {}", set.described()),
            };
            let hint = "Batch would refuse the submission; the templates make it so";
            // One is enough: the others are likely broken by the same.
            return scope.error(code, &span, &problem, hint);
        }
    }
}

/// The first of Batch's limits that a submission for `set` breaks, and where that is written.
fn limit_broken(
    raw: &RawJob,
    job: &Job,
    at: Timestamp,
    set: &ParameterSet,
) -> Option<(&'static str, Range<usize>, String)> {
    let run = longest_id(&job.name, at, set);
    let facts = Facts {
        run: &run,
        job: &job.name,
        scheduled_for: at,
        zone: &job.schedule.time_zone,
        previous_success: Some(at),
        set: &set.fields,
    };
    // Fields that there are not are told of already.
    let filled = job.submission.filled(facts).ok()?;
    let words = filled.command.iter().flatten();
    let written = raw.command.as_ref().map_or(&[][..], |words| &words.value);
    for (word, place) in words.zip(written) {
        if word.is_empty() {
            let problem = "a template makes an empty word of `command`".to_owned();
            return Some(("invalid-command", place.span.clone(), problem));
        }
    }
    for (key, value) in &filled.tags {
        if value.chars().count() > 256 || !is_tag_text(value) {
            let written = raw.tags.as_ref().map_or(&[][..], |tags| &tags.value.0);
            let entry = written.iter().find(|(name, _)| name.value == *key);
            let span = entry.map_or(raw.table_span.clone(), |(_, value)| value.span.clone());
            let problem = format!("the value of tag {} is not allowed", shown(key));
            return Some(("invalid-tag", span, problem));
        }
    }
    let bytes = filled.payload_bytes();
    (bytes > MAX_PAYLOAD_BYTES).then(|| {
        let span = raw.name.as_ref().map_or(&raw.table_span, |name| &name.span).clone();
        let problem = format!("environment, parameters, command and tags are {bytes} bytes");
        ("submission-too-large", span, problem)
    })
}

fn longest_id(job: &JobName, at: Timestamp, set: &ParameterSet) -> RunId {
    match set.key.as_str() {
        "" => RunId::of(job, at),
        key => RunId::of_set(job, at, key),
    }
}
