//! What a changed line adds to the exact totals.

use crate::domain::Usd;

use super::{CorrectedAmount, Counter, Direction, Entry, EntryState, Priced, Unpriced};

/// What the totals must be raised by when a stored line `before` becomes `after`, to be written in
/// the same transaction as `after`: then every attempt is counted exactly once, over any number of
/// restarts and repetitions. Provisional amounts are not counted. A final amount that changes later
/// is not counted again: the difference is a correction.
pub fn counter_deltas(before: Option<&Entry>, after: &Entry) -> Vec<(Counter, i128)> {
    let mut deltas = Vec::new();
    match (before.map(|entry| &entry.state), &after.state) {
        (Some(EntryState::Final(old)), EntryState::Final(new)) => {
            deltas.extend(corrections(after, old, Some(new)));
        }
        (Some(EntryState::Final(old)), _) => deltas.extend(corrections(after, old, None)),
        (_, EntryState::Final(new)) => deltas.extend(first_amounts(after, new)),
        _ => {}
    }
    let was = before.and_then(Entry::unpriced);
    let is = after.unpriced();
    if was != is {
        deltas.extend(was.map(|why| (resolved(after, why), 1)));
        deltas.extend(is.map(|why| (unpriced(after, why), 1)));
    }
    // Zero cost and zero equivalent are kept: a difference of two series needs both.
    let adds = |counter: &Counter| {
        matches!(counter, Counter::CostNanos { .. } | Counter::OnDemandNanos { .. })
    };
    deltas.retain(|(counter, by)| *by != 0 || adds(counter));
    deltas
}

fn first_amounts(entry: &Entry, new: &Priced) -> [(Counter, i128); 3] {
    let (job, class) = (entry.job.clone(), entry.class.clone());
    let environment = entry.environment.clone();
    [
        (
            Counter::CostNanos {
                job: job.clone(),
                class: class.clone(),
                environment: environment.clone(),
                capacity: entry.capacity,
            },
            new.cost.nanos(),
        ),
        (
            Counter::OnDemandNanos {
                job: job.clone(),
                class: class.clone(),
                environment: environment.clone(),
            },
            new.on_demand.nanos(),
        ),
        (Counter::WasteNanos { job, class, environment }, new.waste.nanos()),
    ]
}

fn corrections(entry: &Entry, old: &Priced, new: Option<&Priced>) -> [(Counter, i128); 3] {
    CorrectedAmount::ALL.map(|amount| {
        let now = new.map_or(Usd::ZERO, |priced| amount.of(priced));
        let (direction, by) = Direction::of((now - amount.of(old)).nanos());
        let counter = Counter::CorrectedNanos {
            amount,
            direction,
            job: entry.job.clone(),
            class: entry.class.clone(),
            environment: entry.environment.clone(),
            capacity: entry.capacity,
        };
        (counter, by)
    })
}

fn unpriced(entry: &Entry, why: Unpriced) -> Counter {
    Counter::UnpricedAttempts {
        class: entry.class.clone(),
        environment: entry.environment.clone(),
        reason: why.label().to_owned(),
    }
}

fn resolved(entry: &Entry, why: Unpriced) -> Counter {
    Counter::ResolvedUnpricedAttempts {
        class: entry.class.clone(),
        environment: entry.environment.clone(),
        reason: why.label().to_owned(),
    }
}
