//! What a run has cost before all of it is settled.

use spotcron::domain::{AttemptEnd, Usd};
use spotcron::ledger::{Entry, EntryState, Unpriced, spent};
use spotcron::run::{AttemptRecord, PriceTerms};

use super::fixture::{Facts, attempt, between, price};

/// Half an hour of the leg with this index, expected to cost 0.08 an hour.
fn ran(leg: u16) -> AttemptRecord {
    let mut ran = attempt(between(60, 1860), AttemptEnd::Interrupted);
    ran.key.leg = leg;
    ran.terms = Some(PriceTerms { expected_price: Some(price("0.08")), ..PriceTerms::default() });
    ran
}

fn line(of: &AttemptRecord, state: EntryState) -> Entry {
    Entry { key: of.key.clone(), state, ..Facts::spot().settle(of) }
}

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

#[test]
fn lines_of_the_ledger_count_and_what_has_none_by_its_expected_price() {
    let (first, second) = (ran(0), ran(1));
    assert_eq!(spent(&[], &[]), Usd::ZERO);
    assert_eq!(spent(&[first.clone(), second.clone()], &[]), usd("0.08"));
    let priced = Facts::spot().settle(&first);
    let cost = priced.priced().unwrap().cost;
    assert_ne!(cost, usd("0.04"));
    assert_eq!(
        spent(&[first.clone(), second.clone()], std::slice::from_ref(&priced)),
        cost + usd("0.04")
    );
    let provisional = line(&first, EntryState::Provisional(priced.priced().unwrap().clone()));
    assert_eq!(spent(std::slice::from_ref(&first), &[provisional]), cost);
    let unpriced = line(&first, EntryState::Unpriced { why: Unpriced::HostUnknown });
    assert_eq!(spent(&[first, second], &[unpriced]), usd("0.08"));
}

#[test]
fn what_runs_or_was_decided_before_prices_were_kept_counts_for_nothing() {
    let mut running = ran(0);
    running.stopped_at = None;
    let old = AttemptRecord { terms: Some(PriceTerms::default()), ..ran(1) };
    let older = AttemptRecord { terms: None, ..ran(2) };
    assert_eq!(spent(&[running, old, older], &[]), Usd::ZERO);
}
