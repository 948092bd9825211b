//! What became of a SubmitJob call whose answer never came. AWS gives SubmitJob no idempotency token,
//! so the deterministic name is looked up in the queue that the intent names; only a name that stays
//! absent for long enough is sent again.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::daemon::{Change, Mode, Shared, TaskError};
use crate::domain::{BatchJobId, RunOutcome, Site};
use crate::ports::{FailureKind, FoundJob, ServiceError};
use crate::run::{Run, RunEventKind, RunState};

/// Clocks of Batch and of this machine may differ by so much.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// A duplicate that cannot be terminated is tried again for so long; then the run goes on with the
/// oldest job, and only the log and the events tell of the other.
const DUPLICATE_PATIENCE: SignedDuration = SignedDuration::from_mins(10);

/// Looks every uncertain submission up. `true` when some are still uncertain.
pub(super) async fn resolve_all(shared: &Shared, now: Timestamp) -> Result<bool, TaskError> {
    let uncertain = shared
        .book
        .open_where(|run| matches!(run.state, RunState::Submitting { uncertain_since: Some(_) }));
    let mut left = false;
    // One call that fails slowly is enough: a place that does not answer is left for later. A queue
    // that does not exist says nothing of the others.
    let mut silent: BTreeSet<Option<Site>> = BTreeSet::new();
    for run in uncertain {
        let site = run.last_leg().map(|leg| leg.site.clone());
        if silent.contains(&site) {
            left |= !give_up_if_old(shared, &run, now).await?;
            continue;
        }
        let found = match find(shared, &run).await {
            Ok(found) => found,
            Err(error) => {
                if !matches!(error.kind, FailureKind::Rejected | FailureKind::NotFound) {
                    silent.insert(site);
                }
                tracing::warn!(run = %run.id, %error, "a look-up failed and will be repeated");
                left |= !give_up_if_old(shared, &run, now).await?;
                continue;
            }
        };
        left |= resolve(shared, &run, found, now).await?;
    }
    Ok(left)
}

/// Every job of the last leg's name, oldest first.
async fn find(shared: &Shared, run: &Run) -> Result<Vec<FoundJob>, ServiceError> {
    let Some(leg) = run.last_leg() else { return Ok(Vec::new()) };
    let since = leg.intended_at - CLOCK_SKEW;
    let batch = &shared.cloud.batch;
    let mut found = batch.find_by_name(&leg.site, &leg.queue, &leg.batch_name, since).await?;
    found.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    Ok(found)
}

/// Takes the look-up's answer into the run. `true` while it stays uncertain.
async fn resolve(
    shared: &Shared,
    run: &Run,
    found: Vec<FoundJob>,
    now: Timestamp,
) -> Result<bool, TaskError> {
    let RunState::Submitting { uncertain_since: Some(since) } = run.state else {
        return Ok(false);
    };
    let leg = run.legs.len().saturating_sub(1) as u16;
    let mut next = run.clone();
    next.version += 1;
    let mut change = Change::default();
    if let Some((oldest, duplicates)) = found.split_first() {
        change.event(&next, now, RunEventKind::LookedUp { leg, found: true });
        for duplicate in duplicates {
            if let Err(error) = terminate_duplicate(shared, run, duplicate).await {
                tracing::error!(run = %run.id, job = %duplicate.id, %error,
                    "a duplicate could not be terminated");
                if now.duration_since(since) < DUPLICATE_PATIENCE {
                    return Ok(true);
                }
                continue;
            }
            let terminated = duplicate.id.clone();
            change.event(&next, now, RunEventKind::DuplicateFound { leg, terminated });
        }
        accepted(&mut next, oldest.id.clone(), now, &mut change);
        change.update(next);
        shared.book.commit(change).await?;
        shared.bells.watch.ring();
        return Ok(false);
    }
    if give_up_if_old(shared, run, now).await? {
        return Ok(false);
    }
    if now.duration_since(since) < shared.settings.submission.absent_after {
        return Ok(true);
    }
    // Absent for long enough: it never arrived, and the same name goes out once more.
    next.state = RunState::Submitting { uncertain_since: None };
    change.event(&next, now, RunEventKind::LookedUp { leg, found: false });
    change.update(next);
    shared.book.commit(change).await?;
    Ok(false)
}

async fn terminate_duplicate(
    shared: &Shared,
    run: &Run,
    duplicate: &FoundJob,
) -> Result<(), ServiceError> {
    let Some(leg) = run.last_leg().filter(|_| shared.mode == Mode::Submit) else { return Ok(()) };
    let reason = format!("spotcron: duplicate of run {}", run.id);
    tracing::error!(run = %run.id, job = %duplicate.id, "a duplicate submission is terminated");
    shared.cloud.batch.terminate(&leg.site, &duplicate.id, &reason).await
}

/// An intent older than Batch's memory of finished jobs cannot be resolved: nobody can tell whether
/// it ran. It is never sent again by itself.
async fn give_up_if_old(shared: &Shared, run: &Run, now: Timestamp) -> Result<bool, TaskError> {
    let intended = run.last_leg().map_or(run.created_at, |leg| leg.intended_at);
    if now.duration_since(intended) < shared.settings.submission.unknown_after {
        return Ok(false);
    }
    let mut next = run.clone();
    next.version += 1;
    next.state = RunState::Ended { outcome: RunOutcome::Unknown, at: now };
    tracing::error!(
        run = %run.id,
        "nobody can tell any more whether this run was submitted; it is not sent again"
    );
    let mut change = Change::default();
    change.event(&next, now, RunEventKind::Ended { outcome: RunOutcome::Unknown });
    change.update(next);
    shared.book.commit(change).await?;
    Ok(true)
}

/// Batch has the last leg of `run`.
pub(super) fn accepted(run: &mut Run, job_id: BatchJobId, now: Timestamp, change: &mut Change) {
    run.state = RunState::Watching;
    let Some(leg) = run.legs.last_mut() else { return };
    leg.job_id = Some(job_id.clone());
    leg.submitted_at = Some(now);
    let kind = RunEventKind::Submitted {
        leg: leg.index,
        environment: leg.environment.clone(),
        capacity: leg.capacity,
        job_id,
    };
    change.event(run, now, kind);
}
