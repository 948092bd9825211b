//! EC2: the spot market, instances and what they can be, zones and subnets.

mod filters;
mod instance_types;
mod instances;
mod offerings;
mod placement_scores;
mod spot_prices;
mod subnets;
mod zones;

use std::ops::RangeInclusive;

use super::paging::{Key, page, read_token};
use super::protocol::{Call, Fault, Output};
use super::xml::Element;
use crate::sim::instant::{Millis, timestamp};
use crate::sim::state::State;
pub(super) use subnets::{subnet_of, vpc};
pub(super) use zones::region_code;

pub(super) fn call(state: &mut State, call: &Call) -> Result<Output, Fault> {
    let answer = match call.operation.as_str() {
        "DescribeAvailabilityZones" => zones::describe(state, call),
        "DescribeInstances" => instances::describe(state, call),
        "DescribeInstanceTypeOfferings" => offerings::describe(state, call),
        "DescribeInstanceTypes" => instance_types::describe(state, call),
        "DescribeSpotPriceHistory" => spot_prices::describe(state, call),
        "DescribeSubnets" => subnets::describe(state, call),
        "GetSpotPlacementScores" => placement_scores::get(state, call),
        _ => return Err(call.unknown()),
    }?;
    // EC2 checks the parameters first, too.
    if flag(call, "DryRun") {
        let message = "Request would have succeeded, but DryRun flag is set.";
        return Err(Fault::new(412, "DryRunOperation", message));
    }
    Ok(Output::Xml(answer))
}

fn flag(call: &Call, name: &str) -> bool {
    call.parameter(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// A parameter that is there and not empty.
fn given<'a>(call: &'a Call, name: &str) -> Option<&'a str> {
    call.parameter(name).filter(|value| !value.is_empty())
}

fn invalid(message: impl Into<String>) -> Fault {
    Fault::new(400, "InvalidParameterValue", message)
}

fn combination(message: impl Into<String>) -> Fault {
    Fault::new(400, "InvalidParameterCombination", message)
}

fn missing(parameter: &str) -> Fault {
    let message = format!("The request must contain the parameter {parameter}");
    Fault::new(400, "MissingParameter", message)
}

/// A whole number within bounds.
fn number(call: &Call, name: &str, allowed: RangeInclusive<usize>) -> Result<Option<usize>, Fault> {
    let Some(text) = call.parameter(name) else { return Ok(None) };
    let value = text.parse().ok().filter(|value| allowed.contains(value));
    value.map(Some).ok_or_else(|| {
        let (least, most) = (allowed.start(), allowed.end());
        invalid(format!(
            "Value ( {text} ) for parameter {name} is invalid. \
             Expecting a value between {least} and {most}."
        ))
    })
}

/// Where a page begins and how long it may be.
struct Page<'a> {
    operation: &'a str,
    after: Option<Key>,
    limit: usize,
}

impl<'a> Page<'a> {
    /// From MaxResults, which may be within `allowed` and is otherwise the largest, and NextToken.
    fn of(call: &'a Call, allowed: RangeInclusive<usize>) -> Result<Self, Fault> {
        let operation = call.operation.as_str();
        let most = *allowed.end();
        let limit = number(call, "MaxResults", allowed)?.unwrap_or(most);
        let after = given(call, "NextToken").map(|token| {
            let message = "The specified pagination token is not valid or is expired.";
            let unknown = || Fault::new(400, "InvalidPaginationToken", message);
            read_token(operation, token).ok_or_else(unknown)
        });
        Ok(Page { operation, after: after.transpose()?, limit })
    }

    /// This page of `rows` as the list `name`, with the next page's token if there is one.
    fn set<T>(
        &self,
        name: &str,
        rows: Vec<(Key, T)>,
        told: impl FnMut(T) -> Vec<Element>,
    ) -> Vec<Element> {
        let (rows, next) = page(self.operation, rows, self.after.as_ref(), self.limit);
        let token = next.map(|token| Element::text("nextToken", token));
        let rows = Element::set(name, rows.into_iter().map(told));
        std::iter::once(rows).chain(token).collect()
    }
}

/// A list of plain texts.
fn texts(name: &str, values: &[&str]) -> Element {
    Element::new(name).children(values.iter().map(|value| Element::text("item", value)))
}

/// A time as EC2 writes it.
fn time(at: Millis) -> String {
    format!("{:.3}", timestamp(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_milliseconds() {
        assert_eq!(time(1_763_640_000_000), "2025-11-20T12:00:00.000Z");
    }
}
