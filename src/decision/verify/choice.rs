//! What follows from the candidates and their guards: who may be chosen, and for how long it may
//! wait.

use jiff::{SignedDuration, Timestamp};

use super::{Findings, allowed, breaker, room_for_an_interruption, takes_the_job, work_left};
use crate::catalogue::{Policy, WhenPriceUnknown};
use crate::decision::{Candidate, Decision, Guard, Question, Reason};

/// A hold for want of prices is this short, so that a deadline this much further off can wait.
const SHORT: SignedDuration = SignedDuration::from_mins(10);

pub(super) fn check(question: &Question<'_>, decision: &Decision, found: &mut Findings) {
    check_reasons(question, decision, found);
    check_budget(question, decision, found);
    let Some(name) = &decision.chosen else {
        found.rule(decision.wait_until.is_none(), "a hold has no wait budget");
        return check_hold(question, decision, found);
    };
    let Some(chosen) = decision.candidates.iter().find(|c| c.environment == *name) else {
        return found.rule(false, "the chosen environment is a candidate");
    };
    found.rule(
        !chosen.guards.iter().any(never_yields),
        "neither a person's word, nor a price cap, nor an open breaker, nor what cannot take the job \
         is overridden",
    );
    if chosen.guards.is_empty() {
        let cheapest = allowed(decision).min_by_key(|other| other.expected_cost);
        // The first of equals is the one that the class names first.
        let stays = cheapest.and_then(|best| stays(question, decision, best));
        found.rule(
            stays.or(cheapest).is_some_and(|best| best.environment == *name),
            "of the candidates without a guard the cheapest is chosen, or where the class stays",
        );
    } else {
        check_overridden(question, decision, chosen, found);
    }
    if !chosen.capacity.is_interruptible() {
        check_unknown_prices(question, decision, found);
    }
    let until =
        longest_wait(question, decision, chosen).filter(|_| chosen.capacity.is_interruptible());
    found.rule(
        decision.wait_until == until,
        "waiting for spot ends with the budget, or earlier where the deadline or the policy asks for it",
    );
}

fn check_reasons(question: &Question<'_>, decision: &Decision, found: &mut Findings) {
    found.rule(!decision.reasons.is_empty(), "a decision has a reason");
    let cost_of = |name: &_| {
        decision.candidates.iter().find(|c| c.environment == *name).and_then(|c| c.expected_cost)
    };
    let holds = |reason: &Reason| match reason {
        Reason::Cheapest { expected_cost, second } => {
            decision.chosen.as_ref().and_then(cost_of) == Some(*expected_cost)
                && second.as_ref().is_none_or(|(name, cost)| cost_of(name) == Some(*cost))
        }
        Reason::Kept { expected_cost, cheaper, until } => {
            let last = question.experience.choices.get(&question.class.name);
            let ends = |since: Timestamp| since + question.class.min_time_between_switches;
            decision.chosen.as_ref().and_then(cost_of) == Some(*expected_cost)
                && allowed(decision).map(|c| c.expected_cost).min().flatten() == Some(cheaper.1)
                && cost_of(&cheaper.0) == Some(cheaper.1)
                && cheaper.1 < *expected_cost
                && last.is_some_and(|last| ends(last.since) == *until)
        }
        Reason::Fallback { guard } => {
            decision.candidates.iter().any(|candidate| candidate.guards.contains(guard))
        }
        Reason::Hold { .. } | Reason::WaitsForBetter { .. } => decision.chosen.is_none(),
        Reason::PriceUnknown | Reason::OnlyCandidate | Reason::OverBudget { .. } => {
            decision.chosen.is_some()
        }
        // Their own rules follow.
        Reason::Probe { .. } | Reason::DeadlineCannotBeMet { .. } => true,
    };
    found.rule(decision.reasons.iter().all(holds), "every reason is true of the candidates");
    let late = decision.reasons.iter().filter_map(|reason| match reason {
        Reason::DeadlineCannotBeMet { late_secs } => Some(*late_secs),
        _ => None,
    });
    found.rule(
        late.eq(lateness(question)),
        "a deadline that cannot be met is said to be missed, and by how much",
    );
    let said = decision.reasons.iter().filter_map(|reason| match reason {
        Reason::Probe { trips } => Some(*trips),
        _ => None,
    });
    let probes = decision.chosen.as_ref().and_then(|name| breaker::probes(question, name));
    found.rule(said.eq(probes), "a leg that tries an environment again is said to be a probe");
}

