//! How types are said to compare, as a prior of their levels: formulas by hand, and what must hold of any
//! table and any evidence.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use spotcron::domain::{InstanceType, Ppm, Region};
use spotcron::experience::{FARGATE_SPOT, Hazards, LevelMixture, SpotAdvisor};

use super::{place, pool};
use crate::samples;

const TYPES: [&str; 4] = ["c6i.large", "g5.xlarge", "m6i.large", "r6i.large"];

/// Shares in percent, of types in the region of [`place`].
fn table(shares: &[(&str, f64)]) -> Arc<SpotAdvisor> {
    let types: BTreeMap<InstanceType, f64> =
        shares.iter().map(|(name, share)| ((*name).into(), *share)).collect();
    Arc::new(SpotAdvisor::of_shares([(Region::from("us-east-1"), types)].into()))
}

fn advised(mut hazards: Hazards, shares: &[(&str, f64)]) -> Hazards {
    hazards.advise(table(shares));
    hazards
}

fn of(hazards: &Hazards, instance_type: &str) -> f64 {
    hazards.levels(&place()).of_pool(&pool("a", instance_type)).factor.to_ratio()
}

fn near(is: f64, right: f64) {
    assert!((is - right).abs() < 2e-6 * right.max(1.0), "{is} for {right}");
}

#[test]
fn with_nothing_seen_a_type_is_what_is_said_of_it_within_bounds() {
    let shares = [("c6i.large", 2.5), ("m6i.large", 7.5), ("r6i.large", 20.0)];
    let hazards = advised(Hazards::default(), &shares);
    near(of(&hazards, "c6i.large"), 0.25);
    near(of(&hazards, "m6i.large"), 0.75);
    near(of(&hazards, "r6i.large"), 2.0);
    let mut levels = hazards.levels(&place());
    assert_eq!(levels.of_pool(&pool("a", "r6i.large")).advised, Some(Ppm(2_000_000)));
    // What is not in it, and another region.
    for silent in [levels.unknown(), levels.of_type(FARGATE_SPOT), levels.of_type("x2gd.large")] {
        assert_eq!((silent.factor, silent.advised), (Ppm::ONE, None));
    }
    let far = hazards.levels(&"eu-west-1".into()).of_type("r6i.large");
    assert_eq!((far.factor, far.advised), (Ppm::ONE, None));
    // The same region of another account is the same to AWS.
    let other = hazards.levels(&"123456789012:us-east-1".into()).of_type("r6i.large");
    assert_eq!(other.factor, Ppm(2_000_000));
    let wide = [("a", 0.1), ("b", 0.1), ("c", 0.1), ("d", 0.1), ("e", 0.1), ("f", 25.0)];
    let hazards = advised(Hazards::default(), &wide);
    near(of(&hazards, "a"), SpotAdvisor::LEAST);
    near(of(&hazards, "f"), SpotAdvisor::MOST);
}

/// The prior expects 0.08 an hour of what is settled.
#[test]
fn what_is_said_of_a_type_is_expected_of_its_region_as_well() {
    let mut hazards = Hazards::default();
    samples::taken_back(&mut hazards, &pool("a", "r6i.large"), 500, 80);
    // Twice as many as the prior says, as was to be expected of this type: the region is nothing special.
    let shares = [("c6i.large", 5.0), ("r6i.large", 15.0), ("m6i.large", 2.5)];
    let hazards = advised(hazards, &shares);
    let said = |share: f64| share / 7.5;
    let region = (80.0 + 1.0) / (40.0 * said(15.0) + 1.0);
    near(hazards.levels(&place()).unknown().factor.to_ratio(), region);
    let r6i = (80.0 + 4.0 * region * said(15.0)) / (40.0 + 4.0);
    near(of(&hazards, "r6i.large"), (80.0 + 50.0 * r6i) / (40.0 + 50.0));
    near(of(&hazards, "c6i.large"), region * said(5.0));
}

#[test]
fn an_environment_says_what_is_said_of_its_pools() {
    let hazards = advised(Hazards::default(), &[("c6i.large", 5.0), ("r6i.large", 15.0)]);
    let levels = hazards.levels(&place());
    let mut mixture = LevelMixture::default();
    mixture.add(levels.of_type("r6i.large"), 1);
    mixture.add(levels.of_type("x2gd.large"), 3);
    assert_eq!(mixture.mean().unwrap().advised, Some(Ppm(1_125_000)));
    let mut silent = LevelMixture::default();
    silent.add(levels.of_type("x2gd.large"), 3);
    assert_eq!(silent.mean().unwrap().advised, None);
}

#[test]
fn a_table_with_nothing_to_compare_says_nothing() {
    let region = || Region::from("us-east-1");
    let none = SpotAdvisor::of_shares([(region(), BTreeMap::new())].into());
    assert_eq!(none, SpotAdvisor::default());
    assert_eq!(*table(&[("a", 0.0), ("b", 0.0)]), SpotAdvisor::default());
    assert_eq!(*table(&[("a", f64::NAN), ("b", 5.0)]), SpotAdvisor::default());
}

