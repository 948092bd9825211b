//! What a compute environment's `computeResources` must be, and what they come to. What Batch
//! refuses at once is an `Err`; what makes the environment INVALID later is in
//! [`Resources::invalid_reason`] (simulated-aws.md §1.5; service model, `ComputeResource`).

use std::collections::BTreeSet;

use super::super::protocol::Fault;
use super::members::Members;
use crate::domain::{Capacity, Zone};
use crate::sim::iam::{fleet_role_problem, instance_role_problem};
use crate::sim::instant::MINUTE;
use crate::sim::network::subnets;
use crate::sim::state::State;
use crate::sim::strategy::{AllocationStrategy, Terms};
use crate::sim::{expand, offer};

/// `computeResources`, read.
#[derive(Debug)]
pub(super) struct Resources {
    pub(super) capacity: Capacity,
    pub(super) instance_types: Vec<String>,
    pub(super) zones: Vec<Zone>,
    pub(super) max_vcpus: u32,
    pub(super) terms: Terms,
    pub(super) invalid_reason: Option<String>,
}

const TYPES: [(&str, Capacity); 4] = [
    ("EC2", Capacity::OnDemand),
    ("SPOT", Capacity::Spot),
    ("FARGATE", Capacity::Fargate),
    ("FARGATE_SPOT", Capacity::FargateSpot),
];

/// Not for Fargate.
const EC2_ONLY: [&str; 13] = [
    "allocationStrategy",
    "bidPercentage",
    "desiredvCpus",
    "ec2Configuration",
    "ec2KeyPair",
    "imageId",
    "instanceRole",
    "instanceTypes",
    "launchTemplate",
    "minvCpus",
    "placementGroup",
    "scalingPolicy",
    "spotIamFleetRole",
];

pub(super) fn type_of(capacity: Capacity) -> &'static str {
    TYPES.iter().find(|(_, listed)| *listed == capacity).map_or("", |(name, _)| *name)
}

pub(super) fn read(state: &State, given: &Members<'_>) -> Result<Resources, Fault> {
    let name = given.needed_text("type")?;
    let Some((_, capacity)) = TYPES.iter().find(|(listed, _)| *listed == name) else {
        let message = format!("computeResources.type {name:?} is not simulated");
        return Err(Fault::client(message));
    };
    let capacity = *capacity;
    if capacity.is_fargate()
        && let Some(member) = EC2_ONLY.iter().find(|member| given.has(member))
    {
        let message = format!("{member} is not applicable to Fargate compute environments");
        return Err(Fault::client(message));
    }
    let max_vcpus = vcpus(given)?;
    let (zones, unknown_subnet) = zones(state, given)?;
    let groups = given.texts("securityGroupIds")?.unwrap_or_default();
    if groups.is_empty() && !given.has("launchTemplate") {
        return Err(given.missing("securityGroupIds"));
    }
    let (instance_types, terms) = if capacity.is_fargate() {
        (Vec::new(), Terms::of(capacity))
    } else {
        (instance_types(given)?, terms(given, capacity)?)
    };
    let mut invalid_reason = unknown_subnet;
    let account = &state.scenario.account_id;
    if !capacity.is_fargate() {
        let problem = instance_role_problem(account, given.needed_text("instanceRole")?);
        invalid_reason = problem.or(invalid_reason);
    }
    if capacity == Capacity::Spot && terms.strategy == AllocationStrategy::BestFit {
        let problem = fleet_role_problem(account, given.text("spotIamFleetRole")?);
        invalid_reason = problem.or(invalid_reason);
    }
    Ok(Resources { capacity, instance_types, zones, max_vcpus, terms, invalid_reason })
}

/// `maxvCpus`, after a look at its companions.
fn vcpus(given: &Members<'_>) -> Result<u32, Fault> {
    let number = |name: &str| given.within(name, 0, i64::from(i32::MAX));
    let max = number("maxvCpus")?.ok_or_else(|| given.missing("maxvCpus"))?;
    let min = number("minvCpus")?.unwrap_or(0);
    let desired = number("desiredvCpus")?.unwrap_or(min);
    if min > max {
        return Err(Fault::client("minvCpus must not be greater than maxvCpus"));
    }
    if !(min..=max).contains(&desired) {
        return Err(Fault::client("desiredvCpus must be between minvCpus and maxvCpus"));
    }
    u32::try_from(max).map_err(|_| given.missing("maxvCpus"))
}

/// The zones of the subnets, and what is wrong with one that the account does not have.
fn zones(state: &State, given: &Members<'_>) -> Result<(Vec<Zone>, Option<String>), Fault> {
    let listed = given.texts("subnets")?.unwrap_or_default();
    if listed.is_empty() {
        return Err(given.missing("subnets"));
    }
    if listed.len() > 16 {
        return Err(Fault::client("subnets can have at most 16 entries"));
    }
    let known = subnets(&state.scenario, state.seed);
    let (mut zones, mut problem) = (Vec::new(), None);
    for id in &listed {
        match known.iter().find(|(subnet, _)| subnet == id) {
            Some((_, zone)) if !zones.contains(zone) => zones.push(zone.clone()),
            Some(_) => {}
            None => {
                problem = Some(format!("CLIENT_ERROR - The subnet ID '{id}' does not exist"));
            }
        }
    }
    Ok((zones, problem))
}

/// Known types, families and `optimal`, of one architecture.
fn instance_types(given: &Members<'_>) -> Result<Vec<String>, Fault> {
    let listed = given.texts("instanceTypes")?.unwrap_or_default();
    if listed.is_empty() {
        return Err(given.missing("instanceTypes"));
    }
    let types = expand(&listed).map_err(|unknown| {
        Fault::client(format!(
            "the specified instanceType is not supported: {}",
            unknown.join(", ")
        ))
    })?;
    let architectures: BTreeSet<_> =
        types.iter().filter_map(|name| Some(&offer(name)?.shape.architecture)).collect();
    if architectures.len() > 1 {
        return Err(Fault::client("all instanceTypes must have the same architecture"));
    }
    Ok(listed)
}

fn terms(given: &Members<'_>, capacity: Capacity) -> Result<Terms, Fault> {
    // BEST_FIT is the API's default (simulated-aws.md §1.5).
    let name = given.text("allocationStrategy")?.unwrap_or("BEST_FIT");
    let strategy = AllocationStrategy::named(name).ok_or_else(|| {
        Fault::client(format!("allocationStrategy {name:?} is not one of Batch's"))
    })?;
    let on_spot = capacity == Capacity::Spot;
    let ordered = strategy == AllocationStrategy::BestFitProgressiveOrdered;
    if (strategy.is_spot_only() && !on_spot) || (ordered && on_spot) {
        let message = format!("allocationStrategy {name} is not for type {}", type_of(capacity));
        return Err(Fault::client(message));
    }
    let bid = given.within("bidPercentage", 1, 100)?;
    let policy = given.object("scalingPolicy")?;
    let minutes = match policy {
        Some(policy) => policy.integer("minScaleDownDelayMinutes")?.unwrap_or(0),
        None => 0,
    };
    if minutes != 0 && !(20..=10_080).contains(&minutes) {
        return Err(Fault::client("minScaleDownDelayMinutes must be 0 or between 20 and 10080"));
    }
    Ok(Terms {
        strategy,
        bid_percent: bid.and_then(|bid| u32::try_from(bid).ok()).unwrap_or(100),
        scale_down_delay: minutes * MINUTE,
    })
}
