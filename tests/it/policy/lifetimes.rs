//! Hazards by age: what was watched, and what follows from it.

use spotcron::policy::Phase;
use spotcron::policy::lifetimes::{AGES_SECS, BUCKETS, Exposure, Lifetimes, PRIOR, bucket_of};
use spotcron::policy::regime::{Availability, REGIMES, Watched};

use super::{Dice, constant};
use crate::samples;

/// The hazard in every bucket, per hour.
fn all(lifetimes: &Lifetimes, phase: Phase) -> [f64; BUCKETS] {
    AGES_SECS.map(|age| lifetimes.per_hour(phase, age))
}

#[test]
fn a_bucket_begins_with_its_age() {
    for (bucket, begin) in AGES_SECS.into_iter().enumerate() {
        assert_eq!(bucket_of(begin), bucket);
        assert_eq!(bucket_of(begin - 1), bucket.saturating_sub(1));
    }
    assert_eq!((bucket_of(i64::MIN), bucket_of(i64::MAX)), (0, BUCKETS - 1));
}

/// From 500 s to 1300 s: 100 s, 600 s and 100 s in the first three buckets, the end in the third. With
/// 0.3 exits and 10 hours added.
#[test]
fn what_was_watched_is_split_over_the_ages() {
    let mut exposure = Exposure::default();
    exposure.watch(Phase::Up, 500, 1300, true);
    assert_eq!(exposure.total(Phase::Up), (800, 1));
    assert_eq!(exposure.total(Phase::Down), (0, 0));
    let pooled = Lifetimes::pooled(&exposure);
    let hours = |secs: f64| secs / 3600.0;
    let near = |is: f64, right: f64| assert!((is - right).abs() < 1e-12, "{is} for {right}");
    near(pooled.per_hour(Phase::Up, 0), 0.3 / (10.0 + hours(100.0)));
    near(pooled.per_hour(Phase::Up, 600), 0.3 / (10.0 + hours(600.0)));
    near(pooled.per_hour(Phase::Up, 1200), 1.3 / (10.0 + hours(100.0)));
    near(pooled.per_hour(Phase::Up, 1800), 0.03);
    near(pooled.per_hour(Phase::Down, 1200), 0.03);
    let shrunk = Lifetimes::shrunk_to(&constant(2.0, 0.5), 4.0, &exposure);
    near(shrunk.per_hour(Phase::Up, 600), 8.0 / (4.0 + hours(600.0)));
    near(shrunk.per_hour(Phase::Up, 1200), 9.0 / (4.0 + hours(100.0)));
    near(shrunk.per_hour(Phase::Down, 1200), 0.5);
}

/// An end exactly where a bucket ends belongs to that bucket, and parts add up to the whole.
#[test]
fn parts_of_a_phase_add_up_to_the_whole() {
    for cuts in [vec![0, 600], vec![0, 7, 599, 600, 1200, 50_000], vec![43_199, 43_200, 43_201]] {
        let (first, last) = (cuts[0], cuts[cuts.len() - 1]);
        let mut whole = Exposure::default();
        whole.watch(Phase::Down, first, last, true);
        let mut parts = Exposure::default();
        for pair in cuts.windows(2) {
            let mut part = Exposure::default();
            part.watch(Phase::Down, pair[0], pair[1], pair[1] == last);
            parts.add(&part);
        }
        assert_eq!(parts, whole, "{cuts:?}");
        assert_eq!(whole.total(Phase::Down), (last - first, 1));
    }
    let mut first = Exposure::default();
    first.watch(Phase::Up, 0, 600, true);
    let hazards = Lifetimes::pooled(&first);
    assert!(hazards.per_hour(Phase::Up, 0) > 0.12 && hazards.per_hour(Phase::Up, 600) == 0.03);
}

/// What no clock would say is taken as nothing, or as the longest.
#[test]
fn impossible_ages_are_borne() {
    let mut exposure = Exposure::default();
    exposure.watch(Phase::Up, 100, 50, true);
    exposure.watch(Phase::Up, -100, -50, false);
    assert_eq!(exposure.total(Phase::Up), (0, 1));
    exposure.watch(Phase::Up, i64::MIN, i64::MAX, true);
    exposure.watch(Phase::Up, 0, i64::MAX, true);
    let twice = exposure.clone();
    exposure.add(&twice);
    assert_eq!(exposure.total(Phase::Up), (i64::MAX, 6));
    assert!(all(&Lifetimes::pooled(&exposure), Phase::Up).iter().all(|hazard| hazard.is_finite()));
}

/// S(t) = e^(−λt), and m(L) = (e^(λL) − 1) / λL, by steps of a minute within half a percent.
#[test]
fn a_constant_hazard_has_the_closed_form() {
    for hazard in [0.05, 0.3, 0.6] {
        let lifetimes = constant(hazard, 2.0 * hazard);
        for hours in [0.5, 2.0, 8.0] {
            let secs = (hours * 3600.0) as i64;
            let x: f64 = hazard * hours;
            let survival = lifetimes.survival(Phase::Up, 1000, secs);
            assert!((survival / (-x).exp() - 1.0).abs() < 0.03 * x.max(0.01), "{survival} for {x}");
            let down = lifetimes.survival(Phase::Down, 0, secs);
            assert!((down / (-2.0 * x).exp() - 1.0).abs() < 0.1 * x.max(0.01), "{down} for {x}");
            let factor = lifetimes.attempts_factor(0, secs).unwrap();
            assert!((factor / (x.exp_m1() / x) - 1.0).abs() < 0.03 * x, "{factor} for {x}");
        }
    }
    assert_eq!(constant(0.0, 0.0).survival(Phase::Up, 0, 86_400), 1.0);
    assert_eq!(constant(0.0, 0.0).attempts_factor(0, 7200), Some(1.0));
    assert_eq!(constant(60.0, 1.0).attempts_factor(0, i64::MAX), None, "never");
    assert_eq!(constant(60.0, 1.0).survival(Phase::Up, 0, i64::MAX), 0.0);
}

