//! The account's bill as AWS delivers bills: as a spot data feed, and as a Cost and Usage Report. Both are
//! made of what is billed up to one moment and up to the next, and share no code with whoever reads them.

use std::fmt::Write;

use jiff::Timestamp;

use super::bill::{Tariff, Usage, charge_until};
use super::instance_types::offer;
use super::instant::{DAY, HOUR, MINUTE, Millis, millis, timestamp, whole_second};
use super::state::State;
use crate::domain::InstanceType;

/// The report's columns: those that say what a line is about, and what it cost.
const COLUMNS: &str = "bill_payer_account_id,identity_line_item_id,identity_time_interval,\
    line_item_currency_code,line_item_line_item_type,line_item_operation,line_item_product_code,\
    line_item_resource_id,line_item_unblended_cost,line_item_usage_account_id,\
    line_item_usage_end_date,line_item_usage_start_date,line_item_usage_type,\
    split_line_item_parent_resource_id,split_line_item_split_cost,split_line_item_unused_cost";

/// A piece of one resource's use, and what it costs in nano-dollars.
struct Piece {
    from: Millis,
    nanos: i128,
}

/// A line for each hour of each Spot Instance that began before `until`, in the order of time. What AWS
/// does not charge has none.
pub(super) fn data_feed(state: &State, until: Timestamp) -> String {
    let mut lines: Vec<(Millis, String)> = Vec::new();
    for usage in &state.usages {
        let Tariff::Spot(pool) = usage.tariff else { continue };
        let pool = state.market.pool(pool);
        let list = offer(&InstanceType::from(usage.instance_type.as_str()));
        let most = list.map_or(0, |offer| offer.on_demand.units());
        for piece in pieces(state, usage, millis(until), |from| from + HOUR) {
            let at = timestamp(piece.from).strftime("%Y-%m-%d %H:%M:%S UTC");
            let request = usage.resource.trim_start_matches("i-");
            let price = pool.price_at(piece.from).unwrap_or(0);
            let line = format!(
                "{at}\tSpotUsage:{}\tRunInstances:SV001\t{}\tsir-{request}\t{} USD\t{} USD\t{} USD\t1\n",
                usage.instance_type,
                usage.resource,
                decimal(i128::from(most)),
                decimal(i128::from(price)),
                decimal(piece.nanos * 10),
            );
            lines.push((piece.from, line));
        }
    }
    lines.sort();
    let mut text = "#Version: 1.0\n#Fields: Timestamp UsageType Operation InstanceID MyBidID \
                    MyMaxPrice MarketPrice Charge Version\n"
        .to_owned();
    text.extend(lines.into_iter().map(|(_, line)| line));
    text
}

/// A line for each resource and hour of the clock up to `until`.
pub(super) fn report(state: &State, until: Timestamp) -> String {
    let account = &state.scenario.account_id;
    let mut text = format!("{COLUMNS}\n");
    for (number, usage) in state.usages.iter().enumerate() {
        let next_hour = |from: Millis| from - from.rem_euclid(HOUR) + HOUR;
        for piece in pieces(state, usage, millis(until), next_hour) {
            let begin = piece.from - piece.from.rem_euclid(HOUR);
            let [begin, end] = [begin, begin + HOUR].map(timestamp);
            let (kind, operation, product) = match usage.tariff {
                Tariff::OnDemand(_) => ("BoxUsage:", "RunInstances", "AmazonEC2"),
                Tariff::Spot(_) => ("SpotUsage:", "RunInstances:SV001", "AmazonEC2"),
                // vCPU and memory in one.
                Tariff::Fargate { .. } => ("Fargate-vCPU-Hours:perCPU", "FargateTask", "AmazonECS"),
            };
            let usage_type = match usage.tariff {
                Tariff::Fargate { .. } => kind.to_owned(),
                _ => format!("{kind}{}", usage.instance_type),
            };
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{account},line{number},{begin}/{end},USD,Usage,{operation},{product},{},{},{account},\
                 {end},{begin},{usage_type},,,",
                usage.resource,
                decimal(piece.nanos * 10),
            );
        }
    }
    text
}

/// The use up to `until`, cut where `next` says.
fn pieces(
    state: &State,
    usage: &Usage,
    until: Millis,
    next: impl Fn(Millis) -> Millis,
) -> Vec<Piece> {
    let mode = state.scenario.market.price_mode;
    let ended = usage.to.map(whole_second).filter(|to| *to <= until);
    let at = |to: Millis| charge_until(usage, &state.market, mode, to, until);
    let mut pieces = Vec::new();
    let mut from = usage.from;
    // Less than a minute is billed as one; the rest of it is in the last piece.
    let end = ended.map_or(until, |to| to.max(from + MINUTE).min(until.max(to)));
    let mut before = 0;
    while from < end && from < usage.from + 366 * DAY {
        let to = next(from).min(end);
        let total = match at(to) {
            Some(total) => total,
            None => return Vec::new(),
        };
        pieces.push(Piece { from, nanos: total - before });
        (from, before) = (to, total);
    }
    pieces
}

/// Units of 10⁻¹⁰ USD with all their decimals.
fn decimal(units: i128) -> String {
    const ONE: i128 = 10_000_000_000;
    let sign = if units < 0 { "-" } else { "" };
    format!("{sign}{}.{:010}", units.abs() / ONE, units.abs() % ONE)
}