/// Where the class went less than its least time ago, if `best` saves too little against that.
fn stays<'a>(
    question: &Question<'_>,
    decision: &'a Decision,
    best: &Candidate,
) -> Option<&'a Candidate> {
    let last = question.experience.choices.get(&question.class.name)?;
    let ago = question.now.duration_since(last.since);
    let early = !ago.is_negative() && ago < question.class.min_time_between_switches;
    let known = allowed(decision).find(|known| known.environment == last.environment)?;
    let (cost, least) = (known.expected_cost?.nanos(), best.expected_cost?.nanos());
    let part_left = i128::from(1_000_000 - question.class.min_saving_to_switch.0);
    let breaks = |cost: i128| {
        question.class.max_cost.is_some_and(|max| question.spent.nanos() + cost > max.nanos())
    };
    let early = early && (breaks(least) || !breaks(cost));
    (early && least < cost && least * 1_000_000 > cost * part_left).then_some(known)
}

/// Seconds by which a run that begins now and is not disturbed ends after its deadline, begun ones whole.
fn lateness(question: &Question<'_>) -> Option<i64> {
    let ends = question.class.start_up + work_left(question, question.lengths.expected);
    let allowed = question.deadline_at?.duration_since(question.now);
    (ends > allowed).then(|| (ends - allowed).as_secs().max(1))
}

/// Whoever pays is told when a run goes above its budget, and only then.
fn check_budget(question: &Question<'_>, decision: &Decision, found: &mut Findings) {
    let chosen = decision.chosen.as_ref();
    let chosen = decision.candidates.iter().find(|c| Some(&c.environment) == chosen);
    let expected = |candidate: &Candidate| candidate.expected_cost.map_or(0, |cost| cost.nanos());
    let due = chosen
        .zip(question.class.max_cost)
        .filter(|(candidate, max)| max.nanos() - question.spent.nanos() < expected(candidate));
    let due = due.map(|(candidate, max)| Reason::OverBudget {
        spent: question.spent,
        expected_cost: candidate.expected_cost,
        max,
    });
    let said: Vec<_> = decision.reasons.iter().filter(|r| r.label() == "over-budget").collect();
    found.rule(
        said == due.iter().collect::<Vec<_>>(),
        "that a run goes above its budget is said where it does, with its figures",
    );
}

/// Guards that nothing overrides: they protect money, or there is no capacity, or a person said so.
fn never_yields(guard: &Guard) -> bool {
    matches!(
        guard.label(),
        "unusable"
            | "does-not-fit"
            | "above-max-price"
            | "cooling-down"
            | "probe-under-way"
            | "forced-on-demand"
    )
}

fn is_about_prices(guard: &Guard) -> bool {
    matches!(guard.label(), "price-unknown" | "price-absurd" | "price-stale")
}

/// Interruptible, and only its price speaks against it.
fn is_unpriced_spot(candidate: &&Candidate) -> bool {
    candidate.capacity.is_interruptible()
        && !candidate.guards.is_empty()
        && candidate.guards.iter().all(is_about_prices)
}

/// Guards step back only where nothing else can take the run, or where the class says so of prices.
fn check_overridden(
    question: &Question<'_>,
    decision: &Decision,
    chosen: &Candidate,
    found: &mut Findings,
) {
    let spot_allowed = allowed(decision).any(|other| other.capacity.is_interruptible());
    found.rule(!spot_allowed, "no guard is overridden while spot without one is there");
    let steady = decision.candidates.iter().any(takes_the_job);
    if !chosen.capacity.is_interruptible() {
        found.rule(allowed(decision).next().is_none(), "a known price is preferred");
    } else if is_unpriced_spot(&chosen) {
        let by_rule = question.class.when_price_unknown == WhenPriceUnknown::Spot;
        found.rule(by_rule || !steady, "spot without a price is used only as the class says");
    } else {
        found.rule(
            !steady,
            "spot that endangers the deadline, the last leg or the saving is used only where \
             nothing else is",
        );
    }
}

/// Capacity that is not taken back, although the class says otherwise while only prices are missing.
fn check_unknown_prices(question: &Question<'_>, decision: &Decision, found: &mut Findings) {
    let mut spot = decision.candidates.iter().filter(|c| c.capacity.is_interruptible()).peekable();
    let only_prices = spot.peek().is_some() && spot.all(|c| is_unpriced_spot(&c));
    let broken = only_prices
        && match question.class.when_price_unknown {
            WhenPriceUnknown::OnDemand => false,
            WhenPriceUnknown::Spot => true,
            WhenPriceUnknown::Hold => can_wait_until(question, question.now + SHORT),
        };
    found.rule(!broken, "the class's rule for unknown prices is followed");
}

