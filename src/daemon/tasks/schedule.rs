//! Turns due times into runs. The run and "this time is handled" become durable together, and a run's
//! id is made of its scheduled time, so that a due time can neither be lost nor start twice.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::catalogue::Catalogue;
use crate::daemon::{Activation, Change, Shared, Task, TaskError};
use crate::domain::{LegCause, RunId};
use crate::ledger::Counter;
use crate::ports::{Activator, StoreError, Write};
use crate::run::{Run, RunEventKind, RunState, Trigger};
use crate::schedule::{Due, DueReport, Timetable};

pub struct Schedule {
    shared: Arc<Shared>,
    /// Made for the catalogue of this fingerprint.
    timetable: Option<(String, Timetable)>,
}

impl Schedule {
    pub fn new(shared: Arc<Shared>) -> Self {
        Schedule { shared, timetable: None }
    }

    /// The timetable for `catalogue`, kept or made anew.
    async fn timetable(
        &mut self,
        catalogue: &Catalogue,
        now: Timestamp,
    ) -> Result<&mut Timetable, TaskError> {
        let current =
            matches!(&self.timetable, Some((print, _)) if *print == catalogue.fingerprint);
        if !current {
            let handled = self.shared.book.store().handled().await?;
            let made = Timetable::new(catalogue, &handled, now);
            self.timetable = Some((catalogue.fingerprint.clone(), made));
        }
        match &mut self.timetable {
            Some((_, timetable)) => Ok(timetable),
            None => Err(TaskError::Other("no timetable".to_owned())),
        }
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
            catch_up_window_secs = skipped.catch_up_window.as_secs(),
            "scheduled times were missed for longer than the catch-up window and are not run"
        );
        change.count(Counter::RunsSkipped { job: skipped.job.clone() }, skipped.count.into());
    }
    for (key, at) in &report.handled {
        change.write(Write::Handled(key.clone(), *at));
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
        let window = self.shared.settings.schedule.catch_up_window;
        let mut report = self.timetable(&catalogue, now).await?.due(&catalogue, now, window);
        loop {
            match self.shared.book.commit(change_of(&catalogue, &report, now)).await {
                Ok(()) => break,
                // A clock that was set back asks for a time that has its run already.
                Err(StoreError::Conflict(run)) if names(&report, &run) => {
                    report.start.retain(|due| RunId::of(&due.job, due.scheduled_for) != run);
                }
                Err(error) => {
                    // The timetable has moved on and the store has not: begin again from the store.
                    self.timetable = None;
                    return Err(error.into());
                }
            }
        }
        if !report.start.is_empty() {
            self.shared.bells.dispatch.ring();
        }
        self.shared.set_next_due(report.next_wake);
        Ok(Activation { wake_at: report.next_wake })
    }
}
