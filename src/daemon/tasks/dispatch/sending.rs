//! Sends durable intents, those with the nearest deadline first, with many calls under way at once.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use futures_util::future::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use jiff::{SignedDuration, Timestamp};

use super::Dispatch;
use super::answers::{given_up, record_answer};
use super::refusals::{outdated, withdrawn};
use crate::daemon::{Change, Stopping, TaskError};
use crate::domain::{BatchJobId, RunId};
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

impl Dispatch {
    /// Sends every durable intent that was certainly not sent yet, or certainly not accepted, and
    /// decides for the runs that come meanwhile: a burst takes minutes at the rate limit.
    pub(super) async fn send_all(&mut self, now: Timestamp) -> Result<(), TaskError> {
        let shared = Arc::clone(&self.shared);
        let intents = self.intents();
        self.refused.keep(&intents.iter().map(|run| &run.id).collect());
        let mut calls = FuturesUnordered::new();
        let mut under_way: BTreeSet<RunId> = BTreeSet::new();
        let mut chosen: VecDeque<Arc<Run>> = VecDeque::new();
        let mut decided_at = now;
        loop {
            let mut change = Change::default();
            let at = shared.clock.now().max(now);
            if shared.stopping() == Stopping::Yes || at.duration_since(now) >= AT_MOST {
                // What is left is durable, and goes out with the next activation or start.
                chosen.clear();
            } else if chosen.is_empty() && calls.len() < CALLS_AT_ONCE {
                if at > decided_at {
                    if let Err(error) = self.decide_all(at).await {
                        // The calls under way are given up: their answers are looked up.
                        self.inherited |= !under_way.is_empty();
                        return Err(error);
                    }
                    decided_at = at;
                }
                chosen = self.most_urgent(&under_way, at);
            }
            while calls.len() < CALLS_AT_ONCE
                && let Some(run) = chosen.pop_front()
            {
                let Some(request) = self.request(&run) else {
                    // What it was meant for left the catalogue: the next decision knows.
                    change.update(withdrawn(&run, at));
                    continue;
                };
                under_way.insert(run.id.clone());
                let batch = Arc::clone(&shared.cloud.batch);
                calls.push(async move { (run, batch.submit(&request).await) });
            }
            if calls.is_empty() && change.is_empty() {
                break;
            }
            // All that are there: their runs become durable together.
            let mut answer = calls.next().await;
            while let Some((run, answered)) = answer {
                let after = shared.clock.now().max(now);
                under_way.remove(&run.id);
                self.take_answer((run, answered), after, &mut change);
                answer = calls.next().now_or_never().flatten();
            }
            if let Err(error) = shared.book.commit(change).await {
                // Calls were made and their answers are lost: look up before sending again.
                self.inherited = true;
                return Err(error.into());
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

    /// The next intents to send, by deadline.
    fn most_urgent(&self, under_way: &BTreeSet<RunId>, now: Timestamp) -> VecDeque<Arc<Run>> {
        let mut intents = self.intents();
        intents.retain(|run| self.refused.may_send(&run.id, now) && !under_way.contains(&run.id));
        intents.sort_by_key(|run| (run.deadline_at.unwrap_or(Timestamp::MAX), run.scheduled_for));
        intents.truncate(CHOSEN_AT_ONCE);
        intents.into()
    }

    fn take_answer(&mut self, (run, answer): Answer, after: Timestamp, change: &mut Change) {
        let Err(SubmitError::NotAccepted(error)) = &answer else {
            self.refused.forget(&run.id);
            return record_answer(&self.shared, &run, answer, after, change);
        };
        let waited = after.duration_since(run.scheduled_for);
        if waited >= self.shared.settings.submission.unknown_after {
            // Nobody wants yesterday's run when the permission comes at last.
            return given_up(&run, error, after, change);
        }
        let is_first = self.refused.note(&run.id, after);
        if outdated(&run, after) {
            tracing::warn!(run = %run.id, %error,
                "the submission was refused for long; it is decided anew");
            change.update(withdrawn(&run, after));
        } else if is_first {
            record_answer(&self.shared, &run, answer, after, change);
        } else {
            // Told once: a refusal that lasts must not fill the store.
            tracing::debug!(run = %run.id, %error, "still refused");
        }
    }
}
