//! From an ended attempt and the evidence to its line in the ledger.

use jiff::{SignedDuration, Timestamp};

use crate::cost::{
    PriceMode, charged_window, credit_is_ruled_out, fargate_cost, first_hour_credit, spot_accrual,
};
use crate::domain::amount::div_half_even;
use crate::domain::{
    Accrual, AttemptEnd, Capacity, InstanceEnd, InstanceFacts, InstanceShape, Lifecycle, Ppm,
    Share, Usd, UsdPerHour, Window,
};
use crate::market::{FargatePrice, FargateRate, PriceSeries};
use crate::run::{AttemptRecord, Checkpoints};

use super::{Entry, EntryState, Priced, Unpriced};

/// What is known that bears on an attempt's cost.
#[derive(Debug, Clone, Copy, Default)]
pub struct Evidence<'a> {
    pub instance: Option<&'a InstanceFacts>,
    pub shape: Option<&'a InstanceShape>,
    /// Spot price points of the attempt's pool from the instance's launch on, the one in effect
    /// there included (in `PriceMode::InstanceHour` the hour's start, before the attempt, counts).
    pub spot: Option<&'a PriceSeries>,
    pub price_mode: PriceMode,
    /// The on-demand list price effective at the attempt's start.
    pub on_demand: Option<UsdPerHour>,
    /// Fargate's list price for the attempt's architecture, effective at its start.
    pub fargate: Option<&'a FargatePrice>,
    /// The class's discount off on-demand list prices, EC2's and Fargate's: Compute Savings Plans
    /// cover both.
    pub on_demand_discount: Ppm,
    /// The user's own price of Fargate Spot, as a discount off the list price. No Savings Plan covers
    /// Fargate Spot.
    pub fargate_spot_discount: Option<Ppm>,
    /// What the attempt keeps where it is cut short.
    pub checkpoints: Option<Checkpoints>,
}

/// The ledger's line for an attempt that ended; `None` while it runs, or as long as its record
/// lacks the time or the kind of its end.
pub fn settle(attempt: &AttemptRecord, evidence: &Evidence<'_>) -> Option<Entry> {
    let (ran, end) = (attempt.window()?, attempt.end?);
    let instance = instance_of(attempt, evidence);
    let shape = evidence.shape.or_else(|| attempt.host.as_ref()?.shape.as_ref());
    let priced = match &instance {
        // A container that never ran cost nothing, wherever it would have run.
        _ if attempt.started_at.is_none() => Ok(EntryState::Final(free(ran))),
        _ if attempt.capacity.is_fargate() => on_fargate(attempt, evidence, ran, end),
        Some(instance) => on_instance(attempt, evidence, instance, shape, ran, end),
        None => Err(Unpriced::HostUnknown),
    };
    Some(Entry {
        key: attempt.key.clone(),
        job: attempt.job.clone(),
        class: attempt.class.clone(),
        environment: attempt.environment.clone(),
        capacity: attempt.capacity,
        site: attempt.site.clone(),
        end,
        ended_at: ran.end,
        instance_id: instance.as_ref().map(|host| host.id.clone()),
        instance_type: instance.as_ref().map(|host| host.instance_type.clone()),
        zone: instance.as_ref().map(|host| host.zone.clone()).or_else(|| attempt.zone.clone()),
        state: priced.unwrap_or_else(|why| EntryState::Unpriced { why }),
    })
}

/// The instance behind the attempt: as EC2 last showed it, else as it was when the attempt ran.
fn instance_of(attempt: &AttemptRecord, evidence: &Evidence<'_>) -> Option<InstanceFacts> {
    let Some(host) = &attempt.host else { return evidence.instance.cloned() };
    let same = evidence.instance.filter(|facts| facts.id == host.instance_id);
    Some(same.cloned().unwrap_or_else(|| InstanceFacts {
        id: host.instance_id.clone(),
        site: attempt.site.clone(),
        instance_type: host.instance_type.clone(),
        zone: host.zone.clone(),
        lifecycle: host.lifecycle.clone(),
        launched_at: host.launched_at,
        ended_at: None,
        end: None,
        // Nothing says that it was seen after its launch.
        seen_at: host.launched_at,
    }))
}

/// When it ended, where somebody saw that. Of an instance that vanished only the last sighting is
/// known, which may lie long before its end: an attempt that ran later proves that it lived.
fn known_end(instance: &InstanceFacts) -> Option<Timestamp> {
    instance.ended_at.filter(|_| instance.end != Some(InstanceEnd::Unknown))
}

