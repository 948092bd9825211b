//! What the store knows of the instances and tasks of a bill.

use std::collections::btree_map::Entry as MapEntry;
use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::Inputs;
use crate::billing::{Bill, Known, KnownTask, Part};
use crate::cost::PriceMode;
use crate::domain::{
    Capacity, EnvironmentName, InstanceEnd, InstanceFacts, InstanceId, InstanceType, Lifecycle,
    Pool, Ppm, Region, UsdPerHour, Window,
};
use crate::ledger::{BilledResource, Entry, Hosted, InstanceRate, TaskFacts};
use crate::market::{FargateRate, ListPrice, PriceSeries};
use crate::ports::{Store, StoreError};
use crate::run::{AttemptKey, AttemptRecord, PriceTerms};

/// An instance that idles longer than this after its last attempt is of no known environment.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(48);

/// Everything that bears on the bill, owned.
#[derive(Default)]
pub struct Facts {
    instances: Vec<InstanceFacts>,
    rates: Vec<Option<Rate>>,
    entries: Vec<Entry>,
    tasks: Vec<Task>,
    /// Attempts that run, or ended and wait for their line.
    open: BTreeMap<InstanceId, Vec<AttemptRecord>>,
    price_mode: PriceMode,
    until: Timestamp,
}

enum Rate {
    Spot(PriceSeries),
    OnDemand(UsdPerHour),
}

struct Task {
    arn: String,
    /// Of `Facts::entries`.
    entry: usize,
    fargate: Option<(TaskFacts, Option<FargateRate>)>,
}

/// Looks up what `bill` may be about.
pub async fn gather(store: &dyn Store, bill: &Bill, inputs: Inputs) -> Result<Facts, StoreError> {
    let mut facts = Facts { price_mode: inputs.price_mode, ..Facts::default() };
    let Some(covered) = bill.covered else { return Ok(facts) };
    // What is not known to have ended lived as long as the files tell of.
    facts.until = inputs.now.max(covered.end);
    let since = covered.start.checked_sub(LOOK_BACK).unwrap_or(Timestamp::MIN);
    facts.entries = store.entries_between(Window::new(since, Timestamp::MAX)).await?;
    facts.instances = instances(store, bill, covered).await?;
    facts.open = open_attempts(store, &facts.entries).await?;
    let attempts = attempts(store, bill, &facts).await?;
    let mut lists = Lists { store, now: inputs.now, known: BTreeMap::new() };
    let discounts = discounts(&facts.entries, &attempts);
    for instance in &facts.instances {
        let discount = discounts.get(&instance.id).copied().unwrap_or(Ppm::ZERO);
        facts.rates.push(rate(store, &mut lists, instance, discount, facts.until).await?);
    }
    for (at, entry) in facts.entries.iter().enumerate() {
        let Some(attempt) = attempts.get(&entry.key) else { continue };
        let Some(arn) = attempt.task_arn.clone() else { continue };
        let fargate = match entry.capacity.is_fargate() {
            true => fargate(store, entry, attempt, &arn).await?,
            false => None,
        };
        facts.tasks.push(Task { arn, entry: at, fargate });
    }
    Ok(facts)
}

impl Facts {
    /// The instances, each with its lines.
    pub fn instances(&self) -> Vec<Known<'_>> {
        let mut hosted: BTreeMap<&InstanceId, Vec<Hosted<'_>>> = BTreeMap::new();
        for entry in &self.entries {
            let Some(id) = &entry.instance_id else { continue };
            hosted.entry(id).or_default().push(Hosted { entry, on_demand_discount: Ppm::ZERO });
        }
        let each = self.instances.iter().zip(&self.rates);
        each.map(|(instance, rate)| {
            let hosted = hosted.get(&instance.id).cloned().unwrap_or_default();
            let open = self.open.get(&instance.id).map_or(&[][..], Vec::as_slice);
            let rate = rate.as_ref().map(|rate| match rate {
                Rate::Spot(series) => InstanceRate::Spot { series, mode: self.price_mode },
                Rate::OnDemand(price) => InstanceRate::OnDemand(*price),
            });
            let environment = environment(&hosted, open);
            let (open_attempts, until) = (open.len(), self.until);
            Known { instance, environment, rate, hosted, open_attempts, until }
        })
        .collect()
    }

    /// The tasks whose ARN is known.
    pub fn tasks(&self) -> Vec<KnownTask<'_>> {
        self.tasks
            .iter()
            .map(|task| KnownTask {
                arn: &task.arn,
                entry: &self.entries[task.entry],
                fargate: task.fargate.clone(),
            })
            .collect()
    }
}

