//! What people asked of a run, beside what its schedule and class say.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::decision::ForcedOnDemand;
use crate::domain::Redacted;

/// The traces of commands on one run; empty for a run that only its schedule made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ByHand {
    /// When it was last opened: by a trigger, by its place in a backfill, or by a retry. Deadlines and
    /// patience with refusals count from here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<Timestamp>,
    /// Legs before the last retry. They do not count against `max_legs`.
    pub legs_before: u16,
    /// Instead of the job's parameters of the same names, in every leg. Stored as they are, because
    /// the next leg needs them; shown nowhere.
    #[serde(with = "as_they_are", skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, Redacted>,
    /// Its further legs go only to capacity that is not taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forced: Option<ForcedOnDemand>,
}

impl ByHand {
    pub fn is_untouched(&self) -> bool {
        *self == ByHand::default()
    }
}

/// [`Redacted`] serialises as `***`, which is right everywhere but here.
mod as_they_are {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use crate::domain::Redacted;

    pub fn serialize<S: Serializer>(
        values: &BTreeMap<String, Redacted>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(values.iter().map(|(name, value)| (name, value.expose())))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<String, Redacted>, D::Error> {
        BTreeMap::deserialize(deserializer)
    }
}
