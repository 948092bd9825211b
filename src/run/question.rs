//! What a decision is asked about a run's next leg: one way from a run to its question, for the daemon, for
//! `plan` and for `explain`.

use jiff::{SignedDuration, Timestamp};

use super::{InUse, Run, RunState, Then, Trigger, size_of};
use crate::catalogue::{Catalogue, Class, Job};
use crate::decision::{ForcedOnDemand, Question};
use crate::domain::{IndexSet, LegCause, Resources, Usd};
use crate::experience::durations::{Durations, Lengths, RunSize};
use crate::experience::{Experience, InFlight};
use crate::market::Market;
use crate::run::{Indices, children_for};

/// A leg that is to be decided.
#[derive(Debug, Clone, Copy)]
pub struct NextLeg<'a> {
    pub catalogue: &'a Catalogue,
    pub run: &'a Run,
    pub class: &'a Class,
    pub job: &'a Job,
    pub cause: LegCause,
    /// How many run side by side.
    pub containers: u32,
}

/// What is known besides the run and the catalogue.
#[derive(Debug, Clone, Copy)]
pub struct Around<'a> {
    pub market: &'a Market,
    pub experience: &'a Experience,
    /// The legs of all runs that have not ended, of environments whose breaker has opened.
    pub in_flight: &'a InFlight,
    /// What all open runs reserve, this one too; `None` where no environment has covered hours.
    pub in_use: Option<&'a InUse>,
    /// Somebody's word for the whole class.
    pub forced: Option<&'a ForcedOnDemand>,
    /// What the run cost so far, where its class has a budget.
    pub spent: Usd,
    pub lengths: Lengths,
    pub cooldown: SignedDuration,
    pub now: Timestamp,
}

impl<'a> NextLeg<'a> {
    /// What is asked about it.
    pub fn question(&self, around: Around<'a>) -> Question<'a> {
        let NextLeg { catalogue, run, class, job, cause, containers } = *self;
        let mut others = around.in_use.cloned().unwrap_or_default();
        others.remove(catalogue, run);
        Question {
            class,
            environments: catalogue
                .environments_of(class)
                .map(|environment| &**environment)
                .filter(|environment| !run.was_refused_by(&environment.name))
                .collect(),
            resources: job.submission.resources.unwrap_or(Resources::ASSUMED),
            containers,
            vcpu_millis_in_use: others.into_vcpu_millis(),
            market: around.market,
            experience: around.experience,
            now: around.now,
            deadline_at: run.deadline_at,
            starts_by: run.starts_by(class),
            spent: around.spent,
            cause,
            legs: run.counted_legs().len() as u16,
            progress: SignedDuration::from_millis(run.progress_millis),
            lengths: around.lengths,
            cooldown: around.cooldown,
            in_flight: around.in_flight,
            forced: run.by_hand.forced.as_ref().or(around.forced),
        }
    }
}

impl Run {
    /// Why its next leg is needed, where it needs one.
    pub fn next_cause(&self) -> Option<LegCause> {
        let RunState::NeedsLeg { cause, .. } = self.state else { return None };
        let moves = self.stop.as_ref().is_some_and(|stop| stop.then == Then::MoveOnDemand);
        Some(if moves { LegCause::Moved } else { cause })
    }

    /// Whether somebody asked something of it.
    pub fn has_to_do_with_people(&self) -> bool {
        self.stop.is_some() || !self.by_hand.is_untouched()
    }

    /// How long its work takes, as far as `class` states it and its job's attempts showed it.
    pub fn lengths(&self, class: &Class, job: Option<&Job>, durations: &Durations) -> Lengths {
        let size = job.map_or(RunSize::NotNamed, |job| size_of(self, job));
        self.lengths_of(class, size, durations)
    }

    /// That of a run of its job with so large an input.
    pub fn lengths_of(&self, class: &Class, size: RunSize, durations: &Durations) -> Lengths {
        let progress = SignedDuration::from_millis(self.progress_millis);
        let (stated, percentile) = (class.expected_duration, class.planning_percentile);
        durations.lengths(&self.job, size, stated, percentile, progress)
    }

    /// Until when it may be put off. What somebody asked for by hand begins at once, and what has begun
    /// goes on.
    fn starts_by(&self, class: &Class) -> Option<Timestamp> {
        let is_free = self.trigger == Trigger::Schedule && !self.has_to_do_with_people();
        let within = class.start_within.filter(|_| is_free && self.legs.is_empty())?;
        self.scheduled_for.checked_add(within).ok()
    }
}

/// What a leg carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Load {
    /// Its children, where it is an array.
    pub array_size: Option<u16>,
    /// With mapped indices, those that are not done.
    pub indices: Option<IndexSet>,
}

impl Load {
    /// That of `run`'s next leg. A run from before its job had a map is given all of it to do.
    ///
    /// # Errors
    /// No leg can carry what is left of it.
    pub fn of(run: &mut Run, job: &Job) -> Result<Load, String> {
        if run.indices.is_none() {
            let map = job.submission.index_map;
            run.indices = map.map(|map| Indices::new(map.count, map.all()));
        }
        let Some(indices) = &run.indices else {
            return Ok(Load { array_size: job.submission.array_size, indices: None });
        };
        let left = indices.left();
        Ok(Load { array_size: children_for(&left)?, indices: Some(left) })
    }

    /// How many containers run side by side.
    pub fn containers(&self) -> u32 {
        self.array_size.map_or(1, u32::from)
    }
}
