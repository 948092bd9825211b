//! What each policy does next. The daemon's own two are asked of the daemon's own code.

use jiff::{SignedDuration, Timestamp};

use super::places::fargate_pool;
use super::play::{Play, millis};
use super::question::{Choice, Leg, Spot, choice_of, moment};
use super::{Launch, Policy};
use crate::catalogue::{Class, Restart};
use crate::decision::{Running, better_elsewhere, decide, may_return};
use crate::domain::{LegCause, Ppm, UsdPerHour};
use crate::experience::durations::Lengths;
use crate::experience::{EnvironmentExperience, Experience};
use crate::policy::baseline::{Baseline, Beyond};
use crate::policy::outlook::{Survival, tick_secs};
use crate::policy::{Lasting, Mode, Phase};
use crate::run::{StepContext, is_too_risky, useful};

impl Play<'_> {
    /// What to do now; `None` when every allowed leg was used.
    pub(super) fn choose(&self) -> Option<Choice> {
        let steady = Choice::Steady { price: self.opening.reference, until: None };
        let choice = match self.policy {
            Policy::OnDemand | Policy::WhatWasDone => steady,
            Policy::SpotWithRetries => self.spot_for_ever().unwrap_or(steady),
            Policy::FitOnly | Policy::Model => return self.decided(),
            Policy::GreedyWithNet | Policy::UniformProgress => {
                let planned = match (self.opening.steady, self.deadline()) {
                    (Some(price), Some(deadline)) => self.planned(price, deadline),
                    _ => self.spot_for_ever(),
                };
                planned.unwrap_or(steady)
            }
        };
        Some(choice)
    }

    fn spot_for_ever(&self) -> Option<Choice> {
        let environment = self.opening.cheapest?;
        Some(Choice::Spot(Spot { environment, wait_until: None, stop_at: None }))
    }

    /// As the daemon decides.
    fn decided(&self) -> Option<Choice> {
        let (class, opening) = match self.policy {
            Policy::FitOnly => (&self.kind.fit_only, self.opening.fit_only),
            _ => (&self.kind.model, self.opening.model),
        };
        if let Some(since) = self.steady_since {
            return Some(self.stays_or_returns(class, since));
        }
        let choice = match opening {
            // A hold is asked again, not repeated.
            Choice::Wait { until } if self.legs == 0 && until <= self.at => self.asked(class),
            other if self.legs == 0 => other,
            _ if self.legs >= class.max_legs => return None,
            _ => self.asked(class),
        };
        Some(match choice {
            Choice::Steady { price, until: None } => {
                Choice::Steady { price, until: self.asked_again(class, self.at + self.start_up()) }
            }
            other => other,
        })
    }

    fn asked(&self, class: &Class) -> Choice {
        let decision = self.backtest.decision(self.kind, &self.leg(class));
        choice_of(self.kind, &decision, self.opening.reference)
    }

    fn leg<'a>(&'a self, class: &'a Class) -> Leg<'a> {
        Leg {
            class,
            at: self.at,
            deadline: self.deadline(),
            cause: self.cause,
            legs: self.legs,
            progress_millis: self.progress,
            experience: self.learnt.as_ref().unwrap_or(&self.backtest.experience),
        }
    }

    /// When it is asked whether a run that has capacity which is not taken back goes back: at its next
    /// checkpoint, when the least is lost.
    fn asked_again(&self, class: &Class, from: i64) -> Option<i64> {
        match class.restart {
            Restart::Checkpoint { interval, .. } if may_return(class) => {
                Some(from + millis(interval).max(60_000))
            }
            _ => None,
        }
    }

    /// Of a run that began on such capacity at `since`.
    fn stays_or_returns(&self, class: &Class, since: i64) -> Choice {
        let (kept, done) = self.kept_and_done(self.at - since);
        let leg = Leg {
            cause: LegCause::Returned,
            legs: self.legs + 1,
            progress_millis: self.progress + kept,
            ..self.leg(class)
        };
        self.backtest.ask(self.kind, &leg, |question| {
            let decision = decide(question);
            let steady = decision.candidates.iter().filter(|it| !it.capacity.is_interruptible());
            let steady = steady.filter(|it| it.price.is_some()).min_by_key(|it| it.price);
            let price = steady.and_then(|it| it.price).unwrap_or(self.opening.reference);
            let returns = steady.is_some_and(|it| {
                let started_at = moment(since);
                let running = Running { environment: &it.environment, started_at, done };
                better_elsewhere(question, running).is_some()
            });
            match returns {
                true => choice_of(self.kind, &decision, self.opening.reference),
                false => Choice::Steady { price, until: self.asked_again(class, self.at) },
            }
        })
    }

    /// What an attempt that ran for so long leaves in its checkpoint, milliseconds, and what is done with it
    /// in all.
    fn kept_and_done(&self, ran: i64) -> (i64, SignedDuration) {
        let ran = ran.max(0);
        let restore = match self.class().restart {
            Restart::Checkpoint { restore, .. } => restore,
            Restart::FromZero => SignedDuration::ZERO,
        };
        let useful = useful(SignedDuration::from_millis(ran), restore, self.progress > 0);
        (self.kept_of(ran), SignedDuration::from_millis(self.progress) + useful)
    }

    /// The published rules, which know a deadline and capacity that is not taken back.
    fn planned(&self, price: UsdPerHour, deadline: i64) -> Option<Choice> {
        let environment = self.opening.cheapest?;
        if let Restart::Checkpoint { interval, restore } = self.class().restart {
            let changeover = self.start_up() + millis(restore) + millis(interval) / 2;
            return Some(self.paced(environment, price, deadline, changeover));
        }
        let last = deadline - self.start_up() - millis(self.class().expected_duration);
        Some(match self.at < last {
            true => Choice::Spot(Spot { environment, wait_until: Some(last), stop_at: Some(last) }),
            false => Choice::Steady { price, until: None },
        })
    }

    /// By a rule for work whose progress survives, asked again every tick while it does not run on
    /// interruptible capacity, which none of them leaves by itself.
    fn paced(
        &self,
        environment: usize,
        price: UsdPerHour,
        deadline: i64,
        changeover: i64,
    ) -> Choice {
        let total = millis(self.class().expected_duration) / 1000;
        let changeover_secs = changeover / 1000;
        let tick = tick_secs(Survival::Progress { changeover_secs }, total);
        // What leaving would lose does not count as done.
        let running = self.steady_since.map_or(0, |since| self.kept_of((self.at - since).max(0)));
        let begun = self.run.at.as_millisecond();
        let now = Lasting {
            tick_secs: tick,
            changeover_secs,
            total_work_secs: total,
            allowed_secs: (deadline - begun) / 1000,
            elapsed_secs: (self.at - begun) / 1000,
            work_secs: (total - (self.progress + running) / 1000).max(0),
            owed_secs: 0,
            mode: if self.steady_since.is_some() { Mode::OnDemand } else { Mode::Idle },
            phase: Phase::of(self.launches[environment].are_up(self.at)),
            phase_age_secs: 0,
        };
        let rule = match self.policy {
            Policy::UniformProgress => Baseline::UniformProgress,
            _ => Baseline::Greedy,
        };
        // None of these two looks at prices or at what is to come.
        let beyond = Beyond { life_secs: 0, on_demand: 0, spot: 0, slice_forced: false };
        let until = self.at + tick * 1000;
        match rule.decide(&now, &beyond) {
            Mode::Idle => Choice::Wait { until },
            Mode::OnDemand => Choice::Steady { price, until: Some(until) },
            Mode::Spot => {
                Choice::Spot(Spot { environment, wait_until: Some(self.at), stop_at: None })
            }
        }
    }

    /// When the daemon moves a running leg for its deadline: at the last moment at which a run from zero on
    /// demand still meets it, if staying is too risky then.
    pub(super) fn last_move(&self, environment: usize, launch: &Launch, since: i64) -> Option<i64> {
        let class = match self.policy {
            Policy::FitOnly => &self.kind.fit_only,
            Policy::Model => &self.kind.model,
            _ => return None,
        };
        let has_steady_capacity = self.opening.steady.is_some();
        if class.restart != Restart::FromZero || !has_steady_capacity || self.legs >= class.max_legs
        {
            return None;
        }
        let expected = millis(class.expected_duration);
        let last = self.deadline()? - self.start_up() - expected;
        if last < launch.from {
            return None;
        }
        let context = StepContext {
            class,
            now: moment(last),
            lengths: Lengths::stated(class.expected_duration, class.planning_percentile),
            hazard_per_hour: self.hazard(environment, launch),
            has_steady_capacity,
            is_array: false,
            returns: None,
        };
        let remaining = SignedDuration::from_millis(expected - (last - since).max(0));
        is_too_risky(remaining, context).then_some(last)
    }

    fn hazard(&self, environment: usize, launch: &Launch) -> Ppm {
        let place = &self.kind.places[environment][launch.pool];
        let name = &self.kind.environments[environment].name;
        let pool = place.pool.clone().unwrap_or_else(fargate_pool);
        self.backtest.level(name, &pool).per_hour()
    }

    /// Takes in what just happened to this run.
    pub(super) fn learn(
        &mut self,
        environment: usize,
        what: impl FnOnce(&mut EnvironmentExperience, Timestamp),
    ) {
        if !matches!(self.policy, Policy::FitOnly | Policy::Model) {
            return;
        }
        let (backtest, kind, at) = (self.backtest, self.kind, moment(self.at));
        let learnt: &mut Experience = self.learnt.get_or_insert_with(|| {
            backtest.experience.of(&kind.class.name, &kind.class.environments)
        });
        let name = kind.environments[environment].name.clone();
        what(learnt.environments.entry(name).or_default(), at);
    }
}
