//! Spot with retries against the published break-even: what attempts from zero are billed until one succeeds is
//! m(L) times their length (`Lifetimes::attempts_factor`).

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use spotcron::backtest::{Availability, Backtest, Policy};
use spotcron::catalogue::Class;
use spotcron::policy::Phase;
use spotcron::policy::lifetimes::{BUCKETS, Lifetimes, PRIOR};

use super::{alike, from_zero, history, mins, minute, start};

/// Long enough for the unluckiest world.
const DAYS: i64 = 60;

/// The mean of what a run of `hours` is billed in units of an uninterrupted one, over so many worlds that are
/// down when it is due: every attempt begins when capacity has just come back.
fn mean_factor(lifetimes: &Lifetimes, minutes: i64, worlds: u64) -> f64 {
    let class = Class { start_up: mins(0), deadline: None, ..from_zero() };
    let mut past = history(class, &["0.06"], &[0]);
    past.runs[0].work = mins(minutes);
    past.window.end = start() + mins(DAYS * 24 * 60);
    let backtest = Backtest::prepare(past);
    let once = 0.06 * 22.0 / 52.0 * minutes as f64 / 60.0;
    let billed: f64 = (0..worlds)
        .map(|number| {
            let world = [alike(&backtest, &world_with_room(lifetimes, minutes, number))];
            let tally = &backtest.play_under(Policy::SpotWithRetries, &world)[0];
            assert_eq!(tally.misses, 0, "world {number} was too short");
            tally.cost.nanos() as f64 / 1e9 / once
        })
        .sum();
    billed / worlds as f64
}

/// World `number`, as far as it takes to see a span of so many minutes.
fn world_with_room(lifetimes: &Lifetimes, minutes: i64, number: u64) -> Availability {
    let drawn = |days: i64| {
        let mut dice = ChaCha8Rng::seed_from_u64(number);
        let until = minute(days * 24 * 60);
        Availability::drawn(lifetimes, Phase::Down, minute(0), until, &mut dice)
    };
    let has_room = |world: &Availability| {
        world.spans().iter().any(|up| up.until - up.from >= minutes * 60_000)
    };
    [1, 4, 16].into_iter().map(drawn).find(has_room).unwrap_or_else(|| drawn(DAYS))
}

#[test]
fn the_mean_of_retries_is_the_published_factor() {
    let constant = Lifetimes::known([0.5; BUCKETS], [6.0; BUCKETS]);
    for (lifetimes, minutes) in [(&constant, 120), (&PRIOR, 60), (&PRIOR, 150)] {
        let expected = lifetimes.attempts_factor(0, minutes * 60).unwrap();
        let mean = mean_factor(lifetimes, minutes, 6000);
        // The spread of one world is about as large as the factor: four standard errors.
        let error = 4.0 * expected / 6000f64.sqrt();
        assert!((mean - expected).abs() < error, "{mean} for {expected}, within {error}");
    }
}
