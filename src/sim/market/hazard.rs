//! How long a spot pool has capacity, and how long it has none. Lifetimes are heavy-tailed: the
//! longer a phase has lasted, the less likely it ends soon.

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1};

use crate::sim::instant::{HOUR, Millis, SECOND, whole_second};

/// Where the age buckets begin, in hours; the last has no end.
pub const AGE_BUCKETS: [f64; 7] = [0.0, 0.17, 0.5, 1.0, 2.0, 4.0, 8.0];

/// Exits per hour by age bucket, measured on published traces of scarce GPU pools (October 2022).
pub const UP_TO_DOWN: [f64; 7] = [1.74, 0.96, 0.76, 0.47, 0.29, 0.19, 0.10];
/// As [`UP_TO_DOWN`], for the return of capacity.
pub const DOWN_TO_UP: [f64; 7] = [2.29, 0.94, 0.85, 0.49, 0.31, 0.22, 0.05];

/// Phases that would last longer than this never end.
const FOREVER_HOURS: f64 = 24.0 * 365.0 * 50.0;

/// How long a phase with these hazards, times `scale`, lasts; `None` when it never ends. On whole
/// seconds, at least one.
pub(crate) fn phase_length(rng: &mut ChaCha8Rng, hazards: &[f64; 7], scale: f64) -> Option<Millis> {
    // The accumulated hazard at the end of a phase is exponentially distributed with mean 1.
    let mut left: f64 = Exp1.sample(rng);
    let ends = AGE_BUCKETS[1..].iter().copied().chain([f64::INFINITY]);
    for ((begin, end), hazard) in AGE_BUCKETS.into_iter().zip(ends).zip(hazards) {
        let rate = hazard * scale;
        let here = rate * (end - begin);
        if rate > 0.0 && left <= here {
            let hours = begin + left / rate;
            let millis = (hours.min(FOREVER_HOURS) * HOUR as f64) as Millis;
            return (hours < FOREVER_HOURS).then(|| whole_second(millis).max(SECOND));
        }
        left -= here;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::random::Seed;

    /// Exits over exposure in each age bucket.
    fn empirical(lengths: &[f64]) -> [f64; 7] {
        let mut rates = [0.0; 7];
        for (bucket, rate) in rates.iter_mut().enumerate() {
            let begin = AGE_BUCKETS[bucket];
            let end = AGE_BUCKETS.get(bucket + 1).copied().unwrap_or(f64::INFINITY);
            let exits = lengths.iter().filter(|l| (begin..end).contains(*l)).count();
            let exposure: f64 = lengths.iter().map(|l| (l.min(end) - begin).max(0.0)).sum();
            *rate = exits as f64 / exposure;
        }
        rates
    }

    #[test]
    fn lifetimes_have_the_published_hazards() {
        for (hazards, scale) in [(UP_TO_DOWN, 1.0), (DOWN_TO_UP, 1.0), (UP_TO_DOWN, 0.12)] {
            let mut rng = Seed(7).stream("test", "hazard");
            let lengths: Vec<f64> = (0..40_000)
                .filter_map(|_| phase_length(&mut rng, &hazards, scale))
                .map(|length| length as f64 / HOUR as f64)
                .collect();
            for (measured, expected) in empirical(&lengths).into_iter().zip(hazards) {
                let ratio = measured / (expected * scale);
                assert!((0.93..1.07).contains(&ratio), "{measured} is not {expected} × {scale}");
            }
        }
    }

    #[test]
    fn without_hazard_a_phase_never_ends() {
        let mut rng = Seed(7).stream("test", "hazard");
        assert_eq!(phase_length(&mut rng, &UP_TO_DOWN, 0.0), None);
    }
}
