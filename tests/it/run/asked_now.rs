//! An open run that is asked now: what is supposed of it, and that what is said to change the answer does.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use spotcron::catalogue::{Catalogue, Class, IndexMap, Policy, Restart, RetryOwner};
use spotcron::decision::{
    Change, Decision, ForcedOnDemand, ForcedScope, TurningPoint, decide, turning_points,
};
use spotcron::domain::{
    BatchStatus, Capacity, EnvironmentName, IndexSet, LegCause, Ppm, Usd, UsdPerHour,
};
use spotcron::experience::Experience;
use spotcron::experience::durations::{Durations, Worked};
use spotcron::market::{EnvironmentMarket, Market};
use spotcron::run::{
    Around, AskedNow, InUse, Indices, Leg, NextLeg, NotAsked, Run, RunState, StopRequest,
    Supposing, Then, Trigger, Wait, asked_now, in_flight,
};
use spotcron::schedule::StopKind;

use crate::samples::{self, at, mins};

const NOW: &str = "2026-11-21T03:00:00Z";
const DUE: &str = "2026-11-21T02:00:00Z";

/// Two spot environments and one on demand, a job, and one run of it.
#[derive(Debug, Clone)]
struct Open {
    class: Class,
    mapped: bool,
    run: Run,
    market: Market,
    experience: Experience,
    durations: Durations,
}

impl Open {
    fn usual() -> Self {
        let now = at(NOW);
        let spot =
            |name, price| samples::quotes(name, Capacity::Spot, &[Some(price)], Some("0.192"), now);
        let steady = samples::quotes("steady", Capacity::OnDemand, &[None], Some("0.192"), now);
        let run = Run::new(
            "work-20261121T020000Z".into(),
            "work".into(),
            "c".into(),
            Trigger::Schedule,
            at(DUE),
            at(DUE),
        );
        Open {
            class: samples::class("c", &["spot", "other", "steady"]),
            mapped: false,
            run: Run { deadline_at: Some(at(DUE) + mins(360)), ..run },
            market: samples::market(vec![spot("spot", "0.06"), spot("other", "0.07"), steady], now),
            experience: Experience::default(),
            durations: Durations::default(),
        }
    }

    fn catalogue(&self) -> Catalogue {
        let environments = vec![
            samples::environment("spot", Capacity::Spot),
            samples::environment("other", Capacity::Spot),
            samples::environment("steady", Capacity::OnDemand),
        ];
        let mut job = samples::job("work", "c", "0 * * * *", "UTC");
        if self.mapped {
            let map = IndexMap { count: 20, chunk: 20 };
            Arc::make_mut(&mut job.submission).index_map = Some(map);
        }
        samples::catalogue(environments, self.class.clone(), vec![job])
    }

    /// A leg more, that began so long ago if it did.
    fn leg(mut self, environment: &str, cause: LegCause, began: Option<i64>) -> Self {
        let capacity = if environment == "steady" { Capacity::OnDemand } else { Capacity::Spot };
        let index = self.run.legs.len() as u16;
        let of = samples::environment(environment, capacity);
        let leg = Leg::intended(index, cause, &of, format!("n-{index}").into(), at(DUE));
        let indices = self.run.indices.as_ref().map(Indices::left);
        self.run.legs.push(Leg {
            job_id: Some("job".into()),
            submitted_at: Some(at(DUE)),
            status: Some(BatchStatus::Runnable),
            started_at: began.map(|ago| at(NOW) - mins(ago)),
            array_size: indices.as_ref().map(|left| left.len() as u16),
            indices,
            ..leg
        });
        self.run.state = RunState::Watching;
        self
    }

