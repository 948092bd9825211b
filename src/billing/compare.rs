//! The bill beside the ledger, by day and environment. Each day's charge is taken apart into what the
//! ledger has, what was idle and what has no price; what is left over is drift.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::intake::{DAY, HOUR, floor};
use super::{Bill, BilledLine, Charge, FileKind, Part};
use crate::domain::{EnvironmentName, InstanceFacts, Lifecycle, Ppm, Usd, Window};
use crate::ledger::{
    BilledPart, BilledResource, DayDrift, Entry, Hosted, InstanceRate, Sums, TaskFacts,
    instance_part, spread, task_part,
};
use crate::market::FargateRate;
use crate::run::AttemptKey;

/// An instance that the ledger knows.
#[derive(Debug, Clone)]
pub struct Known<'a> {
    pub instance: &'a InstanceFacts,
    /// That of its first attempt; `None` where none is known near the time.
    pub environment: Option<EnvironmentName>,
    pub rate: Option<InstanceRate<'a>>,
    pub hosted: Vec<Hosted<'a>>,
    pub open_attempts: usize,
    /// Up to when it is known to be alive, where it has not ended.
    pub until: Timestamp,
}

/// A task that the ledger knows, on Fargate or on an instance.
#[derive(Debug, Clone)]
pub struct KnownTask<'a> {
    pub arn: &'a str,
    pub entry: &'a Entry,
    /// Of a Fargate task what bears on its charge.
    pub fargate: Option<(TaskFacts, Option<FargateRate>)>,
}

/// Something billed that the ledger does not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unknown {
    pub resource: BilledResource,
    pub lines: usize,
    pub billed: Usd,
}

/// An attempt that cost something, on an instance or task of which the files have no line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    pub attempt: AttemptKey,
    pub resource: BilledResource,
    pub environment: EnvironmentName,
    /// Of the time that the files cover.
    pub cost: Usd,
}

/// What the files cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Covered {
    pub from: Timestamp,
    pub until: Timestamp,
}

/// The whole of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// `None` without a line.
    pub covered: Option<Covered>,
    /// Instances and Fargate tasks, in order of day and environment.
    pub days: Vec<DayDrift>,
    /// The same by AWS's split of instances' charges among tasks; empty where the files have none.
    pub tasks: Vec<DayDrift>,
    /// The dearest first.
    pub unknown: Vec<Unknown>,
    pub unknown_tasks: Vec<Unknown>,
    pub missing: Vec<Missing>,
}

type Groups = BTreeMap<(Date, Option<EnvironmentName>), Sums>;
/// Charges, unused parts and lines of one resource, by day.
type Days = BTreeMap<Timestamp, (Charge, Charge, usize)>;

/// Lays `bill` beside what the ledger knows.
pub fn compare(bill: &Bill, instances: &[Known<'_>], tasks: &[KnownTask<'_>]) -> Comparison {
    let Some(covered) = bill.covered else { return Comparison::default() };
    let launches: BTreeMap<&str, Timestamp> = instances
        .iter()
        .map(|known| (known.instance.id.as_str(), known.instance.launched_at))
        .collect();
    let by_launch = bill.kind == Some(FileKind::SpotDataFeed);
    let (mut whole, mut split) = (BTreeMap::new(), BTreeMap::new());
    for line in &bill.lines {
        let launch = launch_of(line, &launches).filter(|_| by_launch);
        let (of, unused) = match line.part {
            Part::Whole => (&mut whole, Charge::ZERO),
            Part::Split { unused } => (&mut split, unused),
        };
        let days: &mut Days = of.entry(&line.resource).or_default();
        let sums = days.entry(day_of(line.period.start, launch, covered)).or_default();
        sums.0 += line.charge;
        sums.1 += unused;
        sums.2 += 1;
    }
    let mut compared = Compared { covered, by_launch, days: Groups::new(), missing: Vec::new() };
    for known in instances {
        compared
            .instance(known, whole.remove(&BilledResource::Instance(known.instance.id.clone())));
    }
    let mut shares = Groups::new();
    for task in tasks {
        let resource = BilledResource::Task(task.arn.to_owned());
        if task.fargate.is_some() {
            compared.fargate(task, whole.remove(&resource), resource.clone());
        }
        if let Some(days) = split.remove(&resource) {
            share(&mut shares, task.entry, &days, covered);
        }
    }
    Comparison {
        covered: Some(Covered { from: covered.start, until: covered.end }),
        days: listed(compared.days),
        tasks: listed(shares),
        unknown: strangers(whole),
        unknown_tasks: strangers(split),
        missing: compared.missing,
    }
}

fn launch_of(line: &BilledLine, launches: &BTreeMap<&str, Timestamp>) -> Option<Timestamp> {
    match &line.resource {
        BilledResource::Instance(id) => launches.get(id.as_str()).copied(),
        BilledResource::Task(_) => None,
    }
}

/// Midnight of the day that a line counts for. In the data feed that is the day in which the instance's
/// hour began, counted from its launch: the line's own time may be some seconds off.
fn day_of(start: Timestamp, launch: Option<Timestamp>, covered: Window) -> Timestamp {
    let Some(launch) = launch else { return floor(start, DAY) };
    let hours = (start.as_millisecond() - launch.as_millisecond() + HOUR / 2).div_euclid(HOUR);
    let began = launch.as_millisecond() + hours.max(0) * HOUR;
    let began = Timestamp::from_millisecond(began).unwrap_or(start);
    // A line of the files is always one of their days.
    floor(began.clamp(covered.start, covered.end - jiff::SignedDuration::from_millis(1)), DAY)
}

