//! Due times as runs: which start, which wait, and which are not run because of those that are open.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::catalogue::{Catalogue, Class, Job, Portion};
use crate::daemon::{Book, Change};
use crate::domain::{JobName, LegCause, RunId};
use crate::ledger::Counter;
use crate::ports::Write;
use crate::run::{Indices, Run, RunEventKind, RunState, StopRequest, Then, Trigger, Wait};
use crate::schedule::{
    Admission, Due, DueReport, OpenRuns, Overlap, SkipReason, Skipped, StopKind, admit,
};

/// The runs of one job and one scheduled time: one, or one for each parameter set. Overlap policies and
/// dependencies take them for one.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) job: Arc<Job>,
    pub(super) runs: Vec<Run>,
}

/// The runs of each due time, as they are if nothing keeps them.
pub(super) fn groups_of(catalogue: &Catalogue, report: &DueReport, now: Timestamp) -> Vec<Group> {
    let group = |due: &Due| {
        let job = catalogue.jobs.get(&due.job)?;
        let class = catalogue.class_of(job)?;
        let portions = job.portions().into_iter();
        let runs = portions.map(|portion| new_run(class, job, due, portion, now)).collect();
        Some(Group { job: Arc::clone(job), runs })
    };
    report.start.iter().filter_map(group).collect()
}

/// The change that makes the due runs durable, and with them that their times are handled.
pub(super) fn change_of(
    catalogue: &Catalogue,
    report: &DueReport,
    groups: Vec<Group>,
    book: &Book,
    now: Timestamp,
) -> Change {
    let mut change = Change::default();
    let mut jobs = Jobs::of(catalogue, report, book);
    for Group { job, runs } in groups {
        jobs.admit(&job, runs, now);
    }
    for skipped in report.skipped.iter().chain(&jobs.skipped) {
        tell_skipped(skipped, now, &mut change);
    }
    jobs.into_change(now, &mut change);
    if !report.handled.is_empty() {
        let handled = report.handled.iter().map(|(key, at)| (key.clone(), *at));
        change.write(Write::Handled(handled.collect()));
    }
    if !report.forgotten.is_empty() {
        change.write(Write::Forgotten(report.forgotten.iter().cloned().collect()));
    }
    change
}

fn tell_skipped(skipped: &Skipped, now: Timestamp, change: &mut Change) {
    tracing::warn!(
        job = %skipped.job, count = skipped.count, first = %skipped.first, last = %skipped.last,
        reason = skipped.reason.label(), "scheduled times are not run"
    );
    let counter = Counter::RunsSkipped { job: skipped.job.clone(), reason: skipped.reason };
    change.count(counter, skipped.count.into());
    change.write(Write::Skipped(now, skipped.clone()));
}

/// The open runs of the jobs that have a policy about them, and the new ones.
#[derive(Default)]
struct Jobs {
    open: BTreeMap<JobName, Vec<Open>>,
    new: Vec<Run>,
    skipped: Vec<Skipped>,
}

/// A run that was open before, and what is wanted of it now.
struct Open {
    run: Arc<Run>,
    stop: Option<StopRequest>,
}

impl Jobs {
    fn of(catalogue: &Catalogue, report: &DueReport, book: &Book) -> Self {
        let mut jobs = Jobs::default();
        for due in &report.start {
            let job = catalogue.jobs.get(&due.job);
            if job.is_some_and(|job| job.overlap != Overlap::AllowAll) {
                jobs.open.insert(due.job.clone(), Vec::new());
            }
        }
        if !jobs.open.is_empty() {
            for run in book.open_where(|run| jobs.open.contains_key(&run.job)) {
                if let Some(open) = jobs.open.get_mut(&run.job) {
                    open.push(Open { run, stop: None });
                }
            }
        }
        jobs
    }

    fn open_runs(&self, job: &JobName) -> OpenRuns {
        let before = self.open.get(job).into_iter().flatten().map(|open| &*open.run);
        let all = before.chain(self.new.iter().filter(|run| run.job == *job));
        let mut times: BTreeMap<Timestamp, bool> = BTreeMap::new();
        for run in all {
            *times.entry(run.scheduled_for).or_default() |= is_buffered(run);
        }
        OpenRuns { open: times.len(), buffered: times.values().filter(|waits| **waits).count() }
    }

