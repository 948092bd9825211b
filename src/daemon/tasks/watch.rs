//! Looks at every run that is at Batch, takes its attempts down while they can be seen, and carries
//! out what the state machine says.

mod hosts;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use self::hosts::Hosts;
use crate::catalogue::Catalogue;
use crate::daemon::{Activation, Change, Shared, Task, TaskError};
use crate::domain::{
    AttemptEnd, BatchJobId, BatchStatus, JobObservation, Pool, Ppm, Region, RunId,
};
use crate::experience::EnvironmentExperience;
use crate::ports::{Activator, ServiceError, Write};
use crate::run::{
    Action, AttemptKey, AttemptRecord, Leg, LegFacts, Observation, Run, RunEventKind, RunState,
    StepContext, attempt_records, step,
};

/// DescribeJobs takes so many ids.
const IDS_PER_CALL: usize = 100;

pub struct Watch {
    shared: Arc<Shared>,
    hosts: Hosts,
    /// When each open run is looked at next; a run without an entry now.
    look_at: HashMap<RunId, Timestamp>,
    /// Attempts of open runs as they were last written.
    recorded: HashMap<RunId, BTreeMap<AttemptKey, AttemptRecord>>,
}

/// A call to make once the step is durable.
struct Pending {
    region: Region,
    job_id: BatchJobId,
    action: Action,
}

impl Watch {
    pub fn new(shared: Arc<Shared>) -> Self {
        Watch { hosts: Hosts::default(), look_at: HashMap::new(), recorded: HashMap::new(), shared }
    }

    fn due(&self, now: Timestamp) -> Vec<Arc<Run>> {
        self.shared.book.open_where(|run| {
            matches!(run.state, RunState::Watching | RunState::Stopping { .. })
                && self.look_at.get(&run.id).is_none_or(|at| *at <= now)
        })
    }

    /// Describes the runs' jobs, a hundred a call.
    async fn describe(
        &self,
        runs: &[Arc<Run>],
    ) -> Result<HashMap<BatchJobId, JobObservation>, ServiceError> {
        let catalogue = self.shared.catalogue.load();
        let mut by_region: BTreeMap<Region, Vec<BatchJobId>> = BTreeMap::new();
        for run in runs {
            let Some(leg) = run.last_leg() else { continue };
            let ids = by_region.entry(leg.region.clone()).or_default();
            ids.extend(job_ids(&catalogue, run, leg));
        }
        let mut jobs = HashMap::new();
        for (region, ids) in by_region {
            for chunk in ids.chunks(IDS_PER_CALL) {
                let answer = self.shared.cloud.batch.describe(&region, chunk).await?;
                jobs.extend(answer.into_iter().map(|job| (job.id.clone(), job)));
            }
        }
        Ok(jobs)
    }

    /// One run: its attempts, its next state, and the call that follows.
    async fn advance(
        &mut self,
        run: &Run,
        jobs: &HashMap<BatchJobId, JobObservation>,
        now: Timestamp,
        change: &mut Change,
    ) -> Result<Option<Pending>, TaskError> {
        let catalogue = self.shared.catalogue.load_full();
        let Some(leg) = run.last_leg() else { return Ok(None) };
        let Some(job_id) = &leg.job_id else { return Ok(None) };
        let job = jobs.get(job_id);
        let records = self.records(run, leg, job, jobs, &catalogue);
        let fresh = self.take_down(run, leg, records, now, change).await?;
        let last = worst_end(&fresh);
        let class = catalogue.classes.get(&run.class);
        let Some(class) = class else { return Ok(None) };
        let host = fresh.iter().rev().find_map(|record| record.host.as_ref());
        let seen = Observation {
            job,
            end: last.and_then(|record| record.end),
            ran: last
                .and_then(AttemptRecord::window)
                .map_or(SignedDuration::ZERO, |window| window.duration()),
            host: host.map(|host| (&host.instance_type, &host.zone)),
        };
        let context = StepContext {
            class,
            now,
            hazard_per_hour: self.hazard(leg),
            has_steady_capacity: catalogue
                .environments_of(class)
                .any(|environment| !environment.capacity.is_interruptible()),
            is_array: is_array(&catalogue, run),
        };
        let stepped = step(run, seen, context);
        if let Some(next) = stepped.run {
            let starved = matches!(
                next.state,
                RunState::NeedsLeg { cause: crate::domain::LegCause::Starved, .. }
            );
            if starved {
                self.note_trouble(leg, now);
            }
            for kind in stepped.events {
                change.event(&next, now, kind);
            }
            self.plan_next_look(&next, class.expected_duration, now);
            change.update(next);
        } else {
            self.plan_next_look(run, class.expected_duration, now);
        }
        Ok(stepped.action.map(|action| Pending {
            region: leg.region.clone(),
            job_id: job_id.clone(),
            action,
        }))
    }

