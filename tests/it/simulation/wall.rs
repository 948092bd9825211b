//! The daemon's clock, which somebody sets while time goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use spotcron::clock::{Clock, VirtualClock};

/// Shows the true time and an error.
#[derive(Clone)]
pub struct Wall {
    time: VirtualClock,
    error_millis: Arc<AtomicI64>,
}

impl Wall {
    pub fn over(time: &VirtualClock) -> Self {
        Wall { time: time.clone(), error_millis: Arc::default() }
    }

    pub fn set_by(&self, step: SignedDuration) {
        self.error_millis.fetch_add(step.as_millis() as i64, Ordering::SeqCst);
    }
}

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        let error = self.error_millis.load(Ordering::SeqCst);
        self.time.now() + SignedDuration::from_millis(error)
    }

    fn elapsed(&self) -> SignedDuration {
        self.time.elapsed()
    }
}