/// That of the attempt that began first.
fn environment(hosted: &[Hosted<'_>], open: &[AttemptRecord]) -> Option<EnvironmentName> {
    let lines = hosted.iter().map(|line| {
        let charged = line.entry.priced().map(|priced| priced.charged.start);
        (charged.unwrap_or(line.entry.ended_at), &line.entry.environment)
    });
    let open = open
        .iter()
        .map(|attempt| (attempt.started_at.unwrap_or(Timestamp::MAX), &attempt.environment));
    lines.chain(open).min().map(|(_, environment)| environment.clone())
}

/// Those of the bill, and those that lived in its time.
async fn instances(
    store: &dyn Store,
    bill: &Bill,
    covered: Window,
) -> Result<Vec<InstanceFacts>, StoreError> {
    let billed: BTreeSet<InstanceId> = bill
        .lines
        .iter()
        .filter_map(|line| match &line.resource {
            BilledResource::Instance(id) => Some(id.clone()),
            BilledResource::Task(_) => None,
        })
        .collect();
    let billed: Vec<InstanceId> = billed.into_iter().collect();
    let mut known = BTreeMap::new();
    for instance in store.instances(&billed).await? {
        known.insert(instance.id.clone(), instance);
    }
    for instance in store.recent_instances(covered.start).await? {
        if instance.launched_at < covered.end {
            known.insert(instance.id.clone(), instance);
        }
    }
    Ok(known.into_values().collect())
}

async fn open_attempts(
    store: &dyn Store,
    entries: &[Entry],
) -> Result<BTreeMap<InstanceId, Vec<AttemptRecord>>, StoreError> {
    let lines: BTreeSet<&AttemptKey> = entries.iter().map(|entry| &entry.key).collect();
    let mut waiting = BTreeMap::new();
    for attempt in store.unsettled_attempts().await? {
        waiting.insert(attempt.key.clone(), attempt);
    }
    for run in store.open_runs().await? {
        for attempt in store.attempts(&run.id).await? {
            if attempt.stopped_at.is_none() {
                waiting.insert(attempt.key.clone(), attempt);
            }
        }
    }
    let mut by_instance: BTreeMap<InstanceId, Vec<AttemptRecord>> = BTreeMap::new();
    for attempt in waiting.into_values() {
        let has_line = lines.contains(&attempt.key);
        if let Some(host) = attempt.host.as_ref().filter(|_| !has_line) {
            by_instance.entry(host.instance_id.clone()).or_default().push(attempt);
        }
    }
    Ok(by_instance)
}

/// The records of the entries that need them: for a discount, or for a task's ARN.
async fn attempts(
    store: &dyn Store,
    bill: &Bill,
    facts: &Facts,
) -> Result<BTreeMap<AttemptKey, AttemptRecord>, StoreError> {
    let has_splits = bill.lines.iter().any(|line| matches!(line.part, Part::Split { .. }));
    let mut attempts = BTreeMap::new();
    let until = bill.covered.map_or(Timestamp::MAX, |covered| covered.end);
    let began = |entry: &Entry| entry.priced().map(|priced| priced.charged.start);
    // Of an old month most lines are younger than all that the files tell of.
    for entry in facts.entries.iter().filter(|entry| began(entry).is_none_or(|at| at < until)) {
        if !has_splits && entry.capacity == Capacity::Spot {
            continue;
        }
        if let Some(attempt) = store.attempt(&entry.key).await? {
            attempts.insert(entry.key.clone(), attempt);
        }
    }
    Ok(attempts)
}

fn terms(attempt: &AttemptRecord) -> PriceTerms {
    attempt.terms.unwrap_or_else(|| PriceTerms::of(None, None))
}

/// The discount that the first line on an instance was reckoned with: its idle time is worth as much.
fn discounts(
    entries: &[Entry],
    attempts: &BTreeMap<AttemptKey, AttemptRecord>,
) -> BTreeMap<InstanceId, Ppm> {
    let mut discounts = BTreeMap::new();
    for entry in entries {
        if let (Some(id), Some(attempt)) = (&entry.instance_id, attempts.get(&entry.key)) {
            discounts.entry(id.clone()).or_insert(terms(attempt).on_demand_discount);
        }
    }
    discounts
}

async fn rate(
    store: &dyn Store,
    lists: &mut Lists<'_>,
    instance: &InstanceFacts,
    discount: Ppm,
    until: Timestamp,
) -> Result<Option<Rate>, StoreError> {
    match instance.lifecycle {
        Lifecycle::Spot => {
            let InstanceFacts { zone, instance_type, .. } = instance.clone();
            let known = instance.ended_at.filter(|_| instance.end != Some(InstanceEnd::Unknown));
            // The minimum charge can reach a minute past the end.
            let end = known.unwrap_or(until) + SignedDuration::from_mins(1);
            let life = Window::new(instance.launched_at, end);
            let place = instance.site.account_region();
            let series = store.price_series(&place, &Pool { zone, instance_type }, life).await?;
            Ok(Some(Rate::Spot(series)))
        }
        Lifecycle::OnDemand => {
            let list = lists
                .price(&instance.site.region, &instance.instance_type, instance.launched_at)
                .await?;
            Ok(list.map(|list| Rate::OnDemand(list.scaled(Ppm::ONE - discount))))
        }
        Lifecycle::Other(_) => Ok(None),
    }
}

/// List prices, asked for once a region and day.
struct Lists<'a> {
    store: &'a dyn Store,
    now: Timestamp,
    known: BTreeMap<(Region, Date), Vec<ListPrice>>,
}

