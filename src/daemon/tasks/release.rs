//! Lets runs go that waited for their turn or for other runs, or ends them as skipped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::previous::of_groups;
use crate::catalogue::Catalogue;
use crate::control::without_place;
use crate::daemon::{Activation, Change, Shared, Task, TaskError};
use crate::domain::{JobName, LegCause, RunId, RunOutcome, ScheduleKey};
use crate::ports::Activator;
use crate::run::{
    Run, RunEventKind, RunState, Turns, Upstream, Verdict, Wait, note_deadline, release,
    waits_for_place,
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

    /// Looks up what `waiting` wait for.
    async fn look(&mut self, waiting: &[Arc<Run>]) -> Result<Sight, TaskError> {
        let upstream: BTreeMap<&RunId, (&JobName, Timestamp)> =
            waiting.iter().flat_map(|run| upstream_of(run)).collect();
        let store = self.shared.book.store();
        // In this order: a time and its runs become durable together, so that a time which is handled
        // and has no run afterwards never gets one.
        let handled = match upstream.is_empty() {
            true => BTreeMap::new(),
            false => store.handled().await?,
        };
        let mut open = self.open_among(&upstream);
        // One that somebody retries has not ended after all.
        self.ended.retain(|id, _| upstream.contains_key(id) && !open.contains(id));
        for (id, (job, scheduled_for)) in upstream {
            if self.ended.contains_key(id) || open.contains(id) {
                continue;
            }
            match Upstream::of_states(&store.group_states(id, job, scheduled_for).await?) {
                Some(Upstream::Ended(outcome)) => {
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

    /// Those of which a run is open, from memory: while the last of ten thousand goes on, the store is
    /// not asked.
    fn open_among(&self, upstream: &BTreeMap<&RunId, (&JobName, Timestamp)>) -> BTreeSet<RunId> {
        let groups: BTreeMap<(&JobName, Timestamp), &RunId> =
            upstream.iter().map(|(id, group)| (*group, *id)).collect();
        let group = |run: &Run| groups.get(&(&run.job, run.scheduled_for)).copied();
        let runs = self.shared.book.open_where(|run| group(run).is_some_and(|id| run.id.is_of(id)));
        runs.iter().filter_map(|run| group(run)).cloned().collect()
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

/// What `run` waits for: the ids' beginning, the job and the scheduled time.
fn upstream_of(run: &Run) -> impl Iterator<Item = (&RunId, (&JobName, Timestamp))> {
    run.waits.iter().filter_map(|wait| match wait {
        Wait::Upstream { run: id, job, .. } => Some((id, (job, run.scheduled_for))),
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
        let shared = Arc::clone(&self.shared);
        let read = || shared.book.open_where(|run| matches!(run.state, RunState::Waiting { .. }));
        let mut waiting = read();
        // A pause that was answered holds for every place from then on, and commands make and end
        // backfills: none may come between the look and the commit.
        let _making_runs = match waiting.iter().any(|run| waits_for_place(run)) {
            true => {
                let held = shared.making_runs.lock().await;
                waiting = read();
                Some(held)
            }
            false => None,
        };
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
        let turns: BTreeMap<&JobName, Turns> =
            by_job.into_iter().map(|(job, runs)| (job, Turns::of(runs.into_iter()))).collect();
        let free = Turns::default();
        let verdicts: Vec<Verdict> = waiting
            .iter()
            .map(|run| {
                let turns = turns.get(&run.job).unwrap_or(&free);
                let has_place = !held.contains(&run.id);
                release(run, turns, has_place, |job, id| {
                    self.upstream(&sight, job, id, run.scheduled_for)
                })
            })
            .collect();
        let goes = waiting.iter().zip(&verdicts).filter(|(_, verdict)| **verdict == Verdict::Go);
        let released: Vec<Arc<Run>> = goes.map(|(run, _)| Arc::clone(run)).collect();
        // Of a run that waited for the one before, only now its success is known.
        let goes = released.iter().map(Arc::as_ref);
        let previous = of_groups(self.shared.book.store(), &catalogue, goes).await?;
        let mut change = Change::default();
        for (run, verdict) in waiting.iter().zip(verdicts) {
            if let Some(mut next) = after(run, verdict, &catalogue, now, &mut change) {
                next.previous_success = previous.get(&next.id).copied().or(next.previous_success);
                change.update(next);
            }
        }
        self.shared.book.commit(change).await?;
        if !released.is_empty() {
            self.shared.bells.dispatch.ring();
        }
        let deadlines = waiting.iter().filter(|run| !run.deadline_missed);
        let deadlines = deadlines.filter_map(|run| run.deadline_at);
        let wake_at = deadlines.filter(|at| *at >= now).min();
        Ok(Activation { wake_at, ..Activation::default() })
    }
}
