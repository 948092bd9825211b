//! The Cost and Usage Report (CUR 2.0, and the older one, whose columns are named otherwise): which of
//! its lines are use of instances and tasks, and what they cost.

use std::borrow::Cow;

use jiff::Timestamp;

use super::intake::{DAY, Taken, floor};
use super::problem::{Wrong, quoted};
use super::{BilledLine, Charge, Part};
use crate::domain::{InstanceId, Window};
use crate::ledger::BilledResource;

pub(super) const LINE_ID: usize = 0;
pub(super) const RESOURCE: usize = 1;
pub(super) const START: usize = 2;
pub(super) const END: usize = 3;
pub(super) const USAGE: usize = 4;
pub(super) const KIND: usize = 5;
pub(super) const COST: usize = 6;
pub(super) const CURRENCY: usize = 7;
const NEEDED: usize = 8;
pub(super) const PARENT: usize = 8;
pub(super) const SPLIT: usize = 9;
pub(super) const UNUSED: usize = 10;
pub(super) const PLAN_COST: usize = 11;
pub(super) const RESERVED_COST: usize = 12;

/// The columns that matter. The first [`NEEDED`] of them are in every usable report.
pub(super) const COLUMNS: [&str; 13] = [
    "identity_line_item_id",
    "line_item_resource_id",
    "line_item_usage_start_date",
    "line_item_usage_end_date",
    "line_item_usage_type",
    "line_item_line_item_type",
    "line_item_unblended_cost",
    "line_item_currency_code",
    "split_line_item_parent_resource_id",
    "split_line_item_split_cost",
    "split_line_item_unused_cost",
    "savings_plan_savings_plan_effective_cost",
    "reservation_effective_cost",
];

/// A row's values of [`COLUMNS`]; empty where the report has no such column, or no value.
pub(super) type Row<'a> = [Cow<'a, str>; COLUMNS.len()];

/// Where [`COLUMNS`] stand in one file.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    places: [Option<usize>; COLUMNS.len()],
    count: usize,
}

impl Columns {
    pub(super) fn of_header(names: &[&str]) -> Result<Self, String> {
        let known: Vec<String> = names.iter().map(|name| plain(name)).collect();
        let places = COLUMNS.map(|name| known.iter().position(|known| known == name));
        if places.iter().all(Option::is_none) {
            return Err(format!(
                "is neither the header of a spot data feed (#Version: 1.0) nor of a Cost and Usage Report \
                 ({}, ...), but {}",
                COLUMNS[LINE_ID],
                quoted(&names.join(","))
            ));
        }
        check_needed(&places)?;
        Ok(Columns { places, count: names.len() })
    }

    pub(super) fn pick<'a>(&self, fields: &[&'a str]) -> Result<Row<'a>, Wrong> {
        if fields.len() != self.count {
            return Err((
                "",
                format!("has {} fields where the header has {}", fields.len(), self.count),
            ));
        }
        Ok(self.places.map(|place| Cow::Borrowed(place.map_or("", |place| fields[place]))))
    }
}

/// Whether a file has the columns that every line is read by.
pub(super) fn check_needed(places: &[Option<usize>]) -> Result<(), String> {
    let missing: Vec<&str> = (0..NEEDED)
        .filter(|column| places[*column].is_none())
        .map(|column| COLUMNS[column])
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!(
        "has no column {}; export CUR 2.0 with resource IDs (INCLUDE_RESOURCES) and all columns",
        missing.join(", ")
    ))
}

/// A column's name as CUR 2.0 writes it: `lineItem/UsageType` is `line_item_usage_type`.
fn plain(name: &str) -> String {
    let mut plain = String::with_capacity(name.len() + 4);
    let mut starts = true;
    for c in name.trim().chars() {
        if c == '/' {
            plain.push('_');
        } else if c.is_ascii_uppercase() {
            if !starts {
                plain.push('_');
            }
            plain.push(c.to_ascii_lowercase());
        } else {
            plain.push(c);
        }
        starts = c == '/';
    }
    plain
}

/// Reads one row; `None` where it is about something else.
pub(super) fn line(row: &Row<'_>) -> Result<Option<Taken>, Wrong> {
    let resource = row[RESOURCE].as_ref();
    let Some(what) = what_is(resource, &row[USAGE], &row[PARENT]) else { return Ok(None) };
    let cost = match row[KIND].as_ref() {
        "Usage" => COST,
        "SavingsPlanCoveredUsage" if !row[PLAN_COST].is_empty() => PLAN_COST,
        "DiscountedUsage" if !row[RESERVED_COST].is_empty() => RESERVED_COST,
        "SavingsPlanCoveredUsage" | "DiscountedUsage" => COST,
        _ => return Ok(None),
    };
    if row[CURRENCY] != "USD" {
        let what = format!("is {}; the ledger is in USD", quoted(&row[CURRENCY]));
        return Err((COLUMNS[CURRENCY], what));
    }
    let period = period(row)?;
    let (charge, part) = match what {
        What::SplitTask => (amount(row, SPLIT)?, Part::Split { unused: amount(row, UNUSED)? }),
        _ => (amount(row, cost)?, Part::Whole),
    };
    let resource = match what {
        What::Instance => BilledResource::Instance(InstanceId::from(resource)),
        _ => BilledResource::Task(resource.to_owned()),
    };
    let identity = format!("{}\0{}", row[LINE_ID], row[USAGE]);
    Ok(Some(Taken { line: BilledLine { resource, period, charge, part }, identity }))
}

