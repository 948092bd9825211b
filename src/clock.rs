//! What time it is. The only file that reads the wall clock (tests/it/tidy.rs checks).

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

/// The time, for whoever is handed one.
pub trait Clock: Send + Sync {
    /// What the clock shows. It may be set, forwards or back, at any moment.
    fn now(&self) -> Timestamp;

    /// How long it has been since some moment in the life of this process. Nobody can set it, so that
    /// waiting for something is measured by it.
    fn elapsed(&self) -> SignedDuration;
}

static FIRST_ASKED: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn elapsed(&self) -> SignedDuration {
        SignedDuration::try_from(FIRST_ASKED.elapsed()).unwrap_or(SignedDuration::MAX)
    }
}

/// A clock that moves only when told to: simulated runs and tests.
#[derive(Debug, Clone)]
pub struct VirtualClock(Arc<AtomicI64>);

impl VirtualClock {
    pub fn starting_at(start: Timestamp) -> Self {
        VirtualClock(Arc::new(AtomicI64::new(start.as_microsecond())))
    }

    /// Moves forward to `to`; a time in the past is ignored, so that time never runs backwards.
    pub fn advance_to(&self, to: Timestamp) {
        self.0.fetch_max(to.as_microsecond(), Ordering::SeqCst);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.0.load(Ordering::SeqCst)).unwrap_or(Timestamp::MAX)
    }

    fn elapsed(&self) -> SignedDuration {
        SignedDuration::from_micros(self.0.load(Ordering::SeqCst))
    }
}
