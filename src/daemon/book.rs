//! The open runs and the running totals in memory, written through to the store: a change is durable
//! first and visible second.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use super::counts_of;
use super::shared::lock;
use crate::domain::{BatchJobName, InstanceId, RunId};
use crate::ledger::{Counter, Entry, Reconciled, Tally};
use crate::mutation::{self, Mutation};
use crate::ports::{Activator, Store, StoreError, Write};
use crate::run::{AttemptKey, Resend, Run, RunEvent, RunEventKind, RunState};

/// How many events the live view and `/status` can look back on.
const RECENT_EVENTS: usize = 200;

/// A set of changes that become durable together.
#[derive(Debug, Default)]
pub struct Change {
    inserts: Vec<Run>,
    updates: Vec<Run>,
    events: Vec<RunEvent>,
    counts: Vec<(Counter, i128)>,
    entries: Vec<Entry>,
    resends: Vec<Resend>,
    writes: Vec<Write>,
}

impl Change {
    pub fn insert(&mut self, run: Run) {
        self.inserts.push(run);
    }

    /// `run.version` must be one more than the version it was made from.
    pub fn update(&mut self, run: Run) {
        self.updates.push(run);
    }

    /// Takes the updates out again.
    pub(super) fn take_updates(&mut self) -> Vec<Run> {
        std::mem::take(&mut self.updates)
    }

    /// Records an event of `run` (as it is after the event) and what it counts for.
    pub fn event(&mut self, run: &Run, at: Timestamp, kind: RunEventKind) {
        self.counts.extend(counts_of(run, at, &kind));
        self.events.push(RunEvent { run: run.id.clone(), at, kind });
    }

    /// Records an event that counts for nothing by itself.
    pub fn tell(&mut self, event: RunEvent) {
        self.events.push(event);
    }

    pub fn count(&mut self, counter: Counter, by: i128) {
        self.counts.push((counter, by));
    }

    pub fn entry(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// A name that was sent again, as it stands now.
    pub fn resend(&mut self, resend: Resend) {
        self.resends.push(resend);
    }

    pub fn write(&mut self, write: Write) {
        self.writes.push(write);
    }

    /// What it says of attempts and instances: seen once, and lost unless it is written.
    pub fn sightings(&self) -> Vec<Write> {
        let is_sighting = |write: &&Write| matches!(write, Write::Attempt(_) | Write::Instance(_));
        self.writes.iter().filter(is_sighting).cloned().collect()
    }

    /// The instances that it writes.
    pub fn instances(&self) -> BTreeSet<InstanceId> {
        let id = |write: &Write| match write {
            Write::Instance(facts) => Some(facts.id.clone()),
            _ => None,
        };
        self.writes.iter().filter_map(id).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.inserts.is_empty()
            && self.updates.is_empty()
            && self.events.is_empty()
            && self.counts.is_empty()
            && self.entries.is_empty()
            && self.resends.is_empty()
            && self.writes.is_empty()
    }
}

/// Open runs, totals and the latest events.
pub struct Book {
    store: Arc<dyn Store>,
    /// Rung when a run has ended.
    ended: Activator,
    /// As it was when the process began: nobody else writes meanwhile.
    reconciled: Vec<Reconciled>,
    pages: Mutex<Pages>,
}

#[derive(Default)]
struct Pages {
    open: BTreeMap<RunId, Arc<Run>>,
    tally: Tally,
    provisional: BTreeMap<AttemptKey, Entry>,
    /// Names that were sent more than once and are still looked at.
    resends: BTreeMap<BatchJobName, Resend>,
    recent: VecDeque<RunEvent>,
    told: u64,
}

impl Book {
    /// Reads what the store remembers.
    pub async fn load(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        let pages = Pages {
            open: store
                .open_runs()
                .await?
                .into_iter()
                .filter(|run| !is_forgotten(run))
                .map(|run| (run.id.clone(), Arc::new(run)))
                .collect(),
            tally: store.counters().await?.into_iter().collect(),
            provisional: store
                .provisional_entries()
                .await?
                .into_iter()
                .map(|entry| (entry.key.clone(), entry))
                .collect(),
            resends: store
                .resends()
                .await?
                .into_iter()
                .map(|resend| (resend.name.clone(), resend))
                .collect(),
            ..Pages::default()
        };
        let reconciled = store.reconciled().await?;
        Ok(Book { store, ended: Activator::default(), reconciled, pages: Mutex::new(pages) })
    }

    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The newest day of each environment that was reconciled with a bill.
    pub fn reconciled(&self) -> &[Reconciled] {
        &self.reconciled
    }

    /// What rings when a run has ended.
    pub fn ended(&self) -> &Activator {
        &self.ended
    }

    /// Open runs that `select` accepts, in order of id.
    pub fn open_where(&self, select: impl Fn(&Run) -> bool) -> Vec<Arc<Run>> {
        lock(&self.pages).open.values().filter(|run| select(run)).cloned().collect()
    }

