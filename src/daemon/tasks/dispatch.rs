//! Decides where legs go and submits them. The intent is durable before the call; a call whose outcome
//! is not known is looked up before anything is sent again (see `lookup`).

mod answers;
mod outcome;
pub(super) mod question;
mod refusals;
mod sending;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use self::answers::becomes_uncertain;
use self::outcome::{
    expected_price, goes_over_budget, held_until, is_wanted_now, leg_terms, put_off,
};
use self::question::Known;
use self::refusals::Refusals;
use super::lookup;
use crate::catalogue::{Environment, Job};
use crate::daemon::{Activation, Change, Mode, Shared, Task, TaskError};
use crate::decision::decide;
use crate::domain::{LegCause, RunOutcome};
use crate::mutation::{self, Mutation};
use crate::ports::Activator;
use crate::run::{
    Leg, Load, NextLeg, PriceTerms, Run, RunEventKind, RunState, SubmitRequest, batch_job_name,
    filled, note_deadline, note_unreachable, submit_request,
};

/// Intents made durable in one transaction, at most.
const DECISIONS_AT_ONCE: usize = 500;
/// An uncertain submission is looked up so often.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(15);

pub struct Dispatch {
    shared: Arc<Shared>,
    /// Intents that an earlier process left, or whose answers the store did not take, may have been
    /// sent: until they are marked uncertain, nothing is submitted.
    inherited: bool,
    refused: Refusals,
    lookups: lookup::Lookups,
}

impl Dispatch {
    pub fn new(shared: Arc<Shared>) -> Self {
        Dispatch {
            shared,
            inherited: !mutation::active(Mutation::TrustInherited),
            refused: Refusals::default(),
            lookups: lookup::Lookups::default(),
        }
    }

    /// Marks what an earlier process left between its intent and its answer.
    async fn distrust_inherited(&mut self, now: Timestamp) -> Result<(), TaskError> {
        let mut change = Change::default();
        let unsure = RunState::Submitting { uncertain_since: None };
        for run in self.shared.book.open_where(|run| run.state == unsure) {
            let mut next = Run::clone(&run);
            next.version += 1;
            let error = "nothing durable says what became of the intent".to_owned();
            becomes_uncertain(&mut next, error, now, &mut change);
            change.update(next);
        }
        self.shared.book.commit(change).await?;
        self.inherited = false;
        Ok(())
    }

    /// Decides for every run that needs a leg, and makes the intents durable.
    async fn decide_all(&self, now: Timestamp) -> Result<(), TaskError> {
        let mut waiting = self
            .shared
            .book
            .open_where(|run| self.decides_at(run, now).is_some_and(|at| at <= now));
        waiting.sort_by_key(|run| (run.deadline_at.unwrap_or(Timestamp::MAX), run.scheduled_for));
        if waiting.is_empty() {
            return Ok(());
        }
        let mut known = Known::of(&self.shared, &waiting).await?;
        for runs in waiting.chunks(DECISIONS_AT_ONCE) {
            let mut change = Change::default();
            for run in runs {
                self.decide_one(run, now, &mut known, &mut change);
            }
            if mutation::active(Mutation::IntentAfterCall) {
                self.call_first(&mut change, now).await;
            }
            self.shared.book.commit(change).await?;
            for (class, environment) in known.take_choices() {
                self.shared.experience().note_choice(&class, &environment, now);
            }
        }
        Ok(())
    }

    fn decide_one(&self, run: &Run, now: Timestamp, known: &mut Known, change: &mut Change) {
        let Some(cause) = run.next_cause() else { return };
        let mut next = run.clone();
        next.version += 1;
        let mut late = Vec::new();
        note_deadline(&mut next, now, &mut late);
        let catalogue = self.shared.catalogue.load();
        let job = catalogue.jobs.get(&run.job);
        let class = catalogue.class_of_run(&run.class, &run.job);
        let (Some(job), Some(class), false) = (job, class, run.is_to_end()) else {
            // The job left the catalogue, or somebody wants the run to end: what was not sent yet is
            // not sent any more.
            next.state = RunState::Ended { outcome: RunOutcome::Cancelled, at: now };
            late.push(RunEventKind::Ended { outcome: RunOutcome::Cancelled });
            return tell(change, next, now, late);
        };
        let load = match load(&mut next, job) {
            Ok(load) => load,
            Err(error) => {
                late.extend(reject(&mut next, &error, now));
                return tell(change, next, now, late);
            }
        };
        let containers = load.containers();
        let leg = NextLeg { catalogue: &catalogue, run, class, job, cause, containers };
        let decision = known.ask(&self.shared, &leg, now, decide);
        note_unreachable(&mut next, decision.late_secs(), &mut late);
        let leg_index = next.legs.len() as u16;
        match decision.chosen.as_ref().and_then(|name| catalogue.environments.get(name)) {
            None => {
                next.state = RunState::NeedsLeg { cause, not_before: held_until(&decision, now) };
                // Held for something else after that, it has been put off all the same.
                next.put_off = put_off(&decision).or(next.put_off);
            }
            Some(environment) => {
                let leg = self.new_leg(run, cause, environment, decision.wait_until, now);
                let expected_price = expected_price(&decision, environment);
                let terms = PriceTerms { expected_price, ..leg_terms(run, class, environment) };
                let Load { array_size, indices } = load;
                next.legs.push(Leg { terms: Some(terms), array_size, indices, ..leg });
                known.sent(&class.name, &environment.name, now);
                next.state = RunState::Submitting { uncertain_since: None };
                // Moved, if it was to move.
                next.stop = None;
            }
        }
        let over_budget = goes_over_budget(&mut next, leg_index, &decision);
        late.push(RunEventKind::Decided { leg: leg_index, cause, decision: Box::new(decision) });
        late.extend(over_budget);
        if self.shared.mode == Mode::Observe && !next.legs.is_empty() {
            next.state = RunState::Ended { outcome: RunOutcome::Observed, at: now };
            late.push(RunEventKind::Ended { outcome: RunOutcome::Observed });
        }
        known.note(&catalogue, run, &next);
        tell(change, next, now, late);
    }

