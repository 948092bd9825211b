//! What speaks against a candidate, derived from the question rule by rule.

use super::numbers::{cannot_be, offers};
use super::{Findings, breaker, room_for_an_interruption};
use crate::decision::{Candidate, Guard, Question};
use crate::domain::{Usd, UsdPerHour};
use crate::market::Absurdity;

/// Whether a guard has to stand at a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Yes,
    No,
    /// The rules leave it open.
    Either,
}

impl From<bool> for Due {
    fn from(due: bool) -> Due {
        if due { Due::Yes } else { Due::No }
    }
}

pub(super) fn check(
    question: &Question<'_>,
    candidate: &Candidate,
    all: &[Candidate],
    found: &mut Findings,
) {
    let environment = question.market.environments.get(&candidate.environment);
    let unusable = environment.is_some_and(|market| market.unusable.is_some());
    let fits_nowhere = environment.is_some_and(|market| {
        !market.pools.is_empty()
            && !market.pools.iter().any(|quote| question.resources.fits(&quote.shape))
    });
    let (spot, name) = (candidate.capacity.is_interruptible(), &candidate.environment);
    let nothing_to_compare = candidate.price.is_none() || (spot && candidate.on_demand.is_none());
    let offers = offers(question, name);
    let absurd = spot && candidate.price.is_none() && offers.iter().any(|offer| offer.absurd);
    let rules = [
        ("unusable", unusable.into()),
        ("does-not-fit", fits_nowhere.into()),
        ("price-unknown", (!fits_nowhere && nothing_to_compare && !absurd).into()),
        ("price-absurd", (!fits_nowhere && absurd).into()),
        ("price-stale", (spot && is_stale(question, candidate)).into()),
        ("above-max-price", (spot && above_maximum(question, candidate)).into()),
        (
            "saving-too-small",
            if spot { saves_too_little(question, candidate, all) } else { Due::No },
        ),
        ("deadline-too-near", (spot && slack_secs(question).is_some_and(|slack| slack < 0)).into()),
        ("above-run-budget", (spot && is_above_budget(question, candidate)).into()),
        ("cooling-down", (spot && breaker::opens_until(question, name).is_some()).into()),
        ("probe-under-way", (spot && breaker::probed_since(question, name).is_some()).into()),
        ("last-leg", (spot && is_last_leg(question)).into()),
        ("moved-away", (spot && question.cause.moves_away()).into()),
        ("forced-on-demand", (spot && question.forced.is_some()).into()),
    ];
    for (label, due) in rules {
        let said = candidate.guards.iter().filter(|guard| guard.label() == label).count();
        let lacks = format!("{label} speaks against it and is not said");
        found.rule_of(candidate, due != Due::Yes || said > 0, &lacks);
        let invented = format!("{label} is said and does not hold");
        found.rule_of(candidate, due != Due::No || said == 0, &invented);
        found.rule_of(candidate, said <= 1, &format!("{label} is said once"));
    }
    found.rule_of(candidate, breaker::is_true(question, candidate), "its breaker is as it says");
    for guard in &candidate.guards {
        let text = format!("{} is said with its true figures", guard.label());
        found.rule_of(candidate, has_true_figures(question, candidate, guard), &text);
    }
}

/// Spot prices are stale when every quote of the environment is: before that, stale ones are left
/// out. Fargate has no pools to confirm.
fn is_stale(question: &Question<'_>, candidate: &Candidate) -> bool {
    let offers = offers(question, &candidate.environment);
    let mut quotes = offers.iter().filter(|offer| offer.has_spot()).peekable();
    quotes.peek().is_some() && quotes.all(|offer| offer.stale)
}

fn above_maximum(question: &Question<'_>, candidate: &Candidate) -> bool {
    matches!((candidate.price, question.class.max_price), (Some(price), Some(max)) if price > max)
}

/// A try after others that cost something, which leaves less than nothing of the budget.
fn is_above_budget(question: &Question<'_>, candidate: &Candidate) -> bool {
    let Some(max) = question.class.max_cost else { return false };
    let after = max.nanos()
        - question.spent.nanos()
        - candidate.expected_cost.map_or(0, |cost| cost.nanos());
    question.spent != Usd::ZERO && after < 0
}

/// Against the cheapest capacity that may be chosen and is not taken back, else against the same
/// pools on demand.
fn saves_too_little(question: &Question<'_>, candidate: &Candidate, all: &[Candidate]) -> Due {
    let steady = |other: &&Candidate| {
        !other.capacity.is_interruptible()
            && other.guards.is_empty()
            && other.expected_cost.is_some()
    };
    // What the same pools cost on demand is rounded to the nano-dollar.
    let (reference, rounded) =
        match all.iter().filter(steady).filter_map(|other| other.expected_cost).min() {
            Some(cost) => (Some(cost), 0),
            None => (own_on_demand_cost(question, candidate), 1),
        };
    let (Some(reference), Some(cost)) = (reference, candidate.expected_cost) else {
        return Due::No;
    };
    let judged = |reference| is_short(reference, cost.nanos(), question.class.min_saving.0);
    let [low, high] = [-rounded, rounded].map(|off| judged(reference.nanos() + off));
    if low == high { low } else { Due::Either }
}

