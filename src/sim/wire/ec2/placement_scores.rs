//! GetSpotPlacementScores: how likely a request of spot capacity succeeds, from the state of the
//! simulated pools (simulated-aws.md §2). AWS does not publish its own arithmetic.

use super::zones::Zones;
use super::{Call, Fault, Page, combination, flag, given, invalid, missing, number};
use crate::domain::{InstanceType, Pool, Zone};
use crate::sim::instance_types::offer;
use crate::sim::instant::DAY;
use crate::sim::state::State;
use crate::sim::wire::xml::Element;

/// How many different configurations may be asked for within a day; AWS says that there is a limit,
/// not which.
const CONFIGURATIONS: usize = 10;
/// The least target capacity that may always be asked for, in vCPUs. AWS binds it to recent use;
/// here to what the account's spot environments may grow to.
const LEAST_TARGET: u64 = 10_000;
/// Fewer types always score low (botocore, `GetSpotPlacementScoresRequest`).
const ENOUGH_TYPES: usize = 3;
const LOW: u64 = 3;
/// From here on, each factor of ten costs a point.
const LARGE_TARGET: u64 = 1_000;

pub(super) fn get(state: &mut State, call: &Call) -> Result<Vec<Element>, Fault> {
    let page = Page::of(call, 10..=1000)?;
    let types = types(call)?;
    let target = target(state, call, &types)?;
    let regions = call.list("RegionName");
    if regions.len() > 10 {
        return Err(invalid("At most 10 Regions may be specified."));
    }
    if !flag(call, "DryRun") {
        remember(state, call, &types)?;
    }
    let region = state.scenario.region.clone();
    // The account lives in one region: nothing is known of others.
    if !regions.is_empty() && !regions.contains(&region.as_str()) {
        return Ok(vec![Element::new("spotPlacementScoreSet")]);
    }
    let zones = Zones::of(state);
    let all: Vec<&Zone> = zones.iter().map(|(zone, _)| zone).collect();
    let rows = if flag(call, "SingleAvailabilityZone") {
        let scored = zones.iter().map(|(zone, id)| {
            let score = score(state, &types, &[zone], target);
            // Best first.
            ((-i64::try_from(score).unwrap_or(0), id.to_owned()), (score, Some(id)))
        });
        scored.collect()
    } else {
        vec![((0, String::new()), (score(state, &types, &all, target), None))]
    };
    let told = |(score, zone): (u64, Option<&str>)| {
        let zone = zone.map(|id| Element::text("availabilityZoneId", id));
        let row = [Element::text("region", &region), Element::text("score", score)];
        row.into_iter().chain(zone).collect()
    };
    Ok(page.set("spotPlacementScoreSet", rows, told))
}

/// The types asked for, each once, in order.
fn types(call: &Call) -> Result<Vec<InstanceType>, Fault> {
    let mut types: Vec<_> = call.list("InstanceType").into_iter().map(InstanceType::from).collect();
    if given(call, "InstanceRequirementsWithMetadata.ArchitectureType.1").is_some()
        || given(call, "InstanceRequirementsWithMetadata.VirtualizationType.1").is_some()
        || given(call, "InstanceRequirementsWithMetadata.InstanceRequirements.VCpuCount.Min")
            .is_some()
    {
        return Err(if types.is_empty() {
            let message = "InstanceRequirementsWithMetadata is not simulated: name InstanceTypes";
            Fault::new(400, "UnsupportedOperation", message)
        } else {
            combination("You cannot specify both InstanceTypes and InstanceRequirements")
        });
    }
    if types.is_empty() {
        return Err(missing("InstanceTypes"));
    }
    if types.len() > 1000 {
        return Err(invalid("At most 1000 instance types may be specified."));
    }
    types.sort_unstable();
    types.dedup();
    match types.iter().find(|name| offer(name).is_none()) {
        Some(unknown) => Err(invalid(format!("Invalid instance type: '{unknown}'"))),
        None => Ok(types),
    }
}