    /// The intent of a run's next leg.
    fn new_leg(
        &self,
        run: &Run,
        cause: LegCause,
        environment: &Environment,
        wait_until: Option<Timestamp>,
        now: Timestamp,
    ) -> Leg {
        let scope = &self.shared.scope;
        let index = run.legs.len() as u16;
        let name = batch_job_name(scope, &environment.site, &run.id, run.trigger, index);
        Leg { wait_until, ..Leg::intended(index, cause, environment, name, now) }
    }

    /// Calls before the intents are durable: how not to do it.
    async fn call_first(&self, change: &mut Change, now: Timestamp) {
        for mut run in change.take_updates() {
            let sends = matches!(run.state, RunState::Submitting { .. });
            if let Some(request) = self.request(&run).filter(|_| sends)
                && let Ok(id) = self.shared.cloud.batch.submit(&request).await
            {
                lookup::accepted(&mut run, id, now, change);
            }
            change.update(run);
        }
    }

    /// Ends what an earlier process meant to send.
    async fn only_observe(&self, now: Timestamp) -> Result<(), TaskError> {
        let mut change = Change::default();
        let ready = RunState::Submitting { uncertain_since: None };
        for run in self.shared.book.open_where(|run| run.state == ready) {
            let mut next = Run::clone(&run);
            next.version += 1;
            next.state = RunState::Ended { outcome: RunOutcome::Observed, at: now };
            let ended = RunEventKind::Ended { outcome: RunOutcome::Observed };
            tell(&mut change, next, now, vec![ended]);
        }
        Ok(self.shared.book.commit(change).await?)
    }

    /// The call for the run's last leg. `None` when what it needs has left the catalogue.
    fn request(&self, run: &Run) -> Option<SubmitRequest> {
        let catalogue = self.shared.catalogue.load();
        let leg = run.last_leg()?;
        let job = catalogue.jobs.get(&run.job)?;
        let class = catalogue.class_of_run(&run.class, &run.job)?;
        let environment = catalogue.environments.get(&leg.environment)?;
        // What cannot be filled in is decided anew, and that tells why the run is over.
        submit_request(run, leg, job, class, environment).ok()
    }

    /// When the next leg of a run that needs one may be decided.
    fn decides_at(&self, run: &Run, now: Timestamp) -> Option<Timestamp> {
        let RunState::NeedsLeg { not_before, .. } = run.state else { return None };
        if run.is_to_end() {
            return Some(now);
        }
        let shared = &self.shared;
        let opens = (!shared.market_is_open(now)).then(|| shared.market_opens_at());
        let catalogue = shared.catalogue.load();
        let class = catalogue.class_of_run(&run.class, &run.job);
        let discovered = class.and_then(|class| shared.waits_for_discovery(class, now));
        let not_before = if is_wanted_now(run) { now } else { not_before };
        [Some(not_before), opens, discovered].into_iter().flatten().max()
    }
}

/// What `run`'s next leg carries.
///
/// # Errors
/// Its values cannot be filled in, or no leg can carry what is left of it.
fn load(run: &mut Run, job: &Job) -> Result<Load, String> {
    filled(run, job).map_err(|error| error.to_string())?;
    Load::of(run, job)
}

/// Ends a run whose submission cannot be made.
fn reject(run: &mut Run, error: &str, now: Timestamp) -> [RunEventKind; 2] {
    let error = format!("its submission cannot be made: {error}");
    let leg = run.legs.len() as u16;
    run.state = RunState::Ended { outcome: RunOutcome::Rejected, at: now };
    [
        RunEventKind::SubmitFailed { leg, error, will_repeat: false },
        RunEventKind::Ended { outcome: RunOutcome::Rejected },
    ]
}

fn tell(change: &mut Change, run: Run, now: Timestamp, events: Vec<RunEventKind>) {
    for kind in events {
        change.event(&run, now, kind);
    }
    change.update(run);
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
        self.decide_all(now).await?;
        match self.shared.mode {
            Mode::Observe => self.only_observe(now).await?,
            Mode::Submit => self.send_all(now).await?,
        }
        // After the sending: a look-up that hangs must not keep other runs waiting.
        let uncertain = self.lookups.resolve_all(&self.shared, now).await?;
        let held =
            self.shared.book.open_where(|run| matches!(run.state, RunState::NeedsLeg { .. }));
        let wakes = held.iter().filter_map(|run| self.decides_at(run, now));
        // Looked up and found absent: to be sent again at once.
        let absent = RunState::Submitting { uncertain_since: None };
        let resend = |run: &Run| run.state == absent && !self.refused.contains(&run.id);
        let resend = !self.shared.book.open_where(resend).is_empty();
        let wake_at = wakes
            .chain(uncertain.then(|| now + LOOK_AGAIN))
            .chain(self.refused.next())
            .chain(resend.then_some(now))
            .min();
        Ok(Activation { wake_at, ..Activation::default() })
    }
}
