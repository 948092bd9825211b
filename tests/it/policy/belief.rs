//! What is thought of an environment that nobody watches, and the answers that follow.

use proptest::prelude::*;
use spotcron::policy::Phase;
use spotcron::policy::belief::Belief;
use spotcron::policy::lifetimes::PRIOR;
use spotcron::policy::outlook::{Ask, Outlook, Seen, Survival, room_secs, tick_secs};

use super::constant;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn chances_stay_chances(
        up in any::<bool>(),
        age in 0i64..100_000,
        steps in prop::collection::vec((0i64..200_000, 1i64..20_000, 0f64..50.0), 1..4),
        share in 0f64..1.0,
    ) {
        let phase = Phase::of(up);
        let mut belief = Belief::of(phase, age);
        prop_assert_eq!(belief.up(), f64::from(u8::from(up)));
        for (secs, tick, risk) in steps {
            belief = belief.after(&PRIOR.riskier(risk), secs, tick);
            prop_assert!((-1e-9..=1.0 + 1e-9).contains(&belief.up()), "{}", belief.up());
            belief = belief.or(share, &Belief::settled());
        }
        // Where nothing is ever lost and all comes back, all of it must be up in the end: their sum.
        let sum = belief.after(&constant(0.0, 3.0), 10 * 86_400, 600).up();
        prop_assert!((sum - 1.0).abs() < 1e-9, "{sum}");
    }
}

/// However short the tick: what is long ago is gone through all the same.
#[test]
fn a_long_time_unseen_is_not_cut_short() {
    let lost = Belief::of(Phase::Down, 0);
    let after = |secs, tick| lost.after(&constant(0.0, 0.1), secs, tick).up();
    for hours in [1, 4, 12, 48] {
        let right = 1.0 - (-0.1 * f64::from(hours)).exp();
        let short = after(i64::from(hours) * 3600, 30);
        assert!((short - right).abs() < 0.01, "{short} for {right} after {hours} h");
    }
    assert_eq!(after(29, 30), 0.0);
}

fn ask(survival: Survival, seen: Seen) -> Outlook {
    let work_secs = 4 * 3600;
    Ask { survival, work_secs, left_secs: None, price_ratio: 3.0, risk_factor: 1.0, seen }.answer()
}

#[test]
fn a_starvation_fades_within_a_day() {
    let survivals = [Survival::Nothing, Survival::Progress { changeover_secs: 600 }];
    for survival in survivals {
        let starved = |age_secs| ask(survival, Seen::Starvation { age_secs });
        let fresh = starved(0);
        assert_eq!(fresh.chance_up, 0.0);
        let later = [3600, 6 * 3600, 20 * 3600].map(starved);
        let chances = later.map(|outlook| outlook.chance_up);
        assert!(0.1 < chances[0] && chances[0] < 0.9, "{chances:?}");
        assert!(chances[0] < chances[2] && chances[1] < chances[2], "{chances:?}");
        let settled = ask(survival, Seen::Nothing);
        let costs = [fresh, later[0], later[2], settled].map(|outlook| outlook.spot_hours.unwrap());
        assert!(costs[0] > costs[2] && costs[1] > costs[2] && costs[2] > costs[3], "{costs:?}");
        for age_secs in [86_400, i64::MAX] {
            let forgotten = starved(age_secs);
            assert!((forgotten.chance_up - 1.0).abs() < 1e-9);
            assert!((forgotten.spot_hours.unwrap() - costs[3]).abs() < 1e-9);
        }
        assert_eq!(starved(i64::MIN), fresh);
    }
}

/// One pool of many matters less than one of one, and many in a row are all of them.
#[test]
fn an_interruption_counts_by_its_share_of_the_pools() {
    let cost = |age_secs, pools, in_a_row| {
        let seen = Seen::Interruption { age_secs, pools, in_a_row };
        ask(Survival::Nothing, seen).spot_hours.unwrap()
    };
    let settled = ask(Survival::Nothing, Seen::Nothing).spot_hours.unwrap();
    assert!(cost(0, 1, 1) > cost(0, 2, 1) && cost(0, 2, 1) > cost(0, 10, 1));
    assert!(cost(0, 10, 1) > settled);
    assert_eq!(cost(0, 10, 2), cost(0, 1, 1));
    assert!(cost(0, 40, 4) > cost(0, 40, 3) && cost(0, 40, 3) > cost(0, 40, 1));
    assert_eq!(cost(0, 40, 5), cost(0, 1, 1), "an eighth of them is all of them");
    assert_eq!(cost(0, 0, 1), cost(0, 1, 1), "no pools are one");
    assert_eq!(cost(i64::MAX, 1, 1), settled);
    assert_eq!(cost(i64::MIN, 1, 1), cost(0, 1, 1));
}

