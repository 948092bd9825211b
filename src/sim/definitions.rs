//! Job definitions and their revisions. Those of the scenario have one each. How the jobs of one
//! behave is not in it: that comes from the scenario's definition of the same name, or its default.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::catalogue::RetryStrategy;
use crate::domain::Resources;

use super::instant::Millis;
use super::scenario::{DefinitionSpec, Scenario};
use super::state::State;

/// One revision.
#[derive(Debug, Clone)]
pub(crate) struct Definition {
    pub(crate) name: String,
    pub(crate) revision: u32,
    pub(crate) arn: String,
    pub(crate) active: bool,
    pub(crate) terms: DefinitionTerms,
    pub(crate) tags: BTreeMap<String, String>,
    /// What DescribeJobDefinitions repeats as it was registered.
    pub(crate) echo: Map<String, Value>,
}

/// What a definition says for jobs that do not say it themselves.
#[derive(Debug, Clone, Default)]
pub(crate) struct DefinitionTerms {
    pub(crate) resources: Option<Resources>,
    pub(crate) retry: Option<RetryStrategy>,
    pub(crate) timeout: Option<Millis>,
    /// Whether it is for Fargate or for EC2; `None` for those of the scenario, which suit both.
    pub(crate) fargate: Option<bool>,
}

/// What a submission's definition comes to.
#[derive(Debug, Clone)]
pub(crate) struct Resolved {
    pub(crate) name: String,
    pub(crate) revision: u32,
    pub(crate) behaviour: DefinitionSpec,
    pub(crate) retry: Option<RetryStrategy>,
    pub(crate) timeout: Option<Millis>,
    pub(crate) fargate: Option<bool>,
}

/// All revisions, by name, in their order.
#[derive(Debug, Default)]
pub(crate) struct DefinitionBook {
    revisions: BTreeMap<String, Vec<Definition>>,
}

impl DefinitionBook {
    /// The scenario's definitions.
    pub(crate) fn of(scenario: &Scenario) -> Self {
        let mut book = DefinitionBook::default();
        for spec in &scenario.definitions {
            let Resources { vcpu_millis, memory_mib, .. } = spec.resources;
            let vcpus = (f64::from(vcpu_millis) / 1000.0).to_string();
            let container = json!({
                "image": format!("simulated/{}", spec.name),
                "command": [],
                "resourceRequirements": [
                    { "type": "VCPU", "value": vcpus },
                    { "type": "MEMORY", "value": memory_mib.to_string() },
                ],
            });
            let echo = Map::from_iter([
                ("type".to_owned(), json!("container")),
                ("containerProperties".to_owned(), container),
                ("platformCapabilities".to_owned(), json!(["EC2", "FARGATE"])),
            ]);
            let terms = DefinitionTerms::default();
            let known = (spec.name.as_str(), spec.revision);
            book.insert(scenario, known, terms, BTreeMap::new(), echo);
        }
        book
    }

    /// Registers the next revision of `name`, and returns what it is.
    pub(crate) fn add(
        &mut self,
        scenario: &Scenario,
        name: &str,
        terms: DefinitionTerms,
        tags: BTreeMap<String, String>,
        echo: Map<String, Value>,
    ) -> (u32, String) {
        let last = self.revisions(name).last();
        let revision = last.map_or(1, |last| last.revision.saturating_add(1));
        self.insert(scenario, (name, revision), terms, tags, echo)
    }

    fn insert(
        &mut self,
        scenario: &Scenario,
        (name, revision): (&str, u32),
        terms: DefinitionTerms,
        tags: BTreeMap<String, String>,
        echo: Map<String, Value>,
    ) -> (u32, String) {
        let revisions = self.revisions.entry(name.to_owned()).or_default();
        let arn = arn_of(scenario, name, revision);
        let made = (revision, arn.clone());
        let name = name.to_owned();
        revisions.push(Definition { name, revision, arn, active: true, terms, tags, echo });
        made
    }

    /// Every revision, by name and revision.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Definition> {
        self.revisions.values().flatten()
    }

    pub(crate) fn revisions(&self, name: &str) -> &[Definition] {
        self.revisions.get(name).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn find_mut(&mut self, name: &str, revision: u32) -> Option<&mut Definition> {
        let mut revisions = self.revisions.get_mut(name).into_iter().flatten();
        revisions.find(|definition| definition.revision == revision)
    }
}

