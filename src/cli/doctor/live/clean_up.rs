//! Leaves nothing behind: whatever of the test is not over is stopped, and seen to be.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::submit::Sent;
use super::watch::{CLOCK_SKEW, Ending, Watched, line_of};
use super::{Attendant, POLL, Session, Waited};
use crate::cli::render::value;
use crate::doctor::live::{LiveFinding, LivePlan, LiveStep, STOPPING};
use crate::domain::{BatchJobId, BatchStatus, JobObservation};
use crate::ports::ServiceError;

/// What is not over.
#[derive(Default)]
struct Left {
    jobs: BTreeMap<BatchJobId, BatchStatus>,
    /// Whether that is all: somebody could be asked.
    is_all: bool,
}

/// What is done about what is left.
#[derive(Default)]
struct Stops {
    /// The calls that were made, by name.
    made: BTreeSet<&'static str>,
    error: Option<ServiceError>,
}

impl Session<'_> {
    /// Stops what is not over, and looks until it is. A second interruption ends the looking.
    pub(super) async fn clean_up(
        &self,
        sent: &Sent,
        watched: &mut Watched,
        attendant: &mut dyn Attendant,
    ) -> LiveFinding {
        if watched.ending == Ending::NotSubmitted {
            return LiveFinding::passed(LiveStep::CleanUp, "nothing was submitted");
        }
        let reason = LivePlan::stop_reason(why(&watched.ending));
        let begun = self.clock.now();
        let mut stops = Stops::default();
        loop {
            let left = self.left(sent, watched, &mut stops).await;
            let now = self.clock.now();
            let settled = !sent.is_uncertain()
                || watched.id.is_some()
                || now.duration_since(sent.at) >= self.absent_after;
            if left.jobs.is_empty() && left.is_all && settled {
                self.note_machines(watched).await;
                return judge_clean(sent, watched, &stops, begun, now);
            }
            for (id, status) in &left.jobs {
                self.stop(id, *status, &reason, &mut stops, attendant).await;
            }
            if now.duration_since(begun) >= STOPPING {
                return self.judge_left(&left, &stops, "is still there");
            }
            if attendant.wait(POLL).await == Waited::Interrupted {
                return self.judge_left(&left, &stops, "was not seen to end");
            }
        }
    }

    /// Every job of the name that is not over, with its status. A job that Batch took and does not
    /// show counts as left, whoever refuses to show it.
    async fn left(&self, sent: &Sent, watched: &mut Watched, stops: &mut Stops) -> Left {
        let request = &self.plan.request;
        let batch = &self.cloud.batch;
        let since = sent.at - CLOCK_SKEW;
        let mut left = Left::default();
        match batch.find_by_name(&request.site, &request.queue, &request.name, since).await {
            Ok(found) => {
                left.is_all = true;
                left.jobs.extend(found.into_iter().map(|job| (job.id, job.status)));
            }
            Err(error) => stops.error = Some(error),
        }
        if watched.id.is_none() {
            watched.id = left.jobs.keys().next().cloned();
        }
        for id in watched.id.iter().chain(&watched.duplicates) {
            left.jobs.entry(id.clone()).or_insert(BatchStatus::Unrecognised);
        }
        let ids: Vec<BatchJobId> = left.jobs.keys().cloned().collect();
        if ids.is_empty() {
            return left;
        }
        match batch.describe(&request.site, &ids).await {
            Ok(jobs) => {
                left.is_all = true;
                for job in jobs {
                    left.jobs.insert(job.id.clone(), job.status);
                    if watched.id.as_ref() == Some(&job.id) {
                        watched.job = Some(job);
                    }
                }
            }
            Err(error) => stops.error = Some(error),
        }
        left.jobs.retain(|_, status| !status.is_final());
        left
    }

    /// CancelJob for a job that waits: it cannot hit one that has just begun, which the next look
    /// finds. TerminateJob for any other.
    async fn stop(
        &self,
        id: &BatchJobId,
        status: BatchStatus,
        reason: &str,
        stops: &mut Stops,
        attendant: &mut dyn Attendant,
    ) {
        let (batch, site) = (&self.cloud.batch, &self.plan.request.site);
        let mut name = "CancelJob";
        let mut answer = match status.is_waiting() {
            true => Some(batch.cancel(site, id, reason).await),
            false => None,
        };
        if answer.as_ref().is_none_or(Result::is_err) {
            name = "TerminateJob";
            answer = Some(batch.terminate(site, id, reason).await);
        }
        match answer {
            Some(Err(error)) => stops.error = Some(error),
            _ => {
                if stops.made.insert(name) {
                    let line = format!("{name} was called for job {id}, {}", status.label());
                    attendant.tell(self.clock.now(), &line);
                }
            }
        }
    }

    fn judge_left(&self, left: &Left, stops: &Stops, what: &str) -> LiveFinding {
        let request = &self.plan.request;
        let error = stops.error.as_ref().map(|error| format!("; {error}")).unwrap_or_default();
        let Some((id, status)) = left.jobs.first_key_value() else {
            let seen = format!("whether anything is left cannot be told{error}");
            return LiveFinding::failed(LiveStep::CleanUp, seen, list_by_name(request));
        };
        let limit = value::duration(self.plan.timeout);
        LiveFinding::failed(
            LiveStep::CleanUp,
            format!(
                "job {id} {what}, {}{error}; once it runs, Batch ends it after {limit}",
                status.label()
            ),
            format!(
                "`aws batch terminate-job --region {} --job-id {id} --reason leftover`",
                request.site.region
            ),
        )
    }
}

const fn why(ending: &Ending) -> &'static str {
    match ending {
        Ending::TimedOut => "its time is up",
        Ending::Interrupted => "it was interrupted",
        Ending::Blind(_) => "it cannot be watched",
        Ending::NotSubmitted | Ending::Over | Ending::Absent => "the test is over",
    }
}

fn list_by_name(request: &crate::run::SubmitRequest) -> String {
    format!(
        "`aws batch list-jobs --region {} --job-queue {} --filters name=JOB_NAME,values={}`",
        request.site.region, request.queue, request.name
    )
}

fn judge_clean(
    sent: &Sent,
    watched: &Watched,
    stops: &Stops,
    begun: Timestamp,
    now: Timestamp,
) -> LiveFinding {
    let step = LiveStep::CleanUp;
    if watched.id.is_none() && sent.is_uncertain() {
        return LiveFinding::passed(
            step,
            "ListJobs shows nothing of it; should it appear late, it is \
             tagged spotcron:doctor and ends by itself",
        );
    }
    if stops.made.is_empty() {
        return LiveFinding::passed(step, "it is over; nothing of it waits or runs");
    }
    let calls: Vec<&str> = stops.made.iter().copied().collect();
    let ended = watched.job.as_ref().map(|job: &JobObservation| format!(", now {}", line_of(job)));
    LiveFinding::passed(
        step,
        format!(
            "{} ended it within {}{}; nothing of it waits or runs",
            calls.join(" and "),
            value::duration(now.duration_since(begun)),
            ended.unwrap_or_default()
        ),
    )
}
