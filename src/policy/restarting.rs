//! Work that begins again from nothing after an interruption: before every tick, whether an attempt on
//! interruptible capacity goes on or may begin, or a full run on demand begins.
//!
//! Two tables. *Committed*: the run on demand is under way, to be finished in so many ticks, while an
//! attempt on interruptible capacity may go on beside it (a hedge) where the outputs of two attempts do
//! not hurt each other. *Open*: so many ticks are left, an attempt has come so far; what would leave less
//! than a full run on demand has no value.

use super::Phase;
use super::lifetimes::{BUCKETS, Lifetimes, bucket_of};

/// What known hazards are multiplied by before a plan is solved. An attempt that is lost late loses all, and
/// what was watched of old ages is mostly of the few pools that hardly ever end: taken at their word,
/// hazards of other pools made work of a whole day dearer than on demand (docs/benchmarks.md).
pub const CAUTION: f64 = 1.2;

/// What a plan is solved for.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    pub lifetimes: Lifetimes,
    /// On-demand price in units of the spot price.
    pub price_ratio: f64,
    pub tick_secs: i64,
    /// Start and work of one full run, ticks.
    pub run_ticks: usize,
    /// The longest time to a deadline that it is asked for, ticks.
    pub horizon_ticks: usize,
    /// An attempt that EC2 itself interrupts within so many ticks is not billed.
    pub free_ticks: usize,
    /// Whether both may run at once.
    pub may_hedge: bool,
}

/// A run that restarts, at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restarting {
    pub ticks_left: usize,
    /// Ticks that the attempt on interruptible capacity has run; zero when none runs.
    pub attempt_ticks: usize,
    pub phase: Phase,
    pub phase_age_secs: i64,
}

/// What to do in an open run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Wait,
    /// Begin or keep the attempt on interruptible capacity.
    Attempt,
    /// Begin a full run on demand, and give an attempt up.
    OnDemand,
    /// Begin a full run on demand, and keep or begin an attempt beside it.
    Hedge,
}

/// The solved values.
#[derive(Debug, Clone)]
pub struct Plan {
    terms: Terms,
    open: Vec<f32>,
    /// Empty where only one may run at once.
    committed: Vec<f32>,
}

const STATES: usize = 2 * BUCKETS;

const fn state(phase: Phase, bucket: usize) -> usize {
    phase.index() * BUCKETS + bucket
}

impl Plan {
    /// Solves it: about 40 ms for a run of 144 ticks within 432 that may hedge.
    pub fn solve(terms: Terms) -> Plan {
        let width = (terms.run_ticks + 1) * STATES;
        let open = vec![f32::INFINITY; (terms.horizon_ticks + 1) * width];
        let mut plan = Plan { terms, open, committed: Vec::new() };
        let run = plan.terms.run_ticks;
        if plan.terms.may_hedge {
            plan.committed = vec![0.0; (run + 1) * width];
            plan.solve_committed();
        }
        for ticks in 0..=plan.terms.horizon_ticks {
            for attempt in 0..=run {
                plan.each_state(|plan, phase, bucket| {
                    let at = plan.at(ticks, attempt) + state(phase, bucket);
                    if attempt == run {
                        plan.open[at] = 0.0;
                    } else if ticks >= run {
                        let best = plan.actions(ticks, attempt, phase, bucket);
                        plan.open[at] = best[0].1 as f32;
                    }
                });
            }
        }
        plan
    }

    fn solve_committed(&mut self) {
        let run = self.terms.run_ticks;
        for ticks in 1..=run {
            for attempt in 0..run {
                self.each_state(|plan, phase, bucket| {
                    let (value, _) = plan.beside(ticks, attempt, phase, bucket);
                    let at = plan.at(ticks, attempt) + state(phase, bucket);
                    plan.committed[at] = value as f32;
                });
            }
        }
    }

    fn each_state(&mut self, mut fill: impl FnMut(&mut Plan, Phase, usize)) {
        for phase in [Phase::Up, Phase::Down] {
            for bucket in 0..BUCKETS {
                fill(self, phase, bucket);
            }
        }
    }

    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Memory of the values, bytes.
    pub fn bytes(&self) -> usize {
        (self.open.len() + self.committed.len()) * size_of::<f32>()
    }

