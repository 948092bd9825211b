//! What a candidate is said to cost, recomputed from the question.

use super::{Findings, billed_once, risk};
use crate::catalogue::{Policy, Restart};
use crate::decision::{Candidate, Outlook, Question};
use crate::domain::{EnvironmentName, Pool, Ppm, UsdPerHour};
use crate::market::PoolQuote;

/// A pool that can take the job, and its prices of the job's share.
pub(super) struct Offer<'a> {
    pub(super) pool: &'a Pool,
    pub(super) weight: i128,
    spot: Option<UsdPerHour>,
    list: Option<UsdPerHour>,
    /// Its spot price was not confirmed for longer than the class allows.
    pub(super) stale: bool,
    /// It has a spot price that cannot be, and counts as without one.
    pub(super) absurd: bool,
}

impl Offer<'_> {
    pub(super) const fn has_spot(&self) -> bool {
        self.spot.is_some()
    }
}

/// Every pool of the environment that is large enough. Each weighs 1 and the placements seen there.
pub(super) fn offers<'a>(question: &Question<'a>, name: &EnvironmentName) -> Vec<Offer<'a>> {
    let Some(market) = question.market.environments.get(name) else { return Vec::new() };
    let seen = question.experience.environments.get(name);
    let placed =
        |quote: &PoolQuote| seen.and_then(|seen| seen.placements.get(&quote.pool)).copied();
    let max_age = question.class.max_price_age.as_secs();
    let offer = |quote: &'a PoolQuote| {
        let share = question.resources.share_of(&quote.shape)?;
        let list = quote.on_demand.filter(|list| list.units() > 0);
        let list = list.map(|list| question.class.effective_on_demand(list));
        let age = quote.seen_at.map(|at| question.now.duration_since(at).as_secs());
        let absurd = quote.spot.is_some_and(|spot| cannot_be(quote, spot));
        let spot = quote.spot.filter(|_| !absurd);
        Some(Offer {
            pool: &quote.pool,
            absurd,
            weight: 1 + i128::from(placed(quote).unwrap_or(0)),
            spot: spot.map(|spot| spot.of_share(share)),
            list: list.map(|list| list.of_share(share)),
            stale: spot.is_some() && age.is_some_and(|age| age > max_age),
        })
    };
    let fitting = market.pools.iter().filter(|quote| question.resources.fits(&quote.shape));
    fitting.filter_map(offer).collect()
}

/// Nothing is given away, nothing costs ten times what it costs on demand, and nothing becomes a hundred
/// times as dear or as cheap overnight.
pub(super) fn cannot_be(quote: &PoolQuote, spot: UsdPerHour) -> bool {
    let tenth = i128::from(spot.units()) / 10;
    let beyond = quote.on_demand.is_some_and(|list| {
        let list = i128::from(list.units());
        list > 0 && (tenth > list || tenth == list && spot.units() % 10 > 0)
    });
    spot.units() < 1 || beyond || quote.jumped_from.is_some()
}

pub(super) fn check(
    question: &Question<'_>,
    candidate: &Candidate,
    all: &[Candidate],
    found: &mut Findings,
) {
    let named =
        |environment: &&&crate::catalogue::Environment| environment.name == candidate.environment;
    let capacity = question.environments.iter().find(named).map(|known| known.capacity);
    found.rule_of(
        candidate,
        capacity == Some(candidate.capacity),
        "its capacity is the catalogue's",
    );
    let absurd = offers(question, &candidate.environment).iter().filter(|o| o.absurd).count();
    let absurd = if candidate.capacity.is_interruptible() { absurd } else { 0 };
    found.rule_of(
        candidate,
        usize::try_from(candidate.absurd_pools) == Ok(absurd),
        "every price that cannot be is left out, and no other for that",
    );
    check_prices(question, candidate, found);
    check_risk(question, candidate, all, found);
}

