//! What a decision is asked, from what the daemon knows.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::outcome::has_to_do_with_people;
use crate::catalogue::{Catalogue, Class, Job};
use crate::daemon::Shared;
use crate::decision::Question;
use crate::domain::{ClassName, EnvironmentName, LegCause, Resources, RunId, Usd};
use crate::experience::{InFlight, Sent};
use crate::ledger::spent;
use crate::ports::StoreError;
use crate::run::{InUse, Run, Trigger};

/// What is known of all runs together while several are decided.
pub(in crate::daemon::tasks) struct Known {
    /// Nothing where no environment has covered hours.
    in_use: Option<InUse>,
    /// Of the runs that are decided, those whose class has a budget.
    spent: BTreeMap<RunId, Usd>,
    /// One count for all of them: of those that are decided now, one alone is the probe.
    in_flight: InFlight,
    /// Where classes go, by intents that are not durable yet.
    choices: Vec<(ClassName, EnvironmentName)>,
}

impl Known {
    pub(in crate::daemon::tasks) async fn of(
        shared: &Shared,
        runs: &[Arc<Run>],
    ) -> Result<Self, StoreError> {
        let catalogue = shared.catalogue.load_full();
        let in_use = InUse::matters(&catalogue).then(|| {
            InUse::of(&catalogue, shared.book.open_where(|_| true).iter().map(Arc::as_ref))
        });
        let mut spent = BTreeMap::new();
        for run in runs {
            let class = catalogue.class_of_run(&run.class, &run.job);
            if class.is_some_and(|class| class.max_cost.is_some()) && !run.legs.is_empty() {
                spent.insert(run.id.clone(), spent_by(shared, &catalogue, run).await?);
            }
        }
        Ok(Known { in_use, spent, in_flight: shared.in_flight(), choices: Vec::new() })
    }

    /// A leg of the class goes to `environment`.
    pub(super) fn sent(
        &mut self,
        class: &ClassName,
        environment: &EnvironmentName,
        now: Timestamp,
    ) {
        self.in_flight.add(environment, Sent { at: now, started_at: None });
        self.choices.push((class.clone(), environment.clone()));
    }

    /// What was sent since the last call: to be noted once it is durable.
    pub(super) fn take_choices(&mut self) -> Vec<(ClassName, EnvironmentName)> {
        std::mem::take(&mut self.choices)
    }

    /// What became of a run counts for those that are decided after it.
    pub(super) fn note(&mut self, catalogue: &Catalogue, before: &Run, after: &Run) {
        if let Some(in_use) = &mut self.in_use {
            in_use.remove(catalogue, before);
            in_use.add(catalogue, after);
        }
    }

    /// What `answer` says to the question where `next` leg of a run goes.
    pub(in crate::daemon::tasks) fn ask<T>(
        &self,
        shared: &Shared,
        next: &Next<'_>,
        now: Timestamp,
        answer: impl FnOnce(&Question<'_>) -> T,
    ) -> T {
        let Next { catalogue, run, class, job, cause, containers } = *next;
        let market = shared.market.load();
        let of_class = shared.controls.load().forced(&class.name, now);
        // A copy: a decision may solve a table, and who learns does not wait for that.
        let experience = shared.experience().of(&class.name, &class.environments);
        answer(&Question {
            class,
            environments: catalogue
                .environments_of(class)
                .map(Arc::as_ref)
                .filter(|environment| !run.was_refused_by(&environment.name))
                .collect(),
            resources: job.submission.resources.unwrap_or(Resources::ASSUMED),
            containers,
            vcpu_millis_in_use: self.in_use_by_others(catalogue, run),
            market: &market,
            experience: &experience,
            now,
            deadline_at: run.deadline_at,
            starts_by: starts_by(run, class),
            spent: self.spent.get(&run.id).copied().unwrap_or(Usd::ZERO),
            cause,
            legs: run.counted_legs().len() as u16,
            progress: SignedDuration::from_millis(run.progress_millis),
            lengths: shared.lengths(run, class),
            cooldown: shared.settings.decision.cooldown,
            in_flight: &self.in_flight,
            forced: run.by_hand.forced.as_ref().or(of_class.as_ref()),
        })
    }

    fn in_use_by_others(&self, catalogue: &Catalogue, run: &Run) -> BTreeMap<EnvironmentName, u64> {
        let mut others = self.in_use.clone().unwrap_or_default();
        others.remove(catalogue, run);
        others.into_vcpu_millis()
    }
}

/// A leg that is to be decided.
#[derive(Clone, Copy)]
pub(in crate::daemon::tasks) struct Next<'a> {
    pub catalogue: &'a Catalogue,
    pub run: &'a Run,
    pub class: &'a Class,
    pub job: &'a Job,
    pub cause: LegCause,
    pub containers: u32,
}

/// Until when a run may be put off. What somebody asked for by hand begins at once, and what has begun
/// goes on.
fn starts_by(run: &Run, class: &Class) -> Option<Timestamp> {
    let is_free = run.trigger == Trigger::Schedule && !has_to_do_with_people(run);
    let within = class.start_within.filter(|_| is_free && run.legs.is_empty())?;
    run.scheduled_for.checked_add(within).ok()
}

/// What the run's attempts cost so far, and its data in each environment where it began.
async fn spent_by(shared: &Shared, catalogue: &Catalogue, run: &Run) -> Result<Usd, StoreError> {
    let store = shared.book.store();
    let attempts = store.attempts(&run.id).await?;
    let capacity = spent(&attempts, &store.entries(&run.id).await?);
    let begun = run.legs.iter().filter(|leg| leg.started_at.is_some());
    let data = begun.filter_map(|leg| catalogue.environments.get(&leg.environment));
    Ok(data.fold(capacity, |sum, environment| sum + environment.data_cost))
}
