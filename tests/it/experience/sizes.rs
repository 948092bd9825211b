//! Lengths by the size of inputs: when they are scaled, by how much, and how often a run is longer than
//! planned.

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use spotcron::domain::InputSize;
use spotcron::experience::durations::{JobDurations, Lengths, RunSize, Scaling, Worked};

use super::{NOW, secs};
use crate::samples::at;

fn size(size: f32) -> InputSize {
    InputSize::try_from(size).unwrap()
}

fn record(seen: &mut JobDurations, length: f64, of: f32) {
    seen.record(Worked::Whole(secs(length.round() as i64)), Some(size(of)), at(NOW));
}

fn asked(seen: &JobDurations, stated: i64, of: RunSize) -> Lengths {
    seen.lengths_of(of, secs(stated), 95, secs(0))
}

fn lengths(seen: &JobDurations, stated: i64, of: f32) -> Lengths {
    asked(seen, stated, RunSize::Known(size(of)))
}

fn unscaled(seen: &JobDurations, stated: i64) -> Lengths {
    seen.lengths(secs(stated), 95, secs(0))
}

#[test]
fn only_numbers_above_zero_are_sizes() {
    for text in ["1", " 10 ", "0.5", "1e6", "+3", "250000000"] {
        assert!(InputSize::parse(text).is_some(), "{text}");
    }
    let absurd = ["", "0", "-1", "-0", "NaN", "inf", "-inf", "1e400", "1e-400", "1e39", "1e-44"];
    for text in absurd.into_iter().chain(["ten", "1,5", "1_000", "0x10", "10 GB", "{{ x }}"]) {
        assert_eq!(InputSize::parse(text), None, "{text}");
    }
    let shown = ["1", "0.5", "1e6", "1e12", "1e-5"].map(|it| InputSize::parse(it).unwrap());
    assert_eq!(shown.map(|it| it.to_string()), ["1", "0.5", "1000000", "1e12", "1e-5"]);
    let stored = serde_json::from_str::<InputSize>;
    assert!(stored("-1.0").is_err() && stored("0").is_err() && stored("1e300").is_err());
}

/// By hand: ten runs of 100 s a unit, and three of the stated 700 s for the usual size, which is 6.
#[test]
fn lengths_in_proportion_are_scaled_to_a_run_s_own_size() {
    let mut seen = JobDurations::default();
    (1..=9).for_each(|n| record(&mut seen, 100.0 * f64::from(n), n as f32));
    let few = lengths(&seen, 700, 2.0);
    assert_eq!(few, Lengths { scaling: Scaling::FewSeen, ..unscaled(&seen, 700) });
    record(&mut seen, 1000.0, 10.0);
    let two = lengths(&seen, 700, 2.0);
    assert_eq!(two.scaling, Scaling::By(size(2.0)));
    assert_eq!((two.finished, two.unfinished), (10, 0));
    let mean: f64 = (10.0 * 200.0 + 3.0 * 700.0 * 2.0 / 6.0) / 13.0;
    assert_eq!(two.expected, secs(mean.round() as i64));
    assert_eq!(two.planned.as_millis(), 233_333, "the stated one is the longest");
    let hundred = lengths(&seen, 700, 100.0);
    assert_eq!(hundred.planned.as_millis(), 11_666_667);
    // What is done already is not there to be done.
    let of = RunSize::Known(size(10.0));
    let after = seen.lengths_of(of, secs(300), 95, secs(900));
    assert_eq!((after.expected, after.planned), (secs(1000), secs(1000)));
}

#[test]
fn a_run_whose_size_is_not_known_is_planned_for_without_it() {
    let mut seen = JobDurations::default();
    (1..=30).for_each(|n| record(&mut seen, 100.0 * f64::from(n), n as f32));
    let plain = unscaled(&seen, 700);
    assert_eq!(asked(&seen, 700, RunSize::NotNamed), plain);
    let missing = Lengths { scaling: Scaling::SizeMissing, ..plain };
    assert_eq!(asked(&seen, 700, RunSize::Missing), missing);
    // Runs of no known size count for those without one only.
    for _ in 0..20 {
        seen.record(Worked::Whole(secs(5)), None, at(NOW));
    }
    assert_eq!(lengths(&seen, 700, 1.0).finished, 30);
    assert_eq!(asked(&seen, 700, RunSize::Missing).finished, 50);
    // Of a job that named no parameter until now nothing is known by size.
    let mut before = JobDurations::default();
    (0..50).for_each(|_| before.record(Worked::Whole(secs(500)), None, at(NOW)));
    assert_eq!(lengths(&before, 700, 1.0).scaling, Scaling::FewSeen);
}