fn check_prices(question: &Question<'_>, candidate: &Candidate, found: &mut Findings) {
    if candidate.capacity.is_fargate() {
        let market = question.market.environments.get(&candidate.environment);
        let listed = market.is_some_and(|market| market.fargate.is_some());
        let made_up = !listed && (candidate.price.is_some() || candidate.on_demand.is_some());
        found.rule_of(candidate, !made_up, "no price is made up");
        return;
    }
    let all = offers(question, &candidate.environment);
    // Stale pools may be left out where others are not, and where every price is stale, the pools
    // without one may.
    let is = |pick: fn(&Offer<'_>) -> Option<UsdPerHour>, price: Option<UsdPerHour>| {
        let of =
            |keep: fn(&Offer<'_>) -> bool| is_mean(price, all.iter().filter(|o| keep(o)), pick);
        of(|_| true) || of(|offer| !offer.stale) || of(|offer| offer.stale)
    };
    let some_fresh = all.iter().any(|offer| offer.has_spot() && !offer.stale);
    let counts = |offer: &&Offer<'_>| !some_fresh || !offer.stale;
    let holds = if candidate.capacity.is_interruptible() {
        is_mean(candidate.price, all.iter().filter(counts), |offer| offer.spot)
    } else {
        is_mean(candidate.price, all.iter(), |offer| offer.list)
    };
    found.rule_of(candidate, holds, "its price is the mean over its pools");
    let holds = if candidate.capacity.is_interruptible() {
        is(|offer| offer.list, candidate.on_demand)
    } else {
        candidate.on_demand == candidate.price
    };
    found.rule_of(candidate, holds, "its on-demand price is the mean over its pools");
}

/// Whether `price` is the weighted mean of the prices that are known, to the unit.
fn is_mean<'a>(
    price: Option<UsdPerHour>,
    offers: impl Iterator<Item = &'a Offer<'a>>,
    pick: fn(&Offer<'_>) -> Option<UsdPerHour>,
) -> bool {
    let (mut total, mut weight) = (0, 0);
    for offer in offers {
        if let Some(price) = pick(offer) {
            total += i128::from(price.units()) * offer.weight;
            weight += offer.weight;
        }
    }
    match price {
        None => weight == 0,
        Some(price) => {
            weight > 0 && (i128::from(price.units()) * weight - total).abs() * 2 <= weight
        }
    }
}

fn check_risk(
    question: &Question<'_>,
    candidate: &Candidate,
    all: &[Candidate],
    found: &mut Findings,
) {
    risk::check(question, candidate, found);
    if let Some(outlook) = &candidate.outlook {
        return check_outlook(question, candidate, all, outlook, found);
    }
    let modelled = question.class.policy == Policy::Model && candidate.capacity.is_interruptible();
    found.rule_of(
        candidate,
        !modelled || candidate.price.is_none(),
        "under the model interruptible capacity with a price has an outlook",
    );
    let risk = candidate.hazard_per_hour.to_ratio();
    let looks_away = matches!(question.class.policy, Policy::Greedy | Policy::UniformProgress);
    let repeated = match question.class.restart {
        _ if looks_away => 0.0,
        Restart::FromZero => {
            repeated_from_zero(risk * billed_once(question).as_secs_f64() / 3600.0)
        }
        Restart::Checkpoint { interval, restore } => {
            risk * (interval.as_secs_f64() / 2.0 + restore.as_secs_f64()) / 3600.0
        }
    };
    found.rule_of(
        candidate,
        is_near(candidate.expected_rework, repeated),
        "its expected rework follows from its risk",
    );
}

/// What the model was told is true, and what it expects lies between one run without an interruption and
/// what anybody can have: a run on demand, with all that a step of its ladders and ticks may add. (Of
/// checkpointed work launches count besides.)
fn check_outlook(
    question: &Question<'_>,
    candidate: &Candidate,
    all: &[Candidate],
    outlook: &Outlook,
    found: &mut Findings,
) {
    let seen = question.experience.environments.get(&candidate.environment);
    let since = seen.and_then(|seen| seen.last_trouble).map(|at| question.now.duration_since(at));
    found.rule_of(
        candidate,
        outlook.trouble_age_secs == since.map(|since| since.as_secs()),
        "its trouble is as old as the last one seen",
    );
    let starved = seen.is_some_and(|seen| seen.starved_at.is_some());
    let chance = outlook.chance_up.to_ratio();
    found.rule_of(
        candidate,
        (0.0..=1.0).contains(&chance) && (starved || chance == 1.0),
        "it has capacity for certain unless it had none when it was last tried",
    );
    found.rule_of(
        candidate,
        candidate.expected_rework == outlook.rework && outlook.rework >= Ppm::ZERO,
        "its expected rework is the outlook's",
    );
    let price_of_the_rest = all
        .iter()
        .filter(|other| !other.capacity.is_interruptible() && other.guards.is_empty())
        .filter_map(|other| super::money::hourly(question, other))
        .min()
        .or(candidate.on_demand.map(UsdPerHour::units));
    if let (Some(rest), Some(price)) =
        (price_of_the_rest, candidate.price.filter(|p| p.units() > 0))
    {
        let ratio = rest as f64 / price.units() as f64;
        found.rule_of(
            candidate,
            is_near(outlook.price_ratio, ratio),
            "its ratio of prices is that to the cheapest capacity that would take over",
        );
        let bound = Ppm::from_ratio(ratio.clamp(1.0, 20.0) * 1.03 + 1e-3);
        let from_zero = question.class.restart == Restart::FromZero;
        found.rule_of(
            candidate,
            !from_zero || outlook.rework <= bound.max(outlook.price_ratio),
            "what it expects is no more than a run on demand after one in vain",
        );
    }
    let left = question.deadline_at.map(|at| at.duration_since(question.now).as_secs().max(0));
    if let Some(left) = left {
        let waits = outlook.patience_secs;
        found.rule_of(candidate, waits <= left, "no wait goes beyond the deadline");
    }
}

/// Of a run that meets `interruptions` on average: the mean of e^t over [0, interruptions], less 1.
fn repeated_from_zero(interruptions: f64) -> f64 {
    let x = interruptions;
    // The first terms where the difference of two nearly equal numbers would say nothing.
    if x < 1e-3 { x / 2.0 + x * x / 6.0 } else { (x.exp() - 1.0) / x - 1.0 }
}

/// To two millionths, or as many parts of itself.
pub(super) fn is_near(said: Ppm, is: f64) -> bool {
    let is = Ppm::from_ratio(is).0 as f64;
    (said.0 as f64 - is).abs() <= 2.0 + is.abs() * 2e-6
}