/// The target capacity in vCPUs; units count as the smallest type.
fn target(state: &State, call: &Call, types: &[InstanceType]) -> Result<u64, Fault> {
    let target = number(call, "TargetCapacity", 1..=2_000_000_000)?;
    let target = u64::try_from(target.ok_or_else(|| missing("TargetCapacity"))?).unwrap_or(1);
    let shapes = || types.iter().filter_map(offer).map(|offer| &offer.shape);
    let vcpus = match given(call, "TargetCapacityUnitType").unwrap_or("units") {
        "units" => target * u64::from(shapes().map(|shape| shape.vcpus).min().unwrap_or(1)),
        "vcpu" => target,
        "memory-mib" => {
            let per_vcpu = shapes().map(|shape| shape.memory_mib / shape.vcpus.max(1)).min();
            target / u64::from(per_vcpu.unwrap_or(1).max(1))
        }
        other => {
            let message =
                format!("Value ({other}) for parameter targetCapacityUnitType is invalid.");
            return Err(invalid(message));
        }
    };
    let spot = state.environments.iter().filter(|e| e.spec.capacity.is_interruptible());
    let most = spot.map(|e| u64::from(e.spec.max_vcpus)).sum::<u64>().max(LEAST_TARGET);
    if vcpus > most {
        let message = "The value for targetCapacity exceeds your limit on the amount of Spot \
                       placement target capacity you can explore. Reduce the targetCapacity value, \
                       and try again.";
        return Err(Fault::new(400, "TargetCapacityLimitExceededException", message));
    }
    Ok(vcpus)
}

/// Notes the configuration; a new one is refused when a day has had too many.
fn remember(state: &mut State, call: &Call, types: &[InstanceType]) -> Result<(), Fault> {
    let now = state.now;
    let parameter = |name| call.parameter(name).unwrap_or_default();
    let configuration = format!(
        "{types:?} {} {} {} {:?}",
        parameter("TargetCapacity"),
        parameter("TargetCapacityUnitType"),
        parameter("SingleAvailabilityZone"),
        call.list("RegionName"),
    );
    let known = &mut state.scored_configurations;
    known.retain(|_, used| now - *used < DAY);
    if known.len() >= CONFIGURATIONS && !known.contains_key(&configuration) {
        let message = "You have exceeded your maximum allowed Spot placement configurations. You \
                       can retry configurations that you used within the last 24 hours, or wait \
                       for 24 hours before specifying a new configuration.";
        return Err(Fault::new(400, "MaxConfigLimitExceeded", message));
    }
    known.insert(configuration, now);
    Ok(())
}

/// The mean over the types of what their best pool in `zones` is worth, less for large targets.
fn score(state: &State, types: &[InstanceType], zones: &[&Zone], target: u64) -> u64 {
    let best = |name: &InstanceType| {
        let worths = zones.iter().map(|zone| worth(state, name, zone));
        worths.max().unwrap_or(1)
    };
    let sum: u64 = types.iter().map(best).sum();
    let count = u64::try_from(types.len()).unwrap_or(1).max(1);
    let mean = (sum + count / 2) / count;
    let large = (target / LARGE_TARGET).checked_ilog10().map_or(0, |tens| u64::from(tens) + 1);
    let most = if types.len() < ENOUGH_TYPES { LOW } else { 10 };
    mean.saturating_sub(large).clamp(1, most)
}

/// 10 for a pool that has had capacity for a while, 7 for one that has it again, 1 for one without
/// and for one that no environment uses, of which the simulation knows nothing.
fn worth(state: &State, name: &InstanceType, zone: &Zone) -> u64 {
    let pool = Pool { zone: zone.clone(), instance_type: name.clone() };
    let Some(ix) = state.market.find(&pool) else { return 1 };
    let pool = state.market.pool(ix);
    match pool.offers_at(state.now, 100) {
        None => 1,
        Some(_) if pool.is_deep(state.now) => 10,
        Some(_) => 7,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::sim::scenario::Scenario;
    use crate::sim::wire::protocol::{Input, Service};

    fn asked(target: usize) -> Call {
        let parameters = [
            ("InstanceType.1".to_owned(), "m6i.large".to_owned()),
            ("TargetCapacity".to_owned(), target.to_string()),
        ];
        Call {
            service: Service::Ec2,
            operation: "GetSpotPlacementScores".to_owned(),
            input: Input::Query(BTreeMap::from(parameters)),
        }
    }

    #[test]
    fn new_configurations_are_allowed_again_after_a_day() {
        let mut state = State::new(Scenario::empty("us-east-1", "a"), 1, 0);
        let refused = |state: &mut State, target| get(state, &asked(target)).err().map(|f| f.code);
        for target in 1..=CONFIGURATIONS {
            assert_eq!(refused(&mut state, target), None);
        }
        let limit = Some("MaxConfigLimitExceeded".to_owned());
        assert_eq!(refused(&mut state, 99), limit);
        state.advance(DAY - 1);
        assert_eq!(refused(&mut state, 99), limit);
        // Asking again keeps a configuration known.
        assert_eq!(refused(&mut state, 1), None);
        state.advance(DAY);
        assert_eq!(refused(&mut state, 99), None);
        assert_eq!(state.scored_configurations.len(), 2);
    }
}
