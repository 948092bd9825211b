//! Every attempt is counted once, whatever its line goes through.

use proptest::prelude::*;
use spotcron::domain::{AttemptEnd, Lifecycle, Share, Usd};
use spotcron::ledger::{
    CorrectedAmount, Counter, Direction, Entry, EntryState, Priced, Tally, Unpriced, counter_deltas,
};

use super::fixture::{Facts, attempt, between, instance};

fn entry(state: EntryState) -> Entry {
    let line = attempt(between(0, 3600), AttemptEnd::Interrupted);
    let facts = Facts { instance: Some(instance(Lifecycle::Spot)), ..Facts::spot() };
    Entry { state, ..facts.settle(&line) }
}

fn priced(cost: i128, on_demand: i128, waste: i128) -> Priced {
    Priced {
        cost: Usd::from_nanos(cost),
        on_demand: Usd::from_nanos(on_demand),
        waste: Usd::from_nanos(waste),
        share: Share::WHOLE,
        charged: between(0, 3600),
        kept_millis: None,
        first_hour_credit: false,
    }
}

fn any_state() -> impl Strategy<Value = EntryState> {
    let amounts = (0i128..50, 0i128..50, 0i128..50).prop_map(|(c, o, w)| priced(c, o, w));
    prop_oneof![
        amounts.clone().prop_map(EntryState::Provisional),
        amounts.prop_map(EntryState::Final),
        prop_oneof![Just(Unpriced::HostUnknown), Just(Unpriced::SpotPriceUnknown)]
            .prop_map(|why| EntryState::Unpriced { why }),
    ]
}

/// First counts and corrections of one amount, together.
fn counted(tally: &Tally, amount: CorrectedAmount) -> i128 {
    tally.sum(|counter| match counter {
        Counter::CostNanos { .. } => amount == CorrectedAmount::Cost,
        Counter::OnDemandNanos { .. } => amount == CorrectedAmount::OnDemand,
        Counter::WasteNanos { .. } => amount == CorrectedAmount::Waste,
        _ => false,
    }) + tally
        .iter()
        .map(|(counter, value)| match counter {
            Counter::CorrectedNanos { amount: of, direction: Direction::Up, .. }
                if *of == amount =>
            {
                value
            }
            Counter::CorrectedNanos { amount: of, .. } if *of == amount => -value,
            _ => 0,
        })
        .sum::<i128>()
}

fn unpriced_now(tally: &Tally) -> i128 {
    tally.sum(|counter| matches!(counter, Counter::UnpricedAttempts { .. }))
        - tally.sum(|counter| matches!(counter, Counter::ResolvedUnpricedAttempts { .. }))
}

proptest! {
    #[test]
    fn totals_always_say_what_the_line_says_now(
        states in proptest::collection::vec((any_state(), 1usize..3), 1..8)
    ) {
        let mut tally = Tally::default();
        let mut stored: Option<Entry> = None;
        for (state, times) in states {
            let after = entry(state);
            // A repeated activation, or one after a restart, finds the line as it left it.
            for _ in 0..times {
                for (counter, by) in counter_deltas(stored.as_ref(), &after) {
                    prop_assert!(by >= 0, "{:?} fell by {}", counter, by);
                    tally.add(counter, by);
                }
                stored = Some(after.clone());
            }
            let last = match &after.state {
                EntryState::Final(amounts) => amounts.clone(),
                _ => priced(0, 0, 0),
            };
            for amount in CorrectedAmount::ALL {
                prop_assert_eq!(counted(&tally, amount), amount.of(&last).nanos());
                prop_assert_eq!(tally.corrected(amount), amount.of(&last));
            }
            prop_assert_eq!(unpriced_now(&tally), i128::from(after.unpriced().is_some()));
            prop_assert_eq!(tally.realized_savings(), last.on_demand - last.cost);
        }
    }
}

#[test]
fn a_provisional_line_is_counted_when_it_becomes_final_and_only_then() {
    let provisional = entry(EntryState::Provisional(priced(50, 0, 50)));
    let settled = entry(EntryState::Final(priced(0, 0, 0)));
    assert_eq!(counter_deltas(None, &provisional), []);
    let tally: Tally = counter_deltas(Some(&provisional), &settled).into_iter().collect();
    assert_eq!(tally.sum(|_| true), 0);
    assert_eq!(counter_deltas(Some(&settled), &settled), []);
}

#[test]
fn a_final_line_that_changes_leaves_its_first_count_and_adds_a_correction() {
    let first = entry(EntryState::Final(priced(50, 80, 0)));
    let repriced = entry(EntryState::Final(priced(40, 80, 0)));
    let deltas = counter_deltas(Some(&first), &repriced);
    assert_eq!(deltas.len(), 1, "{deltas:?}");
    assert!(matches!(
        deltas[0],
        (
            Counter::CorrectedNanos {
                amount: CorrectedAmount::Cost,
                direction: Direction::Down,
                ..
            },
            10
        )
    ));
}

#[test]
fn corrections_both_ways_are_told_apart_and_neither_falls() {
    let costs = [50, 40, 45, 10, 90];
    let mut tally = Tally::default();
    let mut before: Option<Entry> = None;
    for cost in costs {
        let after = entry(EntryState::Final(priced(cost, 80, 0)));
        counter_deltas(before.as_ref(), &after).into_iter().for_each(|(c, by)| tally.add(c, by));
        before = Some(after);
    }
    let way = |way: Direction| {
        tally.sum(|c| matches!(c, Counter::CorrectedNanos { direction, .. } if *direction == way))
    };
    assert_eq!((way(Direction::Up), way(Direction::Down)), (5 + 80, 10 + 35));
    assert_eq!(tally.corrected(CorrectedAmount::Cost), Usd::from_nanos(90));
}

/// What a store holds that was written before directions and environments were told apart.
#[test]
fn counters_of_an_older_store_are_read_as_todays() {
    let labels = r#""job":"j","class":"c","environment":"e","capacity":"spot""#;
    let net = |amount: &str| -> Counter {
        let text = format!(r#"{{"counter":"correction-nanos","amount":"{amount}",{labels}}}"#);
        serde_json::from_str(&text).unwrap()
    };
    let runs = r#"{"counter":"runs","job":"j","class":"c","outcome":"succeeded"}"#;
    let runs_counter: Counter = serde_json::from_str(runs).unwrap();
    assert_eq!(serde_json::to_string(&runs_counter).unwrap(), runs, "the key of its row is kept");
    let corrected = |amount, direction| Counter::CorrectedNanos {
        amount,
        direction,
        job: "j".into(),
        class: "c".into(),
        environment: "e".into(),
        capacity: spotcron::domain::Capacity::Spot,
    };
    use CorrectedAmount::{Cost, Waste};
    let mut tally: Tally =
        [(net("cost"), -30), (net("waste"), 7), (runs_counter, 3)].into_iter().collect();
    // What is counted from now on stands in rows of its own.
    tally.add(corrected(Cost, Direction::Up), 100);
    tally.add(corrected(Cost, Direction::Down), 1);
    let total = |counter: Counter| tally.sum(|known| *known == counter);
    assert_eq!(total(corrected(Cost, Direction::Down)), 31);
    assert_eq!(total(corrected(Cost, Direction::Up)), 100);
    assert_eq!(total(corrected(Waste, Direction::Up)), 7);
    assert_eq!(tally.corrected(Cost), Usd::from_nanos(69));
    assert!(
        !tally.iter().any(|(counter, _)| matches!(counter, Counter::NetCorrectionNanos { .. }))
    );
}
