//! The account's IAM, as far as compute environments name it: one instance profile and the roles of
//! Batch's user guide. Batch takes any name, and finds out later: the environment is then INVALID,
//! with these reasons (simulated-aws.md §1.5; AWS Batch user guide, "INVALID compute environment").

/// Batch's service-linked role.
pub(crate) const SERVICE_LINKED_ROLE: &str = "AWSServiceRoleForBatch";

const SERVICE_ROLES: [&str; 2] = [SERVICE_LINKED_ROLE, "AWSBatchServiceRole"];
const SPOT_FLEET_ROLES: [&str; 3] =
    ["AmazonEC2SpotFleetTaggingRole", "AmazonEC2SpotFleetRole", "AWSServiceRoleForEC2SpotFleet"];
const INSTANCE_PROFILES: [&str; 1] = ["ecsInstanceRole"];

/// The instance profile that the scenario's environments have.
pub(crate) fn instance_profile_arn(account: &str) -> String {
    format!("arn:aws:iam::{account}:instance-profile/{}", INSTANCE_PROFILES[0])
}

pub(crate) fn service_linked_role_arn(account: &str) -> String {
    format!(
        "arn:aws:iam::{account}:role/aws-service-role/batch.amazonaws.com/{SERVICE_LINKED_ROLE}"
    )
}

/// Whether `role` names one of `known`, by name, path and name, or ARN of the right kind.
fn is_one_of(account: &str, kind: &str, role: &str, known: &[&str]) -> bool {
    let path = match role.strip_prefix("arn:") {
        None => Some(role),
        Some(arn) => arn
            .strip_prefix(&format!("aws:iam::{account}:"))
            .and_then(|arn| arn.strip_prefix(kind))
            .and_then(|arn| arn.strip_prefix('/')),
    };
    path.and_then(|path| path.rsplit('/').next()).is_some_and(|name| known.contains(&name))
}

/// What is wrong with an `instanceRole`: a role's ARN is no instance profile.
pub(crate) fn instance_role_problem(account: &str, role: &str) -> Option<String> {
    let known = is_one_of(account, "instance-profile", role, &INSTANCE_PROFILES);
    (!known).then(|| format!("CLIENT_ERROR - Invalid IamInstanceProfile: {role}"))
}

/// What is wrong with a `serviceRole`.
pub(crate) fn service_role_problem(account: &str, role: &str) -> Option<String> {
    let known = is_one_of(account, "role", role, &SERVICE_ROLES);
    (!known).then(|| {
        "CLIENT_ERROR - Not authorized to perform sts:AssumeRole (Service: \
         AWSSecurityTokenService; Status Code: 403; Error Code: AccessDenied)"
            .to_owned()
    })
}

/// What is wrong with a `spotIamFleetRole` that BEST_FIT needs.
pub(crate) fn fleet_role_problem(account: &str, role: Option<&str>) -> Option<String> {
    let known = role.is_some_and(|role| is_one_of(account, "role", role, &SPOT_FLEET_ROLES));
    (!known)
        .then(|| "CLIENT_ERROR - Parameter: SpotFleetRequestConfig.IamFleetRole is invalid.".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_paths_and_arns_of_the_right_kind_are_known() {
        let account = "123456789012";
        for role in ["ecsInstanceRole", &instance_profile_arn(account)] {
            assert_eq!(instance_role_problem(account, role), None, "{role}");
        }
        let role = "arn:aws:iam::123456789012:role/ecsInstanceRole";
        let elsewhere = instance_profile_arn("999999999999");
        for role in [role, elsewhere.as_str(), "batchInstanceRole"] {
            let problem = instance_role_problem(account, role).unwrap();
            assert!(problem.ends_with(role), "{problem}");
        }
        for role in ["service-role/AWSBatchServiceRole", &service_linked_role_arn(account)] {
            assert_eq!(service_role_problem(account, role), None, "{role}");
        }
        assert!(service_role_problem(account, "AWSBatchServicRole").is_some());
        assert!(fleet_role_problem(account, None).is_some());
        assert_eq!(fleet_role_problem(account, Some("AmazonEC2SpotFleetTaggingRole")), None);
    }
}
