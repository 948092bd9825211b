//! Lets runs go that waited for their turn or for other runs, or ends them as skipped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::catalogue::Catalogue;
use crate::control::without_place;
use crate::daemon::{Activation, Change, Shared, Task, TaskError};
use crate::domain::{JobName, LegCause, RunId, RunOutcome, ScheduleKey};
use crate::ports::Activator;
use crate::run::{
    Run, RunEventKind, RunState, Upstream, Verdict, Wait, note_deadline, release, waits_for_place,
};
use crate::schedule::schedule_key;

pub struct Release {
    shared: Arc<Shared>,
    /// How upstream runs ended, of those that somebody still waits for.
    ended: BTreeMap<RunId, RunOutcome>,
}

/// What is known of upstream runs at one moment.
struct Sight {
    open: BTreeSet<RunId>,
    ended: BTreeMap<RunId, RunOutcome>,
    handled: BTreeMap<ScheduleKey, Timestamp>,
}

impl Release {
    pub fn new(shared: Arc<Shared>) -> Self {
        Release { shared, ended: BTreeMap::new() }
    }

    /// Looks up the upstream runs of `waiting`.
    async fn look(&mut self, waiting: &[Arc<Run>]) -> Result<Sight, TaskError> {
        let upstream: BTreeSet<&RunId> = waiting.iter().flat_map(|run| upstream_of(run)).collect();
        self.ended.retain(|id, _| upstream.contains(id));
        let store = self.shared.book.store();
        // In this order: a time and its run become durable together, so that a time which is handled
        // and has no run afterwards never gets one.
        let handled = match upstream.is_empty() {
            true => BTreeMap::new(),
            false => store.handled().await?,
        };
        let mut open = BTreeSet::new();
        for id in upstream {
            if self.ended.contains_key(id) {
                continue;
            }
            match store.run(id).await?.map(|run| run.state) {
                Some(RunState::Ended { outcome, .. }) => {
                    self.ended.insert(id.clone(), outcome);
                }
                Some(_) => {
                    open.insert(id.clone());
                }
                None => {}
            }
        }
        Ok(Sight { open, ended: self.ended.clone(), handled })
    }

    /// What is known of `job`'s run `id`, for which a run of the same scheduled time waits.
    fn upstream(
        &self,
        sight: &Sight,
        job: &JobName,
        id: &RunId,
        scheduled_for: Timestamp,
    ) -> Upstream {
        if let Some(outcome) = sight.ended.get(id) {
            return Upstream::Ended(*outcome);
        }
        if sight.open.contains(id) {
            return Upstream::Open;
        }
        let catalogue = self.shared.catalogue.load();
        let Some(job) = catalogue.jobs.get(job).filter(|job| job.enabled) else {
            return Upstream::Absent;
        };
        match sight.handled.get(&schedule_key(job)) {
            Some(until) if *until >= scheduled_for => Upstream::Absent,
            // Not dealt with yet, or a schedule so new that it is not written down.
            _ => Upstream::Open,
        }
    }
}

fn upstream_of(run: &Run) -> impl Iterator<Item = &RunId> {
    run.waits.iter().filter_map(|wait| match wait {
        Wait::Upstream { run, .. } => Some(run),
        Wait::Turn | Wait::Place { .. } => None,
    })
}

/// The run after `verdict`; `None` while it goes on waiting and nothing is new.
fn after(
    run: &Run,
    verdict: Verdict,
    catalogue: &Catalogue,
    now: Timestamp,
    change: &mut Change,
) -> Option<Run> {
    let mut next = run.clone();
    next.version += 1;
    let mut events = Vec::new();
    let end = |next: &mut Run, outcome| {
        next.state = RunState::Ended { outcome, at: now };
        RunEventKind::Ended { outcome }
    };
    match verdict {
        Verdict::Go => {
            let cause = if run.legs.is_empty() { LegCause::Scheduled } else { LegCause::Retried };
            next.state = RunState::NeedsLeg { cause, not_before: now };
            if waits_for_place(run) {
                // A time that has passed is not late by birth: now it begins.
                let class = catalogue.class_of_run(&run.class, &run.job);
                let deadline = class.and_then(|class| class.deadline);
                next.by_hand.opened_at = Some(now);
                next.deadline_at = deadline.and_then(|span| now.checked_add(span).ok());
            }
            events.push(RunEventKind::Released);
        }
        Verdict::Wait => note_deadline(&mut next, now, &mut events),
        Verdict::Skip(why) => {
            events.push(RunEventKind::Skipped { why });
            events.push(end(&mut next, RunOutcome::Skipped));
        }
        Verdict::End => events.push(end(&mut next, RunOutcome::Cancelled)),
    }
    for event in &events {
        change.event(&next, now, event.clone());
    }
    (!events.is_empty()).then_some(next)
}

#[async_trait]
impl Task for Release {
    fn name(&self) -> &'static str {
        "release"
    }

    fn period(&self) -> SignedDuration {
        SignedDuration::from_mins(1)
    }

    fn bell(&self) -> Activator {
        self.shared.bells.release.clone()
    }

    async fn activate(&mut self, now: Timestamp) -> Result<Activation, TaskError> {
        let waits = |run: &Run| matches!(run.state, RunState::Waiting { .. });
        let waiting = self.shared.book.open_where(waits);
        if waiting.is_empty() {
            self.ended.clear();
            return Ok(Activation::default());
        }
        let sight = self.look(&waiting).await?;
        let jobs: BTreeSet<&JobName> = waiting.iter().map(|run| &run.job).collect();
        let open = self.shared.book.open_where(|run| jobs.contains(&run.job));
        let controls = self.shared.controls.load_full();
        let held = without_place(open.iter().map(Arc::as_ref), &controls);
        let catalogue = self.shared.catalogue.load_full();
        let mut by_job: BTreeMap<&JobName, Vec<&Run>> = BTreeMap::new();
        for run in &open {
            by_job.entry(&run.job).or_default().push(run);
        }
        let mut change = Change::default();
        let mut released = false;
        for run in &waiting {
            let same_job = by_job.get(&run.job).map_or(&[][..], Vec::as_slice);
            let has_place = !held.contains(&run.id);
            let verdict = release(run, same_job, has_place, |job, id| {
                self.upstream(&sight, job, id, run.scheduled_for)
            });
            released |= verdict == Verdict::Go;
            if let Some(next) = after(run, verdict, &catalogue, now, &mut change) {
                change.update(next);
            }
        }
        self.shared.book.commit(change).await?;
        if released {
            self.shared.bells.dispatch.ring();
        }
        let deadlines = waiting.iter().filter(|run| !run.deadline_missed);
        let deadlines = deadlines.filter_map(|run| run.deadline_at);
        Ok(Activation { wake_at: deadlines.filter(|at| *at >= now).min() })
    }
}
