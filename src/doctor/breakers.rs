//! Environments that trouble has left alone, as the daemon's store has it.

use super::{Code, Examined, Finding, Seen};
use crate::experience::Breaker;

pub(super) fn check(seen: &Seen<'_>, examined: &Examined<'_>) -> Option<Finding> {
    let breaker = examined.facts.local.breakers.get(&seen.environment.name)?;
    let (trips, now) = match breaker {
        Breaker::Closed => return None,
        Breaker::Open { until, trips } => {
            (trips, format!("nothing is sent there until {until:.0}"))
        }
        Breaker::HalfOpen { since: None, trips } => {
            (trips, "the next leg there tries it".to_owned())
        }
        Breaker::HalfOpen { since: Some(since), trips } => {
            (trips, format!("one leg, sent at {since:.0}, tries it"))
        }
    };
    let times = match trips {
        0 | 1 => String::new(),
        trips => format!(" {trips} times in a row"),
    };
    Some(Finding::new(
        Code::BreakerOpen,
        seen.about(),
        format!("it had no capacity, or that was taken back,{times}: {now}"),
        "Wait; if it stays, add zones and instance types to its compute environments",
    ))
}
