//! Turns due times into runs. The run and "this time is handled" become durable together, and a run's
//! id is made of its scheduled time, so that a due time can neither be lost nor start twice.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::catalogue::Catalogue;
use crate::daemon::{Activation, Change, Shared, Task, TaskError};
use crate::domain::{LegCause, RunId};
use crate::ledger::Counter;
use crate::mutation::{self, Mutation};
use crate::ports::{Activator, StoreError, Write};
use crate::run::{Run, RunEventKind, RunState, Trigger};
use crate::schedule::{CatchUpTerms, Due, DueReport, Timetable};

pub struct Schedule {
    shared: Arc<Shared>,
    timetable: Option<Timetable>,
}

impl Schedule {
    pub fn new(shared: Arc<Shared>) -> Self {
        Schedule { shared, timetable: None }
    }

    /// The timetable of `catalogue`. One of another catalogue has its last word first, so that what
    /// was due before the change is not lost by it.
    async fn timetable(
        &mut self,
        catalogue: &Arc<Catalogue>,
        now: Timestamp,
    ) -> Result<Timetable, TaskError> {
        if let Some(timetable) = self.timetable.take() {
            if timetable.catalogue().fingerprint == catalogue.fingerprint {
                return Ok(timetable);
            }
            let report = timetable.conclude(catalogue, now, self.terms());
            self.write_down(catalogue, report, now).await?;
        }
        let handled = self.shared.book.store().handled().await?;
        Ok(Timetable::new(Arc::clone(catalogue), &handled, now))
    }

    fn terms(&self) -> CatchUpTerms<'static> {
        let settings = &self.shared.settings.schedule;
        CatchUpTerms {
            window: settings.catch_up_window,
            limit: settings.catch_up_limit,
            is_paused: &|_| false,
        }
    }

    /// Makes the report durable.
    async fn write_down(
        &self,
        catalogue: &Catalogue,
        mut report: DueReport,
        now: Timestamp,
    ) -> Result<(), TaskError> {
        if mutation::active(Mutation::HandledFirst) {
            let mut first = Change::default();
            let handled = report.handled.iter();
            handled.for_each(|(key, at)| first.write(Write::Handled(key.clone(), *at)));
            self.shared.book.commit(first).await?;
        }
        loop {
            match self.shared.book.commit(change_of(catalogue, &report, now)).await {
                Ok(()) => break,
                // A clock that was set back asks for a time that has its run already.
                Err(StoreError::Conflict(run)) if names(&report, &run) => {
                    report.start.retain(|due| RunId::of(&due.job, due.scheduled_for) != run);
                }
                Err(error) => return Err(error.into()),
            }
        }
        if !report.start.is_empty() {
            self.shared.bells.dispatch.ring();
        }
        Ok(())
    }
}

/// The change that makes the due runs durable.
fn change_of(catalogue: &Catalogue, report: &DueReport, now: Timestamp) -> Change {
    let mut change = Change::default();
    for due in &report.start {
        let Some(run) = new_run(catalogue, due, now) else { continue };
        change.event(&run, now, RunEventKind::Due);
        change.insert(run);
    }
    for skipped in &report.skipped {
        tracing::warn!(
            job = %skipped.job, count = skipped.count, first = %skipped.first, last = %skipped.last,
            reason = skipped.reason.label(), "scheduled times are not run"
        );
        let counter = Counter::RunsSkipped { job: skipped.job.clone(), reason: skipped.reason };
        change.count(counter, skipped.count.into());
        if !mutation::active(Mutation::SkipUnrecorded) {
            change.write(Write::Skipped(now, skipped.clone()));
        }
    }
    let forgets = mutation::active(Mutation::HandledForgotten);
    for (key, at) in report.handled.iter().filter(|_| !forgets) {
        change.write(Write::Handled(key.clone(), *at));
    }
    for key in &report.forgotten {
        change.write(Write::Forgotten(key.clone()));
    }
    change
}

fn names(report: &DueReport, run: &RunId) -> bool {
    report.start.iter().any(|due| RunId::of(&due.job, due.scheduled_for) == *run)
}

fn new_run(catalogue: &Catalogue, due: &Due, now: Timestamp) -> Option<Run> {
    let job = catalogue.jobs.get(&due.job)?;
    let class = catalogue.class_of(job)?;
    Some(Run {
        id: RunId::of(&job.name, due.scheduled_for),
        job: job.name.clone(),
        class: class.name.clone(),
        trigger: Trigger::Schedule,
        scheduled_for: due.scheduled_for,
        created_at: now,
        deadline_at: class.deadline.and_then(|after| due.scheduled_for.checked_add(after).ok()),
        deadline_missed: false,
        state: RunState::NeedsLeg { cause: LegCause::Scheduled, not_before: now },
        legs: Vec::new(),
        failures: 0,
        progress_millis: 0,
        version: 0,
    })
}

#[async_trait]
impl Task for Schedule {
    fn name(&self) -> &'static str {
        "schedule"
    }

    fn period(&self) -> SignedDuration {
        SignedDuration::from_mins(1)
    }

    fn bell(&self) -> Activator {
        self.shared.bells.schedule.clone()
    }

    async fn activate(&mut self, now: Timestamp) -> Result<Activation, TaskError> {
        let catalogue = self.shared.catalogue.load_full();
        // On an error it is not put back: it has moved on and the store has not, so that the next
        // activation begins again from the store.
        let mut timetable = self.timetable(&catalogue, now).await?;
        let report = timetable.due(now, self.terms());
        let next_wake = report.next_wake;
        self.write_down(&catalogue, report, now).await?;
        self.timetable = Some(timetable);
        self.shared.set_next_due(next_wake);
        Ok(Activation { wake_at: next_wake })
    }
}
