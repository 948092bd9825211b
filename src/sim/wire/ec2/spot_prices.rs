//! DescribeSpotPriceHistory: change points, newest first, with the one in effect at the start
//! (simulated-aws.md §2).

use jiff::Timestamp;

use super::filters::Filters;
use super::zones::Zones;
use super::{Call, Fault, Page, combination, given, invalid, time};
use crate::domain::{InstanceType, UsdPerHour, Window, Zone};
use crate::market::PricePoint;
use crate::sim::instance_types::offer;
use crate::sim::instant::{DAY, millis, timestamp};
use crate::sim::state::State;
use crate::sim::wire::paging::{Key, page};
use crate::sim::wire::xml::Element;

/// What every row says today.
const PRODUCT: &str = "Linux/UNIX";
/// What may be asked for (botocore, `DescribeSpotPriceHistoryRequest`), each also with
/// ` (Amazon VPC)`.
const PRODUCTS: [&str; 4] = [PRODUCT, "Red Hat Enterprise Linux", "SUSE Linux", "Windows"];
/// EC2 answers for this long back.
const HISTORY: i64 = 90 * DAY;

const FILTERS: [&str; 6] = [
    "availability-zone",
    "availability-zone-id",
    "instance-type",
    "product-description",
    "spot-price",
    "timestamp",
];

pub(super) fn describe(state: &State, call: &Call) -> Result<Vec<Element>, Fault> {
    let at = Page::of(call, 1..=1000)?;
    let filters = Filters::of(call, &FILTERS)?;
    let zones = Zones::of(state);
    let (types, zone, window) = (types(state, call)?, zone(call, &zones)?, window(state, call)?);
    let points = if wants_linux(call)? {
        state.market.history(&types, window, state.now)
    } else {
        Vec::new()
    };
    let wanted = points.into_iter().filter(|point| {
        let pool = &point.pool;
        zone.is_none_or(|zone| *zone == pool.zone)
            && filters.admit(|filter| match filter {
                "availability-zone" => vec![pool.zone.to_string()],
                "availability-zone-id" => {
                    zones.id(&pool.zone).map(str::to_owned).into_iter().collect()
                }
                "instance-type" => vec![pool.instance_type.to_string()],
                "product-description" => vec![PRODUCT.to_owned()],
                "spot-price" => vec![six_decimals(point.price)],
                "timestamp" => vec![point.effective_from.strftime(STAMP).to_string()],
                _ => vec![],
            })
    });
    let rows = wanted.map(|point| (newest_first(&point), point)).collect();
    let (points, next) = page(at.operation, rows, at.after.as_ref(), at.limit);
    let items = points.iter().map(|point| {
        let mut row = zones.elements(&point.pool.zone);
        row.extend([
            Element::text("instanceType", &point.pool.instance_type),
            Element::text("productDescription", PRODUCT),
            Element::text("spotPrice", six_decimals(point.price)),
            Element::text("timestamp", time(millis(point.effective_from))),
        ]);
        row
    });
    // The last page's token is an empty text, not absent.
    let token = Element::text("nextToken", next.unwrap_or_default());
    Ok(vec![Element::set("spotPriceHistorySet", items), token])
}

/// How the filter `timestamp` is written.
const STAMP: &str = "%a %b %d %H:%M:%S UTC %Y";

fn newest_first(point: &PricePoint) -> Key {
    let place = format!("{}/{}", point.pool.instance_type, point.pool.zone);
    (-millis(point.effective_from), place)
}

/// The types asked for; all that have a market when none is.
fn types(state: &State, call: &Call) -> Result<Vec<InstanceType>, Fault> {
    let named = call.list("InstanceType");
    if named.is_empty() {
        let pools = state.market.indices().map(|ix| &state.market.pool(ix).pool);
        let mut all: Vec<_> = pools.map(|pool| pool.instance_type.clone()).collect();
        all.sort_unstable();
        all.dedup();
        return Ok(all);
    }
    let known = |name: &&str| offer(&InstanceType::from(*name)).is_some();
    if let Some(unknown) = named.iter().find(|name| !known(name)) {
        return Err(invalid(format!("Invalid instance type: '{unknown}'")));
    }
    Ok(named.into_iter().map(InstanceType::from).collect())
}

