//! The deadline is hard: no pattern of capacity makes the model miss it.

use std::sync::LazyLock;

use proptest::prelude::*;
use spotcron::policy::lasting::{self, Table};
use spotcron::policy::lifetimes::{Lifetimes, PRIOR};
use spotcron::policy::restarting::{self, Action, Plan, Restarting};
use spotcron::policy::{Mode, Phase};

use super::{constant, job, play};

const TICK: i64 = 600;
const CHANGEOVERS: [i64; 4] = [0, 180, 600, 1500];
const LONGEST_RUN: usize = 5;

/// One that fits the prior, and one that trusts capacity far too much.
fn hazards() -> [Lifetimes; 2] {
    [PRIOR, constant(0.01, 5.0)]
}

static TABLES: LazyLock<Vec<Table>> = LazyLock::new(|| {
    let terms = hazards().into_iter().flat_map(|lifetimes| {
        CHANGEOVERS.map(|changeover_secs| lasting::Terms {
            lifetimes: lifetimes.clone(),
            price_ratio: 3.0,
            changeover_secs,
            tick_secs: TICK,
            horizon_ticks: 30,
        })
    });
    terms.map(Table::solve).collect()
});

static PLANS: LazyLock<Vec<Plan>> = LazyLock::new(|| {
    let mut plans = Vec::new();
    for run_ticks in 1..=LONGEST_RUN {
        for (lifetimes, may_hedge) in hazards().into_iter().zip([false, true]) {
            plans.push(Plan::solve(restarting::Terms {
                lifetimes,
                price_ratio: 3.0,
                tick_secs: TICK,
                run_ticks,
                horizon_ticks: 14,
                free_ticks: 1,
                may_hedge,
            }));
        }
    }
    plans
});

/// Where capacity is.
#[derive(Debug, Clone)]
enum Weather {
    /// By a pattern, again and again.
    Pattern(Vec<bool>),
    /// There until it was used for so many ticks on end, then gone for so many.
    Taken { after: usize, gone: usize },
}

impl Weather {
    /// For the coming tick, after what was used so far.
    fn phase(&self, used: &[bool]) -> Phase {
        Phase::of(match self {
            Weather::Pattern(pattern) => pattern[used.len() % pattern.len()],
            Weather::Taken { after, gone } => {
                let taken =
                    used.windows(*after).rposition(|window| window.iter().all(|used| *used));
                taken.is_none_or(|at| used.len() >= at + after + gone)
            }
        })
    }
}

fn weather() -> impl Strategy<Value = Weather> {
    prop_oneof![
        prop::collection::vec(any::<bool>(), 1..40).prop_map(Weather::Pattern),
        (1usize..12).prop_map(|up| { Weather::Pattern((0..=up).map(|tick| tick < up).collect()) }),
        (1usize..8, 1usize..60).prop_map(|(after, gone)| Weather::Taken { after, gone }),
    ]
}

/// Ticks until the run is done when `plan` is followed.
fn restart(plan: &Plan, ticks_left: usize, weather: &Weather) -> usize {
    let run = plan.terms().run_ticks;
    let mut now =
        Restarting { ticks_left, attempt_ticks: 0, phase: Phase::Up, phase_age_secs: 7200 };
    let mut used = Vec::new();
    loop {
        let phase = weather.phase(&used);
        let lasts = phase == now.phase;
        now.phase_age_secs = if lasts { now.phase_age_secs + TICK } else { 0 };
        now.phase = phase;
        if phase == Phase::Down {
            now.attempt_ticks = 0;
        }
        let action = plan.decide(&now);
        match action {
            Action::Wait => now.attempt_ticks = 0,
            Action::Attempt => {
                assert_eq!(phase, Phase::Up, "an attempt where there is no capacity: {now:?}");
                now.attempt_ticks += 1;
            }
            // Never interrupted from here on, whatever an attempt beside it does.
            Action::OnDemand | Action::Hedge => return used.len() + run,
        }
        used.push(action == Action::Attempt);
        if now.attempt_ticks == run {
            return used.len();
        }
        now.ticks_left =
            now.ticks_left.checked_sub(1).expect("the deadline passed and nothing was begun");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn lasting_work_never_misses_its_deadline(
        which in 0..2 * CHANGEOVERS.len(),
        work_secs in 1i64..20 * TICK,
        spare_secs in 0i64..40 * TICK,
        weather in weather(),
    ) {
        let table = &TABLES[which];
        let changeover = table.terms().changeover_secs;
        let allowed = work_secs + 2 * changeover + 2 * TICK + spare_secs;
        let start = job(TICK, work_secs, changeover, allowed);
        let played = play(
            start,
            |modes| {
                let used: Vec<_> = modes.iter().map(|mode| *mode == Mode::Spot).collect();
                weather.phase(&used)
            },
            |now| {
                let choices = table.choices(now);
                assert!(!choices.is_empty(), "nothing is safe any more: {now:?}");
                let decided = table.decide(now);
                assert!(choices.iter().any(|choice| choice.mode == decided), "{now:?}");
                decided
            },
        );
        prop_assert!(played.done_secs <= allowed, "{} > {allowed}: {:?}", played.done_secs, played.modes);
    }

    #[test]
    fn work_that_restarts_never_misses_its_deadline(
        which in 0..2 * LONGEST_RUN,
        spare in 0usize..20,
        weather in weather(),
    ) {
        let plan = &PLANS[which];
        let ticks_left = plan.terms().run_ticks + spare;
        let done = restart(plan, ticks_left, &weather);
        prop_assert!(done <= ticks_left, "{done} > {ticks_left}");
    }
}

/// Else the properties above would hold for a model that never tries anything.
#[test]
fn steady_capacity_is_used_to_the_end() {
    let changeover = CHANGEOVERS[1];
    let start = job(TICK, 10 * TICK, changeover, 20 * TICK);
    let played = play(start, |_| Phase::Up, |now| TABLES[1].decide(now));
    assert_eq!((played.count(Mode::Spot), played.modes.len()), (11, 11));
    let plan = &PLANS[PLANS.len() - 1];
    assert_eq!(restart(plan, 12, &Weather::Pattern(vec![true])), LONGEST_RUN);
}

/// What is too late already is done on demand, the least late.
#[test]
fn what_cannot_be_in_time_any_more_goes_on_demand() {
    let late = job(TICK, 10 * TICK, 180, 5 * TICK);
    assert_eq!(TABLES[1].choices(&late), []);
    assert_eq!(TABLES[1].decide(&late), Mode::OnDemand);
    let plan = &PLANS[2 * (LONGEST_RUN - 1)];
    for phase in [Phase::Up, Phase::Down] {
        let now = Restarting { ticks_left: 2, attempt_ticks: 0, phase, phase_age_secs: 0 };
        assert_eq!(plan.decide(&now), Action::OnDemand);
    }
}
