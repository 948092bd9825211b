//! One run at a time, reckoned by hand. Two vCPUs and 4 GiB are 22/52 of the instance.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use spotcron::backtest::{Availability, Backtest, Policy};
use spotcron::catalogue::{Class, Covered, Environment, Restart};
use spotcron::domain::{EnvironmentName, Pool};
use spotcron::market::PriceSeries;

use super::{alike, checkpointed, from_zero, history, mins, played, start, up};

/// 27 minutes at 0.06 and 33 at 0.08, of the share: 0.071 · 22/52.
#[test]
fn where_capacity_never_ends_spot_costs_price_times_time() {
    for class in [from_zero(), checkpointed()] {
        let mut past = history(class, &["0.06"], &[690]);
        let series = PriceSeries::from_points([
            (Timestamp::UNIX_EPOCH, "0.06".parse().unwrap()),
            (start() + mins(720), "0.08".parse().unwrap()),
        ]);
        for prices in past.prices.values_mut() {
            prices.values_mut().for_each(|known| *known = Arc::new(series.clone()));
        }
        let backtest = Backtest::prepare(past);
        let all = played(&backtest, &alike(&backtest, &Availability::always()));
        assert_eq!(all[&Policy::OnDemand].cost.to_string(), "0.081230769");
        for (policy, tally) in all.iter().filter(|(policy, _)| **policy != Policy::OnDemand) {
            assert_eq!(tally.cost.to_string(), "0.030038462", "{policy:?}");
            assert_eq!((tally.interruptions, tally.misses), (0, 0), "{policy:?}");
        }
    }
}

/// What is decided is what is paid: commitments and data are no part of it. Nor are doubts of today.
#[test]
fn what_is_not_charged_is_not_decided_by_either() {
    let plain = history(from_zero(), &["0.06"], &[690]);
    let mut other = plain.clone();
    other.kinds[0].environments = plain.kinds[0]
        .environments
        .iter()
        .map(|environment| {
            let hours = Covered {
                vcpu_millis: 8000,
                days: Weekday::Monday.cycle_forward().take(7).collect(),
                from_minute: 0,
                until_minute: 1440,
                time_zone: TimeZone::UTC,
            };
            let steady = !environment.capacity.is_interruptible();
            Arc::new(Environment {
                covered: steady.then_some(hours).into_iter().collect(),
                data_cost: "5".parse().unwrap(),
                ..Environment::clone(environment)
            })
        })
        .collect();
    for market in other.markets.values_mut() {
        market.pools.iter_mut().for_each(|it| it.jumped_from = Some("99".parse().unwrap()));
    }
    let of = |past| {
        let backtest = Backtest::prepare(past);
        played(&backtest, &alike(&backtest, &Availability::always()))
    };
    let (plain, other) = (of(plain), of(other));
    assert_eq!(plain[&Policy::Model].cost.to_string(), "0.025384615");
    for (policy, tally) in &plain {
        assert_eq!(tally.cost, other[policy].cost, "{policy:?}");
    }
}

#[test]
fn where_there_never_is_capacity_every_policy_with_a_net_costs_what_on_demand_does() {
    for class in [from_zero(), checkpointed()] {
        let backtest = Backtest::prepare(history(class, &["0.06", "0.07"], &[0, 100]));
        let all = played(&backtest, &alike(&backtest, &Availability::never()));
        let steady = &all[&Policy::OnDemand];
        assert_eq!(steady.cost.to_string(), "0.162461538");
        for (policy, tally) in &all {
            if *policy == Policy::SpotWithRetries {
                assert_eq!((tally.cost.nanos(), tally.misses), (0, 2), "it never ends");
                continue;
            }
            assert_eq!(tally.cost, steady.cost, "{policy:?}");
            assert_eq!((tally.interruptions, tally.misses), (0, 0), "{policy:?}");
        }
    }
}

/// Of the share, at 0.06 an hour; each attempt is rounded by itself.
fn nanos(minutes: &[i128]) -> i128 {
    minutes.iter().map(|minutes| (minutes * 1_000_000 * 22 * 2 + 52) / (52 * 2)).sum()
}

/// Runs from 0:03 to 0:40, and from zero again from 1:03 to 2:03: 97 minutes, or 60 where EC2 does not charge
/// the first. With checkpoints 30 of 37 minutes are kept, so that 32 are left with the restore: 69 minutes.
#[test]
fn an_interruption_costs_what_it_destroys() {
    let spans = up(&[(-60, 40), (60, 600)]);
    for (class, free, billed) in [
        (from_zero(), false, &[37, 60][..]),
        (from_zero(), true, &[60]),
        (checkpointed(), false, &[37, 32]),
    ] {
        let mut past = history(class, &["0.06"], &[0]);
        past.free_first_hour = free;
        let backtest = Backtest::prepare(past);
        let tally = &played(&backtest, &alike(&backtest, &spans))[&Policy::SpotWithRetries];
        assert_eq!(tally.cost.nanos(), nanos(billed), "{billed:?}");
        assert_eq!((tally.interruptions, tally.misses), (1, 0));
    }
}

