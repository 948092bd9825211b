//! Sends durable intents, those with the nearest deadline first, with many calls under way at once.

use std::collections::{BTreeSet, VecDeque};
use std::pin::pin;
use std::sync::Arc;

use futures_util::future::{Fuse, FusedFuture, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};
use jiff::{SignedDuration, Timestamp};

use super::Dispatch;
use super::answers::{given_up, leaves_account, record_answer};
use super::refusals::{outdated, withdrawn};
use crate::daemon::{Change, Stopping, TaskError};
use crate::domain::{BatchJobId, RunId};
use crate::mutation::{self, Mutation};
use crate::ports::SubmitError;
use crate::run::{Run, RunState};

/// Calls under way at once; the cloud's adapter paces them. A second's worth of AWS's own limit: the
/// rate holds as long as answers take no longer than that, and a slow one holds up none of the
/// others.
const CALLS_AT_ONCE: usize = 50;
/// So many intents are chosen at once. Then all are looked at again, because a run that is more
/// urgent than those that wait may have come.
const CHOSEN_AT_ONCE: usize = 25;
/// Then other work of this task has its turn, such as looking uncertain submissions up.
const AT_MOST: SignedDuration = SignedDuration::from_secs(60);

type Answer = (Arc<Run>, Result<BatchJobId, SubmitError>);

/// Where the runs are on their way out.
#[derive(Default)]
struct Round {
    decided_at: Timestamp,
    chosen: VecDeque<Arc<Run>>,
    /// Sent, or about to be, and what became of them is not durable yet.
    under_way: BTreeSet<RunId>,
    /// Answered, with what follows from the answers; and those of which that is being written.
    answered: Vec<RunId>,
    change: Change,
    committed: Vec<RunId>,
}

impl Dispatch {
    /// Sends every durable intent that was certainly not sent yet, or certainly not accepted, and
    /// decides for the runs that come meanwhile: a burst takes minutes at the rate limit.
    pub(super) async fn send_all(&mut self, now: Timestamp) -> Result<(), TaskError> {
        let shared = Arc::clone(&self.shared);
        let intents = self.intents();
        self.refused.keep(&intents.iter().map(|run| &run.id).collect());
        let mut calls = FuturesUnordered::new();
        let mut commit = pin!(Fuse::terminated());
        let mut round = Round { decided_at: now, ..Round::default() };
        loop {
            let at = shared.clock.now().max(now);
            if shared.stopping() == Stopping::Yes || at.duration_since(now) >= AT_MOST {
                // What is left is durable, and goes out with the next activation or start.
                round.chosen.clear();
            } else if round.chosen.is_empty()
                && calls.len() < CALLS_AT_ONCE
                && let Err(error) = self.choose(&mut round, at).await
            {
                // The calls under way are given up: what became of them is looked up.
                self.inherited |= !round.under_way.is_empty();
                return Err(error);
            }
            while calls.len() < CALLS_AT_ONCE
                && let Some(run) = round.chosen.pop_front()
            {
                round.under_way.insert(run.id.clone());
                let Some(request) = self.request(&run).filter(|_| !run.is_to_end()) else {
                    // It is to end, or what it was meant for left the catalogue: the next decision
                    // knows.
                    round.change.update(withdrawn(&run, at));
                    round.answered.push(run.id.clone());
                    continue;
                };
                let batch = Arc::clone(&shared.cloud.batch);
                calls.push(async move { (run, batch.submit(&request).await) });
            }
            if commit.is_terminated() && !round.answered.is_empty() {
                round.committed = std::mem::take(&mut round.answered);
                commit.set(shared.book.commit(std::mem::take(&mut round.change)).fuse());
            }
            if calls.is_empty() && commit.is_terminated() {
                break;
            }
            tokio::select! {
                biased;
                done = commit.as_mut(), if !commit.is_terminated() => {
                    if let Err(error) = done {
                        // Calls were made and their answers are lost: look up before sending again.
                        self.inherited = !mutation::active(Mutation::AnswerForgotten);
                        return Err(error.into());
                    }
                    for id in std::mem::take(&mut round.committed) {
                        round.under_way.remove(&id);
                    }
                }
                // All that are there: they become durable together.
                answers = ready(&mut calls), if !calls.is_empty() => {
                    let after = shared.clock.now().max(now);
                    for (run, answer) in answers {
                        round.answered.push(run.id.clone());
                        self.take_answer(&run, answer, after, &mut round.change);
                    }
                }
            }
        }
        if !intents.is_empty() {
            shared.bells.watch.ring();
        }
        Ok(())
    }

    /// Runs whose leg is durable and not at Batch, as far as anybody knows.
    fn intents(&self) -> Vec<Arc<Run>> {
        let ready = RunState::Submitting { uncertain_since: None };
        self.shared.book.open_where(|run| run.state == ready)
    }

    /// Decides for what has come, and chooses the next intents to send: by deadline.
    async fn choose(&self, round: &mut Round, now: Timestamp) -> Result<(), TaskError> {
        if now > round.decided_at {
            self.decide_all(now).await?;
            round.decided_at = now;
        }
        let mut intents = self.intents();
        intents.retain(|run| {
            self.refused.may_send(&run.id, now) && !round.under_way.contains(&run.id)
        });
        intents.sort_by_key(|run| (run.deadline_at.unwrap_or(Timestamp::MAX), run.scheduled_for));
        intents.truncate(CHOSEN_AT_ONCE);
        round.chosen = intents.into();
        Ok(())
    }

    fn take_answer(
        &mut self,
        run: &Run,
        answer: Result<BatchJobId, SubmitError>,
        after: Timestamp,
        change: &mut Change,
    ) {
        let error = match &answer {
            Err(SubmitError::NotAccepted(error)) if !leaves_account(&self.shared, run, error) => {
                error
            }
            _ => {
                self.refused.forget(&run.id);
                return record_answer(&self.shared, run, answer, after, change);
            }
        };
        let is_first = self.refused.note(&run.id, after);
        let waited = after.duration_since(run.wanted_since());
        let is_old = waited >= self.shared.settings.submission.unknown_after;
        if is_old && self.refused.lasts(&run.id, after) {
            // Nobody wants yesterday's run when the permission comes at last.
            return given_up(run, error, after, change);
        }
        if outdated(run, after) {
            tracing::warn!(run = %run.id, %error,
                "the submission was refused for long; it is decided anew");
            change.update(withdrawn(run, after));
        } else if is_first {
            record_answer(&self.shared, run, answer, after, change);
        } else {
            // Told once: a refusal that lasts must not fill the store.
            tracing::debug!(run = %run.id, %error, "still refused");
        }
    }
}

/// The next answer, and whatever else is there.
async fn ready<F: Future<Output = Answer>>(calls: &mut FuturesUnordered<F>) -> Vec<Answer> {
    let mut answers = Vec::from_iter(calls.next().await);
    while let Some(Some(answer)) = calls.next().now_or_never() {
        answers.push(answer);
    }
    answers
}
