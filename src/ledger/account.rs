//! The whole charge of one billed thing (an instance, a Fargate task) and where it went. The idle
//! part is summed on its own, second by second, not as what is left over; so that the parts adding
//! up to the charge says something.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use crate::cost::{Exact, PriceMode, billed_window, fargate_cost, first_hour_credit, spot_accrual};
use crate::domain::amount::gcd;
use crate::domain::{
    Accrual, InstanceEnd, InstanceFacts, InstanceId, Ppm, Resources, Share, Usd, UsdPerHour, Window,
};
use crate::market::{FargateRate, PriceSeries};

use super::{Entry, Priced};

/// What a line of the bill is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BilledResource {
    Instance(InstanceId),
    /// A Fargate task, by its ARN.
    Task(String),
}

impl fmt::Display for BilledResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BilledResource::Instance(id) => f.pad(id.as_str()),
            BilledResource::Task(arn) => f.pad(arn),
        }
    }
}

/// A ledger line on an instance, or of a task.
#[derive(Debug, Clone, Copy)]
pub struct Hosted<'a> {
    pub entry: &'a Entry,
    /// The discount that the line's on-demand price carries (its class's); the instance or task
    /// itself is accounted at the list price.
    pub on_demand_discount: Ppm,
}

/// What an instance costs over time.
#[derive(Debug, Clone, Copy)]
pub enum InstanceRate<'a> {
    Spot {
        series: &'a PriceSeries,
        mode: PriceMode,
    },
    /// The list price.
    OnDemand(UsdPerHour),
}

/// One charge and its parts: `charge = attempts + idle + unpriced + discount + rounding +
/// unexplained`, exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Account {
    pub resource: BilledResource,
    /// What AWS charges for its whole life, rounded once; `None` where no price is known.
    pub charge: Option<Usd>,
    /// What the ledger has of it, line by line.
    pub attempts: Usd,
    /// Time that no attempt had reserved, and the rest of the minimum charge. Negative where
    /// containers reserved more than there was (one that has all GPUs pays for the whole).
    pub idle: Usd,
    /// In the place of `idle` where attempts without a price (or still running) used a part of it.
    pub unpriced: Usd,
    /// List price less the classes' discounts, for attempts on demand.
    pub discount: Usd,
    /// From rounding each line to a nano: at most half a nano for each amount that was rounded.
    pub rounding: Usd,
    /// Anything else: zero unless the lines were priced by other facts than the account.
    pub unexplained: Usd,
    /// Amounts that were rounded; bounds `rounding`.
    pub rounded: u32,
    /// The end is an estimate (it vanished), so the bill may know better.
    pub end_unknown: bool,
}