/// What a store from before there were sizes holds, and what is kept now, read back.
#[test]
fn what_is_stored_is_what_was_learnt() {
    let mut seen: JobDurations =
        serde_json::from_str(r#"{"kept": [[60, true], [30, false]], "seen": 7}"#).unwrap();
    assert_eq!(
        lengths(&seen, 60, 1.0),
        Lengths { scaling: Scaling::FewSeen, ..unscaled(&seen, 60) }
    );
    let text = serde_json::to_string(&seen).unwrap();
    assert!(!text.contains("sizes"), "{text}");
    for n in 1..=250 {
        let of = InputSize::parse(&format!("{}.{n}", n * 7919)).filter(|_| n % 3 > 0);
        seen.record(Worked::Whole(secs(n)), of, at(NOW));
        let text = serde_json::to_string(&seen).unwrap();
        assert_eq!(serde_json::from_str::<JobDurations>(&text).unwrap(), seen);
    }
    assert_eq!((unscaled(&seen, 60).finished, lengths(&seen, 60, 1.0).finished), (200, 133));
}

/// A true length: in proportion to its size, or not, and within half of that in each direction.
fn draw(rng: &mut ChaCha8Rng, proportional: bool) -> (f64, f32) {
    let of = rng.random_range(1..=10) as f32;
    let noise: f64 = rng.random_range(0.5..=1.5);
    (noise * if proportional { 200.0 * f64::from(of) } else { 1000.0 }, of)
}

/// The part of runs that are longer than planned, whose planned length for a size of 1 is scaled, and how
/// long that is on average beside the unscaled.
fn outcomes(runs: usize, proportional: bool) -> (f64, f64, f64) {
    let (mut longer, mut all, mut scaled, mut short) = (0, 0, 0, 0.0);
    for seed in 0..200 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut seen = JobDurations::default();
        for _ in 0..runs {
            let (length, of) = draw(&mut rng, proportional);
            record(&mut seen, length, of);
        }
        for _ in 0..30 {
            let (length, of) = draw(&mut rng, proportional);
            let planned = lengths(&seen, 1000, of).planned;
            longer += usize::from(length > planned.as_secs_f64());
            all += 1;
        }
        let one = lengths(&seen, 1000, 1.0);
        scaled += usize::from(matches!(one.scaling, Scaling::By(_)));
        short += one.planned.as_secs_f64() / unscaled(&seen, 1000).planned.as_secs_f64();
    }
    (longer as f64 / all as f64, scaled as f64 / 200.0, short / 200.0)
}

#[test]
fn one_in_twenty_is_longer_than_planned_and_small_runs_are_planned_short() {
    for runs in [19, 25, 60, 200] {
        let (late, scaled, short) = outcomes(runs, true);
        println!("{runs} runs: late {late:.3}, scaled {scaled:.2}, small ones {short:.2}");
        assert!(late <= 0.056, "{late} after {runs} runs");
        assert!(scaled >= 0.95, "{scaled} after {runs} runs");
        assert!(short < 0.25, "{short} after {runs} runs");
    }
}

#[test]
fn lengths_that_do_not_follow_sizes_are_not_scaled() {
    for runs in [19, 25, 60, 200] {
        let (late, scaled, short) = outcomes(runs, false);
        println!("{runs} runs: late {late:.3}, scaled {scaled:.2}, small ones {short:.2}");
        assert!(late <= 0.056, "{late} after {runs} runs");
        assert_eq!((scaled, short), (0.0, 1.0), "after {runs} runs");
    }
    let mut seen = JobDurations::default();
    (0..40).for_each(|n| record(&mut seen, 600.0, (n % 10 + 1) as f32));
    let same = lengths(&seen, 600, 1.0);
    assert_eq!((same.planned, same.scaling), (secs(600), Scaling::NotProportional));
    // A fixed part that is most of it.
    let mut fixed = JobDurations::default();
    (0..40).for_each(|n| record(&mut fixed, 600.0 + 20.0 * f64::from(n % 10), (n % 10 + 1) as f32));
    assert_eq!(lengths(&fixed, 600, 1.0).scaling, Scaling::NotProportional);
}

