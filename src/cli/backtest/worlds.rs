//! Draws and plays the worlds, on as many processors as there are. A world is a function of the seed and
//! its number, so that how many there are changes nothing.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::backtest::{Backtest, Drawn, World};

/// So many worlds are played together at most.
const TOGETHER: u64 = 50;

/// The worlds 0 to `count` of this seed, in order.
pub fn play(backtest: &Backtest, seed: u64, count: u64) -> Vec<Drawn> {
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let together = count.div_ceil(threads as u64).clamp(1, TOGETHER);
    let next = AtomicU64::new(0);
    let work = || {
        let mut played = Vec::new();
        loop {
            let first = next.fetch_add(together, Ordering::Relaxed);
            if first >= count {
                return played;
            }
            let numbers = first..count.min(first + together);
            let worlds: Vec<World> = numbers.map(|number| backtest.draw(seed, number)).collect();
            played.push((first, backtest.play(&worlds)));
        }
    };
    let mut all: Vec<(u64, Vec<Drawn>)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let played = threads.into_iter().map(|thread| match thread.join() {
            Ok(played) => played,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        played.flatten().collect()
    });
    all.sort_by_key(|(first, _)| *first);
    all.into_iter().flat_map(|(_, drawn)| drawn).collect()
}
