//! Runs on capacity that is not taken back which may go back to capacity that is.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{Findings, Watch};
use crate::catalogue::{Catalogue, Class, Restart};
use crate::daemon::tasks::dispatch::question::Known;
use crate::daemon::{Mode, TaskError};
use crate::decision::{Return, Running, better_elsewhere, may_return};
use crate::domain::{BatchStatus, JobObservation, LegCause};
use crate::run::{Leg, Load, NextLeg, Run, RunState, filled, saved, useful};

impl Watch {
    /// What is known of all runs together, where some of `runs` may go back; and whether one of those that are
    /// on their way may be a probe, after which a second would have moved in vain.
    pub(super) async fn known(
        &self,
        runs: &[Arc<Run>],
        now: Timestamp,
    ) -> Result<(Option<Known>, bool), TaskError> {
        let catalogue = self.shared.catalogue.load();
        // What is not known yet, dispatch would wait for.
        let asks = |run: &&Arc<Run>| {
            let class = catalogue.class_of_run(&run.class, &run.job);
            let ready = |class: &Class| self.shared.waits_for_discovery(class, now).is_none();
            class.is_some_and(|class| may_return(class) && ready(class))
                && steady_leg(run).is_some()
        };
        let asked: Vec<Arc<Run>> = runs.iter().filter(asks).cloned().collect();
        let open = self.shared.market_is_open(now) && self.shared.mode == Mode::Submit;
        if asked.is_empty() || !open {
            return Ok((None, false));
        }
        let goes = |run: &Run| match run.state {
            RunState::Stopping { cause, .. } | RunState::NeedsLeg { cause, .. } => {
                cause == LegCause::Returned
            }
            _ => false,
        };
        let others_go = !self.shared.book.open_where(goes).is_empty();
        Ok((Some(Known::of(&self.shared, &asked).await?), others_go))
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
        let useful = useful(ran, restore, restored);
        if useful.as_millis() % interval.as_millis().max(1) > self.just_saved().as_millis() {
            // It would lose the more the longer ago it saved its progress.
            return None;
        }
        let mut stopped = run.clone();
        stopped.progress_millis += saved(ran, interval, restore, restored);
        let job = catalogue.jobs.get(&run.job)?;
        // A job that was edited meanwhile may not be able to go on, or not as one container.
        filled(&stopped, job).ok()?;
        Load::of(&mut stopped, job).ok().filter(|load| load.array_size.is_none())?;
        let next = NextLeg {
            catalogue,
            run: &stopped,
            class,
            job,
            cause: LegCause::Returned,
            containers: 1,
        };
        let before = SignedDuration::from_millis(run.progress_millis);
        let done = before + useful;
        let running = Running { environment: &leg.environment, started_at, done };
        let back =
            known.ask(&self.shared, &next, now, |question| better_elsewhere(question, running))?;
        Some(back).filter(|back| !back.probes || !findings.a_probe_goes)
    }

    /// So long after a checkpoint a look still finds it fresh: each run is looked at once in that time.
    fn just_saved(&self) -> SignedDuration {
        self.shared.settings.periods.watch_slowest + SignedDuration::from_secs(30)
    }
}

/// The leg of a run that runs by itself, as one container, on capacity that is not taken back.
fn steady_leg(run: &Run) -> Option<&Leg> {
    let leg = run.last_leg()?;
    let is_alone = leg.array_size.is_none() && run.stop.is_none();
    (is_alone && !leg.capacity.is_interruptible() && leg.status == Some(BatchStatus::Running))
        .then_some(leg)
}
