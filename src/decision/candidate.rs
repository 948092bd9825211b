//! One environment's numbers: what it costs, how risky it is, and what speaks against it.

use std::sync::Arc;

use jiff::SignedDuration;

use super::{Candidate, Guard, Question, budget, effective, outlook};
use crate::catalogue::{Class, Environment, Policy, Restart};
use crate::cost::fargate_hourly;
use crate::domain::amount::div_half_even;
use crate::domain::{Capacity, InstanceShape, Ppm, Share, UsdPerHour};
use crate::experience::{
    Breaker, EnvironmentExperience, FARGATE_SPOT, Level, LevelMixture, Levels,
};
use crate::market::EnvironmentMarket;

/// How long it takes until an attempt that is to be given up is looked at.
const GIVEN_UP_WITHIN: SignedDuration = SignedDuration::from_mins(1);

/// The mixture over an environment's pools, of the job's share.
#[derive(Debug, Default)]
struct Mixture {
    price: Option<UsdPerHour>,
    on_demand: Option<UsdPerHour>,
    age_secs: Option<i64>,
    /// The age above which the price counts as unknown; `None` where it is made from list prices.
    max_age_secs: Option<i64>,
    pools: u32,
    stale_pools: u32,
    level: Option<Level>,
    absurd_pools: u32,
    /// The first of them.
    absurd: Option<Guard>,
    fits: bool,
}

/// `environment` as a candidate for `question`, with every guard but those that compare it with
/// the other candidates (`choose` adds the saving).
///
/// `steady` is the marginal price of an hour on the cheapest capacity that is not taken back, where it
/// is known.
pub fn assess(
    question: &Question<'_>,
    environment: &Environment,
    steady: Option<UsdPerHour>,
) -> Candidate {
    let empty = EnvironmentExperience::default();
    let experience = question.experience.environments.get(&environment.name).unwrap_or(&empty);
    let market = question.market.environments.get(&environment.name);
    let mut levels = question.experience.hazards.levels(&environment.site.account_region());
    let mixture =
        market.map(|market| mix(question, market, experience, &mut levels)).unwrap_or_default();
    let interruptible = environment.capacity.is_interruptible();
    let level = interruptible.then(|| mixture.level.unwrap_or_else(|| levels.unknown()));
    let hazard = level.map_or(Ppm::ZERO, |level| level.per_hour());
    let work = billed_once(question);
    let outlook = match (question.class.policy, mixture.price, level) {
        (Policy::Model, Some(price), Some(level)) => {
            let on_demand = steady.or(mixture.on_demand);
            Some(outlook::of(question, experience, mixture.pools, level, price, on_demand))
        }
        _ => None,
    };
    let rework = match &outlook {
        Some(outlook) => outlook.rework,
        None => expected_rework(question.class, work, hazard),
    };
    // What may be taken back is covered by nothing.
    let covered_millis = match interruptible {
        true => 0,
        false => effective::covered_millis(question, environment, work),
    };
    let (containers, data_cost) = (question.containers, environment.data_cost);
    let expected_cost = mixture.price.map(|price| {
        effective::cost_of(price, work, covered_millis, rework, containers, data_cost)
    });
    let mut guards =
        place_guards(question, market.map(|market| &**market), &mixture, interruptible);
    let breaker = match interruptible {
        true => {
            let sent = question.in_flight.of(&environment.name);
            Breaker::of(experience, sent, question.cooldown, question.now)
        }
        false => Breaker::Closed,
    };
    if interruptible {
        guards.extend(risk_guards(question));
        guards.extend(breaker_guard(breaker));
        guards.extend(budget::guard(question, environment.capacity, expected_cost));
    }
    Candidate {
        environment: environment.name.clone(),
        capacity: environment.capacity,
        price: mixture.price,
        price_age_secs: mixture.age_secs,
        on_demand: mixture.on_demand,
        level,
        hazard_per_hour: hazard,
        expected_rework: rework,
        data_cost,
        covered_millis,
        expected_cost,
        pools: mixture.pools,
        stale_pools: mixture.stale_pools,
        absurd_pools: mixture.absurd_pools,
        outlook,
        breaker,
        guards,
    }
}