enum What {
    Instance,
    FargateTask,
    SplitTask,
}

/// What a row is about, by its resource and its kind of use; `None` for disks, traffic, credits and all
/// else.
fn what_is(resource: &str, usage: &str, parent: &str) -> Option<What> {
    // Regions but the first have a prefix: USW2-BoxUsage:m6i.large.
    let is_prefix =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let usage = match usage.split_once('-') {
        Some((prefix, rest)) if is_prefix(prefix) => rest,
        _ => usage,
    };
    if resource.starts_with("i-") {
        let kinds = ["BoxUsage", "SpotUsage", "DedicatedUsage", "HeavyUsage"];
        return kinds.iter().any(|kind| usage.starts_with(kind)).then_some(What::Instance);
    }
    if !resource.contains(":task/") {
        return None;
    }
    if parent.starts_with("i-") {
        return Some(What::SplitTask);
    }
    let fargate = usage.strip_prefix("SpotUsage-").unwrap_or(usage).strip_prefix("Fargate-")?;
    let sold = fargate.contains("vCPU-Hours") || fargate.contains("GB-Hours");
    (sold && !fargate.contains("Storage")).then_some(What::FargateTask)
}

fn period(row: &Row<'_>) -> Result<Window, Wrong> {
    let time = |column: usize| -> Result<Timestamp, Wrong> {
        let text = row[column].as_ref();
        text.parse().map_err(|_| {
            let what = format!("{} is not a time like 2023-12-09T07:00:00Z", quoted(text));
            (COLUMNS[column], what)
        })
    };
    let period = Window::new(time(START)?, time(END)?);
    if period.is_empty() {
        return Err((COLUMNS[END], "is not after the start".to_owned()));
    }
    if period.millis()
        > DAY - period.start.duration_since(floor(period.start, DAY)).as_millis() as i64
    {
        let what = format!(
            "is {}: the line reaches into another day; export with TIME_GRANULARITY HOURLY",
            period.end
        );
        return Err((COLUMNS[END], what));
    }
    Ok(period)
}

fn amount(row: &Row<'_>, column: usize) -> Result<Charge, Wrong> {
    let text = row[column].as_ref();
    if text.is_empty() && column != COST {
        return Ok(Charge::ZERO);
    }
    text.parse().map_err(|error| (COLUMNS[column], format!("{} is {error}", quoted(text))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_reports_columns_have_the_newer_names() {
        for (old, new) in [
            ("lineItem/UsageType", "line_item_usage_type"),
            ("lineItem/LineItemType", "line_item_line_item_type"),
            ("identity/LineItemId", "identity_line_item_id"),
            ("savingsPlan/SavingsPlanEffectiveCost", "savings_plan_savings_plan_effective_cost"),
            ("line_item_usage_type", "line_item_usage_type"),
        ] {
            assert_eq!(plain(old), new);
        }
    }

    #[test]
    fn only_the_time_of_instances_and_tasks_is_use() {
        let (task, instance) = ("arn:aws:ecs:eu-west-1:1:task/c/abc", "i-0abc");
        let name = |resource, usage, parent| match what_is(resource, usage, parent) {
            None => "other",
            Some(What::Instance) => "instance",
            Some(What::FargateTask) => "fargate",
            Some(What::SplitTask) => "split",
        };
        for (resource, usage, parent, expected) in [
            (instance, "BoxUsage:m6i.large", "", "instance"),
            (instance, "EUW1-SpotUsage:c5.xlarge", "", "instance"),
            (instance, "EUW1-DataTransfer-Out-Bytes", "", "other"),
            (instance, "EU-EBSOptimized:c4.large", "", "other"),
            ("vol-1", "EBS:VolumeUsage.gp3", "", "other"),
            (task, "EUW1-Fargate-vCPU-Hours:perCPU", "", "fargate"),
            (task, "SpotUsage-Fargate-GB-Hours", "", "fargate"),
            (task, "USE2-SpotUsage-Fargate-GB-Hours", "", "fargate"),
            (task, "EUW1-Fargate-ARM-GB-Hours", "", "fargate"),
            (task, "EUW1-Fargate-EphemeralStorage-GB-Hours", "", "other"),
            (task, "EUW1-ECS-EC2-vCPU-Hours", "i-0abc", "split"),
            ("", "BoxUsage:m6i.large", "", "other"),
        ] {
            assert_eq!(name(resource, usage, parent), expected, "{resource} {usage}");
        }
    }
}