fn zone<'a>(call: &Call, zones: &'a Zones) -> Result<Option<&'a Zone>, Fault> {
    match (given(call, "AvailabilityZone"), given(call, "AvailabilityZoneId")) {
        (Some(_), Some(_)) => Err(combination(
            "Either AvailabilityZone or AvailabilityZoneId can be specified, but not both",
        )),
        (Some(name), None) => zones.named(name).map(Some),
        (None, Some(id)) => zones.with_id(id).map(Some),
        (None, None) => Ok(None),
    }
}

/// Whether Linux is among the products asked for. Its VPC variant means the same today: EC2-Classic
/// is gone, and rows are of the plain product (simulated-aws.md §2).
fn wants_linux(call: &Call) -> Result<bool, Fault> {
    let asked = call.list("ProductDescription");
    let plain = |name: &str| name.strip_suffix(" (Amazon VPC)").unwrap_or(name).to_owned();
    if let Some(unknown) = asked.iter().find(|name| !PRODUCTS.contains(&plain(name).as_str())) {
        return Err(invalid(format!("Invalid product description: '{unknown}'")));
    }
    Ok(asked.is_empty() || asked.iter().any(|name| plain(name) == PRODUCT))
}

/// From StartTime to EndTime; by default all that EC2 remembers. A start in the future means now.
fn window(state: &State, call: &Call) -> Result<Window, Fault> {
    let moment = |name: &str| {
        let parse = |text: &str| {
            let invalid = |_| invalid(format!("Value ({text}) for parameter {name} is invalid."));
            text.parse::<Timestamp>().map_err(invalid)
        };
        given(call, name).map(parse).transpose()
    };
    let (start, end) = (moment("StartTime")?, moment("EndTime")?);
    if let (Some(start), Some(end)) = (start, end)
        && start > end
    {
        return Err(invalid("The start time must not be later than the end time."));
    }
    let (oldest, now) = (timestamp(state.now - HISTORY), timestamp(state.now));
    // The market's windows are half-open: a change at this very moment is shown.
    let open_end = timestamp(state.now + 1);
    Ok(Window::new(start.unwrap_or(oldest).min(now), end.unwrap_or(open_end)))
}

fn six_decimals(price: UsdPerHour) -> String {
    // Of 10⁻¹⁰ USD.
    let millionths = (price.units() + 5_000).div_euclid(10_000);
    format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::sim::scenario::Scenario;
    use crate::sim::wire::protocol::{Input, Service};

    #[test]
    fn a_start_in_the_future_means_now() {
        // Recorded prices know the future; nobody is told of it.
        let state = State::new(Scenario::empty("us-east-1", "a"), 1, 1_000 * DAY);
        let asked = |start: i64, end: i64| {
            let moment = |name: &str, at| (name.to_owned(), timestamp(at).to_string());
            let parameters = [moment("StartTime", start), moment("EndTime", end)];
            let operation = "DescribeSpotPriceHistory".to_owned();
            let input = Input::Query(BTreeMap::from(parameters));
            window(&state, &Call { service: Service::Ec2, operation, input }).unwrap()
        };
        assert_eq!(asked(2_000 * DAY, 2_000 * DAY).start, timestamp(1_000 * DAY));
        assert_eq!(asked(900 * DAY, 2_000 * DAY).start, timestamp(900 * DAY));
    }

    #[test]
    fn prices_have_six_decimals() {
        for (price, text) in [("0.0416", "0.041600"), ("12.5", "12.500000"), ("0", "0.000000")] {
            assert_eq!(six_decimals(price.parse().unwrap()), text);
        }
        assert_eq!(six_decimals(UsdPerHour::from_units(9_995_000)), "0.001000");
    }
}