/// Whether a cost saves less of the reference than the millionths that are asked for.
fn is_short(reference: i128, cost: i128, min: i64) -> Due {
    // saving < min, without a division: (reference - cost) / reference < min.
    let short_of = |ppm: i64| (reference - cost) * 1_000_000 < reference * i128::from(ppm);
    if reference <= 0 {
        return (min > 0).into();
    }
    // A saving is known to the millionth.
    match (short_of(min - 1), short_of(min + 1)) {
        (true, _) => Due::Yes,
        (false, true) => Due::Either,
        (false, false) => Due::No,
    }
}

fn own_on_demand_cost(question: &Question<'_>, candidate: &Candidate) -> Option<Usd> {
    let millis = super::billed_once(question).as_millis() * i128::from(question.containers);
    let units = i128::from(candidate.on_demand?.units());
    let data = super::money::data_cost(question, candidate);
    Some(Usd::from_nanos(units * millis / (10 * 3_600_000)) + data)
}

/// What is left until the deadline beyond the room for an interruption.
fn slack_secs(question: &Question<'_>) -> Option<i64> {
    let left = question.deadline_at?.duration_since(question.now);
    let slack = left - room_for_an_interruption(question);
    // Less than a second late is late.
    Some(if slack.is_negative() { slack.as_secs().min(-1) } else { slack.as_secs() })
}

/// A class with one submission a run has no other to go to.
fn is_last_leg(question: &Question<'_>) -> bool {
    let max = question.class.max_legs;
    max > 1 && u32::from(question.legs) + 1 >= u32::from(max)
}

/// Whether the first of the pools whose price cannot be has this one, and that is why.
fn is_absurd(
    question: &Question<'_>,
    candidate: &Candidate,
    price: UsdPerHour,
    why: Absurdity,
) -> bool {
    let Some(market) = question.market.environments.get(&candidate.environment) else {
        return false;
    };
    let fitting = market.pools.iter().filter(|quote| question.resources.fits(&quote.shape));
    let mut doubted = fitting.filter(|quote| quote.spot.is_some_and(|spot| cannot_be(quote, spot)));
    let (spot, first) = (price.units(), doubted.next());
    first.is_some_and(|quote| {
        let holds = match why {
            Absurdity::NotPositive => spot < 1,
            Absurdity::AboveOnDemand { on_demand } => {
                let ten = 10 * i128::from(on_demand.units());
                quote.on_demand == Some(on_demand) && i128::from(spot) > ten
            }
            Absurdity::Jump { from } => quote.jumped_from == Some(from),
        };
        holds && quote.spot == Some(price)
    })
}

fn has_true_figures(question: &Question<'_>, candidate: &Candidate, guard: &Guard) -> bool {
    match guard {
        Guard::PriceStale { age_secs, max_age_secs } => {
            *max_age_secs == question.class.max_price_age.as_secs() && age_secs > max_age_secs
        }
        Guard::AboveMaxPrice { price, max } => {
            (Some(*price), Some(*max)) == (candidate.price, question.class.max_price)
        }
        Guard::SavingTooSmall { saving, min } => *min == question.class.min_saving && saving < min,
        Guard::DeadlineTooNear { slack_secs: said } => {
            slack_secs(question).is_some_and(|slack| (slack - said).abs() <= 1)
        }
        Guard::AboveRunBudget { spent, expected_cost, max } => {
            *spent == question.spent
                && *expected_cost == candidate.expected_cost
                && Some(*max) == question.class.max_cost
        }
        Guard::CoolingDown { until } => {
            breaker::opens_until(question, &candidate.environment) == Some(*until)
        }
        Guard::ProbeUnderWay { since } => {
            breaker::probed_since(question, &candidate.environment) == Some(*since)
        }
        Guard::Unusable { reason } => {
            let market = question.market.environments.get(&candidate.environment);
            market.and_then(|market| market.unusable.as_ref()) == Some(reason)
        }
        Guard::ForcedOnDemand(forced) => question.forced == Some(forced),
        Guard::PriceAbsurd { price, why } => is_absurd(question, candidate, *price, *why),
        Guard::DoesNotFit | Guard::PriceUnknown | Guard::LastLeg | Guard::MovedAway => true,
    }
}