fn check_hold(question: &Question<'_>, decision: &Decision, found: &mut Findings) {
    if decision.reasons.iter().any(|reason| matches!(reason, Reason::WaitsForBetter { .. })) {
        // That has rules of its own.
        return;
    }
    let until = decision.reasons.iter().find_map(|reason| match reason {
        Reason::Hold { until } => Some(*until),
        _ => None,
    });
    let Some(until) = until.filter(|until| *until > question.now) else {
        return found.rule(false, "a hold says until when, later than now");
    };
    let spot_allowed = allowed(decision).any(|other| other.capacity.is_interruptible());
    let for_a_price = question.class.when_price_unknown == WhenPriceUnknown::Hold
        && decision.candidates.iter().any(|candidate| is_unpriced_spot(&candidate))
        && !spot_allowed
        && can_wait_until(question, until);
    let nothing_to_do = !decision.candidates.iter().any(takes_the_job)
        && decision.candidates.iter().all(|candidate| candidate.guards.iter().any(never_yields));
    found.rule(
        for_a_price || nothing_to_do,
        "a run is held only for a price, as the class says, or because nothing may take it",
    );
    let cooled =
        decision.candidates.iter().flat_map(|c| &c.guards).filter_map(|guard| match guard {
            Guard::CoolingDown { until } => Some(*until),
            _ => None,
        });
    found.rule(
        for_a_price || cooled.min().is_none_or(|first| until <= first),
        "a hold ends when the first cooldown does",
    );
    let comes_back = |candidate: &&Candidate| {
        let is_too_small = candidate.guards.iter().any(|guard| guard.label() == "does-not-fit");
        let labels = candidate.guards.iter().map(Guard::label);
        let passes = labels.into_iter().any(|it| matches!(it, "unusable" | "above-max-price"));
        (passes || !candidate.capacity.is_interruptible()) && !is_too_small
    };
    found.rule(
        for_a_price
            || decision
                .candidates
                .iter()
                .find(comes_back)
                .is_none_or(|_| until <= question.now + SHORT),
        "what cannot take the run now, and may soon, is asked for again soon",
    );
}

/// Whether a run that is started at `at` still has room for an interruption.
fn can_wait_until(question: &Question<'_>, at: Timestamp) -> bool {
    question
        .deadline_at
        .is_none_or(|deadline| deadline.duration_since(at) > room_for_an_interruption(question))
}

/// `None` where nothing could ever take over.
fn longest_wait(
    question: &Question<'_>,
    decision: &Decision,
    chosen: &Candidate,
) -> Option<Timestamp> {
    let too_small = |candidate: &Candidate| candidate.guards.contains(&Guard::DoesNotFit);
    let mut steady = decision.candidates.iter().filter(|c| !c.capacity.is_interruptible());
    if steady.all(too_small) {
        return None;
    }
    let budget = question.now.checked_add(question.class.wait_budget).ok();
    let last_start = question
        .deadline_at
        .and_then(|deadline| deadline.checked_sub(room_for_an_interruption(question)).ok());
    let ends = match (budget, last_start) {
        (Some(budget), Some(last_start)) => budget.min(last_start),
        (one, other) => one.or(other)?,
    };
    // The policy may have less patience than the class has budget.
    let patience = match question.class.policy {
        Policy::UniformProgress => in_step_until(question),
        _ => chosen
            .outlook
            .as_ref()
            .map(|outlook| question.now + SignedDuration::from_secs(outlook.patience_secs)),
    };
    Some(patience.map_or(ends, |patience| patience.min(ends)).max(question.now))
}

/// How long a run that stands still has done as large a part of its work as has gone of its time: the last
/// millisecond at which that holds, but as long as a start takes at least.
fn in_step_until(question: &Question<'_>) -> Option<Timestamp> {
    let (work, time) =
        (question.lengths.expected.as_millis(), question.class.deadline?.as_millis());
    let due = question.deadline_at? - question.class.deadline?;
    let done = question.progress.as_millis().min(work);
    let keeps_step = |gone: i128| gone * work <= done * time;
    let (mut gone, mut step) = (0_i128, time.max(1));
    while step > 0 {
        if gone + step <= time && keeps_step(gone + step) {
            gone += step;
        } else {
            step /= 2;
        }
    }
    let until = due + SignedDuration::from_millis(gone as i64);
    (work > 0 && time > 0).then(|| until.max(question.now + question.class.start_up))
}
