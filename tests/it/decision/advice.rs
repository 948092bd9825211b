//! Advice to split or widen an environment: given where the numbers say so, and not near that.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use spotcron::catalogue::{Catalogue, Environment};
use spotcron::decision::advice::{Advice, Seen, Split, WhyWiden, Widen, Work, advise};
use spotcron::domain::{Capacity, InstanceShape, InstanceType, Pool, Ppm, Site, UsdPerHour};
use spotcron::experience::durations::Durations;
use spotcron::experience::{EnvironmentExperience, Experience, Hazards, Trips};
use spotcron::market::{EnvironmentMarket, Market, PoolQuote};

use super::NOW;
use crate::samples::{self, at, mins, taken_back};

/// An environment `spot` that is looked at, and one beside it.
struct Set {
    catalogue: Catalogue,
    market: Market,
    placements: BTreeMap<Pool, u64>,
    seen: EnvironmentExperience,
    hazards: Hazards,
}

fn pool(instance_type: &str, zone: &str) -> Pool {
    Pool { zone: format!("us-east-1{zone}").into(), instance_type: instance_type.into() }
}

impl Set {
    fn new() -> Self {
        let environments = vec![
            samples::environment("spot", Capacity::Spot),
            samples::environment("beside", Capacity::Spot),
        ];
        let class = samples::class("c", &["spot"]);
        let job = samples::job("work", "c", "0 * * * *", "UTC");
        let empty = |name| samples::quotes(name, Capacity::Spot, &[], None, at(NOW));
        Set {
            catalogue: samples::catalogue(environments, class, vec![job]),
            market: samples::market(vec![empty("spot"), empty("beside")], at(NOW)),
            placements: BTreeMap::new(),
            seen: EnvironmentExperience::default(),
            hazards: Hazards::default(),
        }
    }

    fn environment(&mut self) -> &mut Environment {
        Arc::make_mut(self.catalogue.environments.get_mut("spot").unwrap())
    }

    fn quotes(&mut self, environment: &str) -> &mut EnvironmentMarket {
        Arc::make_mut(self.market.environments.get_mut(environment).unwrap())
    }

    /// Pools of four vCPUs at this price, one a letter of `zones`.
    fn add(&mut self, environment: &str, instance_type: &str, zones: &str, price: &str) {
        let shape = InstanceShape {
            vcpus: 4,
            memory_mib: 16_384,
            gpus: 0,
            architecture: "x86_64".to_owned(),
        };
        let shape = Arc::new(shape);
        let pools = zones.chars().map(|zone| PoolQuote {
            pool: pool(instance_type, &zone.to_string()),
            shape: Arc::clone(&shape),
            spot: Some(price.parse().unwrap()),
            jumped_from: None,
            on_demand: Some("0.4".parse().unwrap()),
            seen_at: Some(at(NOW)),
            on_demand_seen_at: Some(at(NOW)),
        });
        self.quotes(environment).pools.extend(pools);
    }

    /// So many attempts in each pool of `spot`.
    fn placed(mut self, each: u64) -> Self {
        let pools = self.market.environments["spot"].pools.iter();
        self.placements = pools.map(|quote| (quote.pool.clone(), each)).collect();
        self
    }

    fn advice(&self) -> Vec<Advice> {
        let seen =
            EnvironmentExperience { placements: self.placements.clone(), ..self.seen.clone() };
        let experience = Experience {
            environments: [("spot".into(), seen)].into(),
            hazards: Arc::new(self.hazards.clone()),
            ..Experience::default()
        };
        let environment = &self.catalogue.environments["spot"];
        let (_, work) = Work::longest(&self.catalogue, environment, &Durations::default()).unwrap();
        let (catalogue, market) = (&self.catalogue, &self.market);
        let seen = Seen { catalogue, market, experience: &experience, now: at(NOW) };
        advise(&seen, environment, &work)
    }

    fn split(&self) -> Option<Split> {
        self.advice().into_iter().find_map(|advice| match advice {
            Advice::Split(split) => Some(split),
            Advice::Widen(_) => None,
        })
    }

    fn widen(&self) -> Option<Widen> {
        self.advice().into_iter().find_map(|advice| match advice {
            Advice::Widen(widen) => Some(widen),
            Advice::Split(_) => None,
        })
    }

    /// What a vCPU hour of useful work costs, by the formula of docs/concepts/decision.md.
    fn vcpu_hour(&self) -> f64 {
        let mut levels = self.hazards.levels(&Site::from("us-east-1").account_region());
        let (mut sum, mut weight) = (0.0, 0.0);
        for quote in &self.market.environments["spot"].pools {
            let x = levels.of_pool(&quote.pool).per_hour().to_ratio();
            let rework = x.exp_m1() / x - 1.0;
            let counts = self.placements.get(&quote.pool).copied().unwrap_or(0) as f64 + 1.0;
            sum += quote.spot.unwrap().units() as f64 / 4.0 * (1.0 + rework) * counts;
            weight += counts;
        }
        sum / weight
    }
}

