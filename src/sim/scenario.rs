//! What a simulated account looks like: its queues, compute environments and job definitions, how
//! its market behaves and how long things take. From TOML or made in code.

mod accounts;
mod fit;
mod settings;
mod validate;

pub use accounts::{AccountSpec, RoleSpec};
pub use fit::ReplaySummary;
pub use settings::{MarketSettings, PriceMode, Timing};

use serde::Deserialize;

use crate::domain::{Capacity, Region, Resources, Site, Zone};
use crate::market::PricePoint;
use crate::sim::wire::MishapRule;

/// A simulated AWS account in one region.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    pub account_id: String,
    pub region: Region,
    pub zones: Vec<Zone>,
    #[serde(default)]
    pub market: MarketSettings,
    #[serde(default)]
    pub timing: Timing,
    pub compute_environments: Vec<EnvironmentSpec>,
    pub queues: Vec<QueueSpec>,
    #[serde(default)]
    pub definitions: Vec<DefinitionSpec>,
    /// How jobs behave whose definition is not listed.
    #[serde(default)]
    pub default_definition: DefinitionSpec,
    /// Whether SubmitJob refuses definitions that are not listed, as Batch does.
    #[serde(default)]
    pub refuse_unknown_definitions: bool,
    /// What goes wrong between clients and the account, where it is served (`simulate-aws`).
    #[serde(default)]
    pub mishaps: Vec<MishapRule>,
    /// Roles of this account that can be assumed, where it is served.
    #[serde(default)]
    pub roles: Vec<RoleSpec>,
    /// Further accounts behind the same endpoint, where it is served.
    #[serde(default)]
    pub accounts: Vec<AccountSpec>,
    /// Recorded spot prices to replay; the pools are then exactly those recorded.
    #[serde(skip)]
    pub recorded: Option<Vec<PricePoint>>,
}

/// A compute environment.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentSpec {
    pub name: String,
    pub capacity: Capacity,
    /// Exact types, families, `optimal`; empty on Fargate.
    #[serde(default)]
    pub instance_types: Vec<String>,
    /// The zones of its subnets; all of the scenario's when absent.
    #[serde(default)]
    pub zones: Option<Vec<Zone>>,
    /// As in Batch, the last instance may exceed it.
    pub max_vcpus: u32,
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Makes it INVALID, with this reason.
    #[serde(default)]
    pub invalid_reason: Option<String>,
    /// Overrides [`MarketSettings::reclaim_scale`] for its pools. Of two environments that share a
    /// pool the larger value holds.
    #[serde(default)]
    pub reclaim_scale: Option<f64>,
    /// Overrides [`MarketSettings::recovery_scale`] for its pools. Of two environments that share
    /// a pool the smaller value holds.
    #[serde(default)]
    pub recovery_scale: Option<f64>,
}

/// A job queue.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueSpec {
    pub name: String,
    /// One to three compute environments, tried in this order.
    pub compute_environments: Vec<String>,
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Makes it INVALID, with this reason.
    #[serde(default)]
    pub invalid_reason: Option<String>,
}

/// How jobs of one definition behave.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DefinitionSpec {
    /// Without revision.
    pub name: String,
    /// Its one revision; what is registered under the name while the account runs comes after it.
    pub revision: u32,
    /// The lognormal distribution of an attempt's duration: its median ...
    pub median_secs: u32,
    /// ... and the standard deviation of its logarithm.
    pub sigma: f64,
    /// How likely an attempt exits with an error.
    pub failure_probability: f64,
    /// The exit code of such attempts.
    pub failure_exit_code: i32,
    /// How likely an attempt's image cannot be pulled.
    pub pull_failure_probability: f64,
    /// What a container reserves where the submission does not say.
    pub resources: Resources,
    /// Saves its progress this often; absent: an interrupted attempt starts from nothing.
    pub checkpoint_secs: Option<u32>,
    /// How long a later attempt needs to pick the saved progress up.
    pub restore_secs: u32,
}

impl Default for DefinitionSpec {
    fn default() -> Self {
        DefinitionSpec {
            name: String::new(),
            revision: 1,
            median_secs: 20 * 60,
            sigma: 0.25,
            failure_probability: 0.0,
            failure_exit_code: 1,
            pull_failure_probability: 0.0,
            resources: Resources { vcpu_millis: 1000, memory_mib: 2048, gpus: 0 },
            checkpoint_secs: None,
            restore_secs: 0,
        }
    }
}

const fn yes() -> bool {
    true
}

/// Why a scenario cannot be simulated. Holds every problem found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
    #[error("the scenario is not valid TOML of a simulated cloud: {0}")]
    Toml(String),
    #[error("the scenario cannot be simulated: {}", .0.join("; "))]
    Invalid(Vec<String>),
}

impl Scenario {
    /// Whether a call for `site` is one for this account and region.
    pub(crate) fn serves(&self, site: &Site) -> bool {
        site.role.is_none() && site.region == self.region
    }

    /// The account that the demo runs in.
    pub fn demo() -> Result<Scenario, ScenarioError> {
        Scenario::parse(include_str!("../../config/demo/cloud.toml"))
    }

    /// Reads and validates TOML.
    pub fn parse(text: &str) -> Result<Scenario, ScenarioError> {
        let scenario: Scenario =
            toml::from_str(text).map_err(|error| ScenarioError::Toml(error.to_string()))?;
        scenario.validate()?;
        Ok(scenario)
    }

    /// An account with nothing in it, to be filled in code.
    pub fn empty(region: &str, zone_letters: &str) -> Scenario {
        Scenario {
            account_id: "123456789012".to_owned(),
            region: Region::from(region),
            zones: zone_letters.chars().map(|c| Zone::from(format!("{region}{c}"))).collect(),
            market: MarketSettings::default(),
            timing: Timing::default(),
            compute_environments: Vec::new(),
            queues: Vec::new(),
            definitions: Vec::new(),
            default_definition: DefinitionSpec::default(),
            refuse_unknown_definitions: false,
            mishaps: Vec::new(),
            roles: Vec::new(),
            accounts: Vec::new(),
            recorded: None,
        }
    }

    /// Adds a queue with one compute environment, both named `name`.
    pub fn with_queue(
        mut self,
        name: &str,
        capacity: Capacity,
        instance_types: &[&str],
        max_vcpus: u32,
    ) -> Scenario {
        self.compute_environments.push(EnvironmentSpec {
            name: name.to_owned(),
            capacity,
            instance_types: instance_types.iter().map(|name| (*name).to_owned()).collect(),
            zones: None,
            max_vcpus,
            enabled: true,
            invalid_reason: None,
            reclaim_scale: None,
            recovery_scale: None,
        });
        self.queues.push(QueueSpec {
            name: name.to_owned(),
            compute_environments: vec![name.to_owned()],
            enabled: true,
            invalid_reason: None,
        });
        self
    }

    /// Adds a definition whose attempts all take `median_secs`.
    pub fn with_definition(mut self, name: &str, median_secs: u32) -> Scenario {
        let name = name.to_owned();
        let fixed = DefinitionSpec { name, median_secs, sigma: 0.0, ..Default::default() };
        self.definitions.push(fixed);
        self
    }
}
