//! The comparison by itself: splits among containers, Fargate, discounts, and what has no price.

use jiff::Timestamp;
use spotcron::billing::{Bill, Comparison, Known, KnownTask, compare};
use spotcron::domain::{
    AttemptEnd, Capacity, InstanceEnd, InstanceFacts, Lifecycle, Ppm, Resources, Share, Site, Usd,
    Window,
};
use spotcron::ledger::{Entry, EntryState, Hosted, InstanceRate, Priced, TaskFacts, Unpriced};
use spotcron::market::FargateRate;
use spotcron::run::AttemptKey;

use super::read;
use crate::samples::at;

const HEADER: &str = "identity_line_item_id,line_item_usage_start_date,line_item_usage_end_date,\
    line_item_line_item_type,line_item_currency_code,line_item_unblended_cost,line_item_usage_type,\
    line_item_resource_id,split_line_item_parent_resource_id,split_line_item_split_cost,\
    split_line_item_unused_cost";

const TASK: &str = "arn:aws:ecs:us-east-1:123456789012:task/batch/0123";

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

/// A report with these lines, each `hour type cost usage resource parent split unused`.
fn bill(lines: &[&str]) -> Bill {
    let mut text = format!("{HEADER}\n");
    for (number, line) in lines.iter().enumerate() {
        let fields: Vec<&str> = line.split(' ').map(|field| field.trim_matches('-')).collect();
        let from = at(&format!("2026-06-{}:00:00Z", fields[0]));
        let to = from + jiff::SignedDuration::from_hours(1);
        let [cost, usage, resource, parent, split, unused] = fields[1..] else { panic!("{line}") };
        text += &format!(
            "{number},{from},{to},Usage,USD,{cost},{usage},{resource},{parent},{split},{unused}\n"
        );
    }
    read(&[("a", text.as_bytes())]).unwrap()
}

fn instance(lifecycle: Lifecycle, from: &str, to: &str) -> InstanceFacts {
    InstanceFacts {
        id: "i-0a".into(),
        site: Site::from("us-east-1"),
        instance_type: "m6i.xlarge".into(),
        zone: "us-east-1a".into(),
        lifecycle,
        launched_at: at(from),
        ended_at: Some(at(to)),
        end: Some(InstanceEnd::Requested),
        seen_at: at(to),
    }
}

/// Half of an instance from one time to another.
fn entry(capacity: Capacity, from: &str, to: &str, cost: Option<&str>) -> Entry {
    let state = match cost {
        None => EntryState::Unpriced { why: Unpriced::SpotPriceUnknown },
        Some(cost) => EntryState::Final(Priced {
            cost: usd(cost),
            on_demand: Usd::ZERO,
            waste: Usd::ZERO,
            share: if capacity.is_fargate() { Share::WHOLE } else { Share::new(1, 2).unwrap() },
            charged: Window::new(at(from), at(to)),
            kept_millis: None,
            first_hour_credit: false,
        }),
    };
    Entry {
        key: AttemptKey { run: "r-1".into(), leg: 1, child: None, number: 1 },
        job: "job".into(),
        class: "class".into(),
        environment: "env".into(),
        capacity,
        site: Site::from("us-east-1"),
        end: AttemptEnd::Succeeded,
        ended_at: at(to),
        instance_id: Some("i-0a".into()),
        instance_type: None,
        zone: None,
        state,
    }
}