    pub fn tally(&self) -> Tally {
        lock(&self.pages).tally.clone()
    }

    /// The ledger's line of an attempt, while it is provisional.
    pub fn provisional(&self, key: &AttemptKey) -> Option<Entry> {
        lock(&self.pages).provisional.get(key).cloned()
    }

    /// Whether the ledger's line of an attempt is provisional.
    pub fn is_provisional(&self, key: &AttemptKey) -> bool {
        lock(&self.pages).provisional.contains_key(key)
    }

    /// The ledger's provisional lines.
    pub fn provisional_entries(&self) -> Vec<Entry> {
        lock(&self.pages).provisional.values().cloned().collect()
    }

    /// Names that were sent more than once and are still looked at.
    pub fn resends(&self) -> Vec<Resend> {
        lock(&self.pages).resends.values().cloned().collect()
    }

    /// What is known of a name that was sent more than once.
    pub fn resend(&self, name: &BatchJobName) -> Option<Resend> {
        lock(&self.pages).resends.get(name).cloned()
    }

    /// The events told since the `after`-th, oldest first, and the number of the last one.
    pub fn events_since(&self, after: u64) -> (Vec<RunEvent>, u64) {
        let pages = lock(&self.pages);
        let missed = (pages.told - after.min(pages.told)) as usize;
        let skip = pages.recent.len().saturating_sub(missed);
        (pages.recent.iter().skip(skip).cloned().collect(), pages.told)
    }

    /// Takes one open run over from the store, as somebody else left it. Otherwise a change that was
    /// made from an older version would be refused for ever, and all that is committed with it.
    async fn read_again(&self, id: &RunId) -> Result<(), StoreError> {
        let stored = self.store.run(id).await?.filter(|run| run.state.is_open());
        tracing::error!(run = %id, "the store has another version of this run; taking that over");
        let mut pages = lock(&self.pages);
        match stored {
            Some(run) => pages.open.insert(id.clone(), Arc::new(run)),
            None => pages.open.remove(id),
        };
        Ok(())
    }

    /// Makes `change` durable, then visible. On an error nothing of it is either.
    pub async fn commit(&self, change: Change) -> Result<(), StoreError> {
        if change.is_empty() {
            return Ok(());
        }
        let Change { inserts, updates, events, counts, entries, resends, writes } = change;
        let counts = merged(counts);
        let undurable = mutation::active(Mutation::ResendUndurable);
        let batch: Vec<Write> = inserts
            .iter()
            .map(|run| Write::InsertRun(run.clone()))
            .chain(updates.iter().map(|run| Write::UpdateRun(run.clone())))
            .chain(events.iter().map(|event| Write::Event(event.clone())))
            .chain(entries.iter().map(|entry| Write::Entry(entry.clone())))
            .chain(counts.iter().map(|(counter, by)| Write::Count(counter.clone(), *by)))
            .chain(resends.iter().filter(|_| !undurable).map(write_of_resend))
            .chain(writes)
            .collect();
        if let Err(error) = self.store.commit(batch).await
            && !mutation::active(Mutation::VisibleAnyway)
        {
            if let StoreError::Conflict(id) = &error
                && updates.iter().any(|run| run.id == *id)
            {
                self.read_again(id).await?;
            }
            return Err(error);
        }
        let mut pages = lock(&self.pages);
        for run in inserts.into_iter().chain(updates) {
            if run.state.is_open() {
                pages.open.insert(run.id.clone(), Arc::new(run));
            } else {
                pages.open.remove(&run.id);
                self.ended.ring();
            }
        }
        for (counter, by) in counts {
            pages.tally.add(counter, by);
        }
        for entry in entries {
            if entry.is_provisional() {
                pages.provisional.insert(entry.key.clone(), entry);
            } else {
                pages.provisional.remove(&entry.key);
            }
        }
        for resend in resends {
            if resend.is_settled() {
                pages.resends.remove(&resend.name);
            } else {
                pages.resends.insert(resend.name.clone(), resend);
            }
        }
        for event in events {
            tracing::debug!(run = %event.run, event = ?event.kind, "run event");
            if pages.recent.len() == RECENT_EVENTS {
                pages.recent.pop_front();
            }
            pages.recent.push_back(event);
            pages.told += 1;
        }
        Ok(())
    }
}

/// Broken on purpose: what was due when a process died is nobody's.
fn is_forgotten(run: &Run) -> bool {
    mutation::active(Mutation::DueRunForgotten)
        && run.legs.is_empty()
        && matches!(run.state, RunState::NeedsLeg { .. })
}

fn write_of_resend(resend: &Resend) -> Write {
    match resend.is_settled() {
        false => Write::Resend(resend.clone()),
        true => Write::ResendSettled(resend.name.clone()),
    }
}

fn merged(counts: Vec<(Counter, i128)>) -> BTreeMap<Counter, i128> {
    let mut sums = BTreeMap::new();
    for (counter, by) in counts {
        *sums.entry(counter).or_default() += by;
    }
    sums.retain(|_, by| *by != 0);
    sums
}
