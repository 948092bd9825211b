//! The role through which an environment's account is entered.

use std::sync::Arc;

use super::aws_text::batch_arn;
use super::{Located, Scope, shown};
use crate::catalogue::raw::RawEnvironment;
use crate::domain::{Role, RoleArn};

/// The role, with every problem noted; `None` where one is stated that cannot be used.
pub(super) fn check(
    raw: &RawEnvironment,
    region: Option<&str>,
    scope: &mut Scope<'_>,
) -> Option<Option<Role>> {
    let external_id = check_external_id(raw, scope);
    let Some(Located { value, span }) = &raw.assume_role else {
        if let Some(id) = &raw.external_id {
            let problem = "`external_id` without a role that asks for it";
            let hint = "set `assume_role`, or remove `external_id`";
            scope.error("external-id-without-role", &id.span, problem, hint);
        }
        return Some(None);
    };
    let Some(arn) = RoleArn::parse(value) else {
        let problem = format!("`assume_role` {} is no ARN of an IAM role", shown(value));
        let hint = "arn:aws:iam::ACCOUNT:role/NAME";
        scope.error("invalid-role", span, &problem, hint);
        return None;
    };
    if let Some(region) = region.filter(|region| partition_of(region) != arn.partition()) {
        let (here, there) = (partition_of(region), arn.partition());
        let problem = format!("the role is in partition {there}, and {region} is in {here}");
        let hint = "no role reaches from one partition into another: run a spotcron of its own \
                    there, or correct the ARN";
        scope.error("role-in-other-partition", span, &problem, hint);
        return None;
    }
    check_accounts(raw, &arn, scope);
    Some(Some(Role { arn, external_id: external_id? }))
}

/// A role reaches into its own account only.
fn check_accounts(raw: &RawEnvironment, role: &RoleArn, scope: &mut Scope<'_>) {
    let (entered, hint) = (role.account(), "correct `assume_role` or the ARN");
    let outside = |account: &str| account != entered;
    if let Some(Located { value, span }) = &raw.queue
        && let Some(arn) = batch_arn(value, "job-queue").filter(|arn| outside(arn.account))
    {
        let problem =
            format!("the queue is in account {}, the role leads to {entered}", arn.account);
        scope.error("queue-in-other-account", span, &problem, hint);
    }
    let definitions = raw.definitions.as_ref().map_or(&[][..], |entries| &entries.value.0);
    for (_, Located { value, span }) in definitions {
        if let Some(arn) = batch_arn(value, "job-definition").filter(|arn| outside(arn.account)) {
            let account = arn.account;
            let problem =
                format!("the definition is in account {account}, the role leads to {entered}");
            scope.error("definition-in-other-account", span, &problem, hint);
        }
    }
}

/// Source of its form: STS API reference, AssumeRole, `ExternalId`.
fn check_external_id(raw: &RawEnvironment, scope: &mut Scope<'_>) -> Option<Option<Arc<str>>> {
    let Some(Located { value, span }) = &raw.external_id else { return Some(None) };
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@:/-".contains(c);
    if (2..=1224).contains(&value.len()) && value.chars().all(allowed) {
        return Some(Some(value.as_str().into()));
    }
    let problem = format!("`external_id` {} is not one that STS takes", shown(value));
    let hint = "2 to 1,224 letters, digits and `_+=,.@:/-`";
    scope.error("invalid-external-id", span, &problem, hint);
    None
}

/// Source: AWS General Reference, "AWS partitions".
fn partition_of(region: &str) -> &'static str {
    const PREFIXES: [(&str, &str); 7] = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-isob-", "aws-iso-b"),
        ("us-isof-", "aws-iso-f"),
        ("eu-isoe-", "aws-iso-e"),
        ("us-iso-", "aws-iso"),
        ("eusc-", "aws-eusc"),
    ];
    let found = PREFIXES.iter().find(|(prefix, _)| region.starts_with(prefix));
    found.map_or("aws", |(_, partition)| partition)
}
