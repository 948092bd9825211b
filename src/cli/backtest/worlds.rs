//! Draws and plays the worlds, on as many processors as there are. A world is a function of the seed and
//! its number, so that how many there are changes nothing.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::backtest::{Backtest, Drawn};

/// The worlds 0 to `count` of this seed, in order.
pub fn play(backtest: &Backtest, seed: u64, count: u64) -> Vec<Drawn> {
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let next = AtomicU64::new(0);
    let work = || {
        let mut played = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return played;
            }
            played.push((number, backtest.play(&backtest.draw(seed, number))));
        }
    };
    let mut all: Vec<(u64, Drawn)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let played = threads.into_iter().map(|thread| match thread.join() {
            Ok(played) => played,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        played.flatten().collect()
    });
    all.sort_by_key(|(number, _)| *number);
    all.into_iter().map(|(_, drawn)| drawn).collect()
}
