//! Accounts beside the first one, and the roles through which they are entered.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{DefinitionSpec, EnvironmentSpec, QueueSpec, Scenario};
use crate::domain::RoleArn;

/// A further account behind the same endpoint, in the region and zones of the first one. What it does
/// not say is as in the first one.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountSpec {
    pub account_id: String,
    #[serde(default)]
    pub compute_environments: Option<Vec<EnvironmentSpec>>,
    #[serde(default)]
    pub queues: Option<Vec<QueueSpec>>,
    #[serde(default)]
    pub definitions: Option<Vec<DefinitionSpec>>,
    #[serde(default)]
    pub roles: Vec<RoleSpec>,
}

/// A role that can be assumed. What it may do is not simulated: it may do everything.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleSpec {
    /// With its path: `spotcron`, `teams/data/spotcron`.
    pub name: String,
    /// Accounts whose users and roles its trust policy names; the first account when absent.
    #[serde(default)]
    pub trusts: Option<Vec<String>>,
    /// What its trust policy asks for as `sts:ExternalId`.
    #[serde(default)]
    pub external_id: Option<String>,
    /// `MaxSessionDuration`.
    #[serde(default = "one_hour")]
    pub max_session_secs: u32,
    /// How long its sessions really last, whatever is asked for: less than AWS's 900 seconds, to see
    /// them expire.
    #[serde(default)]
    pub session_secs: Option<u32>,
}

const fn one_hour() -> u32 {
    3600
}

impl RoleSpec {
    /// A role that the first account may assume.
    pub fn named(name: &str) -> RoleSpec {
        RoleSpec {
            name: name.to_owned(),
            trusts: None,
            external_id: None,
            max_session_secs: one_hour(),
            session_secs: None,
        }
    }

    pub(crate) fn arn(&self, account: &str) -> String {
        format!("arn:aws:iam::{account}:role/{}", self.name)
    }
}

impl Scenario {
    /// The further accounts, each as a scenario of its own.
    pub(crate) fn further_accounts(&self) -> Vec<Scenario> {
        let further = self.accounts.iter().map(|spec| {
            let mut scenario = Scenario { accounts: Vec::new(), ..self.clone() };
            scenario.account_id.clone_from(&spec.account_id);
            if let Some(environments) = &spec.compute_environments {
                scenario.compute_environments.clone_from(environments);
            }
            if let Some(queues) = &spec.queues {
                scenario.queues.clone_from(queues);
            }
            if let Some(definitions) = &spec.definitions {
                scenario.definitions.clone_from(definitions);
            }
            scenario.roles.clone_from(&spec.roles);
            scenario
        });
        further.collect()
    }

    pub(super) fn check_accounts(&self, problems: &mut Vec<String>) {
        let mut ids = BTreeSet::from([self.account_id.clone()]);
        for scenario in self.further_accounts() {
            let id = scenario.account_id.clone();
            if id.len() != 12 || !id.bytes().all(|b| b.is_ascii_digit()) {
                problems.push(format!("account_id {id} is not twelve digits"));
            }
            if !ids.insert(id.clone()) {
                problems.push(format!("account {id} is there twice"));
            }
            let mut own = Vec::new();
            scenario.check_itself(&mut own);
            problems.extend(own.into_iter().map(|problem| format!("account {id}: {problem}")));
        }
    }

    pub(super) fn check_roles(&self, problems: &mut Vec<String>) {
        let mut names = BTreeSet::new();
        for role in &self.roles {
            let name = &role.name;
            if RoleArn::parse(&role.arn("123456789012")).is_none() {
                problems.push(format!("role {name}: that is no name of a role"));
            }
            if !names.insert(name) {
                problems.push(format!("role {name} is there twice"));
            }
            if !(3600..=43_200).contains(&role.max_session_secs) {
                problems.push(format!("role {name}: max_session_secs is not from 3600 to 43200"));
            }
        }
    }
}