#[test]
fn nothing_asked_makes_it_panic_or_answer_nonsense() {
    let lengths = [0, 1, 3600, 1 << 38, i64::MAX, i64::MIN];
    let mut survivals = vec![Survival::Nothing];
    survivals.extend(
        [0, 300, i64::MAX, i64::MIN].map(|changeover_secs| Survival::Progress { changeover_secs }),
    );
    let seen = [
        Seen::Nothing,
        Seen::Interruption { age_secs: i64::MAX, pools: 0, in_a_row: u32::MAX },
        Seen::Starvation { age_secs: i64::MAX / 2 },
        Seen::Starvation { age_secs: 1000 },
    ];
    for survival in survivals {
        for (index, work_secs) in lengths.into_iter().enumerate() {
            assert!(tick_secs(survival, work_secs) > 0 && room_secs(work_secs) >= 30);
            for left_secs in [None, Some(0), Some(-1), Some(5000), Some(i64::MAX), Some(i64::MIN)] {
                // The extremes of prices and risks, each in turn: one table for each.
                let (price_ratio, risk_factor) =
                    [(0.0, 0.0), (1e300, 1.0), (3.0, 1e300), (f64::MIN_POSITIVE, 1.0)][index % 4];
                for seen in seen {
                    let ask =
                        Ask { survival, work_secs, left_secs, price_ratio, risk_factor, seen };
                    let Outlook { spot_hours, chance_up, patience_secs } = ask.answer();
                    let hours = spot_hours.unwrap_or(0.0);
                    assert!(hours.is_finite() && hours >= 0.0, "{hours}: {ask:?}");
                    assert!((0.0..=1.0 + 1e-9).contains(&chance_up), "{chance_up}: {ask:?}");
                    let most = left_secs.unwrap_or(i64::MAX).max(0);
                    assert!((0..=most).contains(&patience_secs), "{patience_secs}: {ask:?}");
                    assert!(left_secs.is_some() || spot_hours.is_some(), "no deadline: {ask:?}");
                }
            }
        }
    }
}

/// A long start before little work: without a deadline there is always room for it.
#[test]
fn a_long_start_does_not_make_a_deadline_of_its_own() {
    let survival = Survival::Progress { changeover_secs: 3 * 3600 };
    let seen = Seen::Nothing;
    let ask =
        Ask { survival, work_secs: 600, left_secs: None, price_ratio: 3.0, risk_factor: 0.1, seen };
    let hours = ask.answer().spot_hours.unwrap();
    assert!((3.1..3.6).contains(&hours), "{hours}");
}

/// Short checkpointed work with a far deadline is expected to cost about itself.
#[test]
fn short_work_with_much_time_costs_about_itself() {
    let survival = Survival::Progress { changeover_secs: 60 };
    let seen = Seen::Nothing;
    for left_secs in [None, Some(1 << 30)] {
        let ask =
            Ask { survival, work_secs: 300, left_secs, price_ratio: 3.0, risk_factor: 0.1, seen };
        let hours = ask.answer().spot_hours.unwrap();
        assert!((0.099..0.11).contains(&hours), "{hours} for 0.1");
    }
}

#[test]
fn a_long_tick_makes_of_a_phase_what_many_short_ones_make() {
    for (begin, hours) in [(Phase::Up, 4), (Phase::Down, 4), (Phase::Up, 12)] {
        let after = |tick| Belief::of(begin, 0).after(&PRIOR, hours * 3600, tick).up();
        let (fine, coarse) = (after(600), after(3600));
        assert!((fine - coarse).abs() < 0.12, "{begin:?} {hours} h: {coarse} instead of {fine}");
    }
    // Young capacity does not end for certain within an hour.
    let hour = Belief::of(Phase::Up, 0).after(&PRIOR, 3600, 3600).up();
    assert!((0.3..0.6).contains(&hour), "{hour}");
}
