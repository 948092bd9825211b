//! Looks at every run that is at Batch, takes its attempts down while they can be seen, and carries
//! out what the state machine says.

mod context;
mod hosts;
mod late_looks;
mod learn;
mod looks;
mod returning;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use jiff::{SignedDuration, Timestamp};

use self::context::{no_more_legs, step_context, waits_for_instance_end, with_children};
use self::hosts::Hosts;
use self::late_looks::LateLooks;
use self::looks::Looks;
use super::dispatch::question::Known;
use crate::catalogue::Class;
use crate::daemon::{Activation, Change, Mode, Shared, Task, TaskError, ToSettle};
use crate::domain::{
    BatchJobId, BatchStatus, InputSize, JobName, JobObservation, LegCause, RunId, Site,
};
use crate::experience::durations::{Lengths, Worked};
use crate::ports::{Activator, DESCRIBED_PER_CALL, ServiceError, Write};
use crate::run::{
    Action, AttemptKey, AttemptRecord, Leg, LegFacts, Observation, Run, RunEventKind, RunState,
    StepContext, attempt_records, progress, step, worst_end,
};
use crate::schedule::StopKind;

/// Calls under way at once in a region; the cloud's adapter paces them. One by one they would take as
/// long as AWS takes to answer, and with thousands of runs deadlines would be seen too late.
const DESCRIBES_AT_ONCE: usize = 8;
/// Stops under way at once, paced likewise.
const STOPS_AT_ONCE: usize = 16;

pub struct Watch {
    shared: Arc<Shared>,
    hosts: Hosts,
    looks: Looks,
    late_looks: LateLooks,
    /// Attempts of open runs as they were last written.
    recorded: HashMap<RunId, BTreeMap<AttemptKey, AttemptRecord>>,
}

/// What DescribeJobs answered, and for which ids it did not answer.
#[derive(Default)]
struct Answers {
    jobs: HashMap<BatchJobId, JobObservation>,
    unanswered: HashSet<BatchJobId>,
    failure: Option<ServiceError>,
}

/// What one activation found out. Nothing of it counts before `change` is durable.
#[derive(Default)]
struct Findings {
    change: Change,
    /// Where some run may go back to capacity that is taken back.
    known: Option<Known>,
    /// One of them goes to try an environment.
    a_probe_goes: bool,
    ended: Vec<ToSettle>,
    /// Attempts that had ended before, and of which something else is known now.
    revised: Vec<AttemptRecord>,
    starved: Vec<Leg>,
    /// What ended attempts and runs show of how long their jobs take.
    worked: Vec<(JobName, Worked, Option<InputSize>)>,
    pending: Vec<Pending>,
}

/// A call to make once the step is durable.
struct Pending {
    site: Site,
    job_id: BatchJobId,
    action: Action,
}

impl Watch {
    pub fn new(shared: Arc<Shared>) -> Self {
        Watch {
            hosts: Hosts::default(),
            looks: Looks::default(),
            late_looks: LateLooks::default(),
            recorded: HashMap::new(),
            shared,
        }
    }

    fn due(&self, now: Timestamp) -> Vec<Arc<Run>> {
        self.shared.book.open_where(|run| {
            matches!(run.state, RunState::Watching | RunState::Stopping { .. })
                && (self.looks.is_due(&run.id, now) || is_to_be_stopped(run))
        })
    }

    /// Describes the runs' jobs, a hundred a call. What fails for some says nothing of the others.
    async fn describe(&self, runs: &[Arc<Run>]) -> Answers {
        let mut by_site: BTreeMap<Site, Vec<BatchJobId>> = BTreeMap::new();
        for run in runs {
            let Some(leg) = run.last_leg() else { continue };
            by_site.entry(leg.site.clone()).or_default().extend(job_ids(leg));
        }
        // A place that hangs keeps only itself waiting.
        let sites = by_site.into_iter().map(|(site, ids)| {
            let chunks = ids.chunks(DESCRIBED_PER_CALL).map(<[BatchJobId]>::to_vec);
            let calls: Vec<_> = chunks.map(|ids| self.describe_some(site.clone(), ids)).collect();
            stream::iter(calls).buffered(DESCRIBES_AT_ONCE).collect::<Vec<_>>()
        });
        let mut all = Answers::default();
        for (chunk, answer) in join_all(sites).await.into_iter().flatten() {
            match answer {
                Ok(jobs) => all.jobs.extend(jobs.into_iter().map(|job| (job.id.clone(), job))),
                Err(error) => {
                    all.unanswered.extend(chunk);
                    all.failure = Some(error.over(all.failure.take()));
                }
            }
        }
        all
    }

