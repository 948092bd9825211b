//! Decides where legs go and submits them. The intent is durable before the call; a call whose outcome
//! is not known is looked up before anything is sent again (see `lookup`).

mod refusals;

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};

use self::refusals::{Refusals, withdrawn};
use super::lookup;
use crate::daemon::{Activation, Change, Mode, Shared, Stopping, Task, TaskError};
use crate::decision::{Decision, Question, Reason, decide};
use crate::domain::{BatchJobId, Resources, RunOutcome};
use crate::ports::{Activator, SubmitError};
use crate::run::{
    Leg, PriceTerms, Run, RunEventKind, RunState, SubmitRequest, batch_job_name, note_deadline,
    submit_request,
};

/// Intents made durable in one transaction, at most.
const DECISIONS_AT_ONCE: usize = 500;
/// Calls under way at once; the cloud's adapter paces them.
const CALLS_AT_ONCE: usize = 16;
/// An uncertain submission is looked up so often.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(15);
/// What a job reserves where nobody said: decisions need something to compare with.
const ASSUMED: Resources = Resources { vcpu_millis: 1000, memory_mib: 2048, gpus: 0 };

pub struct Dispatch {
    shared: Arc<Shared>,
    /// Intents that an earlier process left, or whose answers the store did not take, may have been
    /// sent: until they are marked uncertain, nothing is submitted.
    inherited: bool,
    refused: Refusals,
}

impl Dispatch {
    pub fn new(shared: Arc<Shared>) -> Self {
        Dispatch { shared, inherited: true, refused: Refusals::default() }
    }

    /// Marks what an earlier process left between its intent and its answer.
    async fn distrust_inherited(&mut self, now: Timestamp) -> Result<(), TaskError> {
        let mut change = Change::default();
        let unsure = RunState::Submitting { uncertain_since: None };
        for run in self.shared.book.open_where(|run| run.state == unsure) {
            let mut next = Run::clone(&run);
            next.state = RunState::Submitting { uncertain_since: Some(now) };
            next.version += 1;
            let error = "nothing durable says what became of the intent".to_owned();
            let leg = next.legs.len().saturating_sub(1) as u16;
            change.event(&next, now, RunEventKind::OutcomeUnknown { leg, error });
            change.update(next);
        }
        self.shared.book.commit(change).await?;
        self.inherited = false;
        Ok(())
    }

    /// Decides for every run that needs a leg, and makes the intents durable.
    async fn decide_all(&self, now: Timestamp) -> Result<(), TaskError> {
        let mut waiting = self.shared.book.open_where(
            |run| matches!(run.state, RunState::NeedsLeg { not_before, .. } if not_before <= now),
        );
        waiting.sort_by_key(|run| (run.deadline_at.unwrap_or(Timestamp::MAX), run.scheduled_for));
        for runs in waiting.chunks(DECISIONS_AT_ONCE) {
            let mut change = Change::default();
            for run in runs {
                self.decide_one(run, now, &mut change);
            }
            self.shared.book.commit(change).await?;
        }
        Ok(())
    }