fn on_instance(
    attempt: &AttemptRecord,
    evidence: &Evidence<'_>,
    instance: &InstanceFacts,
    shape: Option<&InstanceShape>,
    ran: Window,
    end: AttemptEnd,
) -> Result<EntryState, Unpriced> {
    let charged = charged_window(ran, instance.launched_at, known_end(instance));
    if charged.is_empty() {
        return Ok(EntryState::Final(free(charged)));
    }
    let share = attempt
        .resources
        .zip(shape)
        .and_then(|(resources, shape)| resources.share_of(shape))
        .ok_or(Unpriced::ShareUnknown)?;
    let list = evidence.on_demand.ok_or(Unpriced::OnDemandPriceUnknown)?;
    let on_demand_price = list.scaled(Ppm::ONE - evidence.on_demand_discount);
    let on_demand = |millis| Accrual::of(on_demand_price, millis).to_usd(share);
    let credit = first_hour_credit(instance);
    let cost = match &instance.lifecycle {
        Lifecycle::OnDemand => on_demand(charged.millis()),
        Lifecycle::Spot if credit => Usd::ZERO,
        Lifecycle::Spot => evidence
            .spot
            .and_then(|spot| spot_accrual(spot, evidence.price_mode, charged, instance.launched_at))
            .ok_or(Unpriced::SpotPriceUnknown)?
            .to_usd(share),
        Lifecycle::Other(_) => return Err(Unpriced::UnsupportedLifecycle),
    };
    let kept_millis = kept_millis(attempt, evidence, charged, end);
    let amounts =
        Amounts { cost, on_demand: on_demand(kept_millis), share, charged, kept_millis, credit };
    Ok(if is_certain(instance, ran.end, end) {
        EntryState::Final(amounts.priced())
    } else {
        EntryState::Provisional(amounts.priced())
    })
}

/// Whether nothing that is still to be learned of the instance can change the cost: not the credit,
/// and not an end before the attempt's reported stop. A container that ended by itself did so on a
/// living instance; one that was interrupted may be reported as stopped after its instance's end.
fn is_certain(instance: &InstanceFacts, stopped_at: Timestamp, end: AttemptEnd) -> bool {
    instance.lifecycle == Lifecycle::OnDemand
        || first_hour_credit(instance)
        || credit_is_ruled_out(instance)
            && (instance.ended_at.is_some()
                || end.ended_by_itself()
                || instance.seen_at >= stopped_at)
}

/// Fargate tasks know neither instances nor a first-hour credit, so they are final at once. The
/// equivalent of Fargate Spot is Fargate at its list price, after the class's discount.
fn on_fargate(
    attempt: &AttemptRecord,
    evidence: &Evidence<'_>,
    ran: Window,
    end: AttemptEnd,
) -> Result<EntryState, Unpriced> {
    let resources = attempt.resources.ok_or(Unpriced::ShareUnknown)?;
    let list = evidence.fargate.ok_or(Unpriced::FargatePriceUnknown)?.rate();
    let of = |rate: FargateRate, millis| {
        fargate_cost(rate, &resources, millis).ok_or(Unpriced::FargatePriceUnknown)
    };
    let on_demand = list.less(evidence.on_demand_discount);
    let cost = match (attempt.capacity, evidence.fargate_spot_discount) {
        (Capacity::FargateSpot, Some(discount)) => of(list.less(discount), ran.millis())?,
        (Capacity::FargateSpot, None) => return Err(Unpriced::FargateSpotDiscountUnknown),
        _ => of(on_demand, ran.millis())?,
    };
    let kept_millis = kept_millis(attempt, evidence, ran, end);
    let on_demand = of(on_demand, kept_millis)?;
    let share = Share::WHOLE;
    let amounts = Amounts { cost, on_demand, share, charged: ran, kept_millis, credit: false };
    Ok(EntryState::Final(amounts.priced()))
}

/// How much of the charged time on demand would have taken, too: all of an attempt that ended by itself and
/// nothing of another; where there are checkpoints, what nothing had to repeat.
fn kept_millis(
    attempt: &AttemptRecord,
    evidence: &Evidence<'_>,
    charged: Window,
    end: AttemptEnd,
) -> i64 {
    let kept = match evidence.checkpoints {
        None if end.ended_by_itself() => charged.duration(),
        None => SignedDuration::ZERO,
        Some(checkpoints) => {
            // Of attempts that Batch repeats, all but the first have one to begin with.
            let restored = checkpoints.restored || attempt.key.number > 1;
            Checkpoints { restored, ..checkpoints }.kept(charged.duration(), end)
        }
    };
    kept.as_millis() as i64
}

struct Amounts {
    cost: Usd,
    on_demand: Usd,
    share: Share,
    charged: Window,
    kept_millis: i64,
    credit: bool,
}

impl Amounts {
    /// On demand would have run what was kept once, and nothing else.
    fn priced(self) -> Priced {
        let (charged, lost) = (self.charged.millis(), self.charged.millis() - self.kept_millis);
        let waste = match lost {
            0 => 0,
            lost if lost == charged => self.cost.nanos(),
            lost => div_half_even(self.cost.nanos() * i128::from(lost), i128::from(charged)),
        };
        Priced {
            cost: self.cost,
            on_demand: self.on_demand,
            waste: Usd::from_nanos(waste),
            share: self.share,
            charged: self.charged,
            kept_millis: Some(self.kept_millis),
            first_hour_credit: self.credit,
        }
    }
}

/// An attempt that never ran, or only outside its instance's life.
fn free(charged: Window) -> Priced {
    Priced {
        cost: Usd::ZERO,
        on_demand: Usd::ZERO,
        waste: Usd::ZERO,
        share: Share::ZERO,
        charged,
        kept_millis: Some(charged.millis()),
        first_hour_credit: false,
    }
}