/// On capacity that is taken back, where large runs are cut short more often than small ones.
#[test]
fn attempts_that_are_cut_short_are_scaled_too() {
    let mut mean = 0.0;
    for seed in 0..20 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut seen, mut finished) = (JobDurations::default(), 0);
        while finished < 60 {
            let (length, of) = draw(&mut rng, true);
            let taken_back = -rng.random::<f64>().ln() * 1000.0;
            if length <= taken_back {
                record(&mut seen, length, of);
                finished += 1;
            } else {
                let cut_short = Worked::LongerThan(secs(taken_back as i64));
                seen.record(cut_short, Some(size(of)), at(NOW));
            }
        }
        let five = lengths(&seen, 1000, 5.0);
        assert_eq!(five.scaling, Scaling::By(size(5.0)));
        assert!(five.unfinished > 20, "{five:?}");
        mean += five.expected.as_secs_f64() / 20.0;
    }
    println!("{mean:.0} of 1000");
    assert!((930.0..1070.0).contains(&mean), "{mean}");
}

/// A small run that was cut short after less than anything ever took says something all the same; one that
/// fails at once does not, whatever its size.
#[test]
fn what_is_cut_short_is_judged_by_its_size() {
    let mut seen = JobDurations::default();
    (0..20).for_each(|_| record(&mut seen, 1000.0, 10.0));
    let mut cut = |after: i64, of: f32| {
        seen.record(Worked::LongerThan(secs(after)), Some(size(of)), at(NOW));
        unscaled(&seen, 1000).unfinished
    };
    assert_eq!(cut(3, 1.0), 0);
    assert_eq!(cut(99, 1.0), 0);
    assert_eq!(cut(100, 1.0), 1);
    assert_eq!(cut(999, 10.0), 1);
    assert_eq!(cut(1000, 10.0), 2);
}

proptest! {
    #[test]
    fn no_sizes_are_too_odd(
        all in prop::collection::vec((any::<i64>(), any::<bool>(), any::<f32>()), 0..250),
        (stated, progress) in (any::<i64>(), any::<i64>()),
        percentile in any::<u8>(),
        of in any::<f32>(),
    ) {
        let mut seen = JobDurations::default();
        for (length, whole, of) in all {
            let length = secs(length);
            let worked = if whole { Worked::Whole(length) } else { Worked::LongerThan(length) };
            seen.record(worked, InputSize::try_from(of).ok(), at(NOW));
        }
        let of = InputSize::try_from(of).map_or(RunSize::Missing, RunSize::Known);
        let found = seen.lengths_of(of, secs(stated), percentile, secs(progress));
        prop_assert!(found.planned >= found.expected);
        prop_assert_eq!(found, seen.lengths_of(of, secs(stated), percentile, secs(progress)));
    }

    /// With nothing named, and with no size known, the figures are those without sizes.
    #[test]
    fn without_a_size_nothing_changes(
        all in prop::collection::vec((1i64..5000, any::<bool>(), 1u8..20), 0..60),
        stated in 1i64..5000,
    ) {
        let (mut with, mut without) = (JobDurations::default(), JobDurations::default());
        for (length, whole, of) in all {
            // Longer than all that finished: what is too short to count is judged by its size.
            let worked = match whole {
                true => Worked::Whole(secs(length)),
                false => Worked::LongerThan(secs(5000 + length)),
            };
            with.record(worked, Some(size(f32::from(of))), at(NOW));
            without.record(worked, None, at(NOW));
        }
        let [with, without] = [&with, &without].map(|seen| unscaled(seen, stated));
        prop_assert_eq!((with.expected, with.planned), (without.expected, without.planned));
    }
}
