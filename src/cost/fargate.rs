//! Fargate sells vCPUs and memory by the second, each at its own price.

use super::Exact;
use crate::domain::{Accrual, Resources, Usd, UsdPerHour};
use crate::market::FargateRate;

/// Thousandths of a vCPU × MiB of a GiB: the common denominator of both parts.
const PARTS: i128 = 1000 * 1024;

/// What `resources` cost for `millis`, rounded once. `None` only if the rate is out of all bounds.
pub fn fargate_cost(rate: FargateRate, resources: &Resources, millis: i64) -> Option<Usd> {
    let mut total = Exact::over(PARTS)?;
    total.add(Accrual::of(rate.vcpu_hour, millis), i128::from(resources.vcpu_millis) * 1024);
    total.add(Accrual::of(rate.gib_hour, millis), i128::from(resources.memory_mib) * 1000);
    Some(total.rounded())
}

/// What `resources` cost per hour, rounded half to even to the last place of a price. For decisions;
/// amounts come from [`fargate_cost`].
pub fn fargate_hourly(rate: FargateRate, resources: &Resources) -> Option<UsdPerHour> {
    let units = i128::from(rate.vcpu_hour.units()) * i128::from(resources.vcpu_millis) * 1024
        + i128::from(rate.gib_hour.units()) * i128::from(resources.memory_mib) * 1000;
    let rounded = crate::domain::amount::div_half_even(units, PARTS);
    i64::try_from(rounded).ok().map(UsdPerHour::from_units)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Ppm;

    fn list() -> FargateRate {
        FargateRate { vcpu_hour: "0.04048".parse().unwrap(), gib_hour: "0.004445".parse().unwrap() }
    }

    #[test]
    fn a_quarter_vcpu_and_half_a_gib_for_an_hour() {
        let small = Resources { vcpu_millis: 250, memory_mib: 512, gpus: 0 };
        let hour = fargate_cost(list(), &small, 3_600_000).unwrap();
        assert_eq!(hour.to_string(), "0.0123425");
        assert_eq!(fargate_hourly(list(), &small).unwrap().to_string(), "0.0123425");
    }

    #[test]
    fn the_stated_discount_comes_off_both_parts() {
        let spot = list().less(Ppm::from_percent(70));
        assert_eq!(spot.vcpu_hour.to_string(), "0.012144");
        assert_eq!(spot.gib_hour.to_string(), "0.0013335");
    }
}