/// What speaks against the place and its prices, whatever happened there.
fn place_guards(
    question: &Question<'_>,
    market: Option<&EnvironmentMarket>,
    mixture: &Mixture,
    interruptible: bool,
) -> Vec<Guard> {
    let unusable = market.and_then(|market| market.unusable.clone());
    let unusable = unusable.map(|reason| Guard::Unusable { reason });
    let of_prices = match mixture.pools > 0 && !mixture.fits {
        true => vec![Guard::DoesNotFit],
        false => price_guards(question, mixture, interruptible),
    };
    unusable.into_iter().chain(of_prices).collect()
}

/// What one run without an interruption is expected to be billed for. The model reckons with starts, too,
/// which every attempt pays anew.
pub(super) fn billed_once(question: &Question<'_>) -> SignedDuration {
    let work = question.lengths.expected_after(question.progress) + restore(question);
    match question.class.policy {
        Policy::Model => question.class.start_up + work,
        Policy::FitOnly | Policy::Greedy | Policy::UniformProgress => work,
    }
}

/// What picking up a checkpoint takes, where there is one.
fn restore(question: &Question<'_>) -> SignedDuration {
    match question.class.restart {
        Restart::Checkpoint { restore, .. } if question.progress > SignedDuration::ZERO => restore,
        _ => SignedDuration::ZERO,
    }
}

/// How late a run is that begins now on capacity that is not taken back and meets no trouble; `None`
/// where that meets the deadline, or there is none.
pub(super) fn late_secs(question: &Question<'_>) -> Option<i64> {
    let left = question.deadline_at?.duration_since(question.now);
    let work = question.lengths.expected_after(question.progress) + restore(question);
    let late = question.class.start_up + work - left;
    // Less than a second late is late.
    late.is_positive().then(|| late.as_secs().max(1))
}

/// What the plan for the deadline keeps beyond the length that is expected.
pub(super) fn margin(question: &Question<'_>) -> SignedDuration {
    let (lengths, progress) = (&question.lengths, question.progress);
    lengths.planned_after(progress) - lengths.expected_after(progress)
}

/// The least time before the deadline at which interruptible capacity may still be started: an
/// interruption at the last moment must leave room to finish on demand, at the length that is planned with.
/// From zero: two full runs (policy "fit-only"), or one and a moment (policies "model" and "greedy", which
/// give an attempt up in time). Checkpointed (Uniform Progress' safety net, NSDI'24 §3.3): the work, two
/// starts, and what one interruption loses.
pub(super) fn time_needed(question: &Question<'_>) -> SignedDuration {
    let Class { start_up, restart, policy, .. } = question.class;
    let work = question.lengths.planned_after(question.progress) + restore(question);
    match restart {
        Restart::FromZero if *policy == Policy::Model => {
            let run = *start_up + work - margin(question);
            SignedDuration::from_secs(outlook::room_secs(run.as_secs())) + margin(question)
        }
        Restart::FromZero if *policy == Policy::Greedy => *start_up + work + GIVEN_UP_WITHIN,
        Restart::FromZero => (*start_up + work) * 2,
        Restart::Checkpoint { interval, restore } => work + (*start_up + *restore) * 2 + *interval,
    }
}

