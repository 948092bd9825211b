//! The bill against the ledger: every nano of the difference is listed under a name, or stands out.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::Usd;

use super::{Account, BilledResource, Entry, Summary, Unpriced};

/// One billed thing: `bill = attempts + idle + unpriced + discount + rounding + unexplained`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReconciledLine {
    pub resource: BilledResource,
    pub bill: Usd,
    pub attempts: Usd,
    pub idle: Usd,
    pub unpriced: Usd,
    pub discount: Usd,
    pub rounding: Usd,
    pub unexplained: Usd,
}

/// `bill − ledger = idle + unpriced + discount + rounding + unexplained`, exactly.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reconciliation {
    pub bill: Usd,
    /// The cost of every priced line, provisional ones included.
    pub ledger: Usd,
    /// Paid for and not reserved by any attempt, also on instances that never had one.
    pub idle: Usd,
    /// Charges around attempts that have no price (yet), and of instances whose price or end is not
    /// known here.
    pub unpriced: Usd,
    /// What classes' discounts take off the list price that the bill is at.
    pub discount: Usd,
    pub rounding: Usd,
    /// Zero, or something is wrong with the ledger, its facts or the bill.
    pub unexplained: Usd,
    /// By resource.
    pub lines: Vec<ReconciledLine>,
}

/// Lays `bill` (any number of lines for each thing) beside `accounts` (one for each thing known) and
/// the ledger's `entries` (those in the accounts, and those that no host is known of).
pub fn reconcile(
    bill: &[(BilledResource, Usd)],
    accounts: &[Account],
    entries: &[Entry],
) -> Reconciliation {
    let mut billed: BTreeMap<&BilledResource, (Usd, u32)> = BTreeMap::new();
    for (resource, amount) in bill {
        let (sum, lines) = billed.entry(resource).or_default();
        *sum += *amount;
        *lines = lines.saturating_add(1);
    }
    let mut lines: BTreeMap<&BilledResource, ReconciledLine> = BTreeMap::new();
    for account in accounts {
        let (amount, count) = billed.remove(&account.resource).unwrap_or_default();
        lines.insert(&account.resource, of_account(account, amount, count));
    }
    let host_unknown = entries.iter().any(|e| e.unpriced() == Some(Unpriced::HostUnknown));
    for (resource, (amount, _)) in billed {
        lines.insert(resource, of_stranger(resource, amount, host_unknown));
    }
    total(Summary::of(entries).cost, lines.into_values().collect())
}

fn of_account(account: &Account, bill: Usd, count: u32) -> ReconciledLine {
    let mut line = ReconciledLine {
        resource: account.resource.clone(),
        bill,
        attempts: account.attempts,
        idle: account.idle,
        unpriced: account.unpriced,
        discount: account.discount,
        rounding: account.rounding,
        unexplained: account.unexplained,
    };
    let Some(charge) = account.charge else {
        line.unpriced += bill - account.attempts;
        return line;
    };
    let drift = bill - charge;
    // Half a nano for each line of the bill, and half for the charge.
    if drift.nanos().abs() * 2 <= i128::from(count) + 1 {
        line.rounding += drift;
    } else if account.end_unknown {
        line.unpriced += drift;
    } else {
        line.unexplained += drift;
    }
    line
}

/// A billed thing that no attempt was ever seen on: it was idle, unless there are attempts whose
/// host is not known, which may have run there.
fn of_stranger(resource: &BilledResource, bill: Usd, host_unknown: bool) -> ReconciledLine {
    let (idle, unpriced) = if host_unknown { (Usd::ZERO, bill) } else { (bill, Usd::ZERO) };
    ReconciledLine {
        resource: resource.clone(),
        bill,
        attempts: Usd::ZERO,
        idle,
        unpriced,
        discount: Usd::ZERO,
        rounding: Usd::ZERO,
        unexplained: Usd::ZERO,
    }
}

fn total(ledger: Usd, lines: Vec<ReconciledLine>) -> Reconciliation {
    let mut sums = Reconciliation { ledger, ..Reconciliation::default() };
    for line in &lines {
        sums.bill += line.bill;
        sums.idle += line.idle;
        sums.unpriced += line.unpriced;
        sums.discount += line.discount;
        sums.rounding += line.rounding;
    }
    // Not the sum of the lines' own: a ledger line that is on no account shows here as well.
    sums.unexplained =
        sums.bill - sums.ledger - sums.idle - sums.unpriced - sums.discount - sums.rounding;
    sums.lines = lines;
    sums
}
