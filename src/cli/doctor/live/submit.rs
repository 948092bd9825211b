//! The one SubmitJob, and what the look-up by name says of it.

use jiff::Timestamp;

use super::watch::Watched;
use super::{Attendant, Session};
use crate::cli::render::value;
use crate::doctor::live::{LiveFinding, LivePlan, LiveStep};
use crate::domain::BatchJobId;
use crate::ports::{FailureKind, ServiceError, SubmitError};

/// The one call and its answer.
#[derive(Debug)]
pub(super) struct Sent {
    pub at: Timestamp,
    pub answer: Result<BatchJobId, SubmitError>,
}

impl Sent {
    /// Whether there may be a job.
    pub fn may_have_arrived(&self) -> bool {
        matches!(self.answer, Ok(_) | Err(SubmitError::OutcomeUnknown(_)))
    }

    /// Whether nobody said what became of it.
    pub fn is_uncertain(&self) -> bool {
        matches!(self.answer, Err(SubmitError::OutcomeUnknown(_)))
    }
}

impl Session<'_> {
    /// Sends it, once. Whatever the answer, it is never sent again.
    pub(super) async fn send(&self, attendant: &mut dyn Attendant) -> Sent {
        let at = self.clock.now();
        let answer = self.cloud.batch.submit(&self.plan.request).await;
        let line = match &answer {
            Ok(id) => format!("submitted: job {id}"),
            Err(SubmitError::OutcomeUnknown(error)) => {
                format!("the answer was lost ({error}); the job is looked up by its name")
            }
            Err(error) => format!("not submitted: {error}"),
        };
        attendant.tell(self.clock.now(), &line);
        Sent { at, answer }
    }
}

/// What the submission and its look-up showed.
pub(super) fn judge(plan: &LivePlan, sent: &Sent, watched: &Watched) -> [LiveFinding; 2] {
    [judge_submission(plan, sent, watched), judge_look_up(sent, watched)]
}

fn judge_submission(plan: &LivePlan, sent: &Sent, watched: &Watched) -> LiveFinding {
    let step = LiveStep::Submit;
    match (&sent.answer, &watched.id) {
        (Ok(id), _) => LiveFinding::passed(step, format!("SubmitJob took it as job {id}")),
        (Err(SubmitError::OutcomeUnknown(error)), Some(id)) => LiveFinding::passed(
            step,
            format!(
                "its answer was lost ({error}), and it had arrived as job {id}: not sent again"
            ),
        ),
        (Err(SubmitError::OutcomeUnknown(error)), None) => LiveFinding::failed(
            step,
            format!("its answer was lost, and the job did not appear: {error}"),
            "Look at the network between here and AWS, and run it again",
        ),
        (Err(SubmitError::Rejected(error)), _) => LiveFinding::failed(
            step,
            format!("Batch refused it, and nothing was started: {error}"),
            format!(
                "See that {} is ACTIVE in {} and of the platform of {} capacity",
                plan.request.definition, plan.request.site, plan.environment.capacity
            ),
        ),
        (Err(SubmitError::NotAccepted(error)), _) => {
            let fix = match error.kind {
                FailureKind::Denied => {
                    "Allow batch:SubmitJob for the queue, the definition and jobs, and \
                     batch:TagResource (docs/guide/permissions.md)"
                }
                _ => "Run it again",
            };
            LiveFinding::failed(step, format!("nothing was started: {error}"), fix)
        }
    }
}

fn judge_look_up(sent: &Sent, watched: &Watched) -> LiveFinding {
    let step = LiveStep::LookUp;
    if !sent.may_have_arrived() {
        return LiveFinding::skipped(step, "nothing was submitted");
    }
    if !watched.duplicates.is_empty() {
        let ids: Vec<&str> = watched.duplicates.iter().map(BatchJobId::as_str).collect();
        return LiveFinding::failed(
            step,
            format!("one SubmitJob made several jobs; these too: {}", ids.join(", ")),
            "Tell AWS support the ids; spotcron ends duplicates of its runs by itself",
        );
    }
    match (watched.listed_after, &watched.listing_error) {
        (Some(after), _) => LiveFinding::passed(
            step,
            format!("ListJobs showed it by its name {} after SubmitJob", value::duration(after)),
        ),
        (None, Some(error)) => LiveFinding::failed(step, error.to_string(), listing_fix(error)),
        (None, None) => LiveFinding::failed(
            step,
            "ListJobs did not show it by its name",
            "Raise `absent_after` under [submission] well above the time that ListJobs needs, or \
             a submission whose answer was lost is sent twice",
        ),
    }
}

fn listing_fix(error: &ServiceError) -> &'static str {
    match error.kind {
        FailureKind::Denied => {
            "Allow batch:ListJobs: without it a submission whose answer was lost ends as unknown"
        }
        _ => "Run it again",
    }
}