    async fn describe_some(
        &self,
        site: Site,
        ids: Vec<BatchJobId>,
    ) -> (Vec<BatchJobId>, Result<Vec<JobObservation>, ServiceError>) {
        let answer = self.shared.cloud.batch.describe(&site, &ids).await;
        (ids, answer)
    }

    /// One run: its attempts, its next state, and the call that follows.
    async fn advance(
        &mut self,
        run: &Run,
        jobs: &HashMap<BatchJobId, JobObservation>,
        now: Timestamp,
        findings: &mut Findings,
    ) -> Result<(), TaskError> {
        let catalogue = self.shared.catalogue.load_full();
        let Some(leg) = run.last_leg() else { return Ok(()) };
        let Some(job_id) = &leg.job_id else { return Ok(()) };
        let mut children: Vec<Option<&JobObservation>> =
            child_ids(leg).map(|id| jobs.get(&id)).collect();
        let mapped = leg.indices.as_ref().filter(|_| leg.array_size.is_some());
        let shown = children.clone();
        let whole = jobs.get(job_id).map(|job| with_children(job, mapped.is_some(), &shown));
        let job = whole.as_ref();
        let undecided =
            |job: &JobObservation| waits_for_instance_end(&self.hosts, job, leg.capacity, now);
        let is_over = job.is_some_and(|job| job.status.is_final());
        let some_undecided =
            job.into_iter().chain(children.iter().copied().flatten()).any(undecided);
        if is_over && some_undecided {
            self.looks.again_after(&run.id, self.shared.settings.periods.watch, now);
            return Ok(());
        }
        // Of an array that goes on, only those children wait of which nothing can be said yet.
        children.iter_mut().for_each(|child| *child = child.filter(|child| !undecided(child)));
        let records = self.records(run, leg, job, &children);
        let ended_before = findings.ended.len();
        let fresh = self.take_down(run, leg, records, now, findings).await?;
        let last = worst_end(&fresh);
        let progress = mapped.map(|indices| progress(indices, &shown, &fresh));
        // What became of a child that Batch does not show is not guessed: it may have succeeded.
        let some_missing = progress.as_ref().is_some_and(|progress| progress.some_missing);
        let job = job.filter(|_| !(is_over && some_missing));
        let class = catalogue.class_of_run(&run.class, &run.job).cloned();
        let class = class.unwrap_or_else(|| Arc::new(no_more_legs(run)));
        let host = fresh.iter().rev().find_map(|record| record.host.as_ref());
        let seen = Observation {
            job,
            end: last.and_then(|record| record.end),
            ran: last
                .and_then(AttemptRecord::window)
                .map_or(SignedDuration::ZERO, |it| it.duration()),
            progress: progress.as_ref(),
            host: host.map(|host| (&host.instance_type, &host.zone)),
        };
        let lengths = self.shared.lengths(run, &class);
        let back = self.returns(run, job, &catalogue, &class, findings, now);
        findings.a_probe_goes |= back.as_ref().is_some_and(|back| back.probes);
        let context = step_context(&self.shared, run, leg, &class, lengths, host, now);
        let stepped = step(run, seen, StepContext { returns: back.as_ref(), ..context });
        self.note_worked(findings, run, stepped.run.as_ref(), ended_before, &fresh, class.restart);
        self.plan_next_look(stepped.run.as_ref().unwrap_or(run), &class, &lengths, now);
        if let Some(next) = stepped.run {
            if matches!(next.state, RunState::NeedsLeg { cause: LegCause::Starved, .. }) {
                findings.starved.push(leg.clone());
            }
            for kind in stepped.events {
                findings.change.event(&next, now, kind);
            }
            findings.change.update(next);
        }
        if let Some(action) = stepped.action.filter(|_| self.shared.mode == Mode::Submit) {
            let (site, job_id) = (leg.site.clone(), job_id.clone());
            findings.pending.push(Pending { site, job_id, action });
        }
        Ok(())
    }

