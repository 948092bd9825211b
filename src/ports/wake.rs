//! Who wakes a task.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use jiff::SignedDuration;
use tokio::sync::Notify;

/// A bell for one task. Ringing it while the task runs makes it run once more afterwards; ringing
/// it twice before that is the same as once.
#[derive(Debug, Clone, Default)]
pub struct Activator(Arc<Bell>);

#[derive(Debug, Default)]
struct Bell {
    rung: AtomicBool,
    notify: Notify,
}

impl Activator {
    pub fn ring(&self) {
        self.0.rung.store(true, Ordering::SeqCst);
        self.0.notify.notify_one();
    }

    /// Whether it was rung since the last call.
    pub fn take(&self) -> bool {
        self.0.rung.swap(false, Ordering::SeqCst)
    }

    /// Returns once it was rung.
    pub async fn rung(&self) {
        while !self.take() {
            self.0.notify.notified().await;
        }
    }
}

/// Rings activators periodically in real time. Virtual time needs none: its driver knows the
/// periods.
#[async_trait]
pub trait WakeSource: Send + Sync {
    async fn every(
        &self,
        task: &'static str,
        period: SignedDuration,
        activator: Activator,
    ) -> Result<(), String>;
}
