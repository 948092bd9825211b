//! The roles through which other accounts are entered can be assumed.

use super::finding::not_looked_at;
use super::{About, Code, Examined, Finding, Unseen};

/// One finding an environment whose role cannot be assumed: nothing else is known of it.
pub(super) fn check(examined: &Examined<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for environment in examined.catalogue.environments.values() {
        let Some(role) = &environment.site.role else { continue };
        let about = || About::Environment(environment.name.clone());
        match examined.facts.roles.get(role) {
            Some(Err(Unseen::Refused(words))) => findings.push(Finding::new(
                Code::RoleRefused,
                about(),
                format!("its account cannot be entered: {words}"),
                format!(
                    "Let the trust policy of {} name the role or user that `aws sts get-caller-identity` \
                     shows, and allow that one sts:AssumeRole on it (docs/guide/permissions.md)",
                    role.arn
                ),
            )),
            Some(failed) => findings.extend(not_looked_at(about(), "its account", failed)),
            None => {}
        }
    }
    findings
}
