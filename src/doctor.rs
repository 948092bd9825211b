//! What is wrong with a set-up: the catalogue and the settings, held against what a look at the AWS
//! account and at this machine showed. Facts go in, findings come out, each with its fix.

mod advice;
mod breadth;
mod breakers;
mod code;
mod definitions;
mod environments;
mod facts;
mod finding;
mod guide;
mod invalid;
pub mod live;
mod local;
mod operation;
mod permissions;
mod queues;
mod retries;
mod roles;
mod stuck;

pub use advice::{Advised, advice_text};
pub use code::{Code, Severity};
pub use facts::{
    Access, ComputeEnvironmentFacts, DefinitionFacts, EnvironmentFacts, Facts, LocalFacts, Look,
    Platform, QueueFacts, StoreFacts, Unseen, WaitingJob,
};
pub use finding::{About, Finding};
pub use guide::guide_markdown;
pub use operation::{Need, Operation};

use std::sync::Arc;

use jiff::Timestamp;

use crate::catalogue::{Catalogue, Environment};
use crate::settings::Settings;

/// What the checks look at.
struct Examined<'a> {
    facts: &'a Facts,
    catalogue: &'a Catalogue,
    settings: &'a Settings,
}

/// An environment of the catalogue with what was seen of it.
struct Seen<'a> {
    environment: &'a Environment,
    facts: &'a EnvironmentFacts,
}

/// Everything that is wrong, sorted: what has the worst findings comes first, with all of its
/// findings together, errors before warnings before notes.
pub fn examine(
    facts: &Facts,
    catalogue: &Catalogue,
    settings: &Settings,
    now: Timestamp,
) -> Vec<Finding> {
    let examined = Examined { facts, catalogue, settings };
    let mut findings = local::check(&examined);
    // Without credentials every look at the account failed for that one reason.
    if facts.account.is_ok() {
        findings.extend(roles::check(&examined));
        findings.extend(permissions::check(&examined));
        for seen in examined.environments() {
            let mut of_one = queues::check(&seen);
            of_one.extend(environments::check(&seen));
            of_one.extend(breadth::check(&seen, &examined));
            of_one.extend(stuck::check(&seen, now));
            of_one.extend(breakers::check(&seen, &examined));
            of_one.extend(advice::check(&seen, &examined));
            let site = &seen.environment.site;
            findings.extend(of_one.into_iter().map(|finding| finding.in_account_of(site)));
        }
        findings.extend(definitions::check(&examined));
        findings.extend(retries::check(&examined));
    }
    finding::sort(&mut findings);
    findings
}

impl Examined<'_> {
    /// Those that were looked at, in the order of their names.
    fn environments(&self) -> impl Iterator<Item = Seen<'_>> {
        self.catalogue.environments.values().filter_map(|environment: &Arc<Environment>| {
            let facts = self.facts.environments.get(&environment.name)?;
            Some(Seen { environment, facts })
        })
    }
}
