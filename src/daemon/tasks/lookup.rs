//! What became of a SubmitJob call whose answer never came. AWS gives SubmitJob no idempotency token,
//! so the deterministic name is looked up in the queue that the intent names; only a name that stays
//! absent for long enough is sent again.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::daemon::{Change, Mode, Shared, TaskError};
use crate::domain::{BatchJobId, RunId, RunOutcome, Site};
use crate::mutation::{self, Mutation};
use crate::ports::{FoundJob, ServiceError};
use crate::run::{
    REMEMBERED, Resend, Run, RunEventKind, RunState, Unaccounted, may_run_again, run_again,
};

/// A duplicate that cannot be terminated is tried again for so long; then the run goes on with the
/// oldest job, and only the log and the events tell of the other.
const DUPLICATE_PATIENCE: SignedDuration = SignedDuration::from_mins(10);

/// For how long look-ups have not shown a name, by a clock that nobody sets. A process that has just
/// started begins anew: how long nobody looked says nothing.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    absent_since: BTreeMap<RunId, SignedDuration>,
}

impl Lookups {
    /// Looks every uncertain submission up. `true` when some are still uncertain.
    pub(super) async fn resolve_all(
        &mut self,
        shared: &Shared,
        now: Timestamp,
    ) -> Result<bool, TaskError> {
        let uncertain = shared.book.open_where(|run| {
            matches!(run.state, RunState::Submitting { uncertain_since: Some(_) })
        });
        let ids: BTreeSet<&RunId> = uncertain.iter().map(|run| &run.id).collect();
        self.absent_since.retain(|id, _| ids.contains(id));
        let mut left = false;
        // One call that fails slowly is enough: a place that does not answer is left for later. A
        // queue that does not exist says nothing of the others.
        let mut silent: BTreeSet<Option<Site>> = BTreeSet::new();
        for run in &uncertain {
            let site = run.last_leg().map(|leg| leg.site.clone());
            if silent.contains(&site) {
                left |= !give_up_if_old(shared, run, None, now).await?;
                continue;
            }
            let asked = shared.clock.elapsed();
            let found = match find(shared, run).await {
                Ok(_) if mutation::active(Mutation::NoLookUp) => Vec::new(),
                Ok(found) => found,
                Err(error) => {
                    if error.is_of_the_place() {
                        silent.insert(site);
                    }
                    tracing::warn!(run = %run.id, %error, "a look-up failed and will be repeated");
                    left |= !give_up_if_old(shared, run, None, now).await?;
                    continue;
                }
            };
            let since = *self.absent_since.entry(run.id.clone()).or_insert(asked);
            let uncertain = resolve(shared, run, found, asked - since, now).await?;
            if !uncertain {
                self.absent_since.remove(&run.id);
            }
            left |= uncertain;
        }
        Ok(left)
    }
}

/// Every job of the last leg's name, oldest first.
async fn find(shared: &Shared, run: &Run) -> Result<Vec<FoundJob>, ServiceError> {
    let Some(leg) = run.last_leg() else { return Ok(Vec::new()) };
    let back = match mutation::active(Mutation::LookUpByTime) {
        true => SignedDuration::from_mins(5),
        false => REMEMBERED,
    };
    let since = leg.intended_at.checked_sub(back).unwrap_or(Timestamp::MIN);
    let batch = &shared.cloud.batch;
    let queue = match mutation::active(Mutation::OneQueueOnly) {
        true => shared.catalogue.load().environments.values().next().map(|e| e.queue.clone()),
        false => None,
    };
    let queue = queue.as_ref().unwrap_or(&leg.queue);
    let mut found = batch.find_by_name(&leg.site, queue, &leg.batch_name, since).await?;
    found.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    Ok(found)
}

/// Takes the look-up's answer into the run; look-ups have not shown it for `absent`. `true` while it
/// stays uncertain.
async fn resolve(
    shared: &Shared,
    run: &Run,
    found: Vec<FoundJob>,
    absent: SignedDuration,
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
        let mut resend = run.last_leg().and_then(|leg| shared.book.resend(&leg.batch_name));
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
            if let Some(resend) = &mut resend {
                resend.terminated.insert(terminated.clone());
            }
            change.event(&next, now, RunEventKind::DuplicateFound { leg, terminated });
        }
        resend.into_iter().for_each(|resend| change.resend(resend));
        accepted(&mut next, oldest.id.clone(), now, &mut change);
        change.update(next);
        shared.book.commit(change).await?;
        shared.bells.watch.ring();
        return Ok(false);
    }
    let absent = match mutation::active(Mutation::WallClockDecides) {
        true => now.duration_since(since),
        false => absent,
    };
    if is_old(shared, run, now) {
        return Ok(!give_up_if_old(shared, run, Some(absent), now).await?);
    }
    let at_once = mutation::active(Mutation::AbsentAtOnce);
    if absent < shared.settings.submission.absent_after && !at_once {
        return Ok(true);
    }
    // Absent for long enough: it never arrived, and the same name goes out once more.
    next.state = RunState::Submitting { uncertain_since: None };
    change.event(&next, now, RunEventKind::LookedUp { leg, found: false });
    resend_of(shared, &next, now).into_iter().for_each(|resend| change.resend(resend));
    change.update(next);
    shared.book.commit(change).await?;
    Ok(false)
}

/// The name goes out once more, and is looked at later: the call before may have arrived after all.
fn resend_of(shared: &Shared, run: &Run, now: Timestamp) -> Option<Resend> {
    let resend = Resend::of(run, now)?;
    let known = shared.book.resend(&resend.name);
    let terminated = known.map(|known| known.terminated).unwrap_or_default();
    Some(Resend { terminated, ..resend })
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

/// Whether its intent is older than Batch's memory of finished jobs may be.
fn is_old(shared: &Shared, run: &Run, now: Timestamp) -> bool {
    let intended = run.last_leg().map_or(run.created_at, |leg| leg.intended_at);
    now.duration_since(intended) >= shared.settings.submission.unknown_after
}

/// An old intent cannot be resolved: nobody can tell whether it ran. It is never sent again by itself,
/// unless its class says that another leg follows. That waits for look-ups that did not show the name
/// for as long as any other (`absent`; `None`: none was answered), so that no job of it is alive.
async fn give_up_if_old(
    shared: &Shared,
    run: &Run,
    absent: Option<SignedDuration>,
    now: Timestamp,
) -> Result<bool, TaskError> {
    if !is_old(shared, run, now) {
        return Ok(false);
    }
    let mut next = run.clone();
    next.version += 1;
    if mutation::active(Mutation::UnknownIsResent) {
        next.state = RunState::Submitting { uncertain_since: None };
        let mut change = Change::default();
        change.update(next);
        shared.book.commit(change).await?;
        return Ok(true);
    }
    let catalogue = shared.catalogue.load();
    let class = catalogue.class_of_run(&run.class, &run.job);
    if class.is_some_and(|class| may_run_again(run, class)) {
        if absent.is_none_or(|absent| absent < shared.settings.submission.absent_after) {
            return Ok(false);
        }
        tracing::error!(
            run = %run.id,
            "nobody can tell any more whether this run was submitted; its class lets it run again"
        );
        let mut change = Change::default();
        // Should a job of the old name show up after all, a late look terminates it.
        resend_of(shared, run, now).into_iter().for_each(|resend| change.resend(resend));
        let event = run_again(&mut next, Unaccounted::NeverShown, now);
        change.event(&next, now, event);
        change.update(next);
        shared.book.commit(change).await?;
        shared.bells.dispatch.ring();
        return Ok(true);
    }
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