    fn asked<T>(&self, then: impl FnOnce(&AskedNow<'_>) -> T) -> Result<T, NotAsked> {
        let catalogue = self.catalogue();
        asked_now(&self.run, &catalogue, &self.durations, at(NOW)).map(|asked| then(&asked))
    }

    /// The answer, with what is said to change it.
    fn answer(&self, with_points: bool) -> Result<(Decision, Vec<TurningPoint>), NotAsked> {
        let catalogue = self.catalogue();
        let now = at(NOW);
        let asked = asked_now(&self.run, &catalogue, &self.durations, now)?;
        let legs = in_flight([&asked.run], |name| self.experience.has_tripped(name));
        let in_use = InUse::of(&catalogue, [&asked.run]);
        let leg = NextLeg {
            catalogue: &catalogue,
            run: &asked.run,
            class: asked.class,
            job: asked.job,
            cause: asked.cause,
            containers: asked.containers,
        };
        let question = leg.question(Around {
            market: &self.market,
            experience: &self.experience,
            in_flight: &legs,
            in_use: Some(&in_use),
            forced: None,
            spent: Usd::ZERO,
            lengths: asked.run.lengths(asked.class, Some(asked.job), &self.durations),
            cooldown: mins(15),
            now,
        });
        let decision = decide(&question);
        let points = match with_points {
            true => turning_points(&question, &decision, decide),
            false => Vec::new(),
        };
        Ok((decision, points))
    }

    fn chosen(&self) -> Option<EnvironmentName> {
        self.answer(false).unwrap().0.chosen
    }

    /// The same with every price of an environment multiplied.
    fn repriced(&self, name: &EnvironmentName, factor: Ppm) -> Open {
        let mut open = self.clone();
        let known = Arc::make_mut(open.market.environments.get_mut(name).unwrap());
        let spot = known.capacity.is_interruptible();
        for quote in &mut known.pools {
            let price = if spot { &mut quote.spot } else { &mut quote.on_demand };
            *price = price.map(|price| price.scaled(factor));
        }
        open
    }

    /// What is chosen beyond the point, so many thousandths of a price.
    fn beyond(
        &self,
        decision: &Decision,
        point: &TurningPoint,
        thousandths: i64,
    ) -> Option<EnvironmentName> {
        let price_of = |name: &EnvironmentName| -> UsdPerHour {
            let of = decision.candidates.iter().find(|candidate| candidate.environment == *name);
            of.and_then(|candidate| candidate.price).unwrap()
        };
        match &point.change {
            Change::PriceAbove { environment, usd_per_hour }
            | Change::PriceBelow { environment, usd_per_hour } => {
                let factor = usd_per_hour.ratio_to(price_of(environment)).unwrap();
                let further =
                    if factor > Ppm::ONE { 1000 + thousandths } else { 1000 - thousandths };
                self.repriced(environment, Ppm(factor.0 * further / 1000)).chosen()
            }
            Change::Deadline { by_secs } => {
                let by = SignedDuration::from_secs(*by_secs);
                let mut open = self.clone();
                open.run.deadline_at = open.run.deadline_at.map(|deadline| deadline + by);
                // Of a run that waits for its place it is counted from when that comes.
                open.class.deadline = open.class.deadline.map(|deadline| deadline + by);
                open.chosen()
            }
        }
    }
}

#[test]
fn a_run_that_needs_a_leg_is_asked_as_it_is() {
    let mut open = Open::usual().leg("spot", LegCause::Scheduled, Some(30));
    open.run.state =
        RunState::NeedsLeg { cause: LegCause::Interrupted, not_before: at(NOW) + mins(1) };
    let asked = open.asked(|asked| (asked.supposing, asked.cause, asked.run.legs.len()));
    assert_eq!(asked, Ok((Supposing::Nothing, LegCause::Interrupted, 1)));
}

#[test]
fn a_leg_that_waits_is_asked_anew_and_one_that_runs_is_supposed_to_be_lost() {
    let waits = Open::usual().leg("spot", LegCause::Scheduled, Some(40)).leg(
        "other",
        LegCause::Interrupted,
        None,
    );
    let asked = waits.asked(|asked| (asked.supposing, asked.cause, asked.run.legs.len()));
    assert_eq!(asked, Ok((Supposing::NotDecided { leg: 1 }, LegCause::Interrupted, 1)));
    let runs = Open::usual().leg("spot", LegCause::Scheduled, Some(40));
    let asked = runs.asked(|asked| (asked.supposing, asked.cause, asked.run.legs.len()));
    assert_eq!(asked, Ok((Supposing::Lost { leg: 0 }, LegCause::Interrupted, 1)));
    let steady = Open::usual().leg("steady", LegCause::Scheduled, Some(40));
    assert_eq!(steady.asked(|asked| asked.cause), Ok(LegCause::Infrastructure));
}

#[test]
fn checkpoints_of_a_leg_that_runs_count_as_work_done() {
    let mut open = Open::usual().leg("spot", LegCause::Scheduled, Some(47));
    open.class.restart = Restart::Checkpoint { interval: mins(10), restore: mins(2) };
    assert_eq!(open.asked(|asked| asked.run.progress_millis), Ok(40 * 60_000));
    // Twenty minutes are left, and the restore of two; at first it was an hour.
    let cost = |open: &Open| open.answer(false).unwrap().0.candidates[0].expected_cost.unwrap();
    let fresh = Open { class: open.class.clone(), ..Open::usual() };
    let part = cost(&open).ratio_to(cost(&fresh)).unwrap();
    let expected = Ppm::from_ratio(22.0 / 60.0);
    assert!((part.0 - expected.0).abs() < 10, "{part} for {expected}");
}

#[test]
fn a_stop_that_is_under_way_is_supposed_to_be_over() {
    let mut open = Open::usual().leg("spot", LegCause::Scheduled, None);
    open.run.state = RunState::Stopping { cause: LegCause::Starved, since: at(NOW) };
    let asked = open.asked(|asked| (asked.supposing, asked.cause));
    assert_eq!(asked, Ok((Supposing::Stopped { leg: 0 }, LegCause::Starved)));
    assert_eq!(open.chosen(), Some("steady".into()), "it moves away");
}

#[test]
fn what_waits_is_supposed_to_be_let_go_and_its_place_begins_its_deadline() {
    let mut open = Open::usual();
    open.run.state = RunState::Waiting { since: at(DUE) };
    open.run.waits = vec![Wait::Turn];
    let asked = open.asked(|asked| (asked.supposing, asked.run.deadline_at));
    assert_eq!(asked, Ok((Supposing::Released, Some(at(DUE) + mins(360)))));
    open.run.waits = vec![Wait::Place { backfill: "b".to_owned(), at_once: 1 }];
    let asked = open.asked(|asked| asked.run.deadline_at);
    assert_eq!(asked, Ok(Some(at(NOW) + mins(360))));
}

#[test]
fn people_s_words_hold_also_for_what_is_asked_now() {
    let mut open = Open::usual();
    assert_eq!(open.chosen(), Some("spot".into()));
    let mut moved = open.clone();
    moved.run.stop = Some(StopRequest {
        kind: StopKind::Cancel,
        then: Then::MoveOnDemand,
        reason: "moved by ann".to_owned(),
        at: at(NOW),
    });
    assert_eq!(moved.asked(|asked| asked.cause), Ok(LegCause::Moved));
    assert_eq!(moved.chosen(), Some("steady".into()));
    let word = ForcedOnDemand { by: "ann".to_owned(), scope: ForcedScope::Run, until: None };
    open.run.by_hand.forced = Some(word);
    assert_eq!(open.chosen(), Some("steady".into()));
}

#[test]
fn an_environment_that_refused_the_run_is_not_asked_again() {
    let mut open = Open::usual().leg("spot", LegCause::Scheduled, None);
    let leg = open.run.legs.last_mut().unwrap();
    (leg.job_id, leg.ended_at) = (None, Some(at(NOW)));
    open.run.state = RunState::NeedsLeg { cause: LegCause::Refused, not_before: at(NOW) };
    assert_eq!(open.answer(false).unwrap().0.candidates.len(), 2);
    assert_eq!(open.chosen(), Some("other".into()));
}

#[test]
fn where_no_leg_would_follow_it_says_so() {
    let runs = || Open::usual().leg("spot", LegCause::Scheduled, Some(5));
    let why = |open: &Open| open.asked(|_| ()).unwrap_err();
    let mut last = runs();
    last.class.max_legs = 1;
    assert_eq!(why(&last), NotAsked::LastLeg { leg: 0, max_legs: 1 });
    let mut batch = runs();
    batch.class.retry_owner = RetryOwner::Batch;
    assert_eq!(why(&batch), NotAsked::BatchRepeats { leg: 0 });
    let mut ends = runs();
    ends.run.stop = Some(StopRequest {
        kind: StopKind::Terminate,
        then: Then::End,
        reason: "cancelled by ann".to_owned(),
        at: at(NOW),
    });
    assert_eq!(why(&ends), NotAsked::IsToEnd);
    let mut renamed = runs();
    renamed.run.job = "gone".into();
    assert_eq!(why(&renamed), NotAsked::NoJob);
    let open = runs();
    let mut catalogue = open.catalogue();
    catalogue.classes.clear();
    let asked = asked_now(&open.run, &catalogue, &open.durations, at(NOW));
    assert_eq!(asked.unwrap_err(), NotAsked::NoClass);
}

#[test]
fn of_an_array_with_a_map_only_the_indices_that_are_left_are_asked_for() {
    let mut open = Open::usual();
    open.mapped = true;
    let done = IndexSet::range(0, 14);
    open.run.indices = Some(Indices { done, ..Indices::new(20, IndexSet::range(0, 19)) });
    let open = open.leg("spot", LegCause::Scheduled, Some(20));
    assert_eq!(open.asked(|asked| asked.containers), Ok(5));
}

/// Its table is made for prices a twentieth apart: just below one at which `other` becomes the cheaper, it was
/// the dearer again.
#[test]
fn what_the_model_tells_apart_coarsely_turns_where_it_stays_turned() {
    let now = at(NOW);
    // Over more than a twentieth, so that one of the points lies where a table ends.
    for price in (0..15).map(|step| format!("0.{}", 120_000 + step * 500)) {
        let mut open = Open::usual();
        open.class.policy = Policy::Model;
        open.run.deadline_at = None;
        let mut put = |name: &str, capacity, spot: Option<&str>, list| {
            let quotes = samples::quotes(name, capacity, &[spot], Some(list), now);
            open.market.environments.insert(name.into(), quotes.into());
        };
        put("spot", Capacity::Spot, Some(&price), "0.192");
        put("other", Capacity::Spot, Some("0.2"), "0.192");
        put("steady", Capacity::OnDemand, None, "0.245199");
        let (decision, points) = open.answer(true).unwrap();
        let of_other = |point: &&TurningPoint| {
            matches!(&point.change,
            Change::PriceBelow { environment, .. } if environment.as_str() == "other")
        };
        let point = points.iter().find(of_other).unwrap();
        for thousandths in [1, 5, 10, 20, 30, 40, 50, 100] {
            let there = open.beyond(&decision, point, thousandths);
            assert_ne!(there, decision.chosen, "{price}: {thousandths}");
        }
    }
}

fn any_price() -> impl Strategy<Value = String> {
    (1u32..400_000).prop_map(|units| format!("0.{units:06}"))
}

fn any_state() -> impl Strategy<Value = RunState> {
    let now: Timestamp = at(NOW);
    let cause = prop_oneof![
        Just(LegCause::Interrupted),
        Just(LegCause::Starved),
        Just(LegCause::DeadlineNear),
    ];
    prop_oneof![
        1 => Just(RunState::Waiting { since: at(DUE) }),
        1 => cause.clone().prop_map(move |cause| RunState::NeedsLeg { cause, not_before: now }),
        1 => Just(RunState::Submitting { uncertain_since: None }),
        3 => Just(RunState::Watching),
        1 => cause.prop_map(move |cause| RunState::Stopping { cause, since: now }),
    ]
}

prop_compose! {
    fn any_open()(
        state in any_state(),
        legs in prop::collection::vec((prop::bool::ANY, prop::option::of(0i64..180)), 0..5),
        prices in (any_price(), any_price(), any_price(), any_price()),
        (deadline_mins, duration_mins, progress_mins) in (prop::option::of(30i64..1500), 10i64..400, 0i64..120),
        checkpoint in prop::option::of((1i64..60, 0i64..10)),
        mapped_done in prop::option::of(0u32..19),
        place in any::<bool>(),
        lengths in prop::collection::vec((600u32..20_000, any::<bool>()), 0..30),
        (placed, tripped) in (0u64..9, any::<bool>()),
        forced in prop_oneof![4 => Just(false), 1 => Just(true)],
        // A model has a table to solve for every price that is tried.
        policy in prop_oneof![19 => Just(Policy::FitOnly), 1 => Just(Policy::Model)],
        max_legs in 1u16..8,
    ) -> Open {
        let now = at(NOW);
        let mut open = Open::usual();
        let spot = |name, one: &str, two: &str| -> EnvironmentMarket {
            samples::quotes(name, Capacity::Spot, &[Some(one), Some(two)], Some("0.192"), now)
        };
        let (a, b, c, list) = prices;
        let list = samples::quotes("steady", Capacity::OnDemand, &[None], Some(&list), now);
        open.market = samples::market(vec![spot("spot", &a, &b), spot("other", &b, &c), list], now);
        open.run.deadline_at = deadline_mins.map(|after| at(DUE) + mins(after));
        open.class.deadline = deadline_mins.map(mins);
        open.class.expected_duration = mins(duration_mins);
        open.class.policy = policy;
        open.class.max_legs = max_legs;
        if let Some((interval, restore)) = checkpoint {
            open.class.restart =
                Restart::Checkpoint { interval: mins(interval), restore: mins(restore) };
            open.run.progress_millis = progress_mins.min(duration_mins) * 60_000;
        }
        if let Some(done) = mapped_done {
            open.mapped = true;
            let done = IndexSet::range(0, done);
            open.run.indices = Some(Indices { done, ..Indices::new(20, IndexSet::range(0, 19)) });
        }
        for (on_spot, began) in legs {
            let environment = if on_spot { "spot" } else { "steady" };
            let cause = if open.run.legs.is_empty() { LegCause::Scheduled } else { LegCause::Interrupted };
            open = open.leg(environment, cause, began);
        }
        for (secs, whole) in lengths {
            let length = SignedDuration::from_secs(secs.into());
            let worked = if whole { Worked::Whole(length) } else { Worked::LongerThan(length) };
            open.durations.record(&"work".into(), worked, None, now);
        }
        let seen = open.experience.environments.entry("other".into()).or_default();
        let pool = open.market.environments["other"].pools[0].pool.clone();
        seen.placements.insert(pool, placed);
        if tripped {
            seen.record_starvation(now - mins(20), mins(15));
        }
        if forced {
            let word = ForcedOnDemand { by: "ann".to_owned(), scope: ForcedScope::Run, until: None };
            open.run.by_hand.forced = Some(word);
        }
        if place {
            open.run.waits = vec![Wait::Place { backfill: "b".to_owned(), at_once: 2 }];
        }
        open.run.state = match state {
            RunState::Submitting { .. } | RunState::Watching | RunState::Stopping { .. }
                if open.run.legs.is_empty() =>
            {
                RunState::NeedsLeg { cause: LegCause::Scheduled, not_before: now }
            }
            state => state,
        };
        open
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn whatever_is_said_to_change_where_an_open_run_would_go_does(open in any_open()) {
        let Ok((decision, points)) = open.answer(true) else { return Ok(()) };
        for point in points {
            prop_assert_ne!(&point.then, &decision.chosen);
            // What is said of a price is rounded to its unit: a little further. The model tells prices apart
            // by twentieths, so that the answer might turn back within that.
            for thousandths in [1, 10, 50] {
                let there = open.beyond(&decision, &point, thousandths);
                match point.change {
                    Change::Deadline { .. } => prop_assert_eq!(there, point.then.clone()),
                    _ => prop_assert_ne!(there, decision.chosen.clone(), "{:?}", point),
                }
            }
        }
    }
}
