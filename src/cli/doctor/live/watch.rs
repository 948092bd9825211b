//! From the submission to the job's end, by the calls that the daemon makes.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::reckon::Reckoning;
use super::submit::Sent;
use super::{Attendant, POLL, Session, Waited};
use crate::cli::render::value;
use crate::daemon::machines_behind;
use crate::doctor::live::{LiveFinding, LiveStep};
use crate::domain::{
    AttemptEnd, BatchJobId, BatchStatus, InstanceFacts, InstanceShape, InstanceType, JobObservation,
};
use crate::ports::{FailureKind, FargateTask, ServiceError};
use crate::run::HostRecord;

/// Clocks of Batch and of this machine may differ by so much.
pub(super) const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Why the watch ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ending {
    /// There was nothing to watch.
    NotSubmitted,
    /// The job is over.
    Over,
    TimedOut,
    Interrupted,
    /// Its answer was lost, and ListJobs did not show it for long enough.
    Absent,
    /// A call failed in a way that repeating does not cure.
    Blind(ServiceError),
}

/// What was seen on the way.
#[derive(Debug)]
pub(super) struct Watched {
    pub ending: Ending,
    pub id: Option<BatchJobId>,
    /// Other jobs of the same name: there must be none.
    pub duplicates: Vec<BatchJobId>,
    /// From SubmitJob to its first appearance in ListJobs.
    pub listed_after: Option<SignedDuration>,
    pub listing_error: Option<ServiceError>,
    pub job: Option<JobObservation>,
    /// Its status when the watch ended, with Batch's reason: what stopped it later does not count.
    pub last: Option<(BatchStatus, String)>,
    pub machines: Machines,
}

/// What ran the job, as far as it was seen.
#[derive(Debug, Default)]
pub(super) struct Machines {
    /// By container instance ARN.
    pub hosts: BTreeMap<String, HostRecord>,
    pub facts: Vec<InstanceFacts>,
    /// By ARN.
    pub tasks: BTreeMap<String, FargateTask>,
    pub error: Option<ServiceError>,
}

impl Session<'_> {
    /// Watches until the job is over, the time is up, or somebody wants it to end.
    pub(super) async fn watch(&self, sent: &Sent, attendant: &mut dyn Attendant) -> Watched {
        let mut watched = Watched {
            ending: Ending::NotSubmitted,
            id: sent.answer.as_ref().ok().cloned(),
            duplicates: Vec::new(),
            listed_after: None,
            listing_error: None,
            job: None,
            last: None,
            machines: Machines::default(),
        };
        if !sent.may_have_arrived() {
            return watched;
        }
        let until = sent.at.saturating_add(self.plan.timeout).unwrap_or(Timestamp::MAX);
        loop {
            self.look_up(sent, &mut watched).await;
            if let Err(error) = self.describe(&mut watched, attendant).await {
                if matches!(error.kind, FailureKind::Denied | FailureKind::Rejected) {
                    watched.ending = Ending::Blind(error);
                    return watched;
                }
                attendant.tell(self.clock.now(), &format!("{error}; asked again"));
            }
            let now = self.clock.now();
            let waited = now.duration_since(sent.at);
            watched.ending = if watched.job.as_ref().is_some_and(|job| job.status.is_final()) {
                Ending::Over
            } else if watched.id.is_none() && waited >= self.absent_after {
                Ending::Absent
            } else if now >= until {
                Ending::TimedOut
            } else if attendant.wait(POLL).await == Waited::Interrupted {
                Ending::Interrupted
            } else {
                continue;
            };
            return watched;
        }
    }

    /// Looks the job up by its name, until it was found once.
    async fn look_up(&self, sent: &Sent, watched: &mut Watched) {
        let denied = |error: &ServiceError| error.kind == FailureKind::Denied;
        if watched.listed_after.is_some() || watched.listing_error.as_ref().is_some_and(denied) {
            return;
        }
        let request = &self.plan.request;
        let since = sent.at - CLOCK_SKEW;
        let batch = &self.cloud.batch;
        match batch.find_by_name(&request.site, &request.queue, &request.name, since).await {
            Err(error) => watched.listing_error = Some(error),
            Ok(mut found) => {
                watched.listing_error = None;
                found.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
                let mut ids = found.into_iter().map(|job| job.id);
                let Some(oldest) = ids.next() else { return };
                watched.listed_after = Some(self.clock.now().duration_since(sent.at));
                let own = watched.id.get_or_insert_with(|| oldest.clone()).clone();
                watched.duplicates =
                    [oldest].into_iter().chain(ids).filter(|id| *id != own).collect();
            }
        }
    }

    /// Looks at the job, and at what runs it while that can be seen.
    async fn describe(
        &self,
        watched: &mut Watched,
        attendant: &mut dyn Attendant,
    ) -> Result<(), ServiceError> {
        let Some(id) = &watched.id else { return Ok(()) };
        let site = &self.plan.request.site;
        let answer = self.cloud.batch.describe(site, std::slice::from_ref(id)).await?;
        let Some(job) = answer.into_iter().next() else { return Ok(()) };
        let seen = (job.status, line_of(&job));
        if watched.last.as_ref() != Some(&seen) {
            attendant.tell(self.clock.now(), &seen.1);
        }
        watched.last = Some(seen);
        watched.job = Some(job);
        self.note_machines(watched).await;
        Ok(())
    }

    /// Takes down what runs the job. Asked again once the job is over, for what became of it.
    pub(super) async fn note_machines(&self, watched: &mut Watched) {
        let Some(job) = &watched.job else { return };
        let (site, directory) = (&self.plan.request.site, &self.cloud.instances);
        let containers = job.attempts.iter().map(|attempt| &attempt.container);
        let containers: Vec<_> = containers.chain(&job.container).collect();
        let machines = &mut watched.machines;
        if self.plan.environment.capacity.is_fargate() {
            let arns = containers.iter().filter_map(|container| container.task_arn.clone());
            let arns: Vec<String> = arns.collect();
            if arns.is_empty() {
                return;
            }
            match directory.fargate_tasks(site, &arns).await {
                Ok(tasks) => {
                    let known = tasks.into_iter().map(|task| (task.task_arn.clone(), task));
                    machines.tasks.extend(known);
                    machines.error = None;
                }
                Err(error) => machines.error = Some(error),
            }
            return;
        }
        let arns =
            containers.iter().filter_map(|container| container.container_instance_arn.clone());
        let mut arns: Vec<String> = arns.collect();
        arns.sort();
        arns.dedup();
        if arns.is_empty()
            || !job.status.is_final() && arns.iter().all(|arn| machines.hosts.contains_key(arn))
        {
            return;
        }
        let no_shape = |_: &InstanceType| -> Option<InstanceShape> { None };
        match machines_behind(&**directory, site, &arns, &no_shape).await {
            Ok((hosts, facts)) => {
                machines.hosts.extend(hosts);
                for fresh in facts {
                    machines.facts.retain(|known| known.id != fresh.id);
                    machines.facts.push(fresh);
                }
                machines.error = None;
            }
            Err(error) => machines.error = Some(error),
        }
    }
}

