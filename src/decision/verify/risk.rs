//! How risky a candidate is said to be, recomputed from what was watched of its pools.

use super::Findings;
use super::numbers::{is_near, offers};
use crate::decision::{Candidate, Question};
use crate::domain::{AccountRegion, Pool};
use crate::policy::Phase;
use crate::policy::lifetimes::{AGES_SECS, PRIOR};

/// The prior of docs/concepts/decision.md where no age is told apart, interruptions an hour.
const AN_HOUR: f64 = 0.10;
/// What a region, a type and a pool are drawn with to what stands above them (docs/concepts/decision.md).
const STRENGTHS: [f64; 3] = [1.0, 4.0, 50.0];
/// No factor is told apart beyond these.
const LEAST: f64 = 0.01;
const MOST: f64 = 50.0;

/// Interruptions seen, those that the prior expects, and seconds.
type Counts = (f64, f64, i64);

pub(super) fn check(question: &Question<'_>, candidate: &Candidate, found: &mut Findings) {
    let Some(level) = candidate.level else {
        let on_demand = !candidate.capacity.is_interruptible();
        let holds = on_demand && candidate.hazard_per_hour.0 == 0;
        return found.rule_of(candidate, holds, "its risk is none only on demand");
    };
    let named = |known: &&&crate::catalogue::Environment| known.name == candidate.environment;
    let Some(environment) = question.environments.iter().find(named) else { return };
    let place = environment.site.account_region();
    let (factor, (interruptions, _, secs)) = expected(question, candidate, &place);
    found.rule_of(
        candidate,
        candidate.capacity.is_interruptible() && is_near(level.factor, factor),
        "its level is that of its pools, with the prior",
    );
    found.rule_of(
        candidate,
        level.interruptions as f64 == interruptions && level.watched_secs == secs,
        "its evidence is what was watched of its pools",
    );
    found.rule_of(
        candidate,
        is_near(candidate.hazard_per_hour, AN_HOUR * level.factor.to_ratio()),
        "its risk is the prior's times its level",
    );
}

/// The mean factor of the pools that count for the price, with the evidence of all.
fn expected(
    question: &Question<'_>,
    candidate: &Candidate,
    place: &AccountRegion,
) -> (f64, Counts) {
    let hazards = Watched { question, place };
    if candidate.capacity.is_fargate() {
        let known = question.market.environments.contains_key(&candidate.environment);
        let of_fargate = |pool: &Pool| pool.instance_type.as_str() == "fargate-spot";
        let seen = if known { hazards.counts(of_fargate) } else { (0.0, 0.0, 0) };
        let factor = if known { hazards.of_type("fargate-spot") } else { hazards.of_region() };
        return (factor, seen);
    }
    let all = offers(question, &candidate.environment);
    let some_fresh = all.iter().any(|offer| offer.has_spot() && !offer.stale);
    let some_stale = all.iter().any(|offer| offer.stale);
    let counts: Vec<_> =
        all.iter().filter(|o| if some_fresh { !o.stale } else { o.stale || !some_stale }).collect();
    if counts.is_empty() {
        return (hazards.of_region(), (0.0, 0.0, 0));
    }
    let weights: f64 = counts.iter().map(|offer| offer.weight as f64).sum();
    let factors = counts.iter().map(|offer| hazards.of_pool(offer.pool) * offer.weight as f64);
    let seen = counts.iter().map(|offer| hazards.counts(|pool| pool == offer.pool));
    let seen = seen.fold((0.0, 0.0, 0), |all, one| (all.0 + one.0, all.1 + one.1, all.2 + one.2));
    (factors.sum::<f64>() / weights, seen)
}

/// What was watched in one place.
struct Watched<'a> {
    question: &'a Question<'a>,
    place: &'a AccountRegion,
}

impl Watched<'_> {
    fn counts(&self, which: impl Fn(&Pool) -> bool) -> Counts {
        self.weighed(|pool| which(pool).then_some(1.0))
    }

    /// Of the pools that have a weight; what is expected of them times that.
    fn weighed(&self, weight: impl Fn(&Pool) -> Option<f64>) -> Counts {
        let (mut interruptions, mut expected, mut watched) = (0.0, 0.0, 0);
        for (place, pool, watch) in self.question.experience.hazards.pools() {
            let weight = weight(&pool).filter(|_| place == self.place);
            let Some(weight) = weight else { continue };
            for (bucket, age_secs) in AGES_SECS.into_iter().enumerate() {
                let (secs, exits) = watch.exposure().at(Phase::Up, bucket);
                interruptions += exits as f64;
                expected += PRIOR.per_hour(Phase::Up, age_secs) * weight * secs as f64 / 3600.0;
                watched += secs;
            }
        }
        (interruptions, expected, watched)
    }

    /// What is advised of a type is expected of the region as well.
    fn of_region(&self) -> f64 {
        let advised = |pool: &Pool| Some(self.advised(pool.instance_type.as_str()));
        drawn(self.weighed(advised), STRENGTHS[0], 1.0)
    }

    fn of_type(&self, name: &str) -> f64 {
        let seen = self.counts(|pool| pool.instance_type.as_str() == name);
        drawn(seen, STRENGTHS[1], self.of_region() * self.advised(name))
    }

    fn advised(&self, name: &str) -> f64 {
        let table = self.question.experience.hazards.advice().of(&self.place.region);
        table.and_then(|table| table.of(name)).unwrap_or(1.0)
    }

    fn of_pool(&self, pool: &Pool) -> f64 {
        let seen = self.counts(|other| other == pool);
        drawn(seen, STRENGTHS[2], self.of_type(pool.instance_type.as_str()))
    }
}

fn drawn((interruptions, expected, _): Counts, strength: f64, to: f64) -> f64 {
    ((interruptions + strength * to) / (expected + strength)).clamp(LEAST, MOST)
}