impl Lists<'_> {
    /// The price in effect at `at`, else the first that became known after: as the ledger takes it.
    async fn price(
        &mut self,
        region: &Region,
        instance_type: &InstanceType,
        at: Timestamp,
    ) -> Result<Option<UsdPerHour>, StoreError> {
        for at in [at, self.now] {
            let key = (region.clone(), at.to_zoned(TimeZone::UTC).date());
            let list = match self.known.entry(key) {
                MapEntry::Occupied(known) => known.into_mut(),
                MapEntry::Vacant(free) => free.insert(self.store.list_prices(region, at).await?),
            };
            if let Some(price) = list.iter().find(|price| price.instance_type == *instance_type) {
                return Ok(Some(price.price));
            }
        }
        Ok(None)
    }
}

async fn fargate(
    store: &dyn Store,
    entry: &Entry,
    attempt: &AttemptRecord,
    arn: &str,
) -> Result<Option<(TaskFacts, Option<FargateRate>)>, StoreError> {
    let Some(resources) = attempt.resources else { return Ok(None) };
    let terms = terms(attempt);
    let started_at = attempt.started_at.unwrap_or(entry.ended_at);
    let mut known = store.fargate_prices(&entry.site.region).await?;
    known.retain(|price| price.architecture == terms.architecture.label());
    // They come newest first.
    let list = known.iter().find(|price| price.effective_from <= started_at).or(known.last());
    let discount = match entry.capacity {
        Capacity::FargateSpot => terms.fargate_spot_discount,
        _ => Some(terms.on_demand_discount),
    };
    let rate = list.zip(discount).map(|(list, discount)| list.rate().less(discount));
    let task = TaskFacts {
        task_arn: arn.to_owned(),
        pull_started_at: attempt.pull_started_at,
        stopped_at: attempt.stopped_at.unwrap_or(entry.ended_at),
        resources,
    };
    Ok(Some((task, rate)))
}
