//! Randomness, one stream per purpose: whoever draws more or less disturbs nobody else, and the
//! same seed gives the same world.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use super::instant::{Millis, SECOND};

/// The root of all streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seed(pub(crate) u64);

impl Seed {
    fn digest(self, purpose: &str, key: &str) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(self.0.to_be_bytes());
        hasher.update(purpose.as_bytes());
        // A byte that no purpose contains, so that ("ab", "c") is not ("a", "bc").
        hasher.update([0]);
        hasher.update(key.as_bytes());
        hasher.finalize().into()
    }

    /// The stream of `key` for `purpose`.
    pub(crate) fn stream(self, purpose: &str, key: &str) -> ChaCha8Rng {
        ChaCha8Rng::from_seed(self.digest(purpose, key))
    }

    /// `digits` hexadecimal digits (at most 64), as AWS's ids have them.
    pub(crate) fn hex(self, purpose: &str, key: &str, digits: usize) -> String {
        let mut text = String::with_capacity(64);
        for byte in self.digest(purpose, key).iter().take(digits.div_ceil(2)) {
            for nibble in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
            }
        }
        text.truncate(digits);
        text
    }

    /// An id of the shape of Batch's job ids.
    pub(crate) fn uuid(self, purpose: &str, key: &str) -> String {
        let hex = self.hex(purpose, key, 32);
        [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
    }
}

/// A time between two bounds in seconds, to the millisecond.
pub(crate) fn between(rng: &mut ChaCha8Rng, [least, most]: [u32; 2]) -> Millis {
    let (least, most) = (Millis::from(least) * SECOND, Millis::from(most) * SECOND);
    rng.random_range(least..=most.max(least))
}

/// Whether something of this probability happens.
pub(crate) fn happens(rng: &mut ChaCha8Rng, probability: f64) -> bool {
    rng.random::<f64>() < probability
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_stable_and_apart() {
        let draw = |seed, purpose, key| Seed(seed).stream(purpose, key).random::<u64>();
        assert_eq!(draw(1, "market", "a"), draw(1, "market", "a"));
        assert_ne!(draw(1, "market", "a"), draw(2, "market", "a"));
        assert_ne!(draw(1, "market", "a"), draw(1, "marketa", ""));
        assert_eq!(Seed(1).uuid("job", "0").len(), 36);
        assert_eq!(Seed(1).hex("instance", "0", 17).len(), 17);
    }
}
