//! The previous success, for templates that name it.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::catalogue::{Catalogue, Job};
use crate::domain::{JobName, RunId};
use crate::ports::{Store, StoreError};
use crate::run::Run;

/// The scheduled time of the last success of `job` before each of `runs`, which are of one scheduled
/// time. With parameter sets it is that of the same set. Empty where no template names it.
pub(super) async fn previous_successes(
    store: &Arc<dyn Store>,
    job: &Job,
    runs: &[&Run],
) -> Result<BTreeMap<RunId, Timestamp>, StoreError> {
    let Some(first) = runs.first().filter(|_| job.submission.templates.want_previous_success())
    else {
        return Ok(BTreeMap::new());
    };
    let key = |run: &&Run| run.set.as_ref().map_or_else(String::new, |set| set.key.clone());
    let keys: Vec<String> = runs.iter().map(key).collect();
    let found = store.previous_successes(&job.name, &keys, first.scheduled_for).await?;
    let pairs = runs.iter().zip(found);
    Ok(pairs.filter_map(|(run, at)| Some((run.id.clone(), at?))).collect())
}

/// The same for runs of any jobs and times.
pub(in crate::daemon) async fn of_groups<'a>(
    store: &Arc<dyn Store>,
    catalogue: &Catalogue,
    runs: impl Iterator<Item = &'a Run>,
) -> Result<BTreeMap<RunId, Timestamp>, StoreError> {
    let mut groups: BTreeMap<(&JobName, Timestamp), Vec<&Run>> = BTreeMap::new();
    for run in runs {
        groups.entry((&run.job, run.scheduled_for)).or_default().push(run);
    }
    let mut found = BTreeMap::new();
    for ((job, _), runs) in groups {
        let Some(job) = catalogue.jobs.get(job) else { continue };
        found.extend(previous_successes(store, job, &runs).await?);
    }
    Ok(found)
}
