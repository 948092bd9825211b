//! The simulated cloud's own bill beside the ledger. Every nano-dollar between them is named.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::cli::summary::Bill;
use crate::daemon::Shared;
use crate::domain::{
    Capacity, InstanceEnd, InstanceFacts, InstanceId, Lifecycle, Pool, Ppm, Window,
};
use crate::ledger::{
    Account, BilledResource, Entry, Hosted, InstanceRate, TaskFacts, instance_account, reconcile,
    task_account,
};
use crate::ports::{Store, StoreError};
use crate::run::{AttemptKey, AttemptRecord};
use crate::sim::SimCloud;

/// The accounts of everything that the daemon knows, laid beside the bill up to `until`.
pub async fn reckon(
    shared: &Shared,
    cloud: &SimCloud,
    until: Timestamp,
) -> Result<Bill, StoreError> {
    let store = shared.book.store();
    let whole = Window::new(Timestamp::MIN, Timestamp::MAX);
    let entries = store.entries_between(whole).await?;
    let open = attempts_without_a_line(shared, store, &entries).await?;
    let mut accounts = instance_accounts(shared, &entries, &open, until).await?;
    accounts.extend(fargate_accounts(shared, store, &entries).await?);
    let lines: Vec<(BilledResource, _)> = cloud
        .bill(until)
        .lines
        .into_iter()
        .map(|line| (resource(line.capacity, line.resource), line.charge))
        .collect();
    let sums = reconcile(&lines, &accounts, &entries);
    for line in sums.lines.iter().filter(|line| line.unexplained.nanos() != 0) {
        tracing::error!(resource = %line.resource, ?line, "the bill is not explained");
    }
    Ok(Bill {
        total_usd: sums.bill,
        ledger_usd: sums.ledger,
        idle_usd: sums.idle,
        unpriced_usd: sums.unpriced + sums.discount,
        rounding_usd: sums.rounding,
        unexplained_usd: sums.unexplained,
    })
}

fn resource(capacity: Capacity, id: String) -> BilledResource {
    if capacity.is_fargate() {
        BilledResource::Task(id)
    } else {
        BilledResource::Instance(InstanceId::new(id))
    }
}

/// Attempts that run, or ended and wait for their line, by instance.
async fn attempts_without_a_line(
    shared: &Shared,
    store: &Arc<dyn Store>,
    entries: &[Entry],
) -> Result<BTreeMap<InstanceId, usize>, StoreError> {
    let lines: BTreeSet<&AttemptKey> = entries.iter().map(|entry| &entry.key).collect();
    let mut waiting: BTreeMap<AttemptKey, AttemptRecord> = BTreeMap::new();
    for attempt in store.unsettled_attempts().await? {
        waiting.insert(attempt.key.clone(), attempt);
    }
    for run in shared.book.open_where(|_| true) {
        for attempt in store.attempts(&run.id).await? {
            if attempt.stopped_at.is_none() {
                waiting.insert(attempt.key.clone(), attempt);
            }
        }
    }
    let mut by_instance = BTreeMap::new();
    for attempt in waiting.into_values() {
        let has_line = lines.contains(&attempt.key);
        if let Some(host) = attempt.host.filter(|_| !has_line) {
            *by_instance.entry(host.instance_id).or_insert(0) += 1;
        }
    }
    Ok(by_instance)
}

async fn instance_accounts(
    shared: &Shared,
    entries: &[Entry],
    open: &BTreeMap<InstanceId, usize>,
    until: Timestamp,
) -> Result<Vec<Account>, StoreError> {
    let store = shared.book.store();
    let instances = store.all_instances().await?;
    let is_spot = |instance: &&InstanceFacts| instance.lifecycle == Lifecycle::Spot;
    let spot: BTreeSet<&InstanceId> =
        instances.iter().filter(is_spot).map(|instance| &instance.id).collect();
    let mut hosted: BTreeMap<&InstanceId, Vec<Hosted<'_>>> = BTreeMap::new();
    for entry in entries {
        let Some(id) = &entry.instance_id else { continue };
        // A discount only shows in what was bought on demand.
        let attempt = match spot.contains(id) {
            true => None,
            false => store.attempt(&entry.key).await?,
        };
        let on_demand_discount =
            attempt.map_or(Ppm::ZERO, |attempt| shared.terms_of(&attempt).on_demand_discount);
        hosted.entry(id).or_default().push(Hosted { entry, on_demand_discount });
    }
    let mut accounts = Vec::new();
    for instance in &instances {
        let lines = hosted.get(&instance.id).map_or(&[][..], Vec::as_slice);
        let open = open.get(&instance.id).copied().unwrap_or(0);
        let account = match instance.lifecycle {
            Lifecycle::Spot => {
                let series = store
                    .price_series(
                        &instance.site.account_region(),
                        &pool(instance),
                        life(instance, until),
                    )
                    .await?;
                let mode = shared.settings.ledger.price_mode;
                let rate = InstanceRate::Spot { series: &series, mode };
                instance_account(instance, Some(rate), lines, open, until)
            }
            _ => {
                let region = &instance.site.region;
                let kind = &instance.instance_type;
                let at = instance.launched_at;
                let list = shared.desk.list_price_at(shared, region, kind, at).await?;
                let rate = list.map(InstanceRate::OnDemand);
                instance_account(instance, rate, lines, open, until)
            }
        };
        accounts.push(account);
    }
    Ok(accounts)
}

fn pool(instance: &InstanceFacts) -> Pool {
    Pool { zone: instance.zone.clone(), instance_type: instance.instance_type.clone() }
}

/// The minimum charge can reach a minute past the end.
fn life(instance: &InstanceFacts, until: Timestamp) -> Window {
    let known = instance.ended_at.filter(|_| instance.end != Some(InstanceEnd::Unknown));
    let end = known.unwrap_or(until) + SignedDuration::from_secs(60);
    Window::new(instance.launched_at, end)
}

async fn fargate_accounts(
    shared: &Shared,
    store: &Arc<dyn Store>,
    entries: &[Entry],
) -> Result<Vec<Account>, StoreError> {
    let mut accounts = Vec::new();
    for entry in entries.iter().filter(|entry| entry.capacity.is_fargate()) {
        let Some(attempt) = store.attempt(&entry.key).await? else { continue };
        let terms = shared.terms_of(&attempt);
        let started_at = attempt.started_at.unwrap_or(entry.ended_at);
        let (Some(task_arn), Some(resources)) = (attempt.task_arn, attempt.resources) else {
            continue;
        };
        let task = TaskFacts {
            task_arn,
            pull_started_at: attempt.pull_started_at,
            stopped_at: attempt.stopped_at.unwrap_or(entry.ended_at),
            resources,
        };
        let (region, architecture) = (&entry.site.region, terms.architecture);
        let list = shared.desk.fargate_price_at(shared, region, architecture, started_at).await?;
        let list = list.map(|price| price.rate());
        let (rate, on_demand_discount) = match entry.capacity {
            Capacity::FargateSpot => {
                (list.zip(terms.fargate_spot_discount).map(|(list, off)| list.less(off)), Ppm::ZERO)
            }
            _ => (list, terms.on_demand_discount),
        };
        accounts.push(task_account(&task, rate, Some(Hosted { entry, on_demand_discount })));
    }
    Ok(accounts)
}
