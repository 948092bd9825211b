//! Credentials may call what the catalogue needs.

use std::collections::BTreeMap;

use super::finding::listed;
use super::{About, Access, Code, Examined, Finding, Need, Operation};
use crate::domain::Site;

/// Looks through the answers to the tests, one finding an operation.
pub(super) fn check(examined: &Examined<'_>) -> Vec<Finding> {
    let mut denied: BTreeMap<Operation, Refusals<'_>> = BTreeMap::new();
    let mut unclear: BTreeMap<Operation, Refusals<'_>> = BTreeMap::new();
    let mut not_tested: Vec<Operation> = Vec::new();
    for ((operation, site), access) in &examined.facts.permissions {
        match access {
            Access::Allowed => {}
            Access::Denied(words) => denied.entry(*operation).or_default().push((site, words)),
            Access::Unclear(words) => unclear.entry(*operation).or_default().push((site, words)),
            Access::NotTested => not_tested.push(*operation),
        }
    }
    not_tested.dedup();
    let mut findings: Vec<Finding> =
        denied.iter().filter_map(|(operation, seen)| refused(*operation, seen)).collect();
    findings.extend(unclear.iter().filter_map(|(operation, seen)| unanswered(*operation, seen)));
    findings.extend(left_alone(&not_tested));
    findings
}

/// Places with AWS's words.
type Refusals<'a> = Vec<(&'a Site, &'a String)>;

fn refused(operation: Operation, seen: &Refusals<'_>) -> Option<Finding> {
    let (_, words) = seen.first()?;
    let action = operation.action();
    let code = match operation.need() {
        Need::Runs => Code::PermissionDenied,
        Need::Costs => Code::PermissionDeniedForCosts,
        Need::Comfort => Code::PermissionDeniedForComfort,
    };
    let places = listed(seen.iter().map(|(site, _)| site));
    Some(Finding::new(
        code,
        About::Account,
        format!("{action} is denied in {places}: {}. AWS says: {words}", operation.lost()),
        format!("Allow {action} in the role's policy (docs/guide/permissions.md)"),
    ))
}

fn unanswered(operation: Operation, seen: &Refusals<'_>) -> Option<Finding> {
    let (_, words) = seen.first()?;
    let places = listed(seen.iter().map(|(site, _)| site));
    Some(Finding::new(
        Code::PermissionUnclear,
        About::Account,
        format!("whether {} is allowed in {places} cannot be told: {words}", operation.action()),
        "Run `spotcron doctor` again; if it stays, look at the network between here and AWS",
    ))
}

fn left_alone(operations: &[Operation]) -> Option<Finding> {
    if operations.is_empty() {
        return None;
    }
    let actions: Vec<&str> = operations.iter().map(|operation| operation.action()).collect();
    Some(Finding::new(
        Code::PermissionNotTested,
        About::Account,
        format!("not tested, because a test would change something: {}", actions.join(", ")),
        "Compare the role's policy with docs/guide/permissions.md",
    ))
}
