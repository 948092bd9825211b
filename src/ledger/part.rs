//! What the ledger holds of an instance or a task in one part of its time: the bill comes by the hour.

use jiff::Timestamp;

use super::account::{idle_cost, last_charged};
use super::{Entry, Hosted, InstanceRate, Priced, TaskFacts};
use crate::cost::{billed_window, fargate_cost, first_hour_credit, spot_accrual};
use crate::domain::amount::div_half_even;
use crate::domain::{Accrual, InstanceEnd, InstanceFacts, Usd, Window};
use crate::market::FargateRate;

/// What a charge is expected to be in a window: `attempts + rest`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BilledPart {
    /// What the ledger's lines have of it.
    pub attempts: Usd,
    /// What no priced line accounts for; `None` where no price is known for it.
    pub rest: Option<Usd>,
    /// The rest is not idle: an attempt without a price (or still running) used some of it.
    pub rest_is_unpriced: bool,
    /// The end is an estimate, so the bill may know better.
    pub end_unknown: bool,
    /// Amounts that were rounded, each by half a nano at most.
    pub rounded: u32,
}

impl BilledPart {
    /// What AWS should charge; `None` where no price is known.
    pub fn expected(&self) -> Option<Usd> {
        Some(self.attempts + self.rest?)
    }
}

/// An instance's part in `window`. `hosted`, `open_attempts` and `until` are those of its whole account.
pub fn instance_part(
    instance: &InstanceFacts,
    rate: Option<InstanceRate<'_>>,
    hosted: &[Hosted<'_>],
    open_attempts: usize,
    until: Timestamp,
    window: Window,
) -> BilledPart {
    let accrue = |window: Window| match rate? {
        InstanceRate::Spot { series, mode } => {
            spot_accrual(series, mode, window, instance.launched_at)
        }
        InstanceRate::OnDemand(price) => Some(Accrual::of(price, window.millis())),
    };
    let mut part = BilledPart {
        end_unknown: instance.end == Some(InstanceEnd::Unknown),
        rest_is_unpriced: open_attempts > 0
            || hosted.iter().any(|line| line.entry.unpriced().is_some()),
        rounded: 1,
        ..BilledPart::default()
    };
    for priced in hosted.iter().filter_map(|line| line.entry.priced()) {
        part.attempts += spread(priced, window, accrue);
        // The line's own rounding, and that of its part.
        part.rounded = part.rounded.saturating_add(2);
    }
    if first_hour_credit(instance) {
        part.rest = Some(Usd::ZERO);
        return part;
    }
    let seen_until = instance.ended_at.unwrap_or(until);
    let end = if part.end_unknown { seen_until.max(last_charged(hosted)) } else { seen_until };
    // Before that it is known to have lived.
    part.end_unknown &= window.end > end;
    let billed = billed_window(Window::new(instance.launched_at, end)).clamped_to(&window);
    part.rest = match billed.is_empty() {
        true => Some(Usd::ZERO),
        false => idle_cost(billed, hosted, accrue),
    };
    part
}

/// The part of a line's cost that falls into `window`: by price and time, or where no price is known
/// (any more) by time alone.
pub fn spread(priced: &Priced, window: Window, accrue: impl Fn(Window) -> Option<Accrual>) -> Usd {
    let inside = priced.charged.clamped_to(&window);
    if inside.is_empty() {
        return Usd::ZERO;
    }
    if inside == priced.charged {
        return priced.cost;
    }
    let by_price = accrue(inside).zip(accrue(priced.charged));
    let by_price = by_price.map(|(part, whole)| (part.raw(), whole.raw()));
    let by_time = (i128::from(inside.millis()), i128::from(priced.charged.millis()));
    let (mut part, mut whole) = by_price.filter(|(_, whole)| *whole > 0).unwrap_or(by_time);
    loop {
        match priced.cost.nanos().checked_mul(part) {
            Some(product) => return Usd::from_nanos(div_half_even(product, whole)),
            // Beyond a million dollars a line; what is lost is far below a nano of a nano of it.
            None => (part, whole) = (part >> 8, (whole >> 8).max(1)),
        }
    }
}

/// A Fargate task's part in `window`. `rate` is what is paid.
pub fn task_part(
    task: &TaskFacts,
    rate: Option<FargateRate>,
    entry: &Entry,
    window: Window,
) -> BilledPart {
    let priced = entry.priced();
    let used = priced.map(|priced| priced.charged);
    let life = task.pull_started_at.map(|from| billed_window(Window::new(from, task.stopped_at)));
    let rest = life.zip(rate).and_then(|(life, rate)| {
        let billed = life.clamped_to(&window);
        let used = used.map_or(0, |used| used.clamped_to(&billed).millis());
        fargate_cost(rate, &task.resources, billed.millis() - used)
    });
    BilledPart {
        attempts: priced.map_or(Usd::ZERO, |priced| spread(priced, window, |_| None)),
        rest,
        rest_is_unpriced: priced.is_none(),
        end_unknown: false,
        rounded: 3,
    }
}