/// Three types of one price, and a fourth of another, in two zones each.
fn with_a_dear_type(price: &str) -> Set {
    let mut set = Set::new();
    for of_type in ["a.xlarge", "b.xlarge", "c.xlarge"] {
        set.add("spot", of_type, "ab", "0.08");
    }
    set.add("spot", "dear.xlarge", "ab", price);
    set
}

#[test]
fn a_type_that_makes_the_mixture_dear_is_named_with_what_it_costs() {
    let split = with_a_dear_type("0.16").placed(4).split().unwrap();
    assert_eq!(split.leave_out, [InstanceType::from("dear.xlarge")]);
    let left = (split.types_left, split.zones_left, split.pools_left, split.pools);
    assert_eq!(left, (3, 2, 6, 8));
    assert_eq!(split.placements, 32);
    // A quarter of 0.10 and of 0.08, and 5.17 % on it: one in ten is interrupted within the hour.
    assert_eq!(split.vcpu_hour_usd.to_string(), "0.026292725");
    assert_eq!(split.vcpu_hour_left_usd.to_string(), "0.02103418");
}

#[test]
fn a_type_that_is_taken_back_often_is_as_good_as_dear() {
    let mut set = with_a_dear_type("0.08").placed(4);
    for calm in ["a.xlarge", "b.xlarge", "c.xlarge"] {
        taken_back(&mut set.hazards, &pool(calm, "a"), 1000, 10);
    }
    assert_eq!(set.split(), None);
    taken_back(&mut set.hazards, &pool("dear.xlarge", "a"), 10, 60);
    let split = set.split().unwrap();
    assert_eq!(split.leave_out, [InstanceType::from("dear.xlarge")]);
}

#[test]
fn near_that_nothing_is_to_be_split() {
    assert_eq!(with_a_dear_type("0.112").placed(4).split(), None, "10 % and no more");
    assert!(with_a_dear_type("0.1121").placed(4).split().is_some());
    assert_eq!(with_a_dear_type("0.16").placed(3).split(), None, "of 24 attempts");
    let mut set = with_a_dear_type("0.16").placed(4);
    set.quotes("spot").pools.retain(|quote| quote.pool.instance_type.as_str() != "c.xlarge");
    assert_eq!(set.placed(6).split(), None, "two types would be left");
    let mut set = with_a_dear_type("0.16");
    set.quotes("spot").pools.retain(|quote| quote.pool.zone.as_str() == "us-east-1a");
    assert_eq!(set.placed(9).split(), None, "in one zone");
    let mut set = with_a_dear_type("0.16");
    set.add("spot", "dear.xlarge", "cdefg", "0.16");
    assert_eq!(set.placed(4).split(), None, "fewer than half of the pools would be left");
    let mut set = with_a_dear_type("0.16").placed(4);
    set.environment().capacity = Capacity::OnDemand;
    assert_eq!(set.split(), None, "not spot");
    let mut set = with_a_dear_type("0.16").placed(4);
    set.quotes("spot").pools[7].seen_at = Some(at(NOW) - mins(31));
    set.quotes("spot").pools[6].seen_at = None;
    assert_eq!(set.split(), None, "its price is stale");
}

/// One type in two zones, and much that was watched beside it.
fn narrow() -> Set {
    let mut set = Set::new();
    set.add("spot", "a.xlarge", "ab", "0.08");
    for of_type in ["calm.xlarge", "other.xlarge"] {
        set.add("beside", of_type, "ab", "0.09");
        taken_back(&mut set.hazards, &pool(of_type, "a"), 1000, 10);
    }
    set
}

#[test]
fn few_pools_that_are_taken_back_more_often_than_the_region_s_are_to_be_more() {
    let mut set = narrow();
    taken_back(&mut set.hazards, &pool("a.xlarge", "a"), 10, 30);
    let widen = set.widen().unwrap();
    assert!(matches!(widen.why, WhyWiden::Risky { interruptions: 30, .. }), "{widen:?}");
    assert_eq!((widen.types, widen.zones), (1, 2));
    let named: Vec<&str> = widen.add.iter().map(|add| add.instance_type.as_str()).collect();
    assert_eq!(named, ["calm.xlarge", "other.xlarge"]);
    assert_eq!(narrow().widen(), None, "nothing was seen of it");
    let mut little = narrow();
    taken_back(&mut little.hazards, &pool("a.xlarge", "a"), 1, 9);
    assert_eq!(little.widen(), None, "nine interruptions");
    set.add("spot", "b.xlarge", "ab", "0.08");
    set.add("spot", "c.xlarge", "ab", "0.08");
    assert_eq!(set.widen(), None, "it is wide");
    let mut usual = narrow();
    taken_back(&mut usual.hazards, &pool("a.xlarge", "a"), 1000, 10);
    assert_eq!(usual.widen(), None, "as the region's");
}

