//! Which seconds AWS bills. Sources: EC2 User Guide, "Billing for interrupted Spot Instances" and
//! "On-Demand Instances"; Fargate pricing page.

use jiff::{SignedDuration, Timestamp};

use crate::domain::{InstanceEnd, InstanceFacts, Lifecycle, Window};

/// A Linux Spot Instance that EC2 takes back before this age is not charged at all.
pub const CREDIT_AGE: SignedDuration = SignedDuration::from_secs(3600);

/// Linux instances and Fargate tasks are billed by the second, but for this long at least. The floor
/// belongs to the instance (or task), never to an attempt on it.
pub const MINIMUM_CHARGE: SignedDuration = SignedDuration::from_secs(60);

/// The part of an attempt's time that its instance was billed for.
pub fn charged_window(
    attempt: Window,
    launched_at: Timestamp,
    ended_at: Option<Timestamp>,
) -> Window {
    let end = ended_at.unwrap_or(attempt.end);
    let charged = attempt.clamped_to(&Window::new(launched_at, end));
    // Clocks of two services may put an attempt wholly outside the instance's life.
    Window::new(charged.start, charged.end.max(charged.start))
}

/// The time that an instance (or task) is billed for: its life, or the minimum.
pub fn billed_window(life: Window) -> Window {
    let floor = life.start.saturating_add(MINIMUM_CHARGE).unwrap_or(life.end);
    Window::new(life.start, life.end.max(floor))
}

/// Whether AWS does not charge the instance: EC2 itself took it back in its first hour. Every
/// attempt on it is free then, also those that had succeeded before.
pub fn first_hour_credit(instance: &InstanceFacts) -> bool {
    instance.lifecycle == Lifecycle::Spot
        && instance.end == Some(InstanceEnd::Reclaimed)
        && instance
            .ended_at
            .is_some_and(|end| end.duration_since(instance.launched_at) < CREDIT_AGE)
}

/// Whether it is certain that the first-hour credit does not apply: bought otherwise, ended otherwise
/// or later, or seen alive past its first hour. An instance that vanished without a known cause
/// counts as not credited.
pub fn credit_is_ruled_out(instance: &InstanceFacts) -> bool {
    if instance.lifecycle != Lifecycle::Spot {
        return true;
    }
    let past_first_hour = |at: Timestamp| at.duration_since(instance.launched_at) >= CREDIT_AGE;
    match (instance.ended_at, instance.end) {
        (Some(_), Some(InstanceEnd::Requested | InstanceEnd::Unknown)) => true,
        (Some(end), _) => past_first_hour(end),
        (None, _) => past_first_hour(instance.seen_at),
    }
}