    /// What may be done in an open run, the best first, with what success is expected to cost in ticks of
    /// interruptible capacity. Only on demand where the deadline leaves no choice.
    pub fn choices(&self, now: &Restarting) -> Vec<(Action, f64)> {
        let ticks = now.ticks_left.min(self.terms.horizon_ticks);
        let attempt = now.attempt_ticks.min(self.terms.run_ticks.saturating_sub(1));
        self.actions(ticks, attempt, now.phase, bucket_of(now.phase_age_secs))
    }

    /// The best of them.
    pub fn decide(&self, now: &Restarting) -> Action {
        self.choices(now)[0].0
    }

    /// While a run on demand has `ticks` to go: whether an attempt runs beside it.
    pub fn keeps_attempt(&self, ticks: usize, now: &Restarting) -> bool {
        let attempt = now.attempt_ticks.min(self.terms.run_ticks.saturating_sub(1));
        let ticks = ticks.min(self.terms.run_ticks);
        self.beside(ticks, attempt, now.phase, bucket_of(now.phase_age_secs)).1
    }

    const fn at(&self, ticks: usize, attempt: usize) -> usize {
        (ticks * (self.terms.run_ticks + 1) + attempt) * STATES
    }

    fn actions(
        &self,
        ticks: usize,
        attempt: usize,
        phase: Phase,
        bucket: usize,
    ) -> Vec<(Action, f64)> {
        let (run, ratio) = (self.terms.run_ticks, self.terms.price_ratio);
        let mut actions = vec![(Action::OnDemand, self.commit(0, phase, bucket) + ratio)];
        let spare = ticks > run;
        if phase == Phase::Up {
            let grown = attempt + 1;
            if grown == run {
                actions.push((Action::Attempt, 1.0));
            } else if spare {
                let next = self.next(&self.open, ticks - 1, grown, phase, bucket);
                actions.push((Action::Attempt, 1.0 + next));
            }
            if self.terms.may_hedge && grown < run {
                actions.push((Action::Hedge, 1.0 + ratio + self.commit(grown, phase, bucket)));
            }
        }
        if spare {
            let next = self.next(&self.open, ticks - 1, 0, phase, bucket);
            actions.push((Action::Wait, next));
        }
        // Of equals the surer one: on demand stands first, and the sort is stable.
        actions.sort_by(|a, b| a.1.total_cmp(&b.1));
        actions
    }

    /// What is expected after the first tick of a run on demand with an attempt of `attempt` ticks.
    fn commit(&self, attempt: usize, phase: Phase, bucket: usize) -> f64 {
        match self.terms.run_ticks {
            0 | 1 => 0.0,
            run if self.terms.may_hedge => {
                self.next(&self.committed, run - 1, attempt, phase, bucket)
            }
            run => self.terms.price_ratio * (run - 1) as f64,
        }
    }

    /// The value with a run on demand under way, and whether an attempt runs beside it.
    fn beside(&self, ticks: usize, attempt: usize, phase: Phase, bucket: usize) -> (f64, bool) {
        let ratio = self.terms.price_ratio;
        if !self.terms.may_hedge {
            return (ratio * ticks as f64, false);
        }
        let after = |attempt| match ticks {
            0 | 1 => 0.0,
            _ => self.next(&self.committed, ticks - 1, attempt, phase, bucket),
        };
        let alone = ratio + after(0);
        if phase == Phase::Down {
            return (alone, false);
        }
        let grown = attempt + 1;
        let rest = if grown == self.terms.run_ticks { 0.0 } else { after(grown) };
        let both = ratio + 1.0 + rest;
        if both < alone { (both, true) } else { (alone, false) }
    }

    /// The expected value one tick on: an attempt is lost with its phase, and free where EC2 says so.
    fn next(
        &self,
        table: &[f32],
        ticks: usize,
        attempt: usize,
        phase: Phase,
        bucket: usize,
    ) -> f64 {
        let step = self.terms.lifetimes.step(phase, bucket, self.terms.tick_secs);
        let (kept, lost, credit) = match phase {
            Phase::Up if attempt <= self.terms.free_ticks => (attempt, 0, attempt as f64),
            Phase::Up => (attempt, 0, 0.0),
            Phase::Down => (attempt, attempt, 0.0),
        };
        let value = |attempt, phase, bucket| {
            f64::from(table[self.at(ticks, attempt) + state(phase, bucket)])
        };
        let stays = step.ages * value(kept, phase, step.older)
            + (1.0 - step.ages) * value(kept, phase, bucket);
        step.ends * (value(lost, phase.other(), 0) - credit) + (1.0 - step.ends) * stays
    }
}
