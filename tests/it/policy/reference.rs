//! The models written once more, by plain recursion over every possible future: slow, and without grid.

use std::collections::HashMap;

use spotcron::policy::lifetimes::{AGES_SECS, BUCKETS};
use spotcron::policy::restarting::Action;
use spotcron::policy::{Mode, Phase};

/// A pool whose hazards per hour are known.
#[derive(Debug, Clone)]
pub struct Pool {
    pub up: [f64; BUCKETS],
    pub down: [f64; BUCKETS],
    pub tick_secs: i64,
}

impl Pool {
    pub fn ends(&self, phase: Phase, bucket: usize) -> f64 {
        let hazards = if phase == Phase::Up { &self.up } else { &self.down };
        hazards[bucket] * self.tick_secs as f64 / 3600.0
    }

    /// The coming tick's phase and bucket, each with its chance.
    fn futures(&self, phase: Phase, bucket: usize) -> Vec<(Phase, usize, f64)> {
        let ends = self.ends(phase, bucket);
        let older = match AGES_SECS.get(bucket + 1) {
            Some(next) => self.tick_secs as f64 / (next - AGES_SECS[bucket]) as f64,
            None => 0.0,
        };
        let older = older.min(1.0);
        let all = [
            (phase.other(), 0, ends),
            (phase, bucket + 1, (1.0 - ends) * older),
            (phase, bucket, (1.0 - ends) * (1.0 - older)),
        ];
        all.into_iter().filter(|(_, _, chance)| *chance > 0.0).collect()
    }
}

/// Work whose progress survives.
#[derive(Debug)]
pub struct LastingReference {
    pub pool: Pool,
    pub ratio: f64,
    pub changeover_secs: i64,
    known: HashMap<(i64, i64, i64, Mode, Phase, usize), f64>,
}

impl LastingReference {
    pub fn new(pool: Pool, ratio: f64, changeover_secs: i64) -> Self {
        LastingReference { pool, ratio, changeover_secs, known: HashMap::new() }
    }

    /// The least expected cost, infinite where a future misses the deadline.
    fn value(
        &mut self,
        left: i64,
        work: i64,
        owed: i64,
        mode: Mode,
        phase: Phase,
        bucket: usize,
    ) -> f64 {
        if work == 0 {
            return 0.0;
        }
        if left == 0 {
            return f64::INFINITY;
        }
        let (mode, owed) =
            if mode == Mode::Spot && phase == Phase::Down { (Mode::Idle, 0) } else { (mode, owed) };
        let key = (left, work, owed, mode, phase, bucket);
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let mut least = f64::INFINITY;
        for next in [Mode::Idle, Mode::Spot, Mode::OnDemand] {
            if next != Mode::Spot || phase == Phase::Up {
                let futures = self.pool.futures(phase, bucket);
                least = least.min(self.of(next, left, work, owed, mode, &futures));
            }
        }
        self.known.insert(key, least);
        least
    }

    /// What `next` costs for a tick, and the best from there, in each of the futures.
    pub fn of(
        &mut self,
        next: Mode,
        left: i64,
        work: i64,
        owed: i64,
        mode: Mode,
        futures: &[(Phase, usize, f64)],
    ) -> f64 {
        let tick = self.pool.tick_secs;
        let price = match next {
            Mode::Idle => 0.0,
            Mode::Spot => 1.0,
            Mode::OnDemand => self.ratio,
        };
        let (work, owed) = if next == Mode::Idle {
            (work, 0)
        } else {
            let owed = if next == mode { owed } else { self.changeover_secs };
            ((work - (tick - owed).max(0)).max(0), (owed - tick).max(0))
        };
        let mut cost = price;
        for (phase, bucket, chance) in futures {
            cost += chance * self.value(left - 1, work, owed, next, *phase, *bucket);
        }
        cost
    }
}

/// Work that restarts.
#[derive(Debug)]
pub struct RestartingReference {
    pub pool: Pool,
    pub ratio: f64,
    pub run: usize,
    pub free: usize,
    pub may_hedge: bool,
}

impl RestartingReference {
    /// The least expected cost with `left` ticks and an attempt that has run for `ran`.
    fn open(&self, left: usize, ran: usize, phase: Phase, bucket: usize) -> f64 {
        let actions = [Action::Wait, Action::Attempt, Action::OnDemand, Action::Hedge];
        let costs = actions.map(|action| self.of(action, left, ran, phase, bucket));
        costs.into_iter().fold(f64::INFINITY, f64::min)
    }

    /// What an action costs; infinite where it is not possible or misses the deadline.
    pub fn of(&self, action: Action, left: usize, ran: usize, phase: Phase, bucket: usize) -> f64 {
        if left < self.run {
            return f64::INFINITY;
        }
        let up = phase == Phase::Up;
        match action {
            Action::Wait => self
                .mean(phase, bucket, 0, |phase, bucket, _| self.open(left - 1, 0, phase, bucket)),
            Action::Attempt if up && ran + 1 == self.run => 1.0,
            Action::Attempt if up => {
                let open = |phase, bucket, ran| self.open(left - 1, ran, phase, bucket);
                1.0 + self.mean(phase, bucket, ran + 1, open)
            }
            Action::OnDemand => self.ratio + self.committed_next(self.run - 1, 0, phase, bucket),
            Action::Hedge if up && self.may_hedge && ran + 1 < self.run => {
                1.0 + self.ratio + self.committed_next(self.run - 1, ran + 1, phase, bucket)
            }
            Action::Attempt | Action::Hedge => f64::INFINITY,
        }
    }

    /// The rest of a run on demand that has `left` ticks to go, the attempt beside it at `ran`.
    fn committed(&self, left: usize, ran: usize, phase: Phase, bucket: usize) -> f64 {
        let alone = self.ratio + self.committed_next(left - 1, 0, phase, bucket);
        if phase == Phase::Down || !self.may_hedge {
            return alone;
        }
        let rest = match ran + 1 == self.run {
            true => 0.0,
            false => self.committed_next(left - 1, ran + 1, phase, bucket),
        };
        alone.min(self.ratio + 1.0 + rest)
    }

    fn committed_next(&self, left: usize, ran: usize, phase: Phase, bucket: usize) -> f64 {
        if left == 0 {
            return 0.0;
        }
        self.mean(phase, bucket, ran, |phase, bucket, ran| self.committed(left, ran, phase, bucket))
    }

    /// Over the futures: an attempt goes with its capacity, unbilled where EC2 took it early.
    fn mean(
        &self,
        phase: Phase,
        bucket: usize,
        ran: usize,
        value: impl Fn(Phase, usize, usize) -> f64,
    ) -> f64 {
        let futures = self.pool.futures(phase, bucket).into_iter();
        futures
            .map(|(next, bucket, chance)| {
                let lost = phase == Phase::Up && next == Phase::Down;
                let refund = if lost && ran <= self.free { ran as f64 } else { 0.0 };
                chance * (value(next, bucket, if lost { 0 } else { ran }) - refund)
            })
            .sum()
    }
}