/// Old capacity lasts longer: the feature that the model lives by.
#[test]
fn an_hour_is_survived_more_often_by_what_is_old() {
    let at = |age: i64| PRIOR.survival(Phase::Up, age, 3600);
    assert!(at(0) < at(3600) && at(3600) < at(14_400) && at(14_400) < at(86_400));
    assert!(PRIOR.riskier(3.0).survival(Phase::Up, 0, 3600) < at(0));
    let same = PRIOR.riskier(3.0);
    assert_eq!(all(&same, Phase::Down), all(&PRIOR, Phase::Down));
}

/// 40,000 phases by steps of a minute: each hazard is found again within 5 standard errors of its count.
#[test]
fn known_hazards_are_learnt_again() {
    let known = PRIOR;
    let mut dice = Dice(3);
    let mut exposure = Exposure::default();
    let mut exits = [0f64; BUCKETS];
    for _ in 0..40_000 {
        let mut age = 0;
        loop {
            let ends = dice.roll() < known.per_hour(Phase::Up, age) / 60.0;
            if ends {
                exits[bucket_of(age)] += 1.0;
            }
            age += 60;
            if ends || age >= 21_600 {
                exposure.watch(Phase::Up, 0, age, ends);
                break;
            }
        }
    }
    let learnt = Lifetimes::pooled(&exposure);
    for (bucket, exits) in exits.into_iter().enumerate().take(10) {
        let (right, is) = (all(&known, Phase::Up)[bucket], all(&learnt, Phase::Up)[bucket]);
        let error = 5.0 / exits.sqrt();
        assert!((is / right - 1.0).abs() < error, "{bucket}: {is} for {right} ± {error}");
        assert!(error < 0.25, "{bucket}: {error}");
    }
}

#[test]
fn availability_fades_towards_what_is_seen() {
    let start = Availability::default();
    assert_eq!(start.share(), 0.6);
    // Two days of memory: half of the way.
    assert!((start.watched(Phase::Up, 172_800).share() - 0.8).abs() < 1e-12);
    assert!((start.watched(Phase::Down, 172_800).share() - 0.3).abs() < 1e-12);
    for secs in [i64::MIN, -172_800, -1, 0] {
        assert_eq!(start.watched(Phase::Up, secs), start, "{secs}");
    }
    let mut last = start;
    for _ in 0..300 {
        let next = last.watched(Phase::Up, 3600);
        assert!(next.share() > last.share() && next.share() < 1.0);
        last = next;
    }
    assert_eq!((last.regime(), start.watched(Phase::Down, i64::MAX).regime()), (REGIMES - 1, 0));
}

/// What was seen in a regime is its own, drawn towards what was seen in all.
#[test]
fn regimes_learn_apart_from_each_other() {
    let mut watched = Watched::default();
    let rare = Availability::default().watched(Phase::Down, 10_000_000);
    let usual = Availability::default().watched(Phase::Up, 10_000_000);
    for _ in 0..100 {
        watched.watch(rare, Phase::Up, 0, 600, true);
        watched.watch(usual, Phase::Up, 0, 600, false);
    }
    let pooled = watched.pooled().per_hour(Phase::Up, 0);
    assert!((pooled - 100.3 / (10.0 + 200.0 / 6.0)).abs() < 1e-9);
    let own = watched.lifetimes().map(|lifetimes| lifetimes.per_hour(Phase::Up, 0));
    assert!((own[rare.regime()] - (100.0 + 10.0 * pooled) / (10.0 + 100.0 / 6.0)).abs() < 1e-9);
    assert!((own[usual.regime()] - 10.0 * pooled / (10.0 + 100.0 / 6.0)).abs() < 1e-9);
    assert!((own[2] - pooled).abs() < 1e-9, "nothing of its own");
}

#[derive(serde::Deserialize)]
struct Traces {
    gap_seconds: i64,
    series: Vec<Trace>,
}

#[derive(serde::Deserialize)]
struct Trace {
    first: u8,
    runs: Vec<i64>,
}

#[test]
fn the_prior_is_what_the_recorded_pools_of_october_teach() {
    let Some(folder) = samples::shared("traces") else { return };
    let text = std::fs::read(folder.join("aws_1node_2022-10-26_600s.json")).unwrap();
    let traces: Traces = serde_json::from_slice(&text).unwrap();
    let mut exposure = Exposure::default();
    for trace in &traces.series {
        let last = trace.runs.len() - 1;
        for (index, ticks) in trace.runs.iter().enumerate() {
            let up = (trace.first == 1) == (index % 2 == 0);
            // Nobody saw the first begin, and the last tick shows nothing of what comes after.
            let ends = index < last;
            let secs = (ticks - i64::from(!ends)) * traces.gap_seconds;
            if index > 0 {
                exposure.watch(Phase::of(up), 0, secs, ends);
            }
        }
    }
    let learnt = Lifetimes::pooled(&exposure);
    for phase in [Phase::Up, Phase::Down] {
        for age in AGES_SECS {
            let (is, said) = (learnt.per_hour(phase, age), PRIOR.per_hour(phase, age));
            assert!((is - said).abs() <= 0.005 + 1e-9, "{phase:?} at {age}: {is} and not {said}");
        }
    }
}
