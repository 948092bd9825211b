//! What a decision is asked, from what the daemon knows.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::catalogue::{Catalogue, Class, Job};
use crate::daemon::Shared;
use crate::decision::{Decision, Question, decide};
use crate::domain::{LegCause, Resources};
use crate::run::{InUse, Leg, Run};

/// What is known of all runs together while several are decided.
pub(super) struct Known {
    in_use: InUse,
}

impl Known {
    pub(super) fn of(shared: &Shared) -> Self {
        let catalogue = shared.catalogue.load();
        let in_use = match InUse::matters(&catalogue) {
            true => InUse::of(&catalogue, shared.book.open_where(|_| true).iter().map(Arc::as_ref)),
            false => InUse::default(),
        };
        Known { in_use }
    }

    /// A leg that was decided counts for those that are decided after it.
    pub(super) fn note(&mut self, catalogue: &Catalogue, leg: &Leg, job: &Job) {
        self.in_use.add(catalogue, leg, job);
    }

    /// Where `next` leg of a run goes.
    pub(super) fn decide(&self, shared: &Shared, next: &Next<'_>, now: Timestamp) -> Decision {
        let Next { catalogue, run, class, job, cause, containers } = *next;
        let market = shared.market.load();
        let of_class = shared.controls.load().forced(&class.name, now);
        // A copy: a decision may solve a table, and who learns does not wait for that.
        let experience = shared.experience().of(&class.environments);
        decide(&Question {
            class,
            environments: catalogue
                .environments_of(class)
                .map(Arc::as_ref)
                .filter(|environment| !run.was_refused_by(&environment.name))
                .collect(),
            resources: job.submission.resources.unwrap_or(Resources::ASSUMED),
            containers,
            vcpu_millis_in_use: self.in_use.vcpu_millis().clone(),
            market: &market,
            experience: &experience,
            now,
            deadline_at: run.deadline_at,
            cause,
            legs: run.counted_legs().len() as u16,
            progress: SignedDuration::from_millis(run.progress_millis),
            cooldown: shared.settings.decision.cooldown,
            forced: run.by_hand.forced.as_ref().or(of_class.as_ref()),
        })
    }
}

/// A leg that is to be decided.
#[derive(Clone, Copy)]
pub(super) struct Next<'a> {
    pub catalogue: &'a Catalogue,
    pub run: &'a Run,
    pub class: &'a Class,
    pub job: &'a Job,
    pub cause: LegCause,
    pub containers: u32,
}