#[test]
fn few_pools_without_capacity_again_and_again_are_to_be_more() {
    let starved = |trips, since| {
        let mut set = narrow();
        set.seen.starved_at = since;
        set.seen.trips = Trips { opened_at: Some(at(NOW)), in_a_row: trips };
        set.widen().map(|widen| widen.why)
    };
    assert_eq!(starved(3, Some(at(NOW))), Some(WhyWiden::Starves { trips: 3 }));
    assert_eq!(starved(2, Some(at(NOW))), None);
    assert_eq!(starved(3, None), None, "something has run since");
}

/// Three types in two zones, and a cheaper one beside them that was watched for so long.
fn beside(price: &str, hours: i64) -> Set {
    let mut set = Set::new();
    for of_type in ["a.xlarge", "b.xlarge", "c.xlarge"] {
        set.add("spot", of_type, "ab", "0.1");
    }
    set.add("beside", "calm.xlarge", "ab", price);
    taken_back(&mut set.hazards, &pool("calm.xlarge", "a"), hours, 0);
    set
}

#[test]
fn types_that_are_cheaper_and_less_risky_elsewhere_are_named() {
    let widen = beside("0.08", 200).placed(5).widen().unwrap();
    assert!(matches!(widen.why, WhyWiden::BetterElsewhere { placements: 30, .. }), "{widen:?}");
    let [add] = &widen.add[..] else { panic!("{widen:?}") };
    assert_eq!((add.instance_type.as_str(), add.watched_secs), ("calm.xlarge", 200 * 3600));
    assert!(add.times_the_prior < Ppm::ONE);
    let price: UsdPerHour = "0.02".parse().unwrap();
    assert!(add.vcpu_hour_usd > price && add.vcpu_hour_usd < price.scaled(Ppm(1_050_000)));
    assert_eq!(beside("0.08", 99).placed(5).widen(), None, "watched for 99 hours");
    assert_eq!(beside("0.0999", 200).placed(5).widen(), None, "hardly cheaper");
    assert_eq!(beside("0.08", 200).placed(4).widen(), None, "of 24 attempts");
    let mut away = beside("0.08", 200).placed(5);
    away.environment().site = "eu-west-1".into();
    assert_eq!(away.widen(), None, "another region");
    let shape = |set: &mut Set, change: fn(&mut InstanceShape)| {
        set.quotes("beside").pools.iter_mut().for_each(|quote| {
            change(Arc::make_mut(&mut quote.shape));
        });
    };
    for change in [
        (|shape| shape.architecture = "arm64".to_owned()) as fn(&mut InstanceShape),
        |shape| shape.vcpus = 8,
        |shape| shape.memory_mib = 8192,
        |shape| shape.gpus = 1,
    ] {
        let mut set = beside("0.08", 200).placed(5);
        shape(&mut set, change);
        assert_eq!(set.widen(), None, "not alike");
    }
}

proptest! {
    #[test]
    fn a_split_that_is_done_costs_what_was_said_of_it(
        pools in prop::collection::vec((0usize..7, 0usize..4, 100u32..3000, 0u64..12), 6..24),
        watched in prop::collection::vec((0i64..300, 0i64..40), 7),
    ) {
        let types = ["a", "b", "c", "d", "e", "f", "g"].map(|name| format!("{name}.xlarge"));
        let mut set = Set::new();
        for (of_type, zone, price, placed) in pools {
            let zone = ["a", "b", "c", "d"][zone];
            let known = pool(&types[of_type], zone);
            if set.placements.insert(known, placed * 3).is_none() {
                set.add("spot", &types[of_type], zone, &format!("0.{price:04}"));
            }
        }
        for ((hours, times), of_type) in watched.into_iter().zip(&types) {
            taken_back(&mut set.hazards, &pool(of_type, "a"), hours, times);
        }
        let Some(split) = set.split() else { return Ok(()) };
        let is_near = |said: UsdPerHour, cost: f64| (said.units() as f64 / cost - 1.0).abs() < 1e-4;
        prop_assert!(is_near(split.vcpu_hour_usd, set.vcpu_hour()));
        let before = set.vcpu_hour();
        set.quotes("spot").pools.retain(|quote| !split.leave_out.contains(&quote.pool.instance_type));
        prop_assert!(is_near(split.vcpu_hour_left_usd, set.vcpu_hour()), "{split:?}");
        prop_assert!(before > set.vcpu_hour() * 1.0999);
        prop_assert_eq!(set.market.environments["spot"].pools.len(), split.pools_left);
        prop_assert!(split.types_left >= 3 && split.zones_left >= 2);
        prop_assert!(split.pools_left * 2 >= split.pools);
    }
}