impl Account {
    fn open(resource: BilledResource, hosted: &[Hosted<'_>]) -> Self {
        let priced = hosted.iter().filter_map(|line| line.entry.priced());
        Account {
            resource,
            charge: None,
            attempts: priced.clone().map(|priced| priced.cost).sum(),
            idle: Usd::ZERO,
            unpriced: Usd::ZERO,
            discount: Usd::ZERO,
            rounding: Usd::ZERO,
            unexplained: Usd::ZERO,
            rounded: u32::try_from(priced.count()).unwrap_or(u32::MAX),
            end_unknown: false,
        }
    }

    /// Enters the charge and the part that no priced line accounts for, and sets the rest apart.
    fn close(mut self, charge: Usd, rest: Usd, rest_is_unpriced: bool) -> Self {
        *(if rest_is_unpriced { &mut self.unpriced } else { &mut self.idle }) = rest;
        self.charge = Some(charge);
        self.rounded = self.rounded.saturating_add(2);
        let left = charge - self.attempts - rest - self.discount;
        if left.nanos().abs() * 2 <= i128::from(self.rounded) {
            self.rounding = left;
        } else {
            self.unexplained = left;
        }
        self
    }
}

/// The account of `instance` over its life, or until `until` where it still lives. `hosted` are all
/// ledger lines on it; `open_attempts` says how many attempts on it have no line yet.
pub fn instance_account(
    instance: &InstanceFacts,
    rate: Option<InstanceRate<'_>>,
    hosted: &[Hosted<'_>],
    open_attempts: usize,
    until: Timestamp,
) -> Account {
    let mut account = Account::open(BilledResource::Instance(instance.id.clone()), hosted);
    account.end_unknown = instance.end == Some(InstanceEnd::Unknown);
    let rest_is_unpriced =
        open_attempts > 0 || hosted.iter().any(|line| line.entry.unpriced().is_some());
    if first_hour_credit(instance) {
        return account.close(Usd::ZERO, Usd::ZERO, rest_is_unpriced);
    }
    let seen_until = instance.ended_at.unwrap_or(until);
    let end = if account.end_unknown { seen_until.max(last_charged(hosted)) } else { seen_until };
    let life = Window::new(instance.launched_at, end);
    let billed = billed_window(life);
    let accrue = |window: Window| match rate? {
        InstanceRate::Spot { series, mode } => {
            spot_accrual(series, mode, window, instance.launched_at)
        }
        InstanceRate::OnDemand(price) => Some(Accrual::of(price, window.millis())),
    };
    if let Some(InstanceRate::OnDemand(list)) = rate {
        for line in hosted {
            account.enter_discount(line, list);
        }
    }
    let charge = accrue(billed).map(|accrual| accrual.to_usd(Share::WHOLE));
    match charge.zip(idle_cost(billed, hosted, accrue)) {
        Some((charge, idle)) => account.close(charge, idle, rest_is_unpriced),
        None => account,
    }
}

/// Up to when an instance surely lived: its last sighting may be older than what ran on it.
pub(super) fn last_charged(hosted: &[Hosted<'_>]) -> Timestamp {
    let priced = hosted.iter().filter_map(|line| line.entry.priced());
    priced.map(|priced| priced.charged.end).max().unwrap_or(Timestamp::MIN)
}

impl Account {
    fn enter_discount(&mut self, line: &Hosted<'_>, list: UsdPerHour) {
        let Some(priced) = line.entry.priced().filter(|_| line.on_demand_discount != Ppm::ZERO)
        else {
            return;
        };
        let at = |price| Accrual::of(price, priced.charged.millis()).to_usd(priced.share);
        self.discount += at(list) - at(list.scaled(Ppm::ONE - line.on_demand_discount));
        self.rounded = self.rounded.saturating_add(2);
    }

    fn enter_task_discount(&mut self, line: &Hosted<'_>, list: FargateRate, resources: &Resources) {
        let Some(priced) = line.entry.priced().filter(|_| line.on_demand_discount != Ppm::ZERO)
        else {
            return;
        };
        let at = |rate| fargate_cost(rate, resources, priced.charged.millis());
        if let Some((full, paid)) = at(list).zip(at(list.less(line.on_demand_discount))) {
            self.discount += full - paid;
            self.rounded = self.rounded.saturating_add(2);
        }
    }
}

/// ∫ price × (1 − Σ share) over `billed`, rounded once. Between two changes of what is reserved the
/// sum of shares is constant, so each such stretch counts at once.
pub(super) fn idle_cost(
    billed: Window,
    hosted: &[Hosted<'_>],
    accrue: impl Fn(Window) -> Option<Accrual>,
) -> Option<Usd> {
    let priced: Vec<&Priced> = hosted
        .iter()
        .filter_map(|line| line.entry.priced())
        .filter(|priced| !priced.charged.is_empty())
        .collect();
    let whole = priced.iter().try_fold(1i128, |multiple, priced| {
        (multiple / gcd(multiple, priced.share.den())).checked_mul(priced.share.den())
    })?;
    let mut total = Exact::over(whole)?;
    let mut changes: Vec<(Timestamp, i128)> = vec![(billed.end, 0)];
    for priced in &priced {
        let weight = priced.share.num() * (whole / priced.share.den());
        let charged = priced.charged.clamped_to(&billed);
        if charged.is_empty() {
            continue;
        }
        changes.extend([(charged.start, weight), (charged.end, -weight)]);
    }
    changes.sort_unstable();
    let (mut from, mut reserved) = (billed.start, 0);
    for (at, change) in changes {
        total.add(accrue(Window::new(from, at))?, whole - reserved);
        (from, reserved) = (at, reserved + change);
    }
    Some(total.rounded())
}

/// What is known of a Fargate task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskFacts {
    pub task_arn: String,
    /// Where its bill begins.
    pub pull_started_at: Option<Timestamp>,
    pub stopped_at: Timestamp,
    pub resources: Resources,
}

/// The account of a Fargate task at `rate` (on Fargate Spot: after its discount): pulling the image,
/// the time after the container's end and the rest of the minimum charge are idle. A discount of
/// `hosted` is of the class, and never holds for Fargate Spot.
pub fn task_account(
    task: &TaskFacts,
    rate: Option<FargateRate>,
    hosted: Option<Hosted<'_>>,
) -> Account {
    let mut account = Account::open(BilledResource::Task(task.task_arn.clone()), hosted.as_slice());
    let entry = hosted.map(|line| line.entry);
    let charge = || {
        let billed = billed_window(Window::new(task.pull_started_at?, task.stopped_at));
        let charged = entry.and_then(Entry::priced).map(|priced| priced.charged);
        let used = charged.map_or(0, |charged| charged.clamped_to(&billed).millis());
        let cost = |millis| fargate_cost(rate?, &task.resources, millis);
        Some((cost(billed.millis())?, cost(billed.millis() - used)?))
    };
    if let (Some(rate), Some(line)) = (rate, &hosted) {
        account.enter_task_discount(line, rate, &task.resources);
    }
    match charge() {
        Some((charge, idle)) => {
            account.close(charge, idle, entry.is_some_and(|entry| entry.unpriced().is_some()))
        }
        None => account,
    }
}