    /// Every run, and one commit for all.
    async fn advance_all(
        &mut self,
        runs: &[Arc<Run>],
        jobs: &HashMap<BatchJobId, JobObservation>,
        now: Timestamp,
        findings: &mut Findings,
    ) -> Result<(), TaskError> {
        (findings.known, findings.a_probe_goes) = self.known(runs, now).await?;
        for run in runs {
            self.advance(run, jobs, now, findings).await?;
        }
        let change = std::mem::take(&mut findings.change);
        Ok(self.shared.book.commit(change).await?)
    }

    /// Every attempt that can be seen now, of the job or of its children.
    fn records(
        &self,
        run: &Run,
        leg: &Leg,
        job: Option<&JobObservation>,
        children: &[Option<&JobObservation>],
    ) -> Vec<AttemptRecord> {
        let Some(job) = job else { return Vec::new() };
        let ends = self.hosts.ends();
        let facts = |child| LegFacts { run, leg, child, instance_ends: ends };
        if leg.array_size.is_none() {
            return attempt_records(facts(None), job);
        }
        (0..)
            .zip(children)
            .filter_map(|(index, child)| Some((index, (*child)?)))
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
        findings: &mut Findings,
    ) -> Result<Vec<AttemptRecord>, TaskError> {
        // Only a leg that was looked at before can have attempts in the store.
        if !self.recorded.contains_key(&run.id) && leg.status.is_some() {
            let stored = self.shared.book.store().attempts(&run.id).await?;
            let stored = stored.into_iter().map(|record| (record.key.clone(), record)).collect();
            self.recorded.insert(run.id.clone(), stored);
        }
        for record in &mut records {
            record.host =
                record.container_instance_arn.as_ref().and_then(|arn| self.hosts.host(arn));
            if leg.capacity.is_fargate() {
                let task = record.task_arn.as_ref().and_then(|arn| self.hosts.task(arn));
                record.pull_started_at = task.and_then(|task| task.pull_started_at);
                record.zone = task.and_then(|task| task.zone.clone());
            }
            let known = self.recorded.entry(run.id.clone()).or_default();
            // A job that was taken over from a duplicate has attempts of its own.
            let stored = known.get(&record.key);
            // The ledger may know that of the other job; a restart remembers only that there may be two.
            let may_have_a_line =
                leg.was_uncertain || stored.is_some_and(|stored| stored.end.is_some());
            let before = stored.filter(|before| before.batch_job_id == record.batch_job_id);
            if let Some(before) = before {
                // What was seen once stays, also when AWS has forgotten it.
                record.host = record.host.take().or_else(|| before.host.clone());
                if let (Some(host), Some(known)) = (&mut record.host, &before.host)
                    && host.instance_id == known.instance_id
                {
                    host.shape = host.shape.take().or_else(|| known.shape.clone());
                }
                record.resources = record.resources.or(before.resources);
                record.log_stream = record.log_stream.take().or_else(|| before.log_stream.clone());
                record.started_at = record.started_at.or(before.started_at);
                record.pull_started_at = record.pull_started_at.or(before.pull_started_at);
                record.zone = record.zone.take().or_else(|| before.zone.clone());
            }
            if before == Some(record) {
                continue;
            }
            let had_ended = before.is_some_and(|before| before.end.is_some());
            known.insert(record.key.clone(), record.clone());
            findings.change.write(Write::Attempt(record.clone()));
            match (record.end.is_some(), had_ended) {
                (true, false) => {
                    attempt_ended(run, record, now, findings);
                    let attempt = record.clone();
                    findings.ended.push(ToSettle { attempt, may_have_a_line });
                }
                (true, true) => findings.revised.push(record.clone()),
                _ => {}
            }
        }
        Ok(records)
    }

