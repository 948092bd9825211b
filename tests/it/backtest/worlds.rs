//! Worlds: as long as their hazards say, the same for the same seed, and launches that go where they can.

use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use spotcron::backtest::{Availability, Backtest, Band, Launches};
use spotcron::policy::Phase;
use spotcron::policy::lifetimes::PRIOR;

use super::{from_zero, history};

#[test]
fn spans_last_as_long_as_their_hazards_say() {
    let mut dice = ChaCha8Rng::seed_from_u64(11);
    let millis = 20_000 * 8 * 3_600_000i64;
    let drawn = Availability::drawn(&PRIOR, Phase::Up, 0, millis, &mut dice);
    let spans = drawn.spans();
    assert!(spans.len() > 10_000);
    let ups: Vec<i64> = spans.iter().map(|up| (up.until - up.from) / 1000).collect();
    let downs: Vec<i64> =
        spans.windows(2).map(|pair| (pair[1].from - pair[0].until) / 1000).collect();
    for (phase, lengths) in [(Phase::Up, ups), (Phase::Down, downs)] {
        for secs in [300, 600, 3600, 4 * 3600, 12 * 3600, 24 * 3600] {
            let longer = lengths.iter().filter(|length| **length > secs).count();
            let share = longer as f64 / lengths.len() as f64;
            let expected = PRIOR.survival(phase, 0, secs);
            // Four standard errors, and what steps of a minute are coarser than none.
            let error = 4.0 * (expected * (1.0 - expected) / lengths.len() as f64).sqrt() + 0.006;
            assert!((share - expected).abs() < error, "{phase:?} {secs}: {share}, {expected}");
        }
    }
}

#[test]
fn without_hazards_nothing_ends() {
    let mut dice = ChaCha8Rng::seed_from_u64(1);
    let drawn = Availability::drawn(&PRIOR.riskier(0.0), Phase::Up, 0, i64::MAX / 8, &mut dice);
    assert_eq!(drawn.spans().len(), 1);
}

#[test]
fn a_world_is_a_function_of_its_seed_and_number() {
    let due: Vec<i64> = (0..48).map(|half| half * 30).collect();
    let backtest = Backtest::prepare(history(from_zero(), &["0.06", "0.07"], &due));
    let play = |seed, number| backtest.play(&[backtest.draw(seed, number)]);
    assert_eq!(play(1, 2), play(1, 2));
    assert_ne!(play(1, 2), play(1, 3));
    assert_ne!(play(1, 2), play(2, 2));
}

#[test]
fn bands_are_values_of_worlds() {
    let band = Band::of((1..=200).rev());
    assert_eq!((band.low, band.median, band.high), (10, 100, 190));
    let one = Band::of([7]);
    assert_eq!((one.low, one.median, one.high), (7, 7, 7));
    assert_eq!(Band::<u64>::of([]).median, 0);
}

/// Spans that are apart, from gaps and lengths.
fn spans(parts: &[(i64, i64)]) -> Availability {
    let mut at = 0;
    Availability::of_spans(parts.iter().map(|(gap, length)| {
        let from = at + gap;
        at = from + length;
        (from, at)
    }))
}

fn pools() -> impl Strategy<Value = Vec<(Vec<(i64, i64)>, i64)>> {
    let parts = prop::collection::vec((1..9i64, 1..9i64), 0..6);
    prop::collection::vec((parts, -5..20i64), 1..4)
}

proptest! {
    /// At every moment against a look at all pools.
    #[test]
    fn launches_go_to_the_pool_that_is_up_longest(pools in pools()) {
        let drawn: Vec<(Availability, i64)> =
            pools.iter().map(|(parts, usable)| (spans(parts), *usable)).collect();
        let known: Vec<(&Availability, i64)> =
            drawn.iter().map(|(availability, usable)| (availability, *usable)).collect();
        let launches = Launches::of(&known);
        let up_at = |at: i64| {
            let ups = drawn.iter().flat_map(|(availability, usable)| {
                availability.spans().iter().map(move |up| (up.from.max(*usable), up.until))
            });
            ups.filter(|(from, until)| (*from..*until).contains(&at)).collect::<Vec<_>>()
        };
        for at in -10..120 {
            let ups = up_at(at);
            prop_assert_eq!(launches.are_up(at), !ups.is_empty());
            let next = (at..120).find(|at| !up_at(*at).is_empty());
            let launch = launches.from(at);
            prop_assert_eq!(launch.map(|launch| launch.from), next);
            if let (Some(launch), Some(next)) = (launch, next) {
                let there = up_at(next);
                prop_assert!(there.iter().any(|(_, until)| *until == launch.until));
                let (availability, usable) = &drawn[launch.pool];
                let up = availability.spans().iter().find(|up| up.until == launch.until);
                prop_assert!(up.is_some_and(|up| up.from.max(*usable) <= next));
            }
        }
    }
}
