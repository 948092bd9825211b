//! The levels of pools: formulas by hand, and what must hold of any evidence.

use std::sync::Arc;

use proptest::prelude::*;
use spotcron::domain::{AccountRegion, Pool, Ppm};
use spotcron::experience::{FARGATE_SPOT, Hazards, Level, LevelMixture};
use spotcron::policy::Phase;
use spotcron::policy::lifetimes::PRIOR;

use super::{place, pool, window};
use crate::samples;

fn of(hazards: &Hazards, pool: &Pool) -> f64 {
    hazards.levels(&place()).of_pool(pool).factor.to_ratio()
}

fn near(is: f64, right: f64) {
    assert!((is - right).abs() < 2e-6 * right.max(1.0), "{is} for {right}");
}

#[test]
fn nothing_seen_is_the_prior() {
    let none = Hazards::default();
    let one = Level { factor: Ppm::ONE, interruptions: 0, watched_secs: 0, advised: None };
    let mut levels = none.levels(&place());
    assert_eq!(levels.of_pool(&pool("a", "m6i.large")), one);
    assert_eq!((levels.unknown(), levels.of_type(FARGATE_SPOT)), (one, one));
    assert_eq!(one.per_hour(), Ppm(100_000));
    assert_eq!(LevelMixture::default().mean(), None);
    // What was seen elsewhere says nothing here.
    let far: AccountRegion = "123456789012:us-east-1".into();
    let seen = samples::hazards(10, 20);
    assert_eq!(seen.levels(&far).of_pool(&pool("a", "m6i.xlarge")), one);
}

/// One type in two zones and another type; the prior expects 0.08 an hour of what is settled.
#[test]
fn a_pool_is_drawn_to_its_type_and_that_to_its_region() {
    let (a, b, c) = (pool("a", "m6i.large"), pool("b", "m6i.large"), pool("a", "c6i.large"));
    let mut hazards = Hazards::default();
    samples::taken_back(&mut hazards, &a, 100, 30);
    samples::taken_back(&mut hazards, &b, 50, 2);
    samples::taken_back(&mut hazards, &c, 200, 0);
    let region = (32.0 + 1.0) / (28.0 + 1.0);
    let m6i = (32.0 + 4.0 * region) / (12.0 + 4.0);
    let c6i = (0.0 + 4.0 * region) / (16.0 + 4.0);
    near(of(&hazards, &a), (30.0 + 50.0 * m6i) / (8.0 + 50.0));
    near(of(&hazards, &b), (2.0 + 50.0 * m6i) / (4.0 + 50.0));
    near(of(&hazards, &c), (0.0 + 50.0 * c6i) / (16.0 + 50.0));
    near(of(&hazards, &pool("d", "m6i.large")), m6i);
    near(of(&hazards, &pool("d", "r6i.large")), region);
    let mut levels = hazards.levels(&place());
    near(levels.unknown().factor.to_ratio(), region);
    let [in_a, in_b] = [levels.of_pool(&a), levels.of_pool(&b)];
    assert_eq!((in_a.interruptions, in_a.watched_secs), (30, 360_000));
    let m6i_seen = levels.of_type("m6i.large");
    assert_eq!((m6i_seen.interruptions, m6i_seen.watched_secs), (32, 540_000));
    near(m6i_seen.factor.to_ratio(), m6i);
    let mut mixture = LevelMixture::default();
    mixture.add(in_a, 3);
    mixture.add(in_b, 1);
    let mean = mixture.mean().unwrap();
    near(mean.factor.to_ratio(), (3.0 * in_a.factor.to_ratio() + in_b.factor.to_ratio()) / 4.0);
    assert_eq!((mean.interruptions, mean.watched_secs), (32, 540_000));
}

/// Minutes from an interruption to the next, as the prior has them: the middles of so many equal parts of
/// its distribution, from the age of five minutes on.
fn lives_of_the_prior(parts: i64) -> Vec<i64> {
    let life = |part: i64| {
        let survives = 1.0 - (part as f64 + 0.5) / parts as f64;
        let (mut minutes, mut hazard) = (5, 0.0);
        while hazard < -survives.ln() {
            hazard += PRIOR.per_hour(Phase::Up, minutes * 60) / 60.0;
            minutes += 1;
        }
        minutes
    };
    (0..parts).map(life).collect()
}

/// Attempts that always begin just after an interruption, and end with the next. By the hour the pool looks
/// three times as risky as a settled one; for the ages at which it was watched it is what the prior says.
#[test]
fn attempts_that_start_young_do_not_make_a_pool_risky() {
    let mut hazards = Hazards::default();
    let young = pool("a", "m6i.large");
    let mut at = 0;
    hazards.record(&place(), &young, window(at, at), true);
    for life in lives_of_the_prior(400) {
        hazards.record(&place(), &young, window(at + 5, at + life), true);
        at += life;
    }
    let shown = hazards.levels(&place()).of_pool(&young);
    let level = shown.factor.to_ratio();
    assert!((level - 1.0).abs() < 0.03, "{level}");
    assert_eq!(shown.interruptions, 401);
    let an_hour = shown.interruptions as f64 * 3600.0 / shown.watched_secs as f64;
    assert!(an_hour > 3.0 * PRIOR.per_hour(Phase::Up, i64::MAX), "{an_hour} an hour");
}

