//! The runs of the past: those of the ledger, or those that a catalogue would have had.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{Kind, Outcome, PastRun};
use crate::catalogue::{Catalogue, Class, Job, Restart};
use crate::domain::{
    AttemptEnd, ClassName, JobName, Pool, Resources, RunId, RunOutcome, Usd, Window,
};
use crate::experience::Experience;
use crate::ledger::Entry;
use crate::run::{Run, RunState, saved, useful};

/// Runs that cannot be played again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// They did not succeed: nothing says how long they would have taken.
    pub without_success: usize,
    /// An attempt has no price, so that nothing says what was spent.
    pub unpriced: usize,
    /// Their class is not in the catalogue.
    pub unknown_class: usize,
}

/// The runs of a window.
#[derive(Debug, Clone, Default)]
pub struct Past {
    pub kinds: Vec<Kind>,
    /// In order of time.
    pub runs: Vec<PastRun>,
    pub left_out: LeftOut,
    /// Of the ledger: what its attempts taught.
    pub experience: Experience,
}

/// The runs of the ledger that succeeded, with what they cost then. `entries` are all lines of these runs;
/// `resources` is what the containers of a job reserve.
pub fn from_ledger(
    runs: &[Run],
    entries: &[Entry],
    catalogue: &Catalogue,
    resources: &dyn Fn(&JobName) -> Resources,
) -> Past {
    let mut by_run: BTreeMap<&RunId, Vec<&Entry>> = BTreeMap::new();
    let mut in_order: Vec<&Entry> = entries.iter().collect();
    in_order.sort_by(|a, b| (a.ended_at, &a.key).cmp(&(b.ended_at, &b.key)));
    let mut past = Past { experience: learnt(&in_order), ..Past::default() };
    for entry in in_order {
        by_run.entry(&entry.key.run).or_default().push(entry);
    }
    let mut kinds = Kinds::default();
    for run in runs {
        let entries = by_run.get(&run.id).map_or(&[][..], Vec::as_slice);
        let succeeded = |it: &&&Entry| it.end == AttemptEnd::Succeeded;
        let is_done = matches!(run.state, RunState::Ended { outcome: RunOutcome::Succeeded, .. });
        let copies = entries.iter().filter(succeeded).count() as u32;
        if !is_done || copies == 0 {
            past.left_out.without_success += 1;
            continue;
        }
        if entries.iter().any(|entry| entry.priced().is_none()) {
            past.left_out.unpriced += 1;
            continue;
        }
        let Some(class) = catalogue.class_of_run(&run.class, &run.job) else {
            past.left_out.unknown_class += 1;
            continue;
        };
        past.runs.push(PastRun {
            kind: kinds.of(catalogue, class, resources(&run.job)),
            at: run.legs.first().map_or(run.scheduled_for, |leg| leg.intended_at),
            deadline_at: run.deadline_at,
            work: worked(class, entries, copies),
            copies,
            done: Some(what_was_done(run, entries)),
        });
    }
    past.runs.sort_by_key(|run| run.at);
    past.kinds = kinds.all;
    past
}

/// What the enabled jobs of a catalogue would have run, each for its expected duration.
pub fn from_schedules(
    catalogue: &Catalogue,
    window: Window,
    resources: &dyn Fn(&JobName) -> Resources,
) -> Past {
    let mut past = Past::default();
    let mut kinds = Kinds::default();
    for job in catalogue.jobs.values().filter(|job| job.enabled) {
        let Some(class) = catalogue.class_of(job) else {
            past.left_out.unknown_class += 1;
            continue;
        };
        let kind = kinds.of(catalogue, class, resources(&job.name));
        let before = window.start - SignedDuration::from_nanos(1);
        let next = |after: &Timestamp| job.schedule.next_after(*after);
        let due = std::iter::successors(next(&before), next).take_while(|at| *at < window.end);
        past.runs.extend(due.map(|scheduled_for| PastRun {
            kind,
            at: scheduled_for + job.schedule.delay,
            deadline_at: class.deadline.and_then(|span| scheduled_for.checked_add(span).ok()),
            work: class.expected_duration,
            copies: copies_of(job),
            done: None,
        }));
    }
    past.runs.sort_by_key(|run| run.at);
    past.kinds = kinds.all;
    past
}

/// Containers of one scheduled time: parameter sets, and children of an array.
fn copies_of(job: &Job) -> u32 {
    let children = match job.submission.index_map {
        Some(map) => map.count,
        None => u32::from(job.submission.array_size.unwrap_or(1)),
    };
    children.max(1).saturating_mul(job.sets.len().max(1) as u32)
}

/// Wall time of one uninterrupted attempt: of the one that succeeded and of what checkpoints kept of those
/// before it; of an array the mean of its children.
fn worked(class: &Class, entries: &[&Entry], copies: u32) -> SignedDuration {
    let ran = |entry: &Entry| {
        entry.priced().map_or(SignedDuration::ZERO, |priced| priced.charged.duration())
    };
    let done: SignedDuration = entries
        .iter()
        .filter(|entry| entry.end == AttemptEnd::Succeeded)
        .fold(SignedDuration::ZERO, |sum, entry| sum + ran(entry));
    let Restart::Checkpoint { interval, restore } = class.restart else {
        return done / copies.max(1) as i32;
    };
    if copies > 1 {
        return done / copies as i32;
    }
    let lost = entries.iter().filter(|entry| !entry.end.ended_by_itself());
    let kept = lost.fold(0, |kept, entry| kept + saved(ran(entry), interval, restore, kept > 0));
    SignedDuration::from_millis(kept) + useful(done, restore, kept > 0)
}

fn what_was_done(run: &Run, entries: &[&Entry]) -> Outcome {
    Outcome {
        cost: entries.iter().filter_map(|entry| entry.priced()).map(|it| it.cost).sum::<Usd>(),
        interruptions: entries.iter().filter(|it| it.end == AttemptEnd::Interrupted).count() as u64,
        missed: run.deadline_missed,
    }
}

/// What the daemon would have learnt of these attempts.
fn learnt(in_order: &[&Entry]) -> Experience {
    let mut experience = Experience::default();
    for entry in in_order {
        let Some(priced) = entry.priced() else { continue };
        let pool = entry.zone.clone().zip(entry.instance_type.clone());
        let pool = pool.map(|(zone, instance_type)| Pool { zone, instance_type });
        let interrupted = entry.end == AttemptEnd::Interrupted;
        let seen = experience.environments.entry(entry.environment.clone()).or_default();
        seen.record(priced.charged, pool.clone(), interrupted, entry.ended_at);
        if let Some(pool) = pool.filter(|_| entry.capacity.is_interruptible()) {
            let hazards = Arc::make_mut(&mut experience.hazards);
            hazards.record(&entry.site.account_region(), &pool, priced.charged, interrupted);
        }
    }
    experience
}

/// Kinds, each once.
#[derive(Default)]
struct Kinds {
    all: Vec<Kind>,
    known: BTreeMap<(ClassName, (u32, u32, u32)), usize>,
}

impl Kinds {
    fn of(&mut self, catalogue: &Catalogue, class: &Arc<Class>, resources: Resources) -> usize {
        let Resources { vcpu_millis, memory_mib, gpus } = resources;
        let all = &mut self.all;
        *self.known.entry((class.name.clone(), (vcpu_millis, memory_mib, gpus))).or_insert_with(
            || {
                let environments = catalogue.environments_of(class).cloned().collect();
                all.push(Kind { class: Arc::clone(class), resources, environments });
                all.len() - 1
            },
        )
    }
}
