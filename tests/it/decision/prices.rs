//! Which prices a decision reckons with: stale ones, list prices, and Fargate's.

use jiff::SignedDuration;
use proptest::prelude::*;
use spotcron::catalogue::WhenPriceUnknown;
use spotcron::decision::{Candidate, Guard};
use spotcron::domain::{Capacity, Ppm};
use spotcron::market::{EnvironmentMarket, FargateQuote, FargateRate};

use super::{Case, chosen};
use crate::samples;

fn fargate(
    name: &str,
    capacity: Capacity,
    discount: Option<i64>,
    age_hours: i64,
) -> EnvironmentMarket {
    let mut market = samples::quotes(name, capacity, &[], None, samples::at(super::NOW));
    let list = FargateRate {
        vcpu_hour: "0.04048".parse().unwrap(),
        gib_hour: "0.004445".parse().unwrap(),
    };
    market.fargate = Some(FargateQuote {
        list,
        spot: discount.map(|percent| list.less(Ppm::from_percent(percent))),
        seen_at: samples::at(super::NOW) - SignedDuration::from_hours(age_hours),
    });
    market
}

/// Fargate Spot at `discount` percent beside Fargate, both of a list price seen 23 hours ago.
fn serverless(discount: Option<i64>) -> Case {
    let mut case = Case::usual();
    case.environments = vec![
        samples::environment("spot", Capacity::FargateSpot),
        samples::environment("steady", Capacity::Fargate),
    ];
    let markets = vec![
        fargate("spot", Capacity::FargateSpot, discount, 23),
        fargate("steady", Capacity::Fargate, None, 23),
    ];
    case.market = samples::market(markets, case.now);
    case
}

fn figures(candidate: &Candidate) -> (String, String) {
    (candidate.price.unwrap().to_string(), candidate.on_demand.unwrap().to_string())
}

#[test]
fn the_price_of_fargate_spot_is_as_good_as_the_list_price_that_it_is_made_from() {
    let decision = serverless(Some(60)).decide();
    assert_eq!(chosen(&decision), "spot");
    let spot = &decision.candidates[0];
    assert_eq!(spot.guards, []);
    assert_eq!(spot.price_age_secs, Some(23 * 3600));
    // 2 vCPUs and 4 GiB: 2 · 0.04048 + 4 · 0.004445, and 40 % of it.
    assert_eq!(figures(spot), ("0.039496".to_owned(), "0.09874".to_owned()));
}

#[test]
fn fargate_spot_alone_saves_against_fargate() {
    let mut case = serverless(Some(60));
    case.environments.pop();
    case.class.environments.pop();
    let decision = case.decide();
    assert_eq!((chosen(&decision), &decision.candidates[0].guards[..]), ("spot", &[][..]));
    case.class.min_saving = Ppm::from_percent(90);
    assert_eq!(case.decide().candidates[0].guards[0].label(), "saving-too-small");
}

#[test]
fn fargate_spot_without_a_stated_discount_has_no_price() {
    let decision = serverless(None).decide();
    assert_eq!(chosen(&decision), "steady");
    assert_eq!(decision.candidates[0].guards, [Guard::PriceUnknown]);
}

#[test]
fn a_savings_plan_comes_off_fargate_and_not_off_fargate_spot() {
    let mut case = serverless(Some(15));
    case.class.on_demand_discount = Ppm::from_percent(20);
    case.class.min_saving = Ppm::ZERO;
    let decision = case.decide();
    assert_eq!(chosen(&decision), "steady", "15 % off the list is dearer than 20 %");
    assert_eq!(figures(&decision.candidates[0]), ("0.083929".to_owned(), "0.078992".to_owned()));
    assert_eq!(figures(&decision.candidates[1]), ("0.078992".to_owned(), "0.078992".to_owned()));
}

#[test]
fn a_pool_that_ec2_lists_no_longer_is_left_out() {
    let mut case = Case::usual();
    let mut spot = samples::quotes(
        "spot",
        Capacity::Spot,
        &[Some("0.06"), Some("0.01")],
        Some("0.192"),
        case.now - samples::mins(2),
    );
    spot.pools[1].seen_at = Some(case.now - SignedDuration::from_hours(400));
    case.market.environments.insert("spot".into(), spot.clone().into());
    let decision = case.decide();
    assert_eq!(chosen(&decision), "spot");
    let candidate = &decision.candidates[0];
    assert_eq!((candidate.pools, candidate.stale_pools), (2, 1));
    assert_eq!(candidate.price_age_secs, Some(120));
    // 22/52 of 0.06, and nothing of 0.01.
    assert_eq!(candidate.price.unwrap().to_string(), "0.0253846154");
    // With nothing else to go by, the stale ones count, and are guarded against.
    spot.pools.remove(0);
    case.market.environments.insert("spot".into(), spot.into());
    let decision = case.decide();
    let stale = Guard::PriceStale { age_secs: 400 * 3600, max_age_secs: 1800 };
    assert_eq!((chosen(&decision), &decision.candidates[0].guards[..]), ("steady", &[stale][..]));
    assert_eq!(decision.candidates[0].stale_pools, 0);
}

#[test]
fn on_demand_says_how_old_its_list_price_is() {
    let mut case = Case::usual();
    let old = case.now - SignedDuration::from_hours(24 * 20);
    let steady = samples::quotes("steady", Capacity::OnDemand, &[None], Some("0.192"), old);
    case.market.environments.insert("steady".into(), steady.into());
    let decision = case.decide();
    assert_eq!(decision.candidates[0].price_age_secs, Some(0), "spot's own");
    assert_eq!(decision.candidates[1].price_age_secs, Some(20 * 86_400));
    assert_eq!(decision.candidates[1].guards, [], "shown, and no reason against it");
}

proptest! {
    /// An environment with stale pools among others is decided as if it did not have them.
    #[test]
    fn stale_pools_change_nothing_but_their_count(
        pools in prop::collection::vec((1u32..400_000, 0i64..90), 1..6),
    ) {
        let mut case = Case::usual();
        case.class.when_price_unknown = WhenPriceUnknown::OnDemand;
        let prices: Vec<String> =
            pools.iter().map(|(units, _)| format!("0.{units:06}")).collect();
        let prices: Vec<Option<&str>> = prices.iter().map(|price| Some(&**price)).collect();
        let mut all = samples::quotes("spot", Capacity::Spot, &prices, Some("0.192"), case.now);
        for (quote, (_, age)) in all.pools.iter_mut().zip(&pools) {
            quote.seen_at = Some(case.now - samples::mins(*age));
        }
        let mut fresh = all.clone();
        fresh.pools.retain(|quote| quote.age(case.now).unwrap() <= samples::mins(30));
        prop_assume!(!fresh.pools.is_empty());
        let left_out = (all.pools.len() - fresh.pools.len()) as u32;
        case.market.environments.insert("spot".into(), all.into());
        let mut with_all = case.decide();
        case.market.environments.insert("spot".into(), fresh.into());
        let without = case.decide();
        prop_assert_eq!(with_all.candidates[0].stale_pools, left_out);
        with_all.candidates[0].stale_pools = 0;
        with_all.candidates[0].pools -= left_out;
        prop_assert_eq!(with_all, without);
    }
}