impl State {
    /// The definition that a submission names, by `name`, `name:revision` or ARN; without a
    /// revision the latest ACTIVE one (simulated-aws.md §1.1).
    pub(crate) fn resolve_definition(&self, text: &str) -> Result<Resolved, String> {
        if self.is_foreign(text) && self.scenario.refuse_unknown_definitions {
            return Err(format!("JobDefinition {text} not found"));
        }
        let (name, revision) = split(text);
        let revisions = self.definitions.revisions(name);
        let found = match revision {
            None => revisions.iter().rev().find(|definition| definition.active),
            Some(revision) => revisions.iter().find(|d| d.revision == revision),
        };
        if found.is_some_and(|definition| !definition.active) {
            return Err(format!("JobDefinition {text} is INACTIVE"));
        }
        // Only a scenario has definitions, and revisions, that nobody registered.
        let registered = revisions.iter().any(|definition| definition.terms.fargate.is_some());
        if found.is_none() && (registered || self.scenario.refuse_unknown_definitions) {
            return Err(format!("JobDefinition {text} not found"));
        }
        let known = self.scenario.definitions.iter().find(|spec| spec.name == name);
        let mut behaviour = known.unwrap_or(&self.scenario.default_definition).clone();
        let terms = found.map(|definition| definition.terms.clone()).unwrap_or_default();
        behaviour.resources = terms.resources.unwrap_or(behaviour.resources);
        Ok(Resolved {
            name: name.to_owned(),
            revision: found.map_or(revision.unwrap_or(1), |definition| definition.revision),
            behaviour,
            retry: terms.retry,
            timeout: terms.timeout,
            fargate: terms.fargate,
        })
    }

    /// Whether it is an ARN of another account, region or kind.
    pub(crate) fn is_foreign(&self, definition: &str) -> bool {
        let (region, account) = (&self.scenario.region, &self.scenario.account_id);
        let own = format!("arn:aws:batch:{region}:{account}:job-definition/");
        definition.starts_with("arn:") && !definition.starts_with(&own)
    }
}

fn arn_of(scenario: &Scenario, name: &str, revision: u32) -> String {
    let (region, account) = (&scenario.region, &scenario.account_id);
    format!("arn:aws:batch:{region}:{account}:job-definition/{name}:{revision}")
}

/// Name and revision in `name`, `name:revision` or an ARN. A revision that is no number is none
/// that exists.
pub(crate) fn split(definition: &str) -> (&str, Option<u32>) {
    let name = definition.rsplit('/').next().unwrap_or(definition);
    match name.split_once(':') {
        None => (name, None),
        Some((name, revision)) => (name, Some(revision.parse().unwrap_or(0))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_known_by_name_revision_and_arn() {
        let arn = "arn:aws:batch:us-east-1:123456789012:job-definition/demo-report";
        assert_eq!(split("demo-report"), ("demo-report", None));
        assert_eq!(split("demo-report:7"), ("demo-report", Some(7)));
        assert_eq!(split(arn), ("demo-report", None));
        assert_eq!(split(&format!("{arn}:7")), ("demo-report", Some(7)));
        assert_eq!(split("demo-report:latest"), ("demo-report", Some(0)));
    }

    fn account(refuse_unknown: bool) -> State {
        let mut scenario = Scenario::empty("us-east-1", "a").with_definition("known", 60);
        scenario.refuse_unknown_definitions = refuse_unknown;
        State::new(scenario, 1, 1_780_000_000_000)
    }

    fn register(state: &mut State, name: &str) -> u32 {
        let terms = DefinitionTerms { fargate: Some(false), ..Default::default() };
        let (scenario, book) = (&state.scenario, &mut state.definitions);
        book.add(scenario, name, terms, BTreeMap::new(), Map::new()).0
    }

    #[test]
    fn a_lenient_scenario_knows_every_definition_that_nobody_registered() {
        let mut state = account(false);
        for text in ["known", "known:7", "unknown", "unknown:3"] {
            assert!(state.resolve_definition(text).is_ok(), "{text}");
        }
        assert_eq!(state.resolve_definition("known:7").unwrap().revision, 7);
        assert_eq!(register(&mut state, "known"), 2);
        assert_eq!(state.resolve_definition("known").unwrap().revision, 2);
        assert!(state.resolve_definition("known:7").is_err());
    }

    #[test]
    fn a_strict_scenario_knows_what_there_is_and_takes_the_latest_active_one() {
        let mut state = account(true);
        assert!(state.resolve_definition("known:1").is_ok());
        assert!(state.resolve_definition("known:2").is_err());
        assert!(state.resolve_definition("unknown").is_err());
        let own = "arn:aws:batch:us-east-1:123456789012:job-definition/known";
        assert!(state.resolve_definition(own).is_ok());
        assert!(state.resolve_definition(&own.replace("east", "west")).is_err());
        register(&mut state, "unknown");
        register(&mut state, "unknown");
        assert_eq!(state.resolve_definition("unknown").unwrap().revision, 2);
        state.definitions.find_mut("unknown", 2).unwrap().active = false;
        assert_eq!(state.resolve_definition("unknown").unwrap().revision, 1);
        let refusal = state.resolve_definition("unknown:2").unwrap_err();
        assert!(refusal.contains("INACTIVE"), "{refusal}");
        state.definitions.find_mut("unknown", 1).unwrap().active = false;
        assert!(state.resolve_definition("unknown").is_err());
    }
}
