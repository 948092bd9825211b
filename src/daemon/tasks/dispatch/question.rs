//! What decisions are asked with: what the daemon knows of all runs together.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::catalogue::Catalogue;
use crate::daemon::Shared;
use crate::decision::Question;
use crate::domain::{ClassName, EnvironmentName, RunId, Usd};
use crate::experience::{InFlight, Sent};
use crate::ledger::spent_by_run;
use crate::ports::StoreError;
use crate::run::{Around, InUse, NextLeg, Run};

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
        next: &NextLeg<'_>,
        now: Timestamp,
        answer: impl FnOnce(&Question<'_>) -> T,
    ) -> T {
        let NextLeg { run, class, .. } = *next;
        // A copy: a decision may solve a table, and who learns does not wait for that.
        let experience = shared.experience().of(&class.name, &class.environments);
        answer(&next.question(Around {
            market: &shared.market.load(),
            experience: &experience,
            in_flight: &self.in_flight,
            in_use: self.in_use.as_ref(),
            forced: shared.controls.load().forced(&class.name, now).as_ref(),
            spent: self.spent.get(&run.id).copied().unwrap_or(Usd::ZERO),
            lengths: shared.lengths(run, class),
            cooldown: shared.settings.decision.cooldown,
            now,
        }))
    }
}

/// What the run cost so far.
async fn spent_by(shared: &Shared, catalogue: &Catalogue, run: &Run) -> Result<Usd, StoreError> {
    let store = shared.book.store();
    let attempts = store.attempts(&run.id).await?;
    Ok(spent_by_run(catalogue, run, &attempts, &store.entries(&run.id).await?))
}
