//! Runs on capacity that is not taken back which may go back to capacity that is.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{Findings, Watch};
use crate::catalogue::{Catalogue, Class, Restart};
use crate::daemon::tasks::dispatch::question::Known;
use crate::daemon::{Mode, TaskError};
use crate::decision::{Return, Running, better_elsewhere, may_return};
use crate::domain::{BatchStatus, JobObservation, LegCause};
use crate::run::{Leg, NextLeg, Run, RunState, saved, useful};

impl Watch {
    /// What is known of all runs together, where some of `runs` may go back.
    pub(super) async fn known(&self, runs: &[Arc<Run>]) -> Result<Option<Known>, TaskError> {
        let catalogue = self.shared.catalogue.load();
        let asks = |run: &&Arc<Run>| {
            let class = catalogue.class_of_run(&run.class, &run.job);
            class.is_some_and(|class| may_return(class)) && steady_leg(run).is_some()
        };
        let asked: Vec<Arc<Run>> = runs.iter().filter(asks).cloned().collect();
        if asked.is_empty() || self.shared.mode != Mode::Submit {
            return Ok(None);
        }
        Ok(Some(Known::of(&self.shared, &asked).await?))
    }

    /// Where `run` goes on if it is stopped now, should that be better.
    pub(super) fn returns(
        &self,
        run: &Run,
        job: Option<&JobObservation>,
        catalogue: &Catalogue,
        class: &Class,
        findings: &Findings,
        now: Timestamp,
    ) -> Option<Return> {
        let (known, leg) = (findings.known.as_ref()?, steady_leg(run)?);
        job.filter(|job| job.status == BatchStatus::Running)?;
        let (Restart::Checkpoint { interval, restore }, Some(started_at)) =
            (class.restart, leg.started_at)
        else {
            return None;
        };
        let restored = run.progress_millis > 0;
        let ran = now.duration_since(started_at);
        let mut stopped = run.clone();
        stopped.progress_millis += saved(ran, interval, restore, restored);
        let next = NextLeg {
            catalogue,
            run: &stopped,
            class,
            job: catalogue.jobs.get(&run.job)?,
            cause: LegCause::Returned,
            containers: 1,
        };
        let before = SignedDuration::from_millis(run.progress_millis);
        let done = before + useful(ran, restore, restored);
        let running = Running { environment: &leg.environment, started_at, done };
        let back =
            known.ask(&self.shared, &next, now, |question| better_elsewhere(question, running))?;
        // Whoever is on the way there may be the probe: a second one would find that and have moved in vain.
        let others_go = || {
            let goes = |run: &Run| match run.state {
                RunState::Stopping { cause, .. } | RunState::NeedsLeg { cause, .. } => {
                    cause == LegCause::Returned
                }
                _ => false,
            };
            findings.a_probe_goes || !self.shared.book.open_where(goes).is_empty()
        };
        Some(back).filter(|back| !back.probes || !others_go())
    }
}

/// The leg of a run that runs by itself, as one container, on capacity that is not taken back.
fn steady_leg(run: &Run) -> Option<&Leg> {
    let leg = run.last_leg()?;
    let is_alone = leg.array_size.is_none() && run.stop.is_none();
    (is_alone && !leg.capacity.is_interruptible() && leg.status == Some(BatchStatus::Running))
        .then_some(leg)
}
