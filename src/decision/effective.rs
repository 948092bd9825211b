//! What a leg is expected to cost at the margin: the capacity that no commitment pays for, for all its
//! containers, with the work that is repeated, and the data that it moves.

use jiff::SignedDuration;

use super::{Candidate, Question};
use crate::catalogue::Environment;
use crate::domain::amount::div_half_even;
use crate::domain::{Accrual, Ppm, Share, Usd, UsdPerHour};

/// How much of the `billed` time of a leg that starts at once is covered, where what the run reserves
/// finds room beside what runs there already.
pub(super) fn covered_millis(
    question: &Question<'_>,
    environment: &Environment,
    billed: SignedDuration,
) -> i64 {
    environment.covered_millis(question.now, billed, vcpu_millis_needed(question, environment))
}

/// What the run reserves and what runs in the environment already.
pub(super) fn vcpu_millis_needed(question: &Question<'_>, environment: &Environment) -> u64 {
    let in_use = question.vcpu_millis_in_use.get(&environment.name).copied().unwrap_or(0);
    let own = u64::from(question.resources.vcpu_millis) * u64::from(question.containers);
    in_use.saturating_add(own)
}

/// What the candidate, which is not taken back, would cost if so much of its time were covered.
pub(super) fn cost_covered(
    question: &Question<'_>,
    candidate: &Candidate,
    billed: SignedDuration,
    covered_millis: i64,
) -> Option<Usd> {
    let (price, containers) = (candidate.price?, question.containers);
    Some(cost_of(price, billed, covered_millis, Ppm::ZERO, containers, candidate.data_cost))
}

/// `price` for the part of `billed` that is not covered, once and `rework` of it again, in every
/// container, and the leg's data.
pub(super) fn cost_of(
    price: UsdPerHour,
    billed: SignedDuration,
    covered_millis: i64,
    rework: Ppm,
    containers: u32,
    data_cost: Usd,
) -> Usd {
    let paid = (billed.as_millis() as i64 - covered_millis).saturating_mul(containers.into());
    let once = Accrual::of(price, paid).to_usd(Share::WHOLE);
    once + once.scaled(rework) + data_cost
}

impl Candidate {
    /// The price of an hour, on the mean over the `billed` time: what is covered costs nothing.
    pub(super) fn marginal_price(&self, billed: SignedDuration) -> Option<UsdPerHour> {
        let price = self.price?;
        let billed = billed.as_millis();
        if self.covered_millis == 0 || billed <= 0 {
            return Some(price);
        }
        let paid = billed - i128::from(self.covered_millis);
        let units = div_half_even(i128::from(price.units()) * paid, billed);
        Some(UsdPerHour::from_units(units as i64))
    }
}
