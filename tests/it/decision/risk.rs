//! Which pools' hazards a candidate's risk is made of.

use std::sync::Arc;

use spotcron::decision::Candidate;
use spotcron::domain::{Capacity, Pool, Ppm};
use spotcron::experience::{EnvironmentExperience, Hazards, SpotAdvisor};

use super::Case;
use crate::samples;

fn pool(zone: &str, instance_type: &str) -> Pool {
    Pool { zone: zone.into(), instance_type: instance_type.into() }
}

/// Zone a is taken back often, b is not; another type was seen as well.
fn uneven() -> Hazards {
    let mut hazards = Hazards::default();
    samples::taken_back(&mut hazards, &pool("us-east-1a", "m6i.xlarge"), 500, 200);
    samples::taken_back(&mut hazards, &pool("us-east-1b", "m6i.xlarge"), 800, 16);
    samples::taken_back(&mut hazards, &pool("us-east-1a", "fargate-spot"), 300, 0);
    hazards
}

fn spot(case: &Case) -> Candidate {
    case.decide().candidates.remove(0)
}

fn factor(hazards: &Hazards, zone: &str) -> i64 {
    let of_zone = hazards.levels(&"us-east-1".into()).of_pool(&pool(zone, "m6i.xlarge"));
    of_zone.factor.0
}

#[test]
fn it_is_the_mean_of_the_pools_weighed_as_their_prices_are() {
    let mut case = Case::usual();
    case.experience.hazards = Arc::new(uneven());
    let [a, b] = ["us-east-1a", "us-east-1b"].map(|zone| factor(&case.experience.hazards, zone));
    assert!(a > 2 * b, "{a} and {b}");
    let level = spot(&case).level.unwrap();
    assert_eq!(level.factor, Ppm((a + b) / 2));
    assert_eq!((level.interruptions, level.watched_secs), (216, 1300 * 3600));
    // Two attempts in the calm zone: it weighs three.
    let placements = [(pool("us-east-1b", "m6i.xlarge"), 2)].into();
    let seen = EnvironmentExperience { placements, ..EnvironmentExperience::default() };
    case.experience.environments.insert("spot".into(), seen);
    let candidate = spot(&case);
    assert_eq!(candidate.level.unwrap().factor, Ppm((a + 3 * b) / 4));
    assert_eq!(candidate.hazard_per_hour, Ppm((a + 3 * b) / 4 / 10));
}

#[test]
fn a_pool_that_is_left_out_of_the_price_is_left_out_of_the_risk() {
    let mut case = Case::usual();
    case.experience.hazards = Arc::new(uneven());
    let mut market = case.market.environments["spot"].as_ref().clone();
    market.pools[0].seen_at = Some(case.now - samples::mins(90));
    case.market.environments.insert("spot".into(), market.into());
    let level = spot(&case).level.unwrap();
    assert_eq!(level.factor.0, factor(&case.experience.hazards, "us-east-1b"));
    assert_eq!(level.interruptions, 16);
}

#[test]
fn fargate_spot_has_the_level_of_its_own_and_the_unknown_that_of_the_region() {
    let mut case = Case::usual();
    case.experience.hazards = Arc::new(uneven());
    let levels = case.experience.hazards.levels(&"us-east-1".into());
    let [of_fargate, of_region] = [levels.of_type("fargate-spot"), levels.unknown()];
    assert!(of_fargate.factor < of_region.factor);
    case.environments[0].capacity = Capacity::FargateSpot;
    let market = samples::quotes("spot", Capacity::FargateSpot, &[], None, case.now);
    case.market.environments.insert("spot".into(), market.into());
    assert_eq!(spot(&case).level, Some(of_fargate));
    case.market.environments.remove("spot");
    assert_eq!(spot(&case).level, Some(of_region));
}

#[test]
fn the_model_expects_more_rework_where_the_level_is_higher() {
    let mut case = Case::usual();
    case.class.policy = spotcron::catalogue::Policy::Model;
    let calm = spot(&case);
    case.experience.hazards = samples::hazards(100, 40);
    let rough = spot(&case);
    assert!(rough.expected_rework > calm.expected_rework, "{rough:?}");
    let steady = case.decide().candidates.remove(1);
    assert_eq!((steady.level, steady.hazard_per_hour), (None, Ppm::ZERO));
}

/// What Spot Advisor's table says comes to the decision, and its checker makes the same of it.
#[test]
fn what_is_advised_of_its_types_is_in_its_risk() {
    let mut case = Case::usual();
    case.experience.hazards = Arc::new(uneven());
    let before = spot(&case).level.unwrap();
    let shares = [("m6i.xlarge".into(), 15.0), ("c6i.xlarge".into(), 5.0)];
    let advice = SpotAdvisor::of_shares([("us-east-1".into(), shares.into())].into());
    Arc::make_mut(&mut case.experience.hazards).advise(Arc::new(advice));
    let level = spot(&case).level.unwrap();
    assert_eq!(level.advised, Some(Ppm(1_500_000)));
    let [a, b] = ["us-east-1a", "us-east-1b"].map(|zone| factor(&case.experience.hazards, zone));
    assert_eq!(level.factor, Ppm((a + b) / 2));
    assert_eq!((before.advised, before.interruptions), (None, level.interruptions));
    // The region is less risky for it than it looked, by more than the type is more.
    let of_fargate = case.experience.hazards.levels(&"us-east-1".into()).of_type("fargate-spot");
    assert!(
        of_fargate.factor < uneven().levels(&"us-east-1".into()).of_type("fargate-spot").factor
    );
}