/// Capacity comes at 0:20; the last moment for an hour on demand and its start is 0:27. Four minutes of spot
/// are lost, and the deadline is met to the minute.
#[test]
fn the_net_catches_at_the_last_moment() {
    let class = Class { deadline: Some(mins(90)), ..from_zero() };
    let backtest = Backtest::prepare(history(class, &["0.06"], &[0]));
    let all = played(&backtest, &alike(&backtest, &up(&[(20, 900)])));
    let greedy = &all[&Policy::GreedyWithNet];
    // 4 minutes at 0.06 an hour, and an hour at 0.0812307692.
    assert_eq!(greedy.cost.nanos(), 4_000_000 * 22 / 52 + 81_230_769 + 1, "rounded apart");
    assert_eq!(greedy.misses, 0);
    let naive = &all[&Policy::SpotWithRetries];
    assert_eq!(naive.misses, 0, "from 0:23 to 1:23");
    let late = played(&backtest, &alike(&backtest, &up(&[(28, 900)])));
    assert_eq!(late[&Policy::SpotWithRetries].misses, 1, "from 0:31 to 1:31");
    assert_eq!(late[&Policy::GreedyWithNet].misses, 0);
}

/// While runs take as long as was expected, nets hold whatever happens. Of work from zero the daemon's model
/// accepts a risk of 1 % at the last moment at which it could still move.
#[test]
fn nets_hold_in_every_world() {
    let due: Vec<i64> = (0..24).map(|hour| hour * 60).collect();
    for (class, accepted) in [(from_zero(), 0.01), (checkpointed(), 0.0)] {
        let (mut runs, mut missed) = (0, 0);
        for deadline in [64, 80, 100, 130, 240] {
            let timed = Class { deadline: Some(mins(deadline)), ..class.clone() };
            let backtest = Backtest::prepare(history(timed, &["0.06", "0.05"], &due));
            for number in 0..6 {
                let all = played(&backtest, &backtest.draw(3, number));
                for (policy, tally) in &all {
                    let net = !matches!(policy, Policy::SpotWithRetries | Policy::Model);
                    assert!(!net || tally.misses == 0, "{policy:?}, {deadline} min, {number}");
                }
                // There is no room for two runs.
                if class.restart == Restart::FromZero && deadline == 100 {
                    assert_eq!(all[&Policy::FitOnly], all[&Policy::OnDemand]);
                }
                runs += due.len();
                missed += all[&Policy::Model].misses;
            }
        }
        assert!(missed as f64 <= accepted * runs as f64, "{missed} of {runs}");
    }
}

/// Four hours from zero: after an interruption the simple rule tries again, while the model knows that what was
/// lost lately is soon lost again.
#[test]
fn the_two_rules_of_the_daemon_are_told_apart() {
    let class = Class { expected_duration: mins(240), deadline: Some(mins(630)), ..from_zero() };
    let mut past = history(class, &["0.06"], &[0, 360, 720]);
    past.runs.iter_mut().for_each(|run| run.work = mins(240));
    let backtest = Backtest::prepare(past);
    let differs = (0..40).any(|number| {
        let world = [backtest.draw(5, number)];
        backtest.play_under(Policy::Model, &world) != backtest.play_under(Policy::FitOnly, &world)
    });
    assert!(differs, "the model did all that the simple rule did");
}

/// A launch goes to the pool that has been up longest, is lost with it, and the next one to another.
#[test]
fn an_environment_is_up_while_any_of_its_pools_is() {
    let backtest = Backtest::prepare(history(from_zero(), &["0.06", "0.12"], &[0]));
    let world = backtest.world(|_: &EnvironmentName, pool: &Pool| {
        match pool.zone.as_str().ends_with('a') {
            true => up(&[(-600, 33)]),
            false => up(&[(-60, 600)]),
        }
    });
    let naive = &played(&backtest, &world)[&Policy::SpotWithRetries];
    // Half an hour at 0.06, and an hour at twice that at once after it.
    assert_eq!(naive.cost.nanos(), nanos(&[30, 120]));
    assert_eq!(naive.interruptions, 1);
}

#[test]
fn children_of_an_array_stand_and_fall_together() {
    let mut past = history(from_zero(), &["0.06"], &[0]);
    let one = Backtest::prepare(past.clone());
    past.runs[0].copies = 40;
    let forty = Backtest::prepare(past);
    let spans = up(&[(-60, 40), (60, 600)]);
    let (one, forty) = (played(&one, &alike(&one, &spans)), played(&forty, &alike(&forty, &spans)));
    for (policy, tally) in &one {
        assert_eq!(forty[policy].cost.nanos(), tally.cost.nanos() * 40, "{policy:?}");
        assert_eq!(forty[policy].interruptions, tally.interruptions * 40, "{policy:?}");
        assert_eq!(forty[policy].misses, tally.misses, "{policy:?}");
    }
}
