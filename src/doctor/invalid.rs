//! Why a compute environment is not valid, in plain words. Batch's own are about the symptom.
//! Source: AWS Batch user guide, "INVALID compute environment".

use super::{Code, ComputeEnvironmentFacts};
use crate::domain::Capacity;

/// What is wrong with a compute environment's roles or status.
pub(super) struct Cause {
    pub(super) code: Code,
    pub(super) problem: String,
    pub(super) fix: String,
}

/// The cause that its status reason or its roles tell: one, the most telling.
pub(super) fn cause(found: &ComputeEnvironmentFacts) -> Option<Cause> {
    // While it is being changed it goes on taking jobs.
    let valid = matches!(found.status.as_str(), "VALID" | "UPDATING");
    let reason = found.status_reason.as_deref().filter(|_| !valid).unwrap_or_default();
    let says = |words: &[&str]| {
        let reason = reason.to_lowercase();
        words.iter().any(|word| reason.contains(word))
    };
    let cause = if says(&["iamfleetrole", "spot fleet role"]) || lacks_fleet_role(found) {
        fleet_role(found)
    } else if is_role(found.instance_role.as_deref()) {
        role_for_profile(found)
    } else if says(&["instance profile", "instanceprofile"]) || lacks_profile(found) {
        no_profile(found)
    } else if says(&["sts:assumerole", "assume role"]) {
        not_assumable(found)
    } else if valid {
        return None;
    } else {
        other(found, says(&["not authorized to perform"]))
    };
    let quoted = if reason.is_empty() { String::new() } else { format!(". Batch says: {reason}") };
    Some(Cause {
        problem: format!("compute environment {} {}{quoted}", found.name, cause.problem),
        ..cause
    })
}

/// The ARN of a role.
fn is_role(arn: Option<&str>) -> bool {
    arn.is_some_and(|arn| arn.starts_with("arn:") && arn.contains(":role/"))
}

/// Only BEST_FIT, which is also what none means, buys spot by Spot Fleet.
pub(super) fn is_best_fit_on_spot(found: &ComputeEnvironmentFacts) -> bool {
    found.capacity == Some(Capacity::Spot)
        && found.allocation_strategy.as_deref().is_none_or(|strategy| strategy == "BEST_FIT")
}

fn lacks_fleet_role(found: &ComputeEnvironmentFacts) -> bool {
    is_best_fit_on_spot(found) && !is_role(found.spot_fleet_role.as_deref())
}

fn lacks_profile(found: &ComputeEnvironmentFacts) -> bool {
    matches!(found.capacity, Some(Capacity::Spot | Capacity::OnDemand))
        && found.instance_role.as_deref().is_none_or(str::is_empty)
}

fn shown(role: Option<&str>) -> &str {
    role.filter(|role| !role.is_empty()).unwrap_or("none")
}

fn fleet_role(found: &ComputeEnvironmentFacts) -> Cause {
    let role = shown(found.spot_fleet_role.as_deref());
    Cause {
        code: Code::SpotFleetRole,
        problem: format!(
            "buys spot with BEST_FIT and has no usable spot fleet role (it has {role})"
        ),
        fix:
            "Use SPOT_PRICE_CAPACITY_OPTIMIZED, which needs none; or name as `spotIamFleetRole` a \
              role that trusts spotfleet.amazonaws.com"
                .to_owned(),
    }
}

fn role_for_profile(found: &ComputeEnvironmentFacts) -> Cause {
    let role = shown(found.instance_role.as_deref());
    let profile = role.replacen(":role/", ":instance-profile/", 1);
    Cause {
        code: Code::InstanceRoleIsARole,
        problem: format!("has a role where an instance profile belongs: `instanceRole` is {role}"),
        fix: format!(
            "Name the instance profile instead, {profile} if it is called as the role; \
             `aws iam list-instance-profiles` shows those that there are"
        ),
    }
}

fn no_profile(found: &ComputeEnvironmentFacts) -> Cause {
    let profile = shown(found.instance_role.as_deref());
    Cause {
        code: Code::InstanceProfileMissing,
        problem: format!("has no usable instance profile (`instanceRole` is {profile})"),
        fix: "Make it with `aws iam create-instance-profile` and \
              `aws iam add-role-to-instance-profile`, and name it as `instanceRole`"
            .to_owned(),
    }
}

fn not_assumable(found: &ComputeEnvironmentFacts) -> Cause {
    let role = shown(found.service_role.as_deref());
    Cause {
        code: Code::RoleNotAssumable,
        problem: format!("has a service role that Batch may not assume ({role})"),
        fix:
            "Leave `serviceRole` out, and Batch uses its service-linked role; or correct its ARN, \
              path included, and let it trust batch.amazonaws.com"
                .to_owned(),
    }
}

fn other(found: &ComputeEnvironmentFacts, lacks_permission: bool) -> Cause {
    let fix = match (lacks_permission, found.status.as_str()) {
        (true, _) => "Give the service role the policy AWSBatchServiceRole, or leave it out",
        (false, "CREATING") => "Wait until it is made",
        (false, "DELETING" | "DELETED") => "Take it out of the queue's order, or make it again",
        (false, _) => {
            "Correct what Batch says, then update the compute environment, which has it checked again"
        }
    };
    Cause {
        code: Code::ComputeEnvironmentInvalid,
        problem: format!("is {}", found.status),
        fix: fix.to_owned(),
    }
}
