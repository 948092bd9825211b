//! Every reason why a scenario cannot be simulated, at once.

use std::collections::BTreeSet;

use super::{DefinitionSpec, EnvironmentSpec, Scenario, ScenarioError};
use crate::sim::instance_types;

impl Scenario {
    /// Checks everything that a simulation relies on, and reports all problems together.
    pub fn validate(&self) -> Result<(), ScenarioError> {
        let mut problems = Vec::new();
        self.check_itself(&mut problems);
        self.check_accounts(&mut problems);
        if problems.is_empty() { Ok(()) } else { Err(ScenarioError::Invalid(problems)) }
    }

    /// This account, without the further ones.
    pub(super) fn check_itself(&self, problems: &mut Vec<String>) {
        if self.zones.is_empty() {
            problems.push("zones is empty".to_owned());
        }
        for zone in self.zones.iter().filter(|zone| zone.region() != self.region) {
            problems.push(format!("zone {zone} is not in region {}", self.region));
        }
        let mut names = BTreeSet::new();
        for environment in &self.compute_environments {
            if !names.insert(&environment.name) {
                problems.push(format!("compute environment {} is there twice", environment.name));
            }
            self.check_environment(environment, problems);
        }
        self.check_queues(&names, problems);
        self.check_market(problems);
        self.check_roles(problems);
        for definition in self.definitions.iter().chain([&self.default_definition]) {
            check_definition(definition, problems);
        }
    }

    fn check_environment(&self, environment: &EnvironmentSpec, problems: &mut Vec<String>) {
        let name = &environment.name;
        if let Err(unknown) = instance_types::expand(&environment.instance_types) {
            let unknown = unknown.join(", ");
            problems.push(format!("compute environment {name}: unknown instance types {unknown}"));
        }
        if environment.capacity.is_fargate() != environment.instance_types.is_empty() {
            problems.push(format!(
                "compute environment {name}: instance_types belong to EC2 capacity, and only there"
            ));
        }
        for zone in environment.zones.iter().flatten() {
            if !self.zones.contains(zone) {
                problems.push(format!("compute environment {name}: zone {zone} is not in zones"));
            }
        }
        for scale in [environment.reclaim_scale, environment.recovery_scale].into_iter().flatten() {
            check_scale(&format!("compute environment {name}"), scale, problems);
        }
    }

    fn check_queues(&self, environments: &BTreeSet<&String>, problems: &mut Vec<String>) {
        let mut names = BTreeSet::new();
        for queue in &self.queues {
            let name = &queue.name;
            if !names.insert(name) {
                problems.push(format!("queue {name} is there twice"));
            }
            if !(1..=3).contains(&queue.compute_environments.len()) {
                problems.push(format!("queue {name} needs one to three compute environments"));
            }
            let missing = |name: &&String| !environments.contains(*name);
            for unknown in queue.compute_environments.iter().filter(missing) {
                problems.push(format!("queue {name}: no compute environment {unknown}"));
            }
            let mine = |e: &&EnvironmentSpec| queue.compute_environments.contains(&e.name);
            let kinds: BTreeSet<bool> = self
                .compute_environments
                .iter()
                .filter(mine)
                .map(|e| e.capacity.is_fargate())
                .collect();
            if kinds.len() > 1 {
                problems.push(format!("queue {name} mixes Fargate and EC2"));
            }
        }
    }

    fn check_market(&self, problems: &mut Vec<String>) {
        let market = &self.market;
        check_scale("market.reclaim_scale", market.reclaim_scale, problems);
        check_scale("market.recovery_scale", market.recovery_scale, problems);
        let [low, high] = market.discount_percent;
        if !(0.0 <= low && low <= high && high < 100.0) {
            problems.push("market.discount_percent is not two rising numbers below 100".to_owned());
        }
        let [low, high] = market.change_hours;
        if !(0.01 <= low && low <= high && high <= 10_000.0) {
            problems.push("market.change_hours is not two rising numbers from 0.01".to_owned());
        }
        for (name, value) in [
            ("notice_share", market.notice_share),
            ("volatility", market.volatility),
            ("crunch_premium", market.crunch_premium),
        ] {
            if !(0.0..=1.0).contains(&value) {
                problems.push(format!("market.{name} is not between 0 and 1"));
            }
        }
        if market.fargate_spot_discount_percent > 100 || market.history_days > 90 {
            problems.push(
                "market.fargate_spot_discount_percent is above 100 or history_days above 90".into(),
            );
        }
    }
}

fn check_scale(name: &str, scale: f64, problems: &mut Vec<String>) {
    if !(0.0..=1_000.0).contains(&scale) {
        problems.push(format!("{name}: a scale is not between 0 and 1000"));
    }
}

fn check_definition(definition: &DefinitionSpec, problems: &mut Vec<String>) {
    let name = if definition.name.is_empty() { "default" } else { &definition.name };
    let unit = 0.0..=1.0;
    if !unit.contains(&definition.failure_probability)
        || !unit.contains(&definition.pull_failure_probability)
    {
        problems.push(format!("definition {name}: a probability is not between 0 and 1"));
    }
    if !(0.0..=3.0).contains(&definition.sigma) || definition.median_secs == 0 {
        problems.push(format!("definition {name}: median_secs is 0 or sigma not between 0 and 3"));
    }
    if definition.checkpoint_secs == Some(0) || definition.failure_exit_code == 0 {
        problems.push(format!("definition {name}: checkpoint_secs or failure_exit_code is 0"));
    }
}
