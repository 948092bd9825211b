//! What of a submission is made anew for each run.

use std::collections::BTreeMap;

use super::Submission;
use crate::domain::Redacted;
use crate::template::{Facts, FillError, Template};

/// The values of a job that are templates, by where they stand.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Templates {
    pub parameters: BTreeMap<String, Template>,
    pub environment: BTreeMap<String, Template>,
    /// By the word's place.
    pub command: BTreeMap<usize, Template>,
    pub tags: BTreeMap<String, Template>,
}

/// A submission's values as one run has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filled {
    pub parameters: BTreeMap<String, Redacted>,
    pub environment: BTreeMap<String, Redacted>,
    pub command: Option<Vec<String>>,
    pub tags: BTreeMap<String, String>,
}

impl Templates {
    pub fn is_empty(&self) -> bool {
        self.all().next().is_none()
    }

    pub fn all(&self) -> impl Iterator<Item = &Template> {
        let named = [&self.parameters, &self.environment, &self.tags];
        named.into_iter().flat_map(BTreeMap::values).chain(self.command.values())
    }

    /// Whether the previous success has to be looked up before a run's first leg.
    pub fn want_previous_success(&self) -> bool {
        self.all().any(Template::wants_previous_success)
    }
}

impl Submission {
    /// The values for one run.
    ///
    /// # Errors
    /// A template names what the run does not have.
    pub fn filled(&self, facts: Facts<'_>) -> Result<Filled, FillError> {
        let mut filled = Filled {
            parameters: self.parameters.clone(),
            environment: self.environment.clone(),
            command: self.command.clone(),
            tags: self.tags.clone(),
        };
        for (name, template) in &self.templates.parameters {
            filled.parameters.insert(name.clone(), Redacted::new(template.fill(facts)?));
        }
        for (name, template) in &self.templates.environment {
            filled.environment.insert(name.clone(), Redacted::new(template.fill(facts)?));
        }
        for (place, template) in &self.templates.command {
            if let Some(word) = filled.command.iter_mut().flatten().nth(*place) {
                *word = template.fill(facts)?;
            }
        }
        for (key, template) in &self.templates.tags {
            filled.tags.insert(key.clone(), template.fill(facts)?);
        }
        Ok(filled)
    }
}

impl Filled {
    /// About how many bytes of the request they are.
    pub fn payload_bytes(&self) -> usize {
        let pairs = |map: &BTreeMap<String, Redacted>| -> usize {
            // The name, the value, and JSON's signs around them.
            map.iter().map(|(name, value)| name.len() + value.expose().len() + 24).sum()
        };
        let command: usize = self.command.iter().flatten().map(|word| word.len() + 3).sum();
        let tags: usize = self.tags.iter().map(|(key, value)| key.len() + value.len() + 6).sum();
        pairs(&self.parameters) + pairs(&self.environment) + command + tags
    }
}