prop_compose! {
    fn evidence()(zone in 0usize..3, of_type in 0usize..4, hours in 0i64..3000, times in 0i64..60)
        -> (&'static str, &'static str, i64, i64) {
        (["a", "b", "c"][zone], TYPES[of_type], hours, times)
    }
}

fn learnt(all: &[(&str, &str, i64, i64)]) -> Hazards {
    let mut hazards = Hazards::default();
    for (zone, of_type, hours, times) in all {
        samples::taken_back(&mut hazards, &pool(zone, of_type), *hours, *times);
    }
    hazards
}

fn shares(ranges: [usize; 4]) -> Vec<(&'static str, f64)> {
    let middles = [2.5, 8.0, 13.5, 19.0, 25.0];
    TYPES.into_iter().zip(ranges.map(|range| middles[range])).collect()
}

proptest! {
    /// Of two types of which the same was seen, the one in the worse range is never the safer; and of one
    /// type, a worse range never makes it safer.
    #[test]
    fn a_worse_range_is_never_less_risky(
        others in prop::collection::vec(evidence(), 0..6),
        own in (0i64..3000, 0i64..60),
        ranges in prop::array::uniform4(0usize..5),
    ) {
        let mut all: Vec<_> =
            others.into_iter().filter(|it| it.1 != TYPES[0] && it.1 != TYPES[1]).collect();
        all.extend(TYPES.iter().take(2).map(|of_type| ("a", *of_type, own.0, own.1)));
        let hazards = advised(learnt(&all), &shares(ranges));
        let [first, second] = [of(&hazards, TYPES[0]), of(&hazards, TYPES[1])];
        prop_assert!(ranges[0] != ranges[1] || first == second);
        prop_assert!(ranges[0] <= ranges[1] || first >= second, "{first} {second}");
        let mut worse = ranges;
        worse[0] = (ranges[0] + 1).min(4);
        let worse = of(&advised(learnt(&all), &shares(worse)), TYPES[0]);
        prop_assert!(worse >= first, "{first} before, {worse} in a worse range");
        prop_assert!((0.01..=50.0).contains(&worse));
    }

    /// No table, one of other regions, and one in which all types are alike: to the last bit as before.
    #[test]
    fn without_a_word_on_it_nothing_changes(all in prop::collection::vec(evidence(), 0..8)) {
        let before = learnt(&all);
        let mut none = before.clone();
        none.advise(Arc::default());
        prop_assert_eq!(&none, &before);
        let mut elsewhere = before.clone();
        let far = [(InstanceType::from("m6i.large"), 5.0), ("c6i.large".into(), 25.0)];
        let far = SpotAdvisor::of_shares([(Region::from("eu-west-1"), far.into())].into());
        elsewhere.advise(Arc::new(far));
        let alike = advised(before.clone(), &shares([3; 4]));
        for hazards in [&elsewhere, &alike] {
            let [mut is, mut was] = [hazards, &before].map(|hazards| hazards.levels(&place()));
            for (zone, of_type) in [("a", "m6i.large"), ("b", "g5.xlarge"), ("d", "x2gd.large")] {
                let pool = pool(zone, of_type);
                prop_assert_eq!(is.of_pool(&pool).factor, was.of_pool(&pool).factor);
            }
            prop_assert_eq!(is.unknown(), was.unknown());
        }
    }

    /// A table that comes after the evidence, and evidence after the table; and the first table back.
    #[test]
    fn the_order_of_table_and_evidence_does_not_matter(
        all in prop::collection::vec(evidence(), 0..8),
        ranges in prop::array::uniform4(0usize..5),
    ) {
        let after = advised(learnt(&all), &shares(ranges));
        let mut before = advised(Hazards::default(), &shares(ranges));
        for (zone, of_type, hours, times) in &all {
            samples::taken_back(&mut before, &pool(zone, of_type), *hours, *times);
        }
        prop_assert_eq!(&before, &after);
        before.advise(Arc::default());
        prop_assert_eq!(&before, &learnt(&all));
    }
}

/// Whatever is said: with 2000 interruptions expected, what was seen stands.
#[test]
fn own_evidence_overrides_what_is_said() {
    for (ranges, tenths) in [([4, 0, 0, 0], 5), ([0, 4, 4, 4], 20), ([4, 4, 4, 4], 1)] {
        let mut hazards = Hazards::default();
        samples::taken_back(&mut hazards, &pool("a", TYPES[0]), 25_000, 200 * tenths);
        let level = of(&advised(hazards, &shares(ranges)), TYPES[0]);
        let seen = tenths as f64 / 10.0;
        // It counts for four interruptions, of eight times as many at most.
        assert!((level - seen).abs() < 0.01 * seen + 4.0 * 8.0 / 2000.0, "{level} for {seen}");
    }
    // With the four that a type counts for, half of it is left.
    let mut hazards = Hazards::default();
    samples::taken_back(&mut hazards, &pool("a", "c6i.large"), 50, 4);
    let of_type =
        |hazards: &Hazards| hazards.levels(&place()).of_type("c6i.large").factor.to_ratio();
    let hazards = advised(hazards, &[("c6i.large", 15.0), ("r6i.large", 5.0)]);
    let region = 5.0 / (4.0 * 1.5 + 1.0);
    near(of_type(&hazards), (1.0 + 1.5 * region) / 2.0);
}
