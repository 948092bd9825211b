//! Who asked for what, when, and what came of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Answer, Refusal};

/// One command and its outcome. Durable together with what the command changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditRecord {
    pub at: Timestamp,
    /// The name of a token.
    pub by: String,
    /// The client's own name of the request: a second one of the same name does nothing more.
    pub key: Option<String>,
    /// Hex SHA-256 of the whole request, values of parameters included, to tell a repeated request
    /// from another one under the same key.
    pub fingerprint: String,
    /// As JSON, the values of parameters as `***`.
    pub command: serde_json::Value,
    pub outcome: Outcome,
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    Done { answer: Answer },
    Refused { refusal: Refusal },
}

/// Which records to list; newest first.
#[derive(Debug, Clone, Default)]
pub struct AuditQuery {
    pub by: Option<String>,
    pub since: Option<Timestamp>,
    pub limit: Option<u32>,
}

/// A record as it is shown: the same over HTTP and in this program's own output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shown {
    pub at: Timestamp,
    pub by: String,
    pub key: Option<String>,
    pub command: serde_json::Value,
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The outcome for people, a sentence or two an entry.
    pub said: Vec<String>,
    /// The request had been made before; nothing was done again.
    pub repeated: bool,
}

impl Shown {
    pub fn of(record: AuditRecord, repeated: bool) -> Self {
        let said = match &record.outcome {
            Outcome::Done { answer } => answer.to_string(),
            Outcome::Refused { refusal } => refusal.to_string(),
        };
        Shown {
            at: record.at,
            by: record.by,
            key: record.key,
            command: record.command,
            outcome: record.outcome,
            said: said.lines().map(str::to_owned).collect(),
            repeated,
        }
    }
}
