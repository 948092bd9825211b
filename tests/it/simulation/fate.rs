//! What goes wrong, drawn from the seed at every step of the daemon, and how often it did.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

use jiff::SignedDuration;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use spotcron::clock::{Clock, VirtualClock};
use spotcron::ports::{FailureKind, ServiceError};
use tokio::sync::Notify;

/// A kind of fault, as the summary counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    Death,
    DeathInCommit,
    Restart,
    Refused,
    LostBefore,
    LostAfter,
    LateEffect,
    Slow,
    DiskFull,
    SlowDisk,
    Vanished,
    ClockSet,
    Edit,
    Crunch,
    Deposed,
    /// Not a fault, but what somebody asked for while there were some.
    Command,
}

/// How likely each step suffers each fault.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rates {
    pub death: f64,
    pub call: f64,
    pub disk: f64,
    pub vanish: f64,
    /// A late effect takes place up to so many seconds after its caller gave up.
    pub late_secs: i64,
}

/// What becomes of a call.
pub enum Lot {
    Goes,
    Refused,
    LostBefore,
    LostAfter,
    /// For a call that changes something: nobody knows, and it takes effect only now.
    Late(SignedDuration),
}

/// One story's chance.
pub struct Fate {
    clock: VirtualClock,
    rates: Rates,
    chance: Mutex<ChaCha8Rng>,
    is_on: AtomicBool,
    is_dead: AtomicBool,
    died: Notify,
    counts: Mutex<BTreeMap<Fault, u64>>,
    /// What was seen on the way that must never happen.
    violations: Mutex<Vec<String>>,
}

impl Fate {
    pub fn new(seed: u64, rates: Rates, clock: VirtualClock) -> Self {
        Fate {
            clock,
            rates,
            chance: Mutex::new(ChaCha8Rng::seed_from_u64(seed ^ 0x5eed)),
            is_on: AtomicBool::new(false),
            is_dead: AtomicBool::new(false),
            died: Notify::new(),
            counts: Mutex::default(),
            violations: Mutex::default(),
        }
    }

    pub fn rates(&self) -> Rates {
        self.rates
    }

    pub fn chance(&self) -> MutexGuard<'_, ChaCha8Rng> {
        self.chance.lock().unwrap()
    }

    /// Whether a fault of this probability strikes now.
    pub fn strikes(&self, probability: f64) -> bool {
        self.is_on.load(Ordering::SeqCst)
            && probability > 0.0
            && self.chance().random::<f64>() < probability
    }

    pub fn switch(&self, on: bool) {
        self.is_on.store(on, Ordering::SeqCst);
    }

    pub fn count(&self, fault: Fault) {
        *self.counts.lock().unwrap().entry(fault).or_default() += 1;
    }

    pub fn counts(&self) -> BTreeMap<Fault, u64> {
        self.counts.lock().unwrap().clone()
    }

    pub fn violation(&self, text: String) {
        self.violations.lock().unwrap().push(text);
    }

    pub fn violations(&self) -> Vec<String> {
        self.violations.lock().unwrap().clone()
    }

    /// Something that a process does: it may die here, and a dead one never comes back from it.
    pub async fn step(&self) {
        if self.strikes(self.rates.death) {
            self.count(Fault::Death);
            self.die();
        }
        self.live().await;
    }

    pub fn die(&self) {
        self.is_dead.store(true, Ordering::SeqCst);
        self.died.notify_one();
    }

    /// Returns in a living process only.
    pub async fn live(&self) {
        if self.is_dead.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    }

    pub async fn death(&self) {
        self.died.notified().await;
    }

    /// The next process lives.
    pub fn revive(&self) {
        self.is_dead.store(false, Ordering::SeqCst);
    }

    /// What becomes of the next call.
    pub fn lot(&self) -> Lot {
        if !self.strikes(self.rates.call) {
            return Lot::Goes;
        }
        let (kind, secs) = {
            let mut chance = self.chance();
            (chance.random_range(0..5), chance.random_range(1..=self.rates.late_secs.max(2)))
        };
        let (fault, lot) = match kind {
            0 => (Fault::Refused, Lot::Refused),
            1 => (Fault::LostBefore, Lot::LostBefore),
            2 => (Fault::LostAfter, Lot::LostAfter),
            3 => (Fault::LateEffect, Lot::Late(SignedDuration::from_secs(secs))),
            _ => {
                self.pass(SignedDuration::from_secs(secs.min(20)));
                (Fault::Slow, Lot::Goes)
            }
        };
        self.count(fault);
        lot
    }

    /// Time passes while the daemon waits for something.
    pub fn pass(&self, time: SignedDuration) {
        self.clock.advance_to(self.clock.now() + time);
    }

    /// A call whose repetition changes nothing more than it did.
    pub async fn call<T>(
        &self,
        operation: &'static str,
        answer: impl Future<Output = Result<T, ServiceError>>,
    ) -> Result<T, ServiceError> {
        self.step().await;
        let answer = match self.lot() {
            Lot::Goes => answer.await,
            Lot::Refused => Err(failure(operation, FailureKind::Throttled)),
            Lot::LostBefore => Err(failure(operation, FailureKind::Unavailable)),
            Lot::LostAfter | Lot::Late(_) => {
                let _ = answer.await;
                Err(failure(operation, FailureKind::Unavailable))
            }
        };
        self.step().await;
        answer
    }
}

pub fn failure(operation: &'static str, kind: FailureKind) -> ServiceError {
    ServiceError::new(operation, kind, "the story wants it so")
}
