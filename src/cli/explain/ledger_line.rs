//! A line of the ledger, with its arithmetic in words.

use jiff::Timestamp;
use serde::Serialize;

use super::PricePiece;
use crate::cli::render::{sentence, value};
use crate::domain::amount::div_half_even;
use crate::domain::{Ppm, Share, Usd};
use crate::ledger::{Entry, EntryState, Priced};

/// One line of the ledger.
#[derive(Debug, Serialize)]
pub struct LedgerLine {
    /// `final`, `provisional` or `unpriced`.
    pub state: &'static str,
    pub cost_usd: Option<Usd>,
    pub on_demand_equivalent_usd: Option<Usd>,
    pub saved_usd: Option<Usd>,
    pub waste_usd: Option<Usd>,
    /// The time that was charged.
    pub charged_from: Option<Timestamp>,
    pub charged_until: Option<Timestamp>,
    pub charged_millis: Option<i64>,
    /// The part of the instance that the job reserved, exactly: `11/26`.
    pub share: Option<String>,
    /// The spot prices that make up the cost, of the whole instance.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub spot_prices: Vec<PricePiece>,
    /// Reclaimed in the instance's first hour: AWS does not charge it.
    pub first_hour_credit: bool,
    /// A stable label of why there is no price.
    pub unpriced_because: Option<&'static str>,
    /// The arithmetic as sentences.
    pub text: Vec<String>,
}

impl LedgerLine {
    pub fn of(entry: &Entry) -> Self {
        let (state, why) = match &entry.state {
            EntryState::Final(_) => ("final", None),
            EntryState::Provisional(_) => ("provisional", None),
            EntryState::Unpriced { why } => ("unpriced", Some(*why)),
        };
        let priced = entry.priced();
        LedgerLine {
            state,
            cost_usd: priced.map(|priced| priced.cost),
            on_demand_equivalent_usd: priced.map(|priced| priced.on_demand),
            saved_usd: priced.map(|priced| priced.on_demand - priced.cost),
            waste_usd: priced.map(|priced| priced.waste),
            charged_from: priced.map(|priced| priced.charged.start),
            charged_until: priced.map(|priced| priced.charged.end),
            charged_millis: priced.map(|priced| priced.charged.millis()),
            share: priced.map(|priced| fraction(priced.share)),
            spot_prices: Vec::new(),
            first_hour_credit: priced.is_some_and(|priced| priced.first_hour_credit),
            unpriced_because: why.map(|why| why.label()),
            text: match (priced, why) {
                (Some(priced), _) => arithmetic(entry, priced),
                (None, why) => vec![format!(
                    "No price, because {}. It is in no sum and never guessed.",
                    why.map_or("nothing says", sentence::unpriced)
                )],
            },
        }
    }
}

fn arithmetic(entry: &Entry, priced: &Priced) -> Vec<String> {
    let mut text = vec![cost(entry, priced)];
    let (saved, charged) = (priced.on_demand - priced.cost, priced.charged.millis());
    let partly = priced.kept_millis.filter(|kept| (1..charged).contains(kept));
    text.extend(partly.map(|kept| {
        let lost = charged - kept;
        let ran = if entry.end.ended_by_itself() { "restored" } else { "repeated or restored" };
        format!(
            "Of that time {} brought the work forward; {} were {ran}.",
            value::secs(kept),
            value::secs(lost)
        )
    }));
    let time = if partly.is_some() { "that work" } else { "the same time" };
    if priced.on_demand != Usd::ZERO && saved == Usd::ZERO {
        text.push(format!("On demand {time} would have cost the same."));
    } else if priced.on_demand != Usd::ZERO {
        let verb = if saved.is_negative() { "lost" } else { "saved" };
        let ratio = saved.ratio_to(priced.on_demand).unwrap_or(Ppm::ZERO);
        text.push(format!(
            "On demand {time} would have cost {}{}: {verb} {}, {}.",
            value::usd_exact(priced.on_demand),
            rate(priced.on_demand, priced.share, priced.kept_millis.unwrap_or(charged)),
            value::usd_exact(if saved.is_negative() { -saved } else { saved }),
            if saved.is_negative() { Ppm(-ratio.0) } else { ratio }
        ));
    } else if !entry.end.ended_by_itself() {
        text.push("On demand it would not have existed, so nothing stands against it.".to_owned());
    }
    if priced.waste != Usd::ZERO && priced.waste == priced.cost {
        text.push("All of it bought nothing.".to_owned());
    } else if priced.waste != Usd::ZERO {
        text.push(format!("{} of it bought nothing.", value::usd_exact(priced.waste)));
    }
    if entry.is_provisional() {
        text.push(
            "Provisional: the instance's end is not known yet, and may still make it free."
                .to_owned(),
        );
    }
    text
}

fn cost(entry: &Entry, priced: &Priced) -> String {
    if priced.first_hour_credit {
        return format!(
            "Cost nothing: AWS took the instance back within its first hour, and does not charge \
             that ({} ran).",
            ran(priced)
        );
    }
    if priced.charged.is_empty() {
        return "Cost nothing: its container never ran.".to_owned();
    }
    let kind = if entry.capacity.is_interruptible() { "spot" } else { "on-demand" };
    let part = match priced.share {
        share if share.num() == share.den() => "the whole instance".to_owned(),
        share => format!("{} of the instance", percent(share)),
    };
    format!(
        "Cost {} = {} x {part} x the {kind} price{}.",
        value::usd_exact(priced.cost),
        ran(priced),
        rate(priced.cost, priced.share, priced.charged.millis())
    )
}

/// The charged time in seconds, to the millisecond where it is not whole.
fn ran(priced: &Priced) -> String {
    value::secs(priced.charged.millis())
}

/// The mean price of the whole instance that `amount` for the share of so much time amounts to.
fn rate(amount: Usd, share: Share, millis: i64) -> String {
    let divisor = share.num() * i128::from(millis);
    if divisor <= 0 {
        return String::new();
    }
    let an_hour = Usd::from_nanos(div_half_even(amount.nanos() * 3_600_000 * share.den(), divisor));
    format!(" ({} an hour on average)", value::usd(an_hour))
}

fn percent(share: Share) -> Ppm {
    Ppm(div_half_even(share.num() * 1_000_000, share.den()) as i64)
}

fn fraction(share: Share) -> String {
    format!("{}/{}", share.num(), share.den())
}