    fn plan_next_look(&mut self, run: &Run, class: &Class, lengths: &Lengths, now: Timestamp) {
        if matches!(run.state, RunState::Watching | RunState::Stopping { .. }) {
            self.looks.plan(run, class, lengths, &self.shared.settings.periods, now);
            return;
        }
        self.looks.forget(&run.id);
        if !run.state.is_open() {
            self.recorded.remove(&run.id);
        }
    }

    /// Wakes early for the looks that cannot wait.
    fn activation(&self, now: Timestamp) -> Activation {
        Activation { wake_at: self.looks.wake_at(now), ..Activation::default() }
    }

    /// Every run whose look is due.
    async fn watch(&mut self, now: Timestamp) -> Result<Activation, TaskError> {
        let mut runs = self.due(now);
        if runs.is_empty() {
            return Ok(self.activation(now));
        }
        let Answers { jobs, unanswered, failure } = self.describe(&runs).await;
        // Not answered is not absent: such a run is looked at again, and nothing is concluded.
        runs.retain(|run| {
            run.last_leg().is_none_or(|l| !job_ids(l).any(|id| unanswered.contains(&id)))
        });
        let shared = Arc::clone(&self.shared);
        let mut findings = Findings::default();
        let looked = self.hosts.look_up(&shared, &runs, &jobs, now, &mut findings.change).await;
        let mut failure = match looked {
            Ok(()) => failure,
            Err(error) => Some(error.over(failure)),
        };
        let noted = findings.change.instances();
        if let Err(error) = self.advance_all(&runs, &jobs, now, &mut findings).await {
            // What was written is read again from the store, and what was not is found out again.
            self.recorded.clear();
            self.looks.forget_all();
            self.hosts = Hosts::default();
            shared.instances().retain(|id, _| !noted.contains(id));
            return Err(error);
        }
        self.learn(&mut findings, now);
        let acts = findings.pending.into_iter().map(|call| self.act(call));
        let acts: Vec<_> = stream::iter(acts).buffered(STOPS_AT_ONCE).collect().await;
        for error in acts.into_iter().filter_map(Result::err) {
            failure = Some(error.over(failure));
        }
        if !shared.book.open_where(|run| needs_leg(run, now)).is_empty() {
            self.shared.bells.dispatch.ring();
        }
        if !self.shared.settling().is_empty() {
            self.shared.bells.settle.ring();
        }
        match failure {
            Some(error) => Err(error.into()),
            None => Ok(self.activation(now)),
        }
    }

    async fn act(&self, pending: Pending) -> Result<(), ServiceError> {
        let batch = &self.shared.cloud.batch;
        match &pending.action {
            Action::Cancel { reason } => batch.cancel(&pending.site, &pending.job_id, reason).await,
            Action::Terminate { reason } => {
                batch.terminate(&pending.site, &pending.job_id, reason).await
            }
        }
    }
}

/// The story of an attempt's end.
fn attempt_ended(run: &Run, record: &AttemptRecord, now: Timestamp, findings: &mut Findings) {
    let Some(end) = record.end else { return };
    findings.change.event(
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
}

/// The ids whose state matters: an array's children carry its attempts.
fn job_ids(leg: &Leg) -> impl Iterator<Item = BatchJobId> {
    leg.job_id.iter().cloned().chain(child_ids(leg))
}

/// The children of an array, in the order of their index.
fn child_ids(leg: &Leg) -> impl Iterator<Item = BatchJobId> {
    let size = u32::from(leg.array_size.unwrap_or(0));
    let parent = leg.job_id.as_ref().filter(|_| size > 0);
    parent.into_iter().flat_map(move |parent| {
        (0..size).map(move |index| BatchJobId::new(format!("{parent}:{index}")))
    })
}

/// Whether somebody wants it stopped, and nothing was done about that yet.
fn is_to_be_stopped(run: &Run) -> bool {
    let waits = run.last_leg().and_then(|leg| leg.status).is_none_or(BatchStatus::is_waiting);
    run.state == RunState::Watching
        && run.stop_in_force().is_some_and(|stop| waits || stop.kind == StopKind::Terminate)
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
        let watched = self.watch(now).await;
        // Last: what cannot wait was looked at, however slowly a place answers now.
        self.late_looks.look(&self.shared, now).await?;
        watched
    }
}
