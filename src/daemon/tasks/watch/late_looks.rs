//! Looks once more at names that were sent again: Batch may show the first job only now. The oldest
//! stays, as in a look-up; the others are terminated and counted.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::daemon::{Change, Mode, Shared, TaskError};
use crate::domain::{BatchJobId, BatchJobName, BatchStatus, Site};
use crate::mutation::{self, Mutation};
use crate::ports::{FailureKind, FoundJob, ServiceError};
use crate::run::{REMEMBERED, Resend, Run, RunEventKind, RunState, Standing, job_to_keep};

/// Looks in one activation: a place that is slow, or a long night's worth of them, does not keep the
/// next activation waiting. Those that are left are the first then.
const LOOKS_AT_ONCE: usize = 50;

/// When this process last looked at each name, or came to know of it, by a clock that nobody sets.
#[derive(Debug, Default)]
pub(super) struct LateLooks {
    since: BTreeMap<BatchJobName, SignedDuration>,
    /// The last name that was looked at: the next activation goes on behind it, so that names whose
    /// look always fails keep no others waiting.
    last: Option<BatchJobName>,
}

/// What came of one look.
enum Looked {
    Done,
    /// It is to be made again: it had to wait, or a job is left that could not be terminated.
    Again,
    /// AWS did not answer.
    Failed(ServiceError),
}

impl LateLooks {
    /// Every look that is due. What fails is tried again at the next activation.
    pub(super) async fn look(&mut self, shared: &Shared, now: Timestamp) -> Result<(), TaskError> {
        if shared.mode == Mode::Observe || mutation::active(Mutation::NoLateLook) {
            return Ok(());
        }
        let resends = shared.book.resends();
        let names: BTreeSet<&BatchJobName> = resends.iter().map(|resend| &resend.name).collect();
        self.since.retain(|name, _| names.contains(name));
        let elapsed = shared.clock.elapsed();
        // In order of name, beginning behind the last.
        let behind = resends.partition_point(|resend| self.last.as_ref() >= Some(&resend.name));
        let mut silent: BTreeSet<&Site> = BTreeSet::new();
        let mut left = LOOKS_AT_ONCE;
        for resend in resends[behind..].iter().chain(&resends[..behind]) {
            let since = *self.since.entry(resend.name.clone()).or_insert(elapsed);
            let is_due = resend.is_due(elapsed - since, now) && !silent.contains(&resend.site);
            if !is_due || left == 0 {
                continue;
            }
            left -= 1;
            self.last = Some(resend.name.clone());
            match look_at(shared, resend, now).await? {
                Looked::Done => {
                    self.since.insert(resend.name.clone(), elapsed);
                }
                Looked::Failed(error) if error.is_of_the_place() => {
                    silent.insert(&resend.site);
                }
                Looked::Failed(_) | Looked::Again => {}
            }
        }
        Ok(())
    }
}

/// One look.
async fn look_at(shared: &Shared, resend: &Resend, now: Timestamp) -> Result<Looked, TaskError> {
    let Some(run) = shared.book.store().run(&resend.run).await? else { return Ok(Looked::Again) };
    let is_last = usize::from(resend.leg) + 1 == run.legs.len();
    if is_last && matches!(run.state, RunState::Submitting { .. }) {
        // The ordinary look-up is at it, or it is on its way out.
        return Ok(Looked::Again);
    }
    let since = resend.at.checked_sub(REMEMBERED).unwrap_or(Timestamp::MIN);
    let batch = &shared.cloud.batch;
    match batch.find_by_name(&resend.site, &resend.queue, &resend.name, since).await {
        Ok(found) => settle(shared, resend, run, found, now).await,
        Err(error) => {
            tracing::warn!(run = %resend.run, %error, "a late look failed and will be repeated");
            Ok(Looked::Failed(error))
        }
    }
}

/// Takes a look's answer in.
async fn settle(
    shared: &Shared,
    resend: &Resend,
    run: Run,
    mut found: Vec<FoundJob>,
    now: Timestamp,
) -> Result<Looked, TaskError> {
    found.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    let jobs: Vec<(BatchJobId, BatchStatus)> =
        found.into_iter().map(|job| (job.id, job.status)).collect();
    let mut looked = resend.clone();
    looked.looks += 1;
    let mut change = Change::default();
    let standing = standing(&run, resend.leg);
    let kept = job_to_keep(&jobs, standing).cloned();
    if let (Standing::Watched(job), Some(kept)) = (standing, &kept)
        && job != kept
    {
        // Durable before anything is terminated: a run that still watched the other job would take its
        // end for its own.
        let mut turn = Change::default();
        turn.update(following(&run, kept.clone()));
        shared.book.commit(turn).await?;
    }
    for (id, _) in &jobs {
        let stays = kept.as_ref() == Some(id) || mutation::active(Mutation::DuplicateStays);
        if stays || looked.terminated.contains(id) {
            continue;
        }
        tracing::error!(run = %run.id, job = %id, "Batch showed a second job of this run late; it is terminated");
        let reason = format!("spotcron: duplicate of run {}", run.id);
        match shared.cloud.batch.terminate(&resend.site, id, &reason).await {
            Err(error) if error.kind != FailureKind::NotFound => {
                tracing::error!(run = %run.id, job = %id, %error, "a duplicate could not be terminated");
                // The same look again: what was terminated is written down first.
                looked.looks = resend.looks;
            }
            _ => {
                looked.terminated.insert(id.clone());
                let terminated = id.clone();
                change.event(
                    &run,
                    now,
                    RunEventKind::DuplicateFound { leg: resend.leg, terminated },
                );
            }
        }
    }
    let is_done = looked.looks > resend.looks;
    change.resend(looked);
    shared.book.commit(change).await?;
    Ok(if is_done { Looked::Done } else { Looked::Again })
}

fn standing(run: &Run, leg: u16) -> Standing<'_> {
    let job = run.legs.get(usize::from(leg)).and_then(|leg| leg.job_id.as_ref());
    let is_last = usize::from(leg) + 1 == run.legs.len();
    let watched = matches!(run.state, RunState::Watching | RunState::Stopping { .. });
    match job {
        Some(job) if is_last && watched => Standing::Watched(job),
        job => Standing::Past(job),
    }
}

/// The run, watching another job of its last leg.
fn following(run: &Run, kept: BatchJobId) -> Run {
    let mut next = run.clone();
    next.version += 1;
    if let Some(leg) = next.legs.last_mut() {
        leg.job_id = Some(kept);
        leg.status = None;
        leg.runnable_since = None;
        leg.started_at = None;
        leg.missing_since = None;
    }
    next
}
