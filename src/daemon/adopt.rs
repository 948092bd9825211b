//! Makes runs anew from what Batch shows, into a store that was lost. The daemon is stopped meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::{Book, Change};
use crate::catalogue::{Catalogue, Environment};
use crate::domain::{BatchJobId, JobObservation, RunId, Site};
use crate::ports::{
    BatchService, DESCRIBED_PER_CALL, FailureKind, JobListing, RunQuery, ServiceError, StoreError,
    Write,
};
use crate::run::{AdoptFacts, Adopted, Adoption, RunEventKind, RunState, Sighting, adopt};

/// Every job that was created since in a queue of the catalogue.
///
/// # Errors
/// A call failed: what it would have shown might have run, so that nothing may be concluded.
pub async fn sight(
    listing: &dyn JobListing,
    batch: &dyn BatchService,
    catalogue: &Catalogue,
    since: Timestamp,
) -> Result<Vec<Sighting>, ServiceError> {
    let mut queues: BTreeMap<(&Site, &str), &Arc<Environment>> = BTreeMap::new();
    for environment in catalogue.environments.values() {
        queues.entry((&environment.site, &environment.queue)).or_insert(environment);
    }
    let mut sightings = Vec::new();
    for ((site, queue), environment) in queues {
        let listed = listing.list_jobs(site, queue, since).await?;
        let ids: Vec<BatchJobId> = listed.into_iter().map(|job| job.id).collect();
        for some in ids.chunks(DESCRIBED_PER_CALL) {
            let jobs = batch.describe(site, some).await?;
            complete(some, &jobs)?;
            sightings.extend(
                jobs.into_iter().map(|job| Sighting { environment: Arc::clone(environment), job }),
            );
        }
    }
    Ok(sightings)
}

/// What is listed and not described may be ours.
fn complete(asked: &[BatchJobId], jobs: &[JobObservation]) -> Result<(), ServiceError> {
    let shown: BTreeSet<&BatchJobId> = jobs.iter().map(|job| &job.id).collect();
    match asked.iter().find(|id| !shown.contains(id)) {
        None => Ok(()),
        Some(id) => {
            let problem = format!("job {id} is listed and not described");
            Err(ServiceError::new("DescribeJobs", FailureKind::BadResponse, problem))
        }
    }
}

/// What adopting `sightings` into this store comes to.
pub async fn plan_adoption(
    book: &Book,
    sightings: &[Sighting],
    terms: AdoptTerms<'_>,
) -> Result<Adoption, StoreError> {
    let stored = book.store().runs(&RunQuery::default()).await?;
    let existing: BTreeSet<RunId> = stored.into_iter().map(|run| run.id).collect();
    let handled = book.store().handled().await?;
    let AdoptTerms { catalogue, scope, since, now } = terms;
    Ok(adopt(
        sightings,
        AdoptFacts { catalogue, scope, since, now, existing: &existing, handled: &handled },
    ))
}

/// What an adoption goes by.
#[derive(Debug, Clone, Copy)]
pub struct AdoptTerms<'a> {
    pub catalogue: &'a Catalogue,
    /// The account's id.
    pub scope: &'a str,
    pub since: Timestamp,
    pub now: Timestamp,
}

/// Writes all of it, in one transaction.
pub async fn carry_out(book: &Book, adoption: &Adoption, now: Timestamp) -> Result<(), StoreError> {
    let mut change = Change::default();
    for Adopted { run, seen, resend } in &adoption.runs {
        change.event(run, now, RunEventKind::Adopted { status: *seen });
        if let RunState::Ended { outcome, .. } = run.state {
            change.event(run, now, RunEventKind::Ended { outcome });
        }
        change.insert(run.clone());
        resend.iter().for_each(|resend| change.resend(resend.clone()));
    }
    if !adoption.handled.is_empty() {
        let handled = adoption.handled.iter().map(|(key, at)| (key.clone(), *at));
        change.write(Write::Handled(handled.collect()));
    }
    book.commit(change).await
}
