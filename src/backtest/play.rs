//! One run in one world, under one policy: from decision to decision, each of which leads to a leg that ends
//! by itself, is interrupted, starves, or is given up.
//!
//! Costs are the ledger's: the time that a container ran × the price of its pool × its share. Boots, images
//! and idle instances take time and cost nothing here, as there.

use jiff::SignedDuration;

use super::outcome::Outcome;
use super::prepare::{Backtest, Opening, Prepared, World};
use super::question::{Choice, Spot, moment};
use super::{Launch, Launches, PastRun, Policy};
use crate::catalogue::{Class, Restart};
use crate::cost::{CREDIT_AGE, spot_accrual};
use crate::domain::{Accrual, LegCause, Share, Usd, UsdPerHour, Window};
use crate::experience::Experience;
use crate::run::saved;

/// A run that is being played. Times are milliseconds since 1970.
pub(super) struct Play<'a> {
    pub backtest: &'a Backtest,
    pub kind: &'a Prepared,
    pub run: &'a PastRun,
    pub opening: &'a Opening,
    pub launches: &'a [Launches],
    pub policy: Policy,
    pub at: i64,
    pub legs: u16,
    pub cause: LegCause,
    /// Work saved by checkpoints.
    pub progress: i64,
    /// Since when its container runs on capacity that is not taken back, if it does (or is about to).
    pub steady_since: Option<i64>,
    /// What this run has seen, once it saw any trouble.
    pub learnt: Option<Experience>,
    /// What capacity that is not taken back cost so far, rounded once in the end.
    steady: Accrual,
    spot: Usd,
    interruptions: u64,
}

impl Backtest {
    pub(super) fn play_run(
        &self,
        world: &World,
        run: &PastRun,
        opening: &Opening,
        policy: Policy,
    ) -> Outcome {
        if let (Policy::WhatWasDone, Some(done)) = (policy, run.done) {
            return done;
        }
        let mut play = Play {
            backtest: self,
            kind: &self.kinds[run.kind],
            run,
            opening,
            launches: &world.0[run.kind],
            policy,
            at: run.at.as_millisecond(),
            legs: 0,
            cause: LegCause::Scheduled,
            progress: 0,
            steady_since: None,
            learnt: None,
            steady: Accrual::ZERO,
            spot: Usd::ZERO,
            interruptions: 0,
        };
        let done = play.play();
        let in_time = |deadline| done && play.at <= deadline;
        let missed = !play.deadline().map_or(done, in_time);
        let copies = run.copies.max(1);
        let one = play.spot + play.steady.to_usd(Share::WHOLE);
        let cost = Usd::from_nanos(one.nanos() * i128::from(copies));
        Outcome { cost, interruptions: play.interruptions * u64::from(copies), missed }
    }
}

impl Play<'_> {
    /// Whether it was done, at `self.at`, before time ended or all legs were used.
    fn play(&mut self) -> bool {
        while self.at < self.backtest.horizon {
            let Some(choice) = self.choose() else { return false };
            let done = match choice {
                Choice::Wait { until } => {
                    self.leave_steady();
                    self.at = until.max(self.at + 1);
                    false
                }
                Choice::Steady { price, until } => self.on_steady(price, until),
                Choice::Spot(spot) => {
                    self.leave_steady();
                    self.on_spot(&spot)
                }
            };
            if done {
                return true;
            }
        }
        false
    }

    pub fn class(&self) -> &Class {
        &self.kind.class
    }

    pub fn deadline(&self) -> Option<i64> {
        self.run.deadline_at.map(|deadline| deadline.as_millisecond())
    }

    pub fn start_up(&self) -> i64 {
        millis(self.class().start_up)
    }

    /// How long an attempt has to run now, the restore of its checkpoint included.
    fn needed(&self) -> i64 {
        let restore = match self.class().restart {
            Restart::Checkpoint { restore, .. } if self.progress > 0 => millis(restore),
            _ => 0,
        };
        (millis(self.run.work) - self.progress).max(0) + restore
    }

    /// What checkpoints saved of an attempt that ran for so long.
    pub fn kept_of(&self, ran: i64) -> i64 {
        let Restart::Checkpoint { interval, restore } = self.class().restart else { return 0 };
        saved(SignedDuration::from_millis(ran), interval, restore, self.progress > 0)
    }

    /// Gives up capacity that is not taken back, if it runs there.
    fn leave_steady(&mut self) {
        if let Some(since) = self.steady_since.take() {
            self.progress += self.kept_of((self.at - since).max(0));
            self.legs = self.legs.saturating_add(1);
        }
    }

    fn on_steady(&mut self, price: UsdPerHour, until: Option<i64>) -> bool {
        let start_up = self.start_up();
        let since = *self.steady_since.get_or_insert(self.at + start_up);
        let done = since + self.needed();
        let end = until.map_or(done, |until| until.clamp(self.at + 1, done.max(self.at + 1)));
        let ran = end.min(done) - self.at.max(since);
        if ran > 0 {
            self.steady += Accrual::of(price, ran);
        }
        self.at = end.min(done.max(self.at));
        self.at >= done
    }

    fn on_spot(&mut self, spot: &Spot) -> bool {
        self.legs = self.legs.saturating_add(1);
        let launch = self.launches[spot.environment].from(self.at);
        let in_time = |launch: &Launch| spot.wait_until.is_none_or(|until| launch.from <= until);
        let Some(launch) = launch.filter(in_time) else {
            let until = spot.wait_until.unwrap_or(self.backtest.horizon).max(self.at);
            let waited = SignedDuration::from_millis(until - self.at);
            self.at = until;
            self.cause = LegCause::Starved;
            self.learn(spot.environment, |seen, at| seen.record_starvation(at, waited));
            return false;
        };
        let since = launch.from + self.start_up();
        let done = since + self.needed();
        let stop_at = spot.stop_at.or_else(|| self.last_move(spot.environment, &launch, since));
        let stop_at = stop_at.filter(|stop| *stop < done && *stop < launch.until);
        let end = stop_at.unwrap_or(done.min(launch.until)).max(launch.from);
        let interrupted = stop_at.is_none() && end < done;
        let free = interrupted
            && self.backtest.free_first_hour
            && end - launch.from < CREDIT_AGE.as_millis() as i64;
        if !free {
            self.spot += self.spot_cost(spot.environment, &launch, since, end);
        }
        self.at = end;
        if end >= done {
            return true;
        }
        let ran = (end - since).max(0);
        self.progress += self.kept_of(ran);
        self.cause = if interrupted { LegCause::Interrupted } else { LegCause::DeadlineNear };
        if interrupted {
            self.interruptions += 1;
            let pool = self.kind.places[spot.environment][launch.pool].pool.clone();
            let ran = Window::new(moment(since), moment(end));
            self.learn(spot.environment, |seen, at| seen.record(ran, pool, true, at));
        }
        false
    }

    fn spot_cost(&self, environment: usize, launch: &Launch, since: i64, end: i64) -> Usd {
        if end <= since {
            return Usd::ZERO;
        }
        let place = &self.kind.places[environment][launch.pool];
        let window = Window::new(moment(since), moment(end));
        // A launch is never before the pool's first price, so that there is always one.
        let mode = self.backtest.price_mode;
        spot_accrual(&place.prices, mode, window, moment(launch.from))
            .map_or(Usd::ZERO, |accrual| accrual.to_usd(place.share))
    }
}

pub(super) const fn millis(duration: SignedDuration) -> i64 {
    duration.as_millis() as i64
}
