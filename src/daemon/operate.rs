//! Carrying commands out: looked up, judged, made durable together with its record, then visible.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::tasks::of_groups;
use super::{Change, Shared};
use crate::control::{AuditRecord, Command, Effect, Facts, Look, Outcome, Ruling, judge, look_for};
use crate::domain::RunId;
use crate::mutation::{self, Mutation};
use crate::ports::{RunQuery, StoreError, Write};
use crate::run::Run;

/// One request.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Who asks: the name of a token.
    pub by: String,
    /// The client's own name of the request.
    pub key: Option<String>,
    /// Hex SHA-256 of the whole request.
    pub fingerprint: String,
    pub command: Command,
}

/// What is on record about a request.
#[derive(Debug, Clone)]
pub struct OnRecord {
    pub record: AuditRecord,
    /// The request had been made before; nothing was done again.
    pub repeated: bool,
}

/// Why a request has no answer. Nothing was changed, nothing is on record.
#[derive(Debug, thiserror::Error)]
pub enum OperateError {
    #[error("the daemon has not looked at its schedules since it started")]
    Starting,
    #[error("another request was made under the same key")]
    KeyUsed,
    #[error("the store could not be read or written")]
    Store(#[from] StoreError),
}

/// Carries `asked` out. Commands are judged one after another, and never while the schedule makes
/// runs.
pub async fn operate(shared: &Shared, asked: Asked) -> Result<OnRecord, OperateError> {
    let _making_runs = shared.making_runs.lock().await;
    if let Some(key) = &asked.key
        && !mutation::active(Mutation::KeyIgnored)
        && let Some(record) = shared.book.store().audited(&asked.by, key).await?
    {
        let same = record.fingerprint == asked.fingerprint;
        return if same {
            Ok(OnRecord { record, repeated: true })
        } else {
            Err(OperateError::KeyUsed)
        };
    }
    // What passed while nobody was there is sorted first: a pause or its end must not change it.
    let schedule = shared.status.snapshot().remove("schedule");
    if schedule.is_none_or(|status| status.last_success.is_none()) {
        return Err(OperateError::Starting);
    }
    let mut tries = 0..TRIES;
    loop {
        let (record, effects) = judged(shared, &asked).await?;
        if asked.command.changes_nothing() {
            return Ok(OnRecord { record, repeated: false });
        }
        match commit(shared, &effects, &record).await {
            Ok(()) => {
                let done = matches!(record.outcome, Outcome::Done { .. });
                tracing::info!(by = %record.by, command = asked.command.label(), done, "a command");
                return Ok(OnRecord { record, repeated: false });
            }
            // The run moved on meanwhile: it is looked at again, as it is now.
            Err(StoreError::Conflict(_)) if tries.next().is_some() => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// A command about a run that keeps changing is judged so often at most.
const TRIES: u32 = 10;

/// What comes of the command, and what is put on record about it.
async fn judged(
    shared: &Shared,
    asked: &Asked,
) -> Result<(AuditRecord, Vec<Effect>), OperateError> {
    let now = shared.clock.now();
    let (outcome, effects) = match rule(shared, asked, now).await? {
        Ok(Ruling { answer, effects }) => (Outcome::Done { answer }, effects),
        Err(refusal) => (Outcome::Refused { refusal }, Vec::new()),
    };
    let Asked { by, key, fingerprint, command } = asked.clone();
    let command = serde_json::to_value(&command).unwrap_or_default();
    Ok((AuditRecord { at: now, by, key, fingerprint, command, outcome }, effects))
}

type Judged = Result<Ruling, crate::control::Refusal>;

async fn rule(shared: &Shared, asked: &Asked, now: jiff::Timestamp) -> Result<Judged, StoreError> {
    let store = shared.book.store();
    let catalogue = shared.catalogue.load_full();
    let (mut run, mut existing) = (None, BTreeSet::new());
    match look_for(&asked.command, &catalogue, now) {
        Look::Nothing => {}
        Look::Run(id) => run = store.run(&id).await?,
        Look::Runs { job, since, until } => {
            // Which times have runs: of fifty thousand parameter sets one says so.
            let query = RunQuery {
                job: Some(job),
                since: Some(since),
                until: Some(until),
                fold_sets: true,
                ..RunQuery::default()
            };
            existing = store.runs(&query).await?.into_iter().map(|run| run.id).collect();
        }
    }
    let controls = shared.controls.load_full();
    let open = shared.book.open_where(|_| true);
    let open: Vec<&Run> = open.iter().map(Arc::as_ref).collect();
    let facts = Facts {
        catalogue: &catalogue,
        controls: &controls,
        by: &asked.by,
        now,
        run: run.as_ref(),
        existing: &existing,
        open: &open,
    };
    Ok(judge(&asked.command, &facts))
}

/// The previous success of each run that goes at once, where its templates name it. One that waits
/// first learns it when it is let go.
async fn previous_successes_of(
    shared: &Shared,
    effects: &[Effect],
) -> Result<BTreeMap<RunId, Timestamp>, StoreError> {
    let started = effects.iter().filter_map(|effect| match effect {
        Effect::Start(run, _) if run.waits.is_empty() => Some(&**run),
        _ => None,
    });
    let catalogue = shared.catalogue.load_full();
    of_groups(shared.book.store(), &catalogue, started).await
}

/// One transaction: what the command changes, and that it was given.
async fn commit(
    shared: &Shared,
    effects: &[Effect],
    record: &AuditRecord,
) -> Result<(), StoreError> {
    let previous = previous_successes_of(shared, effects).await?;
    let mut change = Change::default();
    for effect in effects {
        match effect {
            Effect::Pause(jobs, pause) => change.write(Write::Pause(jobs.clone(), pause.clone())),
            Effect::Force(class, forced) => {
                change.write(Write::ClassOverride(class.clone(), forced.clone()));
            }
            Effect::Start(run, event) => {
                let mut run = run.as_ref().clone();
                run.previous_success = previous.get(&run.id).copied();
                change.event(&run, record.at, event.clone());
                change.insert(run);
            }
            Effect::Change(run, events) => {
                for event in events {
                    change.event(run, record.at, event.clone());
                }
                change.update(run.as_ref().clone());
            }
        }
    }
    if mutation::active(Mutation::RecordApart) {
        shared.book.commit(std::mem::take(&mut change)).await?;
    }
    change.write(Write::Audit(Box::new(record.clone())));
    shared.book.commit(change).await?;
    shared.controls.store(Arc::new(shared.controls.load().after(effects)));
    // Whoever owns the runs that were made or changed.
    shared.bells.release.ring();
    shared.bells.dispatch.ring();
    shared.bells.watch.ring();
    Ok(())
}
