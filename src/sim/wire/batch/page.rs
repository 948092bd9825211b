//! Pages: where the next one begins, as a token that only fits the request that it was given to.

use crate::sim::random::Seed;
use crate::sim::wire::protocol::Fault;

const CHECK_DIGITS: usize = 16;

fn check(seed: Seed, request: &str, position: u64) -> String {
    seed.hex("page", &format!("{request}@{position}"), CHECK_DIGITS)
}

/// The token that leads from `request` to the page at `position`.
pub(super) fn token(seed: Seed, request: &str, position: u64) -> String {
    format!("{}{position:016x}", check(seed, request, position))
}

/// The position that `token` stands for.
pub(super) fn position(seed: Seed, request: &str, token: &str) -> Result<u64, Fault> {
    let digits = token.get(CHECK_DIGITS..).unwrap_or_default();
    let position = u64::from_str_radix(digits, 16).ok();
    position
        .filter(|position| self::token(seed, request, *position) == token)
        .ok_or_else(|| Fault::client("nextToken is not valid for this request"))
}