    /// Every attempt that can be seen now, of the job and of its children.
    fn records(
        &self,
        run: &Run,
        leg: &Leg,
        job: Option<&JobObservation>,
        jobs: &HashMap<BatchJobId, JobObservation>,
        catalogue: &Catalogue,
    ) -> Vec<AttemptRecord> {
        let Some(job) = job else { return Vec::new() };
        let ends = self.hosts.ends();
        let facts = |child| LegFacts { run, leg, child, instance_ends: ends };
        let Some(size) = array_size(catalogue, run) else {
            return attempt_records(facts(None), job);
        };
        (0..u32::from(size))
            .filter_map(|index| Some((index, jobs.get(&child_id(&job.id, index))?)))
            .flat_map(|(index, child)| attempt_records(facts(Some(index)), child))
            .collect()
    }

    /// Writes what is new of the attempts, with the machines behind them.
    async fn take_down(
        &mut self,
        run: &Run,
        leg: &Leg,
        mut records: Vec<AttemptRecord>,
        now: Timestamp,
        change: &mut Change,
    ) -> Result<Vec<AttemptRecord>, TaskError> {
        if !self.recorded.contains_key(&run.id) && leg.started_at.is_some() {
            let stored = self.shared.book.store().attempts(&run.id).await?;
            let stored = stored.into_iter().map(|record| (record.key.clone(), record)).collect();
            self.recorded.insert(run.id.clone(), stored);
        }
        for record in &mut records {
            record.host =
                record.container_instance_arn.as_ref().and_then(|arn| self.hosts.host(arn));
            if leg.capacity.is_fargate() {
                let task = record.task_arn.as_ref();
                record.pull_started_at = task.and_then(|arn| self.hosts.pull_started_at(arn));
            }
            let known = self.recorded.entry(run.id.clone()).or_default();
            let before = known.get(&record.key);
            if let Some(before) = before {
                // What was seen once stays, also when AWS has forgotten it.
                record.host = record.host.take().or_else(|| before.host.clone());
                record.resources = record.resources.or(before.resources);
                record.log_stream = record.log_stream.take().or_else(|| before.log_stream.clone());
                record.started_at = record.started_at.or(before.started_at);
                record.pull_started_at = record.pull_started_at.or(before.pull_started_at);
            }
            if before == Some(record) {
                continue;
            }
            let just_ended = record.end.is_some() && before.is_none_or(|b| b.end.is_none());
            known.insert(record.key.clone(), record.clone());
            change.write(Write::Attempt(record.clone()));
            if just_ended {
                self.attempt_ended(run, record, now, change);
            }
        }
        Ok(records)
    }

    fn attempt_ended(
        &self,
        run: &Run,
        record: &AttemptRecord,
        now: Timestamp,
        change: &mut Change,
    ) {
        let Some(end) = record.end else { return };
        change.event(
            run,
            now,
            RunEventKind::AttemptEnded {
                leg: record.key.leg,
                child: record.key.child,
                end,
                reason: record.reason.clone(),
                log_stream: record.log_stream.clone(),
            },
        );
        self.shared.settling().push(record.clone());
        let Some(window) = record.window().filter(|_| record.started_at.is_some()) else { return };
        let pool = record.host.as_ref().map(|host| Pool {
            zone: host.zone.clone(),
            instance_type: host.instance_type.clone(),
        });
        let interrupted = end == AttemptEnd::Interrupted;
        let mut experience = self.shared.experience();
        let environment = experience.environments.entry(record.environment.clone()).or_default();
        environment.record(window.duration(), pool, interrupted, now);
    }

    fn note_trouble(&self, leg: &Leg, now: Timestamp) {
        let mut experience = self.shared.experience();
        let environment = experience.environments.entry(leg.environment.clone()).or_default();
        environment.record_trouble(now);
    }

    fn hazard(&self, leg: &Leg) -> Ppm {
        let experience = self.shared.experience();
        match experience.environments.get(&leg.environment) {
            Some(environment) => environment.hazard().per_hour,
            None => EnvironmentExperience::default().hazard().per_hour,
        }
    }