/// Expected repeated work as a part of `work`, for exponential lifetimes.
/// From zero: billed time to success is (e^(λL) − 1)/λ for exponential lifetimes, so the rework is
/// (e^x − 1)/x − 1 with x = λL. Checkpointed every τ with restore r: each interruption loses τ/2 + r
/// on average (Young 1974), so λ(τ/2 + r). Greedy and Uniform Progress know no risk.
pub(super) fn expected_rework(class: &Class, work: SignedDuration, hazard_per_hour: Ppm) -> Ppm {
    if matches!(class.policy, Policy::Greedy | Policy::UniformProgress) {
        return Ppm::ZERO;
    }
    let hazard = hazard_per_hour.to_ratio();
    match class.restart {
        Restart::FromZero => {
            let x = hazard * work.as_secs_f64() / 3600.0;
            if x < 1e-9 { Ppm::ZERO } else { Ppm::from_ratio(x.exp_m1() / x - 1.0) }
        }
        Restart::Checkpoint { interval, restore } => {
            let lost = interval.as_secs_f64() / 2.0 + restore.as_secs_f64();
            Ppm::from_ratio(hazard * lost / 3600.0)
        }
    }
}

/// The pools that count, each weighted by the placements seen there plus one (equal at first).
#[derive(Debug, Default)]
struct Pools {
    price: WeightedMean,
    on_demand: WeightedMean,
    age_secs: Option<i64>,
    level: LevelMixture,
    count: u32,
}

impl Pools {
    fn add(
        &mut self,
        price: Option<UsdPerHour>,
        on_demand: Option<UsdPerHour>,
        age: Option<SignedDuration>,
        weight: u64,
    ) {
        self.price.add(price, weight);
        self.on_demand.add(on_demand, weight);
        self.age_secs = self.age_secs.max(age.map(|age| age.as_secs()));
        self.count += 1;
    }
}

/// Pools whose spot price is not believed count as without one: for the risk and the price on demand they
/// count. Those whose price is stale are left out altogether, unless all are: one that EC2 lists no longer
/// ages for ever, and says nothing of the others.
fn mix(
    question: &Question<'_>,
    market: &EnvironmentMarket,
    experience: &EnvironmentExperience,
    levels: &mut Levels<'_>,
) -> Mixture {
    if market.capacity.is_fargate() {
        let level = Some(levels.of_type(FARGATE_SPOT));
        return Mixture { level, ..mix_fargate(question, market) };
    }
    let interruptible = market.capacity.is_interruptible();
    let max_age_secs = question.class.max_price_age.as_secs();
    let (mut fresh, mut stale) = (Pools::default(), Pools::default());
    let (mut fits, mut absurd, mut absurd_pools) = (false, None, 0);
    // The pools of one type stand together and have one shape.
    let mut last: Option<(&Arc<InstanceShape>, Option<Share>)> = None;
    for quote in &market.pools {
        if !question.resources.fits(&quote.shape) {
            continue;
        }
        fits = true;
        let share = match last {
            Some((shape, share)) if Arc::ptr_eq(shape, &quote.shape) => share,
            _ => question.resources.share_of(&quote.shape),
        };
        last = Some((&quote.shape, share));
        let Some(share) = share else { continue };
        let seen = if experience.placements.is_empty() {
            0
        } else {
            experience.placements.get(&quote.pool).copied().unwrap_or(0)
        };
        let list =
            quote.listed().map(|list| question.class.effective_on_demand(list).of_share(share));
        if !interruptible {
            let age = quote.listed().and_then(|_| quote.on_demand_age(question.now));
            fresh.add(list, list, age, seen + 1);
            continue;
        }
        if let (Some(price), Some(why)) = (quote.spot, quote.absurdity()) {
            absurd_pools += 1;
            absurd = absurd.or(Some(Guard::PriceAbsurd { price, why }));
        }
        let spot = quote.believed_spot().map(|spot| spot.of_share(share));
        let age = spot.and_then(|_| quote.age(question.now));
        let is_stale = age.is_some_and(|age| age.as_secs() > max_age_secs);
        let pools = if is_stale { &mut stale } else { &mut fresh };
        pools.add(spot, list, age, seen + 1);
        pools.level.add(levels.of_pool(&quote.pool), seen + 1);
    }
    let all_stale = fresh.price.mean().is_none() && stale.count > 0;
    let (used, stale_pools) = if all_stale { (stale, 0) } else { (fresh, stale.count) };
    Mixture {
        price: used.price.mean(),
        on_demand: used.on_demand.mean(),
        age_secs: used.age_secs,
        max_age_secs: interruptible.then_some(max_age_secs),
        pools: market.pools.len() as u32,
        stale_pools,
        level: used.level.mean(),
        absurd_pools,
        absurd,
        fits,
    }
}

