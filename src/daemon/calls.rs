//! How many calls to the cloud were made and how they ended, since the process started, and which of
//! those that the daemon can do without AWS denies.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::shared::lock;
use crate::metrics::{ApiCalls, OptionalPermission};
use crate::ports::FailureKind;

/// The operations without which runs go on, each with what is lost. Their failures stop nothing, so
/// that a denial would otherwise show only in what is missing later.
const OPTIONAL: &[(&str, &str)] = &[
    ("DescribeSubnets", "every zone of the region counts as one of the environments'"),
    ("DescribeContainerInstances", "attempts on instances stay unpriced (host-unknown)"),
    ("DescribeInstances", "attempts on instances stay unpriced (host-unknown)"),
    ("DescribeTasks", "attempts on Fargate have no zone, and reclaims are told by Batch alone"),
    ("DescribeSpotPriceHistory", "decisions follow `when_price_unknown`, attempts stay unpriced"),
    ("GetProducts", "decisions follow `when_price_unknown`, attempts stay unpriced"),
];

/// Counts by operation and outcome, and what is denied.
#[derive(Debug, Default)]
pub struct CallLog {
    counts: Mutex<BTreeMap<(String, &'static str), u64>>,
    /// By operation, account and region: whether AWS's last word was that it is denied.
    optional: Mutex<BTreeMap<(&'static str, String, String), bool>>,
}

impl CallLog {
    /// Takes down how a call ended. `place` is the account whose role it was made with (empty:
    /// spotcron's own) and the region.
    pub fn note(&self, operation: &str, place: (&str, &str), outcome: Result<(), FailureKind>) {
        let label = outcome.map_or_else(FailureKind::label, |()| "ok");
        *lock(&self.counts).entry((operation.to_owned(), label)).or_default() += 1;
        let known = OPTIONAL.iter().find(|(name, _)| *name == operation);
        if let (Some((name, lost)), Some(denied)) = (known, is_denied(outcome)) {
            self.note_optional(name, lost, place, denied);
        }
    }

    /// Logs when a denial begins and when it ends, not in between.
    fn note_optional(
        &self,
        operation: &'static str,
        lost: &str,
        (account, region): (&str, &str),
        denied: bool,
    ) {
        let key = (operation, account.to_owned(), region.to_owned());
        let before = lock(&self.optional).insert(key, denied).unwrap_or(false);
        match (before, denied) {
            (false, true) => tracing::warn!(
                operation,
                account,
                region,
                "AWS denies a permission that spotcron can do without: {lost} \
                 (docs/guide/permissions.md)"
            ),
            (true, false) => {
                tracing::info!(operation, account, region, "AWS permits the operation again")
            }
            _ => {}
        }
    }

    pub fn gauges(&self) -> Vec<ApiCalls> {
        let counts = lock(&self.counts);
        let row = |((operation, outcome), count): (&(String, &'static str), &u64)| ApiCalls {
            operation: operation.clone(),
            outcome,
            count: *count,
        };
        counts.iter().map(row).collect()
    }

    /// The optional operations that were called so far, and whether each is denied.
    pub fn optional_permissions(&self) -> Vec<OptionalPermission> {
        let optional = lock(&self.optional);
        let rows = optional.iter().map(|((operation, account, region), denied)| {
            let (account, region) = (account.clone(), region.clone());
            OptionalPermission { operation, account, region, denied: *denied }
        });
        rows.collect()
    }
}

/// Whether the answer says that the permission is missing. AWS looks at permissions before anything
/// else: who is told that a request is wrong was allowed to send it. No answer says neither.
fn is_denied(outcome: Result<(), FailureKind>) -> Option<bool> {
    match outcome {
        Err(FailureKind::Denied) => Some(true),
        Ok(()) | Err(FailureKind::Rejected | FailureKind::NotFound) => Some(false),
        Err(
            FailureKind::Throttled
            | FailureKind::Unavailable
            | FailureKind::BadResponse
            | FailureKind::RoleRefused,
        ) => None,
    }
}
