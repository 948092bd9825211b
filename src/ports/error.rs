//! How a call to the cloud fails.

use serde::{Deserialize, Serialize};

/// What kind of failure it was, which is all that the caller may act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The account's rate limit: try again later, more slowly.
    Throttled,
    /// Missing or refused permission, or expired credentials.
    Denied,
    /// The role through which the account is entered cannot be assumed: no call there can succeed
    /// until that is put right, and calls elsewhere are not concerned.
    RoleRefused,
    /// The request itself is wrong; repeating it cannot help.
    Rejected,
    /// The thing named does not exist (or no longer).
    NotFound,
    /// Timeout, broken connection, 5xx: try again later.
    Unavailable,
    /// The answer lacked what it must have.
    BadResponse,
}

impl FailureKind {
    pub const fn label(self) -> &'static str {
        match self {
            FailureKind::Throttled => "throttled",
            FailureKind::Denied => "denied",
            FailureKind::RoleRefused => "role-refused",
            FailureKind::Rejected => "rejected",
            FailureKind::NotFound => "not-found",
            FailureKind::Unavailable => "unavailable",
            FailureKind::BadResponse => "bad-response",
        }
    }
}

/// A failed call. Its text can be read alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation}: {message}")]
pub struct ServiceError {
    /// AWS's name of the operation: `DescribeJobs`.
    pub operation: &'static str,
    pub kind: FailureKind,
    pub message: String,
}

impl ServiceError {
    pub fn new(operation: &'static str, kind: FailureKind, message: impl Into<String>) -> Self {
        ServiceError { operation, kind, message: message.into() }
    }

    /// Whether other calls to the same place will hardly fare better just now. A request that is wrong,
    /// or names what does not exist, says nothing of the others.
    pub const fn is_of_the_place(&self) -> bool {
        !matches!(self.kind, FailureKind::Rejected | FailureKind::NotFound)
    }

    /// Which of two failures is told: one that may concern everything before one account's own.
    pub fn over(self, earlier: Option<ServiceError>) -> ServiceError {
        match earlier {
            Some(earlier)
                if self.kind == FailureKind::RoleRefused
                    && earlier.kind != FailureKind::RoleRefused =>
            {
                earlier
            }
            _ => self,
        }
    }
}
