//! Jobs: when they run, and under which class.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::names::check_name;
use super::{Known, Scope, array, economics, input_size, schedule, sets, submission, templates};
use crate::catalogue::raw::RawJob;
use crate::catalogue::read::Entry;
use crate::catalogue::{Class, Environment, Job, Submission};
use crate::diagnostic::Diagnostic;
use crate::domain::{ClassName, JobName};

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
    let schedule = schedule::check(raw, known, &mut scope);
    let class = known_class.and_then(|name| known.classes.get(name));
    let environments = class.map_or_else(Vec::new, |class| environments_of(class, known));
    let sets = sets::check(entry, known, &mut scope);
    // All sets of a job have the same fields.
    let fields: Option<BTreeSet<&str>> = sets.as_ref().map(|sets| {
        sets.first()
            .map_or_else(BTreeSet::new, |set| set.fields.keys().map(String::as_str).collect())
    });
    let input_size_parameter =
        sets.as_deref().and_then(|sets| input_size::check(raw, sets, &mut scope));
    let templates = fields.map(|fields| templates::check(raw, &fields, &mut scope));
    let submission = submission::check(raw, &environments, &mut scope);
    let job = Job {
        name: JobName::new(name?),
        // One text for all jobs of a class.
        class: class
            .map_or_else(|| known_class.map(ClassName::new), |class| Some(class.name.clone()))?,
        schedule: schedule?,
        // Put in by `after`, when all jobs are known.
        after: Vec::new(),
        overlap: raw.overlap.as_ref().map(|overlap| overlap.value.0).unwrap_or_default(),
        enabled: raw.enabled.as_ref().is_none_or(|flag| flag.value),
        submission: shared(
            Submission { templates: templates?, ..submission? },
            &mut known.submissions,
        ),
        sets: sets?,
        input_size_parameter,
    };
    array::check_count(raw, &job, &mut scope);
    sets::check_use(raw, &job, &mut scope);
    templates::check_limits(raw, &job, &mut scope);
    if let Some(class) = class {
        economics::warn_of_job(raw, &job, class, |code, span, problem, hint| {
            scope.warning(code, span, problem, hint);
        });
    }
    Some(job)
}

/// The same one for jobs that submit the same: a submission is most of what a job takes in memory, and
/// of very many jobs many differ only in when they run.
fn shared(submission: Submission, seen: &mut HashSet<Arc<Submission>>) -> Arc<Submission> {
    if let Some(equal) = seen.get(&submission) {
        return Arc::clone(equal);
    }
    let new = Arc::new(submission);
    seen.insert(Arc::clone(&new));
    new
}

fn environments_of(class: &Class, known: &Known<'_>) -> Vec<Arc<Environment>> {
    let find = |name: &crate::domain::EnvironmentName| known.environments.get(name.as_str());
    class.environments.iter().filter_map(find).cloned().collect()
}
