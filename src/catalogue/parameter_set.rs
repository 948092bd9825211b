//! Parameter sets: one job, many runs of one scheduled time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::IndexSet;

/// What tells the runs of one scheduled time apart.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ParameterSet {
    /// 12 hex digits of what the set holds: the end of its run's id. Where it stands in a file does
    /// not matter, so that a line that is put in shifts nothing.
    pub key: String,
    /// By name, as templates call them. Shown to people; no place for secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
}

impl ParameterSet {
    pub fn of(fields: BTreeMap<String, String>) -> Self {
        ParameterSet { key: key_of(&fields, None), fields }
    }

    /// The part of this set's work that has these indices.
    pub fn chunk(&self, indices: &IndexSet) -> Self {
        ParameterSet { key: key_of(&self.fields, Some(indices)), fields: self.fields.clone() }
    }

    /// `region=eu size=1`, for people.
    pub fn described(&self) -> String {
        let pairs = self.fields.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join(" ")
    }
}

/// With lengths before the texts, so that no two sets give the same bytes.
fn key_of(fields: &BTreeMap<String, String>, indices: Option<&IndexSet>) -> String {
    let mut hash = Sha256::new();
    for (name, value) in fields {
        for text in [name, value] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        }
    }
    if let Some(indices) = indices {
        hash.update(format!("indices {indices}"));
    }
    hash.finalize()[..6].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pairs: &[(&str, &str)]) -> ParameterSet {
        let own = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
        ParameterSet::of(pairs.iter().map(own).collect())
    }

    /// Ids of runs are made of keys: a key that changes would run a scheduled time again.
    #[test]
    fn keys_stay_what_they_are() {
        assert_eq!(set(&[("region", "eu"), ("size", "1")]).key, "81ca358a0e07");
        assert_eq!(set(&[("size", "1"), ("region", "eu")]).key, "81ca358a0e07");
        assert_eq!(set(&[]).chunk(&IndexSet::range(500, 999)).key, "7c2b3e36de4c");
    }

    #[test]
    fn different_sets_have_different_keys() {
        let base = set(&[("a", "bc")]);
        for other in [set(&[("ab", "c")]), set(&[("a", "b")]), set(&[("a", "bc"), ("d", "")])] {
            assert_ne!(base.key, other.key);
        }
        assert_ne!(base.key, base.chunk(&IndexSet::range(0, 1)).key);
    }
}
