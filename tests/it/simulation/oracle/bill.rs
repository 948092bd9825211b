//! What AWS charges is in the ledger, or named.

use spotcron::domain::Usd;

use crate::simulation::life::Evidence;

/// In the end everything that ran has a line in the ledger, priced or not.
pub fn every_attempt_has_its_line(evidence: &Evidence) -> Vec<String> {
    // Prices are asked for up to what the clock shows: one that is slow waits for them.
    let lineless = evidence.lineless.iter().filter(|_| !evidence.clock_was_set);
    lineless.map(|key| format!("{key:?} ended and has no line in the ledger")).collect()
}

/// Where clocks are set and jobs are hidden, lives of instances cannot be told from what is seen of them.
pub fn the_bill_is_explained(evidence: &Evidence) -> Vec<String> {
    let obscure = evidence.clock_was_set
        || !evidence.hidden.is_empty()
        || evidence.story.long_absence
        || evidence.duplicates_noticed() > 0
        || evidence.unknown() > 0;
    if obscure || evidence.bill.unexplained_usd == Usd::ZERO {
        return Vec::new();
    }
    vec![format!("the bill is not explained: {:?}", evidence.bill)]
}
