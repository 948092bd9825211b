//! Values that people put secrets into: held, sent to Batch, never shown.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// A parameter's or environment variable's value. `Debug`, `Display` and `Serialize` print `***`;
/// only [`Redacted::expose`] gives the text, and only the submission, the search for secrets in the
/// catalogue and the store's row of a run that carries overrides call it.
#[derive(Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(transparent)]
pub struct Redacted(String);

impl Redacted {
    pub fn new(text: impl Into<String>) -> Self {
        Redacted(text.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Serialize for Redacted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("***")
    }
}