prop_compose! {
    fn evidence()(zone in 0usize..3, of_type in 0usize..3, hours in 0i64..3000, times in 0i64..60)
        -> (Pool, i64, i64) {
        (pool(["a", "b", "c"][zone], ["m6i.large", "c6i.large", "r6i.large"][of_type]), hours, times)
    }
}

fn learnt(all: &[(Pool, i64, i64)]) -> Hazards {
    let mut hazards = Hazards::default();
    for (pool, hours, times) in all {
        samples::taken_back(&mut hazards, pool, *hours, *times);
    }
    hazards
}

proptest! {
    /// Another interruption in a pool makes none of its region safer, another calm day none riskier, and
    /// every factor is one that the model tells apart.
    #[test]
    fn more_interruptions_are_riskier_and_more_calm_is_safer(
        all in prop::collection::vec(evidence(), 1..8),
        which in any::<prop::sample::Index>(),
    ) {
        let before = learnt(&all);
        let known = which.get(&all).0.clone();
        let later = 10_000_000;
        let (mut worse, mut calmer) = (before.clone(), before.clone());
        worse.record(&place(), &known, window(later, later), true);
        calmer.record(&place(), &known, window(later, later + 1440), false);
        for zone in ["a", "b", "c", "d"] {
            for of_type in ["m6i.large", "c6i.large", "r6i.large", "x2gd.large"] {
                let pool = pool(zone, of_type);
                let [is, worse, calmer] = [&before, &worse, &calmer].map(|h| of(h, &pool));
                prop_assert!(worse >= is && calmer <= is, "{pool}: {calmer} {is} {worse}");
                prop_assert!((0.01..=50.0).contains(&is));
            }
        }
        let [is, worse] = [&before, &worse].map(|hazards| of(hazards, &known));
        prop_assert!(worse > is || is == 50.0 || worse == 0.01);
    }

    /// What is learnt in another order, pool by pool, is the same to the last bit.
    #[test]
    fn the_order_of_pools_does_not_matter(all in prop::collection::btree_map(
        (0usize..3, 0usize..3), (0i64..3000, 0i64..60), 0..9,
    )) {
        let named = |((zone, of_type), (hours, times)): (&(usize, usize), &(i64, i64))| {
            let types = ["m6i.large", "c6i.large", "r6i.large"];
            (pool(["a", "b", "c"][*zone], types[*of_type]), *hours, *times)
        };
        let forth: Vec<_> = all.iter().map(named).collect();
        let back: Vec<_> = all.iter().rev().map(named).collect();
        let hazards = learnt(&forth);
        prop_assert_eq!(&hazards, &learnt(&back));
        let stored = hazards.pools().map(|(place, pool, watch)| (place.clone(), pool, watch.clone()));
        prop_assert_eq!(&stored.collect::<Hazards>(), &hazards);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// With much of it the level is the ratio that was seen, whatever its neighbours do: what it is drawn
    /// to is 50 at most, and counts for 4 interruptions beside the 2000 that the prior expects.
    #[test]
    fn with_data_the_level_is_what_was_seen(
        neighbours in prop::collection::vec(evidence(), 0..6),
        tenths in 1i64..30,
    ) {
        let mut hazards = learnt(&neighbours);
        let own = pool("e", "g5.xlarge");
        samples::taken_back(&mut hazards, &own, 25_000, 200 * tenths);
        let ratio = tenths as f64 / 10.0;
        let level = of(&hazards, &own);
        prop_assert!((level - ratio).abs() < 0.01 * ratio + 4.0 * 50.0 / 2000.0, "{level} for {ratio}");
    }
}

/// The extremes of what a store can hold.
#[test]
fn impossible_evidence_has_a_level_that_the_model_tells_apart() {
    for (secs, exits) in [(i64::MAX, 0), (0, u64::MAX), (i64::MIN, u64::MAX), (i64::MAX, u64::MAX)]
    {
        let stored = serde_json::json!({
            "exposure": { "secs": vec![vec![secs; 13]; 2], "exits": vec![vec![exits; 13]; 2] },
        });
        let known = pool("a", "m6i.large");
        let watch = serde_json::from_value(stored).unwrap();
        let hazards: Arc<Hazards> =
            Arc::new([(place(), known.clone(), watch)].into_iter().collect());
        let level = of(&hazards, &known);
        assert!((0.01..=50.0).contains(&level), "{secs} {exits}: {level}");
    }
}
