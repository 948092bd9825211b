//! Time counts once and under its age, interruptions count once.

use proptest::prelude::*;
use spotcron::domain::Window;
use spotcron::experience::{ONE_INTERRUPTION_SECS, PoolWatch};
use spotcron::policy::Phase;
use spotcron::policy::lifetimes::{AGES_SECS, BUCKETS};

use super::window;

const SETTLED: usize = BUCKETS - 1;

fn watch(attempts: &[(i64, i64, bool)]) -> PoolWatch {
    let mut watch = PoolWatch::default();
    for &(from, to, interrupted) in attempts {
        watch.record(window(from, to), interrupted);
    }
    watch
}

/// Minutes and interruptions of the ages at which there are any.
fn counted(watch: &PoolWatch) -> Vec<(usize, i64, u64)> {
    let all = (0..BUCKETS).map(|bucket| (bucket, watch.exposure().at(Phase::Up, bucket)));
    all.filter(|(_, counted)| *counted != (0, 0)).map(|(b, (secs, n))| (b, secs / 60, n)).collect()
}

#[test]
fn a_pool_that_was_never_taken_back_is_settled() {
    assert_eq!(counted(&watch(&[(0, 90, false)])), [(SETTLED, 90, 0)]);
    assert_eq!(counted(&watch(&[(0, 90, true)])), [(SETTLED, 90, 1)]);
}

/// After an interruption at 60: five minutes that are none, and then the age since it.
#[test]
fn its_age_is_the_time_since_it_was_last_taken_back() {
    let seen = watch(&[(0, 60, true), (60, 85, false)]);
    assert_eq!(counted(&seen), [(0, 5, 0), (1, 10, 0), (2, 5, 0), (SETTLED, 60, 1)]);
    // 100 to 130 minutes after it, and taken back again.
    let again = watch(&[(0, 60, true), (160, 190, true)]);
    assert_eq!(counted(&again), [(6, 20, 0), (7, 10, 1), (SETTLED, 60, 1)]);
}

#[test]
fn attempts_at_one_time_are_watched_once() {
    let alone = watch(&[(0, 100, false)]);
    for attempts in [
        &[(0, 100, false), (0, 100, false), (20, 50, false)][..],
        &[(20, 50, false), (0, 100, false)],
        &[(0, 60, false), (40, 100, false)],
        &[(60, 100, false), (10, 30, false), (0, 100, false)],
    ] {
        assert_eq!(watch(attempts).exposure(), alone.exposure(), "{attempts:?}");
    }
}

#[test]
fn what_takes_several_attempts_is_one_interruption() {
    let one = watch(&[(0, 60, true)]);
    assert_eq!(watch(&[(0, 60, true), (0, 62, true), (10, 64, true)]).exposure(), one.exposure());
    let two = watch(&[(0, 60, true), (0, 65, true)]);
    assert_eq!(two.exposure().total(Phase::Up), (3600, 2), "five minutes later it is another");
}

/// It survived what took another from the pool: young from then on.
#[test]
fn an_attempt_that_survives_an_interruption_is_of_two_ages() {
    let seen = watch(&[(30, 60, true), (0, 80, false)]);
    assert_eq!(counted(&seen), [(0, 5, 0), (1, 10, 0), (SETTLED, 60, 1)]);
}

/// What is told late is counted under the age of its own time.
#[test]
fn an_older_interruption_that_is_told_later_keeps_its_time() {
    let seen = watch(&[(100, 130, true), (60, 70, true), (200, 202, false)]);
    let ages = AGES_SECS.partition_point(|age| *age <= 70 * 60) - 1;
    assert_eq!(counted(&seen), [(ages, 2, 0), (SETTLED, 40, 2)]);
}

prop_compose! {
    fn attempt()(from in 0i64..2000, length in 0i64..300, interrupted in prop::bool::weighted(0.3))
        -> (i64, i64, bool) {
        (from, from + length, interrupted)
    }
}

proptest! {
    /// By minutes, one after the other: never more than the union of all attempts, and all of it where
    /// few are apart and nothing was taken back.
    #[test]
    fn time_is_counted_once(attempts in prop::collection::vec(attempt(), 0..60)) {
        let covered = |minute: &i64| attempts.iter().any(|(from, to, _)| (from..to).contains(&minute));
        let union = (0..2300).filter(covered).count() as i64 * 60;
        let seen = watch(&attempts);
        let (secs, interruptions) = seen.exposure().total(Phase::Up);
        prop_assert!(secs <= union);
        prop_assert!(interruptions as usize <= attempts.iter().filter(|attempt| attempt.2).count());
        let calm: Vec<_> = attempts.iter().take(30).map(|a| (a.0, a.1, false)).collect();
        let covered = |minute: &i64| calm.iter().any(|(from, to, _)| (from..to).contains(&minute));
        let union = (0..2300).filter(covered).count() as i64 * 60;
        prop_assert_eq!(watch(&calm).exposure().total(Phase::Up), (union, 0));
    }

    /// Interruptions that are counted are apart, and as many as fit.
    #[test]
    fn interruptions_are_apart(mut times in prop::collection::vec(0i64..100_000, 0..200)) {
        times.sort_unstable();
        let mut watch = PoolWatch::default();
        let (mut apart, mut last) = (0, i64::MIN / 2);
        for &secs in &times {
            let at = jiff::Timestamp::from_second(secs).unwrap();
            watch.record(Window::new(at, at), true);
            if secs - last >= ONE_INTERRUPTION_SECS {
                (apart, last) = (apart + 1, secs);
            }
        }
        prop_assert_eq!(watch.exposure().total(Phase::Up), (0, apart));
    }

    /// Whatever a store holds and a clock says.
    #[test]
    fn nothing_panics(
        secs in prop::collection::vec(any::<i64>(), 4),
        ran in prop::collection::vec((-377_705_023_201i64..=253_402_207_200, -377_705_023_201i64..=253_402_207_200, any::<bool>()), 0..50),
    ) {
        let stored = serde_json::json!({
            "exposure": { "secs": vec![vec![secs[0]; BUCKETS]; 2], "exits": vec![vec![u64::MAX; BUCKETS]; 2] },
            "counted": [(secs[0], secs[1]), (secs[2], secs[3])],
            "interruptions": secs,
        });
        let mut watch: PoolWatch = serde_json::from_value(stored).unwrap();
        for (from, to, interrupted) in ran {
            let at = |secs| jiff::Timestamp::from_second(secs).unwrap();
            watch.record(Window::new(at(from), at(to)), interrupted);
        }
        prop_assert_eq!(watch.exposure().total(Phase::Up).1, u64::MAX);
    }
}