/// `RUNNABLE: CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - …`.
pub(super) fn line_of(job: &JobObservation) -> String {
    let status = job.status.label();
    match job.status_reason.as_deref().filter(|reason| !reason.is_empty()) {
        Some(reason) => format!("{status}: {reason}"),
        None => status.to_owned(),
    }
}

/// What the watch showed.
pub(super) fn judge(
    session: &Session<'_>,
    watched: &Watched,
    reckoning: &Reckoning,
) -> LiveFinding {
    let step = LiveStep::Run;
    let (status, seen) = match &watched.last {
        Some((status, line)) => (Some(*status), line.clone()),
        None => (None, "DescribeJobs never showed it".to_owned()),
    };
    match &watched.ending {
        Ending::NotSubmitted => LiveFinding::skipped(step, "nothing was submitted"),
        Ending::Absent => LiveFinding::skipped(step, "there was nothing to watch"),
        Ending::Interrupted => LiveFinding::failed(
            step,
            format!("the test was interrupted: {seen}"),
            "Run it again, and let it come to its end",
        ),
        Ending::Blind(error) => LiveFinding::failed(
            step,
            format!("the job cannot be watched: {error}"),
            "Allow batch:DescribeJobs: without it no run is ever seen to end",
        ),
        Ending::TimedOut => {
            let limit = value::duration(session.plan.timeout);
            LiveFinding::failed(
                step,
                format!("not over after {limit}: {seen}"),
                timeout_fix(status),
            )
        }
        Ending::Over if status == Some(BatchStatus::Succeeded) => {
            LiveFinding::passed(step, watched.job.as_ref().map_or(seen, times_of))
        }
        Ending::Over => {
            let last = reckoning.attempts.last();
            let said = last.map(|attempt| {
                let code = attempt.exit_code.map(|code| format!("exit code {code}"));
                let container = watched.job.as_ref().and_then(|job| job.container.as_ref());
                let reason = container.and_then(|container| container.reason.clone());
                [code, reason].into_iter().flatten().collect::<Vec<_>>().join(", ")
            });
            let said = said.filter(|said| !said.is_empty()).map(|said| format!(" ({said})"));
            let seen = format!("{seen}{}", said.unwrap_or_default());
            LiveFinding::failed(step, seen, failure_fix(last.and_then(|attempt| attempt.end)))
        }
    }
}

/// `SUCCEEDED; waited 2m 05s for its container, which ran 1s`.
fn times_of(job: &JobObservation) -> String {
    let (Some(created), Some(started)) = (job.created_at, job.started_at) else {
        return "SUCCEEDED".to_owned();
    };
    let waited = value::duration(started.duration_since(created));
    let ran = value::duration(job.stopped_at.unwrap_or(started).duration_since(started));
    format!("SUCCEEDED; waited {waited} for its container, which ran {ran}")
}

const fn timeout_fix(status: Option<BatchStatus>) -> &'static str {
    match status {
        Some(BatchStatus::Running) => {
            "Name a definition that ends sooner, or a longer time with --timeout"
        }
        Some(BatchStatus::Starting) => {
            "See that the instance can pull the image; for a large one name a longer time with --timeout"
        }
        _ => {
            "Run `spotcron doctor`, which looks for what keeps jobs waiting; if it finds nothing, there \
             is no capacity now"
        }
    }
}

const fn failure_fix(end: Option<AttemptEnd>) -> &'static str {
    match end {
        Some(AttemptEnd::Interrupted) => "AWS took the capacity back, as it may: run it again",
        Some(AttemptEnd::Infrastructure) | None => {
            "The container never ran: see that the image can be pulled and has `true`, and that the \
             instance profile or execution role may pull it"
        }
        Some(AttemptEnd::Stopped) => "Somebody else stopped it: run it again",
        Some(AttemptEnd::TimedOut) => "Name a definition that ends sooner",
        Some(AttemptEnd::Failed | AttemptEnd::Succeeded) => {
            "The command failed: name a definition whose image has `true`, or one whose own command \
             may be run with --own-command"
        }
    }
}
