//! Which jobs run after which: references, cycles, and the times that all of them have.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::names::Declared;
use super::{Located, Scope, shown};
use crate::catalogue::raw::RawJob;
use crate::catalogue::read::Entry;
use crate::catalogue::{After, Job};
use crate::diagnostic::Diagnostic;
use crate::domain::JobName;
use crate::schedule::Rule;

/// Checks every `after`, and gives the jobs that have one the times of those that they run after.
pub(super) fn check(
    entries: &[Entry<RawJob>],
    names: &Declared<'_>,
    complete: bool,
    jobs: &mut BTreeMap<JobName, Arc<Job>>,
    findings: &mut Vec<Diagnostic>,
) {
    let mut upstream: BTreeMap<JobName, Vec<After>> = BTreeMap::new();
    let mut written: BTreeMap<JobName, &Entry<RawJob>> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.raw.after.is_some()) {
        let mut scope = Scope::new(&entry.source, "job", &entry.raw.name, findings);
        check_own_times(&entry.raw, &mut scope);
        let after = references(&entry.raw, names, complete, &mut scope);
        let Some(name) = &entry.raw.name else { continue };
        let name = JobName::new(name.value.as_str());
        written.entry(name.clone()).or_insert(entry);
        upstream.entry(name).or_insert(after);
    }
    let Some(order) = in_order(&upstream, &written, findings) else { return };
    for name in order {
        let Some(after) = upstream.remove(&name) else { continue };
        let Some(entry) = written.get(&name) else { continue };
        let mut scope = Scope::new(&entry.source, "job", &entry.raw.name, findings);
        resolve(&name, after, &entry.raw, jobs, &mut scope);
    }
}

fn check_own_times(raw: &RawJob, scope: &mut Scope<'_>) {
    if raw.after.as_ref().is_none_or(|list| list.value.is_empty()) {
        return;
    }
    let own = [
        raw.cron.as_ref().map(|cron| ("cron", &cron.span)),
        raw.every.as_ref().map(|every| ("every", &every.span)),
        raw.at.as_ref().map(|at| ("at", &at.span)),
    ];
    for (key, span) in own.into_iter().flatten() {
        let problem = format!("it has `after` and `{key}`");
        let hint = "a job with `after` runs at the times of those jobs; remove one of the two";
        scope.error("after-with-own-times", span, &problem, hint);
    }
}

fn references(
    raw: &RawJob,
    names: &Declared<'_>,
    complete: bool,
    scope: &mut Scope<'_>,
) -> Vec<After> {
    let list = raw.after.iter().flat_map(|list| &list.value);
    let mut after: Vec<After> = Vec::new();
    for Located { value, .. } in list {
        let Some(job) = &value.0.job else { continue };
        if !names.check(job, complete, scope) {
            continue;
        }
        if after.iter().any(|known| known.job.as_str() == job.value) {
            let problem = format!("`after` names {} twice", shown(&job.value));
            scope.error("duplicate-after", &job.span, &problem, "remove one of the two");
            continue;
        }
        let when = value.0.when.as_ref().map(|when| when.value.0).unwrap_or_default();
        after.push(After { job: JobName::new(job.value.as_str()), when });
    }
    if after.is_empty() && raw.after.as_ref().is_some_and(|list| list.value.is_empty()) {
        let span = raw.after.as_ref().map_or(raw.table_span.clone(), |list| list.span.clone());
        if !raw.written.iter().any(|key| ["cron", "every", "at"].contains(key)) {
            let problem = "`after` is empty, and nothing else says when it runs";
            scope.error("missing-key", &span, problem, "name a job, or add `cron`");
        }
    }
    after
}

/// The jobs with upstream ones, each after those; `None` when that is impossible, which is reported.
fn in_order(
    upstream: &BTreeMap<JobName, Vec<After>>,
    written: &BTreeMap<JobName, &Entry<RawJob>>,
    findings: &mut Vec<Diagnostic>,
) -> Option<Vec<JobName>> {
    let mut order: Vec<JobName> = Vec::with_capacity(upstream.len());
    let mut placed: BTreeSet<&JobName> = BTreeSet::new();
    loop {
        let is_ready = |after: &Vec<After>| {
            after.iter().all(|a| placed.contains(&a.job) || !upstream.contains_key(&a.job))
        };
        let ready: Vec<&JobName> = upstream
            .iter()
            .filter(|(name, after)| !placed.contains(name) && is_ready(after))
            .map(|(name, _)| name)
            .collect();
        if ready.is_empty() {
            break;
        }
        placed.extend(ready.iter().copied());
        order.extend(ready.into_iter().cloned());
    }
    if order.len() == upstream.len() {
        return Some(order);
    }
    let first = upstream.keys().find(|name| !placed.contains(name))?;
    let cycle = cycle_from(first, upstream, &placed);
    let entry = written.get(cycle.first()?)?;
    let mut scope = Scope::new(&entry.source, "job", &entry.raw.name, findings);
    let path: Vec<&str> = cycle.iter().map(|name| name.as_str()).collect();
    let problem = format!("it runs after itself: {}", path.join(" after "));
    let span = entry.raw.after.as_ref().map_or(0..0, |list| list.span.clone());
    scope.error("dependency-cycle", &span, &problem, "take one of these jobs out of `after`");
    None
}

/// A cycle that can be reached from `start`, its first job once more at the end.
fn cycle_from(
    start: &JobName,
    upstream: &BTreeMap<JobName, Vec<After>>,
    placed: &BTreeSet<&JobName>,
) -> Vec<JobName> {
    let mut path = vec![start.clone()];
    loop {
        let last = &path[path.len() - 1];
        let next = upstream.get(last).into_iter().flatten();
        let mut next = next.filter(|a| upstream.contains_key(&a.job) && !placed.contains(&a.job));
        // What is not placed waits for something else that is not.
        let Some(next) = next.next().map(|after| after.job.clone()) else { return path };
        if let Some(begin) = path.iter().position(|name| *name == next) {
            path.drain(..begin);
            path.push(next);
            return path;
        }
        path.push(next);
    }
}

fn resolve(
    name: &JobName,
    after: Vec<After>,
    raw: &RawJob,
    jobs: &mut BTreeMap<JobName, Arc<Job>>,
    scope: &mut Scope<'_>,
) {
    let span = raw.after.as_ref().map_or(0..0, |list| list.span.clone());
    let mut common = Vec::with_capacity(after.len());
    for upstream in &after {
        // One that has mistakes of its own is reported there.
        let Some(job) = jobs.get(&upstream.job) else { return };
        if !job.enabled {
            let problem = format!("it runs after {}, which is disabled", shown(job.name.as_str()));
            let hint = "its runs will be skipped; enable that job, or disable this one";
            scope.warning("after-disabled-job", &span, &problem, hint);
        }
        common.push((upstream.job.clone(), Arc::new(job.schedule.clone())));
    }
    let Some(job) = jobs.get_mut(name) else { return };
    let job = Arc::make_mut(job);
    if !after.is_empty() {
        job.schedule.rules = vec![Rule::After(common)];
        job.after = after;
        if job.schedule.next_after(Timestamp::UNIX_EPOCH).is_none() {
            let problem = "the jobs that it runs after have no scheduled time in common";
            let hint =
                "runs wait for those of the same scheduled time; give the jobs the same `cron`";
            scope.warning("after-never-together", &span, problem, hint);
        }
    }
}