/// One instance on demand at 0.2 USD an hour with one attempt.
fn on_demand(
    bill: &Bill,
    facts: &InstanceFacts,
    entry: &Entry,
    tasks: &[KnownTask<'_>],
) -> Comparison {
    let known = Known {
        instance: facts,
        environment: Some("env".into()),
        rate: Some(InstanceRate::OnDemand("0.2".parse().unwrap())),
        hosted: vec![Hosted { entry, on_demand_discount: Ppm::ZERO }],
        open_attempts: 0,
        until: Timestamp::MAX,
    };
    compare(bill, &[known], tasks)
}

fn shown(days: &[spotcron::ledger::DayDrift]) -> Vec<String> {
    let day = |day: &spotcron::ledger::DayDrift| {
        let sums = &day.sums;
        let parts = [sums.billed, sums.ledger, sums.idle, sums.unpriced, sums.drift];
        let parts: Vec<String> = parts.iter().map(|part| part.rounded(4)).collect();
        format!("{} {}", day.day, parts.join(" "))
    };
    days.iter().map(day).collect()
}

#[test]
fn an_attempt_over_midnight_is_split_between_the_days() {
    let facts = instance(Lifecycle::OnDemand, "2026-06-01T23:00:00Z", "2026-06-02T02:00:00Z");
    let entry =
        entry(Capacity::OnDemand, "2026-06-01T23:30:00Z", "2026-06-02T01:00:00Z", Some("0.15"));
    let bill = bill(&[
        "01T23 0.2 BoxUsage:m6i.xlarge i-0a - - -",
        "02T00 0.2 BoxUsage:m6i.xlarge i-0a - - -",
        "02T01 0.25 BoxUsage:m6i.xlarge i-0a - - -",
    ]);
    let found = on_demand(&bill, &facts, &entry, &[]);
    assert_eq!(
        shown(&found.days),
        [
            "2026-06-01 0.2000 0.0500 0.1500 0.0000 0.0000",
            "2026-06-02 0.4500 0.1000 0.3000 0.0000 0.0500"
        ]
    );
    let total = found.days.iter().map(|day| day.sums.ledger).sum::<Usd>();
    assert_eq!(total, usd("0.15"));
}

#[test]
fn what_an_attempt_without_a_price_used_is_not_called_idle() {
    let facts = instance(Lifecycle::OnDemand, "2026-06-01T10:00:00Z", "2026-06-01T11:00:00Z");
    let entry = entry(Capacity::OnDemand, "2026-06-01T10:00:00Z", "2026-06-01T11:00:00Z", None);
    let bill = bill(&["01T10 0.2 BoxUsage:m6i.xlarge i-0a - - -"]);
    let found = on_demand(&bill, &facts, &entry, &[]);
    assert_eq!(shown(&found.days), ["2026-06-01 0.2000 0.0000 0.0000 0.2000 0.0000"]);
}

/// The ledger reckons with a discount that the bill does not show: that is what drift is for.
#[test]
fn a_stated_discount_that_the_bill_does_not_show_is_drift() {
    let facts = instance(Lifecycle::OnDemand, "2026-06-01T10:00:00Z", "2026-06-01T11:00:00Z");
    let (from, to) = ("2026-06-01T10:00:00Z", "2026-06-01T11:00:00Z");
    let entry = entry(Capacity::OnDemand, from, to, Some("0.1"));
    let bill = bill(&["01T10 0.25 BoxUsage:m6i.xlarge i-0a - - -"]);
    let found = on_demand(&bill, &facts, &entry, &[]);
    assert_eq!(shown(&found.days), ["2026-06-01 0.2500 0.1000 0.1000 0.0000 0.0500"]);
    assert_eq!(found.days[0].sums.ratio(), Some(Ppm::from_percent(20)));
}

#[test]
fn a_split_is_laid_beside_the_attempt_by_its_task() {
    let facts = instance(Lifecycle::OnDemand, "2026-06-01T10:00:00Z", "2026-06-01T11:00:00Z");
    let (from, to) = ("2026-06-01T10:00:00Z", "2026-06-01T11:00:00Z");
    let entry = entry(Capacity::OnDemand, from, to, Some("0.1"));
    let task = KnownTask { arn: TASK, entry: &entry, fargate: None };
    let cpu = format!("01T10 0 ECS-EC2-vCPU-Hours {TASK} i-0a 0.09 0.09");
    let memory = format!("01T10 0 ECS-EC2-GB-Hours {TASK} i-0a 0.012 0.01");
    let whole = "01T10 0.2 BoxUsage:m6i.xlarge i-0a - - -";
    let stranger = format!("01T10 0 ECS-EC2-GB-Hours {TASK}9 i-0b 0.5 0.25");
    let bill = bill(&[whole, &cpu, &memory, &stranger]);
    let found = on_demand(&bill, &facts, &entry, &[task]);
    assert_eq!(shown(&found.days), ["2026-06-01 0.2000 0.1000 0.1000 0.0000 0.0000"]);
    assert_eq!(shown(&found.tasks), ["2026-06-01 0.2020 0.1000 0.1000 0.0000 0.0020"]);
    assert_eq!(found.unknown, []);
    assert_eq!((found.unknown_tasks.len(), found.unknown_tasks[0].billed), (1, usd("0.75")));
}

#[test]
fn a_fargate_task_is_billed_from_its_image_pull() {
    let (from, to) = ("2026-06-01T10:15:00Z", "2026-06-01T11:00:00Z");
    let entry = entry(Capacity::Fargate, from, to, Some("0.03"));
    let facts = TaskFacts {
        task_arn: TASK.to_owned(),
        pull_started_at: Some(at("2026-06-01T10:00:00Z")),
        stopped_at: at(to),
        resources: Resources { vcpu_millis: 1000, memory_mib: 0, gpus: 0 },
    };
    let rate =
        FargateRate { vcpu_hour: "0.04".parse().unwrap(), gib_hour: "0.004".parse().unwrap() };
    let task = KnownTask { arn: TASK, entry: &entry, fargate: Some((facts, Some(rate))) };
    let line = format!("01T10 0.04 Fargate-vCPU-Hours:perCPU {TASK} - - -");
    let found = compare(&bill(&[&line]), &[], std::slice::from_ref(&task));
    assert_eq!(shown(&found.days), ["2026-06-01 0.0400 0.0300 0.0100 0.0000 0.0000"]);
    let other = format!("01T10 0.04 Fargate-vCPU-Hours:perCPU {TASK}9 - - -");
    let found = compare(&bill(&[&other]), &[], &[task]);
    assert_eq!((found.days.len(), found.unknown.len(), found.missing.len()), (0, 1, 1));
    assert_eq!(found.missing[0].cost, usd("0.03"));
}