    fn decide_one(&self, run: &Run, now: Timestamp, change: &mut Change) {
        let RunState::NeedsLeg { cause, .. } = run.state else { return };
        let mut next = run.clone();
        next.version += 1;
        let mut late = Vec::new();
        note_deadline(&mut next, now, &mut late);
        let catalogue = self.shared.catalogue.load();
        let job = catalogue.jobs.get(&run.job);
        let class = catalogue.classes.get(&run.class);
        let (Some(job), Some(class)) = (job, class) else {
            // The job left the catalogue: what was not sent yet is not sent any more.
            next.state = RunState::Ended { outcome: RunOutcome::Cancelled, at: now };
            late.push(RunEventKind::Ended { outcome: RunOutcome::Cancelled });
            return tell(change, next, now, late);
        };
        let market = self.shared.market.load();
        let decision = {
            let experience = self.shared.experience();
            decide(&Question {
                class,
                environments: catalogue.environments_of(class).map(Arc::as_ref).collect(),
                resources: job.submission.resources.unwrap_or(ASSUMED),
                market: &market,
                experience: &experience,
                now,
                deadline_at: run.deadline_at,
                cause,
                legs: run.legs.len() as u16,
                progress: SignedDuration::from_millis(run.progress_millis),
                cooldown: self.shared.settings.decision.cooldown,
            })
        };
        let leg_index = next.legs.len() as u16;
        let chosen = decision.chosen.as_ref().and_then(|name| catalogue.environments.get(name));
        match chosen {
            None => {
                next.state = RunState::NeedsLeg { cause, not_before: held_until(&decision, now) }
            }
            Some(environment) => {
                next.legs.push(Leg {
                    index: leg_index,
                    cause,
                    environment: environment.name.clone(),
                    capacity: environment.capacity,
                    region: environment.region.clone(),
                    queue: environment.queue.clone(),
                    batch_name: batch_job_name(&self.shared.scope, &run.id, leg_index),
                    intended_at: now,
                    wait_until: decision.wait_until,
                    job_id: None,
                    submitted_at: None,
                    status: None,
                    runnable_since: None,
                    started_at: None,
                    ended_at: None,
                    reason: None,
                    missing_since: None,
                    array_size: job.submission.array_size,
                    terms: Some(PriceTerms::of(Some(class), Some(environment))),
                });
                next.state = RunState::Submitting { uncertain_since: None };
            }
        }
        late.push(RunEventKind::Decided { leg: leg_index, cause, decision: Box::new(decision) });
        if self.shared.mode == Mode::Observe && !next.legs.is_empty() {
            next.state = RunState::Ended { outcome: RunOutcome::Observed, at: now };
            late.push(RunEventKind::Ended { outcome: RunOutcome::Observed });
        }
        tell(change, next, now, late);
    }

    /// Sends every durable intent that was certainly not sent yet, or certainly not accepted.
    async fn send_all(&mut self, now: Timestamp) -> Result<(), TaskError> {
        let ready = RunState::Submitting { uncertain_since: None };
        let mut intents = self.shared.book.open_where(|run| run.state == ready);
        if self.shared.mode == Mode::Observe {
            return self.only_observe(&intents, now).await;
        }
        self.refused.keep(&intents.iter().map(|run| &run.id).collect());
        intents.retain(|run| self.refused.may_send(&run.id, now));
        intents.sort_by_key(|run| (run.deadline_at.unwrap_or(Timestamp::MAX), run.scheduled_for));
        for runs in intents.chunks(CALLS_AT_ONCE) {
            if self.shared.stopping() == Stopping::Yes {
                // What is left is durable, and goes out after the next start.
                break;
            }
            let answers = join_all(runs.iter().map(|run| self.send(run))).await;
            let after = self.shared.clock.now().max(now);
            let mut change = Change::default();
            for (run, answer) in runs.iter().zip(answers) {
                match &answer {
                    Err(SubmitError::NotAccepted(error)) => {
                        let is_first = self.refused.note(&run.id, after);
                        if let Some(next) = withdrawn(run, after) {
                            tracing::warn!(run = %run.id, %error,
                                "the submission was refused for long; it is decided anew");
                            change.update(next);
                            continue;
                        }
                        if !is_first {
                            // Told once: a refusal that lasts must not fill the store.
                            tracing::debug!(run = %run.id, %error, "still refused");
                            continue;
                        }
                    }
                    _ => self.refused.forget(&run.id),
                }
                record_answer(run, answer, after, &mut change);
            }
            if let Err(error) = self.shared.book.commit(change).await {
                // The calls were made and their answers are lost: look up before sending again.
                self.inherited = true;
                return Err(error.into());
            }
        }
        if !intents.is_empty() {
            self.shared.bells.watch.ring();
        }
        Ok(())
    }

    /// Ends what an earlier process meant to send.
    async fn only_observe(&self, intents: &[Arc<Run>], now: Timestamp) -> Result<(), TaskError> {
        let mut change = Change::default();
        for run in intents {
            let mut next = Run::clone(run);
            next.version += 1;
            next.state = RunState::Ended { outcome: RunOutcome::Observed, at: now };
            let ended = RunEventKind::Ended { outcome: RunOutcome::Observed };
            tell(&mut change, next, now, vec![ended]);
        }
        Ok(self.shared.book.commit(change).await?)
    }

    async fn send(&self, run: &Run) -> Result<BatchJobId, SubmitError> {
        match self.request(run) {
            Ok(request) => self.shared.cloud.batch.submit(&request).await,
            Err(error) => Err(error),
        }
    }

