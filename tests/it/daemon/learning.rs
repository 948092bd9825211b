//! The whole daemon learns how risky the simulated pools are: hazards that are known are found again.

use jiff::SignedDuration;
use spotcron::domain::{Capacity, Pool};
use spotcron::experience::PoolWatch;
use spotcron::policy::Phase;
use spotcron::policy::lifetimes::{AGES_SECS, PRIOR};
use spotcron::sim::Scenario;

use super::world::World;

/// Environments with one pool each, and how often that is taken back against the simulator's hazards.
const SCALES: [(&str, &str, f64); 3] =
    [("calm", "m6i.xlarge", 0.5), ("usual", "c6i.xlarge", 1.0), ("rough", "r6i.xlarge", 2.0)];
const DAYS: i64 = 15;

fn catalogue() -> String {
    let one = |(name, _, _): &(&str, &str, f64)| {
        format!(
            "[[environments]]\nname = \"{name}\"\nqueue = \"{name}\"\ncapacity = \"spot\"\n\
             region = \"us-east-1\"\n\
             [[classes]]\nname = \"{name}\"\nenvironments = [\"{name}\"]\n\
             expected_duration = \"20m\"\npolicy = \"fit-only\"\nmin_saving_percent = 0\n\
             [[jobs]]\nname = \"{name}\"\nclass = \"{name}\"\ncron = \"*/30 * * * *\"\n\
             time_zone = \"UTC\"\ndefinition = \"hour:1\"\nvcpus = 1\nmemory_mib = 2048\n"
        )
    };
    SCALES.iter().map(one).collect()
}

/// Runs of an hour begin every half hour, so that every pool is nearly always watched. What is taken back
/// returns within minutes: its age and the time since its interruption are nearly the same.
fn scenario() -> Scenario {
    let mut scenario = Scenario::empty("us-east-1", "a").with_definition("hour", 3500);
    for (name, instance_type, scale) in SCALES {
        scenario = scenario.with_queue(name, Capacity::Spot, &[instance_type], 256);
        let spec = scenario.compute_environments.last_mut().unwrap();
        (spec.reclaim_scale, spec.recovery_scale) = (Some(scale), Some(30.0));
    }
    scenario
}

/// The simulator's hazards by age in hours (`src/sim/market/hazard.rs`), before its scale.
fn simulated(age_secs: i64) -> f64 {
    let hours = age_secs as f64 / 3600.0;
    let begins = [0.0, 0.17, 0.5, 1.0, 2.0, 4.0, 8.0];
    let hazards = [1.74, 0.96, 0.76, 0.47, 0.29, 0.19, 0.10];
    hazards[begins.iter().rposition(|begin| *begin <= hours).unwrap()]
}

/// Interruptions that the simulator causes in what was watched, over those that the prior expects there.
fn true_ratio(watch: &PoolWatch, scale: f64) -> f64 {
    let (mut causes, mut expects) = (0.0, 0.0);
    for (bucket, begin) in AGES_SECS.into_iter().enumerate() {
        let end = AGES_SECS.get(bucket + 1).copied().unwrap_or(begin + 7200);
        let hours = watch.exposure().at(Phase::Up, bucket).0 as f64 / 3600.0;
        causes += hours * scale * simulated((begin + end) / 2);
        expects += hours * PRIOR.per_hour(Phase::Up, begin);
    }
    causes / expects
}

/// Within 5 % and three standard errors of a count of interruptions, which are independent.
#[tokio::test]
async fn learnt_hazards_are_those_of_the_simulated_pools() {
    let mut world = World::of(&catalogue(), scenario(), 11).await;
    world.settings.decision.cooldown = SignedDuration::from_secs(1);
    world.restart().await;
    world.run_for(SignedDuration::from_hours(24 * DAYS)).await;
    let learnt = world.shared.experience().clone();
    for (name, instance_type, scale) in SCALES {
        let pool = Pool { zone: "us-east-1a".into(), instance_type: instance_type.into() };
        let of_pool = learnt.hazards.pools().find(|(_, known, _)| *known == pool);
        let (place, _, watch) = of_pool.unwrap();
        let level = learnt.hazards.levels(place).of_pool(&pool);
        let (is, right) = (level.factor.to_ratio(), true_ratio(watch, scale));
        let standard_error = 1.0 / (level.interruptions as f64).sqrt();
        let counted = learnt.environments[name].attempts;
        assert!(counted >= 2 * 24 * DAYS as u64 - 4, "{name}: {counted} attempts");
        assert!(
            (is / right - 1.0).abs() < 0.05 + 3.0 * standard_error,
            "{name}: {is:.3} for {right:.3} after {} interruptions",
            level.interruptions
        );
        assert!(level.watched_secs < DAYS * 86_400, "{name}: no time is watched twice");
    }
}
