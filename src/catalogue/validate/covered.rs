//! What a commitment pays for, of an environment.

use jiff::civil::Weekday;

use super::schedule::check_zone;
use super::{Known, Scope};
use crate::catalogue::Covered;
use crate::catalogue::raw::{RawCovered, RawEnvironment};
use crate::document::HoursText;
use crate::domain::Capacity;

/// All that is written without a mistake; the mistakes are noted.
pub(super) fn check(
    raw: &RawEnvironment,
    capacity: Option<Capacity>,
    known: &mut Known<'_>,
    scope: &mut Scope<'_>,
) -> Vec<Covered> {
    let Some(list) = &raw.covered else { return Vec::new() };
    if let Some(capacity) = capacity.filter(|capacity| capacity.is_interruptible()) {
        let problem = format!("`covered` does not apply to `{capacity}`");
        let hint = "no Savings Plan and no Reserved Instance pays for spot; say it of the on-demand \
                    environment";
        scope.error("key-does-not-apply", &list.span, &problem, hint);
    }
    list.value.iter().filter_map(|covered| check_one(&covered.value, known, scope)).collect()
}

fn check_one(raw: &RawCovered, known: &mut Known<'_>, scope: &mut Scope<'_>) -> Option<Covered> {
    let time_zone = check_zone(raw.time_zone.as_ref(), known, scope);
    let whole_day = HoursText { from_minute: 0, until_minute: 24 * 60 };
    let hours = raw.hours.as_ref().map_or(whole_day, |hours| hours.value);
    let days: Vec<Weekday> = match &raw.days {
        None => Weekday::Monday.cycle_forward().take(7).collect(),
        Some(days) => days.value.0.iter().map(|day| day.value.0).collect(),
    };
    Some(Covered {
        vcpu_millis: raw.vcpus.as_ref()?.value.0.into(),
        days,
        from_minute: hours.from_minute,
        until_minute: hours.until_minute,
        time_zone: time_zone?,
    })
}
