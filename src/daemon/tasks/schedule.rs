//! Turns due times into runs. The run and "this time is handled" become durable together, and a run's
//! id is made of its scheduled time, so that a due time can neither be lost nor start twice.

mod admission;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use self::admission::{Group, change_of, groups_of};
use super::previous::previous_successes;
use crate::catalogue::Catalogue;
use crate::daemon::{Activation, Change, Shared, Task, TaskError};
use crate::domain::{JobName, RunId};
use crate::mutation::{self, Mutation};
use crate::ports::{Activator, StoreError, Write};
use crate::run::Run;
use crate::schedule::{CatchUpTerms, DueReport, Timetable};

/// A change that also stops other runs is made anew so often when one of them moved on.
const TRIES: u32 = 10;

pub struct Schedule {
    shared: Arc<Shared>,
    /// `None` after a failure: it had moved on, and the store had not.
    timetable: Option<Timetable>,
    /// The catalogue of the last timetable, until another one's last word is durable.
    in_force: Option<Arc<Catalogue>>,
}

impl Schedule {
    pub fn new(shared: Arc<Shared>) -> Self {
        Schedule { shared, timetable: None, in_force: None }
    }

    /// The timetable of `catalogue`. One of another catalogue has its last word first, so that what
    /// was due before the change is not lost by it.
    async fn timetable(
        &mut self,
        catalogue: &Arc<Catalogue>,
        now: Timestamp,
    ) -> Result<Timetable, TaskError> {
        if let Some(timetable) = self.last_timetable(now).await? {
            if timetable.catalogue().fingerprint == catalogue.fingerprint {
                return Ok(timetable);
            }
            let controls = self.shared.controls.load_full();
            let is_paused = |job: &JobName| controls.pause_of(job).is_some();
            let report = timetable.conclude(catalogue, now, self.terms(&is_paused));
            self.write_down(catalogue, report, now).await?;
        }
        let timetable = self.made_anew(catalogue, now).await?;
        self.in_force = Some(Arc::clone(catalogue));
        Ok(timetable)
    }

    /// The timetable of before. After a failure it is made again, also that of a catalogue which has been
    /// replaced since: its last word is still to come.
    async fn last_timetable(&mut self, now: Timestamp) -> Result<Option<Timetable>, TaskError> {
        match (self.timetable.take(), &self.in_force) {
            (None, Some(catalogue)) => Ok(Some(self.made_anew(catalogue, now).await?)),
            (timetable, _) => Ok(timetable),
        }
    }

    async fn made_anew(
        &self,
        catalogue: &Arc<Catalogue>,
        now: Timestamp,
    ) -> Result<Timetable, TaskError> {
        let handled = self.shared.book.store().handled().await?;
        Ok(Timetable::new(Arc::clone(catalogue), &handled, now))
    }

    fn terms<'a>(&self, is_paused: &'a dyn Fn(&JobName) -> bool) -> CatchUpTerms<'a> {
        let settings = &self.shared.settings.schedule;
        CatchUpTerms { window: settings.catch_up_window, limit: settings.catch_up_limit, is_paused }
    }

    /// The runs of the report's due times.
    async fn groups(
        &self,
        catalogue: &Catalogue,
        report: &DueReport,
        now: Timestamp,
    ) -> Result<Vec<Group>, TaskError> {
        let mut groups = groups_of(catalogue, report, now);
        for Group { job, runs } in &mut groups {
            let new: Vec<&Run> = runs.iter().collect();
            let found = previous_successes(self.shared.book.store(), job, &new).await?;
            for run in runs {
                run.previous_success = found.get(&run.id).copied();
            }
        }
        Ok(groups)
    }

    /// Makes the report durable.
    async fn write_down(
        &self,
        catalogue: &Catalogue,
        mut report: DueReport,
        now: Timestamp,
    ) -> Result<(), TaskError> {
        if mutation::active(Mutation::HandledFirst) {
            let handled = report.handled.iter().map(|(key, at)| (key.clone(), *at));
            let mut first = Change::default();
            first.write(Write::Handled(handled.collect()));
            self.shared.book.commit(first).await?;
        }
        let mut tries = 0..TRIES;
        let mut groups = self.groups(catalogue, &report, now).await?;
        loop {
            let book = &self.shared.book;
            match book.commit(change_of(catalogue, &report, groups.clone(), book, now)).await {
                Ok(()) => break,
                // A clock that was set back asks for a time that has its run already.
                Err(StoreError::Conflict(run)) if names(&report, &run) => {
                    report.start.retain(|due| !run.is_of(&due.group()));
                    groups.retain(|group| group.runs.iter().all(|new| new.id != run));
                }
                // A run that was to be stopped moved on meanwhile; it has been read again.
                Err(StoreError::Conflict(_)) if tries.next().is_some() => {}
                Err(error) => return Err(error.into()),
            }
        }
        if !report.start.is_empty() {
            let bells = &self.shared.bells;
            bells.dispatch.ring();
            bells.release.ring();
            // Earlier runs may be asked to end.
            bells.watch.ring();
        }
        Ok(())
    }
}

fn names(report: &DueReport, run: &RunId) -> bool {
    report.start.iter().any(|due| run.is_of(&due.group()))
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
        let shared = Arc::clone(&self.shared);
        let _making_runs = shared.making_runs.lock().await;
        let catalogue = self.shared.catalogue.load_full();
        // On an error it is not put back, so that the next activation begins again from the store.
        // A new one was read, and its schedules are written down, in many times the memory that it takes.
        let known = self.in_force.as_ref();
        let frees_much = known.is_none_or(|known| known.fingerprint != catalogue.fingerprint);
        let mut timetable = self.timetable(&catalogue, now).await?;
        let controls = self.shared.controls.load_full();
        let ignored = mutation::active(Mutation::PauseIgnored);
        let is_paused = |job: &JobName| controls.pause_of(job).is_some() && !ignored;
        let report = timetable.due(now, self.terms(&is_paused));
        let next_wake = report.next_wake;
        self.write_down(&catalogue, report, now).await?;
        self.timetable = Some(timetable);
        self.shared.set_next_due(next_wake);
        Ok(Activation { wake_at: next_wake, frees_much })
    }
}
