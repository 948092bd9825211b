//! What a run has cost so far, as far as that is known before all of it is settled.

use std::collections::BTreeMap;

use super::Entry;
use crate::catalogue::Catalogue;
use crate::domain::{Accrual, Share, Usd};
use crate::run::{AttemptKey, AttemptRecord, Run};

/// What `run` cost so far: its attempts, and its data in each environment where a leg began.
pub fn spent_by_run(
    catalogue: &Catalogue,
    run: &Run,
    attempts: &[AttemptRecord],
    entries: &[Entry],
) -> Usd {
    let begun = run.legs.iter().filter(|leg| leg.started_at.is_some());
    let data = begun.filter_map(|leg| catalogue.environments.get(&leg.environment));
    data.fold(spent(attempts, entries), |sum, environment| sum + environment.data_cost)
}

/// What these attempts of one run cost: by their lines in the ledger, provisional ones included; those
/// that have none, or no price there, by what an hour was expected to cost when their leg was decided.
/// What neither is known of counts for nothing.
pub fn spent(attempts: &[AttemptRecord], entries: &[Entry]) -> Usd {
    let lines = entries.iter().filter_map(|entry| Some((&entry.key, entry.priced()?.cost)));
    let lines: BTreeMap<&AttemptKey, Usd> = lines.collect();
    let expected = |attempt: &AttemptRecord| {
        let price = attempt.terms?.expected_price?;
        Some(Accrual::of(price, attempt.window()?.millis()).to_usd(Share::WHOLE))
    };
    attempts
        .iter()
        .filter_map(|attempt| lines.get(&attempt.key).copied().or_else(|| expected(attempt)))
        .fold(Usd::ZERO, |sum, cost| sum + cost)
}