/// Fargate has no pools, and its prices no age that rules them out: list prices change seldom, and
/// Fargate Spot's is one of them less a discount.
fn mix_fargate(question: &Question<'_>, market: &EnvironmentMarket) -> Mixture {
    let Some(quote) = &market.fargate else {
        return Mixture { fits: true, ..Mixture::default() };
    };
    let hourly = |rate| fargate_hourly(rate, &question.resources);
    let on_demand = hourly(quote.list.less(question.class.on_demand_discount));
    let price = match market.capacity {
        Capacity::FargateSpot => quote.spot.and_then(hourly),
        _ => on_demand,
    };
    let age_secs = price.map(|_| quote.age(question.now).as_secs());
    Mixture { price, on_demand, age_secs, fits: true, ..Mixture::default() }
}

#[derive(Debug, Default)]
struct WeightedMean {
    total: i128,
    weight: i128,
}

impl WeightedMean {
    fn add(&mut self, price: Option<UsdPerHour>, weight: u64) {
        if let Some(price) = price {
            self.total += i128::from(price.units()) * i128::from(weight);
            self.weight += i128::from(weight);
        }
    }

    fn mean(&self) -> Option<UsdPerHour> {
        (self.weight > 0)
            .then(|| UsdPerHour::from_units(div_half_even(self.total, self.weight) as i64))
    }
}

fn price_guards(question: &Question<'_>, mixture: &Mixture, interruptible: bool) -> Vec<Guard> {
    let mut guards = Vec::new();
    let Some(price) = mixture.price else {
        return vec![mixture.absurd.clone().unwrap_or(Guard::PriceUnknown)];
    };
    if !interruptible {
        return guards;
    }
    if mixture.on_demand.is_none() {
        guards.push(Guard::PriceUnknown);
    }
    if let (Some(age_secs), Some(max_age_secs)) = (mixture.age_secs, mixture.max_age_secs)
        && age_secs > max_age_secs
    {
        guards.push(Guard::PriceStale { age_secs, max_age_secs });
    }
    if let Some(max) = question.class.max_price.filter(|max| price > *max) {
        guards.push(Guard::AboveMaxPrice { price, max });
    }
    guards
}

fn risk_guards(question: &Question<'_>) -> Vec<Guard> {
    let mut guards = Vec::new();
    if let Some(forced) = question.forced {
        guards.push(Guard::ForcedOnDemand(forced.clone()));
    }
    if question.cause.moves_away() {
        guards.push(Guard::MovedAway);
    }
    if question.legs + 1 >= question.class.max_legs && question.class.max_legs > 1 {
        guards.push(Guard::LastLeg);
    }
    if let Some(deadline_at) = question.deadline_at {
        let left = deadline_at.duration_since(question.now);
        let slack = left - time_needed(question);
        if slack < SignedDuration::ZERO {
            guards.push(Guard::DeadlineTooNear { slack_secs: slack.as_secs() });
        }
    }
    guards
}

const fn breaker_guard(breaker: Breaker) -> Option<Guard> {
    match breaker {
        Breaker::Open { until, .. } => Some(Guard::CoolingDown { until }),
        Breaker::HalfOpen { since: Some(since), .. } => Some(Guard::ProbeUnderWay { since }),
        Breaker::HalfOpen { since: None, .. } | Breaker::Closed => None,
    }
}