    fn request(&self, run: &Run) -> Result<SubmitRequest, SubmitError> {
        let catalogue = self.shared.catalogue.load();
        let missing = |what: &str| {
            SubmitError::Rejected(crate::ports::ServiceError::new(
                "SubmitJob",
                crate::ports::FailureKind::Rejected,
                format!("not sent: {what} is no longer in the catalogue"),
            ))
        };
        let leg = run.last_leg().ok_or_else(|| missing("the leg"))?;
        let job = catalogue.jobs.get(&run.job).ok_or_else(|| missing("the job"))?;
        let class = catalogue.classes.get(&run.class).ok_or_else(|| missing("the class"))?;
        let environment = catalogue
            .environments
            .get(&leg.environment)
            .ok_or_else(|| missing("the environment"))?;
        Ok(submit_request(run, leg, job, class, environment))
    }
}

fn held_until(decision: &Decision, now: Timestamp) -> Timestamp {
    decision
        .reasons
        .iter()
        .find_map(|reason| match reason {
            Reason::Hold { until } => Some(*until),
            _ => None,
        })
        .unwrap_or(now)
}

fn tell(change: &mut Change, run: Run, now: Timestamp, events: Vec<RunEventKind>) {
    for kind in events {
        change.event(&run, now, kind);
    }
    change.update(run);
}

/// Takes the answer of one SubmitJob call into the run.
fn record_answer(
    run: &Run,
    answer: Result<BatchJobId, SubmitError>,
    now: Timestamp,
    change: &mut Change,
) {
    let mut next = run.clone();
    next.version += 1;
    let leg = next.legs.len().saturating_sub(1) as u16;
    match answer {
        Ok(job_id) => lookup::accepted(&mut next, job_id, now, change),
        Err(SubmitError::NotAccepted(error)) => {
            let error = error.to_string();
            change.event(&next, now, RunEventKind::SubmitFailed { leg, error, will_repeat: true });
        }
        Err(SubmitError::OutcomeUnknown(error)) => {
            tracing::warn!(run = %run.id, %error, "a submission's outcome is not known; looking it up");
            next.state = RunState::Submitting { uncertain_since: Some(now) };
            change.event(
                &next,
                now,
                RunEventKind::OutcomeUnknown { leg, error: error.to_string() },
            );
        }
        Err(SubmitError::Rejected(error)) => {
            tracing::error!(run = %run.id, %error, "Batch refused the submission");
            next.state = RunState::Ended { outcome: RunOutcome::Rejected, at: now };
            let error = error.to_string();
            change.event(&next, now, RunEventKind::SubmitFailed { leg, error, will_repeat: false });
            change.event(&next, now, RunEventKind::Ended { outcome: RunOutcome::Rejected });
        }
    }
    change.update(next);
}

#[async_trait]
impl Task for Dispatch {
    fn name(&self) -> &'static str {
        "dispatch"
    }

    fn period(&self) -> SignedDuration {
        SignedDuration::from_secs(30)
    }

    fn bell(&self) -> Activator {
        self.shared.bells.dispatch.clone()
    }

    async fn activate(&mut self, now: Timestamp) -> Result<Activation, TaskError> {
        if self.inherited {
            self.distrust_inherited(now).await?;
        }
        if self.shared.market_is_open(now) {
            self.decide_all(now).await?;
        }
        self.send_all(now).await?;
        // After the sending: a look-up that hangs must not keep other runs waiting.
        let uncertain = lookup::resolve_all(&self.shared, now).await?;
        let open = self.shared.market_is_open(now);
        let held =
            self.shared.book.open_where(|run| matches!(run.state, RunState::NeedsLeg { .. }));
        let wakes = held.iter().filter_map(|run| match run.state {
            RunState::NeedsLeg { .. } if !open => Some(self.shared.market_opens_at()),
            RunState::NeedsLeg { not_before, .. } => Some(not_before),
            _ => None,
        });
        // Looked up and found absent: to be sent again at once.
        let absent = RunState::Submitting { uncertain_since: None };
        let resend = |run: &Run| run.state == absent && !self.refused.contains(&run.id);
        let resend = !self.shared.book.open_where(resend).is_empty();
        let wake_at = wakes
            .chain(uncertain.then(|| now + LOOK_AGAIN))
            .chain(self.refused.next())
            .chain(resend.then_some(now))
            .min();
        Ok(Activation { wake_at })
    }
}