    /// Often while something may change, seldom while a container just runs.
    fn plan_next_look(&mut self, run: &Run, expected: SignedDuration, now: Timestamp) {
        if !matches!(run.state, RunState::Watching | RunState::Stopping { .. }) {
            self.look_at.remove(&run.id);
            if !run.state.is_open() {
                self.recorded.remove(&run.id);
            }
            return;
        }
        let periods = &self.shared.settings.periods;
        let leg = run.last_leg();
        let runs = leg.is_some_and(|leg| leg.status == Some(BatchStatus::Running));
        let wait = match leg.and_then(|leg| leg.started_at).filter(|_| runs) {
            Some(started) => {
                let left = expected - now.duration_since(started);
                (left / 2).clamp(periods.watch, periods.watch_slowest.max(periods.watch))
            }
            None => periods.watch,
        };
        self.look_at.insert(run.id.clone(), now + wait);
    }

    async fn act(&self, pending: Pending) -> Result<(), ServiceError> {
        let batch = &self.shared.cloud.batch;
        match &pending.action {
            Action::Cancel { reason } => {
                batch.cancel(&pending.region, &pending.job_id, reason).await
            }
            Action::Terminate { reason } => {
                batch.terminate(&pending.region, &pending.job_id, reason).await
            }
        }
    }
}

/// The ids whose state matters: an array's children carry its attempts.
fn job_ids(catalogue: &Catalogue, run: &Run, leg: &Leg) -> Vec<BatchJobId> {
    let Some(parent) = &leg.job_id else { return Vec::new() };
    let children = array_size(catalogue, run).unwrap_or(0);
    std::iter::once(parent.clone())
        .chain((0..u32::from(children)).map(|index| child_id(parent, index)))
        .collect()
}

fn child_id(parent: &BatchJobId, index: u32) -> BatchJobId {
    BatchJobId::new(format!("{parent}:{index}"))
}

fn array_size(catalogue: &Catalogue, run: &Run) -> Option<u16> {
    catalogue.jobs.get(&run.job).and_then(|job| job.submission.array_size)
}

fn is_array(catalogue: &Catalogue, run: &Run) -> bool {
    array_size(catalogue, run).is_some()
}

/// Of the newest finished attempts (one for each child) the one that decides: an application's
/// failure before bad luck before an interruption.
fn worst_end(records: &[AttemptRecord]) -> Option<&AttemptRecord> {
    let mut newest: BTreeMap<Option<u32>, &AttemptRecord> = BTreeMap::new();
    for record in records.iter().filter(|record| record.end.is_some()) {
        newest.insert(record.key.child, record);
    }
    newest.into_values().min_by_key(|record| match record.end {
        Some(AttemptEnd::Failed) => 0,
        Some(AttemptEnd::TimedOut) => 1,
        Some(AttemptEnd::Stopped) => 2,
        Some(AttemptEnd::Infrastructure) => 3,
        Some(AttemptEnd::Interrupted) => 4,
        Some(AttemptEnd::Succeeded) | None => 5,
    })
}

fn needs_leg(run: &Run, now: Timestamp) -> bool {
    matches!(run.state, RunState::NeedsLeg { not_before, .. } if not_before <= now)
}

#[async_trait]
impl Task for Watch {
    fn name(&self) -> &'static str {
        "watch"
    }

    fn period(&self) -> SignedDuration {
        self.shared.settings.periods.watch
    }

    fn bell(&self) -> Activator {
        self.shared.bells.watch.clone()
    }

    async fn activate(&mut self, now: Timestamp) -> Result<Activation, TaskError> {
        let runs = self.due(now);
        if runs.is_empty() {
            return Ok(Activation::default());
        }
        let jobs = self.describe(&runs).await?;
        let shared = Arc::clone(&self.shared);
        let mut change = Change::default();
        let hosts_failure = self.hosts.look_up(&shared, &runs, &jobs, now, &mut change).await.err();
        let mut pending = Vec::new();
        for run in &runs {
            pending.extend(self.advance(run, &jobs, now, &mut change).await?);
        }
        if let Err(error) = shared.book.commit(change).await {
            // What was written is read again from the store.
            self.recorded.clear();
            self.look_at.clear();
            return Err(error.into());
        }
        let mut failure = hosts_failure;
        for call in pending {
            if let Err(error) = self.act(call).await {
                failure = Some(error);
            }
        }
        if !shared.book.open_where(|run| needs_leg(run, now)).is_empty() {
            self.shared.bells.dispatch.ring();
        }
        if !self.shared.settling().is_empty() {
            self.shared.bells.settle.ring();
        }
        match failure {
            Some(error) => Err(error.into()),
            None => Ok(Activation::default()),
        }
    }
}