/// The days of `window`, each cut to it, by its midnight.
fn days(window: Window) -> impl Iterator<Item = (Timestamp, Window)> {
    let mut next = Some(floor(window.start, DAY));
    std::iter::from_fn(move || {
        let midnight = next.filter(|midnight| *midnight < window.end)?;
        next = Timestamp::from_millisecond(midnight.as_millisecond() + DAY).ok();
        let day = Window::new(midnight, next.unwrap_or(window.end));
        Some((midnight, day.clamped_to(&window)))
    })
}

fn date(midnight: Timestamp) -> Date {
    midnight.to_zoned(TimeZone::UTC).date()
}

struct Compared {
    covered: Window,
    by_launch: bool,
    days: Groups,
    missing: Vec<Missing>,
}

impl Compared {
    fn instance(&mut self, known: &Known<'_>, billed: Option<Days>) {
        let instance = known.instance;
        let in_part = |window| {
            let Known { rate, hosted, open_attempts, until, .. } = known;
            instance_part(instance, *rate, hosted, *open_attempts, *until, window)
        };
        let window = |day: Window| match self.by_launch {
            true => by_launch(day, instance.launched_at),
            false => day,
        };
        let Some(billed) = billed else {
            // The data feed tells of nothing but Spot Instances.
            if self.by_launch && instance.lifecycle != Lifecycle::Spot {
                return;
            }
            let whole = window(self.covered);
            let resource = BilledResource::Instance(instance.id.clone());
            let entries = known.hosted.iter().map(|line| line.entry);
            self.missing.extend(entries.filter_map(|entry| {
                let rate = known.rate;
                missing(entry, &resource, cost_in(entry, instance, rate, whole))
            }));
            return;
        };
        for (midnight, day) in days(self.covered) {
            let part = in_part(window(day));
            let (charge, _, lines) = billed.get(&midnight).copied().unwrap_or_default();
            if lines == 0 && part.expected() == Some(Usd::ZERO) && part.attempts == Usd::ZERO {
                continue;
            }
            let sums = Sums::of(charge.to_usd(), lines, &part);
            let key = (date(midnight), known.environment.clone());
            self.days.entry(key).or_default().add(&sums);
        }
    }

    fn fargate(&mut self, task: &KnownTask<'_>, billed: Option<Days>, resource: BilledResource) {
        let (Some((facts, rate)), false) = (&task.fargate, self.by_launch) else { return };
        let Some(billed) = billed else {
            let cost = task_part(facts, *rate, task.entry, self.covered).attempts;
            self.missing.extend(missing(task.entry, &resource, cost));
            return;
        };
        for (midnight, day) in days(self.covered) {
            let part = task_part(facts, *rate, task.entry, day);
            let (charge, _, lines) = billed.get(&midnight).copied().unwrap_or_default();
            if lines == 0 && part.expected() == Some(Usd::ZERO) {
                continue;
            }
            let sums = Sums::of(charge.to_usd(), lines, &part);
            let key = (date(midnight), Some(task.entry.environment.clone()));
            self.days.entry(key).or_default().add(&sums);
        }
    }
}

/// The instance's hours that begin in `day`.
fn by_launch(day: Window, launch: Timestamp) -> Window {
    let up = |at: Timestamp| {
        let since = (at.as_millisecond() - launch.as_millisecond()).max(0);
        let hours = (since + HOUR - 1).div_euclid(HOUR);
        Timestamp::from_millisecond(launch.as_millisecond() + hours * HOUR).unwrap_or(at)
    };
    if day.end <= launch {
        Window::new(day.end, day.end)
    } else {
        Window::new(up(day.start), up(day.end))
    }
}

fn cost_in(
    entry: &Entry,
    instance: &InstanceFacts,
    rate: Option<InstanceRate<'_>>,
    window: Window,
) -> Usd {
    let hosted = [Hosted { entry, on_demand_discount: Ppm::ZERO }];
    instance_part(instance, rate, &hosted, 0, window.end, window).attempts
}

fn missing(entry: &Entry, resource: &BilledResource, cost: Usd) -> Option<Missing> {
    (cost != Usd::ZERO).then(|| Missing {
        attempt: entry.key.clone(),
        resource: resource.clone(),
        environment: entry.environment.clone(),
        cost,
    })
}

/// A task's share of its instance, as AWS split it. What the split calls unused is idle to the ledger.
fn share(groups: &mut Groups, entry: &Entry, billed: &Days, covered: Window) {
    for (midnight, day) in days(covered) {
        let (charge, unused, lines) = billed.get(&midnight).copied().unwrap_or_default();
        let attempts = entry.priced().map_or(Usd::ZERO, |priced| spread(priced, day, |_| None));
        if lines == 0 && attempts == Usd::ZERO {
            continue;
        }
        let part = BilledPart {
            attempts,
            rest: entry.priced().map(|_| unused.to_usd()),
            rounded: 3,
            ..BilledPart::default()
        };
        let sums = Sums::of((charge + unused).to_usd(), lines, &part);
        let key = (date(midnight), Some(entry.environment.clone()));
        groups.entry(key).or_default().add(&sums);
    }
}

fn listed(groups: Groups) -> Vec<DayDrift> {
    groups
        .into_iter()
        .map(|((day, environment), sums)| DayDrift { day, environment, sums })
        .collect()
}

fn strangers(left: BTreeMap<&BilledResource, Days>) -> Vec<Unknown> {
    let mut unknown: Vec<Unknown> = left
        .into_iter()
        .map(|(resource, days)| Unknown {
            resource: resource.clone(),
            lines: days.values().map(|(_, _, lines)| lines).sum(),
            billed: days
                .values()
                .map(|(charge, unused, _)| *charge + *unused)
                .sum::<Charge>()
                .to_usd(),
        })
        .collect();
    unknown.sort_by(|a, b| b.billed.cmp(&a.billed).then_with(|| a.resource.cmp(&b.resource)));
    unknown
}
