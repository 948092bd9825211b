//! Work that survives an interruption: what it would have cost on demand counts once, however often it was
//! interrupted.

use jiff::SignedDuration;
use proptest::prelude::*;
use spotcron::domain::{AttemptEnd, Usd};
use spotcron::ledger::{Evidence, Priced, settle};
use spotcron::run::Checkpoints;

use super::fixture::{Facts, attempt, between, final_amounts};
use crate::samples::mins;

/// Every ten minutes, and two to pick one up.
fn every_ten_minutes(restored: bool) -> Checkpoints {
    Checkpoints { interval_millis: 600_000, restore_millis: 120_000, restored }
}

/// Of half an instance: 0.20 USD an hour on demand, 0.05 on spot.
fn priced(facts: &Facts, secs: i64, end: AttemptEnd, restored: bool) -> Priced {
    let checkpoints = Some(every_ten_minutes(restored));
    let evidence = Evidence { checkpoints, ..facts.evidence() };
    final_amounts(&settle(&attempt(between(0, secs), end), &evidence).unwrap()).clone()
}

fn nanos(priced: &Priced) -> [i128; 3] {
    [priced.cost, priced.on_demand, priced.waste].map(Usd::nanos)
}

#[test]
fn what_a_checkpoint_saved_stands_against_on_demand_and_the_rest_is_waste() {
    // 47 minutes: 40 were saved. 0.05 · 47/60, 0.20 · 40/60, and 7/47 of the cost.
    let lost = priced(&Facts::spot(), 47 * 60, AttemptEnd::Interrupted, false);
    assert_eq!(nanos(&lost), [39_166_667, 133_333_333, 5_833_333]);
    assert_eq!(lost.kept_millis, Some(40 * 60_000));
    // With a checkpoint picked up first, 45 minutes of work: 40 of them.
    let again = priced(&Facts::spot(), 47 * 60, AttemptEnd::Interrupted, true);
    assert_eq!(again.kept_millis, Some(40 * 60_000));
    let sooner = priced(&Facts::spot(), 41 * 60, AttemptEnd::Interrupted, true);
    assert_eq!(sooner.kept_millis, Some(30 * 60_000));
}

#[test]
fn who_ended_by_itself_kept_all_but_the_restore() {
    let first = priced(&Facts::spot(), 3600, AttemptEnd::Succeeded, false);
    assert_eq!(nanos(&first), [50_000_000, 200_000_000, 0]);
    // 58 of 60 minutes, and 2/60 of the cost.
    let last = priced(&Facts::spot(), 3600, AttemptEnd::Succeeded, true);
    assert_eq!(nanos(&last), [50_000_000, 193_333_333, 1_666_667]);
}

#[test]
fn what_is_moved_from_on_demand_saves_and_loses_only_what_is_repeated() {
    let moved = priced(&Facts::on_demand(), 47 * 60, AttemptEnd::Stopped, false);
    assert_eq!(nanos(&moved), [156_666_667, 133_333_333, 23_333_333]);
}

#[test]
fn what_no_checkpoint_reached_is_all_lost() {
    let short = priced(&Facts::spot(), 599, AttemptEnd::Interrupted, false);
    assert_eq!((short.on_demand, short.waste), (Usd::ZERO, short.cost));
}

/// Of an attempt that Batch repeats by itself the leg does not know that it began with a checkpoint.
#[test]
fn a_repeated_attempt_begins_with_a_checkpoint() {
    let mut second = attempt(between(0, 3600), AttemptEnd::Succeeded);
    second.key.number = 2;
    let checkpoints = Some(every_ten_minutes(false));
    let facts = Facts::spot();
    let evidence = Evidence { checkpoints, ..facts.evidence() };
    let entry = settle(&second, &evidence).unwrap();
    assert_eq!(final_amounts(&entry).kept_millis, Some(58 * 60_000));
}

proptest! {
    /// However a run of so much work is cut in pieces, all that was kept together is its work, to what it
    /// would have cost on demand in one piece but for one rounding a piece.
    #[test]
    fn the_work_of_a_run_counts_once(
        work_mins in 1i64..110,
        cuts in prop::collection::vec(1i64..7000, 0..8),
    ) {
        let facts = Facts::spot();
        let (mut left, mut restored, mut kept, mut on_demand) = (mins(work_mins), false, 0, 0);
        for secs in cuts {
            let needed = left + if restored { mins(2) } else { SignedDuration::ZERO };
            if SignedDuration::from_secs(secs) >= needed {
                continue;
            }
            let piece = priced(&facts, secs, AttemptEnd::Interrupted, restored);
            kept += piece.kept_millis.unwrap();
            on_demand += piece.on_demand.nanos();
            left -= SignedDuration::from_millis(piece.kept_millis.unwrap());
            restored |= piece.kept_millis > Some(0);
            prop_assert!(piece.waste <= piece.cost);
        }
        let secs = left.as_secs() + if restored { 120 } else { 0 };
        let last = priced(&facts, secs, AttemptEnd::Succeeded, restored);
        prop_assert_eq!(kept + last.kept_millis.unwrap(), work_mins * 60_000);
        let whole = i128::from(work_mins) * 200_000_000 / 60;
        let off = on_demand + last.on_demand.nanos() - whole;
        prop_assert!(off.abs() <= 9, "{}", off);
    }
}
