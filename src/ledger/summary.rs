//! Sums of lines: of a run, of a job, of a team.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::str::FromStr;

use serde::Serialize;

use crate::catalogue::Catalogue;
use crate::domain::{AttemptEnd, Ppm, Usd};

use super::Entry;

/// What a set of attempts cost and saved. Attempts without a price are counted, and in no amount.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    pub attempts: u64,
    /// Provisional costs included.
    pub cost: Usd,
    /// What the attempts that ended by themselves would have cost on demand.
    pub on_demand: Usd,
    /// The part of `cost` that bought nothing.
    pub waste: Usd,
    /// Attempts that AWS took the capacity from.
    pub interrupted: u64,
    /// Attempts that AWS did not charge, by the first-hour rule.
    pub credited: u64,
    pub unpriced: u64,
    /// Attempts whose cost may still fall to zero.
    pub provisional: u64,
}

impl Summary {
    /// The sum over `entries`: those of all attempts and legs of one run give the run's savings.
    pub fn of<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut summary = Summary::default();
        entries.into_iter().for_each(|entry| summary.add(entry));
        summary
    }

    pub fn add(&mut self, entry: &Entry) {
        self.attempts += 1;
        self.interrupted += u64::from(entry.end == AttemptEnd::Interrupted);
        self.provisional += u64::from(entry.is_provisional());
        let Some(priced) = entry.priced() else {
            self.unpriced += 1;
            return;
        };
        self.cost += priced.cost;
        self.on_demand += priced.on_demand;
        self.waste += priced.waste;
        self.credited += u64::from(priced.first_hour_credit);
    }

    /// Adds another set's sums to these.
    pub fn absorb(&mut self, other: &Summary) {
        self.attempts += other.attempts;
        self.cost += other.cost;
        self.on_demand += other.on_demand;
        self.waste += other.waste;
        self.interrupted += other.interrupted;
        self.credited += other.credited;
        self.unpriced += other.unpriced;
        self.provisional += other.provisional;
    }

    /// What was saved; negative where spot cost more than on demand would have.
    pub fn savings(&self) -> Usd {
        self.on_demand - self.cost
    }

    /// Savings as a part of the on-demand equivalent; `None` where that is zero.
    pub fn ratio(&self) -> Option<Ppm> {
        self.savings().ratio_to(self.on_demand)
    }
}

/// What lines are grouped by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupBy {
    Job,
    Class,
    Environment,
    Capacity,
    /// The day of the attempt's end, in UTC.
    Day,
    /// The month of the attempt's end, in UTC.
    Month,
    /// A free label of the class, such as `team`.
    Label(String),
}

/// A text that names no grouping.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is nothing to group by; use job, class, environment, capacity, day, month or label:NAME (a \
     label of the classes, as in label:team)"
)]
pub struct UnknownGroup(String);

impl FromStr for GroupBy {
    type Err = UnknownGroup;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "job" => GroupBy::Job,
            "class" => GroupBy::Class,
            "environment" => GroupBy::Environment,
            "capacity" => GroupBy::Capacity,
            "day" => GroupBy::Day,
            "month" => GroupBy::Month,
            other => match other.strip_prefix("label:").filter(|name| !name.is_empty()) {
                Some(name) => GroupBy::Label(name.to_owned()),
                None => return Err(UnknownGroup(text.to_owned())),
            },
        })
    }
}

impl GroupBy {
    /// The group that `entry` belongs to; `None` where its class does not carry the label (any
    /// more).
    pub fn key<'a>(&self, entry: &'a Entry, catalogue: &'a Catalogue) -> Option<Cow<'a, str>> {
        let part_of_date = |format| Cow::Owned(entry.ended_at.strftime(format).to_string());
        Some(match self {
            GroupBy::Job => entry.job.as_str().into(),
            GroupBy::Class => entry.class.as_str().into(),
            GroupBy::Environment => entry.environment.as_str().into(),
            GroupBy::Capacity => entry.capacity.label().into(),
            GroupBy::Day => part_of_date("%Y-%m-%d"),
            GroupBy::Month => part_of_date("%Y-%m"),
            GroupBy::Label(name) => {
                catalogue.classes.get(&entry.class)?.labels.get(name)?.as_str().into()
            }
        })
    }
}

/// One summary per key, in order of key.
pub fn summarise<'a, K: Ord>(
    entries: impl IntoIterator<Item = &'a Entry>,
    key: impl Fn(&'a Entry) -> K,
) -> BTreeMap<K, Summary> {
    let mut groups: BTreeMap<K, Summary> = BTreeMap::new();
    for entry in entries {
        groups.entry(key(entry)).or_default().add(entry);
    }
    groups
}
