//! The parameter sets of a job: a matrix, or a file.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Known, Located, Scope, shown};
use crate::catalogue::ParameterSet;
use crate::catalogue::parameters_file::{MAX_SETS, name_problem};
use crate::catalogue::raw::RawJob;
use crate::catalogue::raw::ScalarText;
use crate::catalogue::read::Entry;
use crate::document::Entries;

/// Runs of one scheduled time, at most.
pub(super) const MAX_RUNS: usize = MAX_SETS;

/// The sets, in order; empty for a job without. `None` where they are wrong.
pub(super) fn check(
    entry: &Entry<RawJob>,
    known: &Known<'_>,
    scope: &mut Scope<'_>,
) -> Option<Vec<Arc<ParameterSet>>> {
    let raw = &entry.raw;
    match (&raw.matrix, &raw.parameters_file) {
        (Some(matrix), Some(_)) => {
            let problem = "it has `matrix` and `parameters_file`";
            scope.error("two-kinds-of-sets", &matrix.span, problem, "remove one of the two");
            None
        }
        // What is wrong with the file is told of already.
        (None, Some(file)) => known.parameter_files.get(&entry.beside(&file.value))?.clone(),
        (Some(matrix), None) => of_matrix(raw, &matrix.value, scope),
        (None, None) => {
            if let Some(exclude) = raw.matrix_exclude.as_ref().filter(|list| !list.value.is_empty())
            {
                let problem = "`matrix_exclude` without `matrix`";
                scope.error("exclude-matches-nothing", &exclude.span, problem, "remove it");
            }
            Some(Vec::new())
        }
    }
}

type Axes = Entries<crate::document::OneOrMany<ScalarText>>;

fn of_matrix(raw: &RawJob, axes: &Axes, scope: &mut Scope<'_>) -> Option<Vec<Arc<ParameterSet>>> {
    let mut count: usize = 1;
    let mut is_good = !axes.0.is_empty();
    for (name, values) in &axes.0 {
        if let Some(problem) = name_problem(&name.value) {
            let hint = problem.hint.unwrap_or_default();
            scope.error(problem.code, &name.span, &problem.message, &hint);
            is_good = false;
        }
        let mut seen = BTreeSet::new();
        for Located { value, span } in &values.value.0 {
            if !seen.insert(&value.0) {
                let problem =
                    format!("`matrix` {} has {} twice", shown(&name.value), shown(&value.0));
                scope.error("duplicate-parameter-set", span, &problem, "remove one of the two");
                is_good = false;
            }
        }
        count = count.saturating_mul(values.value.0.len());
    }
    let span = raw.matrix.as_ref().map_or(raw.table_span.clone(), |matrix| matrix.span.clone());
    if count > MAX_SETS {
        let problem =
            format!("`matrix` gives {count} parameter sets; at most {MAX_SETS} are allowed");
        scope.error("too-many-parameter-sets", &span, &problem, "");
        return None;
    }
    if axes.0.is_empty() {
        let hint = "name a field and its values, such as region = [\"eu\", \"us\"]";
        scope.error("no-parameter-sets", &span, "`matrix` is empty", hint);
    }
    let mut sets = product(axes);
    for exclude in raw.matrix_exclude.iter().flat_map(|list| &list.value) {
        let before = sets.len();
        sets.retain(|set| !matches(set, &exclude.value));
        if sets.len() == before {
            let problem = "an entry of `matrix_exclude` matches no combination";
            let hint = "each names fields of `matrix` with a value that they have there";
            scope.error("exclude-matches-nothing", &exclude.span, problem, hint);
            is_good = false;
        }
    }
    if is_good && sets.is_empty() {
        let problem = "`matrix_exclude` leaves no combination, so that the job would never run";
        scope.error("no-parameter-sets", &span, problem, "");
        is_good = false;
    }
    is_good.then(|| sets.into_iter().map(|fields| Arc::new(ParameterSet::of(fields))).collect())
}

/// Every combination; the last field changes first.
fn product(axes: &Axes) -> Vec<BTreeMap<String, String>> {
    let mut sets = vec![BTreeMap::new()];
    for (name, values) in &axes.0 {
        let values = &values.value.0;
        sets = sets
            .into_iter()
            .flat_map(|set: BTreeMap<String, String>| {
                values.iter().map(move |value| {
                    let mut longer = set.clone();
                    longer.insert(name.value.clone(), value.value.0.clone());
                    longer
                })
            })
            .collect();
    }
    sets
}

fn matches(set: &BTreeMap<String, String>, exclude: &Entries<ScalarText>) -> bool {
    exclude.0.iter().all(|(name, value)| set.get(&name.value) == Some(&value.value.0))
}

/// Warns of sets that make no difference.
pub(super) fn check_use(raw: &RawJob, job: &crate::catalogue::Job, scope: &mut Scope<'_>) {
    let named = job.submission.templates.all().any(|template| !template.fields().is_empty());
    if job.sets.is_empty() || named {
        return;
    }
    let matrix = raw.matrix.as_ref().map(|matrix| &matrix.span);
    let file = raw.parameters_file.as_ref().map(|file| &file.span);
    let span = matrix.or(file).unwrap_or(&raw.table_span);
    let hint = "name a field in `parameters`, `environment`, `command` or `tags`: `{{ set.NAME }}`";
    scope.warning("set-never-used", span, "all its parameter sets would do the same", hint);
}