    fn admit(&mut self, job: &Job, mut runs: Vec<Run>, now: Timestamp) {
        let Some(scheduled_for) = runs.first().map(|run| run.scheduled_for) else { return };
        let open = match job.overlap {
            Overlap::AllowAll => OpenRuns::default(),
            _ => self.open_runs(&job.name),
        };
        match admit(job.overlap, open) {
            Admission::Start => {}
            Admission::Skip => {
                let (first, last) = (scheduled_for, scheduled_for);
                let (job, reason) = (job.name.clone(), SkipReason::Overlap);
                self.skipped.push(Skipped { job, first, last, count: 1, reason });
                return;
            }
            Admission::Wait { stop_others } => {
                runs.iter_mut().for_each(|run| run.waits.push(Wait::Turn));
                if let Some(kind) = stop_others {
                    self.stop_others(job, scheduled_for, kind, now);
                }
            }
        }
        for run in runs.iter_mut().filter(|run| !run.waits.is_empty()) {
            run.state = RunState::Waiting { since: now };
        }
        self.new.extend(runs);
    }

    /// Asks every other open run of the job to end.
    fn stop_others(&mut self, job: &Job, due: Timestamp, kind: StopKind, now: Timestamp) {
        let run = RunId::of(&job.name, due);
        let reason = format!("{run} is due, and the job's overlap policy stops earlier runs");
        let request = StopRequest { kind, then: Then::End, reason, at: now };
        for open in self.open.get_mut(&job.name).into_iter().flatten() {
            // Cancelling what was cancelled, or what cannot be cancelled any more, says nothing new.
            let known = open.run.stop.as_ref();
            if known.is_none_or(|stop| stop.kind < kind || stop.then != Then::End) {
                open.stop = Some(request.clone());
            }
        }
        for earlier in self.new.iter_mut().filter(|earlier| earlier.job == job.name) {
            earlier.stop = Some(request.clone());
        }
    }

    fn into_change(self, now: Timestamp, change: &mut Change) {
        for Open { run, stop } in self.open.into_values().flatten() {
            let Some(request) = stop else { continue };
            let mut next = Run::clone(&run);
            next.version += 1;
            next.stop = Some(request.clone());
            change.event(&next, now, RunEventKind::StopWanted { request });
            change.update(next);
        }
        for run in self.new {
            change.event(&run, now, RunEventKind::Due);
            if !run.waits.is_empty() {
                change.event(&run, now, RunEventKind::Waits { waits: run.waits.clone() });
            }
            if let Some(request) = run.stop.clone() {
                change.event(&run, now, RunEventKind::StopWanted { request });
            }
            change.insert(run);
        }
    }
}

fn is_buffered(run: &Run) -> bool {
    matches!(run.state, RunState::Waiting { .. }) && run.waits.contains(&Wait::Turn)
}

fn new_run(class: &Class, job: &Job, due: &Due, portion: Portion, now: Timestamp) -> Run {
    let Portion { set, indices } = portion;
    let of = job.submission.index_map.map_or(0, |map| map.count);
    let id = match &set {
        Some(set) => RunId::of_set(&job.name, due.scheduled_for, &set.key),
        None => RunId::of(&job.name, due.scheduled_for),
    };
    let upstream = job.after.iter().map(|after| Wait::Upstream {
        job: after.job.clone(),
        run: RunId::of(&after.job, due.scheduled_for),
        when: after.when,
    });
    Run {
        id,
        job: job.name.clone(),
        class: class.name.clone(),
        trigger: Trigger::Schedule,
        scheduled_for: due.scheduled_for,
        created_at: now,
        deadline_at: class.deadline.and_then(|after| due.scheduled_for.checked_add(after).ok()),
        deadline_missed: false,
        state: RunState::NeedsLeg { cause: LegCause::Scheduled, not_before: now },
        waits: upstream.collect(),
        stop: None,
        legs: Vec::new(),
        failures: 0,
        progress_millis: 0,
        set,
        indices: indices.map(|assigned| Indices::new(of, assigned)),
        previous_success: None,
        version: 0,
    }
}
