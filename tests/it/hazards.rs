//! What is learnt of hazards: what is watched of a pool, and the levels that follow from it.

mod advice;
mod levels;
mod watched;

use jiff::{SignedDuration, Timestamp};
use spotcron::domain::{AccountRegion, Pool, Window};

fn place() -> AccountRegion {
    "us-east-1".into()
}

fn pool(zone: &str, instance_type: &str) -> Pool {
    Pool { zone: format!("us-east-1{zone}").into(), instance_type: instance_type.into() }
}

/// Minutes since some day.
fn window(from: i64, to: i64) -> Window {
    let at = |min| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(30_000_000 + min);
    Window::new(at(from), at(to))
}
