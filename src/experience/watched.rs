//! What was watched of one pool: while an attempt runs there, its capacity is seen to last.

use serde::{Deserialize, Serialize};

use crate::domain::Window;
use crate::policy::Phase;
use crate::policy::lifetimes::{AGES_SECS, BUCKETS, Exposure};

/// Interruptions of a pool within so many seconds are one: EC2 gives two minutes' notice, and takes the
/// instances of a pool one after the other. That time is not watched either, so that the rate of what is
/// counted is that of what is watched.
pub const ONE_INTERRUPTION_SECS: i64 = 300;

/// Times and interruptions of a pool that are remembered one by one.
const REMEMBERED: usize = 32;

/// The age of a pool that was never seen to be taken back.
const SETTLED_SECS: i64 = AGES_SECS[BUCKETS - 1];

/// What was watched of one pool, in seconds since 1970 and by the age of its capacity: the time since the
/// pool's last known interruption.
///
/// Attempts that run at the same time on one pool see the same capacity, so time counts once however many
/// ran, and an interruption counts once however many it took. For that the latest times and interruptions
/// are remembered; what ended before those counts no more.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PoolWatch {
    exposure: Exposure,
    /// The latest times that are counted, apart from each other and in order: from, to.
    #[serde(default)]
    counted: Vec<(i64, i64)>,
    /// The latest interruptions, in order.
    #[serde(default)]
    interruptions: Vec<i64>,
    /// Nothing before this is counted any more.
    #[serde(default)]
    closed_until: Option<i64>,
}

impl PoolWatch {
    /// By age, in the phase [`Phase::Up`].
    pub fn exposure(&self) -> &Exposure {
        &self.exposure
    }

    /// Takes in an attempt that ran there, and whether it was interrupted at its end.
    pub fn record(&mut self, ran: Window, interrupted: bool) {
        let (from, to) = (ran.start.as_second(), ran.end.as_second());
        let from = self.closed_until.map_or(from, |closed| from.max(closed));
        if from < to {
            for (from, to) in self.uncounted(from, to) {
                self.count(from, to);
            }
            self.remember(from, to);
        }
        if interrupted {
            self.interrupt(to);
        }
        self.forget();
    }

    /// The parts of a time that are not counted yet.
    fn uncounted(&self, from: i64, to: i64) -> Vec<(i64, i64)> {
        let mut parts = Vec::new();
        let mut at = from;
        for &(begin, end) in &self.counted {
            if begin.min(to) > at {
                parts.push((at, begin.min(to)));
            }
            at = at.max(end);
        }
        if at < to {
            parts.push((at, to));
        }
        parts
    }

    /// Counts a time under the age that the pool had then.
    fn count(&mut self, from: i64, to: i64) {
        let mut begin = from;
        let inside = self.interruptions.iter().filter(|at| (from..to).contains(*at)).copied();
        for end in inside.chain([to]).collect::<Vec<_>>() {
            match self.last_interruption(begin) {
                None => {
                    let settled_until = SETTLED_SECS.saturating_add(end.saturating_sub(begin));
                    self.exposure.watch(Phase::Up, SETTLED_SECS, settled_until, false);
                }
                Some(at) => {
                    let age = |moment: i64| moment.saturating_sub(at).max(ONE_INTERRUPTION_SECS);
                    self.exposure.watch(Phase::Up, age(begin), age(end), false);
                }
            }
            begin = end;
        }
    }

    /// The last one up to `at`.
    fn last_interruption(&self, at: i64) -> Option<i64> {
        self.interruptions.iter().rev().find(|known| **known <= at).copied()
    }

    fn interrupt(&mut self, at: i64) {
        let is_known =
            |known: &i64| known.saturating_sub(at).saturating_abs() < ONE_INTERRUPTION_SECS;
        if self.closed_until.is_some_and(|closed| at < closed)
            || self.interruptions.iter().any(is_known)
        {
            return;
        }
        let age = self.last_interruption(at).map_or(SETTLED_SECS, |last| at.saturating_sub(last));
        self.exposure.watch(Phase::Up, age, age, true);
        let place = self.interruptions.partition_point(|known| *known < at);
        self.interruptions.insert(place, at);
    }

    fn remember(&mut self, from: i64, to: i64) {
        let touches = |(begin, end): &(i64, i64)| *begin <= to && from <= *end;
        let joined = self.counted.iter().filter(|time| touches(time));
        let all = joined.fold((from, to), |all, time| (all.0.min(time.0), all.1.max(time.1)));
        self.counted.retain(|time| !touches(time));
        let place = self.counted.partition_point(|time| time.0 < all.0);
        self.counted.insert(place, all);
    }

    /// The oldest go. The age at a time before the oldest interruption that is known is not known.
    fn forget(&mut self) {
        let mut closed = self.closed_until;
        let too_many = self.interruptions.len().saturating_sub(REMEMBERED);
        self.interruptions.drain(..too_many);
        if too_many > 0 {
            closed = closed.max(self.interruptions.first().copied());
        }
        let too_many = self.counted.len().saturating_sub(REMEMBERED);
        closed = closed.max(self.counted.drain(..too_many).map(|(_, end)| end).max());
        if let Some(closed) = closed {
            self.counted.retain(|(_, end)| *end > closed);
        }
        self.closed_until = closed;
    }
}
